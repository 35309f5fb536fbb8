from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bundles import LOG, change, failing, files_of, of_message, said, seal_again
from contracts import tlog
from contracts.encoding import unb64
from referral.audit.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bundles import Made
    from referral.audit.report import Report

KINDS = {
    "consent",
    "assistance-request-notification",
    "assistance-request-confirmation",
    "participant-added",
    "participation",
    "risk-assessment",
}


@pytest.mark.slow
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
    assert len(files_of(made.folder)) == 43


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
    standing = ("standing", "Not folded again, because a message above does not hold.")
    assert [one for one in said(verify(folder), "missing") if one[0] != "receipt log"] == [standing]


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
        ("hu-fp.R1.json", "receipts/hu-fp.R1.signature.json belongs to a statement that is not here."),
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


@pytest.mark.slow
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
    (tmp_path / "empty").mkdir()

    for name in ("file", "nowhere", "empty"):
        report = verify(tmp_path / name)
        assert [one.about for one in report.failures] == ["the folder"]
        assert report.lines[-1] == "This bundle does not hold. 0 hold, 1 do not, 1 missing."


def test_what_does_not_hold_stands_last_where_a_person_looks(made: Made, copied: Callable[[], Path]) -> None:
    folder = copied()
    (folder / of_message(made, 0, "content.json")).write_text("{}")
    lines = verify(folder).lines

    assert lines[-2].startswith("does not hold  form: consent of be-fp, ")
    assert lines[-1].startswith("This bundle does not hold. ")
