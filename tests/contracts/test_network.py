from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from contracts.encoding import b64, compact
from contracts.network import Brokers, NetworkRefused, read_network, write_network
from contracts.statements import entry_value
from small_network import GOVERNORS, directory, network, seed

PEM = "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n"


def test_a_root_file_comes_back_as_it_was_written() -> None:
    for written in (
        network(),
        replace(network(), notary=None, training=False),
        replace(network(), brokers=Brokers(("kafka-1.example:9093", "[2001:db8::1]:9093"), PEM)),
    ):
        assert read_network(write_network(written)) == written


def test_a_root_file_is_for_people_too() -> None:
    raw = write_network(network())
    assert raw.endswith(b"\n")
    assert raw == write_network(read_network(raw))
    value = json.loads(raw)
    assert sorted(value) == [
        *("brokers", "format", "governors", "log", "network", "notary", "policy", "statements", "training"),
    ]
    assert value["format"] == "landfall-network/1"
    assert value["governors"] == {"keys": [b64(key) for key in GOVERNORS.keys], "m": 2}
    assert value["log"] == {"key": network().log.key, "origin": "training.example/log"}
    assert value["statements"][0] == entry_value(network().statements[0])


def test_the_directory_of_a_root_file_is_its_first_statements() -> None:
    assert read_network(write_network(network())).directory() == directory()


def changed(**fields: Any) -> bytes:
    """Return the root file with some fields set, or taken out where the value is `...`."""
    value = json.loads(write_network(network())) | fields
    return compact({name: field for name, field in value.items() if field is not ...})


KEYS = [b64(key) for key in GOVERNORS.keys]


@pytest.mark.parametrize(
    "fields",
    [
        {"format": "landfall-network/2"},
        {"network": "Training Network"},
        {"network": "another"},
        {"training": 1},
        {"training": None},
        {"log": {"origin": "training.example/log"}},
        {"log": {"origin": "with space", "key": network().log.key}},
        {"log": {"origin": "training.example/log", "key": "no key"}},
        {"policy": None},
        {"policy": "tab\there"},
        {"governors": {"m": 0, "keys": KEYS}},
        {"governors": {"m": 4, "keys": KEYS}},
        {"governors": {"m": 1, "keys": []}},
        {"governors": {"m": 2, "keys": [KEYS[0], KEYS[0]]}},
        {"governors": {"m": 2, "keys": [b64(bytes(32)), *KEYS]}},
        {"governors": {"m": 2, "keys": [b64(seed(str(n))) for n in range(2)]}},
        {"governors": {"m": 3, "keys": KEYS}},
        {"brokers": {"addresses": ["kafka"]}},
        {"brokers": {"addresses": ["http://kafka:9092"]}},
        {"brokers": {"addresses": [], "ca": "ä"}},
        {"brokers": []},
        {"notary": "ftp://notary.example"},
        {"notary": "http://notary.example/a b"},
        {"notary": None},
        {"statements": {}},
        {"statements": [{}]},
        {"statements": json.loads(write_network(network()))["statements"][1:]},
        *(
            {name: ...}
            for name in ("format", "network", "training", "log", "policy", "governors", "brokers", "statements")
        ),
    ],
)
def test_a_root_file_outside_its_form_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(NetworkRefused) as refused:
        read_network(changed(**fields))
    assert refused.value.code == "network"


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"\xff", b'{"format":"landfall-network/1"}', b"{" * 100])
def test_what_is_no_root_file_is_refused(raw: bytes) -> None:
    with pytest.raises(NetworkRefused):
        read_network(raw)


def test_a_byte_changed_in_any_statement_is_found() -> None:
    statements = json.loads(write_network(network()))["statements"]
    for place in range(len(statements)):
        for name in ("statement", "signature"):
            turned = json.loads(json.dumps(statements))
            holder = turned[place] if name == "statement" else turned[place]["signatures"][0]
            middle = len(holder[name]) // 2
            letter = "A" if holder[name][middle] != "A" else "B"
            holder[name] = holder[name][:middle] + letter + holder[name][middle + 1 :]
            with pytest.raises(NetworkRefused):
                read_network(changed(statements=turned))


def test_a_root_file_with_a_bad_statement_is_not_written() -> None:
    bad = replace(network(), statements=network().statements[::-1])
    with pytest.raises(NetworkRefused, match="Statement 1"):
        write_network(bad)
