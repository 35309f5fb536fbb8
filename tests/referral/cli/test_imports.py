from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cli_shell import Shell

WIRE = ("httpx", "aiokafka", "referral.exchange.embedded", "referral.exchange.kafka", "fastapi", "uvicorn")
LOOK = f"""
import sys
from referral.cli import main
code = main(sys.argv[1:])
print([name for name in {WIRE!r} if name in sys.modules], file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("command", [("replay",), ("case", "list"), ("register",)], ids=" ".join)
def test_who_only_looks_loads_neither_broker_nor_http_client(two: Shell, command: tuple[str, ...]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LOOK, *command, "--node", str(two.folder / "be-fp")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (ran.returncode, ran.stderr) == (0, "[]\n")
