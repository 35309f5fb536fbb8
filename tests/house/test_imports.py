"""Who may import what, beside the contracts of pyproject.toml: the rooms that may know almost nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import contracts
import referral
from house.checkout import ROOT

CONTRACTS = Path(contracts.__file__).parent
REFERRAL = Path(referral.__file__).parent

# A draft comes out of casework the same whoever asks and whenever: no clock, no chance, no file, no wire, no key.
CLOSED_TO_CASEWORK = {
    "aiokafka",
    "asyncio",
    "fastapi",
    "httpx",
    "io",
    "nacl",
    "os",
    "pathlib",
    "pysqlite3",
    "random",
    "secrets",
    "socket",
    "sqlite3",
    "subprocess",
    "threading",
    "time",
    "urllib",
}


def imported(folder: Path) -> dict[str, set[str]]:
    """Return the top-level packages that each module under a folder imports."""
    found: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*.py")):
        names: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.partition(".")[0])
        found[str(path.relative_to(folder))] = names
    return found


def test_contracts_import_pydantic_pynacl_and_the_standard_library_alone() -> None:
    allowed = set(sys.stdlib_module_names) | {"contracts", "pydantic", "pydantic_core", "nacl"}
    assert {name: names - allowed for name, names in imported(CONTRACTS).items() if names - allowed} == {}


def test_casework_knows_no_clock_no_chance_no_file_and_no_wire() -> None:
    rooms = imported(REFERRAL / "casework")
    assert {name: names & CLOSED_TO_CASEWORK for name, names in rooms.items() if names & CLOSED_TO_CASEWORK} == {}


@pytest.mark.checkout
def test_the_import_contracts_hold() -> None:
    ran = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
