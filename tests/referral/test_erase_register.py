"""What was erased stays erased, whatever copy of vault and store is put back (reliability.md I11, sealing.md 5)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.encoding import b64
from nodes import town
from parcels import Clock, cheap
from referral.audit.replay import replay
from referral.cli import main
from referral.erasing import Erasure
from referral.errors import SectionErasedRefusal
from referral.opening import Settings
from referral.vault import Vault
from referral.vault.errors import CaseErased, EraseRegisterDamaged, EraseRegisterUnwritable, SectionErased
from referral.vault.register import FORMAT, EraseRegister, Gone, beside
from referrals import agreed, ask
from restored import copied, put_back

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from referral.vault.keyring import Keyring

PAIR = (b64(b"m" * 32), b64(b"c" * 32))
OTHER = (b64(b"n" * 32), b64(b"d" * 32))
CASE = b64(b"k" * 16)
AT = "2026-09-01T08:00:00Z"


@pytest.fixture
def node(tmp_path: Path) -> Path:
    return tmp_path / "node"


@pytest.fixture
def vault(node: Path) -> Iterator[Vault]:
    with Vault.create(node / "vault", cheap(), Clock()) as vault:
        vault.keep_sections([PAIR, OTHER])
        vault.open_case(CASE)
        yield vault


def names(register: Path) -> list[tuple[str, str]]:
    """Return kind and name of every line."""
    return [(one.kind, one.name) for one in EraseRegister(register).entries()]


async def test_a_copy_from_before_a_withdrawal_brings_back_no_section(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = ask(it)
        await it.settle()
        copy = await copied(it, "hu-fp")
        it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
        await it.pass_time(timedelta(hours=73))

        hu = await put_back(it, "hu-fp", copy)

        with pytest.raises(SectionErasedRefusal):
            hu.queries.read_section(
                case, asked.message, "profile", function="focal-point", purpose="triage", principal="test"
            )
        await it.settle()
        entry = hu.queries.history(case).entry(asked.message)
        assert entry is not None
        assert not any(hu.node.vault.has_section(asked.message, one) for one in entry.sections)
        item = next(one for one in hu.queries.timeline(case) if one.message == asked.message)
        assert set(item.sections.values()) == {"erased"}


async def test_a_copy_from_before_a_case_was_erased_brings_nothing_of_it_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        copy = await copied(it, "hu-fp")
        hu = it.nodes["hu-fp"]
        wish = Erasure(case, "no_longer_needed", "focal-point", "case-manager")
        before = hu.desk.erase_case(wish, key="e", principal="test")

        hu = await put_back(it, "hu-fp", copy)

        with pytest.raises(CaseErased):
            hu.queries.history(case)
        assert hu.queries.cases() == []
        await it.settle()
        (again,) = hu.queries.erased_cases()
        assert (again.case, again.ground, again.second, again.decided_at) == (
            (case, before.ground, before.second, before.decided_at)
        )
        assert {row.direction for row in hu.queries.register(case)} == {"erased"}
        assert replay(hu.node).ok
        assert main(["case", "show", case, "--node", str(tmp_path / "hu-fp")]) == 1
        assert "[case-erased]" in capsys.readouterr().err


async def test_the_register_is_where_the_settings_say(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        await it.nodes["be-fp"].close()
        home, elsewhere = tmp_path / "be-fp", tmp_path / "elsewhere"
        kept = Settings.read(home)
        Settings(kept.agency, broker_path=kept.broker_path, root=kept.root, erased=str(elsewhere)).write(home)
        copy = tmp_path / "copies" / "be-fp"
        it.nodes["be-fp"] = await put_back(it, "be-fp", _whole(home, copy))
        wish = Erasure(case, "unlawful", "focal-point", "case-manager")
        it.nodes["be-fp"].desk.erase_case(wish, key="e", principal="test")
        assert ("case", case) in names(elsewhere)
        assert not beside(home).exists()
        be = await put_back(it, "be-fp", copy)
        with pytest.raises(CaseErased):
            be.queries.history(case)


def _whole(home: Path, copy: Path) -> Path:
    copy.parent.mkdir()
    home.rename(copy)
    home.mkdir()
    return copy


def test_the_register_stands_outside_the_nodes_folder_and_holds_ids_alone(vault: Vault, node: Path) -> None:
    vault.erase_sections([PAIR])
    vault.erase_case(CASE, '{"ground":"unlawful"}')
    register = beside(node)
    assert register.parent == node.parent
    assert register.stat().st_mode & 0o777 == 0o600
    assert EraseRegister(register).entries() == [
        Gone("section", "/".join(PAIR), "2026-03-01T12:00:00Z"),
        Gone("case", CASE, "2026-03-01T12:00:00Z", '{"ground":"unlawful"}'),
    ]


def test_a_crash_between_register_and_vault_is_finished_by_the_next_start(
    vault: Vault, node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_keyring: Keyring, _gone: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("referral.vault.keyring.Keyring._erase", stop)
        with pytest.raises(KeyboardInterrupt):
            vault.erase_sections([PAIR])
    vault.close()
    with Vault.unlock(node / "vault", cheap(), Clock()) as fresh:
        assert fresh.is_section_erased(*PAIR)
        assert not fresh.has_section(*PAIR)
        with pytest.raises(SectionErased):
            fresh.keep_sections([PAIR])
        assert fresh.has_section(*OTHER)


def test_a_register_that_was_lost_grows_again_from_the_vault(vault: Vault, node: Path) -> None:
    vault.erase_sections([PAIR])
    beside(node).unlink()
    vault.erase_case(CASE)
    assert names(beside(node)) == [("section", "/".join(PAIR)), ("case", CASE)]
    vault.close()
    beside(node).unlink()
    Vault.unlock(node / "vault", cheap(), Clock()).close()
    assert sorted(names(beside(node))) == [("case", CASE), ("section", "/".join(PAIR))]


def test_two_programs_add_to_one_register(node: Path, vault: Vault) -> None:
    with Vault.unlock(node / "vault", cheap(), Clock()) as other:
        vault.erase_sections([PAIR])
        other.erase_sections([OTHER])
        vault.erase_case(CASE)
    assert names(beside(node)) == [("section", "/".join(PAIR)), ("section", "/".join(OTHER)), ("case", CASE)]


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(1, 60))
def test_a_line_torn_by_a_crash_is_cut_off_and_the_next_one_stands(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("torn") / "register"
    register = EraseRegister(path)
    register.add([Gone("section", "/".join(PAIR), AT)])
    whole = path.read_bytes()
    register.add([Gone("case", CASE, AT)])
    path.write_bytes(path.read_bytes()[:-cut])
    fresh = EraseRegister(path)
    assert [one.kind for one in fresh.entries()] == ["section"]
    fresh.add([Gone("case", CASE, AT)])
    assert path.read_bytes().startswith(whole)
    assert [one.kind for one in EraseRegister(path).entries()] == ["section", "case"]


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_register_with_one_bit_changed_is_refused_or_torn_at_its_end(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int
) -> None:
    path = tmp_path_factory.mktemp("bit") / "register"
    EraseRegister(path).add([Gone("section", "/".join(PAIR), AT), Gone("case", CASE, AT)])
    changed = bytearray(path.read_bytes())
    changed[place % len(changed)] ^= 1 << bit
    path.write_bytes(changed)
    if place % len(changed) == len(changed) - 1:
        assert [one.kind for one in EraseRegister(path).entries()] == ["section"]
        return
    with pytest.raises(EraseRegisterDamaged):
        EraseRegister(path).entries()


def test_a_register_with_a_line_taken_out_or_of_another_program_opens_no_vault(vault: Vault, node: Path) -> None:
    vault.erase_sections([PAIR])
    vault.erase_sections([OTHER])
    vault.close()
    register = beside(node)
    first, second, third = register.read_bytes().splitlines(keepends=True)
    for wrong in (first + third, second + third, b"something else\n", first + b"{} A\n"):
        register.write_bytes(wrong)
        with pytest.raises(EraseRegisterDamaged):
            Vault.unlock(node / "vault", cheap(), Clock())
    assert first == f"{FORMAT}\n".encode()


def test_where_the_register_cannot_be_written_nothing_is_erased(vault: Vault, node: Path) -> None:
    beside(node).mkdir()
    with pytest.raises(EraseRegisterUnwritable):
        vault.erase_sections([PAIR])
    assert vault.has_section(*PAIR)
    beside(node).rmdir()
    vault.erase_sections([PAIR])
    assert not vault.has_section(*PAIR)
