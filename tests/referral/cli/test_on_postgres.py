"""A node made and used on PostgreSQL by the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cli_shell import Shell
    from realpostgres import RealPostgres

pytestmark = pytest.mark.postgres


def test_a_node_is_made_and_used_on_postgresql_and_keeps_no_history_in_its_folder(
    shell: Shell, postgres: RealPostgres
) -> None:
    address = postgres.address()
    made = shell.init("be-fp", "--found", "--store", address)
    opened = shell("case", "open", "--node", "be-fp", "--json")
    listed = shell("case", "list", "--node", "be-fp", "--json")

    assert (made.code, opened.code, listed.code) == (0, 0, 0)
    assert opened.json()["case"] in listed.out
    assert json.loads((shell.folder / "be-fp" / "node.json").read_text())["store"] == address
    assert not (shell.folder / "be-fp" / "events.sqlite").exists()
    with postgres.link(address) as link:
        assert link.execute("SELECT position, topic FROM events").fetchall() == [(1, "case/opened/1")]


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("postgresql://landfall:hunter2@127.0.0.1:1/referral", "store-address"),
        ("postgresql://landfall@127.0.0.1:1/referral", "store-away"),
    ],
)
def test_an_address_that_does_not_serve_makes_nothing_and_is_not_repeated(
    shell: Shell, address: str, code: str
) -> None:
    refused = shell.init("be-fp", "--found", "--store", address, "--json")

    assert (refused.code, refused.json()["error"]) == (1, code)
    assert not [word for word in ("hunter2", "127.0.0.1", "landfall@") if word in refused.out + refused.err]
    assert not (shell.folder / "be-fp").exists()


def test_two_nodes_do_not_share_a_store(shell: Shell, postgres: RealPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFERRAL_STORE", postgres.address())
    made = shell.init("be-fp", "--found")
    refused = shell.init("hu-fp", "--json")

    assert (made.code, refused.code, refused.json()["error"]) == (0, 1, "store-there")
    assert not (shell.folder / "hu-fp").exists()
