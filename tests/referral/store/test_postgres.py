"""What PostgreSQL alone can do to a store: skip, lose its connection, crash, stand still, be shared."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from parcels import Parcel, case_of, kept_in
from referral.store import Command, Store, Tracking
from referral.store.errors import (
    CommandRepeated,
    StoreAway,
    StoreInUse,
    StoreUncertain,
    TransactionOpen,
)
from referral.store.postgres import PostgresDatabase

if TYPE_CHECKING:
    from realpostgres import RealPostgres
    from referral.vault import Vault

pytestmark = pytest.mark.postgres


@pytest.fixture
def address(postgres: RealPostgres) -> str:
    return postgres.address()


def wait_for_waiter(postgres: RealPostgres, lock: str = "relation") -> None:
    """Return once a session waits for a lock: of a table, or an `advisory` one."""
    until = time.monotonic() + 30
    with postgres.link() as link:
        while time.monotonic() < until:
            row = link.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = %s", (lock,)
            ).fetchone()
            if row != (0,):
                return
    raise AssertionError("Nobody waits for a lock.")


def cut(postgres: RealPostgres, link_of: psycopg.Connection[Any]) -> None:
    """Let the server end a session, as a failover or an administrator does."""
    with postgres.link() as link:
        link.execute("SELECT pg_terminate_backend(%s, 5000)", (link_of.info.backend_pid,))


def writer_of(store: Store) -> psycopg.Connection[Any]:
    database = store._database
    assert isinstance(database, PostgresDatabase)
    return database._writer


# -- nobody who follows misses an event -------------------------------------------------------------------------------


def test_a_writer_that_pauses_before_its_commit_keeps_every_later_position_back(
    store: Store, vault: Vault, address: str, postgres: RealPostgres
) -> None:
    first_has_written, go_on = threading.Event(), threading.Event()

    def pause(_cursor: object) -> None:
        first_has_written.set()
        assert go_on.wait(60)

    with closing(PostgresDatabase(address, 0x4C465331, 1, ())) as other:
        second = Store(other, vault, store._lock)
        slow = threading.Thread(target=lambda: store.save(Parcel.make(1), rows=[pause]))
        slow.start()
        assert first_has_written.wait(60)
        quick = threading.Thread(target=lambda: second.save(Parcel.make(2)))
        quick.start()
        wait_for_waiter(postgres)

        assert store.page(0) == ([], 0)
        go_on.set()
        slow.join()
        quick.join()

    assert [(item.position, item.case) for item in store.page(0).items] == [(1, case_of(1)), (2, case_of(2))]


def test_followers_of_two_writers_see_every_event_once_and_in_order(store: Store, vault: Vault, address: str) -> None:
    seen: list[int] = []
    done = threading.Event()

    def follow() -> None:
        position = 0
        while not (done.is_set() and position == store.last_position()):
            page = store.page(position)
            seen.extend(item.position for item in page.items)
            position = page.end

    def write(own: Store, first: int) -> None:
        for number in range(first, first + 100):
            own.save(Parcel.make(number))

    with closing(PostgresDatabase(address, 0x4C465331, 1, ())) as other:
        follower = threading.Thread(target=follow)
        writers = [
            threading.Thread(target=write, args=(own, first))
            for own, first in ((store, 1), (Store(other, vault, store._lock), 1001))
        ]
        for one in (follower, *writers):
            one.start()
        for one in writers:
            one.join()
        done.set()
        follower.join()

    assert seen == list(range(1, 201))


# Holds the commit of one history back until the test lets its own lock go.
PAUSE = """
CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END$$;
CREATE CONSTRAINT TRIGGER pause AFTER INSERT ON library_events DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.originator_id = '00000000-0000-0000-0000-000000000001') EXECUTE FUNCTION pause();
"""


@pytest.mark.parametrize("functions", [True, False])
def test_the_database_functions_of_the_library_make_a_follower_pass_an_event_by(
    postgres: RealPostgres, *, functions: bool
) -> None:
    address = postgres.address()
    parts = psycopg.conninfo.conninfo_to_dict(address)
    datastore = PostgresDatastore(
        dbname="postgres",
        host=str(parts["host"]),
        port="5432",
        user=str(parts["user"]),
        password="",
        schema=str(parts["options"]).rpartition("=")[2],
        pool_size=5,
        enable_db_functions=functions,
    )
    recorder = PostgresApplicationRecorder(datastore, events_table_name="library_events")
    try:
        recorder.create_table()
        seen = seen_beside_a_pause(recorder, postgres, address, waits=not functions)
    finally:
        datastore.close()

    assert seen == ([2] if functions else [1, 2])


def seen_beside_a_pause(
    recorder: PostgresApplicationRecorder, postgres: RealPostgres, address: str, *, waits: bool
) -> list[int]:
    """Return what a follower sees in all that reads once while the first of two writers pauses, and then reads on."""
    first, second = ([StoredEvent(UUID(int=number), 1, "topic", b"x")] for number in (1, 2))
    writers = [threading.Thread(target=recorder.insert_events, args=(events,)) for events in (first, second)]
    with postgres.link(address) as link:
        link.execute(PAUSE.encode())
        link.execute("SELECT pg_advisory_lock(7)")
        writers[0].start()
        wait_for_waiter(postgres, "advisory")
        writers[1].start()
        if waits:
            wait_for_waiter(postgres)
        else:
            writers[1].join()
        seen = [one.id for one in recorder.select_notifications(0, 10)]
        link.execute("SELECT pg_advisory_unlock(7)")
    for one in writers:
        one.join()
    return seen + [one.id for one in recorder.select_notifications(max(seen, default=0) + 1, 10)]


# -- connections that are lost ----------------------------------------------------------------------------------------


def test_a_session_that_is_ended_costs_nothing_that_was_saved_and_the_store_goes_on(
    store: Store, postgres: RealPostgres
) -> None:
    store.save(Parcel.make(1))
    with store.reading():
        pass
    cut(postgres, writer_of(store))
    store.save(Parcel.make(2))

    assert [item.case for item in store.events_after(0)] == [case_of(1), case_of(2)]


def test_a_connection_lost_in_the_middle_leaves_nothing_and_the_next_try_writes_it_once(
    store: Store, postgres: RealPostgres
) -> None:
    parcel = Parcel.make(1)

    def lose(cursor: Any) -> None:
        cut(postgres, writer_of(store))
        cursor.execute("SELECT 1")

    with pytest.raises(StoreAway, match="nothing was written"):
        store.save(parcel, tracking=Tracking("log", 1, b"x"), rows=[lose])
    assert (store.last_position(), store.tracking("log")) == (0, None)
    store.save(parcel, tracking=Tracking("log", 1, b"x"))
    assert (store.last_position(), store.tracking("log")) == (1, (1, b"x"))


class Losing:
    """The writer's connection, which loses the answer to its next commit: before the server has it, or after."""

    def __init__(self, inner: psycopg.Connection[Any], postgres: RealPostgres, *, after: bool) -> None:
        self._inner, self._postgres, self._after = inner, postgres, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
        if query == "COMMIT":
            if self._after:
                self._inner.execute("COMMIT")
            cut(self._postgres, self._inner)
        return self._inner.execute(query, *arguments, **options)


def put_in(store: Store, link: Any) -> None:
    database: Any = store._database
    database._writer = link


@pytest.mark.parametrize("after", [True, False])
def test_a_commit_whose_answer_was_lost_is_asked_for_by_its_number(
    store: Store, postgres: RealPostgres, *, after: bool
) -> None:
    command = Command("key", "me", b"digest", b"answer")
    put_in(store, Losing(writer_of(store), postgres, after=after))

    if after:
        assert store.save(Parcel.make(1), command=command) == 1
        with pytest.raises(CommandRepeated):
            store.save(Parcel.make(2), command=command)
    else:
        with pytest.raises(StoreAway):
            store.save(Parcel.make(1), command=command)
        assert store.save(Parcel.make(1), command=command) == 1
    assert [item.case for item in store.events_after(0)] == [case_of(1)]


def test_a_server_that_stays_away_after_a_commit_is_no_answer(
    store: Store, postgres: RealPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("referral.store.postgres.CERTAIN_SECONDS", 0.3)
    monkeypatch.setattr("referral.store.postgres.connect", refuse)
    put_in(store, Losing(writer_of(store), postgres, after=True))

    with pytest.raises(StoreUncertain, match="not known whether"):
        store.save(Parcel.make(1))


def ignore(_position: int) -> None:
    pass


def refuse(_address: str) -> Any:
    raise StoreAway


# A process that saves without end and tells of each commit; the server is killed under it, and comes back.
WRITER = """
import sys
from pathlib import Path
from parcels import Parcel, kept_in
from referral.store import Command, Tracking
from referral.store.errors import CommandRepeated, StoreUnavailable

with kept_in(Path(sys.argv[1]), address=sys.argv[2]) as store:
    for number in range(1, 100_000):
        record = str(number).encode()
        while True:
            try:
                tracking = Tracking.of("log", number, record)
                command = Command(str(number), "me", b"digest", b"answer " + record)
                store.save(Parcel.make(number), tracking=tracking, command=command)
            except CommandRepeated:
                break
            except StoreUnavailable:
                continue
            break
        print(number, flush=True)
"""


def test_a_server_killed_under_a_writer_loses_nothing_and_doubles_nothing(
    tmp_path: Path, postgres: RealPostgres, address: str
) -> None:
    with kept_in(tmp_path, address=address):
        pass
    command = [sys.executable, "-c", WRITER, str(tmp_path), address]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as writer:
        assert writer.stdout is not None
        told = 0
        for _ in range(3):
            for _ in range(25):
                told = int(writer.stdout.readline())
            postgres.crash()
            postgres.start()
        told = int(writer.stdout.readline())
        writer.kill()
        rest = writer.stdout.read().split()
    told = int(rest[-1]) if rest else told
    with kept_in(tmp_path, address=address) as store:
        cases = [item.case for item in store.events_after(0, limit=100_000)]
        assert cases in ([case_of(n) for n in range(1, told + 1)], [case_of(n) for n in range(1, told + 2)])
        tracked = store.tracking("log")
        assert tracked is not None
        assert tracked[0] == len(cases)


def test_who_stands_still_with_the_lock_is_put_out_and_another_writes(store: Store, vault: Vault, address: str) -> None:
    with closing(PostgresDatabase(address, 0x4C465331, 1, ())) as other:
        writer_of(store).execute("SET idle_in_transaction_session_timeout = '200ms'")
        second = Store(other, vault, store._lock)
        with pytest.raises(StoreAway):
            store.save(Parcel.make(1), rows=[lambda _cursor: ignore(second.save(Parcel.make(2)))])
    assert [item.case for item in store.events_after(0)] == [case_of(2)]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask once for the right to write."""
    monkeypatch.setattr("referral.store.postgres.PEN_SECONDS", 0.0)


@pytest.mark.usefixtures("impatient")
def test_a_second_node_elsewhere_does_not_write_in_the_same_store_until_the_first_has_gone(
    tmp_path: Path, vault: Vault, address: str
) -> None:
    with Store.open(tmp_path / "store", vault, address) as store:
        store.save(Parcel.make(1))
        with pytest.raises(StoreInUse):
            Store.open(tmp_path / "another host", vault, address)
    with Store.open(tmp_path / "another host", vault, address) as store:
        assert store.save(Parcel.make(2)) == 2


@pytest.mark.usefixtures("impatient")
def test_who_has_lost_the_store_to_another_writes_nothing_more(
    tmp_path: Path, store: Store, vault: Vault, address: str, postgres: RealPostgres
) -> None:
    store.save(Parcel.make(1))
    cut(postgres, writer_of(store))
    with Store.open(tmp_path / "another host", vault, address) as second:
        second.save(Parcel.make(2))
        with pytest.raises(StoreInUse):
            store.save(Parcel.make(3))
        assert [item.case for item in second.events_after(0)] == [case_of(1), case_of(2)]


def test_a_thread_that_writes_inside_its_own_transaction_is_told_so(store: Store) -> None:
    with pytest.raises(TransactionOpen), store.transaction():
        store.save(Parcel.make(1))
    assert store.save(Parcel.make(1)) == 1


# -- being woken ------------------------------------------------------------------------------------------------------


def test_a_commit_of_another_process_wakes_who_listens_also_after_its_connection_was_lost(
    store: Store, vault: Vault, address: str, postgres: RealPostgres
) -> None:
    heard: list[int] = []
    told = threading.Condition()

    def hear(position: int) -> None:
        with told:
            heard.append(position)
            told.notify_all()

    store.listen(hear)
    with closing(PostgresDatabase(address, 0x4C465331, 1, ())) as other:
        second = Store(other, vault, store._lock)
        second.save(Parcel.make(1))
        with told:
            assert told.wait_for(lambda: heard == [1], 60)
        with postgres.link() as link:
            link.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
        second.save(Parcel.make(2))
        with told:
            assert told.wait_for(lambda: heard == [1, 2], 60)
