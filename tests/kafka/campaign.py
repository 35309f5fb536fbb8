"""Break a real Kafka under real nodes, round after round: `python tests/kafka/campaign.py --rounds N --seed S`.

Each round takes the next fault in turn and draws the rest by its seed. Exit 0 when nothing was lost, 1 at the first
round that failed. `--json FILE` takes how many were played and which seed failed; go on behind them with `--seed`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from kafka.realkafka import RealKafka  # noqa: E402 - found only on the path set above
from kafka.rounds import FAULTS, play  # noqa: E402 - the same


def main() -> int:
    """Play the rounds of `--rounds` seeds from `--seed` on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=len(FAULTS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="takes the figures")
    asked = parser.parse_args()
    ran, failed = run(asked.seed, asked.rounds)
    if asked.json:
        asked.json.write_text(json.dumps({"ran": ran, "failed": failed}) + "\n", encoding="utf-8")
    return 1 if failed else 0


def run(seed: int, rounds: int) -> tuple[int, list[str]]:
    """Return how many rounds were played on one broker, and the one that failed."""
    with tempfile.TemporaryDirectory(prefix="kafka-rounds-") as folder:
        (Path(folder) / "kafka").mkdir()
        kafka = RealKafka(Path(folder) / "kafka", {"admin": "admin-pw"})
        try:
            kafka.format()
            kafka.start()
            for number in range(seed, seed + rounds):
                fault, begun = FAULTS[number % len(FAULTS)], time.monotonic()
                try:
                    asyncio.run(play(number, fault, Path(folder) / str(number), kafka))
                except Exception as error:  # noqa: BLE001 - whatever it is, the round is named and can be repeated
                    sys.stderr.write(f"seed {number} ({fault}): {type(error).__name__}: {error}\n")
                    return number - seed + 1, [f"seed {number} ({fault})"]
                sys.stderr.write(f"seed {number} ({fault}): nothing lost, {time.monotonic() - begun:.0f} s\n")
        finally:
            kafka.stop()
    return rounds, []


if __name__ == "__main__":
    sys.exit(main())
