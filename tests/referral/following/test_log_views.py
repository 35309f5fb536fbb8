"""Split views: a forked log is convicted, kept growth is alarmed, a lying partner is noted; real logs, real notes."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

import pytest

from contracts import tlog
from contracts.content import Seen
from contracts.encoding import b64
from contracts.node_statement import LogView
from hostile import state
from logged_town import ORIGIN, LoggedTown, TownNotary, logged_town
from notary.log import open_log
from referral.cli import main
from referral.following.convictions import FOLDER
from referral.following.log_views import log_seen
from referral.opening import KEY_FILE, open_node
from referral.vault import KeyFile
from referral.wiring import wire
from referrals import agreed, ask

if TYPE_CHECKING:
    from pathlib import Path

HOUR = timedelta(hours=1)
KEY = tlog.make_signer(ORIGIN, bytes(32))
OTHER = tlog.message_entry(b"\x07" * 32)


def give(there: LoggedTown, agency: str, notary: TownNotary) -> None:
    """Let a node read and write another copy of the log from now on."""
    worker = there.it.nodes[agency].worker
    worker.mirror._client = worker.rotation._client = worker.witnessing._client = notary


def forked(there: LoggedTown, folder: Path, *entries: bytes) -> TownNotary:
    """Return a notary with the same key and the log so far, on which other entries follow."""
    shutil.copytree(there.notary.folder, folder)
    (folder / "lock").unlink(missing_ok=True)
    notary = TownNotary(folder, open_log(folder), there.notary.agencies)
    notary.log.accept([entries])
    notary.log.sequence()
    return notary


def kept(there: LoggedTown, agency: str) -> list[Path]:
    """Return the convictions in a node's folder."""
    return sorted((there.it.folder / agency / FOLDER).glob("*.json"))


def judged(file: Path) -> tlog.Convicted:
    """Judge a conviction with the log's key alone."""
    return tlog.judge_conviction(tlog.read_conviction(file.read_bytes()), [KEY.key])


class Stopped(Exception):  # noqa: N818 - what a crash leaves behind is looked at, not an error
    """The process ended here."""


def _stop(*_given: object) -> NoReturn:
    raise Stopped


async def restart(there: LoggedTown, agency: str, notary: TownNotary) -> None:
    """Close a node and open it again from its files."""
    before = there.it.nodes[agency]
    home = before.folder
    broker = before.worker._broker
    before.node.store.close()
    before.node.vault.close()
    node = open_node(home, KeyFile(home / KEY_FILE), there.it.clock)
    there.it.nodes[agency] = wire(home, node, broker, notary)


def alarms(there: LoggedTown, agency: str) -> set[tuple[str, str]]:
    """Return code and subject of what stands about the log at a node."""
    about = ("log-forked", "log-withheld", "seen-unproven", "log-rewritten")
    return {(one.code, one.subject) for one in there.it.nodes[agency].queries.alarms() if one.code in about}


async def fork_between(there: LoggedTown, folder: Path) -> TownNotary:
    """Let hu-fp follow a log that parted from the others' after its first entries; nobody has noticed yet."""
    await there.minute()
    there.notary.force(tlog.message_entry(b"\x01" * 32))
    other = forked(there, folder, OTHER, tlog.message_entry(b"\x08" * 32))
    there.notary.force(tlog.message_entry(b"\x02" * 32))
    give(there, "hu-fp", other)
    await there.minute()
    assert alarms(there, "be-fp") == alarms(there, "hu-fp") == set()
    return other


async def test_a_fork_served_to_two_agencies_is_convicted_at_the_first_content_between_them(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        other = await fork_between(there, tmp_path / "fork")
        try:
            ask(there.it)
            await there.it.settle()
            assert alarms(there, "hu-fp") == {("log-forked", ORIGIN)}
            await there.minute()  # be-fp was shown a size that its log reaches only now
            for agency in ("be-fp", "hu-fp"):
                assert alarms(there, agency) == {("log-forked", ORIGIN)}
                (file,) = kept(there, agency)
                found = judged(file)
                assert (found.origin, found.signed != found.committed) == (ORIGIN, True)
                (end,) = log_seen(there.it.nodes[agency].node).ends
                assert (end.end, end.detail) == ("convicted", file.stem)
        finally:
            other.log.close()


async def test_a_fork_is_convicted_once_however_much_is_said_across_it(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        other = await fork_between(there, tmp_path / "fork")
        try:
            await agreed(there.it)
            for _ in range(30):
                ask(there.it)
                await there.minute()
            assert [len(kept(there, agency)) for agency in ("be-fp", "hu-fp")] == [1, 1]
            assert log_seen(there.it.nodes["hu-fp"].node).waiting == ()
        finally:
            other.log.close()


async def test_a_node_that_starts_again_in_between_convicts_all_the_same(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        other = await fork_between(there, tmp_path / "fork")
        try:
            ask(there.it)
            await there.it.settle(["be-fp"])
            await there.it.nodes["hu-fp"].worker.turn()  # the content is stored, and nothing was answered yet
            await restart(there, "hu-fp", other)
            await there.it.settle()
            await there.minute()
            assert [len(kept(there, agency)) for agency in ("be-fp", "hu-fp")] == [1, 1]
        finally:
            other.log.close()


async def test_a_conviction_of_which_the_row_was_lost_in_a_crash_is_written_again(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        other = await fork_between(there, tmp_path / "fork")
        try:
            ask(there.it)
            with pytest.MonkeyPatch.context() as crash:
                crash.setattr("referral.following.log_views.LogViews._end", _stop)
                with pytest.raises(Stopped):
                    await there.it.settle()
            (file,) = kept(there, "hu-fp")
            await there.it.settle()
            await there.minute()
            assert file in kept(there, "hu-fp")
            assert alarms(there, "hu-fp") == alarms(there, "be-fp") == {("log-forked", ORIGIN)}
        finally:
            other.log.close()


async def test_growth_kept_from_one_node_is_alarmed_after_a_day_and_ends_when_it_comes(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        there.notary.force(tlog.message_entry(b"\x01" * 32))
        await there.minute()
        other = forked(there, tmp_path / "kept")  # the same log, that does not grow any more
        try:
            give(there, "hu-fp", other)
            other.served["checkpoint"] = (tmp_path / "kept" / "checkpoint").read_bytes()
            there.notary.force(tlog.message_entry(b"\x02" * 32))
            await there.minute()
            ask(there.it)
            await there.it.settle()
            await there.it.pass_time(23 * HOUR)
            assert alarms(there, "hu-fp") == set()
            await there.it.pass_time(HOUR)
            assert alarms(there, "hu-fp") == {("log-withheld", ORIGIN)}
            assert alarms(there, "be-fp") == set()
            give(there, "hu-fp", there.notary)
            await there.minute()  # what it had submitted meanwhile has another place in this one: proofs are made anew
            await there.minute()
            assert alarms(there, "hu-fp") == set()
            assert log_seen(there.it.nodes["hu-fp"].node).waiting == ()
        finally:
            other.log.close()


async def test_a_partner_that_names_a_root_and_shows_no_signature_convicts_nobody(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        there.notary.force(tlog.message_entry(b"\x01" * 32))
        await there.minute()
        liar = there.it.nodes["be-fp"].node
        genuine, liar.seen = liar.seen, Seen(liar.seen.size, b64(b"\x09" * 32))
        assert genuine.size > 0
        there.cut("be-fp")
        ask(there.it)
        await there.it.settle()
        liar.seen = genuine
        there.mend("be-fp")
        await there.it.pass_time(25 * HOUR)
        assert kept(there, "hu-fp") == kept(there, "be-fp") == []
        assert alarms(there, "hu-fp") == set() or alarms(there, "hu-fp") == {("seen-unproven", "be-fp")}
        assert [end.end for end in log_seen(there.it.nodes["hu-fp"].node).ends] == ["unproven"]


async def test_a_partner_that_names_a_size_that_no_log_has_raises_one_alarm(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        there.notary.force(tlog.message_entry(b"\x01" * 32))
        await there.minute()
        liar = there.it.nodes["be-fp"].node
        there.cut("be-fp")
        for number in range(5):
            liar.seen = Seen(10**12 + number, b64(bytes([number]) * 32))
            ask(there.it)
        await there.it.settle()
        await there.it.pass_time(25 * HOUR)
        assert alarms(there, "hu-fp") == {("seen-unproven", "be-fp")}
        assert kept(there, "hu-fp") == []


@pytest.mark.parametrize("note", ["nothing", "another key", "another log"])
async def test_a_checkpoint_that_the_log_has_not_signed_is_refused_by_its_name(tmp_path: Path, note: str) -> None:
    head = tlog.Checkpoint(ORIGIN, 2, b"\x09" * 32)
    other = tlog.make_signer("log.example/other", bytes(32))
    notes = {
        "nothing": b"no note at all",
        "another key": tlog.sign_checkpoint(head, tlog.make_signer(ORIGIN, b"\x01" * 32)),
        "another log": tlog.sign_checkpoint(tlog.Checkpoint("log.example/other", 2, head.root), other),
    }
    async with logged_town(tmp_path) as there:
        await there.minute()
        await state(there.it, "be-fp", "hu-fp", LogView(notes[note]))
        await there.it.settle()
        (end,) = log_seen(there.it.nodes["hu-fp"].node).ends
        assert (end.agency, end.end, end.size) == ("be-fp", "refused", None)
        assert end.detail
        assert (kept(there, "hu-fp"), alarms(there, "hu-fp")) == ([], set())


async def test_a_checkpoint_shown_again_changes_nothing(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        there.notary.force(tlog.message_entry(b"\x01" * 32))
        await there.minute()
        note = (there.notary.folder / "checkpoint").read_bytes()
        for _ in range(3):
            await state(there.it, "be-fp", "hu-fp", LogView(note))
            await there.it.settle()
        seen = log_seen(there.it.nodes["hu-fp"].node)
        assert (seen.waiting, seen.ends) == ((), ())


async def test_a_log_that_shows_one_node_another_history_is_convicted_by_it_alone(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as there:
        await there.minute()
        there.notary.force(tlog.message_entry(b"\x01" * 32))
        other = forked(there, tmp_path / "fork", *(tlog.message_entry(bytes([n]) * 32) for n in range(9, 14)))
        there.notary.force(tlog.message_entry(b"\x02" * 32))
        try:
            await there.minute()
            give(there, "hu-fp", other)
            await there.minute()
            assert alarms(there, "hu-fp") >= {("log-rewritten", ORIGIN)}
            (file,) = kept(there, "hu-fp")
            assert judged(file).origin == ORIGIN
        finally:
            other.log.close()


async def test_the_file_of_a_conviction_convinces_whoever_has_the_root_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with logged_town(tmp_path) as there:
        other = await fork_between(there, tmp_path / "fork")
        try:
            ask(there.it)
            await there.it.settle()
        finally:
            other.log.close()
        (file,) = kept(there, "hu-fp")
    root, node = str(tmp_path / "be-fp" / "network.json"), str(tmp_path / "hu-fp")
    assert main(["log", "judge", str(file), "--network", root, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["origin"] == ORIGIN
    assert main(["log", "show", "--node", node]) == 0
    assert f"convicted   be-fp, 2026-09-01 08:02Z: {file.stem}" in capsys.readouterr().out
    file.write_bytes(file.read_bytes().replace(b"smaller", b"larger"))
    assert main(["log", "judge", str(file), "--network", root]) == 1
    assert "[conviction]" in capsys.readouterr().err
    assert main(["log", "judge", str(tmp_path / "not-there"), "--network", root]) == 1
    assert "[file-unreadable]" in capsys.readouterr().err
