from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from parcels import Parcel, case_of, kept_in
from referral.store import Store, Tracking, Unreadable
from referral.store.positions import record_digest

# One process that saves without end and says after each commit what it was told; it is killed at any moment.
WRITER = """
import sys
from pathlib import Path
from parcels import Parcel, kept_in
from referral.store import Command, Tracking

with kept_in(Path(sys.argv[1])) as store:
    number = int(sys.argv[2])
    while True:
        number += 1
        parcel = Parcel.make(number)
        for stamp in range(3):
            parcel.stamp(stamp)
        record = str(number).encode()
        store.save(
            parcel,
            tracking=Tracking.of("log", number, record),
            command=Command(str(number), "me", b"digest", b"answer " + record),
        )
        print(number, flush=True)
"""


def killed_writer(folder: Path, first: int, after_lines: int) -> int:
    """Run a writer, kill it once it has told of `after_lines` commits, and return the last it told of."""
    tests = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", WRITER, str(folder), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={"PYTHONPATH": tests}, text=True) as writer:
        assert writer.stdout is not None
        told = first
        for _ in range(after_lines):
            told = int(writer.stdout.readline())
        writer.kill()
        rest = writer.stdout.read().split()
    return int(rest[-1]) if rest else told


def check(store: Store, told: int) -> int:
    """Return the number of the last parcel in the store, having seen it and all before it whole."""
    tracked = store.tracking("log")
    assert tracked is not None
    last, digest = tracked
    assert told <= last <= told + 1
    assert digest == record_digest(str(last).encode())
    for number in range(1, last + 1):
        parcel: Any = store.load(case_of(number), Parcel)
        answer = store.command(str(number))
        assert answer is not None
        assert (parcel.stamps, answer.answer) == ([0, 1, 2], b"answer " + str(number).encode())
    assert store.load(case_of(last + 1)) is None
    assert store.command(str(last + 1)) is None
    assert store.last_position() == 4 * last
    return last


@pytest.mark.parametrize("seed", range(3))
def test_a_writer_killed_at_any_moment_loses_nothing_it_told_and_leaves_nothing_half(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    last = 0
    for _ in range(3):
        told = killed_writer(tmp_path, last, random.randrange(1, 40))
        with kept_in(tmp_path) as store:
            last = check(store, told)


def test_a_key_without_an_event_is_used_by_the_next_try(tmp_path: Path) -> None:
    with kept_in(tmp_path) as store:
        parcel = Parcel.make(1)

        def stop(_cursor: object) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            store.save(parcel, rows=[stop])
    with kept_in(tmp_path) as store:
        assert store.load(case_of(1)) is None
        store.save(parcel, tracking=Tracking("log", 1, b"x"))
        assert store.load(case_of(1), Parcel) is not None


CRASHES = 500


@pytest.mark.parametrize("crash_in", ["event store", "vault"])
def test_of_five_hundred_crashes_around_either_commit_none_leaves_an_event_without_its_key(
    tmp_path: Path, crash_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    for first in range(1, CRASHES + 1, 50):
        with kept_in(tmp_path) as store:
            for number in range(first, first + 50):
                parcel = Parcel.make(number)
                with monkeypatch.context() as patched:
                    if crash_in == "vault":  # before the vault's commit: the event must not be there
                        patched.setattr("referral.vault.keyring.Keyring.keep", stop)
                    with pytest.raises(KeyboardInterrupt):
                        store.save(parcel, rows=[stop])
                if number % 2:
                    store.save(Parcel.make(CRASHES + number))
                    kept.append(CRASHES + number)
        with kept_in(tmp_path) as store:  # a start refuses where an event lacks its key
            page = store.page(0, 10 * CRASHES)
            assert [item.case for item in page.items] == [case_of(number) for number in kept]
            assert not any(isinstance(item, Unreadable) for item in page.items)
