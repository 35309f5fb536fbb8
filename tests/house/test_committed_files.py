"""What is committed names no package registry and no machine, and holds no conflict marks."""

from __future__ import annotations

import re

import pytest

from house.checkout import ROOT, committed, text_of

pytestmark = pytest.mark.checkout

# Written in two halves, so that this file does not find itself.
REGISTRIES = re.compile(
    "|".join(
        re.escape(first + second)
        for first, second in (
            ("pypi", ".org"),
            ("pythonhosted", ".org"),
            ("registry.npmjs", ".org"),
            ("repo.maven.apache", ".org"),
            ("repo1.maven", ".org"),
            ("proxy.golang", ".org"),
            ("deb.debian", ".org"),
            ("crates", ".io"),
        )
    )
)
MACHINES = re.compile(r"(?<![\w./~-])/(?:work|root|home/\w+|Users/\w+)/\w")
CONFLICT = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)


@pytest.mark.parametrize("pattern", [REGISTRIES, MACHINES, CONFLICT], ids=["registry", "machine", "conflict"])
def test_no_committed_file_names_a_registry_a_machine_or_a_conflict(pattern: re.Pattern[str]) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in committed()
        if (text := text_of(path)) is not None
        for match in pattern.finditer(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (REGISTRIES, "https://py" + "pi.org/simple"),
        (MACHINES, "see /" + "root/notes"),
        (MACHINES, "'/" + "work/main'"),
        (CONFLICT, "<" * 7 + " HEAD"),
    ],
)
def test_the_search_finds_what_it_looks_for(pattern: re.Pattern[str], line: str) -> None:
    assert pattern.search(line)


def test_a_source_file_has_at_most_five_hundred_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {count}"
        for path in committed()
        if path.suffix == ".py" and (count := len(path.read_text(encoding="utf-8").splitlines())) > 500
    ]
    assert long == []
