"""One exported case for the tests of a module, and copies of it to change."""

from __future__ import annotations

import asyncio
import shutil
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bundles import Made, make

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return asyncio.run(make(tmp_path_factory.mktemp("made")))


@pytest.fixture
def copied(made: Made, tmp_path: Path) -> Callable[[], Path]:
    """Give a function that makes a fresh copy of the bundle."""
    numbers = count()

    def copy() -> Path:
        return Path(shutil.copytree(made.folder, tmp_path / f"bundle-{next(numbers)}"))

    return copy
