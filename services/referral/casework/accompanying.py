"""Which core message the same command sends with a side message, and whom a consent has to reach (standing.md 2, 3).

A withdrawal or narrowing goes to the agency named, the responsible one and every agency that holds a content relying
on the consent. A withdrawal places a hold where the one named is a member; the last consent given anew lifts our own.
A disclosure for a life at risk says to all members that there is one. Everything here is computed from the case.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from contracts.vocabulary import DataClass, Purpose
from referral.casework.intent import Intent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from referral.casework.case import Entry
    from referral.casework.history import History

HOLD: Final = "case-hold"
RISK: Final = "risk-assessment"
LIFE_RISK: Final = "life-risk-disclosure"
CONSENT: Final = "consent"


def with_what_is_due(held: History, me: str, intent: Intent) -> list[Intent]:
    """Return a message and what goes with it, whoever wrote it; raise `ActRefused` for a consent that is none."""
    if intent.kind == LIFE_RISK:
        return [intent, _voice_of(intent)]
    if intent.kind != CONSENT:
        return [intent]
    held.procedure.check_act(CONSENT, intent.act)
    if intent.act["state"] != "given":
        reached = reached_by(held, intent.act["agency"], intent.act["person"])
        intent = replace(intent, to={**reached, **intent.to})
    hold = _hold(held, me, intent.act)
    due = Intent(HOLD, {"hold": hold, "reason": CONSENT}, function=intent.function)
    return [intent, *([due] if hold else [])]


def _voice_of(disclosure: Intent) -> Intent:
    act = {
        "level": "critical",
        "immediacy": "immediate",
        "recommendation": "not_now",
        "valid_until": disclosure.act.get("expires"),
    }
    return Intent(RISK, act, function=disclosure.function, basis=disclosure.basis, priority="emergency")


def _hold(held: History, me: str, act: Mapping[str, Any]) -> str:
    """Return what becomes of our hold for want of consent: placed, lifted, or (empty) nothing."""
    agency, placed = act["agency"], held.standing.value(f"hold:{me}:consent") == "placed"
    if act["state"] == "withdrawn" and {me, agency} <= held.standing.members().keys():
        return "" if placed else "placed"
    others = {one[:2] for one in held.withdrawals()} - {(agency, act["person"])}
    return "lifted" if act["state"] == "given" and placed and not others else ""


def consents_of(held: History, agency: str, person: int) -> list[Entry]:
    """Return every consent held towards an agency, for one person."""
    entries = [entry for entry in held.case.entries.values() if held.is_consent(entry.content)]
    return [one for one in entries if (one.content.act["agency"], one.content.act["person"]) == (agency, person)]


def unseen(held: History, agency: str, person: int, today: date) -> dict[str, Any]:
    """Return the withdrawal of whatever a person may have consented to towards an agency, by who has not seen it."""
    return {
        "person": person,
        "case": held.case.case,
        "agency": agency,
        "version": 1,
        "state": "withdrawn",
        "purposes": sorted(str(one) for one in Purpose),
        "classes": sorted(str(one) for one in DataClass),
        "given_by": "individual",
        "valid_from": today.isoformat(),
        "expires_at": today.isoformat(),
        "prompts": [],
    }


def reached_by(held: History, agency: str, person: int) -> dict[str, str]:
    """Return the agency named, the responsible one, and every agency that holds a content relying on the consent."""
    relied, roles = {entry.content.id for entry in consents_of(held, agency, person)}, everybody(held)
    reached = {agency, held.standing.responsible} | {
        one.agency
        for entry in held.case.entries.values()
        if relied & set(entry.content.consents)
        for one in entry.content.audience
    }
    return {name: roles[name] for name in sorted(reached) if name in roles}


def everybody(held: History) -> dict[str, str]:
    """Return every agency that was ever named in the case, with its role."""
    named = {one.agency: one.role for entry in held.case.entries.values() for one in entry.content.audience}
    return named | dict(held.roles())
