from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from contracts.encoding import b64
from contracts.retention import first_day_kept
from contracts.signing import agree, public_epoch, public_signing, verify_bytes
from parcels import NOON, SPOKEN, Clock, cheap
from referral.vault import MODERATE, KeyFile, Passphrase, Vault
from referral.vault.epochs import epoch_kid
from referral.vault.errors import (
    CaseErased,
    KeyFileRefused,
    KeyUnknown,
    PassphraseRefused,
    SealRefused,
    SectionErased,
    VaultClosed,
    VaultDamaged,
    VaultExists,
    VaultExposed,
    VaultLocked,
    VaultMissing,
)

DAY = NOON.date()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vault"


@pytest.fixture
def vault(folder: Path, clock: Clock) -> Vault:
    return Vault.create(folder, cheap(), clock)


def again(vault: Vault, folder: Path, clock: Clock) -> Vault:
    vault.close()
    return Vault.unlock(folder, cheap(), clock)


# Opening.


def test_a_vault_opens_with_the_passphrase_that_it_was_made_with(vault: Vault, folder: Path, clock: Clock) -> None:
    vault.open_case("case")
    sealed = vault.seal("case", b"here", b"plain")
    vault = again(vault, folder, clock)

    assert vault.open("case", b"here", sealed) == b"plain"


@pytest.mark.parametrize("text", ["A long walk along the river", "a long walk along the river ", "x"])
def test_another_passphrase_is_refused(vault: Vault, folder: Path, clock: Clock, text: str) -> None:
    vault.close()
    with pytest.raises(VaultLocked, match="give the one that it was made with"):
        Vault.unlock(folder, cheap(text), clock)


def test_a_passphrase_is_the_same_from_every_keyboard(folder: Path, clock: Clock) -> None:
    Vault.create(folder, cheap("caf\u00e9 \u2460"), clock).close()
    Vault.unlock(folder, cheap("cafe\u0301 1"), clock).close()


def test_a_passphrase_costs_what_the_page_says_unless_a_test_asks_otherwise() -> None:
    lock = Passphrase(SPOKEN).lock()
    assert lock.cost == MODERATE
    assert (MODERATE.passes, MODERATE.memory) == (3, 268_435_456)
    assert len(lock.salt) == 16
    assert lock.salt != Passphrase(SPOKEN).lock().salt
    assert SPOKEN not in repr(Passphrase(SPOKEN))


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_passphrase_is_refused(text: str) -> None:
    with pytest.raises(PassphraseRefused):
        Passphrase(text)


def test_a_passphrase_is_read_from_a_credential_file(tmp_path: Path, folder: Path, clock: Clock, vault: Vault) -> None:
    vault.close()
    (tmp_path / "passphrase").write_text(SPOKEN + "\n", encoding="utf-8")
    (tmp_path / "passphrase").chmod(0o440)
    Vault.unlock(folder, Passphrase.from_credential(tmp_path, "passphrase"), clock).close()


def test_a_credential_that_is_not_there_or_open_to_all_or_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").write_text(SPOKEN, encoding="utf-8")
    (tmp_path / "open").chmod(0o444)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "bytes").chmod(0o400)
    for name in ("nothing", "open", "bytes"):
        with pytest.raises(PassphraseRefused):
            Passphrase.from_credential(tmp_path, name)


def test_a_vault_opens_with_its_key_file(tmp_path: Path, folder: Path, clock: Clock) -> None:
    key_file = KeyFile.make(tmp_path / "node.key")
    Vault.create(folder, key_file, clock).close()
    Vault.unlock(folder, KeyFile(tmp_path / "node.key"), clock).close()

    assert (tmp_path / "node.key").stat().st_mode & 0o777 == 0o600
    assert len((tmp_path / "node.key").read_text(encoding="ascii").strip()) == 43
    with pytest.raises(VaultLocked):
        Vault.unlock(folder, KeyFile.make(tmp_path / "other.key"), clock)
    with pytest.raises(VaultLocked, match="made with a key file"):
        Vault.unlock(folder, cheap(), clock)


def test_a_vault_with_a_passphrase_does_not_open_with_a_key_file(
    tmp_path: Path, vault: Vault, folder: Path, clock: Clock
) -> None:
    vault.close()
    with pytest.raises(VaultLocked, match="made with a passphrase"):
        Vault.unlock(folder, KeyFile.make(tmp_path / "node.key"), clock)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_file_that_others_may_use_is_refused(tmp_path: Path, folder: Path, clock: Clock, mode: int) -> None:
    key_file = KeyFile.make(tmp_path / "node.key")
    (tmp_path / "node.key").chmod(mode)
    with pytest.raises(KeyFileRefused, match="0600"):
        Vault.create(folder, key_file, clock)
    # Nothing was left behind that stands in the way of the next try.
    (tmp_path / "node.key").chmod(0o600)
    Vault.create(folder, key_file, clock).close()


def test_a_key_file_of_another_form_is_refused(tmp_path: Path, folder: Path, clock: Clock) -> None:
    path = tmp_path / "node.key"
    for content in (b"", b"short", b"\xff" * 43, b"A" * 44, b"A" * 42 + b"B"):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(KeyFileRefused):
            Vault.create(folder, KeyFile(path), clock)
    path.unlink()
    path.symlink_to(KeyFile.make(tmp_path / "real.key").path)
    for odd in (path, tmp_path / "nothing", tmp_path):
        with pytest.raises(KeyFileRefused):
            Vault.create(folder, KeyFile(odd), clock)
    with pytest.raises(KeyFileRefused, match="already"):
        KeyFile.make(tmp_path / "real.key")


def test_a_vault_is_never_written_over_and_never_made_by_opening(vault: Vault, folder: Path, clock: Clock) -> None:
    public = vault.new_identity()
    vault.close()
    with pytest.raises(VaultExists):
        Vault.create(folder, cheap(), clock)
    with pytest.raises(VaultMissing):
        Vault.unlock(folder.parent / "nowhere", cheap(), clock)

    assert not (folder.parent / "nowhere").exists()
    verify_bytes(public, b"m", Vault.unlock(folder, cheap(), clock).sign_identity(b"m"))


def test_files_of_the_vault_are_their_owners_alone(vault: Vault, folder: Path, clock: Clock) -> None:
    vault.open_case("case")
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()}
    assert {mode for name, mode in modes.items()} == {"0o600"}
    assert {"vault.sqlite", "epochs.sqlite"} <= set(modes)
    assert folder.stat().st_mode & 0o777 == 0o700
    vault.close()
    for path, mode in ((folder, 0o750), (folder / "vault.sqlite", 0o640), (folder / "epochs.sqlite", 0o604)):
        before = path.stat().st_mode
        path.chmod(mode)
        with pytest.raises(VaultExposed, match="0700"):
            Vault.unlock(folder, cheap(), clock)
        path.chmod(before)
    Vault.unlock(folder, cheap(), clock).close()


def test_a_closed_vault_says_so(vault: Vault) -> None:
    vault.close()
    with pytest.raises(VaultClosed):
        vault.open_case("case")
    with pytest.raises(VaultClosed):
        vault.has_section("message", "one")


def test_a_vault_is_not_made_in_a_folder_that_others_may_read(folder: Path, clock: Clock) -> None:
    folder.mkdir(mode=0o755)
    with pytest.raises(VaultExposed):
        Vault.create(folder, cheap(), clock)
    assert list(folder.iterdir()) == []
    folder.chmod(0o700)
    Vault.create(folder, cheap(), clock).close()


# Signing.


def test_seeds_sign_and_stay_inside(vault: Vault, folder: Path, clock: Clock) -> None:
    identity, signing = vault.new_identity(), vault.new_signing_key()
    vault = again(vault, folder, clock)

    verify_bytes(identity, b"statement", vault.sign_identity(b"statement"))
    verify_bytes(signing, b"content", vault.sign(signing, b"content"))
    assert vault.with_seed(signing, public_signing) == signing
    with pytest.raises(KeyUnknown):
        vault.sign(identity, b"content")


def test_the_newest_identity_signs(vault: Vault, clock: Clock) -> None:
    vault.new_identity()
    clock.move(days=400)
    newer = vault.new_identity()

    verify_bytes(newer, b"statement", vault.sign_identity(b"statement"))


def test_a_vault_without_an_identity_says_so(vault: Vault) -> None:
    with pytest.raises(KeyUnknown, match="no identity key"):
        vault.sign_identity(b"statement")


# Epoch keys.


def test_an_epoch_key_opens_what_its_public_half_was_used_for(vault: Vault, folder: Path, clock: Clock) -> None:
    days = [DAY + timedelta(days=number) for number in range(30)]
    made = vault.new_epoch_keys(days)
    vault = again(vault, folder, clock)

    assert [on for on, _kid, _public in made] == days == vault.epoch_days()
    for _on, kid, public in made:
        private = vault.epoch_private(kid)
        assert private is not None
        assert public_epoch(private) == public
        assert kid == epoch_kid(public)
        assert agree(private, public_epoch(bytes([7] * 32))) == agree(bytes([7] * 32), public)


def test_a_day_keeps_the_epoch_key_that_it_has(vault: Vault) -> None:
    first = vault.new_epoch_keys([DAY])
    assert vault.new_epoch_keys([DAY, DAY + timedelta(days=1)])[0] == first[0]
    assert vault.epoch_private(b"unknown!") is None


def test_an_epoch_key_is_destroyed_on_its_eighteenth_day_and_not_before(vault: Vault) -> None:
    ((_on, kid, _public), (_next, kid_of_next, _)) = vault.new_epoch_keys([DAY, DAY + timedelta(days=1)])
    assert vault.destroy_epoch_keys(first_day_kept(DAY + timedelta(days=17))) == 0
    assert vault.epoch_private(kid) is not None
    assert vault.destroy_epoch_keys(first_day_kept(DAY + timedelta(days=18))) == 1
    assert vault.epoch_private(kid) is None
    assert vault.epoch_private(kid_of_next) is not None
    assert vault.destroy_epoch_keys(first_day_kept(DAY + timedelta(days=18))) == 0


def test_a_restored_vault_comes_without_epoch_keys_and_opens(vault: Vault, folder: Path, clock: Clock) -> None:
    vault.new_epoch_keys([DAY])
    vault.close()
    (folder / "epochs.sqlite").unlink()
    with Vault.unlock(folder, cheap(), clock) as restored:
        assert restored.epoch_days() == []
        assert len(restored.new_epoch_keys([DAY])) == 1


# Cases.


def test_what_is_sealed_opens_in_its_place_alone(vault: Vault) -> None:
    vault.open_cases(["one", "two"])
    vault.open_case("one")
    sealed = vault.seal("one", b"place", b"plain")

    assert vault.open("one", b"place", sealed) == b"plain"
    assert len(sealed) == len(b"plain") + 73
    for case, place in (("two", b"place"), ("one", b"elsewhere"), ("one", b"")):
        with pytest.raises(SealRefused):
            vault.open(case, place, sealed)
    with pytest.raises(KeyUnknown):
        vault.seal("three", b"place", b"plain")


def test_a_case_erased_is_never_sealed_or_opened_again(vault: Vault, folder: Path, clock: Clock) -> None:
    vault.open_case("case")
    sealed = vault.seal("case", b"place", b"plain")
    vault.erase_case("case")
    vault.erase_case("case")
    for _ in range(2):
        with pytest.raises(CaseErased):
            vault.open("case", b"place", sealed)
        with pytest.raises(CaseErased):
            vault.seal("case", b"place", b"plain")
        with pytest.raises(CaseErased):
            vault.open_case("case")
        vault = again(vault, folder, clock)


def test_what_another_process_erased_is_gone_here_at_once(vault: Vault, folder: Path) -> None:
    vault.open_case("case")
    vault.keep_sections([("message", "commitment")])
    sealed = vault.seal("case", b"place", b"plain")
    body = vault.seal_section("message", "commitment", b"body")
    assert vault.open("case", b"place", sealed) == b"plain"
    code = (
        "import sys; from pathlib import Path; from parcels import Clock, cheap; from referral.vault import Vault\n"
        "with Vault.unlock(Path(sys.argv[1]), cheap(), Clock()) as vault:\n"
        "    vault.erase_case('case'); vault.erase_sections([('message', 'commitment')])"
    )
    tests = str(Path(__file__).parents[1])
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, env={"PYTHONPATH": tests})

    with pytest.raises(CaseErased):
        vault.open("case", b"place", sealed)
    with pytest.raises(SectionErased):
        vault.open_section("message", "commitment", body)


def test_keys_that_are_named_and_neither_there_nor_erased_are_missing(vault: Vault) -> None:
    vault.open_cases(["one", "two"])
    named = [(case, vault.seal(case, b"", b"")[1:9]) for case in ("one", "two")]
    vault.erase_case("two")

    assert vault.missing_keys(named) == []
    assert vault.missing_keys([("one", b"anotherk"), *named, ("three", b"whatever")]) == ["one", "three"]


def test_bytes_of_the_node_itself_are_sealed_under_its_own_key(vault: Vault, folder: Path, clock: Clock) -> None:
    with pytest.raises(KeyUnknown):
        vault.open_own(b"place", b"")
    sealed = vault.seal_own(b"place", b"plain")
    vault = again(vault, folder, clock)

    assert vault.open_own(b"place", sealed) == b"plain"
    with pytest.raises(SealRefused):
        vault.open_own(b"elsewhere", sealed)


# Sections.


def test_each_section_has_a_key_of_its_own(vault: Vault, folder: Path, clock: Clock) -> None:
    pairs = [("message", "one"), ("message", "two"), ("other", "one")]
    vault.keep_sections(pairs)
    vault.keep_sections(pairs)
    sealed = {pair: vault.seal_section(*pair, b"body") for pair in pairs}
    vault = again(vault, folder, clock)

    for pair in pairs:
        assert vault.has_section(*pair)
        assert vault.open_section(*pair, sealed[pair]) == b"body"
        for other in pairs:
            if other != pair:
                with pytest.raises(SealRefused):
                    vault.open_section(*other, sealed[pair])
    assert not vault.has_section("message", "three")
    with pytest.raises(KeyUnknown):
        vault.seal_section("message", "three", b"body")


def test_sections_erased_stay_erased_and_their_neighbours_stay(vault: Vault, folder: Path, clock: Clock) -> None:
    vault.keep_sections([("message", "one"), ("message", "two")])
    one, two = (vault.seal_section("message", name, b"body") for name in ("one", "two"))
    assert vault.erase_sections([("message", "one"), ("message", "never")]) == 1
    assert vault.erase_sections([("message", "one")]) == 0
    vault = again(vault, folder, clock)

    assert vault.open_section("message", "two", two) == b"body"
    assert (vault.has_section("message", "one"), vault.is_section_erased("message", "one")) == (False, True)
    with pytest.raises(SectionErased):
        vault.open_section("message", "one", one)
    with pytest.raises(SectionErased):
        vault.keep_sections([("message", "new"), ("message", "one")])
    assert not vault.has_section("message", "new")
    assert vault.missing_sections([("message", "one"), ("message", "two"), ("message", "three")]) == [
        ("message", "three")
    ]


def test_keys_that_no_event_names_are_collected_after_a_week(vault: Vault, clock: Clock) -> None:
    vault.keep_sections([("named", "one"), ("orphan", "one"), ("orphan", "two")])
    clock.move(days=7)
    vault.keep_sections([("young", "one")])
    assert vault.collect_orphans({"named"}) == 0
    clock.move(seconds=1)
    assert vault.collect_orphans({"named"}) == 2
    assert vault.collect_orphans({"named"}) == 0

    assert vault.has_section("named", "one")
    assert vault.has_section("young", "one")
    assert not vault.has_section("orphan", "one")
    assert not vault.is_section_erased("orphan", "one")


# The vault key.


def check_all(vault: Vault, *held: bytes) -> None:
    """See that every kind of key still does its work."""
    identity, signing, kid, sealed, body = held
    verify_bytes(identity, b"m", vault.sign_identity(b"m"))
    verify_bytes(signing, b"m", vault.sign(signing, b"m"))
    assert vault.epoch_private(kid) is not None
    assert vault.open("case", b"place", sealed) == b"plain"
    assert vault.open_section("message", "one", body) == b"body"


def test_the_vault_key_is_made_anew_after_thirty_days(vault: Vault, folder: Path, clock: Clock) -> None:
    identity, signing = vault.new_identity(), vault.new_signing_key()
    ((_on, kid, _public),) = vault.new_epoch_keys([DAY])
    vault.open_case("case")
    vault.keep_sections([("message", "one")])
    held = (
        identity,
        signing,
        kid,
        vault.seal("case", b"place", b"plain"),
        vault.seal_section("message", "one", b"body"),
    )
    clock.move(days=29)
    assert not vault.rewrap()
    wrapped = wrapped_blobs(vault)
    clock.move(days=1)
    assert vault.rewrap()
    assert not vault.rewrap()

    check_all(vault, *held)
    assert not wrapped & wrapped_blobs(vault)
    files = b"".join(path.read_bytes() for path in folder.iterdir())
    assert not any(blob in files for blob in wrapped)
    check_all(again(vault, folder, clock), *held)


@pytest.mark.parametrize("steps", [1, 2])
def test_a_crash_while_keys_are_wrapped_anew_loses_none(vault: Vault, folder: Path, clock: Clock, steps: int) -> None:
    identity, signing = vault.new_identity(), vault.new_signing_key()
    ((_on, kid, _public),) = vault.new_epoch_keys([DAY])
    vault.open_case("case")
    vault.keep_sections([("message", "one")])
    held = (
        identity,
        signing,
        kid,
        vault.seal("case", b"place", b"plain"),
        vault.seal_section("message", "one", b"body"),
    )
    clock.move(days=30)
    vault._keyring.begin_rewrap()
    if steps == 2:
        vault._epochs.rewrap()
    vault = again(vault, folder, clock)
    check_all(vault, *held)
    vault.open_case("made in between")
    assert vault.rewrap()
    assert not vault.rewrap()
    check_all(again(vault, folder, clock), *held)


def test_another_process_sees_the_new_vault_key(vault: Vault, folder: Path, clock: Clock) -> None:
    with Vault.unlock(folder, cheap(), clock) as other:
        vault.open_case("case")
        sealed = other.seal("case", b"place", b"plain")
        clock.move(days=30)
        vault.rewrap()
        assert other.open("case", b"place", sealed) == b"plain"
        other.open_case("later")
        ((_on, kid, _public),) = other.new_epoch_keys([DAY])
    vault.open_case("later")
    assert vault.epoch_private(kid) is not None


def test_a_wrapped_key_moved_to_another_name_does_not_open(vault: Vault, folder: Path) -> None:
    vault.open_cases(["one", "two"])
    with vault._keyring.writing() as cursor:
        (of_one,) = cursor.execute("SELECT wrapped FROM keys WHERE name = 'one'").fetchone()
        cursor.execute("UPDATE keys SET wrapped = ? WHERE name = 'two'", (of_one,))
    with Vault.unlock(folder, cheap(), Clock()) as fresh, pytest.raises(VaultDamaged):
        fresh.seal("two", b"", b"")


def wrapped_blobs(vault: Vault) -> set[bytes]:
    """Return every wrapped key of both files."""
    with vault._keyring.reading() as cursor:
        found = {blob for (blob,) in cursor.execute("SELECT wrapped FROM keys UNION SELECT wrapped FROM vault_keys")}
    return found | {blob for (blob,) in vault._epochs._connection.execute("SELECT wrapped FROM epoch_keys")}


def test_names_of_keys_are_what_they_are_looked_up_by(vault: Vault) -> None:
    public = vault.new_signing_key()
    assert [name for name, _id, _made in vault._keyring.names("signing")] == [b64(public)]
