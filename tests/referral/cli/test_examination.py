from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from contracts.examples import example
from contracts.network import read_network, write_network
from referral.cli import examination
from referral.opening import machine_clock

if TYPE_CHECKING:
    from cli_shell import Shell


def wrong(shell: Shell) -> list[tuple[str, str]]:
    """Return the checks of `be-fp` that fail, and what to do about each."""
    ran = shell("doctor", "--node", "be-fp", "--json")
    checks: list[dict[str, Any]] = ran.json()["checks"]
    failed = [(one["name"], one["do"]) for one in checks if not one["ok"]]
    assert ran.code == (1 if failed else 0)
    return failed


def test_a_new_node_is_well(two: Shell) -> None:
    assert wrong(two) == []


def test_a_secret_that_others_may_read_is_named_with_what_to_do(two: Shell) -> None:
    (two.folder / "be-fp" / "token").chmod(0o644)

    assert wrong(two) == [("files", "chmod 600 token, and consider new keys")]


def test_a_key_file_that_others_may_read_does_not_open_the_vault(two: Shell) -> None:
    (two.folder / "be-fp" / "vault.key").chmod(0o644)

    assert [name for name, _ in wrong(two)] == ["files", "vault and store"]


def test_a_broker_that_is_gone_is_named(two: Shell) -> None:
    (two.folder / "broker.sqlite").unlink()

    assert [name for name, _ in wrong(two)] == ["broker"]


def test_a_network_file_that_does_not_go_on_from_ours_is_named(two: Shell) -> None:
    file = two.folder / "network.json"
    network = read_network(file.read_bytes())
    other = type(network)(**{**{one: getattr(network, one) for one in network.__slots__}, "notary": "http://other"})
    file.write_bytes(write_network(other))

    assert [name for name, _ in wrong(two)] == ["directory"]


@pytest.mark.parametrize(("days", "names"), [(20, []), (25, ["epoch keys"]), (40, ["epoch keys", "partners' keys"])])
def test_epoch_keys_that_run_out_are_told_in_time(
    two: Shell, monkeypatch: pytest.MonkeyPatch, days: int, names: list[str]
) -> None:
    assert two("init", "--node", "be-fp", "--renew").code == 0
    monkeypatch.setattr(examination, "machine_clock", lambda: machine_clock() + timedelta(days=days))

    assert [name for name, _ in wrong(two)] == names


def test_a_delivery_that_nobody_acknowledges_is_told_after_a_day(two: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    case = two("case", "open", "--node", "be-fp", "--json").json()["case"]
    (two.folder / "consent.json").write_text(_consent(), encoding="utf-8")
    given = ("--agency", "hu-fp", "--role", "requested", "--purpose", "share_agency", "--class", "P1")
    sent = two(
        "consent", "give", "--node", "be-fp", "--case", case, *given, "--until", "2099-01-01", "--file", "consent.json"
    )
    assert sent.code == 0
    assert wrong(two) == []

    monkeypatch.setattr(examination, "machine_clock", lambda: machine_clock() + timedelta(days=2))

    assert wrong(two) == [("deliveries", "call that agency: its node has not answered")]


def _consent() -> str:
    return json.dumps(example("consent"))
