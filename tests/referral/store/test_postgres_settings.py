"""How a store in PostgreSQL is addressed and told things, and what it refuses to be."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from parcels import Parcel, kept_in
from referral.store import Command, Store
from referral.store.errors import StoreAddressRefused, StoreAway, StoreLost, StoreNewer, StoreUnfit
from referral.store.postgres import PostgresDatabase, check_address, told
from referral.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from realpostgres import RealPostgres
    from referral.vault import Vault

pytestmark = pytest.mark.postgres


@pytest.fixture
def address(postgres: RealPostgres) -> str:
    return postgres.address()


def writer_of(store: Store) -> psycopg.Connection[Any]:
    database = store._database
    assert isinstance(database, PostgresDatabase)
    return database._writer


def test_statements_are_told_in_the_words_of_the_other_database() -> None:
    table = (
        "CREATE TABLE IF NOT EXISTS a (\n    b TEXT PRIMARY KEY,\n    c INTEGER,\n    d BLOB\n) STRICT, WITHOUT ROWID"
    )
    row = "INSERT INTO a (b, c) VALUES (:b, ?) -- 100%"
    other = Statement("SELECT MAX(1, 2)", "SELECT GREATEST(?, ':no?')")

    assert told(table) == (
        b'CREATE TABLE IF NOT EXISTS a (\n    b TEXT COLLATE "C" PRIMARY KEY,\n    c BIGINT,\n    d BYTEA\n)'
    )
    assert told(row) == b"INSERT INTO a (b, c) VALUES (%(b)s, %s) -- 100%%"
    assert told(other) == b"SELECT GREATEST(%s, ':no?')"
    assert told("SELECT MAX(1, 2)") == b"SELECT MAX(1, 2)"


@pytest.mark.parametrize(
    "given",
    [
        "postgresql://me:secret@localhost/referral",
        "postgresql://me@localhost/referral?password=secret",
        "host=localhost password=secret",
        "postgresql://me@localhost/referral?colour=blue",
        "nonsense",
    ],
)
def test_an_address_with_a_password_or_out_of_form_is_refused_and_not_repeated(given: str) -> None:
    with pytest.raises(StoreAddressRefused) as refused:
        check_address(given)
    assert "secret" not in str(refused.value)
    assert "localhost" not in str(refused.value)


def test_a_wrong_password_is_neither_told_nor_logged(
    tmp_path: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PGPASSWORD", "secret-of-the-store")
    caplog.set_level(logging.DEBUG)
    with pytest.raises(StoreAway) as away:
        Store.open(tmp_path / "store", vault, "postgresql://someone@127.0.0.1:1/referral")
    told_of = str(away.value) + repr(away.value.__cause__) + caplog.text
    assert not [word for word in ("secret-of-the-store", "someone", "127.0.0.1") if word in told_of]


def test_libpq_finds_what_the_address_leaves_out(
    tmp_path: Path, vault: Vault, postgres: RealPostgres, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = psycopg.conninfo.conninfo_to_dict(address)
    services = tmp_path / "services.conf"
    services.write_text(f"[landfall]\nhost={parts['host']}\nuser={parts['user']}\ndbname=postgres\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    monkeypatch.setenv("PGOPTIONS", str(parts["options"]))
    with Store.open(tmp_path / "store", vault, "service=landfall") as store:
        store.save(Parcel.make(1))
    with postgres.link(address) as link:
        assert link.execute("SELECT count(*) FROM events").fetchone() == (1,)


# -- what it is -------------------------------------------------------------------------------------------------------


def test_a_commit_waits_for_the_disk_whatever_the_database_says(
    tmp_path: Path, vault: Vault, postgres: RealPostgres, address: str
) -> None:
    lazy = address.replace("csearch_path", "csynchronous_commit%3Doff%20-csearch_path")
    with postgres.link(lazy) as link:
        assert link.execute("SHOW synchronous_commit").fetchone() == ("off",)
    with Store.open(tmp_path / "store", vault, lazy) as store:
        assert writer_of(store).execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_a_database_that_keeps_no_unicode_is_refused(tmp_path: Path, vault: Vault, postgres: RealPostgres) -> None:
    with postgres.link() as link:
        link.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'")
    with pytest.raises(StoreUnfit, match="createdb --encoding=UTF8"):
        Store.open(tmp_path / "store", vault, postgres.address().replace("/postgres?", "/latin?"))


def test_a_start_without_the_tables_that_its_vault_knows_is_refused(
    tmp_path: Path, vault: Vault, postgres: RealPostgres, address: str
) -> None:
    with Store.open(tmp_path / "store", vault, address) as store:
        store.save(Parcel.make(1))
    with postgres.link(address) as link:
        link.execute("DROP TABLE events, landfall, last_event")
    with pytest.raises(StoreLost):
        Store.open(tmp_path / "store", vault, address)


def test_tables_of_a_newer_release_are_refused(
    tmp_path: Path, vault: Vault, postgres: RealPostgres, address: str
) -> None:
    Store.open(tmp_path / "store", vault, address).close()
    with postgres.link(address) as link:
        link.execute("UPDATE landfall SET form = 2")
    with pytest.raises(StoreNewer):
        Store.open(tmp_path / "store", vault, address)


def test_nothing_that_was_said_stands_in_any_file_of_the_server_in_the_clear(
    tmp_path: Path, postgres: RealPostgres, address: str
) -> None:
    with kept_in(tmp_path, address=address) as store:
        parcel = Parcel.make(1)
        parcel.stamp("Maria Popescu")
        store.save(parcel, command=Command("Maria Popescu", "Maria Popescu", b"Maria Popescu", b"Maria Popescu"))
    with postgres.link() as link:
        link.execute("CHECKPOINT")
    found = set(_words_in(postgres.folder, b"Popescu", b"UG9wZXNjd", b"fragile", b"parcel/opened/1"))
    assert found == {b"parcel/opened/1"}  # what is not sealed is found, so the search can find


def _words_in(folder: Path, *words: bytes) -> Iterator[bytes]:
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            yield from (word for word in words if word in content)
