"""What a replay has in its hands: the maps of a directory while they grow. Nobody but the replay holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contracts.directory.agency import in_force

if TYPE_CHECKING:
    from datetime import date

    from contracts.directory.agency import Agency, DayKey, Governors, Outage, StatedKey


@dataclass(slots=True)
class State:
    """The maps of `contracts.directory.Directory`, open to change."""

    network: str
    governors: Governors
    agencies: dict[str, Agency] = field(default_factory=dict)
    policy: str | None = None
    heads: dict[str, str] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)
    signing: dict[str, StatedKey] = field(default_factory=dict)
    epochs: dict[tuple[str, date], DayKey] = field(default_factory=dict)
    uses: dict[bytes, tuple[str, str]] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    outages: dict[str, tuple[Outage, ...]] = field(default_factory=dict)

    def in_force(self, key: StatedKey) -> bool:
        """Return whether a signing key may be relied on: neither it nor its agency is suspended or revoked."""
        return in_force(key, self.agencies, self.refused)
