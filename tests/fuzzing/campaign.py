"""Feed decoders for as long as asked: `python tests/fuzzing/campaign.py [--decoder NAME] [--seconds S] [--seed N]`.

Without `--decoder` each of them gets its seconds of processor time in turn. Another seed draws other cases. Exit 1 and
a line for each fault, with the seed and the number that draw it again; `--json FILE` takes the figures.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from fuzzing.decoders import ALL  # noqa: E402 - found only on the path set above
from fuzzing.fuzzer import fuzz  # noqa: E402 - the same


def main() -> int:
    """Feed what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decoder", choices=sorted(ALL), help="one of them; all if not given")
    parser.add_argument("--seconds", type=float, default=3600.0, help="processor time of each")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--json", type=Path, help="takes the figures")
    asked = parser.parse_args()
    found = []
    for name in [asked.decoder] if asked.decoder else ALL:
        found.append(fuzz(ALL[name], 0, asked.seed, seconds=asked.seconds))
        sys.stderr.write(f"{name}: {found[-1].cases} cases, {found[-1].taken} taken, {len(found[-1].faults)} faults\n")
    faults = [fault for one in found for fault in one.faults]
    sys.stdout.write("".join(f"{fault}\n" for fault in faults))
    if asked.json:
        cases = {one.decoder: one.cases for one in found}
        value = {"ran": asked.seconds, "failed": faults, "seen": {"cases": sum(cases.values())}}
        asked.json.write_text(json.dumps(value) + "\n", encoding="utf-8")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
