"""A promise stands beside the tests that show it and the risk that remains; every test that a page names exists."""

from __future__ import annotations

import re

import pytest

from house.checkout import ROOT

pytestmark = pytest.mark.checkout

CLAIMS = ROOT / "docs" / "explanation" / "claims.md"
NAMED = re.compile(r"`(test_[a-z0-9_]+)`")
DEFINED = re.compile(r"^\s*(?:async )?def (test_[a-z0-9_]+)\(", re.MULTILINE)
# The six promises that people ask about, each with a part of the page.
PROMISES = ["Never lost", "Never equivocates", "Readable only by readers", "Forward secret", "Erased"]
PROMISES += ["Verifiable offline"]


def rows() -> list[list[str]]:
    """Return the cells of every claim: what is claimed, by what it is shown, what is left."""
    lines = [line for line in CLAIMS.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return [cells for line in lines if (cells := [cell.strip() for cell in line.strip("|").split("|")])[0] != "claim"]


def test_every_test_that_a_page_names_exists() -> None:
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in DEFINED.findall(path.read_text(encoding="utf-8"))
    }
    pages = [ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md")] + list(
        (ROOT / "docs").rglob("*.md")
    )
    example = {"test_a_message_sent_twice_opens_one_case"}  # how a test is named, in CONTRIBUTING
    missing = {
        f"{page.relative_to(ROOT)}: {name}"
        for page in pages
        for name in NAMED.findall(page.read_text(encoding="utf-8"))
        if name not in defined | example
    }
    assert missing == set()


def test_every_claim_names_a_test_and_says_what_is_left() -> None:
    found = rows()
    assert len(found) >= 25
    bare = [claim for claim, shown, left in found if not NAMED.search(shown) or not left]
    assert bare == []


def test_the_promises_that_people_ask_about_are_all_there() -> None:
    headings = re.findall(r"^## (.+)$", CLAIMS.read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for name in PROMISES if name not in headings] == []
