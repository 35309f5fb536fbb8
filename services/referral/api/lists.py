"""Lists over HTTP: the register of messages, who has to be met, what a person must look at and has looked at."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from referral.api import shapes
from referral.api.described import problems
from referral.api.doors import CASE, AlarmNumber, Key, Principal, Served, StrictRoute

routes = APIRouter(prefix="/v1", tags=["lists"], route_class=StrictRoute)


@routes.get("/register", summary="Every message with its receipts and proofs", responses=problems(401, 422))
def show_register(
    parts: Served,
    _who: Principal,
    case: Annotated[str | None, Query(pattern=CASE, description="Of this case alone.")] = None,
) -> shapes.RegisterPage:
    """List what was sent, received and refused, in the order in which it was recorded."""
    return shapes.RegisterPage(messages=parts.queries.register(case))


@routes.get("/arrivals", summary="Who has to be met, by local time", responses=problems(401))
def show_arrivals(parts: Served, who: Principal) -> shapes.ArrivalsOut:
    """List expected and overdue arrivals by the local time of the place of arrival."""
    return shapes.ArrivalsOut(arrivals=parts.queries.arrivals(principal=who))


@routes.get("/alarms", summary="What a person must look at", responses=problems(401, 422))
def show_alarms(
    parts: Served,
    _who: Principal,
    *,
    every: Annotated[bool, Query(alias="all", description="What has ended too, and who acknowledged it.")] = False,
) -> shapes.AlarmsOut:
    """List what stands, the oldest first."""
    found = parts.queries.all_alarms() if every else parts.queries.alarms()
    return shapes.AlarmsOut(alarms=[shapes.AlarmOut.of(one, parts.queries.telephones(one)) for one in found])


@routes.get("/log", summary="The notary's log as this node sees it", responses=problems(401))
def show_log(parts: Served, _who: Principal) -> shapes.LogOut:
    """Show how far the log is mirrored, under which signed checkpoint, and which partners see another log."""
    return shapes.LogOut.of(parts.queries.log())


@routes.post(
    "/alarms/{alarm}/acknowledgement",
    status_code=201,
    summary="End an alarm that only a person can end",
    responses=problems(400, 401, 404, 409, 413, 422),
)
def acknowledge_alarm(
    *, parts: Served, alarm: AlarmNumber, body: shapes.AcknowledgementIn, who: Principal, key: Key
) -> shapes.AlarmOut:
    """Keep who has seen to it, as what and when; an alarm that its cause ends is refused with what that is."""
    found = parts.desk.acknowledge(alarm, key=key, principal=who, function=body.function)
    return shapes.AlarmOut.of(found, parts.queries.telephones(found))
