from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

import contracts
from referral.api.described import openapi_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api_caller import Caller

DOCUMENT: dict[str, Any] = json.loads(openapi_text())


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield method, path and description of every operation."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_the_committed_description_is_what_the_api_says() -> None:
    committed = Path(contracts.__file__).parent / "schema" / "openapi.json"

    assert committed.read_text(encoding="utf-8") == openapi_text()


def test_it_is_openapi_3_1_with_names_and_sentences_for_every_operation() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]

    assert DOCUMENT["openapi"] == "3.1.0"
    assert sorted(names) == sorted(set(names))
    assert len(names) == 20
    assert [one["operationId"] for _, _, one in operations() if not (one["summary"] and one["description"])] == []


def test_every_refusal_is_documented_as_a_problem() -> None:
    found = {operation["operationId"]: _problems(operation) for _, _, operation in operations()}
    health = {"version"}

    assert {name for name, problems in found.items() if not problems} == health
    assert all(401 in problems for name, problems in found.items() if name not in health)
    sending = {"send_message", "give_consent", "withdraw_consent"}
    assert all(found[name] == [400, 401, 404, 409, 413, 422] for name in sending)


def _problems(operation: dict[str, Any]) -> list[int]:
    """Return the statuses that are described as problems; nothing else may describe a refusal."""
    refusals = {status: one for status, one in operation["responses"].items() if status >= "400"}
    assert all(list(one["content"]) == ["application/problem+json"] for one in refusals.values())
    return sorted(map(int, refusals))


def test_every_post_asks_for_its_key() -> None:
    for method, _, operation in operations():
        headers = [one for one in operation.get("parameters", ()) if one["in"] == "header"]
        assert [(one["name"], one["required"]) for one in headers] == (
            [("Idempotency-Key", True)] if method == "post" else []
        )


def test_the_examples_are_what_their_schemas_allow() -> None:
    checked = 0
    for _, _, operation in operations():
        for media in operation.get("requestBody", {}).get("content", {}).values():
            schema = {**media["schema"], "components": DOCUMENT["components"]}
            for one in media.get("examples", {}).values():
                assert list(Draft202012Validator(schema).iter_errors(one["value"])) == []
                checked += 1
    assert checked == 3


async def test_what_is_refused_and_answered_has_the_documented_form(caller: Caller) -> None:
    problem = {"$ref": "#/components/schemas/Problem", "components": DOCUMENT["components"]}
    opened = {"$ref": "#/components/schemas/OpenedOut", "components": DOCUMENT["components"]}

    refused = await caller.get(f"/v1/cases/{'A' * 22}")
    made = await caller.post("/v1/cases")

    assert list(Draft202012Validator(problem).iter_errors(refused.json())) == []
    assert list(Draft202012Validator(opened).iter_errors(made.json())) == []


async def test_the_consent_example_is_accepted(caller: Caller) -> None:
    case = (await caller.post("/v1/cases")).json()["case"]
    operation = DOCUMENT["paths"]["/v1/cases/{case}/consents"]["post"]
    example = operation["requestBody"]["content"]["application/json"]["examples"]["given"]["value"]

    assert (await caller.post(f"/v1/cases/{case}/consents", example)).status_code == 202


async def test_the_node_serves_its_own_description(caller: Caller) -> None:
    assert (await caller.client.get("/v1/openapi.json")).json() == DOCUMENT
