from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bundles import LOG, RISK, exported, files_of, log_all, make, messages, opening, referred, seal_again
from contracts import tlog
from contracts.encoding import unb64
from nodes import town
from referral.audit.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bundles import Made
    from referral.audit.report import Report

# What a check of a bundle may load of the product: contracts, and this room's files that know no node.
OURS = {"bag", "ground", "layout", "message_checks", "refold", "report", "verify"}
DAYS_4 = timedelta(days=4)
KINDS = {
    "consent",
    "assistance-request-notification",
    "assistance-request-confirmation",
    "participant-added",
    "participation",
    "risk-assessment",
}


def said(report: Report, word: str) -> list[tuple[str, str]]:
    """Return (check, sentence) of the findings of a word."""
    return [(one.check, one.sentence) for one in report.findings if one.word == word]


def failing(report: Report) -> list[tuple[str, str]]:
    return [(one.check, one.message) for one in report.failures]


def change(folder: Path, path: str, value: Callable[[Any], Any]) -> None:
    """Change a JSON file of a bundle and both manifests."""
    raw = json.loads((folder / path).read_text())
    (folder / path).write_text(json.dumps(value(raw), ensure_ascii=False, indent=1, sort_keys=True) + "\n")
    seal_again(folder)


def of_message(made: Made, place: int, name: str) -> str:
    """Return the path of a file of the message at this place."""
    return f"data/messages/{made.messages[place]}/{name}"


# -- what holds ------------------------------------------------------------------------------------------------------


def test_a_bundle_of_three_agencies_holds_line_by_line(made: Made) -> None:
    report = verify(made.folder)

    assert report.ok
    assert (report.case, report.network) == (made.case, "training")
    held = said(report, "holds")
    assert [check for check, _ in held].count("content") == len(made.messages) == 6
    assert [check for check, _ in held].count("signature") == 6
    assert [sentence for check, sentence in held if check == "log"] == [
        f"It is logged: entry {place} of 6." for place in range(6)
    ]
    assert said(report, "missing") == []
    assert report.lines[-1] == "Nothing here contradicts itself. 31 hold, 0 do not, 0 missing."


def test_every_line_names_the_message_by_kind_sender_time_and_id(made: Made) -> None:
    lines = [line for line in verify(made.folder).lines if "participation of" in line]

    assert lines[0] == (
        f"holds          content: participation of hu-iom, 2026-09-01T08:00:00Z, {made.messages[4][:8]}. "
        "Its bytes are those that its id names."
    )
    assert len(lines) == 3


def test_each_recipient_of_our_messages_is_there_with_its_receipt(made: Made) -> None:
    receipts = [one.sentence for one in verify(made.folder).findings if one.check == "receipt"]

    assert sorted(receipts) == [
        *(["hu-fp stored it at 2026-09-01T08:00:00Z."] * 4),
        *(["hu-iom stored it at 2026-09-01T08:00:00Z."] * 3),
    ]


def test_witnesses_are_none_and_the_report_says_so(made: Made) -> None:
    report = verify(made.folder)

    assert ("witnesses", "None: what is proven is logged, not witnessed.") in said(report, "note")
    assert not any("is witnessed" in line for line in report.lines)


def test_a_training_network_is_said_to_be_one(made: Made) -> None:
    assert ("network", "It is for training: every person in it is invented.") in said(verify(made.folder), "note")


def test_the_report_as_json_says_what_the_lines_say(made: Made) -> None:
    report = verify(made.folder)
    found = report.to_json()

    assert json.loads(json.dumps(found)) == found
    assert (found["ok"], found["case"], found["network"]) == (True, made.case, "training")
    assert found["counts"] == {"holds": 31, "does not hold": 0, "missing": 0, "note": 3}
    assert len(found["findings"]) == len(report.lines) - 1


def test_a_verifier_loads_contracts_and_files_and_nothing_of_a_node(made: Made) -> None:
    program = (
        "import sys; from pathlib import Path; from referral.audit.verify import verify;"
        "assert verify(Path(sys.argv[1])).ok; print(' '.join(sorted(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, str(made.folder)], capture_output=True, text=True, check=True
    ).stdout.split()

    assert {name for name in found if name.split(".")[0] in {"referral", "notary"}} == {
        "referral",
        "referral.audit",
        *(f"referral.audit.{name}" for name in OURS),
    }
    assert not {"aiokafka", "httpx", "eventsourcing", "pysqlite3", "sqlite3", "asyncio", "socket", "ssl"} & set(found)


# -- the root file -----------------------------------------------------------------------------------------------------


def test_a_bundle_holds_against_the_root_file_of_its_network(made: Made) -> None:
    report = verify(made.folder, made.root)

    assert report.ok
    assert ("root file", "It is of the network that you gave.") in said(report, "holds")


def test_without_a_root_file_of_ones_own_the_log_key_is_shown(made: Made) -> None:
    sentence = f"It is the bundle's own: hold its log key against one you know: {LOG.key}"

    assert ("root file", sentence) in said(verify(made.folder), "note")


def test_the_root_file_of_another_network_is_told_apart(made: Made, tmp_path: Path) -> None:
    other = asyncio.run(make(tmp_path))
    report = verify(made.folder, other.root)

    assert failing(report) == [("root file", "")]
    assert "The governors differ." in report.failures[0].sentence
    assert verify(made.folder, tmp_path / "nowhere").failures[0].sentence == "It cannot be read."


def test_a_bundle_made_whole_again_under_a_forged_root_file_fails_against_the_true_one(
    made: Made, copied: Callable[[], Path], tmp_path: Path
) -> None:
    other = asyncio.run(make(tmp_path / "other"))
    folder = copied()
    shutil.copy(other.root, folder / "data" / "network.json")
    seal_again(folder)

    assert ("root file", "") in failing(verify(folder, made.root))
    assert {check for check, _ in failing(verify(folder))} == {"signature"}


def test_a_root_file_whose_directory_goes_on_is_taken_and_one_that_parts_ways_is_not(
    made: Made, copied: Callable[[], Path]
) -> None:
    folder = copied()
    change(folder, "data/network.json", lambda root: {**root, "statements": root["statements"][:-1]})

    assert verify(folder, made.root).ok
    assert verify(made.folder, folder / "data" / "network.json").ok

    change(folder, "data/network.json", lambda root: {**root, "statements": root["statements"][:3]})
    assert verify(folder, made.root).ok
    assert {check for check, _ in failing(verify(folder))} >= {"signature"}


@pytest.mark.parametrize(
    "field", [{"training": False}, {"network": "other"}, {"log": {"origin": "a/b", "key": str(LOG.key)}}]
)
def test_a_root_file_of_another_name_mark_or_log_is_not_the_one_given(
    made: Made, copied: Callable[[], Path], field: dict[str, Any]
) -> None:
    folder = copied()
    change(folder, "data/network.json", lambda root: {**root, **field})

    assert "root file" in {check for check, _ in failing(verify(folder, made.root))}
    assert not verify(folder).ok or field.keys() == {"log"}


# -- what is missing ---------------------------------------------------------------------------------------------------


def test_messages_without_a_proof_are_unlogged_which_is_no_failure(tmp_path: Path) -> None:
    async def run() -> tuple[list[str], Report]:
        async with town(tmp_path) as it:
            case = await referred(it)
            found = messages(it, "be-fp", case)
            log_all(it, "be-fp", found[:1])
            exported(it, "be-fp", case, tmp_path / "bundle")
            return found, verify(tmp_path / "bundle")

    found, report = asyncio.run(run())

    assert report.ok
    missing = [(one.message, one.sentence) for one in report.findings if one.word == "missing"]
    assert missing == [(name, "It is unlogged: there is no proof of the notary.") for name in found[1:]]


def test_a_recipient_that_has_not_receipted_is_missing(tmp_path: Path) -> None:
    async def run() -> Report:
        async with town(tmp_path) as it:
            case = await referred(it)
            it.send("be-fp", case, "risk-assessment", RISK)
            exported(it, "be-fp", case, tmp_path / "bundle")
            return verify(tmp_path / "bundle")

    report = asyncio.run(run())

    assert report.ok
    assert ("receipt", "There is none of hu-fp.") in said(report, "missing")


def test_erased_sections_are_shown_and_everything_else_still_verifies(tmp_path: Path) -> None:
    async def run() -> tuple[Report, dict[str, bytes]]:
        async with town(tmp_path) as it:
            case = await referred(it)
            log_all(it, "hu-fp", messages(it, "hu-fp", case))
            it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
            await it.settle()
            await it.pass_time(DAYS_4)
            exported(it, "hu-fp", case, tmp_path / "bundle", sections=opening(it, "hu-fp"))
            return verify(tmp_path / "bundle"), files_of(tmp_path / "bundle")

    report, files = asyncio.run(run())

    assert report.ok
    erased = [sentence for check, sentence in said(report, "note") if sentence.startswith("[erased, commitment ")]
    assert len(erased) == 1
    assert "consent_withdrawn" in erased[0]
    assert not any(b"24-26" in raw for path, raw in files.items() if path.startswith("data/messages/"))


# -- what was changed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bit", [0, 5])
def test_one_flipped_byte_in_any_file_fails_and_names_the_message_or_the_file(
    made: Made, copied: Callable[[], Path], bit: int
) -> None:
    folder = copied()
    for path, raw in files_of(folder).items():
        for place in sorted({0, len(raw) // 3, len(raw) - 1}):
            changed = bytearray(raw)
            changed[place] ^= 1 << bit
            (folder / path).write_bytes(changed)
            report = verify(folder)
            assert not report.ok, (path, place)
            _check_named(report, path)
        (folder / path).write_bytes(raw)
    assert verify(folder).ok
    assert len(files_of(made.folder)) == 42


def _check_named(report: Report, path: str) -> None:
    """A message is named in words where the file belongs to one; otherwise the file is."""
    named = " ".join(f"{one.about} {one.sentence}" for one in report.failures)
    if path.startswith("data/messages/"):
        message = path.split("/")[2]
        (one,) = [one for one in report.failures if one.message == message]
        assert path in one.about
        assert one.about.split(" of ")[0] in KINDS
        assert message[:8] in one.about
    else:
        assert path in named


def test_a_changed_content_does_not_hold_even_when_the_manifests_are_made_again(
    made: Made, copied: Callable[[], Path]
) -> None:
    folder = copied()
    path = folder / of_message(made, 1, "content.json")
    path.write_bytes(path.read_bytes().replace(b'"majority":"adult"', b'"majority":"child"'))
    seal_again(folder)

    assert failing(verify(folder)) == [("content", made.messages[1])]
    assert said(verify(folder), "missing") == [("standing", "Not folded again, because a message above does not hold.")]


@pytest.mark.parametrize("field", ["digest", "document"])
def test_another_standing_than_the_messages_give_does_not_hold(copied: Callable[[], Path], field: str) -> None:
    folder = copied()

    def other(case: dict[str, Any]) -> dict[str, Any]:
        standing = case["standing"]
        standing[field] = "0" * 64 if field == "digest" else {**standing["document"], "against": ["x"]}
        return case

    change(folder, "data/case.json", other)

    assert failing(verify(folder)) == [("standing", "")]


def test_a_message_taken_out_shows_in_the_standing(made: Made, copied: Callable[[], Path]) -> None:
    folder = copied()
    shutil.rmtree(folder / "data" / "messages" / made.messages[2])
    change(
        folder,
        "data/case.json",
        lambda case: {**case, "messages": [one for one in case["messages"] if one["id"] != made.messages[2]]},
    )
    report = verify(folder)

    assert ("standing", "") in failing(report)
    assert made.messages[2] in {one.message for one in report.findings if one.word == "missing"}


def test_a_message_that_is_listed_and_not_there_is_named(made: Made, copied: Callable[[], Path]) -> None:
    folder = copied()
    shutil.rmtree(folder / "data" / "messages" / made.messages[2])
    seal_again(folder)

    assert ("content", made.messages[2]) in failing(verify(folder))


def test_a_message_that_nobody_lists_is_named(made: Made, copied: Callable[[], Path]) -> None:
    folder = copied()
    change(folder, "data/case.json", lambda case: {**case, "messages": case["messages"][:-1]})

    assert ("form", made.messages[-1]) in failing(verify(folder))


@pytest.mark.parametrize(
    ("field", "value"), [("kind", "consent"), ("sender", "hu-iom"), ("sent_at", "2026-09-02T08:00:00Z")]
)
def test_a_message_listed_as_another_than_it_is_does_not_hold(
    made: Made, copied: Callable[[], Path], field: str, value: str
) -> None:
    folder = copied()

    def other(case: dict[str, Any]) -> dict[str, Any]:
        case["messages"][2][field] = value
        return case

    change(folder, "data/case.json", other)

    assert failing(verify(folder)) == [("content", made.messages[2])]


def test_a_message_of_another_case_does_not_hold(copied: Callable[[], Path]) -> None:
    folder = copied()
    change(folder, "data/case.json", lambda case: {**case, "case": "A" * 22})

    assert {check for check, _ in failing(verify(folder))} == {"form", "content"}


def test_a_signature_of_another_message_does_not_hold(made: Made, copied: Callable[[], Path]) -> None:
    folder = copied()
    shutil.copy(folder / of_message(made, 0, "signature.json"), folder / of_message(made, 1, "signature.json"))
    seal_again(folder)

    assert failing(verify(folder)) == [("signature", made.messages[1])]


def test_a_signature_under_another_agencys_key_does_not_hold(made: Made, copied: Callable[[], Path]) -> None:
    folder = copied()
    other = json.loads((folder / of_message(made, 2, "signature.json")).read_text())["skid"]
    change(folder, of_message(made, 1, "signature.json"), lambda signed: {**signed, "skid": other})

    assert failing(verify(folder)) == [("signature", made.messages[1])]


@pytest.mark.parametrize(
    ("of", "sentence"),
    [
        ("signature", "The signature of hu-fp's R1 does not hold."),
        ("stage", "hu-fp's R3 does not speak of this message."),
        ("agency", "hu-iom's R1 was signed by another agency or for another network."),
        ("message", "hu-fp's R1 does not speak of this message."),
    ],
)
def test_a_tampered_receipt_does_not_hold(made: Made, copied: Callable[[], Path], of: str, sentence: str) -> None:
    folder = copied()
    receipts = folder / of_message(made, 1, "receipts")
    statement, signature = receipts / "hu-fp.R1.json", receipts / "hu-fp.R1.signature.json"
    if of == "signature":
        statement.write_bytes(statement.read_bytes().replace(b'"stage":"R1"', b'"stage":"R3"'))
    elif of == "message":
        late = folder / of_message(made, 5, "receipts")
        shutil.copy(late / "hu-fp.R1.json", statement)
        shutil.copy(late / "hu-fp.R1.signature.json", signature)
    else:
        name = {"stage": "hu-fp.R3", "agency": "hu-iom.R1"}[of]
        statement.rename(receipts / f"{name}.json")
        signature.rename(receipts / f"{name}.signature.json")
    seal_again(folder)
    report = verify(folder)

    assert [(one.check, one.message, one.sentence) for one in report.failures] == [
        ("receipt", made.messages[1], sentence)
    ]


@pytest.mark.parametrize(
    ("gone", "sentence"),
    [
        ("hu-fp.R1.json", "receipts/hu-fp.R1.signature.json signs a statement that is not here."),
        ("hu-fp.R1.signature.json", "receipts/hu-fp.R1.signature.json is not here."),
    ],
)
def test_half_a_receipt_does_not_hold(made: Made, copied: Callable[[], Path], gone: str, sentence: str) -> None:
    folder = copied()
    (folder / of_message(made, 1, f"receipts/{gone}")).unlink()
    seal_again(folder)

    assert [one.sentence for one in verify(folder).failures] == [sentence]


def test_the_proof_of_another_message_does_not_hold(made: Made, copied: Callable[[], Path]) -> None:
    folder = copied()
    shutil.copy(folder / of_message(made, 0, "log.tlog-proof"), folder / of_message(made, 1, "log.tlog-proof"))
    seal_again(folder)

    assert failing(verify(folder)) == [("log", made.messages[1])]


def test_a_proof_of_a_log_that_the_root_file_does_not_name_does_not_hold(
    made: Made, copied: Callable[[], Path]
) -> None:
    folder = copied()
    _log_again(made, folder, tlog.make_signer("log.example/test", b"\x01" * 32))

    assert failing(verify(folder)) == [("log", made.messages[0])]


def test_two_logs_of_one_size_convict_the_notary(made: Made, copied: Callable[[], Path]) -> None:
    folder = copied()
    _log_again(made, folder, LOG)

    assert failing(verify(folder)) == [("log", made.messages[1])]
    assert "two logs of one size" in verify(folder).failures[0].sentence


def _log_again(made: Made, folder: Path, signer: tlog.NoteSigner) -> None:
    """Prove the first message by a log of six entries that holds nothing else of the case."""
    leaves = [tlog.leaf_hash(tlog.message_entry(unb64(made.messages[0], 32)))]
    leaves += [tlog.leaf_hash(tlog.message_entry(bytes([number]) * 32)) for number in range(5)]
    note = tlog.sign_checkpoint(tlog.Checkpoint(signer.key.name, 6, tlog.tree_root(leaves)), signer)
    proof = tlog.LogProof(0, tlog.leaves_prover(leaves).inclusion(0, 6), note)
    (folder / of_message(made, 0, "log.tlog-proof")).write_bytes(proof.encode())
    seal_again(folder)


@pytest.mark.parametrize("field", ["body", "key", "name", "readers", "commitment"])
def test_a_section_that_is_not_what_was_committed_to_does_not_hold(
    made: Made, copied: Callable[[], Path], field: str
) -> None:
    folder = copied()

    def other(found: dict[str, Any]) -> dict[str, Any]:
        section = found["sections"][0]
        changed = {
            "body": section["body"].replace("24-26", "15-17"),
            "key": "A" * 43,
            "name": "identity",
            "readers": ["hu-fp", "hu-iom"],
            "commitment": "A" * 43,
        }
        section[field] = changed[field]
        return found

    change(folder, of_message(made, 1, "sections.json"), other)

    assert failing(verify(folder)) == [("section", made.messages[1])]


def test_a_section_said_to_be_erased_that_never_was_does_not_hold(made: Made, copied: Callable[[], Path]) -> None:
    folder = copied()
    change(folder, of_message(made, 1, "sections.json"), lambda found: {**found, "erased": [{"commitment": "A" * 43}]})

    assert failing(verify(folder)) == [("section", made.messages[1])]


def test_what_the_bag_says_of_itself_must_be_what_the_case_file_says(copied: Callable[[], Path]) -> None:
    folder = copied()
    info = folder / "bag-info.txt"
    info.write_text(info.read_text().replace("Landfall-Training: yes: every person in it is invented\n", ""))
    seal_again(folder)

    assert [(one.check, one.about) for one in verify(folder).failures] == [("form", "bag-info.txt")]


def test_a_case_file_that_hides_the_training_mark_does_not_hold(copied: Callable[[], Path]) -> None:
    folder = copied()
    change(folder, "data/case.json", lambda case: {**case, "training": False})

    assert "case file" in {check for check, _ in failing(verify(folder))}


def test_another_procedure_than_the_messages_name_does_not_hold(copied: Callable[[], Path]) -> None:
    folder = copied()
    table = folder / "data" / "procedure.toml"
    table.write_text(table.read_text().replace('"caseworker", ', "", 1))
    seal_again(folder)

    assert "procedure" in {check for check, _ in failing(verify(folder))}


def test_a_comment_in_the_procedure_changes_nothing_but_the_manifest(copied: Callable[[], Path]) -> None:
    folder = copied()
    with (folder / "data" / "procedure.toml").open("a") as table:
        table.write("# a remark\n")

    assert [one.about for one in verify(folder).failures] == ["data/procedure.toml"]
    seal_again(folder)
    assert verify(folder).ok


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 5_000,
        b'{"format":"landfall-bundle/1"}',
        b'{"a":' * 20 + b"1" + b"}" * 20,
        b'{"format": 1.5}',
        b"\x1b[31m",
    ],
)
def test_a_malformed_file_of_any_kind_is_one_finding_and_never_a_traceback(
    made: Made, copied: Callable[[], Path], garbage: bytes
) -> None:
    folder = copied()
    paths = ["data/network.json", "data/procedure.toml", "data/case.json"]
    names = ["content.json", "signature.json", "log.tlog-proof", "sections.json", "receipts/hu-fp.R1.json"]
    paths += [of_message(made, 1, name) for name in (*names, "receipts/hu-fp.R1.signature.json")]
    for path in paths:
        raw = (folder / path).read_bytes()
        (folder / path).write_bytes(garbage)
        seal_again(folder)
        report = verify(folder)
        assert not report.ok, path
        assert not any("\x1b" in line or "\n" in line for line in report.lines)
        if "messages" in path:
            assert [one.message for one in report.failures] == [made.messages[1]], path
        (folder / path).write_bytes(raw)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_a_forger_writes_the_answer_is_a_report(
    made: Made, copied: Callable[[], Path], data: st.DataObject
) -> None:
    folder = copied()
    paths = [path for path in files_of(folder) if path.startswith("data/")]
    for path in data.draw(st.lists(st.sampled_from(sorted(paths)), min_size=1, max_size=3, unique=True)):
        raw = bytearray((folder / path).read_bytes())
        for _ in range(data.draw(st.integers(1, 3))):
            place = data.draw(st.integers(0, len(raw) - 1))
            raw[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
        (folder / path).write_bytes(raw)
    seal_again(folder)

    assert verify(folder).lines[-1]
    assert len(made.messages) == 6


@pytest.mark.parametrize("name", ["data/network.json", "data/procedure.toml", "data/case.json"])
def test_a_bundle_without_one_of_its_three_files_says_so(copied: Callable[[], Path], name: str) -> None:
    folder = copied()
    (folder / name).unlink()
    seal_again(folder)

    assert (name, "It is not here.") in {(one.about, one.sentence) for one in verify(folder).failures}


def test_a_file_that_is_no_part_of_a_bundle_is_named(made: Made, copied: Callable[[], Path]) -> None:
    folder = copied()
    (folder / "data" / "more.json").write_text("{}")
    (folder / of_message(made, 0, "more.json")).write_text("{}")
    seal_again(folder)

    assert [(one.about.split(",")[0], one.sentence) for one in verify(folder).failures] == [
        ("data/more.json", "It is no part of a bundle."),
        ("consent of be-fp", "more.json is no part of a bundle."),
    ]


def test_what_is_no_bundle_is_a_report_too(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    assert not verify(tmp_path / "file").ok
    assert not verify(tmp_path / "nowhere").ok
    (tmp_path / "empty").mkdir()
    assert not verify(tmp_path / "empty").ok
