from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from api_caller import STEP_ONE

if TYPE_CHECKING:
    from api_caller import Caller

CANARY = "Zuzana-Canary-1987"


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic abc"}, {"Authorization": "Bearer "}]
)
@pytest.mark.parametrize("path", ["/v1/cases", "/v1/register", "/v1/arrivals", "/v1/alarms", f"/v1/cases/{'A' * 22}"])
async def test_nothing_of_a_case_is_told_without_the_token(caller: Caller, path: str, headers: dict[str, str]) -> None:
    refused = await caller.client.get(path, headers=headers)

    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert refused.json()["code"] == "unauthorised"


async def test_the_state_and_the_release_tell_nothing_of_a_case(caller: Caller) -> None:
    case = await caller.new_case()
    state = await caller.get("/v1/state")
    version = await caller.client.get("/version")

    assert (await caller.client.get("/v1/state")).status_code == 401
    assert state.json() == {
        "state": "ok",
        "agency": "be-fp",
        "network": "training",
        "training": True,
        "broker": "ok",
        "broker_says": "",
        "notary": "none",
        "waiting_for_proof": 0,
        "alarms": 0,
    }
    assert version.json()["procedure"] == "icp.v1"
    assert case not in state.text + version.text


async def test_the_lists_show_what_was_sent(caller: Caller) -> None:
    case = await caller.new_case()
    await caller.post(f"/v1/cases/{case}/messages/assistance-request-notification", STEP_ONE)
    await caller.town.settle()

    cases = (await caller.get("/v1/cases")).json()["cases"]
    one = (await caller.get(f"/v1/cases/{case}")).json()
    standing = (await caller.get(f"/v1/cases/{case}/standing")).json()
    earlier = (await caller.get(f"/v1/cases/{case}/standing", at="2026-08-01T00:00:00Z")).json()
    register = (await caller.get("/v1/register", case=case)).json()["messages"]

    assert cases == [one]
    assert (one["case"], one["role"], one["state"], one["referral"]) == (case, "requesting", "open", "notified")
    assert standing["registers"]["referral"]["value"] == "notified"
    assert standing["digest"] == one["digest"]
    assert earlier["registers"] == {}
    assert [(row["kind"], row["direction"]) for row in register] == [
        ("consent", "sent"),
        ("assistance-request-notification", "sent"),
    ]
    assert [told["stage"] for told in register[1]["receipts"]] == ["R1"]
    assert (await caller.get("/v1/arrivals")).json() == {"arrivals": []}
    assert (await caller.get("/v1/alarms")).json() == {"alarms": []}


async def test_no_refusal_repeats_what_was_sent(caller: Caller) -> None:
    case = await caller.new_case()
    address = f"/v1/cases/{case}/messages/assistance-request-notification"
    bodies: list[object] = [
        {**STEP_ONE, CANARY: 1},
        {**STEP_ONE, "act": {**STEP_ONE["act"], CANARY: CANARY}},
        {**STEP_ONE, "act": {**STEP_ONE["act"], "scenario": CANARY}},
        {**STEP_ONE, "sections": {CANARY: {"body": {}}}},
        {**STEP_ONE, "sections": {"profile": {"body": {CANARY: CANARY}}}},
        {**STEP_ONE, "to": {CANARY: "requested"}},
        {**STEP_ONE, "to": {"hu-fp": CANARY}},
        {**STEP_ONE, "reasons": [{"rule": CANARY, "reason": CANARY, CANARY: CANARY}]},
        {**STEP_ONE, "respond_by": CANARY},
        {**STEP_ONE, "function": CANARY},
        {**STEP_ONE, "basis": CANARY},
        [CANARY],
        CANARY,
    ]
    events = caller.events()

    answers = [await caller.post(address, body) for body in bodies]
    answers.append(await caller.get(f"/v1/cases/{CANARY}"))
    answers.append(await caller.get(f"/v1/{CANARY}"))
    answers.append(await caller.get(f"/v1/cases/{case}/standing", at=CANARY))
    answers.append(await caller.get("/v1/register", case=CANARY))

    assert [one.status_code for one in answers if not 400 <= one.status_code < 500] == []
    assert {one.headers["content-type"] for one in answers} == {"application/problem+json"}
    assert [one.text for one in answers if "Canary" in one.text] == []
    assert caller.events() == events


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        (b"{", "not-json", 400),
        (b'{"act": {}, "act": {}}', "not-json", 400),
        (b'{"act": {"a": 1.5}}', "not-json", 400),
        (b'{"act": {"a": NaN}}', "not-json", 400),
        (b'{"act": {"a": "\\ud800"}}', "not-json", 400),
        (b'{"act": ' + b"[" * 40 + b"]" * 40 + b"}", "not-json", 400),
        (b"\xff\xfe", "not-json", 400),
        (b"[]", "not-json", 400),
        (b'{"act": {"a": "' + b"x" * 600_000 + b'"}}', "body-too-large", 413),
        (b'{"act": []}', "request", 422),
        (b"", "request", 422),
    ],
    ids=["cut", "twice", "fraction", "nan", "half", "deep", "bytes", "list", "large", "shape", "empty"],
)
async def test_a_body_that_is_not_this_apis_json_is_refused(
    caller: Caller, body: bytes, code: str, status: int
) -> None:
    case = await caller.new_case()
    headers = caller.headers() | {"Idempotency-Key": "k", "Content-Type": "application/json"}
    address = f"/v1/cases/{case}/messages/assistance-request-notification"

    refused = await caller.client.post(address, content=body, headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (status, code)


async def test_what_nobody_foresaw_is_a_problem_without_detail(caller: Caller) -> None:
    caller.town.nodes["be-fp"].node.store.close()

    refused = await caller.get("/v1/cases")

    assert (refused.status_code, refused.json()["code"]) == (503, "store-unavailable")
    assert refused.headers["content-type"] == "application/problem+json"


async def test_an_address_that_is_none_is_a_problem_too(caller: Caller) -> None:
    nothing = await caller.get("/v2/cases")
    method = await caller.client.delete("/v1/cases", headers=caller.headers())

    assert nothing.json() == {
        "type": "https://landfall.example/problems/http",
        "title": "There is nothing at this address.",
        "status": 404,
        "code": "http",
    }
    assert (method.status_code, method.json()["code"]) == (405, "http")
