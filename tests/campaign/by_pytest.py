"""Run one test with figures of its own: `python tests/campaign/by_pytest.py NODE --ran N --json FILE [NAME=VALUE ...]`.

The test takes its figure from the environment; it holds or it does not, and a test that is skipped has not been run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run the test."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("node", help="the test, as pytest names it")
    parser.add_argument("figures", nargs="*", metavar="NAME=VALUE", help="what is set in its environment")
    parser.add_argument("--ran", type=int, required=True, help="what counts as run where it holds")
    parser.add_argument("--json", type=Path, required=True, help="takes the figures")
    asked = parser.parse_args()
    figures = dict(one.split("=", 1) for one in asked.figures)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", "0", asked.node]
    held = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **figures, "REFERRAL_REQUIRE_ALL": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = held.stdout.splitlines()
    failed = [f"{asked.node} with {' '.join(asked.figures)}: {said[-1] if said else held.stderr[-200:]}"]
    value = {"ran": asked.ran, "failed": failed if held.returncode else []}
    asked.json.write_text(json.dumps(value) + "\n", encoding="utf-8")
    return 1 if held.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
