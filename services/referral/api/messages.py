"""Messages and consents over HTTP: one address for each kind; and sections, whose reading is logged first."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final

from fastapi import APIRouter, Body, Path, Query

from referral.api import shapes
from referral.api.described import problems
from referral.api.doors import AgencyName, CaseName, Key, MessageName, Principal, Served, StrictRoute
from referral.errors import LogNotFresh

routes = APIRouter(prefix="/v1/cases/{case}", route_class=StrictRoute)
LOOK_SECONDS: Final = 5.0
REFUSED = problems(400, 401, 404, 409, 413, 422)

Message = Annotated[shapes.MessageIn, Body(openapi_examples=shapes.MESSAGES)]
Consent = Annotated[shapes.ConsentIn, Body(openapi_examples=shapes.CONSENTS)]


@routes.post("/messages/{kind}", status_code=202, tags=["messages"], summary="Send a message", responses=REFUSED)
def send_message(
    *,
    parts: Served,
    case: CaseName,
    kind: Annotated[str, Path(description="A kind of the procedure.", examples=["arrival-confirmation"])],
    body: Message,
    who: Principal,
    key: Key,
) -> shapes.SentOut:
    """Check, sign and store one message; it goes out at once, and again until its recipients have acknowledged it."""
    intent = body.intent(kind)
    try:
        sent = parts.desk.send(case, intent, key=key, principal=who)
    except LogNotFresh:
        # A machine that slept has not looked at the log since: nobody is refused for that.
        parts.worker.look_at_log(LOOK_SECONDS)
        sent = parts.desk.send(case, intent, key=key, principal=who)
    return shapes.SentOut(**asdict(sent))


@routes.post("/consents", status_code=202, tags=["consent"], summary="Record a consent", responses=REFUSED)
def give_consent(parts: Served, case: CaseName, body: Consent, who: Principal, key: Key) -> shapes.SentOut:
    """Record what a person allows towards one agency; given anew within 72 hours it undoes a withdrawal."""
    return shapes.SentOut(**asdict(parts.desk.give_consent(case, body.form(), key=key, principal=who)))


@routes.post(
    "/consents/{agency}/withdrawal",
    status_code=202,
    tags=["consent"],
    summary="Withdraw a consent: shut at once, erased after 72 hours",
    responses=REFUSED,
)
def withdraw_consent(
    *, parts: Served, case: CaseName, agency: AgencyName, body: shapes.WithdrawalIn, who: Principal, key: Key
) -> shapes.SentOut:
    """Shut everything that was shared on this consent, everywhere it reached."""
    sent = parts.desk.withdraw_consent(case, agency, key=key, principal=who, person=body.person, function=body.function)
    return shapes.SentOut(**asdict(sent))


@routes.get(
    "/messages/{message}/sections/{section}",
    tags=["messages"],
    summary="Read a section; the read is logged first",
    responses=problems(401, 403, 404, 410, 422),
)
def read_section(
    *,
    parts: Served,
    case: CaseName,
    message: MessageName,
    section: Annotated[str, Path(description="The section's name.", examples=["needs"])],
    who: Principal,
    function: Annotated[
        str, Query(pattern=r"^[a-z-]{1,40}$", description="The reader's function.", examples=["case-manager"])
    ],
    purpose: Annotated[
        str, Query(pattern=r"^[a-z_]{1,40}$", description="What it is read for, a code.", examples=["arrival"])
    ],
) -> shapes.SectionOut:
    """Give the text of a section that this agency may read; its author learns that it was opened."""
    body = parts.queries.read_section(case, message, section, function=function, purpose=purpose, principal=who)
    return shapes.SectionOut(case=case, message=message, section=section, body=body)
