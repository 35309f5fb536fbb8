"""API v1 of a node: commands as `POST /v1/cases/{case}/messages/{kind}`, and what can be asked.

Rules: every POST carries an `Idempotency-Key` and gets the same answer for ever; every error is a problem document
that repeats nothing of the request; addresses hold ids only. Endpoints are plain functions, in threads of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from referral import __version__
from referral.api import cases, health, lists, messages, recovery
from referral.api.described import describe
from referral.api.parts import NO_TELEMETRY
from referral.api.problems import install

if TYPE_CHECKING:
    from typing import Any

    from fastapi.routing import APIRoute

    from referral.api.parts import Parts


def make_app(parts: Parts) -> FastAPI:
    """Return the API of a node that is put together; who calls starts and stops its worker."""
    app = bare_app()
    app.state.parts = parts
    return app


def bare_app() -> FastAPI:
    """Return the API of no node yet: it can be described, and not asked."""
    app = Api(
        title="Landfall referral node",
        version=__version__,
        description="One agency's node: referrals of trafficked persons, sealed, receipted, witnessed, replayable.",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_url="/v1/openapi.json",
        telemetry=NO_TELEMETRY,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation,
    )
    install(app)
    for room in (cases, messages, lists, recovery, health):
        app.include_router(room.routes)
    return app


class Api(FastAPI):
    """The application, which describes itself as `described.py` says."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        return describe(self)


def _operation(route: APIRoute) -> str:
    return route.name
