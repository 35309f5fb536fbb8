"""What this agency knows from the sections that it may read, for rules that need more than codes.

Opened by the desk for one composing and dropped with it; no view and no aggregate holds a section (architecture.md
6).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from contracts.sections import SectionModel
from contracts.sections.risk import HoldGround, Measures
from contracts.vocabulary import AsylumClaim, Measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CLAIMED: Final = (AsylumClaim.PENDING, AsylumClaim.GRANTED)
Found = TypeVar("Found", bound=SectionModel)


@dataclass(frozen=True, slots=True)
class Told:
    """What one message tells this agency: its sender, its sections by name."""

    sender: str
    sections: Mapping[str, SectionModel]


@dataclass(frozen=True, slots=True)
class Known:
    """`sections`: the newest of each name; `told`: every message by its id, newest first; `readers`: who had each."""

    sections: Mapping[str, SectionModel] = field(default_factory=dict)
    told: Mapping[str, Told] = field(default_factory=dict)
    readers: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def readers_of(self, content_id: str) -> Mapping[str, tuple[str, ...]]:
        """Return the readers of each section of a message, as far as we hold them."""
        return self.readers.get(content_id, {})

    def sections_of(self, content_id: str) -> Mapping[str, SectionModel]:
        """Return the sections of a message that we may read, by name."""
        return self.told[content_id].sections if content_id in self.told else {}

    def held(self) -> tuple[SectionModel, ...]:
        """Return every section that we may read, newest first."""
        return tuple(one for told in self.told.values() for one in told.sections.values())

    def wants_no_contact(self, saying: Told) -> bool:
        """Say whether the state of origin is not to be told of the person: an agency's last measures say so."""
        return any(Measure.NO_CONTACT_WITH_STATE_OF_ORIGIN in one.measures for one in self._last(Measures, saying))

    def has_asylum_claim(self, saying: Told) -> bool:
        """Say whether asylum is pending or granted: an agency's last ground that speaks of a claim says so."""
        return any(one.asylum_claim in CLAIMED for one in self._last(HoldGround, saying))

    def _last(self, model: type[Found], saying: Told) -> Iterator[Found]:
        """Yield each agency's last word in this section, ours with what we are about to say: nobody lifts another's."""
        heard = set[str]()
        for told in (saying, *self.told.values()):
            section = told.sections.get(model.NAME)
            silent = isinstance(section, HoldGround) and section.asylum_claim is None
            if isinstance(section, model) and not silent and told.sender not in heard:
                heard.add(told.sender)
                yield section
