"""The pages of the site: all reachable, no link broken, generated ones up to date, decisions with their cost."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from house.checkout import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.checkout

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
FRONT = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")]
LINK = re.compile(r"\]\((?!https?:|mailto:)(?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
TWO_SENTENCES = re.compile(r"[a-z)`*][.?] +[A-Z][a-z]")


def named_in(nav: list[Any]) -> Iterator[str]:
    """Yield the pages that a navigation names."""
    for entry in nav:
        for target in entry.values():
            if isinstance(target, str):
                yield target
            else:
                yield from named_in(target)


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings make."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


def test_the_navigation_names_every_page_once_and_no_other() -> None:
    site = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
    named = list(named_in(site["project"]["nav"]))
    assert sorted(named) == sorted(str(page.relative_to(DOCS)) for page in PAGES)


def test_no_page_fetches_a_font() -> None:
    site = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
    assert site["project"]["theme"]["font"] is False


@pytest.mark.parametrize("page", PAGES + FRONT, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_page_and_to_a_heading_on_it(page: Path) -> None:
    broken = []
    for match in LINK.finditer(FENCE.sub("", page.read_text(encoding="utf-8"))):
        target = (page.parent / match["path"]).resolve() if match["path"] else page
        if not target.exists() or (match["anchor"] and match["anchor"] not in anchors(target)):
            broken.append(match.group())
    assert broken == []


@pytest.mark.parametrize("page", PAGES + FRONT, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_has_one_sentence_on_each_line(page: Path) -> None:
    lines = FENCE.sub("", page.read_text(encoding="utf-8")).splitlines()
    prose = [line for line in lines if line and not line.startswith(("|", "#", "- ", "<!--", "**"))]
    assert [line for line in prose if TWO_SENTENCES.search(line)] == []


def test_the_generated_pages_are_up_to_date() -> None:
    ran = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("page", sorted((DOCS / "adr").glob("0*.md")), ids=lambda page: page.stem)
def test_a_decision_says_what_was_weighed_and_what_it_costs(page: Path) -> None:
    headings = re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == ["Context", "Options", "Decision", "What it gives", "What it costs"]
    assert page.name in (DOCS / "adr" / "index.md").read_text(encoding="utf-8")
