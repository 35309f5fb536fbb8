"""The locks are made of names, versions and hashes, and fit pyproject.toml."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from house.checkout import ROOT, settings

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.checkout

LOCKS = ("build", "run", "dev")
PINNED = re.compile(r"^(?P<name>[a-z0-9._-]+)==(?P<version>[^ ;]+)(?: ;[^\\]*)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


def pins(lock: str) -> Mapping[str, str]:
    """Return version by name of one lock, each line checked."""
    found: dict[str, str] = {}
    for line in (ROOT / "requirements" / f"{lock}.lock").read_text(encoding="utf-8").splitlines():
        if match := PINNED.match(line):
            found[canonicalize_name(match["name"])] = match["version"]
        else:
            assert HASH.match(line), f"{lock}.lock: neither a pin nor a hash: {line}"
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_names_versions_and_hashes_and_nothing_else(lock: str) -> None:
    assert len(pins(lock)) >= 5


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("build", settings()["build-system"]["requires"]),
        ("run", settings()["project"]["dependencies"]),
        ("dev", settings()["project"]["dependencies"] + settings()["dependency-groups"]["dev"]),
    ],
    ids=LOCKS,
)
def test_everything_that_pyproject_asks_for_is_locked_in_a_version_that_it_allows(lock: str, wanted: list[str]) -> None:
    locked = pins(lock)
    unmet = [
        text
        for text in wanted
        if not (requirement := Requirement(text)).specifier.contains(
            locked.get(canonicalize_name(requirement.name), "0")
        )
    ]
    assert unmet == []


def test_tests_run_on_the_versions_that_ship() -> None:
    run, build, dev = pins("run"), pins("build"), pins("dev")
    assert {name: dev.get(name) for name in run} == run
    assert {name: dev.get(name) for name in build} == build
