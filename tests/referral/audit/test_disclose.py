"""One section for a court: what proves it goes with it, nothing else of the case does, and any change shows."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from bundles import change, failing, files_of, log_all, messages, proofs_of, referred, said, seal_again
from cli_shell import Shell
from contracts.encoding import b64
from contracts.tlog import LogProof, read_proof
from nodes import town
from referral.audit import command
from referral.audit.bundle import OneSection
from referral.audit.reads import reads_of
from referral.audit.verify import verify
from referral.errors import CaseUnknown, MessageUnknown, NotReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nodes import Town


async def told(it: Town, out: Path) -> OneSection:
    """Let hu-fp disclose the profile of step 1, of a case whose messages are logged."""
    case = await referred(it)
    found = messages(it, "hu-fp", case)
    log_all(it, "hu-fp", found)
    home, one = it.nodes["hu-fp"], OneSection(case, found[1], "profile")
    command.disclose(home.node, home.folder, one, out, principal="auditor-7")
    return one


async def test_a_disclosure_holds_one_section_and_what_proves_it(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        one = await told(it, tmp_path / "court")
        node = it.nodes["hu-fp"].node
        entry = node.store.load(one.case).entries[one.message]
        proof = proofs_of(it, "hu-fp") / f"{one.message}.tlog-proof"

        files = files_of(tmp_path / "court")
        folder = f"data/messages/{one.message}"
        assert {path for path in files if path.startswith("data/")} == {
            "data/case.json",
            "data/network.json",
            "data/page.html",
            "data/procedure.toml",
            f"{folder}/content.json",
            f"{folder}/log.tlog-proof",
            f"{folder}/sections.json",
            f"{folder}/signature.json",
        }
        assert files[f"{folder}/content.json"] == entry.content.raw
        assert files[f"{folder}/log.tlog-proof"] == proof.read_bytes()
        sections = json.loads(files[f"{folder}/sections.json"])
        assert [(part["name"], json.loads(part["body"])["age_band"]) for part in sections["sections"]] == [
            ("profile", "24-26")
        ]
        assert sections["erased"] == []
        about = json.loads(files["data/case.json"])
        assert (about["format"], about["section"], [part["id"] for part in about["messages"]]) == (
            "landfall-disclosure/1",
            "profile",
            [one.message],
        )
        assert "standing" not in about
        reads = node.store.load(reads_of(node.vault, one.case)).entries
        assert [(part.section, part.function, part.purpose, part.principal) for part in reads] == [
            ("profile", "auditor", "disclose", "auditor-7")
        ]


async def test_a_disclosure_verifies_offline_and_says_that_it_is_no_case(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        one = await told(it, tmp_path / "court")

    found = verify(tmp_path / "court", tmp_path / "be-fp" / "network.json")
    assert found.ok
    assert ("section", "profile, for hu-fp, is as it was signed.") in said(found, "holds")
    assert ("log", "It is logged: entry 1 of 3.") in said(found, "holds")
    assert {check for check, _ in said(found, "holds")} == {
        "form",
        "root file",
        "procedure",
        "content",
        "signature",
        "log",
        "section",
        "page",
    }
    assert said(found, "missing") == []
    sentence = "It shows the section profile of one message and says nothing of the rest of the case."
    assert ("disclosure", sentence) in said(found, "note")
    assert found.case == one.case


def _other_text(value: Any) -> Any:
    value["sections"][0]["body"] = value["sections"][0]["body"].replace("24-26", "21-23")
    return value


def _twice(value: Any) -> Any:
    return value | {"sections": value["sections"] * 2}


def _none(value: Any) -> Any:
    return value | {"sections": []}


def _with_erased(value: Any) -> Any:
    return value | {"erased": [{"commitment": value["sections"][0]["commitment"]}]}


def _other_key(value: Any) -> Any:
    value["sections"][0]["key"] = b64(bytes(32))
    return value


@pytest.mark.parametrize("spoil", [_other_text, _twice, _none, _with_erased, _other_key])
async def test_a_disclosure_with_another_or_no_or_a_second_section_does_not_hold(
    tmp_path: Path, spoil: Callable[[Any], Any]
) -> None:
    async with town(tmp_path) as it:
        one = await told(it, tmp_path / "court")

    change(tmp_path / "court", f"data/messages/{one.message}/sections.json", spoil)
    assert ("section", one.message) in failing(verify(tmp_path / "court"))


async def test_what_is_no_part_of_a_disclosure_does_not_hold(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        one = await told(it, tmp_path / "court")
        home = it.nodes["be-fp"]
        command.export(home.node, home.folder, one.case, tmp_path / "bundle")

    whole, folder = tmp_path / "bundle" / "data" / "messages", tmp_path / "court" / "data" / "messages"
    shutil.copytree(whole / one.message / "receipts", folder / one.message / "receipts")
    other = next(path for path in whole.iterdir() if path.name != one.message)
    shutil.copytree(other, folder / other.name)
    seal_again(tmp_path / "court")
    assert {("form", one.message), ("form", other.name)} <= set(failing(verify(tmp_path / "court")))


async def test_every_flipped_byte_of_a_disclosure_shows(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        one = await told(it, tmp_path / "court")

    for path, raw in files_of(tmp_path / "court").items():
        for at in {0, len(raw) // 2, len(raw) - 1}:
            (tmp_path / "court" / path).write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
            found = verify(tmp_path / "court")
            assert not found.ok
            if one.message in path:
                assert one.message in {message for _, message in failing(found)}
        (tmp_path / "court" / path).write_bytes(raw)
    assert verify(tmp_path / "court").ok


async def test_what_may_not_be_read_is_not_disclosed(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        home, out = it.nodes["hu-fp"], tmp_path / "court"
        request = messages(it, "hu-fp", case)[1]
        for one, refusal in (
            (OneSection(case, request, "identity"), NotReader),
            (OneSection(case, b64(bytes(32)), "profile"), MessageUnknown),
            (OneSection(b64(bytes(16)), request, "profile"), CaseUnknown),
        ):
            with pytest.raises(refusal):
                command.disclose(home.node, home.folder, one, out)

        assert not out.exists()
        assert home.node.store.load(reads_of(home.node.vault, case)) is None


async def test_a_message_without_a_proof_is_disclosed_and_called_unlogged(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        home = it.nodes["hu-fp"]
        one = OneSection(case, messages(it, "hu-fp", case)[1], "profile")
        answer = command.disclose(home.node, home.folder, one, tmp_path / "court")

    assert answer.document()["proven"] is False
    found = verify(tmp_path / "court")
    assert found.ok
    assert said(found, "missing") == [("log", "It is unlogged: there is no proof of the notary.")]


async def test_the_proof_of_another_message_does_not_pass(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        one = await told(it, tmp_path / "court")

    path = tmp_path / "court" / f"data/messages/{one.message}/log.tlog-proof"
    proof = read_proof(path.read_bytes())
    path.write_bytes(LogProof(0, proof.hashes, proof.checkpoint).encode())
    seal_again(tmp_path / "court")
    assert failing(verify(tmp_path / "court")) == [("log", one.message)]


async def test_the_command_line_discloses_and_verifies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        request = messages(it, "hu-fp", case)[1]

    shell, out = Shell(tmp_path, capsys), str(tmp_path / "court")
    found = shell("disclose", case, request, "profile", "--out", out, "--node", str(tmp_path / "hu-fp"), "--json")
    assert (found.code, found.json()) == (
        0,
        {
            "case": case,
            "folder": out,
            "message": request,
            "proven": False,
            "section": "profile",
            "training": True,
        },
    )
    assert shell("verify", out).code == 0


async def test_an_id_that_begins_with_a_hyphen_keeps_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)

    shell, node = Shell(tmp_path, capsys), ("--out", str(tmp_path / "court"), "--node", str(tmp_path / "hu-fp"))
    found = shell("disclose", case, "-" + "A" * 42, "profile", *node, "--json")
    assert (found.code, found.json()["error"]) == (1, "message-unknown")
    found = shell("disclose", "-" + "A" * 21, "B" * 43, "profile", *node, "--json")
    assert (found.code, found.json()["error"]) == (1, "case-unknown")
    assert shell("disclose", case, "--bogus", "profile", *node).code == 2
