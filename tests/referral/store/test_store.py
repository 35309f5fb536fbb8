from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from eventsourcing.domain import BaseAggregate

from contracts.encoding import blake
from contracts.labels import RECORD
from parcels import NOON, Parcel, case_of, cheap, kept_in, opened_event, stamped_event
from referral.errors import CommandConflict
from referral.store import Command, Erased, Store, Stored, Tracking, Unreadable
from referral.store.errors import (
    AggregateWrong,
    CommandRepeated,
    Conflict,
    KeysMissing,
    StoredEventRefused,
    StoreInUse,
    StoreLost,
    StoreMissing,
    StoreUnavailable,
    TrackingConflict,
)
from referral.store.sqlite import connect
from referral.vault import Vault
from referral.vault.errors import CaseErased

if TYPE_CHECKING:
    from pathlib import Path

    from referral.store import Cursor


def stamped(number: int, *stamps: str) -> Parcel:
    parcel = Parcel.make(number)
    for stamp in stamps:
        parcel.stamp(stamp)
    return parcel


def stamps(store: Store, number: int) -> list[object]:
    parcel = store.load(case_of(number), Parcel)
    assert parcel is not None
    return parcel.stamps


def everything(store: Store) -> tuple[object, ...]:
    with store.reading() as cursor:
        tables = ("events", "tracking", "commands", "positions", "set_aside")
        return tuple(cursor.execute(f"SELECT * FROM {table}").fetchall() for table in tables)  # noqa: S608 - five names from above


def test_a_history_saved_is_the_history_loaded(store: Store) -> None:
    assert store.load(case_of(1)) is None
    assert store.save(stamped(1, "red", "blue")) == 3
    parcel = store.load(case_of(1), Parcel)
    assert parcel is not None
    assert (parcel.label, parcel.stamps, parcel.version) == ("fragile", ["red", "blue"], 3)
    parcel.stamp("green")
    assert store.save(parcel) == 4
    assert stamps(store, 1) == ["red", "blue", "green"]


def test_one_event_is_read_by_its_version(store: Store) -> None:
    store.save(stamped(1, "red", "blue"))

    assert store.event(case_of(1), 3) == stamped_event(1, 3, "blue")
    with pytest.raises(StoredEventRefused, match="It is not there"):
        store.event(case_of(1), 4)


def test_a_history_of_another_kind_is_refused(store: Store) -> None:
    class Letter(BaseAggregate[UUID]):
        pass

    store.save(stamped(1))
    with pytest.raises(AggregateWrong):
        store.load(case_of(1), Letter)


def test_the_sequence_holds_every_event_in_the_order_of_commits(store: Store) -> None:
    store.save(stamped(2, "red"), stamped(1))
    store.save(stamped(3))

    assert store.events_after(0) == [
        Stored(1, opened_event(2), case_of(2)),
        Stored(2, stamped_event(2, 2, "red"), case_of(2)),
        Stored(3, opened_event(1), case_of(1)),
        Stored(4, opened_event(3), case_of(3)),
    ]
    assert [item.position for item in store.events_after(1, limit=2)] == [2, 3]
    assert [item.position for item in store.events_after(0, topics=["parcel/stamped/1"])] == [2]
    assert store.events_after(4) == []


def test_a_page_says_up_to_where_nothing_is_left_out(store: Store) -> None:
    store.save(stamped(1, "red", "blue", "green"))

    assert store.page(0, 2).end == 2
    assert store.page(0, 2, ["parcel/opened/1"]).end == 4
    assert store.page(0, 2, ["parcel/stamped/1"]).end == 3
    assert store.page(4) == ([], 4)
    assert store.page(9) == ([], 9)


def test_a_part_of_the_sequence_belongs_to_one_case(store: Store) -> None:
    store.save(stamped(1, "red"), stamped(2, "blue"))
    store.save(stamped(3))
    parcel = store.load(case_of(1), Parcel)
    assert parcel is not None
    parcel.stamp("green")
    store.save(parcel)

    assert [item.position for item in store.part(case_of(1), 2, 6)] == [2, 6]
    assert [item.position for item in store.part(case_of(1), 1, 6, ["parcel/opened/1"])] == [1]
    assert store.part(case_of(1), 3, 5) == []


def test_two_writers_of_one_history_conflict_and_the_second_changes_nothing(store: Store) -> None:
    store.save(stamped(1))
    first, second = store.load(case_of(1), Parcel), store.load(case_of(1), Parcel)
    assert first is not None
    assert second is not None
    first.stamp("red")
    second.stamp("blue")
    store.save(first)
    before = everything(store)
    with pytest.raises(Conflict, match="load it again"):
        store.save(stamped(2), second, tracking=Tracking("log", 1, b"x"), command=Command("key", "me", b"d", b"a"))

    assert everything(store) == before
    assert [event.originator_version for event in second.pending_events] == [2]


def test_events_position_answer_and_rows_are_one_transaction(store: Store) -> None:
    def fail(cursor: Cursor) -> None:
        cursor.execute("INSERT INTO positions VALUES ('follower', 7, NULL)")
        raise ZeroDivisionError

    command = Command("key", "me", b"digest", b"answer")
    tracking = Tracking.of("log", 5, b"record")
    before = everything(store)
    with pytest.raises(ZeroDivisionError):
        store.save(stamped(1), tracking=tracking, command=command, rows=[fail])
    assert everything(store) == before

    store.save(
        stamped(1),
        tracking=tracking,
        command=command,
        rows=[lambda cursor: store.set_position(cursor, "follower", 1, b"so far")],
    )
    assert store.last_position() == 1
    assert store.tracking("log") == (5, blake(RECORD, b"record"))
    assert (store.position("follower"), store.digest("follower")) == (1, b"so far")
    answer = store.command("key")
    assert answer is not None
    assert answer.to("me", b"digest") == b"answer"


def test_a_position_is_stored_without_any_event(store: Store) -> None:
    assert store.tracking("log") is None
    assert store.save(tracking=Tracking("log", 0, b"first")) == 0
    assert store.save(tracking=Tracking("log", 7, b"eighth")) == 0
    assert store.tracking("log") == (7, b"eighth")


@pytest.mark.parametrize("offset", [6, 7])
def test_a_position_that_stands_already_rolls_back_what_came_with_it(store: Store, offset: int) -> None:
    store.save(tracking=Tracking("log", 7, b"x"))
    before = everything(store)
    with pytest.raises(TrackingConflict):
        store.save(stamped(1), tracking=Tracking("log", offset, b"y"))

    assert everything(store) == before
    assert store.save(tracking=Tracking("another log", offset, b"y")) == 0


def test_a_command_repeated_gets_its_first_answer_and_makes_nothing_new(store: Store) -> None:
    store.save(stamped(1), command=Command("key", "me", b"digest", b"first"))
    before = everything(store)
    with pytest.raises(CommandRepeated) as repeated:
        store.save(stamped(1, "again"), command=Command("key", "me", b"digest", b"second"))

    assert repeated.value.answer == b"first"
    assert everything(store) == before


@pytest.mark.parametrize(("principal", "digest"), [("me", b"other"), ("you", b"digest")])
def test_the_key_of_a_command_serves_one_request_of_one_principal(store: Store, principal: str, digest: bytes) -> None:
    store.save(stamped(1), command=Command("key", "me", b"digest", b"answer"))
    before = everything(store)
    with pytest.raises(CommandConflict, match="draw a new key"):
        store.save(stamped(2), command=Command("key", principal, digest, b"answer"))
    answer = store.command("key")
    assert answer is not None
    with pytest.raises(CommandConflict):
        answer.to(principal, digest)

    assert everything(store) == before


def test_an_unknown_command_has_no_answer(store: Store) -> None:
    assert store.command("key") is None


def test_an_answer_moved_to_another_key_is_refused(store: Store) -> None:
    store.save(command=Command("one", "me", b"d", b"for one"))
    store.save(command=Command("two", "me", b"d", b"for two"))
    with store.transaction() as cursor:
        (one, of_one), (two, of_two) = cursor.execute("SELECT key_hash, sealed FROM commands").fetchall()
        cursor.execute("UPDATE commands SET sealed = ? WHERE key_hash = ?", (of_two, one))
        cursor.execute("UPDATE commands SET sealed = ? WHERE key_hash = ?", (of_one, two))
    for key in ("one", "two"):
        with pytest.raises(StoredEventRefused, match="the answer to a command"):
            store.command(key)


def test_nothing_that_was_said_stands_in_any_file_in_the_clear(tmp_path: Path) -> None:
    with kept_in(tmp_path) as store:
        parcel = stamped(1, "Maria Popescu")
        store.save(parcel, command=Command("Maria Popescu", "Maria Popescu", b"Maria Popescu", b"Maria Popescu"))
        files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]

    assert sum(map(len, files)) > 100_000
    assert not any(word in content for content in files for word in (b"Maria", b"TWFyaWE", b"fragile"))


def test_an_erased_case_reads_as_erased_and_the_sequence_goes_on(store: Store, vault: Vault) -> None:
    store.save(stamped(1, "red"), stamped(2))
    vault.erase_case(case_of(1))

    assert [item.event for item in store.events_after(0)] == [
        Erased(UUID(int=1), 1, "parcel/opened/1"),
        Erased(UUID(int=1), 2, "parcel/stamped/1"),
        opened_event(2),
    ]
    with pytest.raises(CaseErased):
        store.load(case_of(1))
    with pytest.raises(CaseErased):
        store.event(case_of(1), 1)


def test_an_erased_case_is_never_opened_again(store: Store, vault: Vault) -> None:
    parcel = stamped(1)
    store.save(parcel)
    vault.erase_case(case_of(1))
    parcel.stamp("late")
    before = everything(store)
    for late in (parcel, stamped(1)):
        with pytest.raises(CaseErased):
            store.save(late)

    assert everything(store) == before


def test_an_event_taken_out_of_the_middle_is_missed(store: Store) -> None:
    store.save(stamped(1, "red", "blue"))
    with store.transaction() as cursor:
        cursor.execute("DELETE FROM events WHERE position = 2")
    with pytest.raises(StoredEventRefused, match="Event 2 of this history is not there"):
        store.load(case_of(1))


def test_a_changed_event_is_refused_in_its_place_and_the_others_are_read(store: Store) -> None:
    store.save(stamped(1, "red"), stamped(2))
    with store.transaction() as cursor:
        cursor.execute("UPDATE events SET topic = 'parcel/opened/1' WHERE position = 2")
    items = store.page(0).items

    assert [type(item) for item in items] == [Stored, Unreadable, Stored]
    assert (items[1].position, items[1].case) == (2, case_of(1))
    with pytest.raises(StoredEventRefused):
        store.events_after(0)
    with pytest.raises(StoredEventRefused):
        store.load(case_of(1))


def test_one_process_writes_and_others_read_beside_it(tmp_path: Path, store: Store, vault: Vault, address: str) -> None:
    store.save(stamped(1, "red"))
    with pytest.raises(StoreInUse):
        Store.open(tmp_path / "store", vault, address)
    with Store.open_reader(tmp_path / "store", vault, address) as reader:
        assert stamps(reader, 1) == ["red"]
        with pytest.raises(StoreUnavailable, match="opened for reading"):
            reader.save(stamped(2))
        store.save(stamped(3))
        assert reader.last_position() == 3


def test_a_folder_without_a_store_is_not_read(tmp_path: Path, vault: Vault, address: str) -> None:
    with pytest.raises(StoreMissing):
        Store.open_reader(tmp_path / "nowhere", vault, address)
    assert not (tmp_path / "nowhere").exists()


def test_a_store_closed_and_opened_again_holds_what_it_held(tmp_path: Path, address: str) -> None:
    with kept_in(tmp_path, address=address) as store:
        store.save(stamped(1, "red"), tracking=Tracking("log", 3, b"x"), command=Command("key", "me", b"d", b"a"))
        before = everything(store)
    with kept_in(tmp_path, address=address) as store:
        assert everything(store) == before
        assert stamps(store, 1) == ["red"]
        assert store.save(stamped(2)) == 3


def test_a_closed_store_says_so(tmp_path: Path, vault: Vault, address: str) -> None:
    store = Store.open(tmp_path / "store", vault, address)
    store.close()
    store.close()
    with pytest.raises(StoreUnavailable):
        store.load(case_of(1))
    Store.open(tmp_path / "store", vault, address).close()


@pytest.mark.parametrize("left", [None, b""])
def test_a_start_without_the_store_that_its_vault_knows_is_refused(
    tmp_path: Path, vault: Vault, left: bytes | None
) -> None:
    with Store.open(tmp_path / "store", vault) as store:
        store.save(stamped(1))
    for file in (tmp_path / "store").glob("events.sqlite*"):
        file.unlink()
    if left is not None:
        (tmp_path / "store" / "events.sqlite").write_bytes(left)

    with pytest.raises(StoreLost):
        Store.open(tmp_path / "store", vault)
    assert (tmp_path / "store" / "events.sqlite").exists() == (left is not None)


def test_a_start_with_an_older_vault_is_refused_and_names_the_cases(tmp_path: Path, vault: Vault, address: str) -> None:
    with Store.open(tmp_path / "store", vault, address) as store:
        store.save(*(stamped(number) for number in range(1, 6)))
        vault.erase_case(case_of(5))
    with Vault.create(tmp_path / "elsewhere" / "older", cheap(), lambda: NOON) as older:
        older.open_case(case_of(1))
        with pytest.raises(KeysMissing, match=f"5 of them: {case_of(1)}, {case_of(2)}, .*{case_of(5)}") as missing:
            Store.open(tmp_path / "store", older, address)
        with pytest.raises(KeysMissing):
            Store.open_reader(tmp_path / "store", older, address)

    assert missing.value.names == tuple(case_of(number) for number in range(1, 6))
    Store.open(tmp_path / "store", vault, address).close()


def test_a_position_is_never_given_twice(store: Store) -> None:
    store.save(stamped(1, "red", "blue"))
    with store.transaction() as cursor:
        cursor.execute("DELETE FROM events")
    assert store.save(stamped(2)) == 4


def test_a_store_of_another_version_of_the_file_is_refused(tmp_path: Path, vault: Vault) -> None:
    Store.open(tmp_path / "store", vault).close()
    connection = connect(tmp_path / "store" / "events.sqlite")
    connection.execute("PRAGMA user_version=2")
    connection.close()
    with pytest.raises(Exception, match="A newer release wrote this file"):
        Store.open(tmp_path / "store", vault)
    # The lock was let go, so that the newer release can start.
    connection = connect(tmp_path / "store" / "events.sqlite")
    connection.execute("PRAGMA user_version=1")
    connection.close()
    Store.open(tmp_path / "store", vault).close()


def test_a_commit_wakes_who_waits_and_who_listens(store: Store) -> None:
    heard: list[int] = []
    woken: list[int] = []
    end = store.listen(heard.append)
    waiting = threading.Thread(target=lambda: woken.append(store.wait(0, 60)))
    waiting.start()
    store.save(stamped(1, "red"))
    waiting.join()
    end()
    end()
    store.save(stamped(2))

    assert woken == [2]
    assert heard == [2]
    assert store.wait(0, 60) == 3


def test_who_waits_for_nothing_comes_back(store: Store) -> None:
    store.save(tracking=Tracking("log", 1, b"x"))
    assert store.wait(0, 0.01) == 0


def test_a_closed_store_wakes_who_waits(tmp_path: Path, vault: Vault, address: str) -> None:
    store = Store.open(tmp_path / "store", vault, address)
    waiting = threading.Thread(target=lambda: store.wait(0, 60))
    waiting.start()
    store.close()
    waiting.join()


def test_a_reader_in_another_process_is_woken_too(tmp_path: Path, store: Store, vault: Vault, address: str) -> None:
    with Store.open_reader(tmp_path / "store", vault, address) as reader:
        woken: list[int] = []
        waiting = threading.Thread(target=lambda: woken.append(reader.wait(0, 60)))
        waiting.start()
        store.save(stamped(1))
        waiting.join()

    assert woken == [1]


def test_many_threads_save_and_nothing_is_lost(store: Store) -> None:
    def work(first: int) -> None:
        for number in range(first, first + 20):
            store.save(stamped(number, "red"))
            assert stamps(store, number) == ["red"]

    threads = [threading.Thread(target=work, args=(1 + 100 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [item.position for item in store.events_after(0)] == list(range(1, 161))
