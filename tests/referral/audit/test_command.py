from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bundles import files_of, referred
from nodes import START, town
from referral.audit import command
from referral.audit.reads import reads_of
from referral.opening import KEY_FILE, open_node
from referral.vault import KeyFile

if TYPE_CHECKING:
    from pathlib import Path


async def test_export_and_verify_answer_for_the_command_line(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        home = it.nodes["be-fp"]
        found = command.export(home.node, home.folder, case, tmp_path / "bundle")
        digest = home.queries.standing(case).digest()

    assert found.held
    assert found.document() == {
        "case": case,
        "digest": digest,
        "erased": 0,
        "folder": str(tmp_path / "bundle"),
        "messages": 3,
        "proofs": 0,
        "receipts": 2,
        "sections": 0,
    }
    assert list(found.lines()) == [
        f"The bundle is in {tmp_path / 'bundle'}: 3 messages, 2 receipts, 0 proofs, no sections, 0 erased.",
        f"The standing has the digest {digest}.",
        f"Anybody can check it, offline: referral verify {tmp_path / 'bundle'}",
    ]
    checked = command.verify(tmp_path / "bundle", network=tmp_path / "hu-fp" / "network.json")
    assert (checked.held, checked.document()["ok"]) == (True, True)
    (tmp_path / "bundle" / "data" / "case.json").unlink()
    assert not command.verify(tmp_path / "bundle").held


async def test_sections_are_exported_for_a_named_account(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        home = it.nodes["hu-fp"]
        command.export(home.node, home.folder, case, tmp_path / "bundle", sections=True, principal="auditor-7")

        reads = home.node.store.load(reads_of(home.node.vault, case)).entries
        assert {(one.principal, one.function, one.purpose) for one in reads} == {("auditor-7", "auditor", "export")}


async def test_where_reads_cannot_be_logged_no_section_goes_out(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        folder = it.nodes["hu-fp"].folder
        node = open_node(folder, KeyFile(folder / KEY_FILE), it.clock, reader=True)
        try:
            with pytest.raises(command.ReadsNotLogged):
                command.export(node, folder, case, tmp_path / "bundle", sections=True)
            assert not (tmp_path / "bundle").exists()

            command.export(node, folder, case, tmp_path / "bundle")
            assert sum(path.endswith("content.json") for path in files_of(tmp_path / "bundle")) == 3
        finally:
            node.store.close()
            node.vault.close()


async def test_replay_answers_for_the_command_line(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await referred(it)
        found = command.replay(it.nodes["be-fp"].node)
        then = command.replay(it.nodes["be-fp"].node, at=START)

    assert (found.held, found.document()["ok"]) == (True, True)
    assert list(found.lines())[-1] == "Everything that was compared holds: 1 cases, 3 messages."
    assert then.document()["at"] == "2026-09-01T08:00:00Z"
