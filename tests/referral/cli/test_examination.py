from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from contracts.examples import example
from contracts.network import read_network, write_network
from referral.cli import examination, lasting
from referral.opening import machine_clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli_shell import Shell


@pytest.fixture(autouse=True)
def disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Give a disk of a test's own, half full: this machine's may be full."""

    def fill(percent: int) -> None:
        monkeypatch.setattr(examination, "used_of", lambda _folder: lambda: percent / 100)

    fill(50)
    return fill


def checks(shell: Shell) -> dict[str, dict[str, Any]]:
    """Return every check of `be-fp` by its name."""
    return {one["name"]: one for one in shell("doctor", "--node", "be-fp", "--json").json()["checks"]}


def wrong(shell: Shell) -> list[tuple[str, str]]:
    """Return the checks of `be-fp` that fail, and what to do about each."""
    ran = shell("doctor", "--node", "be-fp", "--json")
    checks: list[dict[str, Any]] = ran.json()["checks"]
    failed = [(one["name"], one["do"]) for one in checks if not one["ok"]]
    assert ran.code == (1 if failed else 0)
    return failed


def test_a_new_node_is_well(two: Shell) -> None:
    assert wrong(two) == []
    assert list(checks(two)) == [
        *("library", "files", "folder", "disk", "root file", "directory", "vault and store", "store file", "running"),
        *("signing key", "epoch keys", "partners' keys", "broker", "notary", "clock"),
        *("deliveries", "lists", "followers", "parked", "alarms"),
    ]


@pytest.mark.parametrize(
    ("percent", "do"),
    [
        (79, None),
        (80, "make room before it is full"),
        (90, "make room now: commands that are not urgent are refused"),
        (95, "make room now: reading the inbox stops"),
    ],
)
def test_a_disk_that_fills_is_told_before_each_limit(
    two: Shell, disk: Callable[[int], None], percent: int, do: str | None
) -> None:
    disk(percent)

    assert wrong(two) == ([] if do is None else [("disk", do)])


def test_a_folder_that_others_may_change_and_a_vault_that_they_may_look_into_are_named(two: Shell) -> None:
    (two.folder / "be-fp").chmod(0o777)
    (two.folder / "be-fp" / "vault").chmod(0o755)

    assert wrong(two)[0] == ("folder", "chmod go-w be-fp; chmod 700 be-fp/vault")


def test_a_root_file_that_nobody_agreed_on_is_named(two: Shell) -> None:
    file = two.folder / "be-fp" / "network.json"
    file.write_bytes(file.read_bytes() + b" ")

    assert wrong(two)[0][0] == "root file"


def test_the_agreed_digest_is_shown_to_be_compared(two: Shell) -> None:
    agreed = json.loads((two.folder / "be-fp" / "node.json").read_text(encoding="utf-8"))["root"]

    assert checks(two)["root file"]["found"] == f"training, the one that was agreed on: {agreed}"


@pytest.mark.parametrize(("days", "ok"), [(31, True), (29, False), (-1, False)])
def test_a_certificate_is_told_of_thirty_days_before_its_end(
    two: Shell, monkeypatch: pytest.MonkeyPatch, days: int, ok: bool
) -> None:
    until = datetime.now(UTC) + timedelta(days=days, minutes=5)
    monkeypatch.setattr(lasting, "ends", lambda _pem: until)
    (two.folder / "be-fp" / "broker.crt").write_text("a certificate", encoding="ascii")
    found = checks(two)["broker certificate"]

    assert (found["ok"], found["found"]) == (ok, f"until {until:%Y-%m-%d}, {max(days, 0)} days")


def test_what_is_no_certificate_is_named(two: Shell) -> None:
    (two.folder / "be-fp" / "broker.crt").write_text("no certificate", encoding="ascii")

    assert [name for name, _ in wrong(two)] == ["broker certificate"]


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
