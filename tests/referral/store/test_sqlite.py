from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from pysqlite3 import dbapi2

from referral.store import sqlite
from referral.store.errors import (
    StoreDamaged,
    StoreInUse,
    StoreLibraryUnsafe,
    StoreMissing,
    StoreNewer,
    StoreUnavailable,
    TransactionOpen,
)
from referral.store.sqlite import Database, WriterLock, check_library, connect, immediate

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = ("CREATE TABLE notes (note TEXT NOT NULL) STRICT",)
MARK = 0x4C465431


def opened(path: Path, **settings: bool) -> Database:
    return Database(path, MARK, 1, SCHEMA, **settings)


def notes(database: Database) -> list[str]:
    with database.reading() as cursor:
        return [note for (note,) in cursor.execute("SELECT note FROM notes ORDER BY rowid")]


@pytest.mark.parametrize("version", [(3, 7, 0), (3, 40, 1), (3, 51, 2)])
def test_a_library_with_the_wal_reset_bug_is_refused(version: tuple[int, ...]) -> None:
    with pytest.raises(StoreLibraryUnsafe, match=r"install pysqlite3 0\.6\.1 or newer.*Found 3\."):
        check_library(version)


@pytest.mark.parametrize("version", [(3, 6, 23), (3, 51, 3), (3, 53, 4)])
def test_a_library_without_the_bug_is_taken(version: tuple[int, ...]) -> None:
    check_library(version)


def test_nothing_opens_on_an_unsafe_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbapi2, "sqlite_version_info", (3, 50, 4))
    with pytest.raises(StoreLibraryUnsafe):
        connect(tmp_path / "notes.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_the_library_that_ships_is_safe_and_the_interpreters_own_is_left_alone() -> None:
    check_library()
    code = "import referral.store, referral.vault, sys; assert 'sqlite3' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert sqlite3.connect.__module__ == "_sqlite3"


def test_a_connection_syncs_fully_in_wal_with_large_pages(tmp_path: Path) -> None:
    database = opened(tmp_path / "notes.sqlite")
    with database.reading() as cursor:
        found = {
            name: cursor.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "page_size", "foreign_keys", "trusted_schema", "query_only")
        }
    database.close()

    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "page_size": 16_384,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "query_only": 1,
    }


def test_files_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    database = opened(tmp_path / "room" / "notes.sqlite")
    with database.writing() as cursor:
        cursor.execute("INSERT INTO notes VALUES ('x')")
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (tmp_path / "room").iterdir()}
    database.close()

    assert modes == {"notes.sqlite": "0o600", "notes.sqlite-shm": "0o600", "notes.sqlite-wal": "0o600"}
    assert (tmp_path / "room").stat().st_mode & 0o777 == 0o700


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    database = opened(tmp_path / "notes.sqlite")

    def fail() -> None:
        with database.writing() as cursor:
            cursor.execute("INSERT INTO notes VALUES ('x')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.writing() as cursor:
        cursor.execute("INSERT INTO notes VALUES ('y')")

    assert notes(database) == ["y"]


def test_a_writer_that_reads_first_never_fails_on_a_busy_lock(tmp_path: Path) -> None:
    def add() -> None:
        for _ in range(25):
            with immediate(connection_of[threading.current_thread().name]) as cursor:
                (count,) = cursor.execute("SELECT count(*) FROM notes").fetchone()
                cursor.execute("INSERT INTO notes VALUES (?)", (str(count),))

    opened(tmp_path / "notes.sqlite").close()
    connection_of = {str(number): connect(tmp_path / "notes.sqlite") for number in range(4)}
    threads = [threading.Thread(target=add, name=name) for name in connection_of]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert notes(opened(tmp_path / "notes.sqlite")) == [str(number) for number in range(100)]


def test_a_reader_sees_one_state_from_first_to_last_statement(tmp_path: Path) -> None:
    database = opened(tmp_path / "notes.sqlite")
    with database.reading() as cursor:
        before = cursor.execute("SELECT count(*) FROM notes").fetchone()
        with database.writing() as writer:
            writer.execute("INSERT INTO notes VALUES ('x')")
        after = cursor.execute("SELECT count(*) FROM notes").fetchone()

    assert (before, after) == ((0,), (0,))
    assert notes(database) == ["x"]


def test_a_transaction_inside_a_transaction_is_refused(tmp_path: Path) -> None:
    database = opened(tmp_path / "notes.sqlite")
    inner = database.writing()
    with database.writing() as cursor, pytest.raises(TransactionOpen):
        inner.__enter__()
    cursor.execute("SELECT 1")

    assert notes(database) == []


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    database = opened(tmp_path / "notes.sqlite")
    with pytest.raises(StoreUnavailable, match="SQLITE_READONLY"), database.reading() as cursor:
        cursor.execute("INSERT INTO notes VALUES ('x')")
    assert notes(database) == []


def test_changes_are_told_across_connections(tmp_path: Path) -> None:
    ours, theirs = opened(tmp_path / "notes.sqlite"), opened(tmp_path / "notes.sqlite")
    before = ours.changes()
    assert ours.changes() == before
    with theirs.writing() as cursor:
        cursor.execute("INSERT INTO notes VALUES ('x')")
    assert ours.changes() != before


def test_a_closed_file_says_so(tmp_path: Path) -> None:
    database = opened(tmp_path / "notes.sqlite")
    database.close()
    with pytest.raises(StoreUnavailable, match="It is closed"):
        notes(database)


def test_a_folder_without_a_store_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing):
        opened(tmp_path / "notes.sqlite", read_only=True)
    (tmp_path / "notes.sqlite").touch()
    with pytest.raises(StoreMissing):
        opened(tmp_path / "notes.sqlite", read_only=True)


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be looked at" * 40, b"SQLite format 3\x00" * 99]
)
def test_a_file_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "notes.sqlite").write_bytes(content)
    with pytest.raises(StoreDamaged):
        opened(tmp_path / "notes.sqlite")
    assert (tmp_path / "notes.sqlite").read_bytes() == content


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    other = connect(tmp_path / "notes.sqlite")
    other.execute("CREATE TABLE recipes (text TEXT)")
    other.close()
    with pytest.raises(StoreDamaged):
        opened(tmp_path / "notes.sqlite")


def test_a_file_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    Database(tmp_path / "notes.sqlite", MARK, 2, SCHEMA).close()
    with pytest.raises(StoreNewer):
        opened(tmp_path / "notes.sqlite")


def test_a_folder_has_one_writer(tmp_path: Path) -> None:
    lock = WriterLock(tmp_path)
    with pytest.raises(StoreInUse, match="stop it"):
        WriterLock(tmp_path)
    lock.release()
    WriterLock(tmp_path).release()


def test_the_writers_lock_goes_with_its_process_however_it_ends(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from referral.store.sqlite import WriterLock\n"
        "lock = WriterLock(pathlib.Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StoreInUse):
            WriterLock(tmp_path)
        holder.kill()
    WriterLock(tmp_path).release()


def test_a_machine_fault_is_told_from_a_wrong_statement(tmp_path: Path) -> None:
    connection = connect(tmp_path / "notes.sqlite")
    with pytest.raises(sqlite.OperationalError) as wrong:
        connection.execute("SELECT * FROM nowhere")
    connection.execute("PRAGMA query_only=ON")
    with pytest.raises(sqlite.OperationalError) as fault:
        connection.execute("CREATE TABLE notes (note TEXT)")

    assert not sqlite.is_machine_fault(wrong.value)
    assert sqlite.is_machine_fault(fault.value)
    assert sqlite.is_machine_fault(StoreUnavailable())
    assert not sqlite.is_machine_fault(ValueError())
