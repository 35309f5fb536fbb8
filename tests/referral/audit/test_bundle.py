from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundles import EXPORTED, RISK, exported, files_of, log_all, messages, opening, proofs_of, referred
from contracts.encoding import b64
from contracts.refusal import FormatRefused
from nodes import START, town
from referral.audit import layout
from referral.audit.bag import FolderTaken
from referral.audit.reads import reads_of
from referral.audit.verify import verify
from referral.errors import CaseUnknown, MessageUnknown

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = (b"24-26", b"informed_of", b"oral")


async def test_a_bundle_holds_what_was_signed_receipted_and_proven(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        found = messages(it, "be-fp", case)
        log_all(it, "be-fp", found)
        bundle = exported(it, "be-fp", case, tmp_path / "bundle")
        node = it.nodes["be-fp"].node
        entries = node.store.load(case).entries

        files = files_of(tmp_path / "bundle")
        assert (bundle.messages, bundle.receipts, bundle.proofs, bundle.sections, bundle.erased) == (3, 2, 3, 0, 0)
        assert bundle.digest == it.nodes["be-fp"].queries.standing(case).digest()
        for name in found:
            folder = f"data/messages/{name}"
            assert files[f"{folder}/content.json"] == entries[name].content.raw
            assert files[f"{folder}/log.tlog-proof"] == (proofs_of(it, "be-fp") / f"{name}.tlog-proof").read_bytes()
            assert json.loads(files[f"{folder}/signature.json"]) == {
                "format": "landfall-signature/1",
                "signature": b64(entries[name].signature),
                "skid": entries[name].skid,
            }
        assert json.loads(files["data/network.json"])["network"] == "training"
        assert b'procedure = "icp.v1"' in files["data/procedure.toml"]


async def test_the_case_file_says_whose_bundle_it_is_and_where_the_case_stands(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        exported(it, "hu-fp", case, tmp_path / "bundle")
        found = json.loads((tmp_path / "bundle" / "data" / "case.json").read_text())
        standing = it.nodes["hu-fp"].queries.standing(case)

        assert (found["format"], found["network"], found["training"]) == ("landfall-bundle/1", "training", True)
        assert (found["agency"], found["case"], found["exported_at"]) == ("hu-fp", case, "2026-09-20T12:00:00Z")
        assert found["standing"] == {"digest": standing.digest(), "document": json.loads(standing.document())}
        assert [one["kind"] for one in found["messages"]] == [
            "consent",
            "assistance-request-notification",
            "assistance-request-confirmation",
        ]
        assert found["left_out"] == []


async def test_the_bag_says_that_it_is_for_training(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        exported(it, "be-fp", case, tmp_path / "bundle")

    lines = (tmp_path / "bundle" / "bag-info.txt").read_text().splitlines()
    assert lines[:-1] == [
        "Source-Organization: be-fp",
        "Bagging-Date: 2026-09-20",
        f"External-Identifier: {case}",
        "Landfall-Format: landfall-bundle/1",
        "Landfall-Network: training",
        "Landfall-Training: yes: every person in it is invented",
    ]


async def test_both_sides_export_the_same_messages_and_the_same_standing(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        ours = exported(it, "be-fp", case, tmp_path / "ours")
        theirs = exported(it, "hu-fp", case, tmp_path / "theirs")

        assert ours.digest == theirs.digest
        assert (ours.receipts, theirs.receipts) == (2, 1)
        assert verify(tmp_path / "ours").ok
        assert verify(tmp_path / "theirs").ok


async def test_the_same_state_exported_at_the_same_time_gives_the_same_bytes(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        for name in ("one", "two"):
            exported(it, "be-fp", case, tmp_path / name, sections=opening(it, "be-fp"))

    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


async def test_without_being_asked_for_no_section_leaves_the_node(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        exported(it, "hu-fp", case, tmp_path / "bundle")

        files = files_of(tmp_path / "bundle")
        assert not any(path.endswith("sections.json") for path in files)
        sent = {path: raw for path, raw in files.items() if path.startswith("data/messages/")}
        assert [path for path, raw in sent.items() if any(secret in raw for secret in SECRETS)] == []
        assert it.nodes["hu-fp"].node.store.load(reads_of(it.nodes["hu-fp"].node.vault, case)) is None


async def test_a_section_is_exported_to_its_reader_with_its_read_in_the_log(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        request = messages(it, "hu-fp", case)[1]
        bundle = exported(it, "hu-fp", case, tmp_path / "bundle", sections=opening(it, "hu-fp"))

        assert bundle.sections == 3
        found = json.loads((tmp_path / "bundle" / f"data/messages/{request}/sections.json").read_text())
        assert [(one["name"], one["readers"]) for one in found["sections"]] == [("profile", ["hu-fp"])]
        assert json.loads(found["sections"][0]["body"])["age_band"] == "24-26"
        reads = it.nodes["hu-fp"].node.store.load(reads_of(it.nodes["hu-fp"].node.vault, case)).entries
        assert {(one.section, one.purpose, one.principal) for one in reads} == {
            ("consent", "export", "auditor"),
            ("profile", "export", "auditor"),
            ("capacity", "export", "auditor"),
        }


async def test_a_section_that_is_shut_is_not_exported(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
        await it.settle()
        bundle = exported(it, "hu-fp", case, tmp_path / "bundle", sections=opening(it, "hu-fp"))

        sent = files_of(tmp_path / "bundle" / "data" / "messages")
        assert [path for path, raw in sent.items() if b"24-26" in raw] == []
        assert bundle.erased == 0
        assert verify(tmp_path / "bundle").ok


async def test_an_erased_section_leaves_its_commitment_and_ground(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        request = messages(it, "hu-fp", case)[1]
        it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
        await it.settle()
        await it.pass_time(4 * (EXPORTED - EXPORTED.replace(day=19)))
        bundle = exported(it, "hu-fp", case, tmp_path / "bundle")

        assert bundle.erased == 1
        found = json.loads((tmp_path / "bundle" / f"data/messages/{request}/sections.json").read_text())
        assert found["sections"] == []
        assert [one["ground"] for one in found["erased"]] == ["consent_withdrawn"]
        assert (
            found["erased"][0]["commitment"]
            in it.nodes["hu-fp"].node.store.load(case).entries[request].content.sections
        )


async def test_an_export_that_is_refused_half_way_leaves_nothing(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)

        def refusing(_case: str, _message: str, section: str) -> None:
            if section == "capacity":
                raise MessageUnknown

        with pytest.raises(MessageUnknown):
            exported(it, "hu-fp", case, tmp_path / "out" / "bundle", sections=refusing)
        assert not (tmp_path / "out").exists()


async def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "letter.txt").write_text("mine")

        with pytest.raises(FolderTaken):
            exported(it, "be-fp", case, tmp_path / "mine")
        assert files_of(tmp_path / "mine") == {"letter.txt": b"mine"}


async def test_a_case_that_is_not_held_is_refused(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        with pytest.raises(CaseUnknown):
            exported(it, "be-fp", "A" * 22, tmp_path / "bundle")
        with pytest.raises(FormatRefused):
            exported(it, "be-fp", "../etc", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


async def test_the_export_tells_how_far_it_is(tmp_path: Path) -> None:
    told: list[str] = []
    async with town(tmp_path) as it:
        case = await referred(it)
        exported(it, "be-fp", case, tmp_path / "bundle", progress=told.append)

    assert told == ["message 1 of 3", "message 2 of 3", "message 3 of 3"]


async def test_a_case_with_a_gap_is_exported_and_the_gap_is_named(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        missed = it.send("be-fp", case, "risk-assessment", RISK)
        it.nodes["be-fp"].worker.follow()
        with it.nodes["be-fp"].node.store.transaction() as cursor:
            cursor.execute("UPDATE deliveries SET state = 'stored' WHERE recipient = 'hu-fp'")
        it.send("be-fp", case, "risk-assessment", {**RISK, "level": "high"})
        await it.settle(["be-fp"])
        await it.nodes["hu-fp"].worker.inbox.turn()
        exported(it, "hu-fp", case, tmp_path / "bundle")

    report = verify(tmp_path / "bundle")
    assert report.ok
    assert [
        (one.check, one.message) for one in report.findings if one.word == "missing" and one.check == "message"
    ] == [("message", missed.message)]


# -- the forms ---------------------------------------------------------------------------------------------------------

ids = st.binary(min_size=32, max_size=32).map(b64)
listed = st.builds(
    layout.Listed,
    id=ids,
    kind=st.sampled_from(["consent", "new-kind.v2"]),
    sender=st.sampled_from(["be-fp", "hu-iom"]),
    sent_at=st.just(START),
    recorded_at=st.just(EXPORTED),
)
cases = st.builds(
    layout.CaseFile,
    network=st.just("training"),
    training=st.booleans(),
    case=st.binary(min_size=16, max_size=16).map(b64),
    agency=st.just("be-fp"),
    exported_at=st.just(EXPORTED),
    procedure=st.builds(lambda found: {"hash": found, "name": "icp.v1"}, ids),
    digest=st.binary(min_size=32, max_size=32).map(bytes.hex),
    document=st.dictionaries(st.text("ab", max_size=3), st.integers(0, 9), max_size=3),
    messages=st.lists(listed, max_size=4, unique_by=lambda one: one.id).map(tuple),
    left_out=st.lists(ids, max_size=3, unique=True).map(tuple),
)
disclosures = st.builds(
    lambda case, one, section: replace(case, digest="", document={}, messages=(one,), left_out=(), section=section),
    cases,
    listed,
    st.sampled_from(["needs", "identity"]),
)


@given(cases | disclosures)
def test_a_case_file_is_read_as_it_was_written(case: layout.CaseFile) -> None:
    assert layout.read_case(layout.write_case(case)) == case


@given(cases | disclosures, st.data())
def test_a_case_file_without_one_of_its_fields_is_refused(case: layout.CaseFile, data: st.DataObject) -> None:
    value = json.loads(layout.write_case(case))
    del value[data.draw(st.sampled_from(sorted(value)))]

    with pytest.raises(FormatRefused):
        layout.read_case(json.dumps(value).encode())


@given(st.binary(max_size=64))
def test_bytes_that_are_no_file_of_a_bundle_are_refused(raw: bytes) -> None:
    for read in (layout.read_case, layout.read_signature, layout.read_sections):
        with pytest.raises(FormatRefused):
            read(raw)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("receipts/hu-fp.R1.json", ("hu-fp", "R1")),
        ("receipts/hu-fp.F.signature.json", ("hu-fp", "F")),
        ("receipts/hu-fp.R2.json", None),
        ("receipts/../hu-fp.R1.json", None),
        ("receipts/HU.R1.json", None),
        ("hu-fp.R1.json", None),
    ],
)
def test_a_receipt_is_known_by_its_path(path: str, found: Any) -> None:
    assert layout.receipt_of(path) == found
