"""Backups of real nodes: made while they run, put back, rehearsed, cleared; torn and foreign ones are refused whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from contracts.signing import public_epoch
from nodes import START, town
from referral.audit.replay import replay
from referral.backup import archive, making
from referral.backup.archive import Manifest, Part
from referral.backup.errors import (
    BackupImpossible,
    BackupKeyExists,
    BackupKeyMissing,
    BackupRefused,
    EraseRegisterMissing,
    FolderTaken,
)
from referral.backup.making import create, kept_on, make_key, prune, secret_of
from referral.backup.restoring import Opener, Register, drill, restore, verify
from referral.erasing import Erasure
from referral.opening import KEY_FILE, Settings, open_node
from referral.store.copying import copy_whole
from referral.vault import KeyFile
from referral.vault.errors import CaseErased
from referral.vault.register import beside
from referrals import RISK, agreed, answer, ask
from restored import put_back

if TYPE_CHECKING:
    from pathlib import Path

    from nodes import Town
    from referral.backup.making import Made
    from referral.node import Node

KEY = b"\x07" * 32


def silent(_doing: str) -> None:
    """Tell nobody."""


def key_of(it: Town, agency: str) -> Path:
    """Return the file of the key that opens the backups of a node, made if there is none."""
    file = it.folder / f"{agency}.backup-key"
    if not file.exists():
        make_key(it.folder / agency, file)
    return file


def backed_up(it: Town, agency: str) -> Made:
    """Back a node up as it runs."""
    key_of(it, agency)
    return create(it.folder / agency, it.folder / "shelf", it.clock, silent)


def opener(it: Town, agency: str) -> Opener:
    """Return what opens the backups of a node and what is in them."""
    return Opener(secret_of(key_of(it, agency)), lambda folder: KeyFile(folder / KEY_FILE), it.clock)


def restored(it: Town, agency: str, made: Made, name: str = "new", register: Register | None = None) -> Path:
    """Put a backup back into a new folder."""
    folder = it.folder / name
    restore(made.file, opener(it, agency), folder, register or Register(), silent)
    return folder


def reader(it: Town, folder: Path) -> Node:
    """Open a node for reading."""
    return open_node(folder, KeyFile(folder / KEY_FILE), it.clock, reader=True)


def closed(node: Node) -> None:
    """Close a node."""
    node.store.close()
    node.vault.close()


async def test_a_backup_of_a_running_node_is_put_back_with_every_digest_as_it_was(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        made = backed_up(it, "hu-fp")
        node = reader(it, restored(it, "hu-fp", made))
        try:
            found = node.history(case)
            assert found is not None
            assert found.standing.digest() == it.nodes["hu-fp"].queries.standing(case).digest()
            assert replay(node).ok
            assert node.store.last_position() == made.manifest.position == it.nodes["hu-fp"].node.store.last_position()
        finally:
            closed(node)


async def test_neither_the_keys_of_days_nor_the_register_are_in_a_backup(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await agreed(it)
        made = backed_up(it, "hu-fp")
        names = {part.name for part in made.manifest.parts}
        assert {"events.sqlite", "vault/vault.sqlite", "node.json", "network.json", "vault.key"} <= names
        assert not {name for name in names if "epochs" in name or name.endswith(".erased") or "lock" in name}
        folder = restored(it, "hu-fp", made)
        node = reader(it, folder)
        assert node.vault.epoch_days() == []
        closed(node)


async def test_the_vault_is_copied_after_the_events_so_that_no_event_lacks_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path) as it:
        await agreed(it)
        copied: list[str] = []

        def between(source: Path, target: Path) -> None:
            copy_whole(source, target)
            copied.append(source.name)
            ask(it)  # the node goes on between the two copies, and after them

        with monkeypatch.context() as patched:
            patched.setattr(making, "copy_whole", between)
            made = backed_up(it, "be-fp")
        assert copied == ["events.sqlite", "vault.sqlite"]
        node = reader(it, restored(it, "be-fp", made))
        assert replay(node).ok
        assert len(replay(node).cases) == 1
        assert len(node.vault._keyring.names("case")) > 1
        closed(node)


async def test_what_was_erased_after_a_backup_stays_erased_when_it_is_put_back(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        made = backed_up(it, "hu-fp")
        wish = Erasure(case, "unlawful", "focal-point", "case-manager")
        it.nodes["hu-fp"].desk.erase_case(wish, key="e", principal="test")
        folder = restored(it, "hu-fp", made)
        assert Settings.read(folder).erased == str(beside(tmp_path / "hu-fp"))
        node = reader(it, folder)
        with pytest.raises(CaseErased):
            node.store.load(case)
        closed(node)
        hu = await put_back(it, "hu-fp", folder)
        await hu.worker.turn()
        assert [one.case for one in hu.queries.erased_cases()] == [case]


async def test_without_the_register_nothing_is_put_back_unless_a_person_says_that_it_is_lost(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await agreed(it)
        made = backed_up(it, "hu-fp")
        beside(tmp_path / "hu-fp").unlink()
        with pytest.raises(EraseRegisterMissing):
            restored(it, "hu-fp", made)
        assert list((tmp_path / "new").iterdir()) == []
        with pytest.raises(EraseRegisterMissing):
            restored(it, "hu-fp", made, register=Register(tmp_path / "nowhere"))
        restored(it, "hu-fp", made, register=Register(lost=True))


async def test_a_torn_a_changed_and_a_foreign_backup_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await agreed(it)
        made = backed_up(it, "hu-fp")
        whole = made.file.read_bytes()
        random = Random(5)
        wrong = [whole[: random.randrange(len(whole))] for _ in range(8)] + [whole[:-1], whole + b"x", b"", whole[:92]]
        for _ in range(8):
            changed = bytearray(whole)
            changed[random.randrange(len(whole))] ^= 1 << random.randrange(8)
            wrong.append(bytes(changed))
        for content in wrong:
            made.file.write_bytes(content)
            with pytest.raises(BackupRefused):
                verify(made.file, secret_of(key_of(it, "hu-fp")), silent)
            with pytest.raises(BackupRefused):
                restored(it, "hu-fp", made)
            assert list((tmp_path / "new").iterdir()) == []
        made.file.write_bytes(whole)
        with pytest.raises(BackupRefused):
            verify(made.file, secret_of(key_of(it, "be-fp")), silent)
        assert verify(made.file, secret_of(key_of(it, "hu-fp")), silent) == made.manifest


async def test_nothing_is_written_over(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        made = backed_up(it, "hu-fp")
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "note").write_text("mine", encoding="utf-8")
        for taken in ("new", "hu-fp"):
            with pytest.raises(FolderTaken):
                restored(it, "hu-fp", made, taken)
        assert [one.name for one in (tmp_path / "new").iterdir()] == ["note"]
        with pytest.raises(BackupImpossible):
            backed_up(it, "hu-fp")  # of the same second
        with pytest.raises(BackupImpossible):
            create(tmp_path / "hu-fp", tmp_path / "hu-fp" / "shelf", it.clock, silent)
        with pytest.raises(BackupKeyExists):
            make_key(tmp_path / "hu-fp", tmp_path / "second")
        with pytest.raises(BackupKeyMissing):
            create(tmp_path / "be-fp", tmp_path / "shelf", it.clock, silent)


async def test_nothing_of_a_case_stands_readable_in_a_backup_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        (tmp_path / "hu-fp" / ".backup-999").mkdir()
        (tmp_path / "hu-fp" / ".backup-999" / "events.sqlite").write_bytes(b"what a crash has left")
        made = backed_up(it, "hu-fp")
        content = made.file.read_bytes()
        for word in (case, asked.message, "be-fp", "manifest", "SQLite", "landfall"):
            assert word.encode() not in content
        assert [one.name for one in (tmp_path / "shelf").iterdir()] == [made.file.name]
        assert not list((tmp_path / "hu-fp").glob(".backup-*"))
        assert made.file.stat().st_mode & 0o777 == 0o600


async def test_a_drill_says_what_would_be_gone_and_leaves_nothing(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        await it.settle()
        made = backed_up(it, "hu-fp")
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        same = drill(made.file, opener(it, "hu-fp"), tmp_path / "hu-fp", scratch, silent)
        assert (same.ok, same.cases, same.messages, same.later) == (True, 1, 2, {})
        before = it.nodes["hu-fp"].node.store.last_position()
        answer(it, case)
        found = drill(made.file, opener(it, "hu-fp"), tmp_path / "hu-fp", scratch, silent)
        assert (found.ok, found.later) == (True, {case: it.nodes["hu-fp"].node.store.last_position() - before})
        assert list(scratch.iterdir()) == []
        assert not (tmp_path / "hu-fp" / "restored.json").exists()


async def test_a_drill_does_not_trust_a_backup_whose_cases_stand_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        made = backed_up(it, "hu-fp")
        monkeypatch.setattr("referral.backup.restoring._later", lambda *_: {})
        it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle()
        found = drill(made.file, opener(it, "hu-fp"), tmp_path / "hu-fp", None, silent)
        assert not found.ok
        assert case in found.faults[0]


def test_old_backups_go_and_the_newest_of_each_agency_stays(tmp_path: Path) -> None:
    days = {"be-fp": (1, 5, 29, 31, 60), "hu-fp": (45, 90)}
    for agency, old in days.items():
        for age in old:
            stamp = (START - timedelta(days=age)).strftime(making.STAMP)
            (tmp_path / f"{agency}-{stamp}.backup").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")

    def ages(found: list[Any]) -> list[tuple[str, int]]:
        return sorted((one.agency, (START - one.made_at).days) for one in found)

    stay, gone = prune(tmp_path, 30, None, START, dry=True)
    assert ages(gone) == [("be-fp", 31), ("be-fp", 60), ("hu-fp", 90)]
    assert len(kept_on(tmp_path)) == 7
    stay, gone = prune(tmp_path, 30, 2, START, dry=False)
    assert ages(gone) == [("be-fp", 29), ("be-fp", 31), ("be-fp", 60), ("hu-fp", 90)]
    assert ages(stay) == ages(kept_on(tmp_path)) == [("be-fp", 1), ("be-fp", 5), ("hu-fp", 45)]
    assert (tmp_path / "notes.txt").exists()


@pytest.mark.parametrize(
    "name", ["../node.json", "/etc/passwd", "a/../../b", "a/b/c/d", "", ".", "x" * 200, "a\x00b", "vault/..", 7]
)
def test_a_backup_that_names_what_no_node_has_is_refused(tmp_path: Path, name: Any) -> None:
    manifest = Manifest("be-fp", "t", datetime(2026, 9, 1, tzinfo=UTC), "0", 0, "", (Part(name, 1, "A"),))
    kept: list[str] = []
    (tmp_path / "x").write_bytes(b"x")
    file = BytesIO()
    archive.write(file, public_epoch(KEY), manifest, [(tmp_path, "x")])
    file.seek(0)
    with pytest.raises(BackupRefused):
        archive.read(file, KEY, lambda taken, _chunks: kept.append(taken), silent)
    assert kept == []
