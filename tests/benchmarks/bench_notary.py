"""The notary: entries a second over HTTP and in process, its start and memory at a million entries, what a proof costs.

Over HTTP every answer means that the entries are on disk, and the clock stops when a published checkpoint covers all of
them; submissions of 512 and single ones take turns, and the ratio is the median of the rounds. In process, entries are
taken in groups of 512 and sequenced in rounds of 65,536, every flush included. Goals: performance.md G7, G9; a start
within 2 s (issue 4). `--json FILE` keeps the figures, `--entries N` makes another size than a million.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from contracts import tlog
from notaries import entries, entry, new_log, program, root_file, vkey
from notary.log import MAX_ROUND, Log, open_log
from notary.tiles import TileFiles

BATCH, BATCHES, SINGLES, ROUNDS = 512, 20, 60, 5
STARTS = 5
PROOFS = 2_048
TESSERA = 58_700  # entries a second of Tessera's POSIX driver, durable: a stored figure of this kind of machine
NOT_IN_THE_FIGURE = (
    "the network; client and notary share one machine, and its disk with whatever else writes. Tessera's figure was "
    "measured once and is not measured again here."
)


def figure(
    name: str, value: float, unit: str, goal: str = "", *, met: bool | None = None, note: str = ""
) -> dict[str, Any]:
    """Return one row."""
    row: dict[str, Any] = {"name": name, "value": value, "unit": unit}
    if goal:
        row |= {"goal": goal, "met": met}
    return row | ({"note": note} if note else {})


def over_http(folder: Path) -> list[dict[str, Any]]:
    """Return the rates of one submitter, in batches and one at a time, and the median of their ratios."""
    log = new_log(folder / "http")
    key = vkey(log)
    with program(log, root_file(folder, log), folder / "clock") as notary:
        size = 0

        def rate(number: int, many: int, batch: int) -> float:
            nonlocal size
            wanted = entries(many, number, batch)
            size += many
            began = time.perf_counter()
            for at in range(0, many, batch):
                notary.submit(wanted[at : at + batch])
            notary.checkpoint(size, key)
            return many / (time.perf_counter() - began)

        rounds = [(rate(number, BATCHES * BATCH, BATCH), rate(number, SINGLES, 1)) for number in range(ROUNDS)]
    ratio = median(batched / single for batched, single in rounds)
    note = f"median of {ROUNDS} interleaved rounds, one submitter"
    return [
        figure(f"entries over HTTP in submissions of {BATCH}", round(median(one for one, _ in rounds)), "a second"),
        figure("entries over HTTP one at a time", round(median(one for _, one in rounds)), "a second"),
        figure("batched against one at a time", round(ratio, 1), "times", ">= 20", met=ratio >= 20, note=note),
    ]


def grow(folder: Path, many: int) -> tuple[list[float], list[float]]:
    """Make a log of `many` entries; return the rate of each round, and its CPU in µs an entry."""
    rates, cpu = [], []
    log = open_log(new_log(folder))
    try:
        for start in range(0, many, MAX_ROUND):
            fresh = [
                b"\x01" + hashlib.sha256(b"%d" % number).digest()
                for number in range(start, min(start + MAX_ROUND, many))
            ]
            began, spent = time.perf_counter(), time.process_time()
            take(log, fresh)
            rates.append(len(fresh) / (time.perf_counter() - began))
            cpu.append((time.process_time() - spent) / len(fresh) * 1e6)
    finally:
        log.close()
    return rates, cpu


def take(log: Log, fresh: list[bytes]) -> None:
    """Take entries as the sequencer does: groups of 512, then one checkpoint."""
    for at in range(0, len(fresh), BATCH):
        log.accept([fresh[at : at + BATCH]])
    log.sequence()


def in_process(folder: Path, many: int) -> list[dict[str, Any]]:
    """Return the rate of the core while a log grows to `many` entries."""
    rates, cpu = grow(folder, many)
    ratio = median(rates) / TESSERA
    stored = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return [
        figure(
            f"entries in process, growing to {many:,}",
            round(median(rates)),
            "a second",
            note=f"median of {len(rates)} rounds, slowest {round(min(rates))}; {round(median(cpu), 1)} µs of CPU each",
        ),
        figure(f"in process against Tessera's {TESSERA:,}", round(ratio, 2), "times", ">= 1", met=ratio >= 1),
        figure("stored bytes an entry", round(stored / many, 1), "bytes", note="33 of them are the entry"),
    ]


@dataclass
class Start:
    """One start of the program: seconds until it answers, until it has signed a new entry, and MB it holds then."""

    ready: float
    signed: float
    memory: float


def start(folder: Path, log: Path, number: int) -> Start:
    """Start the program on a log and let it take one entry."""
    began = time.perf_counter()
    with program(log, root_file(folder, log), folder / "clock") as notary:
        ready = time.perf_counter() - began
        (index,) = notary.submit([entry("start", number, log.name)])
        while notary.client.get("/readyz").json()["size"] <= index:
            time.sleep(0.02)
        signed = time.perf_counter() - began
        status = Path(f"/proc/{notary.process.pid}/status").read_text(encoding="ascii")
    held = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return Start(ready, signed, int(held.split()[1]) / 1_024)


def starts(folder: Path, log: Path, many: int) -> list[dict[str, Any]]:
    """Return how soon the program answers and signs on a log of `many` entries, and what it holds in memory."""
    empty = new_log(folder / "empty")
    pairs = [(start(folder, log, number), start(folder, empty, number)) for number in range(STARTS)]
    ready = median(one.ready for one, _ in pairs)
    held = median(one.memory for one, _ in pairs)
    growth = median(one.memory - other.memory for one, other in pairs)
    note = f"median of {STARTS}; {median(other.ready for _, other in pairs):.2f} s with an empty log"
    return [
        figure(
            f"start at {many:,} entries, until requests are answered",
            round(ready, 2),
            "s",
            "<= 2 s",
            met=ready <= 2,
            note=note,
        ),
        figure("the same, until the first new entry is signed", round(median(one.signed for one, _ in pairs), 2), "s"),
        figure(f"memory of the notary at {many:,} entries", round(held, 1), "MB", "<= 70 MB", met=held <= 70),
        figure("the same, more than with an empty log", round(growth, 1), "MB"),
    ]


def checking(folder: Path, log: Path, many: int) -> list[dict[str, Any]]:
    """Return what it takes to check a log whole, by the command line."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "notary.cli", "fsck", str(log)], check=True, stdout=subprocess.DEVNULL, cwd=folder
    )
    return [figure(f"`notary fsck` of {many:,} entries", round(time.perf_counter() - began, 2), "s")]


def proofs(log: Path) -> list[dict[str, Any]]:
    """Return what a proof costs: made in a batch under one checkpoint, verified, and verified as a file."""
    note = (log / "checkpoint").read_bytes()
    policy = tlog.read_policy(f"log {vkey(log)}\nquorum none\n".encode())
    head = tlog.read_checkpoint(note)[0]
    indices = range(head.size - PROOFS, head.size)
    files = TileFiles(log)
    entered = [
        files.entries(tlog.Tile(None, index // 256, tlog.width_at(None, index // 256, head.size)))[index % 256]
        for index in indices
    ]
    times: dict[str, list[float]] = {"made": [], "verified": [], "file": []}
    for _ in range(ROUNDS):
        began = time.perf_counter()
        reader = tlog.TileReader(head.size, files.fetch)
        made = [reader.inclusion(index) for index in indices]
        times["made"].append(time.perf_counter() - began)
        leaves = [tlog.leaf_hash(one) for one in entered]
        began = time.perf_counter()
        for index, leaf, path in zip(indices, leaves, made, strict=True):
            tlog.verify_inclusion(leaf, index, head.size, path, head.root)
        times["verified"].append(time.perf_counter() - began)
        proven = [tlog.LogProof(index, path, note).encode() for index, path in zip(indices, made, strict=True)]
        began = time.perf_counter()
        for one, raw in zip(entered, proven, strict=True):
            tlog.verify_proof(raw, one, policy)
        times["file"].append(time.perf_counter() - began)
    each = {name: round(median(spent) / PROOFS * 1e6, 1) for name, spent in times.items()}
    note_of = f"median of {ROUNDS} interleaved rounds of {PROOFS:,}"
    return [
        figure(
            "a proof, made with others under one checkpoint",
            each["made"],
            "µs",
            "<= 9 µs",
            met=each["made"] <= 9,
            note=note_of,
        ),
        figure("a proof verified", each["verified"], "µs", note=note_of),
        figure("a proof file verified, with the checkpoint's signature", each["file"], "µs", note=note_of),
    ]


def measure(many: int) -> list[dict[str, Any]]:
    """Return all figures."""
    # Beside this file, so that the disk is the one that stands in the table, whatever TMPDIR says.
    folder = Path(tempfile.mkdtemp(dir=Path(__file__).parent))
    try:
        log = folder / "log"
        return [
            *over_http(folder),
            *in_process(log, many),
            *starts(folder, log, many),
            *checking(folder, log, many),
            *proofs(log),
        ]
    finally:
        shutil.rmtree(folder)


def main() -> None:
    """Measure, print, and keep the figures where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--entries", type=int, default=1_000_000, help="entries of the large log")
    chosen = parser.parse_args()
    results = measure(chosen.entries)
    for one in results:
        print(f"{one['name']}: {one['value']} {one['unit']}")
    if chosen.json:
        found = {"not_in_the_figure": NOT_IN_THE_FIGURE, "results": results}
        chosen.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
