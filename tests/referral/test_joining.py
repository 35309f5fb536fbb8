from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from contracts.network import NetworkRefused, read_network, write_network
from contracts.statements import StatementRefused
from referral.joining import (
    Declared,
    DirectoryForked,
    FileExists,
    Founding,
    Joined,
    Joining,
    JoiningRefused,
    NodeExists,
    join,
    news,
    refresh,
    renew,
)
from referral.opening import EMBEDDED, KEY_FILE, NETWORK_FILE, Settings, open_node, read_root
from referral.vault import CHEAP_FOR_TESTS, KeyFile, Passphrase

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 9, 1, 8, 0, 30, 500, tzinfo=UTC)
BELGIUM = Declared("Focal point of Belgium", "BE", "ngo", ("requesting",), "Europe/Brussels")
HUNGARY = Declared("Focal point of Hungary", "HU", "ngo", ("requested",), "Europe/Budapest")


def now() -> datetime:
    return NOW


def joining(folder: Path, agency: str, declared: Declared = BELGIUM) -> Joining:
    settings = Settings(
        agency, KeyFile.kind, EMBEDDED, str(folder / "broker.sqlite"), directory=str(folder / NETWORK_FILE)
    )
    return Joining(folder / agency, settings, declared, folder / NETWORK_FILE, folder / "governor.key")


def joined(folder: Path, agency: str, declared: Declared = BELGIUM, founding: Founding | None = None) -> Joined:
    asked = joining(folder, agency, declared)
    return join(asked, founding, lambda: KeyFile.make(asked.folder / KEY_FILE), now)


def key(folder: Path, agency: str) -> KeyFile:
    return KeyFile(folder / agency / KEY_FILE)


def test_a_network_is_founded_and_grows_by_an_agency(tmp_path: Path) -> None:
    first = joined(tmp_path, "be-fp", founding=Founding("training"))
    second = joined(tmp_path, "hu-fp", HUNGARY)

    found = read_network((tmp_path / NETWORK_FILE).read_bytes())
    assert (found.name, found.training, found.governors.m, found.notary) == ("training", True, 1, None)
    agencies = found.directory().agencies
    assert sorted(agencies) == ["be-fp", "hu-fp"]
    assert agencies["be-fp"].fingerprint == first.fingerprint
    assert agencies["hu-fp"].capabilities.topic == second.topic
    assert found.directory().epoch_days("hu-fp") == tuple(
        date(2026, 8, 31) + timedelta(days=number) for number in range(32)
    )
    assert first.until == date(2026, 10, 1)


def test_what_is_made_is_private_and_opens(tmp_path: Path) -> None:
    joined(tmp_path, "be-fp", founding=Founding("training"))

    assert (tmp_path / "governor.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "be-fp").stat().st_mode & 0o777 == 0o700
    node = open_node(tmp_path / "be-fp", key(tmp_path, "be-fp"), now, reader=True)
    assert (node.agency, node.store.last_position()) == ("be-fp", 0)
    assert node.sign(1, b"{}").skid == node.directory.current_signing("be-fp", NOW)[0]
    node.store.close()
    node.vault.close()


def test_a_vault_is_locked_by_a_passphrase_where_that_is_asked_for(tmp_path: Path) -> None:
    asked = joining(tmp_path, "be-fp")
    asked = replace(asked, settings=replace(asked.settings, unlock=Passphrase.kind))

    join(asked, Founding("training"), lambda: Passphrase("correct horse", CHEAP_FOR_TESTS), now)

    node = open_node(tmp_path / "be-fp", Passphrase("correct horse"), now, reader=True)
    assert node.agency == "be-fp"
    node.store.close()
    node.vault.close()


def test_nothing_is_made_of_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JoiningRefused):
        joined(tmp_path, "be-fp", replace(BELGIUM, zone="Europe/Nowhere"), Founding("training"))
    with pytest.raises(StatementRefused):
        joined(tmp_path, "be-fp", replace(BELGIUM, kind="club"), Founding("training"))
    with pytest.raises(NetworkRefused):
        joined(tmp_path, "be-fp")
    with pytest.raises(JoiningRefused):
        joined(tmp_path, "be-fp", founding=Founding("No Name"))
    with pytest.raises(NetworkRefused):
        joined(tmp_path, "be-fp", founding=Founding("training", "no key", "http://127.0.0.1:1"))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["network.json.lock"]


def test_neither_a_node_nor_a_network_nor_a_name_is_taken_twice(tmp_path: Path) -> None:
    joined(tmp_path, "be-fp", founding=Founding("training"))
    before = (tmp_path / NETWORK_FILE).read_bytes()

    with pytest.raises(FileExists):
        joined(tmp_path, "hu-fp", founding=Founding("training"))
    with pytest.raises(NodeExists):
        joined(tmp_path, "be-fp")
    taken = joining(tmp_path, "be-fp")
    with pytest.raises(JoiningRefused):
        join(replace(taken, folder=tmp_path / "other"), None, lambda: KeyFile.make(tmp_path / "k"), now)

    assert (tmp_path / NETWORK_FILE).read_bytes() == before
    assert not (tmp_path / "other").exists()


def test_only_a_governor_lets_an_agency_in(tmp_path: Path) -> None:
    joined(tmp_path, "be-fp", founding=Founding("training"))
    before = (tmp_path / NETWORK_FILE).read_bytes()
    (tmp_path / "governor.key").unlink()
    KeyFile.make(tmp_path / "governor.key")

    with pytest.raises(JoiningRefused):
        joined(tmp_path, "hu-fp", HUNGARY)

    assert (tmp_path / NETWORK_FILE).read_bytes() == before
    assert not (tmp_path / "hu-fp").exists()


def test_a_node_takes_over_what_its_network_has_grown_by(tmp_path: Path) -> None:
    joined(tmp_path, "be-fp", founding=Founding("training"))
    home = tmp_path / "be-fp"
    assert not refresh(home)
    joined(tmp_path, "hu-fp", HUNGARY)

    assert news(home) is not None
    assert sorted(read_root(home).directory().agencies) == ["be-fp"]
    assert refresh(home)
    assert not refresh(home)
    assert sorted(read_root(home).directory().agencies) == ["be-fp", "hu-fp"]


def test_a_network_file_that_does_not_go_on_from_ours_is_not_taken_over(tmp_path: Path) -> None:
    joined(tmp_path, "be-fp", founding=Founding("training"))
    joined(tmp_path, "hu-fp", HUNGARY)
    refresh(tmp_path / "be-fp")
    before = (tmp_path / "be-fp" / NETWORK_FILE).read_bytes()
    network = read_root(tmp_path / "be-fp")
    others = (
        replace(network, statements=network.statements[:4]),
        replace(network, statements=network.statements[4:] + network.statements[:4]),
        replace(network, notary="http://127.0.0.1:1"),
        replace(network, training=False),
    )
    for other in others:
        (tmp_path / NETWORK_FILE).write_bytes(write_network(other))
        with pytest.raises(DirectoryForked):
            refresh(tmp_path / "be-fp")

    assert (tmp_path / "be-fp" / NETWORK_FILE).read_bytes() == before


def test_epoch_keys_are_renewed_for_thirty_days_and_only_where_they_lack(tmp_path: Path) -> None:
    joined(tmp_path, "be-fp", founding=Founding("training"))
    joined(tmp_path, "hu-fp", HUNGARY)
    later = NOW + timedelta(days=20)

    assert renew(tmp_path / "be-fp", key(tmp_path, "be-fp"), lambda: later) == date(2026, 10, 21)

    network = read_network((tmp_path / NETWORK_FILE).read_bytes())
    assert (tmp_path / "be-fp" / NETWORK_FILE).read_bytes() == (tmp_path / NETWORK_FILE).read_bytes()
    assert network.directory().epoch_days("be-fp")[-1] == date(2026, 10, 21)
    assert len(network.directory().epoch_days("be-fp")) == 52
    assert len(network.statements) == 9
    renew(tmp_path / "be-fp", key(tmp_path, "be-fp"), lambda: later)
    assert len(read_root(tmp_path / "be-fp").statements) == 9
    refresh(tmp_path / "hu-fp")
    assert read_root(tmp_path / "hu-fp") == network
