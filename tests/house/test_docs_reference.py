"""The reference says what the code does: problem types lead to headings, statuses and settings stand as written."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from house.checkout import ROOT
from notary.api import problems as notary_problems
from notary.config import Settings as NotarySettings
from referral import room, worker
from referral.api import problems
from referral.exchange import alarms, answers, certain, deliveries, erasures, inbox, outbox, parking, recovery
from referral.following import clocks, log_views, mirror, rotation
from referral.opening import Settings

pytestmark = pytest.mark.checkout

REFERENCE = ROOT / "docs" / "reference"


def page(name: str) -> str:
    """Return the text of a page of the reference."""
    return (REFERENCE / name).read_text(encoding="utf-8")


def test_the_type_of_every_problem_leads_to_a_heading() -> None:
    headings = set(re.findall(r"^## (.+)$", page("refusals.md"), re.MULTILINE))
    codes = {*problems.STATUS, *notary_problems.STATUS, "http", "internal"}
    assert codes - headings == set()


def test_the_base_of_problem_types_stands_in_the_reference_of_errors() -> None:
    assert f"`{problems.DOCS}/`" in page("errors.md")


def test_every_status_that_a_node_answers_is_explained() -> None:
    told = {int(status) for status in re.findall(r"^\| (\d{3}) \|", page("errors.md"), re.MULTILINE)}
    assert {*problems.STATUS.values(), 422, 500, 405} == told


def test_every_setting_is_in_the_reference() -> None:
    told = page("settings.md")
    missing = [field.name for field in fields(Settings) if f"| `{field.name}` |" not in told]
    missing += [name for name in NotarySettings.model_fields if f"`NOTARY_{name.upper()}`" not in told]
    assert missing == []


def test_every_field_of_a_content_is_on_the_page_of_the_wire() -> None:
    told = page("wire.md")
    named = re.findall(
        r"^    ([a-z_]+): ", (ROOT / "contracts" / "content.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    fields_of_content = {"procedure", "case", "sender", "audience", "after", "in_reply_to", "supersedes", "occurred_at"}
    fields_of_content |= {"sent_at", "respond_by", "priority", "basis", "consents", "act", "guards", "sections", "seen"}
    assert fields_of_content - set(named) == set()
    assert [name for name in sorted(fields_of_content | {"salt", "format"}) if f"`{name}`" not in told] == []


def test_every_alarm_is_in_the_reference() -> None:
    known = {
        *(answers.UNEQUAL, answers.SILENCE, answers.NOT_ERASED),
        *(outbox.NO_EPOCH_KEY, outbox.NO_TOPIC, outbox.CANNOT_SEND),
        *(inbox.BROKER_RESET, parking.CANNOT_HANDLE, deliveries.NO_RECEIPT, mirror.LOG_REWRITTEN),
        *(*clocks.OURS, clocks.BREACH, clocks.CLOCK_FAILED),
        *(mirror.STATEMENT_NOT_OURS, rotation.STATEMENT_REFUSED, rotation.SIGNING_KEY_ENDING),
        *(log_views.LOG_FORKED, log_views.LOG_WITHHELD, log_views.SEEN_UNPROVEN),
        *(parking.AGENCY_UNKNOWN, parking.PARKED_ENDING, certain.CLOCK_DOUBTED),
        *(clocks.PARKED_FACT, erasures.UNANSWERED),
        *(worker.BROKER_AWAY, worker.CASE_BEHIND, worker.NOTARY_AWAY, worker.EPOCH_KEYS_ENDING),
        *(recovery.RECOVERING, recovery.COPY_FOUND, room.DISK_FILLING),
    }
    assert known == set(re.findall(r"^\| \[`([a-z-]+)`\]", page("alarms.md"), re.MULTILINE))


def test_of_every_alarm_it_is_known_what_ends_it() -> None:
    codes = set(re.findall(r"^\| \[`([a-z-]+)`\]", page("alarms.md"), re.MULTILINE))

    assert codes - alarms.ENDS.keys() - alarms.BY_A_PERSON == set()
    assert alarms.ENDS.keys() & alarms.BY_A_PERSON == set()
    named = re.search(r"They end when a person .*: (.*)\.$", page("alarms.md"), re.MULTILINE)
    assert named is not None
    assert set(re.findall(r"`([a-z-]+)`", named[1])) == alarms.BY_A_PERSON
