"""Run the long tests at their campaign figures: `python tests/campaign [--budget MINUTES] [--only S1]`.

It goes on where it was ended (build/campaign.json, for the same commit), tells on standard error how far it is, and
writes docs/campaigns at the end of each run, whether it is done or not. `--figure S1=5000` takes another figure.
Exit 0 when nothing failed, 1 when something did.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from campaign import report, state  # noqa: E402 - found only on the path set above
from campaign.entries import ALL  # noqa: E402 - the same
from campaign.runner import Campaign  # noqa: E402 - the same

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="make campaign")
    parser.add_argument("--budget", type=float, default=float("inf"), metavar="MINUTES", help="as long as it takes")
    parser.add_argument("--only", action="append", choices=sorted(ALL), help="one entry; several times for several")
    parser.add_argument("--figure", action="append", default=[], metavar="NAME=N", help="another figure than its own")
    parser.add_argument("--state", type=Path, default=ROOT / "build" / "campaign.json")
    parser.add_argument("--report", type=Path, default=ROOT / "docs" / "campaigns")
    asked = parser.parse_args()
    entries = {name: entry for name, entry in ALL.items() if entry.there and name in (asked.only or ALL)}
    figures = {name: entry.campaign for name, entry in entries.items()}
    figures |= {name: int(number) for name, _, number in (one.partition("=") for one in asked.figure)}
    held = state.read(asked.state, commit(), now())
    done = Campaign(entries, figures, held, asked.state).run(asked.budget * 60)
    shown = {name: entry for name, entry in ALL.items() if name in entries or held.of(name).done}
    everything = {name: entry.campaign for name, entry in shown.items()} | figures
    file = report.write(asked.report, report.document(shown, everything, held, now()))
    sys.stdout.write(f"{'done' if done else 'ended before its figures'}; {file}\n")
    return 1 if any(one.failed for one in held.entries.values()) else 0


def commit() -> str:
    """Return the commit of this checkout; one with changes says so."""
    command = ["git", "-c", "safe.directory=*", "describe", "--always", "--abbrev=40", "--dirty=-changed"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def now() -> str:
    """Return the present, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())


if __name__ == "__main__":
    sys.exit(main())
