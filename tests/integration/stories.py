"""Four short cases in which every kind of the table carries every section that it may, to every role that may read it.

An adult's return with all six steps and everything after it; a child's; an unprepared return; the ends of a case.
"""

from __future__ import annotations

from typing import Any, Final

from integration.script import NOTE, PURPOSES, ROLES, Script
from integration.walk import FLIGHT, MET, MONITORED, RISK, STEP_1, STEP_2, STEP_3, STEP_4, at
from nodes import ALL_CLASSES, PROMPTS

BE, HU, SHELTER, BE_IOM, HU_IOM = "be-fp", "hu-fp", "hu-ngo", "be-iom", "hu-iom"
CHILD: Final = "child"
SECOND: Final = {"second": "case-manager"}
NOTED: Final = (NOTE,)
REQUESTED: Final = (
    "identity",
    "safe_contact",
    "family",
    "dependants",
    "trafficking_profile",
    "narrative",
    "travel_health",
    "continuing_care",
    "documents",
    "background",
    "wishes",
    "plan",
    "costs",
    "declaration",
    "destination_place",
    NOTE,
)
RISKS: Final = ("risk_factors", "person_view", "measures", NOTE)
FLOWN: Final = ("itinerary", "arrival_time", "meeting", NOTE)
LEFT: Final = ("departure", "arrival_time", "condition", "cash", NOTE)
ARRIVED: Final = ("arrival", "condition", "discrepancies", "feedback", NOTE)


def others(agency: str) -> dict[str, str]:
    """Return everybody else with the role that each has."""
    return {name: role for name, role in ROLES.items() if name != agency}


async def begin(script: Script, majority: str = "adult", **profile: Any) -> None:
    """Step 1 to all, the seats taken, and everybody with consents of its own."""
    await script.open(BE)
    bodies = {"profile": {"age_band": "24-26", **profile}}
    act = STEP_1 | {"majority": majority}
    sections = ("profile", "measures")
    await script.send(BE, "assistance-request-notification", act, sections, to=others(BE), bodies=bodies)
    for agency in (HU, SHELTER, BE_IOM, HU_IOM):
        await script.consents(agency)
    await script.arrives()


async def join(script: Script) -> None:
    """Those invited accept."""
    for agency in (SHELTER, BE_IOM, HU_IOM):
        await script.send(agency, "participation", {"answer": "accept"}, NOTED)
        script.accepted.add(agency)


async def adult_returns(script: Script) -> None:
    """All six steps, questions and answers, reports and corrections."""
    await begin(script)
    await ask_and_answer(script)
    await join(script)
    await script.send(HU, "assistance-request-confirmation", STEP_2, ("capacity", "reception_points", NOTE))
    script.it.clock.move(at(9, 28, 8))
    await script.send(BE, "risk-assessment", RISK, RISKS)
    await script.send(HU, "risk-assessment", RISK, RISKS)
    await script.send(BE, "age-determination", {"result": "adult", "basis": "document", **SECOND}, NOTED)
    await script.send(BE, "reintegration-assistance-request", STEP_3, REQUESTED)
    await ask_and_answer_step_4(script)
    keep = {"reception": (BE, HU_IOM)}
    await script.send(HU, "reintegration-assistance-confirmation", STEP_4, ("services", "reception", NOTE), keep=keep)
    await fly(script)
    await follow_up(script)


async def ask_and_answer(script: Script) -> None:
    """A question about step 1 and its answer, before anybody has accepted."""
    asked = {"decision": "clarify", "collegiate": False, "needed_sections": ["profile"]}
    question = await script.send(HU, "assistance-request-confirmation", asked, ("questions", NOTE))
    script.accepted.add(HU)  # its next step 2
    answered = {"step": "2", "question": question, "answer": "answered"}
    await script.send(BE, "clarification-reply", answered, ("answer", NOTE), asker=HU, in_reply_to=question)


async def ask_and_answer_step_4(script: Script) -> None:
    """The shelter asks about step 3, and the destination side answers."""
    asked = {"decision": "clarify", "needed_sections": ["documents"]}
    question = await script.send(SHELTER, "reintegration-assistance-confirmation", asked, ("questions", NOTE))
    answered = {"step": "4", "question": question, "answer": "answered"}
    await script.send(BE_IOM, "clarification-reply", answered, ("answer", NOTE), asker=SHELTER, in_reply_to=question)


async def fly(script: Script) -> None:
    """Itineraries, approvals, a departure told twice, delays, an alert of each side, two arrivals told."""
    script.it.clock.move(at(10, 2, 8))
    provisional = FLIGHT | {"state": "provisional"}
    await script.send(BE, "travel-itinerary", provisional, FLOWN)
    journey = await script.send(BE_IOM, "travel-itinerary", FLIGHT | {"state": "final"}, FLOWN)
    for agency in (BE, HU_IOM):
        await script.send(agency, "travel-approval", {"itinerary": journey, "decision": "approved"}, NOTED)
    script.it.clock.move(at(10, 13, 6, 45))
    left = {"itinerary": journey, "boarded": 1, "planned": 1, "confirmed_by": "escort"}
    late = {"itinerary": journey, "status": "delayed"}
    lost = {"itinerary": journey, "raised_by": "person", "hypotheses": ["missed_connection"], "level": 1}
    met = {"itinerary": journey, **MET}
    for agency in (BE_IOM, BE):
        await script.send(agency, "post-departure-notification", left, LEFT)
        await script.send(agency, "travel-update", late, ("arrival_time", NOTE))
    for agency in (SHELTER, BE):
        await script.send(agency, "non-arrival-alert", lost, ("alert", NOTE))
    script.it.clock.move(at(10, 13, 9, 10))
    await script.send(SHELTER, "arrival-confirmation", met, ARRIVED)
    await script.send(HU_IOM, "arrival-confirmation", met, ARRIVED)


async def follow_up(script: Script) -> None:
    """Reports, a correction of a section, two reports at once and their settlement."""
    script.it.clock.move(at(10, 20, 9))
    fine = MONITORED | {"contact": "in_contact"}
    report = await script.send(HU, "monitoring-report", fine, ("monitoring", NOTE))
    wrong = next(one for one in script.written if one.message == report)
    act = {"target": report, "reason": "typo"}
    await script.send(HU, "correction", act, ("monitoring", NOTE), corrects=wrong)
    await script.send(SHELTER, "monitoring-report", fine, ("monitoring", NOTE))


async def child_returns(script: Script) -> None:
    """A child's request and what is arranged."""
    await begin(script, CHILD, age_band="9-17")
    await join(script)
    await script.send(HU, "assistance-request-confirmation", STEP_2, ("capacity",))
    script.accepted.add(HU)
    stood_for = [{"rule": "B2", "function": "guardian", "date": script.it.clock().date().isoformat()}]
    act = STEP_3 | {"majority": CHILD}
    sections = (*(one for one in REQUESTED if one != "dependants"), CHILD)
    await script.send(BE, "reintegration-assistance-request", act, sections, attested=stood_for)
    sections = ("services", "reception", "care_arrangement", NOTE)
    await script.send(HU, "reintegration-assistance-confirmation", STEP_4, sections)


async def walks_in(script: Script) -> None:
    """Somebody has come back without a word; the shelter opens, to all others."""
    await script.open(SHELTER)
    act = {"returned_by": "organisation", "found_in": "shelter", "needs": ["shelter"]}
    await script.send(SHELTER, "unprepared-return-notice", act, ("found", NOTE), to=others(SHELTER))
    script.accepted |= {HU}


async def ends(script: Script) -> None:
    """Holds, members that come and go, responsibility that moves, a contest, a life at risk, endings."""
    await begin(script)
    await join(script)
    await script.send(HU, "assistance-request-confirmation", STEP_2, ("capacity",))
    script.accepted.add(HU)
    await script.send(BE, "request-withdrawal", {"reason": "other"}, NOTED)
    hold = {"reason": "other"}
    await script.send(HU, "case-hold", {"hold": "placed", **hold}, ("hold_ground", NOTE))
    await script.send(HU, "case-hold", {"hold": "lifted", **hold}, NOTED)
    await life_at_risk(script)
    await members_change(script)
    await responsibility_moves(script)
    await contested(script)
    await script.send(HU, "case-closure", {"reason": "other", "outcome": "loop_open"}, NOTED)
    await script.send(BE, "case-reopening", {"reason": "new_contact"}, NOTED)


async def life_at_risk(script: Script) -> None:
    """What a rescuer needs, to those named one by one; and a consent with a note."""
    script.it.clock.move(at(9, 10, 8))
    act = {"expires": "2026-12-20", **SECOND}
    named = (SHELTER, HU_IOM)
    await script.send(
        BE,
        "life-risk-disclosure",
        act,
        ("life_risk", NOTE),
        named=named,
        to={one: ROLES[one] for one in named},
        basis="life_risk",
        priority="emergency",
    )
    told = {
        "person": 0,
        "case": script.case,
        "agency": SHELTER,
        "version": 9,
        "state": "given",
        "purposes": list(PURPOSES),
        "classes": list(ALL_CLASSES),
        "given_by": "individual",
        "valid_from": "2026-09-01",
        "expires_at": "2027-03-01",
        "prompts": list(PROMPTS),
    }
    to = {SHELTER: ROLES[SHELTER]}
    await script.send(BE, "consent", told, ("consent", NOTE), named=(SHELTER,), to=to)


async def members_change(script: Script) -> None:
    """A mission leaves and is invited anew."""
    await script.send(BE, "participant-removed", {"agency": BE_IOM, "reason": "task_done"}, NOTED)
    act = {"agency": BE_IOM, "role": "mission_destination", "reason": "travel"}
    await script.send(BE, "participant-added", act, NOTED)
    await script.send(BE_IOM, "participation", {"answer": "accept"}, NOTED)


async def responsibility_moves(script: Script) -> None:
    """An offer refused, an offer accepted; and one taken over where an answer did not come."""
    await script.send(BE, "transfer-offered", {"agency": HU_IOM}, NOTED)
    await script.send(HU_IOM, "transfer-accepted", {"answer": "refused"}, NOTED)
    await script.send(HU, "risk-assessment", RISK | {"level": "medium"}, NOTED, respond_by="2026-09-12T08:00:00Z")
    script.it.clock.move(at(9, 15, 8))
    await script.send(HU, "responsibility-taken", SECOND, NOTED)


async def contested(script: Script) -> None:
    """Two reports at once, settled; an id that nobody holds, settled too."""
    reports = []
    for agency, contact in ((HU, "in_contact"), (SHELTER, "lost")):
        told = script.it.send(agency, script.case, "monitoring-report", MONITORED | {"contact": contact})
        reports.append(told.message)
    await script.arrives()
    act = {"register": "follow_up", "value": "in_contact", "tips": sorted(reports)}
    await script.send(HU, "settlement", act, NOTED)
    await script.send(HU, "history-settled", {"ids": ["A" * 43], **SECOND}, NOTED)


STORIES: Final = (ends, child_returns, adult_returns, walks_in)  # in the order of their dates
