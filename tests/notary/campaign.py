"""More of what the suite does in short: `python tests/notary/campaign.py [--kills N] [--starts N]`.

`--kills`: how often the notary is killed after each step of its sequencer (the suite: 50 times each).
`--starts`: in how many of the 1,001 files of a log one bit is flipped while it is stopped (the suite: some 30).
Prints what was seen; the exit code is 1 where an answer was broken, a size had two roots or damage was signed over.
`--json FILE` takes how many kills there were after each step, and what did not hold.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import plain_tlog
from killed_notary import turn_of
from notaries import entries, fill, head_of, new_log, opened, read_whole
from notary.errors import LogDamaged
from notary.log import Step

SIZE = 498 * 256 + 77


def killed(folder: Path, step: Step, turns: int) -> bool:
    """Kill a log again and again after one step; return whether every answer holds and no size has two roots."""
    new_log(folder)
    answered: dict[bytes, int] = {}
    roots: dict[int, str] = {}
    sound = True
    for turn in range(turns):
        seen = turn_of(folder, step, turn)
        sound &= all(answered.setdefault(bytes.fromhex(name), index) == index for name, index in seen["answered"])
        sound &= roots.setdefault(seen["head"][0], seen["head"][1]) == seen["head"][1]
    with opened(folder) as log:
        while log.pending or log.unpublished:
            log.sequence()
    places = {one: index for index, one in enumerate(read_whole(folder))}
    sound &= all(places.get(one) == index for one, index in answered.items())
    seen_of = f"{len(answered)} answers, {len(roots)} roots, sound: {sound}"
    sys.stdout.write(f"killed {turns} times after {step.value}: {seen_of}\n")
    return sound


def started(folder: Path, starts: int) -> bool:
    """Flip one bit in file after file of a stopped log; return whether each was named and none signed over."""
    wanted = entries(SIZE)
    fill(new_log(folder), wanted[:65_536], wanted[65_536:])
    shown, drawn = (folder / "checkpoint").read_bytes(), random.Random(1)
    names = plain_tlog.tile_paths(SIZE)
    named, began = 0, time.monotonic()
    for name in names if starts >= len(names) else drawn.sample(names, starts):
        before = (folder / name).read_bytes()
        wrong = bytearray(before)
        wrong[drawn.randrange(len(wrong))] ^= 1 << drawn.randrange(8)
        (folder / name).write_bytes(wrong)
        try:
            with opened(folder) as log:
                log.sequence()
        except LogDamaged as refused:
            named += refused.detail == f"Damaged: {name}"
        (folder / name).write_bytes(before)
    over = (folder / "checkpoint").read_bytes() != shown or head_of(folder)[0] != SIZE
    seconds = time.monotonic() - began
    sys.stdout.write(f"flipped {starts}: {named} named, signed over: {over}, {seconds:.0f} s\n")
    return named == min(starts, len(names)) and not over


def main() -> int:
    """Run both; return 1 where something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--starts", type=int, default=1_001)
    parser.add_argument("--json", type=Path, help="takes the figures")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        found = {f"killed after {step.value}": killed(Path(home) / step.name, step, wanted.kills) for step in Step}
        found["one bit flipped while it was stopped"] = started(Path(home) / "flipped", wanted.starts)
    failed = [what for what, held in found.items() if not held]
    if wanted.json:
        value = {"ran": wanted.kills, "failed": failed, "seen": {"files flipped": wanted.starts}}
        wanted.json.write_text(json.dumps(value) + "\n", encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
