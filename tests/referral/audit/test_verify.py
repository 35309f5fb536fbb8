from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bundles import (
    LOG,
    RISK,
    change,
    exported,
    failing,
    files_of,
    log_all,
    make,
    messages,
    opening,
    referred,
    said,
    seal_again,
)
from contracts.network import write_network
from contracts.signing import fingerprint
from contracts.statements import Entry, Link, Restriction, Signed, signed_bytes, statement_bytes
from nodes import town
from referral.audit.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bundles import Made
    from referral.audit.report import Report

# What a check of a bundle may load of the product: contracts, and this room's files that know no node.
OURS = {"bag", "ground", "layout", "message_checks", "page", "refold", "report", "verify"}
DAYS_4 = timedelta(days=4)


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
    unrooted = "7 of the statements here are not shown to be in the log with the receipts of their hour."
    assert said(report, "missing") == [("receipt log", unrooted)]
    assert report.lines[-1] == "Nothing here contradicts itself. 32 hold, 0 do not, 1 missing."


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
    assert found["counts"] == {"holds": 32, "does not hold": 0, "missing": 1, "note": 3}
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


def test_under_a_key_revoked_since_a_signature_is_undecided_which_is_no_failure(tmp_path: Path) -> None:
    async def run() -> tuple[list[str], Report]:
        async with town(tmp_path) as it:
            case = await referred(it)
            exported(it, "be-fp", case, tmp_path / "bundle")
            home = it.nodes["hu-fp"].node
            _, signing = home.directory.current_signing("hu-fp")
            link = Link("training", "hu-fp", home.directory.head("hu-fp"), it.clock())
            raw = statement_bytes(link, Restriction("revocation", None, fingerprint(signing), "stolen"))
            signed = Signed(home.fingerprint, home.vault.sign_identity(signed_bytes(raw)))
            later = replace(home.network, statements=(*home.network.statements, Entry(raw, (signed,))))
            (tmp_path / "network.json").write_bytes(write_network(later))
            return messages(it, "be-fp", case), verify(tmp_path / "bundle", tmp_path / "network.json")

    found, report = asyncio.run(run())

    assert report.ok
    undecided = [(one.check, one.message) for one in report.findings if "undecided" in one.sentence]
    assert undecided == [("receipt", found[0]), ("receipt", found[1]), ("signature", found[2])]
    assert {one.word for one in report.findings if "undecided" in one.sentence} == {"missing"}


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
    missing = [(one.message, one.sentence) for one in report.findings if one.word == "missing" and one.check == "log"]
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
