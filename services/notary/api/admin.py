"""The admin port of a notary, for whoever runs it: is it alive, does it take and sign, its figures.

It is a port of its own, on this machine alone unless it is told otherwise. `/livez` and `/readyz` stand at the log's
port too: how the witnesses of a log stand is for everybody who relies on it.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from notary.api.app import livez, readyz
from notary.api.problems import NO_TELEMETRY
from notary.metrics import NotaryFigures, exposition

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from notary.api.app import Notary

routes = APIRouter()
routes.add_api_route("/livez", livez)
routes.add_api_route("/readyz", readyz)


def make_admin(notary: Notary, registry: CollectorRegistry) -> FastAPI:
    """Return what the admin port of a notary serves; `registry` takes its figures."""
    release = version("landfall")
    registry.register(NotaryFigures(notary.log, notary.sequencer, notary.cosigning, notary.now, release))
    app = FastAPI(title="Landfall notary, for its operator", version=release, openapi_url=None, telemetry=NO_TELEMETRY)
    app.state.notary, app.state.registry = notary, registry
    app.include_router(routes)
    return app


@routes.get("/metrics")
def metrics(request: Request) -> Response:
    """Return the figures."""
    return Response(exposition(request.app.state.registry), media_type=CONTENT_TYPE_LATEST)
