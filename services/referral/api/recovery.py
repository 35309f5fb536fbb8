"""Recovery over HTTP: what waits after a restore, and the word of two people that ends the waiting."""

from __future__ import annotations

from fastapi import APIRouter

from referral.api import shapes
from referral.api.described import problems
from referral.api.doors import CaseName, Key, Principal, Served, StrictRoute
from referral.exchange.recovery import report
from referral.resuming import Decided  # noqa: TC001 - the shape of an answer is made from it

routes = APIRouter(prefix="/v1", tags=["recovery"], route_class=StrictRoute)


@routes.get("/recovery", summary="What waits after a restore", responses=problems(401))
def show_recovery(parts: Served, _who: Principal) -> shapes.RecoveryOut:
    """Show which hours may be missing, which cases wait for whom, and whether a copy of this node was found."""
    return shapes.RecoveryOut.of(report(parts.node))


@routes.post(
    "/cases/{case}/opening",
    status_code=201,
    summary="Open a case for sending before its partners have answered",
    responses=problems(400, 401, 404, 409, 413, 422),
)
def open_waiting_case(parts: Served, case: CaseName, body: shapes.OpeningIn, who: Principal, key: Key) -> Decided:
    """Let two functions send in a case that waits after a restore; what its partners hold may be contradicted."""
    return parts.desk.open_waiting(case, body.opening(), key=key, principal=who)


@routes.post(
    "/recovery/resumption",
    status_code=201,
    summary="Go on after a copy of this node was found and ended",
    responses=problems(400, 401, 409, 413, 422),
)
def resume(parts: Served, body: shapes.OpeningIn, who: Principal, key: Key) -> Decided:
    """Let two functions say that the copy is off; what it sent is compared first, as after a restore."""
    return parts.desk.say_copy_is_off(body.opening(), key=key, principal=who)
