"""Fold any number of drawn histories with both folds: `python tests/reference/campaign.py --histories N --seed S`.

Exit 0 when all agree; 1 at the first difference, with the minimised history in the form of a golden file on stdout.
`--json FILE` takes how many were folded and which seed failed.
"""

from __future__ import annotations

import argparse
import json
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
    parser.add_argument("--json", type=Path, help="takes the figures")
    asked = parser.parse_args()
    ran, failed = run(asked.seed, asked.histories, asked.longest)
    if asked.json:
        found = {"ran": ran, "failed": [f"seed {seed}" for seed in failed]}
        asked.json.write_text(json.dumps(found) + "\n", encoding="utf-8")
    return 1 if failed else 0


def run(seed: int, histories: int, longest: int) -> tuple[int, list[int]]:
    """Return how many histories were folded, and the seed of the first on which the folds part."""
    started = time.monotonic()
    for n in range(histories):
        difference = first_difference(seed + n, longest)
        if difference is not None:
            sys.stdout.write(f"{difference}\n")
            sys.stderr.write(f"seed {seed + n}: the folds differ\n")
            return n + 1, [seed + n]
        if (n + 1) % PROGRESS == 0:
            sys.stderr.write(f"{n + 1} of {histories} agree, {time.monotonic() - started:.0f} s\n")
    sys.stderr.write(f"all {histories} agree\n")
    return histories, []


if __name__ == "__main__":
    sys.exit(main())
