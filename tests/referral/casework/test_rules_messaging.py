from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from casework_situations import NOW, consent, consents, section, sections, situation
from contracts.examples import example
from contracts.sections import SECTIONS, SectionModel, free_texts
from contracts.sections.journey import Departure, PhoneOnBoard
from referral.casework.consent import Consents
from referral.casework.intent import Attestation
from referral.casework.rules import Situation, check

STEP_1 = {"preliminary_risk": "medium", "majority": "adult"}
STEP_3 = {"plan_version": 1, "majority": "adult", "solution": "stay"}


def ids(at: Situation) -> list[str]:
    return [one.rule for one in check(at.kind, at)]


def details(at: Situation, rule: str) -> list[str]:
    return [one.detail for one in check(at.kind, at) if one.rule == rule]


def test_a_section_without_consent_is_blocked_for_each_reader_without_it() -> None:
    asked = situation(
        "reintegration-assistance-request",
        STEP_3,
        sending=sections("identity"),
        readers={"identity": ("hu-fp", "hu-iom")},
        consents=consents("hu-fp"),
    )

    assert details(asked, "M1") == ["identity, hu-iom: no consent in force."]
    assert ids(asked) == ["M1"]
    assert ids(replace(asked, consents=consents("hu-fp", "hu-iom"))) == []


def test_an_answer_needs_consent_for_what_it_answers() -> None:
    answering = situation(
        "clarification-reply",
        {"answer": "answered"},
        sending=sections("answer"),
        readers={"answer": ("hu-fp", "be-fp")},
        consents=Consents.of([consent("hu-fp", classes=("P1",))]),
    )
    heavier = [{"question_id": "q1", "section": "documents", "answer": "They are held."}]

    assert ids(answering) == []
    assert ids(replace(answering, sending={"answer": section("answer", answers=heavier)})) == ["M1"]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"classes": ("P1",)}, ["M1"]),
        ({"purposes": ("travel",)}, ["M1"]),
        ({"state": "withdrawn"}, ["M1"]),
        ({"expires_at": NOW.date() - timedelta(days=1)}, ["M1"]),
        ({"expires_at": NOW.date()}, []),
        ({"valid_from": NOW.date() + timedelta(days=1)}, ["M1"]),
    ],
)
def test_a_consent_covers_class_purpose_and_day(changed: dict[str, Any], expected: list[str]) -> None:
    given = Consents.of([consent("hu-fp", **changed)])
    asked = situation(
        "reintegration-assistance-request",
        STEP_3,
        sending=sections("identity"),
        readers={"identity": ("hu-fp",)},
        consents=given,
    )

    assert expected == ids(asked)


def test_care_that_goes_on_needs_a_consent_of_its_own() -> None:
    asked = situation(
        "reintegration-assistance-request",
        STEP_3,
        sending=sections("continuing_care"),
        readers={"continuing_care": ("hu-ngo",)},
        consents=Consents.of([consent("hu-ngo", purposes=("share_agency",))]),
    )

    assert details(asked, "M1") == ["continuing_care, hu-ngo: no care in force."]


def test_step_1_travels_in_codes_only() -> None:
    assert ids(situation("assistance-request-notification", STEP_1, sending=sections("profile"))) == []
    assert ids(situation("assistance-request-notification", STEP_1, sending=sections("profile", "note"))) == ["M2"]
    coded = {name for name in SECTIONS if not list(free_texts(section(name)))}
    assert {"profile", "measures"} <= coded


LEAKS = [
    ("Call her on +36 20 123 4567.", "a telephone number"),
    ("Call 0036201234567 now", "a telephone number"),
    ("رقمها ٠٠٣٦٢٠١٢٣٤٥٦٧", "a telephone number"),
    ("write to tulip-77@example.org", "an e-mail address"),
    ("She was born on 17.04.2001 there", "a date of birth"),
    ("born 2001-04-17", "a date of birth"),
    ("born 17/04/01", "a date of birth"),
    ("Zsófia wants a bed", "a name known to the case"),
    ("ZSOFIA wants a bed", "a name known to the case"),
    ("the family MINTAVÁRY", "a name known to the case"),
    ("they called her Lili", "a name known to the case"),
]


@pytest.mark.parametrize(("text", "kind"), LEAKS)
def test_a_leak_in_free_text_is_named_and_not_repeated(text: str, kind: str) -> None:
    known = sections("identity", "trafficking_profile")
    told = situation("clarification-reply", {}, sending={"note": section("note", note=text)}, known=known)

    assert [f"note, note: {kind}."] == details(told, "M3")
    assert ids(told) == ["M3"]


@pytest.mark.parametrize(
    "text",
    [
        "The bed is free from 2026-10-12 on.",
        "Two rooms, 1200 EUR a month, 24 hours.",
        "The course takes 9 months and 12 days.",
        "Lilac walls, and the minta is a sample.",
    ],
)
def test_ordinary_sentences_do_not_leak(text: str) -> None:
    known = sections("identity", "trafficking_profile")

    assert ids(situation("clarification-reply", {}, sending={"note": section("note", note=text)}, known=known)) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ოქსანა", "დღეს ოქსანა მოვიდა"),
        ("Жанна", "сегодня ЖАННА пришла"),
        ("Ελένη", "η ΕΛΈΝΗ ήρθε"),
        ("سميرة", "جاءت سميرة اليوم"),
        ("李小龙", "今天李小龙来了"),
        ("สมหญิง", "วันนี้สมหญิงมาแล้ว"),
        ("शांति", "आज शांति आई"),
        ("Ağa", "bugün AĞA geldi"),
    ],
)
def test_a_name_is_found_in_every_script(name: str, text: str) -> None:
    held = (section("identity", given_name=name, given_name_latin="Somebody"),)
    told = situation("clarification-reply", {}, sending={"note": section("note", note=text)}, held=held)

    assert details(told, "M3") == ["note, note: a name known to the case."]


def test_the_leak_check_reads_texts_inside_parts() -> None:
    questions = example("questions")
    questions["questions"][1]["why_needed"] = "Is it Zsófia?"
    asked = situation(
        "assistance-request-confirmation",
        {"decision": "clarify"},
        sending={"questions": section("questions", questions=questions["questions"])},
        known=sections("identity"),
    )

    assert details(asked, "M3") == ["questions, questions.1.why_needed: a name known to the case."]


def test_an_answer_after_its_time_is_flagged() -> None:
    late = situation("assistance-request-confirmation", {"decision": "accept"}, answers_by=NOW - timedelta(seconds=1))

    assert ids(late) == ["M4"]
    assert ids(replace(late, answers_by=NOW)) == []


FOUND = datetime(2026, 10, 3, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "expected"),
    [(FOUND + timedelta(hours=24), []), (FOUND + timedelta(hours=24, seconds=1), ["M5"])],
)
def test_health_care_comes_within_a_day_of_the_opening_of_the_case(now: datetime, expected: list[str]) -> None:
    assert expected == ids(situation("assistance-request-notification", STEP_1, opened_at=FOUND, now=now))


@pytest.mark.parametrize(("day", "expected"), [(3, []), (4, []), (5, ["M5"])])
def test_who_attests_health_care_says_on_which_day_it_was(day: int, expected: list[str]) -> None:
    word = (Attestation("M5", "case-manager", date(2026, 10, day)),)

    assert expected == ids(situation("assistance-request-notification", STEP_1, opened_at=FOUND, attested=word))


def test_a_status_before_the_case_was_opened_is_the_identification() -> None:
    known = {"trafficking_profile": section("trafficking_profile", status_date="2026-09-20")}
    word = (Attestation("M5", "case-manager", date(2026, 9, 22)),)
    asked = situation("reintegration-assistance-request", STEP_3, known=known, opened_at=FOUND, now=FOUND)

    assert ids(asked) == ["M5"]
    assert ids(replace(asked, attested=word)) == []
    assert ids(replace(asked, attested=(replace(word[0], date=date(2026, 9, 23)),))) == ["M5"]


@pytest.mark.parametrize(("fit", "expected"), [("yes", []), ("no", []), ("unknown", ["M5"])])
def test_a_word_on_her_fitness_shows_that_health_care_saw_her(fit: str, expected: list[str]) -> None:
    known = {"travel_health": section("travel_health", fit_to_travel=fit)}

    assert expected == ids(situation("reintegration-assistance-request", STEP_3, known=known, opened_at=FOUND))


def test_the_address_of_a_shelter_goes_to_the_shelter_alone() -> None:
    shelter = section("destination_place", address="Minta utca 1, II. em.", shelter_of="hu-ngo")
    asked = situation(
        "reintegration-assistance-request",
        STEP_3,
        sending={"destination_place": shelter},
        readers={"destination_place": ("hu-iom", "hu-ngo")},
    )
    home = section("destination_place", address="Minta utca 1, II. em.")

    assert ids(asked) == ["M6"]
    assert ids(replace(asked, readers={"destination_place": ("hu-ngo",)})) == []
    assert ids(replace(asked, sending={"destination_place": home})) == []
    assert ids(replace(asked, sending={"destination_place": home}, held=(shelter,))) == ["M6"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Take her to MINTA UTCA 1 - II. em!", ["M6"]),
        ("Take her to Mintá utca 1, II em.", ["M6"]),
        ("Take her to Minta utca 12, II em.", []),
        ("Take her to Minta utca.", []),
    ],
)
def test_the_address_of_a_shelter_is_found_in_every_text(text: str, expected: list[str]) -> None:
    shelter = section("destination_place", address="Minta utca 1, II. em.", shelter_of="hu-ngo")
    note = {"note": section("note", note=text)}

    assert expected == ids(situation("clarification-reply", {}, sending=note, held=(shelter,)))
    assert ids(situation("clarification-reply", {}, sending=note, held=(shelter,), readers={"note": ("hu-ngo",)})) == []


def test_an_unsafe_channel_is_blocked_even_where_a_model_was_built_around_its_check() -> None:
    departure = section("departure")
    assert isinstance(departure, Departure)
    phone = PhoneOnBoard.model_construct(number="+3225550100", safe_to_contact=False)
    around: SectionModel = departure.model_copy(update={"phone_on_board": phone})
    act = {"itinerary": "none", "boarded": 1, "planned": 1, "confirmed_by": "escort"}

    assert ids(situation("post-departure-notification", act, sending={"departure": around})) == ["T13", "M7"]
    assert ids(situation("post-departure-notification", act, sending=sections("departure"))) == ["T13"]


def test_who_holds_a_section_does_not_ask_for_it_again() -> None:
    act = {"decision": "clarify", "needed_sections": ["identity", "documents", "wishes"]}
    asked = situation(
        "assistance-request-confirmation", act, known=sections("identity"), held_elsewhere=frozenset({"documents"})
    )

    assert details(asked, "M8") == ["This agency holds identity already.", "Another agency holds documents already."]
