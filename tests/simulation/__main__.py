"""Run seeds of the simulation: `python -m tests.simulation --seed N [--trace]`, or `--seeds A..B`.

Exit 0 when every invariant held; 1 at a seed in which one did not, with how to repeat it. `--progress FILE` keeps how
far a row of seeds has come, so that it goes on from there; `--result FILE` takes the figures as JSON.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

from simulation.command import main  # noqa: E402 - found only on the path set above

if __name__ == "__main__":
    sys.exit(main())
