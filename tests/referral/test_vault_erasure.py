"""What is claimed of erasure and of forward secrecy, on the files as they are (sealing.md 5)."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from contracts.encoding import b64
from contracts.retention import first_day_kept
from contracts.signing import agree, public_epoch
from parcels import NOON, Clock, Parcel, case_of, cheap
from referral.store import Store
from referral.vault import Vault
from referral.vault.errors import CaseErased, SectionErased

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WHOLE = 500


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vault"


@pytest.fixture
def vault(folder: Path) -> Iterator[Vault]:
    with Vault.create(folder, cheap(), Clock()) as vault:
        yield vault


def files(folder: Path) -> bytes:
    """Return every byte of every file of the vault, one after another."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())


def held(vault: Vault, kind: str) -> dict[str, tuple[bytes, bytes]]:
    """Return (key bytes, wrapped key) of every key of a kind, by name."""
    with vault._keyring.reading() as cursor:
        rows: list[Any] = cursor.execute("SELECT name, wrapped FROM keys WHERE kind = ?", (kind,)).fetchall()
        found = {name: vault._keyring.find(kind, name) for name, _wrapped in rows}
        return {name: (key.secret, wrapped) for name, wrapped in rows if (key := found[name]) is not None}


def traces(content: bytes, secrets: Iterator[bytes] | list[bytes]) -> int:
    """Count the secrets of which any 16 bytes in a row from a multiple of 8 stand in `content`."""
    return sum(any(secret[at : at + 16] in content for at in range(0, len(secret) - 15, 8)) for secret in secrets)


def test_of_five_hundred_erased_sections_no_byte_stays_in_any_file(vault: Vault, folder: Path) -> None:
    random = Random(7)
    pairs = [(b64(random.randbytes(32)), b64(random.randbytes(32))) for _ in range(3 * WHOLE)]
    for start in range(0, len(pairs), 25):
        vault.keep_sections(pairs[start : start + 25])
    before = held(vault, "section")
    wrapped = {name: blob[25:] for name, (_key, blob) in before.items()}
    assert traces(files(folder), [wrapped[name] for name in wrapped]) == len(pairs)

    erased = random.sample(pairs, WHOLE)
    for start in range(0, 400, 8):
        vault.erase_sections(erased[start : start + 8])
    vault.erase_sections(erased[400:])
    gone = {f"{message}/{commitment}" for message, commitment in erased}

    content = files(folder)
    assert traces(content, [wrapped[name] for name in gone]) == 0
    assert traces(content, [before[name][0] for name in gone]) == 0
    assert traces(content, [wrapped[name] for name in set(before) - gone]) == 2 * WHOLE
    assert set(held(vault, "section")) == set(before) - gone


def test_erasing_among_new_keys_leaves_nothing_behind_either(vault: Vault, folder: Path) -> None:
    random = Random(11)
    live: dict[str, bytes] = {}
    dead: list[bytes] = []
    for turn in range(40):
        new = [(f"{turn:03}-{number}", b64(random.randbytes(32))) for number in range(36)]
        vault.keep_sections(new)
        live.update({name: blob[25:] for name, (_key, blob) in held(vault, "section").items() if name not in live})
        leaving = random.sample(sorted(live), 30)
        vault.erase_sections([(name.partition("/")[0], name.partition("/")[2]) for name in leaving])
        dead += [live.pop(name) for name in leaving]

    content = files(folder)
    assert len(dead) == 1200
    assert traces(content, dead) == 0
    assert traces(content, list(live.values())) == len(live)


def test_the_key_of_an_erased_case_is_in_no_file_and_its_events_stay_shut(
    vault: Vault, folder: Path, tmp_path: Path
) -> None:
    with Store.open(tmp_path / "store", vault) as store:
        store.save(Parcel.make(1), Parcel.make(2))
        key, wrapped = held(vault, "case")[case_of(1)]
        vault.erase_case(case_of(1))
        with pytest.raises(CaseErased):
            store.load(case_of(1))
        assert store.load(case_of(2), Parcel) is not None

    content = files(folder) + files(tmp_path / "store")
    assert traces(content, [key, wrapped[25:]]) == 0
    assert case_of(1).encode() in content  # the register of what was erased


def test_no_file_of_the_vault_holds_a_key_as_it_is(vault: Vault, folder: Path) -> None:
    vault.new_identity()
    vault.new_signing_key()
    vault.open_case("case")
    vault.keep_sections([("message", "commitment")])
    epochs = [vault.epoch_private(kid) or b"" for _on, kid, _public in vault.new_epoch_keys([NOON.date()])]
    secrets = [key for kind in ("identity", "signing", "case", "section") for key, _blob in held(vault, kind).values()]

    assert len(secrets + epochs) == 5
    assert traces(files(folder), secrets + epochs + list(vault._keyring._vault_keys.values())) == 0


def test_with_everything_a_node_has_on_day_eighteen_an_envelope_of_day_zero_stays_shut(
    vault: Vault, folder: Path
) -> None:
    clock = Clock()
    ((_on, kid, public),) = vault.new_epoch_keys([clock.at.date()])
    private = vault.epoch_private(kid)
    assert private is not None
    shared = agree(private, public_epoch(bytes([9] * 32)))
    (wrapped,) = vault._epochs._connection.execute("SELECT wrapped FROM epoch_keys").fetchone()
    clock.move(days=17)
    assert vault.destroy_epoch_keys(first_day_kept(clock.at.date())) == 0
    clock.move(days=1)
    assert vault.destroy_epoch_keys(first_day_kept(clock.at.date())) == 1
    vault.close()

    content = files(folder)
    assert traces(content, [private, shared, wrapped[25:]]) == 0
    assert public not in content
    with Vault.unlock(folder, cheap(), clock) as thief:
        assert thief.epoch_private(kid) is None
        assert thief.epoch_days() == []


def test_an_erasure_is_whole_or_not_at_all(vault: Vault) -> None:
    vault.keep_sections([("message", "one"), ("message", "two")])
    with pytest.raises(UnicodeEncodeError):
        vault.erase_sections([("message", "one"), ("message", "\ud800")])
    assert vault.has_section("message", "one")
    assert not vault.is_section_erased("message", "one")

    assert vault.erase_sections([("message", "one"), ("message", "two")]) == 2
    with pytest.raises(SectionErased):
        vault.seal_section("message", "two", b"body")
