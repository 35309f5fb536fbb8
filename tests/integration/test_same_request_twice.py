"""One command, one message: equal requests at once make one event and get equal answers; another request is refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from contracts.examples import example
from integration.faces import face_of
from integration.kept import kept
from integration.walk import STEP_1
from nodes import ALL_CLASSES, town

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import httpx

    from integration.faces import Face

MANY: Final = 50
STEP: Final = {
    "act": STEP_1,
    "to": {"hu-fp": "requested"},
    "sections": {"profile": {"body": example("profile"), "readers": ["hu-fp"]}},
}
CONSENT: Final = {
    "agency": "hu-fp",
    "role": "requested",
    "purposes": ["share_agency", "travel"],
    "classes": list(ALL_CLASSES),
    "valid_from": "2026-09-01",
    "expires_at": "2027-03-01",
    "section": example("consent"),
}


async def at_once(face: Face, path: str, body: Mapping[str, Any], key: str) -> list[httpx.Response]:
    """Send the same request many times before any is answered."""
    return await asyncio.gather(*(face.post(path, body, key=key) for _ in range(MANY)))


async def test_fifty_equal_requests_at_once_are_one_event_and_fifty_equal_answers(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        face = face_of("be-fp", it.nodes["be-fp"])
        opened = await at_once(face, "/v1/cases", {}, "open")
        case = opened[0].json()["case"]
        start = await kept(it, "be-fp", case)
        given = await at_once(face, f"/v1/cases/{case}/consents", CONSENT, "consent")
        sent = await at_once(face, f"/v1/cases/{case}/messages/assistance-request-notification", STEP, "step-1")
        withdrawn = await at_once(face, f"/v1/cases/{case}/consents/hu-fp/withdrawal", {}, "withdrawal")
        await it.settle()
        items = it.nodes["be-fp"].queries.timeline(case)
        node = it.nodes["be-fp"].node
        with node.store.reading() as cursor:
            commands = cursor.execute("SELECT count(*) FROM commands").fetchone()[0]
        await face.close()

    for answers, status in ((opened, 201), (given, 202), (sent, 202), (withdrawn, 202)):
        assert {one.status_code for one in answers} == {status}
        assert len({one.text for one in answers}) == 1
    kinds = [one.kind for one in items if one.ours]
    assert sorted(kinds) == ["assistance-request-notification", "case-hold", "consent", "consent"]
    assert commands == 4
    assert start.events == 1


async def test_the_key_of_another_request_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        face = face_of("be-fp", it.nodes["be-fp"])
        case = (await face.post("/v1/cases", {})).json()["case"]
        path = f"/v1/cases/{case}/consents"
        first = await face.post(path, CONSENT, key="same")
        before = await kept(it, "be-fp", case)
        answers = [
            await face.post(path, {**CONSENT, "expires_at": "2027-02-01"}, key="same"),
            await face.post(f"/v1/cases/{case}/messages/assistance-request-notification", STEP, key="same"),
            await face.post(path, CONSENT, headers={"Idempotency-Key": ""}),
        ]
        after = await kept(it, "be-fp", case)
        again = await face.post(path, CONSENT, key="same")
        await face.close()

    assert [(one.status_code, one.json()["code"]) for one in answers] == [
        (422, "idempotency-conflict"),
        (422, "idempotency-conflict"),
        (400, "idempotency-key"),
    ]
    assert after == before
    assert again.text == first.text


async def test_different_requests_at_once_are_all_kept_once(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        face = face_of("be-fp", it.nodes["be-fp"])
        case = (await face.post("/v1/cases", {})).json()["case"]
        forms = [{**CONSENT, "person": person} for person in range(12)]
        answers = await asyncio.gather(*(face.post(f"/v1/cases/{case}/consents", form) for form in forms))
        items = it.nodes["be-fp"].queries.timeline(case)
        await face.close()

    accepted = [one for one in answers if one.status_code == 202]
    assert len({one.json()["message"] for one in accepted}) == len(accepted) == len(items)
    assert {one.json().get("code") for one in answers if one.status_code != 202} <= {"conflict"}
