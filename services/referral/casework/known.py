"""What this agency knows from the sections that it may read, for rules that need more than codes.

Opened by the desk for one composing and dropped with it; no view and no aggregate holds a section (architecture.md
6).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contracts.sections import SectionModel

NO_CONTACT: Final = "no_contact_with_state_of_origin"
ASYLUM: Final = frozenset({"pending", "granted"})


@dataclass(frozen=True, slots=True)
class Known:
    """`sections`: the newest of each name; `told`: every one, by the message with it; `readers`: who had each."""

    sections: Mapping[str, SectionModel] = field(default_factory=dict)
    told: Mapping[str, Mapping[str, SectionModel]] = field(default_factory=dict)
    readers: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def readers_of(self, content_id: str) -> Mapping[str, tuple[str, ...]]:
        """Return the readers of each section of a message, as far as we hold them."""
        return self.readers.get(content_id, {})

    @property
    def protected_from_state(self) -> bool:
        """Say whether a state body may not be told: asylum is asked for or granted, or the person wants no contact."""
        measures = getattr(self.sections.get("measures"), "measures", ())
        return NO_CONTACT in {str(one) for one in measures} or self.asylum

    @property
    def asylum(self) -> bool:
        """Say whether the ground of a hold names an asylum claim that is pending or granted."""
        return str(getattr(self.sections.get("hold_ground"), "asylum_claim", "")) in ASYLUM
