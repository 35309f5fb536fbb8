"""Each alarm has a page that says what to look at, what to do and what ends it; the commands that it names exist."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer

from house.checkout import ROOT
from referral.cli.run import app
from referral.exchange.alarms import BY_A_PERSON, ENDS, RUNBOOKS

pytestmark = pytest.mark.checkout

FOLDER = ROOT / RUNBOOKS
CODES = sorted(set(ENDS) | BY_A_PERSON)
HEADINGS = ["What it means", "What to look at", "What to do", "When it ends"]
NAMED = re.compile(r"`(referral [a-z][^`]*)`")


@pytest.mark.parametrize("code", CODES)
def test_an_alarm_has_its_page_in_the_same_order_as_every_other(code: str) -> None:
    text = (FOLDER / f"{code}.md").read_text(encoding="utf-8")
    ends = "when a person acknowledges it" if code in BY_A_PERSON else ENDS[code]

    assert text.startswith(f"# {code}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert f"It ends {ends}." in text
    assert ("referral alarm acknowledge" in text) == (code in BY_A_PERSON)


def commands(group: Any = None, path: str = "referral") -> set[str]:
    """Return every command of the command line by its words."""
    found = typer.main.get_command(app) if group is None else group
    inner = getattr(found, "commands", {})
    return {path} | {name for word, one in inner.items() for name in commands(one, f"{path} {word}")}


def test_every_command_that_a_runbook_names_exists() -> None:
    known = commands()
    wrong = []
    for page in sorted(FOLDER.glob("*.md")):
        for line in NAMED.findall(page.read_text(encoding="utf-8")):
            words = re.match(r"referral(?: [a-z][a-z-]*)*", line)
            assert words is not None
            named = words[0].split()
            longest = max(len(one.split()) for one in known if named[: len(one.split())] == one.split())
            if longest < min(len(named), 2):
                wrong.append(f"{page.name}: {line}")
    assert len(known) > 40
    assert wrong == []
