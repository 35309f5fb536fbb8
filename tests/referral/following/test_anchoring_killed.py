"""The process is killed at every step of an hour's anchoring: the next start leaves one anchor, one root, no double."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import plain_tlog
from contracts import anchors, tlog
from contracts.encoding import b64, instant_text
from killed_anchoring import AGENCY
from logged_town import logged_town
from referral.audit.completeness import check
from referral.following.anchoring import FOLDER, anchor_file, anchor_proof_file, kept_numbers, parts_file, read_kept
from referral.following.proofs import receipts_proof_file
from referral.opening import PROOFS_FOLDER, read_root
from referrals import agreed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

PROGRAM = Path(__file__).parents[2] / "killed_anchoring.py"
STEPS = 11  # of one hour with an anchor and a root


async def made(folder: Path) -> datetime:
    """Make a network in which two agencies agreed, its nodes closed again; return when be-fp is to anchor."""
    async with logged_town(folder) as town:
        await agreed(town.it)
        return town.it.clock() + timedelta(hours=1)


def lived(hour: datetime, steps: Iterable[tuple[int, Path]]) -> list[int]:
    """Let be-fp anchor in each folder, killed at a step; return the signal that ended each."""
    asked = [f"{step}={folder}" for step, folder in steps]
    command = [sys.executable, str(PROGRAM), instant_text(hour), *asked]
    found: list[int] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return found


def published(folder: Path) -> list[bytes]:
    """Return all entries of the log, read by the second reader and held against its root."""
    size, root = plain_tlog.open_checkpoint(
        (folder / "log" / "checkpoint").read_bytes(), read_root(folder / AGENCY).log.key
    )
    found = plain_tlog.read_log(size, lambda path: (folder / "log" / path).read_bytes())
    assert plain_tlog.mth(found) == root
    return found


def left(folder: Path) -> tuple[bool, bool, int]:
    """Return what a crash left: whether there are the parts and the anchor, and how many anchors the log holds."""
    kept = folder / AGENCY / FOLDER
    logged = sum(one[0] == tlog.ANCHOR for one in published(folder))
    return parts_file(kept, 1).is_file(), anchor_file(kept, 1).is_file(), logged


def is_whole(folder: Path) -> None:
    """Hold what was anchored against the log and the auditor's check."""
    kept = folder / AGENCY / FOLDER
    assert kept_numbers(kept) == [1]
    assert sorted(path.suffix for path in kept.iterdir()) == [".json", ".parts", ".tlog-proof"]
    policy = tlog.read_policy(read_root(folder / AGENCY).policy.encode())
    anchored = anchors.anchor_entry(read_kept(kept, 1).raw)
    tlog.verify_proof(anchor_proof_file(kept, 1).read_bytes(), anchored, policy)
    entries = Counter(published(folder))
    assert max(entries.values()) == 1
    assert [one for one in entries if one[0] == tlog.ANCHOR] == [anchored]
    [rooted] = [one for one in entries if one[0] == tlog.RECEIPTS]
    proof = receipts_proof_file(folder / AGENCY / PROOFS_FOLDER, b64(rooted[1:]))
    tlog.verify_proof(proof.read_bytes(), rooted, policy)
    assert check(folder / AGENCY).ok


def test_killed_at_every_step_of_an_hour_the_next_start_anchors_it_once(tmp_path: Path) -> None:
    hour = asyncio.run(made(tmp_path / "made"))
    folders = [shutil.copytree(tmp_path / "made", tmp_path / str(step)) for step in range(1, STEPS + 2)]
    ends = lived(hour, enumerate(folders, 1))
    assert ends == [signal.SIGKILL] * STEPS + [0]  # every step there is
    # Parts before the anchor, the anchor before the log: each of these states was left behind by some kill.
    states = [(False, False, 0), (True, False, 0), (True, True, 0), (True, True, 1)]
    assert list(dict.fromkeys(map(left, folders))) == states
    assert lived(hour, [(0, folder) for folder in folders]) == [0] * len(folders)
    for folder in folders:
        is_whole(folder)
