"""A whole restore, and a node made anew from its identity key alone: new keys go to the log, partners give back."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from contracts.encoding import b64
from contracts.examples import example
from contracts.network import root_digest
from contracts.refusal import Refusal
from logged_town import logged_town
from nodes import START
from referral.audit.replay import replay
from referral.backup.making import create, make_key, secret_of
from referral.backup.restoring import Opener, Register, restore
from referral.exchange.recovery import CaseRecovering, recovery
from referral.joining import JoiningRefused, NodeExists
from referral.opening import KEY_FILE, Settings
from referral.rebuilding import NotThisIdentity, Rebuilding, begin, state
from referral.vault import KeyFile
from referrals import RISK, agreed, answer, ask
from restored import started

if TYPE_CHECKING:
    from pathlib import Path

    from logged_town import LoggedTown
    from referral.rebuilding import Rebuilt
    from referral.wiring import Wired


def silent(_doing: str) -> None:
    """Tell nobody."""


def identity_file(town: LoggedTown, agency: str) -> Path:
    """Return a file with the identity key of an agency, as it is kept apart from the node."""
    vault: Any = town.it.nodes[agency].node.vault
    with vault._keyring.reading():
        secret = vault._keyring.find("identity", vault._keyring.names("identity")[-1][0]).secret
    path = town.it.folder / f"{agency}-identity.key"
    path.write_text(b64(secret) + "\n", encoding="ascii")
    path.chmod(0o600)
    return path


def wish(town: LoggedTown, agency: str, identity: Path, folder: Path) -> Rebuilding:
    """Return what a node is made anew of; the network's file names a notary, which the town's does not have."""
    root = town.it.folder / "hu-iom" / "network.json"
    return Rebuilding(root, root_digest(root.read_bytes()), folder, Settings(agency), identity)


async def rebuilt(
    town: LoggedTown, agency: str, identity: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Wired, Rebuilt]:
    """Lose the whole folder of a node, make it anew, and start it."""
    it, home = town.it, town.it.folder / agency
    broker = Settings.read(home)
    await it.nodes.pop(agency).close()
    shutil.rmtree(home)
    asked = wish(town, agency, identity, home)
    with monkeypatch.context() as patched:
        patched.setattr("referral.rebuilding.check_root", with_notary)
        opener = begin(asked, lambda: KeyFile.make(home / KEY_FILE), it.clock)
        found = await state(asked, opener, it.clock, lambda _node: town.notary)
    settings = replace(Settings.read(home), broker=broker.broker, broker_path=broker.broker_path)
    settings.write(home)
    it.nodes[agency] = started(it, agency, town.notary)
    return it.nodes[agency], found


def with_notary(raw: bytes, digest: str) -> Any:
    """Return the root file as one that names a notary: the town asks its own without an address."""
    from contracts.network import check_root  # noqa: PLC0415 - the real one, where the test puts this in its place

    return replace(check_root(raw, digest), notary="http://127.0.0.1:1")


async def test_a_node_made_anew_from_its_identity_key_gets_back_what_its_partners_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with logged_town(tmp_path) as town:
        it = town.it
        case, asked = await agreed(it)
        before = it.digests(case)
        identity = identity_file(town, "hu-fp")
        await town.minute()
        hu, found = await rebuilt(town, "hu-fp", identity, monkeypatch)
        assert found.fingerprint == it.nodes["be-fp"].node.agency_named("hu-fp").fingerprint
        with hu.node.store.reading() as cursor:
            begun = recovery(cursor)
        assert begun is not None
        assert begun.lost_from is None
        for _ in range(30):
            it.clock.move(it.clock() + timedelta(hours=1))
            await it.settle()
        assert it.digests(case) == before
        assert len(hu.queries.timeline(case)) == len(it.nodes["be-fp"].queries.timeline(case))
        read = hu.queries.read_section(
            case, asked.message, "profile", function="focal-point", purpose="triage", principal="test"
        )
        assert read == example("profile")
        assert replay(hu.node).ok
        it.send("hu-fp", case, "risk-assessment", RISK)
        new, _ = ask(it)
        await town.minute()
        answer(it, new)
        await town.minute()
        assert len(it.digests(case)) == len(it.digests(new)) == 1


async def test_a_backup_put_back_without_any_key_of_days_is_read_and_written_to_again(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as town:
        it = town.it
        case, _ = ask(it)
        await town.minute()
        key = tmp_path / "backup.key"
        make_key(tmp_path / "hu-fp", key)
        made = create(tmp_path / "hu-fp", tmp_path / "shelf", it.clock, silent)
        it.clock.move(START + timedelta(hours=10))
        answer(it, case)
        await town.minute()
        before = it.digests(case)
        await it.nodes.pop("hu-fp").close()
        shutil.rmtree(tmp_path / "hu-fp")
        opener = Opener(secret_of(key), lambda folder: KeyFile(folder / KEY_FILE), it.clock)
        restore(made.file, opener, tmp_path / "hu-fp", Register(), silent)
        town.notary.away = True
        hu = it.nodes["hu-fp"] = started(it, "hu-fp", town.notary)
        assert hu.node.vault.epoch_days() == []
        for _ in range(30):
            it.clock.move(it.clock() + timedelta(hours=1))
            await it.settle()
        with pytest.raises(CaseRecovering):
            it.send("hu-fp", case, "risk-assessment", RISK)
        town.notary.away = False
        for _ in range(30):
            it.clock.move(it.clock() + timedelta(hours=1))
            await it.settle()
        assert hu.node.vault.epoch_days() != []
        assert it.digests(case) == before
        it.send("hu-fp", case, "risk-assessment", RISK)
        await town.minute()
        assert len(it.digests(case)) == 1


async def test_another_identity_key_a_folder_in_use_and_a_wrong_digest_make_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with logged_town(tmp_path) as town:
        identity = identity_file(town, "be-fp")
        await town.minute()
        with pytest.raises(JoiningRefused):
            begin(wish(town, "hu-fp", identity, tmp_path / "new"), lambda: KeyFile.make(tmp_path / "k"), town.it.clock)
        monkeypatch.setattr("referral.rebuilding.check_root", with_notary)
        with pytest.raises(NodeExists):
            begin(
                wish(town, "hu-fp", identity, tmp_path / "hu-fp"), lambda: KeyFile.make(tmp_path / "k"), town.it.clock
            )
        wrong = replace(wish(town, "hu-fp", identity, tmp_path / "new"), digest=b64(bytes(32)))
        with pytest.raises(Refusal):
            begin(wrong, lambda: KeyFile.make(tmp_path / "k"), town.it.clock)
        assert not (tmp_path / "new").exists()
        asked = wish(town, "hu-fp", identity, tmp_path / "new")
        opener = begin(asked, lambda: KeyFile.make(tmp_path / "new" / KEY_FILE), town.it.clock)
        with pytest.raises(NotThisIdentity):
            await state(asked, opener, town.it.clock, lambda _node: town.notary)
