"""Which policy judges a checkpoint: the log says it itself, and every reader says the same."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import tlog
from contracts.directory import LogReplay, PolicyReplay
from contracts.statements import Entry, Link, Policy, logged_bytes, make
from small_network import GOVERNORS, NAME, NOW, governors_seeds, network, seed

WITNESSES = [
    tlog.make_signer(f"w{number}.example", seed("witness", str(number)), tlog.COSIGNATURE) for number in range(3)
]
ROOT_TEXT = network().policy


def text(number: int) -> str:
    """Return a policy that asks for one witness."""
    return f"witness one {WITNESSES[number].key}\nquorum one\n"


def stated(body: str, previous: Entry | None = None, governors: int = 2, subject: str = NAME, hours: int = 0) -> Entry:
    """Return the governors' statement of a policy."""
    link = Link(NAME, subject, None if previous is None else previous.id, NOW + timedelta(hours=hours))
    return make(link, Policy(body), governors_seeds(governors))


def replayed(*entries: tuple[int, Entry]) -> PolicyReplay:
    """Return the policies of a log that holds these."""
    found = network().policies()
    found.take((index, logged_bytes(entry)) for index, entry in entries)
    return found


def test_a_checkpoint_that_covers_the_statement_is_judged_by_it_and_one_before_is_not() -> None:
    first = stated(text(0))
    found = replayed((7, first), (9, stated(text(1), first)))

    assert found.policies.texts == ((-1, ROOT_TEXT), (7, text(0)), (9, text(1)))
    assert [found.policies.at(size).asks_for_witnesses for size in (0, 7)] == [False, False]
    assert [found.policies.at(size).witness_keys for size in (8, 9)] == [(WITNESSES[0].key,)] * 2
    assert found.policies.at(10) == found.policies.latest == tlog.read_policy(text(1).encode())


@pytest.mark.parametrize(
    "entry",
    [
        stated(text(0), governors=1),
        stated(text(0), subject="be-fp"),
        stated(text(0), previous=stated(text(1))),
        stated("quorum nobody\n"),
    ],
    ids=["too few governors", "of an agency", "after nothing known", "no policy"],
)
def test_a_statement_that_does_not_hold_changes_no_policy(entry: Entry) -> None:
    assert replayed((3, entry)).policies.texts == ((-1, ROOT_TEXT),)


def test_bytes_that_are_no_statement_change_no_policy() -> None:
    found = network().policies()
    found.take([(0, b""), (1, b"\x10"), (2, b'\x10{"policy"}'), (3, logged_bytes(stated(text(0))))])
    assert [index for index, _ in found.policies.texts] == [-1, 3]


def test_what_is_looked_at_ahead_is_not_known_yet() -> None:
    found = network().policies()
    ahead = found.after([(5, logged_bytes(stated(text(0))))])
    assert (ahead.latest, found.policies.latest) == (
        tlog.read_policy(text(0).encode()),
        tlog.read_policy(b"quorum none"),
    )


def test_a_policy_of_the_root_files_statements_stands_from_the_beginning() -> None:
    first = stated(text(2))
    found = PolicyReplay(NAME, GOVERNORS, ROOT_TEXT, (*network().statements, first))
    found.take([(4, logged_bytes(stated(text(0), first)))])
    assert found.policies.texts == ((-1, text(2)), (4, text(0)))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.booleans()), max_size=6))
def test_the_directory_replayed_to_a_size_has_the_policy_that_judges_it(
    drawn: list[tuple[int, int, bool]],
) -> None:
    rows: list[tuple[int, bytes]] = []
    last: Entry | None = None
    for index, (number, governors, follows) in enumerate(drawn):
        entry = stated(text(number), last if follows else None, governors, hours=index)
        rows.append((2 * index, logged_bytes(entry)))
        last = entry
    directory = LogReplay(NAME, GOVERNORS, network().statements)
    directory.advance(rows, 100)
    found = network().policies()
    found.take(rows)

    for size in range(14):
        as_read = directory.as_of(size).policy or ROOT_TEXT
        assert found.policies.at(size) == tlog.read_policy(as_read.encode())
