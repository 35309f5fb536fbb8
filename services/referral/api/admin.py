"""The admin port of a node, for whoever runs it: is it alive, can it serve, and its figures; no case, so no token.

Ready means that the store is open, the vault is unlocked and the followers move. It never depends on broker or notary:
a node without them takes commands, stores them and shows what it holds (reliability.md 5).
It is a port of its own, on this machine alone unless it is told otherwise: what is counted is for its operator.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry

from referral import __version__
from referral.api.parts import NO_TELEMETRY
from referral.metrics import NodeFigures, exposition

if TYPE_CHECKING:
    from collections.abc import Callable

    from referral.api.parts import Parts

STANDSTILL: Final = 120.0  # seconds without a look at the history: longer than a broker that stalls can hold up a turn
UNREADY: Final = 503
OPEN, UNLOCKED, MOVING = "open", "unlocked", "moving"

routes = APIRouter()


def make_admin(parts: Parts, registry: CollectorRegistry) -> FastAPI:
    """Return what the admin port of a node serves; `registry` takes its figures."""
    registry.register(NodeFigures(parts.folder, parts.node, parts.worker, parts.notarys_time))
    app = FastAPI(
        title="Landfall node, for its operator", version=__version__, openapi_url=None, telemetry=NO_TELEMETRY
    )
    app.state.parts, app.state.registry = parts, registry
    app.include_router(routes)
    return app


@routes.get("/livez")
async def livez() -> dict[str, str]:
    """Answer as long as the loop turns that answers the API too."""
    return {"status": "pass"}


@routes.get("/readyz")
def readyz(request: Request) -> Response:
    """Answer 200 while store, vault and followers are as they must be, else 503 and which is not."""
    checks = readiness(request.app.state.parts)
    ready = set(checks.values()) == {OPEN, UNLOCKED, MOVING}
    return JSONResponse({"status": "pass" if ready else "fail", "checks": checks}, 200 if ready else UNREADY)


@routes.get("/metrics")
def metrics(request: Request) -> Response:
    """Return the figures."""
    return Response(exposition(request.app.state.registry), media_type=CONTENT_TYPE_LATEST)


def readiness(parts: Parts) -> dict[str, str]:
    """Return how store, vault and followers are."""
    moved = time.monotonic() - parts.worker.followers_looked_at
    return {
        "store": OPEN if _works(parts.node.store.last_position) else "closed",
        "vault": UNLOCKED if _works(parts.node.vault.signing_keys) else "locked",
        "followers": MOVING if moved < STANDSTILL else "standing",
    }


def _works(look: Callable[[], Any]) -> bool:
    try:
        look()
    except Exception:  # noqa: BLE001 - whatever it is, it cannot be used
        return False
    return True
