from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from parcels import Parcel, case_of
from referral.following.follower import Follower, SetAside
from referral.store import Cursor, Erased, Store, Stored
from referral.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from referral.vault import Vault

TOPICS = ("parcel/stamped/1",)


class CrackedError(ValueError):
    """A stamp that cannot be applied."""


def copy(cursor: Cursor, page: list[Stored]) -> None:
    """Write what was stamped, and where; a stamp that is cracked cannot be written."""
    for item in page:
        for text in stamp_of(item):
            if text in cracked:
                raise CrackedError
            cursor.execute("INSERT INTO copies VALUES (?, ?, ?)", (item.position, item.case, text))


def stamp_of(item: Stored) -> list[str]:
    """Return the stamp that the event holds, none if it was erased."""
    return [] if isinstance(item.event, Erased) else [vars(item.event)["stamp"]]


cracked: set[str] = set()


@pytest.fixture
def copies(store: Store) -> Follower:
    cracked.clear()
    with store.transaction() as cursor:
        cursor.execute("CREATE TABLE copies (position INTEGER UNIQUE, parcel TEXT, stamp TEXT) STRICT")

    def clear(cursor: Cursor) -> None:
        cursor.execute("DELETE FROM copies")

    return Follower("copies", TOPICS, copy, clear)


def rows(store: Store) -> list[tuple[int, str]]:
    with store.reading() as cursor:
        return cursor.execute("SELECT position, stamp FROM copies ORDER BY rowid").fetchall()


def stamp(store: Store, number: int, *stamps: str) -> None:
    parcel = store.load(case_of(number), Parcel) or Parcel.make(number)
    for one in stamps:
        parcel.stamp(one)
    store.save(parcel)


def with_apply(follower: Follower, apply: Callable[[Cursor, list[Stored]], None]) -> Follower:
    return Follower(follower.name, follower.topics, apply, follower.clear)


def test_a_follower_writes_rows_and_position_together(store: Store, copies: Follower) -> None:
    stamp(store, 1, "red", "blue")
    stamp(store, 2, "green")

    assert copies.turn(store) == 3
    assert rows(store) == [(2, "red"), (3, "blue"), (5, "green")]
    assert store.position("copies") == 5
    assert copies.turn(store) == 0


def test_pages_end_at_five_hundred(store: Store, copies: Follower) -> None:
    stamp(store, 1, *(str(number) for number in range(700)))

    assert [copies.turn(store) for _ in range(3)] == [500, 200, 0]
    assert [text for _position, text in rows(store)] == [str(number) for number in range(700)]


def test_a_crash_between_rows_and_position_is_not_possible(store: Store, copies: Follower) -> None:
    class Killed(BaseException):
        pass

    def killed(cursor: Cursor, page: list[Stored]) -> None:
        copy(cursor, page)
        raise Killed

    stamp(store, 1, "red")
    with pytest.raises(Killed):
        with_apply(copies, killed).turn(store)

    assert (rows(store), store.position("copies")) == ([], 0)
    assert copies.turn(store) == 1
    assert rows(store) == [(2, "red")]


def test_events_of_other_topics_move_the_position_a_page_at_a_time(store: Store) -> None:
    follower = Follower("openings", ["parcel/opened/1"], lambda _cursor, _page: None)
    stamp(store, 1, *(str(number) for number in range(400)))
    assert follower.catch_up(store) == 1
    assert store.position("openings") == 401
    stamp(store, 1, *(str(number) for number in range(400)))
    assert follower.turn(store) == 0
    assert store.position("openings") == 401
    stamp(store, 1, *(str(number) for number in range(200)))
    assert follower.turn(store) == 0
    assert store.position("openings") == 1001


def test_an_event_that_cannot_be_applied_sets_its_case_aside_and_no_other(store: Store, copies: Follower) -> None:
    cracked.add("blue")
    stamp(store, 1, "red", "blue", "green")
    stamp(store, 2, "white")

    assert copies.turn(store) == 4
    assert rows(store) == [(2, "red"), (6, "white")]
    assert copies.set_aside(store) == [SetAside(case_of(1), 3, 1, "CrackedError")]
    stamp(store, 1, "brown")
    stamp(store, 2, "black")
    copies.turn(store)
    assert rows(store) == [(2, "red"), (6, "white"), (8, "black")]


def test_a_case_set_aside_catches_up_in_its_order_once_it_can(store: Store, copies: Follower) -> None:
    cracked.add("blue")
    stamp(store, 1, "red", "blue", "green")
    copies.turn(store)
    stamp(store, 1, "brown")
    copies.turn(store)
    assert [text for _position, text in rows(store)] == ["red"]
    cracked.clear()

    assert copies.catch_up(store) == 3
    assert [text for _position, text in rows(store)] == ["red", "blue", "green", "brown"]
    assert copies.set_aside(store) == []
    stamp(store, 1, "black")
    assert copies.turn(store) == 1
    assert rows(store)[-1] == (6, "black")


def test_a_case_is_parked_after_five_tries_until_a_person_says_so(store: Store, copies: Follower) -> None:
    tried: list[str] = []

    def noted(cursor: Cursor, page: list[Stored]) -> None:
        tried.extend(text for item in page for text in stamp_of(item))
        copy(cursor, page)

    follower = with_apply(copies, noted)
    cracked.add("blue")
    stamp(store, 1, "blue")
    stamp(store, 2, "red")
    assert follower.catch_up(store) == 2
    for _ in range(8):
        assert follower.turn(store) == 0

    assert tried == ["blue", "red", "blue", "red", *["blue"] * 4]
    (parked,) = follower.set_aside(store)
    assert (parked, parked.parked) == (SetAside(case_of(1), 2, 5, "CrackedError"), True)
    cracked.clear()
    assert follower.turn(store) == 0
    follower.try_again(store)
    assert follower.turn(store) == 1
    assert [text for _position, text in rows(store)] == ["red", "blue"]
    assert follower.set_aside(store) == []


def test_tries_are_counted_for_each_event(store: Store, copies: Follower) -> None:
    cracked.update({"blue", "green"})
    stamp(store, 1, "blue", "red", "green")
    copies.turn(store)
    copies.turn(store)
    assert copies.set_aside(store) == [SetAside(case_of(1), 2, 2, "CrackedError")]
    cracked.remove("blue")
    assert copies.turn(store) == 2
    assert copies.set_aside(store) == [SetAside(case_of(1), 4, 1, "CrackedError")]
    assert rows(store) == [(2, "blue"), (3, "red")]


def test_a_stored_event_that_cannot_be_read_sets_its_case_aside(store: Store, copies: Follower) -> None:
    stamp(store, 1, "red", "blue")
    stamp(store, 2, "green")
    with store.transaction() as cursor:
        (state,) = cursor.execute("SELECT state FROM events WHERE position = 2").fetchone()
        cursor.execute("UPDATE events SET state = zeroblob(99) WHERE position = 2")
    copies.turn(store)
    assert rows(store) == [(5, "green")]
    assert copies.set_aside(store) == [SetAside(case_of(1), 2, 1, "StoredEventRefused")]
    with store.transaction() as cursor:
        cursor.execute("UPDATE events SET state = ? WHERE position = 2", (state,))
    copies.turn(store)

    assert [text for _position, text in rows(store)] == ["green", "red", "blue"]


def test_a_fault_of_the_machine_is_nobodys_case(store: Store, copies: Follower) -> None:
    def full(cursor: Cursor, page: list[Stored]) -> None:
        copy(cursor, page)
        raise StoreUnavailable("SQLITE_FULL.")

    stamp(store, 1, "red")
    with pytest.raises(StoreUnavailable):
        with_apply(copies, full).turn(store)

    assert (rows(store), store.position("copies"), copies.set_aside(store)) == ([], 0, [])


def test_a_wrong_statement_of_the_follower_is_set_aside_like_any_error(store: Store, copies: Follower) -> None:
    def wrong(cursor: Cursor, _page: list[Stored]) -> None:
        cursor.execute("INSERT INTO nowhere VALUES (1)")

    stamp(store, 1, "red")
    with_apply(copies, wrong).turn(store)
    assert copies.set_aside(store) == [SetAside(case_of(1), 2, 1, "OperationalError")]


def test_erased_events_are_followed_too(store: Store, copies: Follower, vault: Vault) -> None:
    stamp(store, 1, "red")
    stamp(store, 2, "blue")
    vault.erase_case(case_of(1))

    assert copies.turn(store) == 2
    assert rows(store) == [(4, "blue")]


def test_a_follower_that_is_reset_builds_the_same_rows_again(store: Store, copies: Follower) -> None:
    cracked.add("blue")
    stamp(store, 1, "red", "blue")
    stamp(store, 2, "green")
    copies.catch_up(store)
    cracked.clear()
    copies.reset(store)
    assert (rows(store), store.position("copies"), copies.set_aside(store)) == ([], 0, [])
    copies.catch_up(store)

    assert rows(store) == [(2, "red"), (3, "blue"), (5, "green")]


def test_a_digest_is_kept_with_the_position_that_it_belongs_to(store: Store, copies: Follower) -> None:
    def counted(cursor: Cursor, page: list[Stored]) -> None:
        held = int.from_bytes(store.digest("copies", cursor) or b"")
        store.set_position(cursor, "copies", page[-1].position, (held + len(page)).to_bytes(4))

    follower = with_apply(copies, counted)
    stamp(store, 1, "red", "blue")
    follower.turn(store)
    assert store.digest("copies") == b"\0\0\0\2"
    stamp(store, 1, "green")
    follower.turn(store)
    assert (store.position("copies"), store.digest("copies")) == (4, b"\0\0\0\3")


def test_two_followers_keep_their_own_positions(store: Store, copies: Follower) -> None:
    seen: list[int] = []
    other = Follower("other", (), lambda _cursor, page: seen.extend(item.position for item in page))
    stamp(store, 1, "red")
    copies.turn(store)
    other.turn(store)

    assert (store.position("copies"), store.position("other")) == (2, 2)
    assert seen == [1, 2]


def in_threads(*works: Callable[[], None]) -> None:
    """Run everything at once and raise what one of them raised."""
    with ThreadPoolExecutor(len(works)) as threads:
        for done in [threads.submit(work) for work in works]:
            done.result()


def test_no_committed_event_is_skipped_while_threads_write_and_others_follow(store: Store, copies: Follower) -> None:
    written = threading.Event()

    def write(number: int) -> None:
        for count in range(60):
            stamp(store, number, f"{number}.{count}")

    def write_both() -> None:
        try:
            in_threads(lambda: write(1), lambda: write(2))
        finally:
            written.set()

    def follow() -> None:
        while not written.is_set():
            copies.turn(store)
        copies.catch_up(store)

    in_threads(write_both, follow, follow)
    wanted = [item.position for item in store.page(0, 1000, TOPICS).items]

    assert len(wanted) == 120
    assert [position for position, _text in rows(store)] == wanted
