"""The tools of other people, installed once for the run; what cannot be installed skips its tests, with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from foreign import tools
from foreign.tools import Judge, ToolMissing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _or_skip(install: Callable[[], Path]) -> Path:
    try:
        return install()
    except ToolMissing as missing:
        pytest.skip(f"No foreign tool: {missing}")


@pytest.fixture(scope="session")
def go_tools() -> Path:
    """Give the folder of the tools that Go builds."""
    return _or_skip(tools.go_tools)


@pytest.fixture(scope="session")
def auditor(go_tools: Path) -> Judge:
    """Give the verifiers of sumdb, torchwood and Tessera."""
    return Judge((str(go_tools / "auditor"),))


@pytest.fixture(scope="session")
def libsodium() -> Judge:
    """Give libsodium in Node."""
    return Judge(("node", str(_or_skip(tools.node_folder) / "envelope.cjs")))


@pytest.fixture(scope="session")
def bagit_python() -> Path:
    """Give the Python in whose venv bagit is."""
    return _or_skip(tools.bagit_python)
