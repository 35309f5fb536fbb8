"""The wheel holds every file that the packages need: tables, schemas, vectors and SQL beside the code."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from house.checkout import ROOT, committed

pytestmark = pytest.mark.checkout

PACKAGES = {"contracts": ROOT / "contracts", "referral": ROOT / "services/referral", "notary": ROOT / "services/notary"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Build the wheel without a network and return the names of its files."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (built,) = folder.glob("*.whl")
    return set(zipfile.ZipFile(built).namelist())


def test_every_committed_file_of_the_packages_is_in_the_wheel(wheel: set[str]) -> None:
    wanted = {
        f"{name}/{path.relative_to(folder).as_posix()}"
        for name, folder in PACKAGES.items()
        for path in committed()
        if path.is_relative_to(folder)
    }
    assert wanted - wheel == set()


def test_the_wheel_holds_nothing_beside_the_packages(wheel: set[str]) -> None:
    assert {Path(name).parts[0] for name in wheel if ".dist-info" not in name} == set(PACKAGES)


def test_the_wheel_carries_licence_and_notice(wheel: set[str]) -> None:
    assert {name.rsplit("/", 1)[-1] for name in wheel if "/licenses/" in name} == {"LICENSE", "NOTICE"}
