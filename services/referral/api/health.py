"""What is away and how much waits, for who has the token; which release this is, for everybody.

Whether the process is alive and ready is asked at the admin port (`admin.py`).
"""

from __future__ import annotations

from fastapi import APIRouter

from referral import __version__
from referral.api import shapes
from referral.api.described import problems
from referral.api.doors import Principal, Served, StrictRoute

routes = APIRouter(tags=["health"], route_class=StrictRoute)


@routes.get("/v1/state", summary="What is away, and what waits for it?", responses=problems(401))
def show_state(parts: Served, _who: Principal) -> shapes.StateOut:
    """Report broker and notary: with either away commands are stored, and what is to be sent or proven waits."""
    worker, node = parts.worker, parts.node
    broker = "away" if worker.broker_away else "ok"
    notary = "none" if node.network.notary is None else "away" if worker.notary_away else "ok"
    return shapes.StateOut(
        state="ok" if (broker, notary) in {("ok", "ok"), ("ok", "none")} else "degraded",
        agency=node.agency,
        network=node.network.name,
        training=node.network.training,
        broker=broker,
        broker_says=worker.broker_says,
        notary=notary,
        waiting_for_proof=worker.witnessing.waiting() if notary != "none" else 0,
        alarms=len(parts.queries.alarms()),
    )


@routes.get("/version", summary="Which release is this?")
def version(parts: Served) -> shapes.VersionOut:
    """Name the release and the procedure it works by."""
    return shapes.VersionOut(version=__version__, procedure=parts.node.procedure.name)
