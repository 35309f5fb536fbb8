"""Reads the texts with {…} of the table and checks the act fields that they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.procedure.rule import Kind, Text, text

if TYPE_CHECKING:
    from contracts.procedure.line import Line


def read_text(line: Line) -> Text:
    """Return a text with holes, or refuse braces that are none."""
    try:
        return text(line.word())
    except ValueError:
        line.refuse("these braces hold nothing that a message or its past could fill.")


def itinerary(line: Line) -> Text:
    """Return the text that names an itinerary: one act field."""
    found = read_text(line)
    if len(found.act_fields) != 1 or len(found.holes) != 1 or found.every:
        line.refuse("an act field stands here, such as {act.itinerary}.")
    return found


def check_fields(line: Line, found: Text, kind: Kind) -> None:
    """Refuse a text that reads an act field which the kind has not."""
    for name in found.act_fields:
        if name not in kind.act:
            line.refuse(f"the act of this kind has no field {name}.")
