"""Cases over HTTP: make one, list them, look at one, at what happened in it, at where it stands."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Response

from contracts.encoding import instant
from contracts.spoken import spoken_reference
from referral.api import shapes
from referral.api.described import problems
from referral.api.doors import CaseName, Key, Principal, Served, StrictRoute
from referral.erasing import ErasedCase  # noqa: TC001 - the shape of an answer is made from it
from referral.queries import CaseRow  # noqa: TC001 - the shape of an answer is made from it

routes = APIRouter(prefix="/v1/cases", tags=["cases"], route_class=StrictRoute)


@routes.post("", status_code=201, summary="Create a case here; nothing is sent", responses=problems(400, 401, 413, 422))
def open_case(parts: Served, who: Principal, key: Key, response: Response) -> shapes.OpenedOut:
    """Draw the case's id, so that consents can name it before step 1."""
    opened = parts.desk.open_case(key=key, principal=who)
    response.headers["Location"] = f"/v1/cases/{opened.case}"
    return shapes.OpenedOut(**asdict(opened))


@routes.get("", summary="The caseload, by what is due first", responses=problems(401))
def list_cases(parts: Served, _who: Principal) -> shapes.CasesOut:
    """List every case that this node holds, and those that it has erased whole."""
    return shapes.CasesOut(cases=parts.queries.cases(), erased=parts.queries.erased_cases())


@routes.get("/{case}", summary="One case of the caseload", responses=problems(401, 404, 410, 422))
def show_case(parts: Served, case: CaseName, _who: Principal) -> CaseRow:
    """Show where a case stands, who is in it, what is due first and on whom it waits."""
    return parts.queries.case(case)


@routes.post(
    "/{case}/erasure",
    status_code=201,
    summary="Erase a whole case; only its leaves, its receipts' leaves and proofs stay",
    responses=problems(400, 401, 404, 410, 413, 422),
)
def erase_case(parts: Served, case: CaseName, body: shapes.ErasureIn, who: Principal, key: Key) -> ErasedCase:
    """Destroy every key of the case and record who decided it, as what and on which ground; nothing undoes it."""
    return parts.desk.erase_case(body.wish(case), key=key, principal=who)


@routes.get("/{case}/timeline", summary="Every message of a case", responses=problems(401, 404, 410, 422))
def show_timeline(parts: Served, case: CaseName, _who: Principal) -> shapes.TimelineOut:
    """List the messages, the past of each before it, with verdicts, receipts, proofs and what may be read."""
    return shapes.TimelineOut(
        case=case,
        spoken=spoken_reference(case),
        training=parts.node.network.training,
        messages=parts.queries.timeline(case),
    )


@routes.get(
    "/{case}/standing",
    summary="Where a case stands, or stood as this node knew it",
    responses=problems(401, 404, 410, 422),
)
def show_standing(
    parts: Served,
    case: CaseName,
    _who: Principal,
    at: Annotated[str | None, Query(description="A time.", examples=["2026-05-03T09:00:00Z"])] = None,
) -> shapes.StandingOut:
    """Fold the messages held here, or held at a time, into registers; equal messages have equal digests."""
    moment = None if at is None else instant(at)
    standing = parts.queries.standing(case, moment)
    return shapes.StandingOut.of(case, standing, parts.node.agency, moment or parts.node.now())
