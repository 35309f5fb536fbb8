"""The Library of Congress's bagit finds our bundles valid, and refuses them with one byte of any part changed.

It reads manifests alone: what each file says inside is for the verifiers of its own format.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bundles import Made, files_of, make
from foreign.mutants import FEW, MANY, changed, changes

pytestmark = [pytest.mark.checkout, pytest.mark.xdist_group("foreign-bagit")]

JUDGE = Path(__file__).with_name("bagit") / "judge.py"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return asyncio.run(make(tmp_path_factory.mktemp("bagged")))


def judged(python: Path, requests: list[dict[str, Any]]) -> list[bool]:
    """Return what bagit says of each, from one looping process."""
    lines = "".join(json.dumps(one) + "\n" for one in requests)
    done = subprocess.run([python, JUDGE], input=lines, capture_output=True, text=True, timeout=500, check=True)
    return [json.loads(line)["holds"] for line in done.stdout.splitlines()]


def through_the_command_line(python: Path, folder: Path) -> bool:
    done = subprocess.run([python.parent / "bagit.py", "--validate", folder], capture_output=True, check=False)
    assert done.returncode in {0, 1}
    return done.returncode == 0


PARTS = {
    "content": "/content.json",
    "receipt": "receipts/",
    "section": "/sections.json",
    "proof": "log.tlog-proof",
    "policy": "data/network.json",
    "manifest": "manifest-sha256.txt",
}


def one_of(made: Made, part: str) -> str:
    """Return the path of a file of a bundle that holds such a part."""
    return next(path for path in files_of(made.folder) if PARTS[part] in path)


def test_a_bundle_is_valid(bagit_python: Path, made: Made) -> None:
    assert judged(bagit_python, [{"bag": str(made.folder)}]) == [True]
    assert through_the_command_line(bagit_python, made.folder)


@pytest.mark.parametrize("part", PARTS)
def test_a_thousand_changes_of_one_byte_are_refused(bagit_python: Path, made: Made, part: str) -> None:
    path = one_of(made, part)
    drawn = changes((made.folder / path).read_bytes(), MANY)
    requests = [{"bag": str(made.folder), "file": path, "at": at, "xor": xor} for at, xor in drawn]
    assert judged(bagit_python, requests) == [False] * MANY
    assert judged(bagit_python, [{"bag": str(made.folder)}]) == [True]


@pytest.mark.parametrize("part", PARTS)
def test_fifty_changes_of_one_byte_are_refused_through_the_command_line(
    bagit_python: Path, made: Made, part: str
) -> None:
    path = made.folder / one_of(made, part)
    sound = path.read_bytes()
    for at, xor in changes(sound, FEW):
        path.write_bytes(changed(sound, at, xor))
        assert not through_the_command_line(bagit_python, made.folder)
    path.write_bytes(sound)
    assert through_the_command_line(bagit_python, made.folder)
