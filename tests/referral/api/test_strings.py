from __future__ import annotations

import json
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from api_caller import CONSENT, STEP_ONE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from api_caller import Caller

STRINGS: list[str] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "strings" / "blns.json").read_text(encoding="utf-8")
)
ENOUGH = 12  # messages in one case: what takes any text takes the next one too
STEP = "assistance-request-notification"

Body = dict[str, Any]


def _in_step(name: str) -> Callable[[str], Body]:
    return lambda text: {**STEP_ONE, name: text}


FIELDS: dict[str, tuple[str, Callable[[str], Body]]] = {
    **{
        name: (STEP, _in_step(name))
        for name in ("function", "role", "basis", "priority", "respond_by", "in_reply_to", "supersedes", "occurred_at")
    },
    "act value": (STEP, lambda text: {**STEP_ONE, "act": {**STEP_ONE["act"], "scenario": text}}),
    "act name": (STEP, lambda text: {**STEP_ONE, "act": {**STEP_ONE["act"], text: text}}),
    "section name": (STEP, lambda text: {**STEP_ONE, "sections": {text: {"body": {}}}}),
    "section value": (STEP, lambda text: {**STEP_ONE, "sections": {"profile": {"body": {"age_band": text}}}}),
    "section field": (STEP, lambda text: {**STEP_ONE, "sections": {"profile": {"body": {text: text}}}}),
    "reader": (STEP, lambda text: {**STEP_ONE, "sections": {"profile": {"body": {}, "readers": [text]}}}),
    "to agency": (STEP, lambda text: {**STEP_ONE, "to": {text: "requested"}}),
    "to role": (STEP, lambda text: {**STEP_ONE, "to": {"hu-fp": text}}),
    "reason": (STEP, lambda text: {**STEP_ONE, "reasons": [{"rule": text, "reason": text, "second": text}]}),
    "attested": (STEP, lambda text: {**STEP_ONE, "attested": [{"rule": text, "function": text, "date": text}]}),
    "unknown": (STEP, lambda text: {**STEP_ONE, text: text}),
    **{
        f"consent {name}": ("", lambda text, name=name: {**CONSENT, name: text})  # type: ignore[misc]  # the default binds the name
        for name in ("agency", "role", "valid_from", "expires_at", "given_by", "state", "function")
    },
    "consent purpose": ("", lambda text: {**CONSENT, "purposes": [text]}),
    "consent class": ("", lambda text: {**CONSENT, "classes": [text]}),
    "consent section": ("", lambda text: {**CONSENT, "section": {**CONSENT["section"], "form_hash": text}}),
    "consent told": ("", lambda text: {**CONSENT, "section": {**CONSENT["section"], "informed_of": [text]}}),
}


@pytest.mark.slow
async def test_no_text_in_any_field_is_more_than_refused(caller: Caller) -> None:
    failed = [found for field in FIELDS async for found in _failing(caller, field)]

    assert failed == []


async def _failing(caller: Caller, field: str) -> AsyncIterator[tuple[str, str]]:
    """Yield each text in a field that the API could not answer; a field that takes any text is tried with fewer."""
    case, accepted = await caller.new_case(), 0
    kind, made = FIELDS[field]
    for text in STRINGS:
        address = f"/v1/cases/{case}/messages/{kind}" if kind else f"/v1/cases/{case}/consents"
        status = (await caller.post(address, made(text))).status_code
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            yield field, text
        accepted += status == HTTPStatus.ACCEPTED
        if accepted == ENOUGH:
            return


@pytest.mark.parametrize(
    "path",
    [
        "/v1/cases/{}",
        "/v1/cases/{case}/messages/{}/sections/needs?function=a&purpose=b",
        "/v1/cases/{case}/messages/" + "B" * 42 + "A" + "/sections/{}?function=a&purpose=b",
        "/v1/cases/{case}/standing?at={}",
        "/v1/register?case={}",
        "/v1/{}",
    ],
)
async def test_no_text_in_any_address_is_more_than_refused(caller: Caller, path: str) -> None:
    case = await caller.new_case()
    addresses = [path.replace("{case}", case).replace("{}", quote(text, safe="")) for text in STRINGS]

    assert [one for one in addresses if (await caller.get(one)).status_code >= 500] == []


async def test_no_text_as_kind_agency_or_key_is_more_than_refused(caller: Caller) -> None:
    case = await caller.new_case()
    answers = []
    for text in STRINGS:
        step = quote(text, safe="")
        answers.append(await caller.post(f"/v1/cases/{case}/messages/{step}", STEP_ONE))
        answers.append(await caller.post(f"/v1/cases/{case}/consents/{step}/withdrawal", {}))
        raw = [(b"idempotency-key", text.encode()), (b"authorization", f"Bearer {caller.token}".encode())]
        if not set(text) & set("\r\n\0"):
            answers.append(await caller.client.post("/v1/cases", headers=raw))

    assert {one.status_code for one in answers} <= {201, 400, 404, 405, 409, 422}
