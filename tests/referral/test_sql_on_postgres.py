"""Every statement of a node is one that PostgreSQL takes, also one that no journey comes to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import referral
from parcels import kept_in
from referral.following.tables import prepare
from referral.store import statements
from referral.store.postgres import told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from realpostgres import RealPostgres

pytestmark = pytest.mark.postgres

HOME = Path(referral.__file__).parent
PLACE = re.compile(rb"%%|%s|%\([a-z_]+\)s")
UNKNOWN, BIGINT = 0, 20
SECONDS = {b"%(now)s", b"%(ahead)s", b"%(patience)s", b"%(limit)s"}  # whole numbers that are added to each other


def every_file() -> list[str]:
    """Return the files of SQL, but the vault's, which is never there, and those read with the one beside them."""
    found = (path.relative_to(HOME) for path in HOME.rglob("*.sql"))
    return sorted(str(one) for one in found if one.parts[0] != "vault" and not one.name.endswith(".postgres.sql"))


def numbered(sql: bytes) -> tuple[bytes, list[int]]:
    """Return a statement with the server's own places, one number for each name, and the types that are given."""
    names: list[bytes] = []

    def place(found: re.Match[bytes]) -> bytes:
        if found[0] == b"%%":
            return b"%"
        if found[0] == b"%s" or found[0] not in names:
            names.append(found[0])
        number = len(names) if found[0] == b"%s" else names.index(found[0]) + 1
        return b"$%d" % number

    text = PLACE.sub(place, sql)
    return text, [BIGINT if name in SECONDS else UNKNOWN for name in names]


def asked(file: str) -> Iterator[tuple[str, bytes]]:
    """Return name and text of what is asked of tables that are there."""
    room, _, name = file.rpartition("/")
    package, inner = (
        ("referral.store", f"sql/{name}") if room == "store/sql" else (f"referral.{room}".rstrip("."), name)
    )
    for one, text in statements(package, inner).items():
        if not text.startswith(("CREATE", "ALTER")):
            yield one, told(text)


def test_every_statement_is_taken(tmp_path: Path, postgres: RealPostgres) -> None:
    address = postgres.address()
    with kept_in(tmp_path, address=address) as store:
        prepare(store)
        refused = dict(_refused(postgres, address))

    assert len(every_file()) > 10
    assert refused == {}


def _refused(postgres: RealPostgres, address: str) -> Iterator[tuple[str, str]]:
    with postgres.link(address) as link:
        for file in every_file():
            for name, text in asked(file):
                result = link.pgconn.prepare(f"{file}:{name}".encode(), *numbered(text))
                if result.error_message:
                    yield f"{file}:{name}", result.error_message.decode()
