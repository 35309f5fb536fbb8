"""What is written to the log is listed: every call in the sources names a listed event and listed fields."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import notary
import referral
from house.checkout import ROOT
from notary import log_lines as notary_lines
from referral import log_lines as referral_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.checkout

PROGRAMS: dict[str, Any] = {"referral": referral_lines, "notary": notary_lines}
HEADINGS = {"referral": "## Of a node", "notary": "## Of a notary"}
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
LOGGERS = {"log", "logger"}


@dataclass(frozen=True)
class Call:
    """One call of a logger: where it stands, its event, its fields."""

    where: str
    event: str | None
    fields: frozenset[str]


def calls(program: str) -> Iterator[Call]:
    """Yield every call of a logger in the sources of a program."""
    folder = Path({"referral": referral, "notary": notary}[program].__file__ or "").parent
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS):
                continue
            told = node.func.value
            named = isinstance(told, ast.Name) and told.id in LOGGERS
            made = isinstance(told, ast.Call) and ast.unparse(told.func) == "structlog.get_logger"
            if named or made:
                first = node.args[0] if len(node.args) == 1 else None
                event = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
                yield Call(
                    f"{path.relative_to(folder)}:{node.lineno}",
                    event,
                    frozenset(keyword.arg or "**" for keyword in node.keywords),
                )


def listed(program: str) -> dict[str, frozenset[str]]:
    """Return the events of a program with their fields, as the page lists them."""
    page = (ROOT / "docs" / "reference" / "logs.md").read_text(encoding="utf-8")
    part = page.split(HEADINGS[program])[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \| ([^|]*) \|", part, re.MULTILINE)
    return {event: frozenset(re.findall(r"`([a-z]+)`", fields)) for event, fields in rows}


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_line_that_a_program_writes_is_listed_with_its_fields(program: str) -> None:
    found = list(calls(program))
    events = PROGRAMS[program].EVENTS

    assert len(found) >= 5
    wrong = [one for one in found if one.event not in events or not one.fields <= events[one.event]]
    assert wrong == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_page_lists_every_event_with_its_fields_and_no_other(program: str) -> None:
    assert listed(program) == dict(PROGRAMS[program].EVENTS)


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_listed_event_is_written_somewhere(program: str) -> None:
    by_the_bridge = {"library", "unlisted"}
    written = {one.event for one in calls(program)}
    assert set(PROGRAMS[program].EVENTS) - written - by_the_bridge == set()


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_field_of_every_event_has_a_form(program: str) -> None:
    lines = PROGRAMS[program]
    fields = {field for fields in lines.EVENTS.values() for field in fields}
    assert fields == set(lines.FIELDS) | (lines.NUMBERS & fields)
    assert not set(lines.FIELDS) & lines.NUMBERS
