"""When somebody arrives, by the sections that this node may open: what a timer rings at and what the board shows.

The newest time of an itinerary stands, in the order of the history: of the itinerary itself, its departure, an update.
A correction puts another time in the place of the one it corrects and nowhere else (standing.md 3). Void messages move
nothing, and what does not have the form of an arrival time is no time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from contracts.sections.journey import ArrivalTime
from referral.casework.history import CORRECTION, COUNTING
from referral.exchange.holdings import model_of, open_sections

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contracts.content import Content, Section
    from contracts.procedure import Procedure
    from referral.casework.case import Entry
    from referral.casework.history import History
    from referral.node import Node

ITINERARY: Final = "travel-itinerary"


@dataclass(frozen=True, slots=True)
class Announced:
    """A time of arrival: the section that says it, the message that carries it, and what it says."""

    entry: Entry
    section: Section
    time: ArrivalTime

    @property
    def at(self) -> datetime:
        """Return the time in UTC."""
        return self.time.at.at().astimezone(UTC)


def carriers(procedure: Procedure) -> frozenset[str]:
    """Return the kinds that may carry a time of arrival."""
    return frozenset(line.kind for line in procedure.carry_lines if line.section == ArrivalTime.NAME) | {CORRECTION}


def itinerary_of(content: Content) -> str | None:
    """Return the itinerary that a content speaks of."""
    itinerary = content.id if content.kind == ITINERARY else content.act.get("itinerary")
    return itinerary if isinstance(itinerary, str) else None


def announced(node: Node, history: History) -> dict[str, Announced]:
    """Return the time of arrival that stands for each itinerary, as far as this node holds its section."""
    said: dict[str, tuple[str, Announced]] = {}  # by the message whose time it is
    for entry in _counting(history):
        original = history.corrected(entry.content)
        itinerary = itinerary_of(original) if original is not None else None
        if original is None or itinerary is None:
            continue
        for _, section in open_sections(node, history.case, entry):
            model = model_of(section) if section is not None and section.name == ArrivalTime.NAME else None
            if section is not None and isinstance(model, ArrivalTime):
                # What is there already keeps its place: a correction is as old as what it corrects.
                said[original.id] = (itinerary, Announced(entry, section, model))
    return dict(said.values())


def arrival_times(node: Node, history: History) -> dict[str, datetime]:
    """Return the arrival time that stands for each itinerary, in UTC."""
    return {itinerary: found.at for itinerary, found in announced(node, history).items()}


def _counting(history: History) -> Iterator[Entry]:
    kinds = carriers(history.procedure)
    for entry in history.ordered():
        verdict = history.standing.verdicts.get(entry.content.id)
        if entry.sections and entry.content.kind in kinds and verdict is not None and verdict.name in COUNTING:
            yield entry
