"""Fold any number of drawn histories with both folds: `python tests/reference/campaign.py --histories N --seed S`.

Exit 0 when all agree; 1 at the first difference, with the minimised history in the form of a golden file on stdout.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from reference.comparison import first_difference  # noqa: E402 - found only on the path set above
from reference.histories import LONGEST  # noqa: E402 - the same

PROGRESS = 1000


def main() -> int:
    """Compare the histories of `--histories` seeds from `--seed` on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--longest", type=int, default=LONGEST, help="messages in a history at most")
    asked = parser.parse_args()
    started = time.monotonic()
    for n in range(asked.histories):
        difference = first_difference(asked.seed + n, asked.longest)
        if difference is not None:
            sys.stdout.write(f"{difference}\n")
            sys.stderr.write(f"seed {asked.seed + n}: the folds differ\n")
            return 1
        if (n + 1) % PROGRESS == 0:
            sys.stderr.write(f"{n + 1} of {asked.histories} agree, {time.monotonic() - started:.0f} s\n")
    sys.stderr.write(f"all {asked.histories} agree\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
