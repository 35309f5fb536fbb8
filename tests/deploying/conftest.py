"""The linters of deployment files, installed once by their locks; what cannot be installed skips its tests."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from foreign import tools
from foreign.tools import ToolMissing

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def linters() -> Path:
    """Give the folder of hadolint, compose-lint, kubernetes-validate and a Python that reads YAML."""
    try:
        return tools.deploy_linters()
    except ToolMissing as missing:
        pytest.skip(f"No linters for deploy/: {missing}")


@pytest.fixture(scope="session")
def dclint() -> Path:
    """Give dclint."""
    try:
        return tools.compose_linter()
    except ToolMissing as missing:
        pytest.skip(f"No linter of compose files: {missing}")


@pytest.fixture(scope="session")
def python(linters: Path) -> Path:
    """Give the Python that reads YAML."""
    return linters / "python"


@pytest.fixture(scope="session")
def systemd_analyze() -> str:
    """Give systemd-analyze."""
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("There is no systemd-analyze here (Debian: systemd).")
    return found
