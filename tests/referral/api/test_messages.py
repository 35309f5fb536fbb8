from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from api_caller import CONSENT, STEP_ONE
from contracts.encoding import instant_text
from contracts.examples import example
from referral.api import tokens
from referral.exchange.alarms import raise_alarm

if TYPE_CHECKING:
    from api_caller import Caller

KIND = "assistance-request-notification"
UNKNOWN = "A" * 22
NO_MESSAGE = "A" * 43


async def test_a_message_is_accepted_stored_and_received(caller: Caller) -> None:
    case = await caller.new_case()

    sent = await caller.post(f"/v1/cases/{case}/messages/{KIND}", STEP_ONE)

    assert sent.status_code == 202
    assert sorted(sent.json()) == ["also", "case", "flags", "kind", "message", "warnings"]
    await caller.town.settle()
    held = caller.town.nodes["hu-fp"].queries.timeline(case)
    assert [one.kind for one in held] == ["consent", KIND]
    assert held[1].message == sent.json()["message"]


async def test_a_case_is_created_with_its_address(caller: Caller) -> None:
    made = await caller.post("/v1/cases")

    assert made.status_code == 201
    assert made.headers["location"] == f"/v1/cases/{made.json()['case']}"
    assert len(made.json()["spoken"]) == 8


async def test_a_retry_under_the_same_key_is_no_second_message(caller: Caller) -> None:
    case = await caller.new_case()
    first = await caller.post(f"/v1/cases/{case}/messages/{KIND}", STEP_ONE, key="once")
    events = caller.events()

    again = await caller.post(f"/v1/cases/{case}/messages/{KIND}", STEP_ONE, key="once")

    assert again.status_code == 202
    assert again.content == first.content
    assert caller.events() == events


async def test_equal_requests_at_the_same_time_are_one_event_and_one_answer(caller: Caller) -> None:
    case = await caller.new_case()
    events = caller.events()
    address = f"/v1/cases/{case}/messages/{KIND}"

    answers = await asyncio.gather(*(caller.post(address, STEP_ONE, key="at-once") for _ in range(8)))

    assert {one.status_code for one in answers} == {202}
    assert len({one.content for one in answers}) == 1
    assert caller.events() == events + 1


async def test_equal_openings_at_the_same_time_are_one_case(caller: Caller) -> None:
    answers = await asyncio.gather(*(caller.post("/v1/cases", key="at-once") for _ in range(8)))

    assert len({one.json()["case"] for one in answers}) == 1
    assert caller.events() == 1


async def test_another_request_under_the_same_key_is_refused(caller: Caller) -> None:
    case = await caller.new_case()
    await caller.post(f"/v1/cases/{case}/messages/{KIND}", STEP_ONE, key="once")
    events = caller.events()

    other = await caller.post(f"/v1/cases/{case}/messages/{KIND}", {**STEP_ONE, "priority": "urgent"}, key="once")
    elsewhere = await caller.post("/v1/cases", key="once")

    assert (other.status_code, other.json()["code"]) == (422, "idempotency-conflict")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (422, "idempotency-conflict")
    assert caller.events() == events


async def test_a_withdrawal_under_the_same_key_is_one_withdrawal(caller: Caller) -> None:
    case = await caller.new_case()
    address = f"/v1/cases/{case}/consents/hu-fp/withdrawal"

    answers = await asyncio.gather(*(caller.post(address, {}, key="gone") for _ in range(4)))

    assert {one.status_code for one in answers} == {202}
    assert len({one.json()["message"] for one in answers}) == 1


async def test_a_post_without_a_key_is_refused(caller: Caller) -> None:
    refused = await caller.client.post("/v1/cases", headers=caller.headers())
    blank = await caller.client.post("/v1/cases", headers=caller.headers() | {"Idempotency-Key": "a b"})

    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency-key")
    assert (blank.status_code, blank.json()["code"]) == (400, "idempotency-key")
    assert caller.events() == 0


async def test_identity_in_step_one_is_refused_by_the_section_table(caller: Caller) -> None:
    case = await caller.new_case()
    events = caller.events()
    identity = {"identity": {"body": example("identity"), "readers": ["hu-fp"]}}
    body = {**STEP_ONE, "sections": {**STEP_ONE["sections"], **identity}}

    refused = await caller.post(f"/v1/cases/{case}/messages/{KIND}", body)

    assert (refused.status_code, refused.json()["code"]) == (422, "not-in-table")
    assert caller.events() == events


async def test_a_message_out_of_turn_is_a_conflict_with_the_standing(caller: Caller) -> None:
    case = await caller.new_case()
    await caller.post(f"/v1/cases/{case}/messages/{KIND}", STEP_ONE)

    refused = await caller.post(f"/v1/cases/{case}/messages/travel-approval", {"act": {}})

    assert refused.status_code in {409, 422}
    assert refused.headers["content-type"] == "application/problem+json"


async def test_an_unknown_case_is_told_alike_everywhere(caller: Caller) -> None:
    log_of_reads = await _log_of_reads(caller)
    answers = []
    for case in (UNKNOWN, log_of_reads):
        base = f"/v1/cases/{case}"
        answers += [await caller.get(f"{base}{rest}") for rest in ("", "/timeline", "/standing")]
        answers += [
            await caller.get(f"{base}/messages/{'B' * 42}A/sections/needs", function="case-manager", purpose="arrival"),
            await caller.post(f"{base}/messages/{KIND}", STEP_ONE),
            await caller.post(f"{base}/consents", CONSENT),
            await caller.post(f"{base}/consents/hu-fp/withdrawal", {}),
        ]

    assert [one.status_code for one in answers] == [404] * 14
    assert len({one.content for one in answers}) == 1


async def _log_of_reads(caller: Caller) -> str:
    """Return the id of a stream that is there and is no case: who asks for it learns nothing."""
    from referral.audit.reads import reads_of  # noqa: PLC0415 - this one test knows of it

    case = await caller.new_case()
    message = (await caller.get(f"/v1/cases/{case}/timeline")).json()["messages"][0]["message"]
    address = f"/v1/cases/{case}/messages/{message}/sections/consent"
    assert (await caller.get(address, function="case-manager", purpose="arrival")).status_code == 200
    return reads_of(caller.town.nodes["be-fp"].node.vault, case)


async def test_an_unknown_kind_and_an_unknown_message_are_not_found(caller: Caller) -> None:
    case = await caller.new_case()

    kind = await caller.post(f"/v1/cases/{case}/messages/no-such-kind", {"act": {}})
    message = await caller.get(
        f"/v1/cases/{case}/messages/{'B' * 42}A/sections/needs", function="case-manager", purpose="arrival"
    )

    assert (kind.status_code, kind.json()["code"]) == (404, "kind-unknown")
    assert (message.status_code, message.json()["code"]) == (404, "message-unknown")


async def test_an_alarm_is_acknowledged_under_a_key_and_shown_to_who_asks_for_all(caller: Caller) -> None:
    node = caller.town.nodes[caller.agency].node
    with node.store.transaction() as cursor:
        raise_alarm(cursor, "broker-reset", "", "shorter", node.now())
        raise_alarm(cursor, "broker-away", "", "", node.now())
    stands = {one["code"]: one for one in (await caller.get("/v1/alarms")).json()["alarms"]}
    at = instant_text(node.now())
    reset = {
        "alarm": stands["broker-reset"]["alarm"],
        "code": "broker-reset",
        "case": "",
        "subject": "shorter",
        "since": at,
        "runbook": "docs/howto/runbooks/broker-reset.md",
        "ends": "when a person acknowledges it",
        "ended_at": None,
        "acknowledged": None,
        "telephones": {},
    }

    assert stands["broker-reset"] == reset

    address = f"/v1/alarms/{reset['alarm']}/acknowledgement"
    refused = [
        await caller.client.post(address, json={}, headers=caller.headers()),
        await caller.post(address, {"function": "Zuzana"}),
        await caller.post(address, {"reason": "seen"}),
        await caller.post(f"/v1/alarms/{stands['broker-away']['alarm']}/acknowledgement", {}),
        await caller.post("/v1/alarms/4711/acknowledgement", {}),
        await caller.post("/v1/alarms/0/acknowledgement", {}),
        await caller.client.post(address, json={}, headers={"Idempotency-Key": "k"}),
    ]
    codes = ["idempotency-key", "intent", "request", "alarm-ends-by-itself", "alarm-unknown", "request", "unauthorised"]
    assert [(one.status_code, one.json()["code"]) for one in refused] == list(
        zip((400, 422, 422, 409, 404, 422, 401), codes, strict=True)
    )
    assert refused[3].json()["detail"] == "It ends when the broker answers."

    done = await caller.post(address, {"function": "case-manager"}, key="ack")
    again = await caller.post(address, {"function": "case-manager"}, key="ack")
    who = tokens.known(caller.town.folder / caller.agency, caller.token)

    assert (done.status_code, again.json()) == (201, done.json())
    assert done.json() == reset | {
        "ended_at": at,
        "acknowledged": {"who": who, "function": "case-manager", "at": at},
    }
    assert [one["code"] for one in (await caller.get("/v1/alarms")).json()["alarms"]] == ["broker-away"]
    assert done.json() in (await caller.get("/v1/alarms", all="true")).json()["alarms"]
