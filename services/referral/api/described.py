"""The API as OpenAPI 3.1, for people and generators: refusals are RFC 9457 problems, examples are sent by the tests.

`python -m referral.api.described` prints what is committed as `contracts/schema/openapi.json`; `make docs` writes it.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi

from referral.api.problems import DOCS, MEDIA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI

PROBLEM: Final[Mapping[str, Any]] = {
    "title": "Problem",
    "description": "Why a request was refused (RFC 9457). Nothing of the request is repeated.",
    "type": "object",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "The page about this code."},
        "title": {"type": "string", "description": "What is wrong and what to do, the same for every such refusal."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "code": {"type": "string", "description": "The refusal's stable code."},
        "detail": {"type": "string", "description": "What this one is about: a field, a rule, never a value."},
        "rule": {"type": "string", "description": "The rule of the procedure or of the field that refused."},
    },
}
WORDS: Final[Mapping[int, tuple[str, str, str]]] = {
    400: ("The body is not JSON, or the `Idempotency-Key` is missing.", "not-json", "The body is not JSON."),
    401: ("No token, or not one of this node.", "unauthorised", "The token is missing or wrong."),
    403: ("This agency may not read that section.", "not-reader", "This agency is no reader of that section."),
    404: ("There is no such case, message, kind or alarm here.", "case-unknown", "This node holds no such case."),
    409: ("The case has moved on.", "not-now", "The standing of the case does not allow this message now."),
    410: ("The section, or the whole case, was erased.", "erased", "This section was erased."),
    413: ("The body is larger than any message may be.", "body-too-large", "The request is too large."),
    422: ("A rule refuses it, or a field is not in its form.", "rule-broken", "A rule forbids this message as it is."),
}
KEY_HEADER: Final = "Idempotency-Key"
TAGS: Final = (
    {"name": "cases", "description": "The caseload, one case, where it stands."},
    {"name": "messages", "description": "Sending messages of the procedure, reading their sections."},
    {"name": "consent", "description": "What a person allows, towards one agency at a time."},
    {"name": "lists", "description": "The register, the arrivals, the alarms."},
    {"name": "health", "description": "For whoever runs the node; its admin port says more."},
)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the problem responses of an operation, by status."""
    return {status: _response(status) for status in statuses}


def _response(status: int) -> dict[str, Any]:
    sentence, code, title = WORDS[status]
    example = {"type": f"{DOCS}/{code}", "title": title, "status": status, "code": code}
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": sentence, "content": {MEDIA: {"schema": schema, "example": example}}}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of the API, made once."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version="3.1.0",
            description=app.description,
            routes=app.routes,
            tags=[dict(tag) for tag in TAGS],
            servers=[{"url": "http://127.0.0.1:8080", "description": "A node on this machine."}],
            contact={"name": "Landfall", "url": DOCS},
            license_info=app.license_info,
        )
        schemas = found["components"]["schemas"]
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        found["components"]["schemas"] = dict(sorted({**schemas, "Problem": dict(PROBLEM)}.items()))
        for operation in (one for path in found["paths"].values() for one in path.values()):
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == KEY_HEADER:
                    parameter["required"] = True
                    del parameter["schema"]["default"]
        app.openapi_schema = found
    return app.openapi_schema


def openapi_text() -> str:
    """Return the text of `contracts/schema/openapi.json`; `make docs` writes it."""
    from referral.api.app import bare_app  # noqa: PLC0415 - the app asks this module for its document

    return json.dumps(describe(bare_app()), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(openapi_text())
