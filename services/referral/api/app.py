"""API v1 of a node: commands as `POST /v1/cases/{case}/messages/{kind}`, and what can be asked.

Rules: every POST carries an `Idempotency-Key` and gets the same answer for ever; every error is a problem document
that repeats nothing of the request; addresses hold ids only. Endpoints are plain functions, in threads of their own.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import Depends, FastAPI, Header, Path, Query, Request

from contracts.content import spoken_reference
from contracts.encoding import instant
from referral import __version__
from referral.api import shapes, tokens
from referral.api.problems import install
from referral.api.refusals import KeyMissing, Unauthorised
from referral.errors import CaseUnknown
from referral.queries import CaseRow  # noqa: TC001 - the shape of an answer is made from it

if TYPE_CHECKING:
    from fastapi.routing import APIRoute

    from referral.api.parts import Parts

KEY: Final = re.compile(r"[\x21-\x7e]{1,128}")
CASE: Final = r"^[A-Za-z0-9_-]{22}$"
MESSAGE: Final = r"^[A-Za-z0-9_-]{43}$"

CaseName = Annotated[str, Path(pattern=CASE, description="The case's id: 22 characters.")]
MessageName = Annotated[str, Path(pattern=MESSAGE, description="The message's content id: 43 characters.")]


def principal(request: Request, authorization: Annotated[str, Header()] = "") -> str:
    """Return who asks, by the bearer token."""
    scheme, _, token = authorization.partition(" ")
    found = tokens.known(request.app.state.parts.folder, token) if scheme.lower() == "bearer" else None
    if found is None:
        raise Unauthorised
    return found


def idempotency_key(idempotency_key: Annotated[str, Header()] = "") -> str:
    """Return the request's key; it is the same for every retry of one request."""
    if not KEY.fullmatch(idempotency_key):
        raise KeyMissing
    return idempotency_key


Principal = Annotated[str, Depends(principal)]
Key = Annotated[str, Depends(idempotency_key)]


def make_app(parts: Parts) -> FastAPI:
    """Return the API of a node that is put together; who calls starts and stops its worker."""
    app = FastAPI(
        title="Landfall referral node",
        version=__version__,
        description="One agency's node: referrals of trafficked persons, sealed, receipted, witnessed, replayable.",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation,
    )
    app.state.parts = parts
    install(app)
    for routes in (_health, _commands, _cases, _lists):
        routes(app, parts)
    return app


def _operation(route: APIRoute) -> str:
    return route.name


def _health(app: FastAPI, parts: Parts) -> None:
    @app.get("/livez", tags=["health"], summary="Is the process alive?")
    def livez() -> dict[str, str]:
        return {"state": "ok"}

    @app.get("/readyz", tags=["health"], summary="Can it serve, and what is away?")
    def readyz() -> shapes.StateOut:
        worker, node = parts.worker, parts.node
        broker = "away" if worker.broker_away else "ok"
        notary = "none" if node.network.notary is None else "away" if worker.notary_away else "ok"
        return shapes.StateOut(
            state="ok" if (broker, notary) in {("ok", "ok"), ("ok", "none")} else "degraded",
            agency=node.agency,
            network=node.network.name,
            training=node.network.training,
            broker=broker,
            notary=notary,
            waiting_for_proof=worker.witnessing.waiting(),
            alarms=len(parts.queries.alarms()),
        )

    @app.get("/version", tags=["health"], summary="Which release is this?")
    def version() -> dict[str, str]:
        return {"version": __version__, "procedure": parts.node.procedure.name}


def _commands(app: FastAPI, parts: Parts) -> None:
    @app.post("/v1/cases", status_code=201, tags=["cases"], summary="Create a case here; nothing is sent")
    def open_case(who: Principal, key: Key) -> shapes.OpenedOut:
        opened = parts.desk.open_case(key=key, principal=who)
        return shapes.OpenedOut(**asdict(opened))

    @app.post("/v1/cases/{case}/messages/{kind}", status_code=202, tags=["messages"], summary="Send a message")
    def send_message(case: CaseName, kind: str, body: shapes.MessageIn, who: Principal, key: Key) -> shapes.SentOut:
        sent = parts.desk.send(case, body.intent(kind), key=key, principal=who)
        return shapes.SentOut(**asdict(sent))

    @app.post("/v1/cases/{case}/consents", status_code=202, tags=["consent"], summary="Record a consent")
    def give_consent(case: CaseName, body: shapes.ConsentIn, who: Principal, key: Key) -> shapes.SentOut:
        return shapes.SentOut(**asdict(parts.desk.give_consent(case, body.form(), key=key, principal=who)))

    @app.post(
        "/v1/cases/{case}/consents/{agency}/withdrawal",
        status_code=202,
        tags=["consent"],
        summary="Withdraw a consent: shut at once, erased after 72 hours",
    )
    def withdraw_consent(
        case: CaseName, agency: str, body: shapes.WithdrawalIn, who: Principal, key: Key
    ) -> shapes.SentOut:
        sent = parts.desk.withdraw_consent(
            case, agency, key=key, principal=who, person=body.person, function=body.function
        )
        return shapes.SentOut(**asdict(sent))


def _cases(app: FastAPI, parts: Parts) -> None:
    @app.get("/v1/cases", tags=["cases"], summary="The caseload, by what is due first")
    def list_cases(_who: Principal) -> shapes.CasesOut:
        return shapes.CasesOut(cases=parts.queries.cases())

    @app.get("/v1/cases/{case}", tags=["cases"], summary="One case of the caseload")
    def show_case(case: CaseName, _who: Principal) -> CaseRow:
        found = [row for row in parts.queries.cases() if row.case == case]
        if not found:
            raise CaseUnknown
        return found[0]

    @app.get("/v1/cases/{case}/timeline", tags=["cases"], summary="Every message of a case")
    def show_timeline(case: CaseName, _who: Principal) -> shapes.TimelineOut:
        return shapes.TimelineOut(
            case=case,
            spoken=spoken_reference(case),
            training=parts.node.network.training,
            messages=parts.queries.timeline(case),
        )

    @app.get("/v1/cases/{case}/standing", tags=["cases"], summary="Where a case stands, or stood as this node knew it")
    def show_standing(
        case: CaseName,
        _who: Principal,
        at: Annotated[str | None, Query(description="A time, as 2026-05-03T09:00:00Z.")] = None,
    ) -> shapes.StandingOut:
        moment = None if at is None else instant(at)
        standing = parts.queries.standing(case, moment)
        return shapes.StandingOut.of(case, standing, parts.node.agency, moment or parts.node.now())

    @app.get(
        "/v1/cases/{case}/messages/{message}/sections/{section}",
        tags=["messages"],
        summary="Read a section; the read is logged first",
    )
    def read_section(  # noqa: PLR0917 - one for each part of the address, which FastAPI hands in by name
        case: CaseName,
        message: MessageName,
        section: str,
        who: Principal,
        function: Annotated[str, Query(pattern=r"^[a-z-]{1,40}$", description="The reader's function.")],
        purpose: Annotated[str, Query(pattern=r"^[a-z_]{1,40}$", description="What it is read for, a code.")],
    ) -> shapes.SectionOut:
        body = parts.queries.read_section(case, message, section, function=function, purpose=purpose, principal=who)
        return shapes.SectionOut(case=case, message=message, section=section, body=body)


def _lists(app: FastAPI, parts: Parts) -> None:
    @app.get("/v1/register", tags=["lists"], summary="Every message with its receipts and proofs")
    def show_register(_who: Principal, case: Annotated[str | None, Query(pattern=CASE)] = None) -> shapes.RegisterPage:
        return shapes.RegisterPage(messages=parts.queries.register(case))

    @app.get("/v1/arrivals", tags=["lists"], summary="Who has to be met, by local time")
    def show_arrivals(_who: Principal) -> shapes.ArrivalsOut:
        return shapes.ArrivalsOut(arrivals=parts.queries.arrivals())

    @app.get("/v1/alarms", tags=["lists"], summary="What a person must look at")
    def show_alarms(_who: Principal) -> shapes.AlarmsOut:
        return shapes.AlarmsOut(alarms=[shapes.AlarmOut(**asdict(one)) for one in parts.queries.alarms()])
