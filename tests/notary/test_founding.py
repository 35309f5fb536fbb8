"""A network of several governors is founded by one file without a secret; what is wrong with it is refused by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from contracts import tlog
from contracts.encoding import b64
from contracts.network import Governors, check_root
from contracts.signing import public_signing
from notary.cli import app
from small_network import seed

if TYPE_CHECKING:
    from pathlib import Path

LOG = tlog.make_signer("log.example/corridor", bytes(32)).key
OTHER = tlog.make_signer("log.example/other", bytes(32)).key
WITNESS = tlog.make_signer("witness.example", bytes(32), tlog.COSIGNATURE).key
KEYS = [public_signing(seed("founder", str(number))) for number in range(3)]


def found(out: Path, **changes: Any) -> Any:
    """Run `notary found` with three governors of whom two must agree, and with changes."""
    given = {
        "name": "corridor",
        "log_key": str(LOG),
        "notary": "https://log.example.org",
        "governor": [b64(key) for key in KEYS],
        "must_agree": "2",
    } | changes
    words = [given.pop("name"), "--out", str(out), "--json"]
    for option, value in given.items():
        for one in value if isinstance(value, list) else [value]:
            words += [f"--{option.replace('_', '-')}", one]
    return CliRunner().invoke(app, ["found", *words])


def test_a_network_of_three_governors_is_founded_and_known_by_its_digest(tmp_path: Path) -> None:
    out, policy, ca = tmp_path / "network.json", tmp_path / "policy", tmp_path / "ca"
    policy.write_text(f"log {LOG}\nwitness one {WITNESS} https://w.example\nquorum one\n", encoding="utf-8")
    ca.write_text("-----BEGIN CERTIFICATE-----\n", encoding="ascii")
    done = found(out, policy=str(policy), broker=["a.example:9093", "b.example:9093"], ca=str(ca))
    assert done.exit_code == 0, done.output
    network = check_root(out.read_bytes(), json.loads(done.output)["root"])
    assert (network.name, network.training, network.log.key) == ("corridor", True, str(LOG))
    assert network.governors == Governors(2, tuple(KEYS))
    assert tlog.read_policy(network.policy.encode()).asks_for_witnesses
    assert network.brokers.addresses == ("a.example:9093", "b.example:9093")
    assert network.directory().agencies == {}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"must_agree": "4"}, "more than there are governors"),
        ({"must_agree": "0"}, "`m`"),
        ({"governor": [b64(KEYS[0]), b64(KEYS[0])]}, "twice"),
        ({"governor": ["short"]}, "no root file"),
        ({"log_key": "no key"}, "three parts"),
        ({"log_key": str(OTHER), "policy": "policy"}, "another log"),
        ({"name": "Not A Name"}, "no root file"),
        ({"policy": "absent"}, "no such text file"),
        ({"notary": "nowhere"}, "URL"),
    ],
)
def test_what_makes_no_network_is_refused_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy").write_text(f"log {LOG}\nquorum none\n", encoding="utf-8")
    done = found(tmp_path / "network.json", **changes)
    assert (done.exit_code, sentence in done.output) == (1, True), done.output
    assert not (tmp_path / "network.json").exists()


def test_a_root_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    assert found(tmp_path / "network.json").exit_code == 0
    before = (tmp_path / "network.json").read_bytes()
    again = found(tmp_path / "network.json", must_agree="1")
    assert (again.exit_code, "already" in again.output) == (1, True)
    assert (tmp_path / "network.json").read_bytes() == before
