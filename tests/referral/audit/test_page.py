"""The page for a layman: it says what the files say, in words, and cannot be made to say anything else unseen."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from bundles import ACCEPT, asked, exported, failing, files_of, opening, referred, said, seal_again
from contracts.examples import example
from nodes import town
from referral.audit.page import FORM
from referral.audit.verify import page_of, verify
from referral.casework.intent import Chosen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bundles import Made

PAGE = "data/page.html"


class Text(HTMLParser):
    """Collects the tags of a page and what a person reads on it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the parser's own form
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.cells.append(data.strip())


def test_the_page_tells_the_case_in_words(made: Made) -> None:
    found = Text((made.folder / PAGE).read_text(encoding="utf-8"))

    assert found.cells[0].startswith("Evidence about case ")
    assert "TRAINING: every person in this case is invented." in found.cells
    assert "Notification of a Request for Assistance (step 1)" in found.cells
    assert "Confirmation of a Request for Assistance (step 2)" in found.cells
    assert [cell for cell in found.cells if cell.startswith("logged, entry ")] == [
        f"logged, entry {place} of {len(made.messages)}" for place in range(len(made.messages))
    ]
    assert set(made.messages) <= set(found.cells)
    assert "24-26" in found.cells


def test_the_page_holds_no_script_no_picture_and_no_link(made: Made) -> None:
    page = (made.folder / PAGE).read_text(encoding="utf-8")

    assert set(Text(page).tags) <= {
        *(
            "html",
            "head",
            "meta",
            "title",
            "style",
            "body",
            "h1",
            "h2",
            "h3",
            "p",
            "section",
            "table",
            "tr",
            "th",
            "td",
        ),
    }
    assert re.findall(r"https?:|url\(|@import|javascript", page) == []


def test_the_same_files_give_the_same_page(made: Made) -> None:
    files = files_of(made.folder)
    payload = {path: raw for path, raw in files.items() if path.startswith("data/")}

    assert page_of(payload) == files[PAGE]


def test_a_page_that_says_something_else_does_not_hold(made: Made, copied: Callable[[], Path]) -> None:
    folder = copied()
    page = (folder / PAGE).read_text(encoding="utf-8")
    (folder / PAGE).write_text(page.replace("24-26", "36-40"), encoding="utf-8")
    seal_again(folder)

    assert failing(verify(folder)) == [("page", "")]
    assert failing(verify(folder, made.root)) == [("page", "")]


def test_a_page_of_another_version_is_said_not_to_be_compared(copied: Callable[[], Path]) -> None:
    folder = copied()
    page = (folder / PAGE).read_text(encoding="utf-8")
    (folder / PAGE).write_text(page.replace(FORM, "landfall-page/99"), encoding="utf-8")
    seal_again(folder)

    found = verify(folder)
    assert found.ok
    assert ("page", "Another version wrote it, and it was not compared: trust these lines.") in said(found, "note")


async def test_without_sections_the_page_shows_no_text_about_the_person(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        exported(it, "hu-fp", case, tmp_path / "bundle")

    assert b"24-26" not in (tmp_path / "bundle" / PAGE).read_bytes()


async def test_what_a_section_says_is_escaped(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await asked(it)
        words = {**example("capacity"), "conditions": "<script>alert(1)</script> & more"}
        capacity = {"capacity": Chosen(words, ("be-fp",))}
        it.send("hu-fp", case, "assistance-request-confirmation", ACCEPT, chosen=capacity)
        await it.settle()
        exported(it, "be-fp", case, tmp_path / "bundle", sections=opening(it, "be-fp"))

    page = (tmp_path / "bundle" / PAGE).read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page
    assert "<script" not in page
