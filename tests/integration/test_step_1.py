"""No identity in step 1, by construction: a canary in any field of the request is refused and leaves nothing behind."""

from __future__ import annotations

import contextlib
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from canaries import CANARIES, scan_folder, scan_texts
from contracts.examples import example
from integration.faces import face_of
from integration.kept import kept
from integration.walk import STEP_1
from nodes import town

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from integration.faces import Face
    from nodes import Town

KIND: Final = "assistance-request-notification"
PROFILE: Final = {
    "age_band": "24-26",
    "gender": "Feminine",
    "interpreter_language": "hun",
    "communication_aid": "none",
    "accompanied": "alone",
}
FORM: Final[dict[str, Any]] = {
    "act": {**STEP_1, "offers": ["identity"]},
    "sections": {
        "profile": {"body": PROFILE, "readers": ["hu-fp"]},
        "measures": {"body": {"measures": ["delay"]}, "readers": ["hu-fp"]},
    },
    "function": "focal-point",
    "role": "requesting",
    "to": {"hu-fp": "requested"},
    "basis": "consent",
    "priority": "normal",
    "respond_by": "2026-09-20T08:00:00Z",
    "occurred_at": "2026-09-01T07:00:00Z",
    "reasons": [{"rule": "M3", "reason": "checked_by_hand", "second": "case-manager"}],
    "attested": [{"rule": "B2", "function": "guardian", "date": "2026-09-01"}],
}


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the path of every value and, marked, of every place for a name or a field more."""
    if isinstance(value, dict):
        inner = [place for name, one in value.items() for place in places(one, (*path, name))]
        return [*inner, (*path, "+")]
    if isinstance(value, list):
        return [*[place for index, one in enumerate(value) for place in places(one, (*path, index))], (*path, "*")]
    return [path]


def planted(canary: str, path: tuple[str | int, ...], form: Mapping[str, Any] = FORM) -> dict[str, Any]:
    """Return the form with a canary at a place: as the value, as the name of a field more, as an entry more."""
    found = dict(deepcopy(form))
    inner: Any = found
    for step in path[:-1]:
        inner = inner[step]
    if path[-1] == "+":
        inner[canary] = "yes"
    elif path[-1] == "*":
        inner.append(canary)
    else:
        inner[path[-1]] = canary
    return found


PLACES: Final = [*places(FORM), ("in_reply_to",), ("supersedes",)]
CONSENT: Final = {
    "agency": "hu-fp",
    "role": "requested",
    "purposes": ["share_agency"],
    "classes": ["P1"],
    "valid_from": "2026-09-01",
    "expires_at": "2027-03-01",
    "given_by": "individual",
    "state": "given",
    "function": "focal-point",
}


@contextlib.asynccontextmanager
async def ready(folder: Path) -> AsyncIterator[tuple[Town, Face, str]]:
    """Give a town, the API of the asking agency, and a case with the consent that step 1 needs."""
    async with town(folder) as it:
        face = face_of("be-fp", it.nodes["be-fp"])
        case = it.open_case("be-fp")
        it.consent("be-fp", case, "hu-fp", "requested")
        yield it, face, case
        await face.close()


async def test_the_form_without_a_canary_is_sent(tmp_path: Path) -> None:
    async with ready(tmp_path) as (it, face, case):
        before = await kept(it, "be-fp", case)
        answer = await face.post(f"/v1/cases/{case}/messages/{KIND}", FORM)
        after = await kept(it, "be-fp", case)

    assert answer.status_code == 202
    assert after.events > before.events
    assert (after.keys, after.commands) == (before.keys + 2, before.commands + 1)
    assert after.records > before.records


async def test_two_hundred_canaries_in_every_field_of_step_1_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    async with ready(tmp_path) as (it, face, case):
        before = await kept(it, "be-fp", case)
        statuses = {
            (path, (await face.post(f"/v1/cases/{case}/messages/{KIND}", planted(canary, path))).status_code)
            for path in PLACES
            for canary in CANARIES
        }

        assert {status for _, status in statuses} == {422}
        assert await kept(it, "be-fp", case) == before
        assert scan_texts(face.refusals) == set()
        assert scan_folder(tmp_path) == {}


async def test_each_of_the_two_hundred_is_refused_in_the_free_places(tmp_path: Path) -> None:
    """A sentence, a name, a section that holds some: none has a place in step 1."""
    async with ready(tmp_path) as (it, face, case):
        before = await kept(it, "be-fp", case)
        found = set()
        for canary in CANARIES:
            for form in with_sections(canary):
                answer = await face.post(f"/v1/cases/{case}/messages/{KIND}", form)
                found.add((answer.status_code, answer.json()["code"]))

        assert found == {(422, "not-in-table"), (422, "rule-broken"), (422, "section")}
        assert await kept(it, "be-fp", case) == before
        assert scan_texts(face.refusals) == set()
        assert scan_folder(tmp_path) == {}


def with_sections(canary: str) -> list[dict[str, Any]]:
    """Return step 1 with a section that could hold a name: one that does not travel, a note, a field more."""
    bodies = {
        "narrative": {"narrative": canary},
        "wishes": {"person_wishes": canary},
        "note": {"note": canary},
        "profile": {**PROFILE, "given_name": canary},
    }
    return [
        {**FORM, "sections": {**FORM["sections"], name: {"body": body, "readers": ["hu-fp"]}}}
        for name, body in bodies.items()
    ]


async def test_a_canary_in_the_form_of_a_consent_is_refused_too(tmp_path: Path) -> None:
    async with ready(tmp_path) as (it, face, case):
        before = await kept(it, "be-fp", case)
        form = {**CONSENT, "section": example("consent")}
        found = set()
        for number, path in enumerate(places(CONSENT)):
            for canary in CANARIES[number::10]:
                answer = await face.post(f"/v1/cases/{case}/consents", planted(canary, path, form))
                found.add((path, answer.status_code))

        assert {status for _, status in found} == {422}
        assert await kept(it, "be-fp", case) == before
        assert scan_texts(face.refusals) == set()


async def test_headers_and_addresses_that_hold_a_canary_are_refused_without_an_echo(tmp_path: Path) -> None:
    async with ready(tmp_path) as (it, face, case):
        before = await kept(it, "be-fp", case)
        found = set()
        for canary in CANARIES:
            step = quote(canary, safe="")
            found |= {
                (await face.post(f"/v1/cases/{case}/messages/{step}", FORM)).status_code,
                (await face.post(f"/v1/cases/{step}/messages/{KIND}", FORM)).status_code,
                (await face.post(f"/v1/cases/{case}/consents/{step}/withdrawal", {})).status_code,
                (await face.get(f"/v1/cases/{case}/standing", at=canary)).status_code,
                (await face.read(case, "A" * 43, step)).status_code,
            }

        assert found <= {400, 404, 422}
        assert await kept(it, "be-fp", case) == before
        assert scan_texts(face.refusals) == set()
        assert scan_folder(tmp_path) == {}
