"""Situations of the example story, from Belgium to Hungary; each test changes the one thing it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from contracts.content import Recipient, Seen, compose, read
from contracts.encoding import b64, compact
from contracts.examples import ARRIVE, example
from contracts.procedure import procedure
from contracts.sections import compose_section, read_section
from contracts.statements import Calendar
from referral.casework.consent import Consents
from referral.casework.rules import Sent, Situation, Voice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from contracts.content import Content
    from contracts.sections import SectionModel

TABLE: Final = procedure("icp.v1")
HUNGARY: Final = Calendar("HU", None, (6, 7), (), "Europe/Budapest")
NOW: Final = datetime(2026, 10, 5, 8, 0, tzinfo=UTC)  # a Monday, eight days before the arrival
CASE: Final = b64(bytes(16))
ITINERARY: Final = b64(bytes([7]) * 32)
MEMBERS: Final = {"be-fp": "requesting", "hu-fp": "requested", "hu-iom": "mission_origin", "hu-ngo": "reception"}
ALL_CLASSES: Final = ("P0", "P1", "P2", "P3", "P4")
PURPOSES: Final = ("assistance", "share_agency", "travel")


def section(name: str, **changed: Any) -> SectionModel:
    """Return the example of a section, with some of its fields changed."""
    return read_section(name, compose_section(name, example(name) | changed))


def sections(*names: str) -> dict[str, SectionModel]:
    """Return the examples of several sections by name."""
    return {name: section(name) for name in names}


def arriving(local: str, departing: str | None = None) -> dict[str, SectionModel]:
    """Return itinerary and arrival time of one flight that lands in Budapest at `local`."""
    leaves = departing or (datetime.fromisoformat(local) - timedelta(hours=2)).isoformat(timespec="minutes")
    (leg,) = example("itinerary")["legs"]
    leg |= {
        "dep_local": {"local": leaves, "zone": "Europe/Brussels"},
        "arr_local": {"local": local, "zone": "Europe/Budapest"},
    }
    at = {"local": local, "zone": "Europe/Budapest"}
    return {"itinerary": section("itinerary", legs=[leg]), "arrival_time": section("arrival_time", at=at)}


def consent(
    agency: str,
    *,
    purposes: Iterable[str] = PURPOSES,
    classes: Iterable[str] = ALL_CLASSES,
    state: str = "given",
    version: int = 1,
    person: int = 0,
    after: Iterable[str] = (),
    valid_from: date = ARRIVE - timedelta(days=60),
    expires_at: date = ARRIVE + timedelta(days=30),
) -> Content:
    """Return the content of a consent for one agency."""
    act = {
        "person": person,
        "case": CASE,
        "agency": agency,
        "version": version,
        "state": state,
        "purposes": list(purposes),
        "classes": list(classes),
        "given_by": "individual",
        "valid_from": valid_from.isoformat(),
        "expires_at": expires_at.isoformat(),
        "prompts": ["purpose", "withdrawal_process"],
    }
    raw = compose(
        network="test",
        procedure=TABLE,
        kind="consent",
        case=CASE,
        sender="be-fp",
        role="requesting",
        function="caseworker",
        audience=[Recipient(agency, b64(bytes(32)), MEMBERS.get(agency, "requested"))],
        act=act,
        basis="consent",
        seen=Seen(0, b64(bytes(32))),
        salt=compact(act).ljust(32, b"0")[-32:],
        sent_at=NOW,
        after=after,
        sections=[bytes([n]) * 32 for n in range(4)],
    )
    return read(raw, TABLE)


def consents(*agencies: str) -> Consents:
    """Return full consents, one for each of these agencies."""
    return Consents.of([consent(agency) for agency in agencies])


STORY: Final = Situation(
    kind="travel-itinerary",
    act={},
    agency="be-fp",
    role="requesting",
    function="focal-point",
    now=NOW,
    procedure=TABLE,
    consents=Consents.of([consent(agency) for agency in MEMBERS if agency != "be-fp"]),
    audience={agency: role for agency, role in MEMBERS.items() if agency != "be-fp"},
    members=MEMBERS,
    registers={
        "majority": "adult",
        "risk:be-fp": "medium",
        "limit:risk:be-fp": "2026-11-01",
        "risk:hu-fp": "medium",
        "limit:risk:hu-fp": "2026-11-01",
    },
    voices={"be-fp": Voice(date(2026, 9, 28)), "hu-fp": Voice(date(2026, 9, 30))},
    receipts=frozenset((ITINERARY, agency) for agency in MEMBERS),
    sent={ITINERARY: Sent("be-fp", NOW)},
    calendar=HUNGARY,
)


def situation(kind: str, act: Mapping[str, Any] | None = None, **changed: Any) -> Situation:
    """Return the story at the point where a message of `kind` is about to be sent; what is known is what is held."""
    sending = changed.pop("sending", {})
    changed.setdefault("held", tuple(changed.get("known", {}).values()))
    readers = changed.pop("readers", {name: tuple(STORY.audience) for name in sending})
    return replace(STORY, kind=kind, act=act or {}, sending=sending, readers=readers, **changed)
