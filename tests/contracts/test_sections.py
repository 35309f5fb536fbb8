from __future__ import annotations

import json
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import contracts
from contracts.encoding import compact
from contracts.examples import example
from contracts.refusal import Refusal
from contracts.sections import (
    SECTIONS,
    LocalTime,
    SectionRefused,
    compose_section,
    field_classes,
    free_texts,
    read_section,
    section_class,
)
from contracts.sections.journey import ArrivalTime
from contracts.vocabulary import DataClass

PROCEDURE = tomllib.loads((Path(contracts.__file__).parent / "procedures" / "icp.v1.toml").read_text(encoding="utf-8"))
NAMES = sorted(SECTIONS)
IDENTIFYING = {
    "given_name",
    "family_name",
    "name",
    "birthdate",
    "identity_number",
    "travel_document",
    "phone",
    "email",
    "address",
    "narrative",
    "region_of_return",
}


def refused(name: str, body: dict[str, Any]) -> SectionRefused:
    with pytest.raises(SectionRefused) as raised:
        compose_section(name, body)
    return raised.value


def changed(name: str, path: str, value: object) -> dict[str, Any]:
    """Return the example of a section with the field at a dotted `path` set to `value`."""
    body: Any = example(name)
    *steps, last = path.split(".")
    here = body
    for step in steps:
        here = here[int(step)] if step.isdigit() else here[step]
    here[int(last) if last.isdigit() else last] = value
    return dict(body)


def texts(value: Any, path: str = "") -> list[str]:
    if isinstance(value, str):
        return [path]
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, row in inner for found in texts(row, f"{path}.{key}".strip("."))]


BAD_TEXTS = ("\x00canary", "can\nary", "can\x7fary", "\ud800canary", "", "canary" * 1000)


def test_every_name_of_the_section_table_has_a_model_and_no_other() -> None:
    assert sorted(PROCEDURE["section"]) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_highest_class_of_a_field_is_the_class_of_the_table(name: str) -> None:
    classes = field_classes(SECTIONS[name])

    assert PROCEDURE["section"][name]["class"] == section_class(name)
    assert all(label <= PROCEDURE["section"][name]["class"] for label in classes.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_field_that_holds_parts_has_their_highest_class(name: str) -> None:
    classes = field_classes(SECTIONS[name])
    for path, label in classes.items():
        inner = [held for other, held in classes.items() if other.startswith((f"{path}.", f"{path}[]."))]
        assert label == max(inner, default=label), path


def test_classes_are_read_through_lists_and_parts() -> None:
    assert field_classes(SECTIONS["itinerary"])["legs[].from"] == DataClass.P4
    assert field_classes(SECTIONS["identity"])["travel_document.no"] == DataClass.P2
    assert field_classes(SECTIONS["services"])["blackout_dates"] == DataClass.P0


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_every_section_is_composed_and_read_back(name: str) -> None:
    body = compose_section(name, example(name))

    assert compact(json.loads(body)) == body
    assert compact(read_section(name, body).model_dump(mode="json", by_alias=True, exclude_none=True)) == body
    assert SECTIONS[name] is type(read_section(name, body))


def test_the_story_moves_with_the_day_of_arrival() -> None:
    moved = read_section(
        "arrival_time", compose_section("arrival_time", example("arrival_time", arrive=date(2027, 1, 5)))
    )

    assert isinstance(moved, ArrivalTime)
    assert datetime(2027, 1, 5, 9, 40, tzinfo=UTC) == moved.at.at()


@pytest.mark.parametrize("name", NAMES)
def test_composing_refuses_an_unknown_field_and_does_not_repeat_its_name(name: str) -> None:
    found = refused(name, example(name) | {"canary-7711": 1})

    assert (name, "") == (found.section, found.path)
    assert "canary" not in str(found)


@pytest.mark.parametrize("name", NAMES)
def test_reading_keeps_a_field_that_is_newer_than_this_reader(name: str) -> None:
    kept = read_section(name, compact(example(name) | {"newer": {"a": 1}}))

    assert kept.model_extra == {"newer": {"a": 1}}


@pytest.mark.parametrize("name", NAMES)
def test_a_section_cannot_be_changed_once_read(name: str) -> None:
    section = read_section(name, compose_section(name, example(name)))

    with pytest.raises(ValueError, match="frozen"):
        setattr(section, next(iter(type(section).model_fields)), None)


def parents(path: str) -> set[str]:
    """Return a path with all that it lies in, down to the whole body."""
    return {"", path, *(path.rsplit(".", cut)[0] for cut in range(1, path.count(".") + 1))}


@pytest.mark.parametrize("name", NAMES)
def test_text_that_is_no_plain_text_is_refused_in_every_field(name: str) -> None:
    for path in texts(example(name)):
        for bad in BAD_TEXTS:
            found = refused(name, changed(name, path, bad))
            assert name == found.section
            assert found.path in parents(path)
            assert "canary" not in str(found)


@pytest.mark.parametrize("name", NAMES)
def test_another_type_in_place_of_a_text_is_refused(name: str) -> None:
    for path in texts(example(name)):
        for bad in (7, True, ["x"], {"x": "y"}):
            assert refused(name, changed(name, path, bad)).path in parents(path), path


def test_text_is_put_into_nfc_when_composed_and_refused_otherwise_when_read() -> None:
    composed = compose_section("note", {"note": "Zso\u0301fia"})

    assert compact({"note": "Zs\u00f3fia"}) == composed
    with pytest.raises(SectionRefused, match=r"note: note: text is in Unicode NFC\."):
        read_section("note", compact({"note": "Zso\u0301fia"}))


@pytest.mark.parametrize("length", [1, 4_000])
def test_a_text_may_be_as_long_as_four_thousand_characters(length: int) -> None:
    assert compose_section("note", {"note": "\u0645" * length})


def test_a_text_of_4001_characters_is_refused() -> None:
    assert "longer than 4,000" in str(refused("note", {"note": "x" * 4_001}))


@pytest.mark.parametrize("field", sorted(IDENTIFYING))
def test_the_profile_of_step_1_has_no_place_for_identity(field: str) -> None:
    assert field not in SECTIONS["profile"].model_fields
    assert "canary" not in str(refused("profile", example("profile") | {field: "canary"}))


def test_the_profile_of_step_1_holds_codes_only() -> None:
    profile = read_section("profile", compose_section("profile", example("profile")))

    assert list(free_texts(profile)) == []
    for path in texts(example("profile")):
        assert refused("profile", changed("profile", path, "canary-9")).section == "profile"


@pytest.mark.parametrize("gender", ["TransgenderFeminine", "TransgenderMasculine"])
def test_trans_values_go_only_where_the_trafficking_profile_goes(gender: str) -> None:
    assert refused("identity", changed("identity", "gender", gender)).path == "gender"
    assert refused("profile", changed("profile", "gender", gender)).path == "gender"
    assert compose_section("trafficking_profile", changed("trafficking_profile", "gender", gender))


def test_an_unsafe_channel_cannot_be_written_down() -> None:
    for value in (False, None, 1, "true"):
        found = refused("safe_contact", changed("safe_contact", "contacts.0.safe_to_contact", value))
        assert found.path == "contacts.0.safe_to_contact"
    assert "M7" in str(refused("safe_contact", changed("safe_contact", "contacts.0.safe_to_contact", False)))
    del (body := example("safe_contact"))["contacts"][0]["safe_to_contact"]
    assert refused("safe_contact", body).path == "contacts.0.safe_to_contact"
    assert "M7" in str(refused("departure", changed("departure", "phone_on_board.safe_to_contact", False)))


def test_the_reception_has_no_place_for_the_shelters_address() -> None:
    assert "M6" in str(refused("reception", example("reception") | {"shelter_address": "canary"}))
    assert not {"address", "shelter_address"} & set(SECTIONS["reception"].model_fields)


@pytest.mark.parametrize("field", ["photo", "photo_for_meeting", "attachments"])
def test_pictures_are_refused_with_the_reason(field: str) -> None:
    found = refused("identity", {"given_name": "A", field: "canary"})

    assert field == found.path
    assert "photos and other attachments do not travel yet" in str(found)


def test_asylum_is_said_in_the_ground_of_a_hold_and_nowhere_else() -> None:
    holders = [name for name in NAMES if any("asylum" in path for path in field_classes(SECTIONS[name]))]

    assert holders == ["hold_ground"]
    assert "hold_ground" in str(refused("documents", example("documents") | {"asylum_claim": "pending"}))


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("meeting", "language", "hu"),
        ("meeting", "count", 0),
        ("arrival_time", "place", "bud"),
        ("arrival_time", "at.zone", "Europe/Atlantis"),
        ("arrival_time", "at.zone", "localtime"),
        ("arrival_time", "at.zone", "../../etc/passwd"),
        ("arrival_time", "at.local", "2026-10-13 10:40"),
        ("arrival_time", "at.local", "2026-02-30T10:40"),
        ("arrival_time", "at.local", "0001-01-01T00:00"),
        ("arrival_time", "at.local", "2026-10-13T10:40Z"),
        ("identity", "birthdate", "17.04.2001"),
        ("identity", "birthdate", "2001-02-29"),
        ("identity", "birthdate", "2001-04-17T00:00:00"),
        ("identity", "citizenship.0", "UK"),
        ("identity", "citizenship", []),
        ("cash", "cash_given.0.amount", "1e3"),
        ("cash", "cash_given.0.amount", "-5"),
        ("cash", "cash_given.0.amount", 150),
        ("cash", "cash_given.0.currency", "euro"),
        ("reception", "phone_24h", "0036 1 555"),
        ("reception", "phone_24h", "+36\u0661\u0662\u0663\u0664"),
        ("reception", "agency", "HU_IOM"),
        ("safe_contact", "contacts.0.value", "call her"),
        ("declaration", "voluntary_return_declaration.form_hash", "5F" * 32),
        ("itinerary", "legs.0.n", 17),
        ("itinerary", "legs.0.n", True),
        ("itinerary", "legs.0.dep_local.local", "2026-10-13T11:00"),
        ("itinerary", "legs", []),
        ("travel_health", "pregnancy_weeks", 46),
        ("services", "monitoring_schedule", [7] * 65),
    ],
)
def test_a_field_out_of_its_form_is_refused_with_its_path(name: str, path: str, value: object) -> None:
    found = refused(name, changed(name, path, value))

    assert (name, "section") == (found.section, found.code)
    assert found.path in parents(path)
    assert repr(value) not in str(found)


@pytest.mark.parametrize("place", ["BUD", "HUBUD", "BEBRU", "DE7BU"])
def test_places_are_written_as_airport_or_un_locode(place: str) -> None:
    assert compose_section("arrival_time", changed("arrival_time", "place", place))


def test_a_person_may_have_no_state() -> None:
    assert compose_section("identity", changed("identity", "citizenship", ["stateless"]))


def test_a_local_time_that_comes_twice_is_the_earlier_one() -> None:
    twice = LocalTime(local="2026-10-25T02:30", zone="Europe/Budapest")

    assert datetime(2026, 10, 25, 0, 30, tzinfo=UTC) == twice.at()
    assert twice.clock().isoformat() == "2026-10-25T02:30:00+02:00"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b'{"note":"a","note":"b"}',
        b'{"note":1.5}',
        b'\xef\xbb\xbf{"note":"a"}',
        b'{"note":"\xff"}',
        b'{"note":' + b"[" * 17 + b"]" * 17 + b"}",
        b'{"note":"' + b"a" * 131_072 + b'"}',
    ],
)
def test_bytes_that_are_no_section_are_refused_with_one_error(raw: bytes) -> None:
    with pytest.raises(SectionRefused):
        read_section("note", raw)


@pytest.mark.parametrize("body", [{"note": float("nan")}, {"note": object()}, {"note": {1, 2}}, {"note": b"x"}])
def test_what_cannot_be_json_is_refused_when_composed(body: dict[str, Any]) -> None:
    assert refused("note", body).section == "note"


def test_an_unknown_section_is_refused_without_its_name() -> None:
    for attempt in (lambda: compose_section("canary", {}), lambda: read_section("canary", b"{}")):
        with pytest.raises(SectionRefused) as raised:
            attempt()
        assert "canary" not in str(raised.value)


@given(st.binary(max_size=200) | st.text().map(lambda text: compact({"note": text.replace("\ud800", "")})))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        section = read_section("note", raw)
    except Refusal as found:
        assert isinstance(found, SectionRefused)  # noqa: PT017 - either outcome is right, another error is not
    else:
        assert isinstance(section, SECTIONS["note"])


@given(st.sampled_from(NAMES), st.data())
def test_a_body_with_one_value_replaced_is_composed_to_what_is_read_or_refused(name: str, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(texts(example(name)) or [next(iter(example(name)))]))
    values = (
        st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.text(max_size=3), max_size=2)
    )
    try:
        body = compose_section(name, changed(name, path, data.draw(values)))
    except SectionRefused as found:
        assert name == found.section  # noqa: PT017 - either outcome is right, another error is not
    else:
        assert body == compose_section(name, json.loads(body))


def test_free_texts_are_found_in_lists_and_parts() -> None:
    questions = read_section("questions", compose_section("questions", example("questions")))
    plan = read_section("plan", compose_section("plan", example("plan")))

    assert [path for path, _ in free_texts(questions)] == ["questions.0.why_needed", "questions.1.why_needed"]
    assert "plan_draft.objectives.0" in dict(free_texts(plan))
    assert list(free_texts(read_section("identity", compose_section("identity", example("identity"))))) == []
