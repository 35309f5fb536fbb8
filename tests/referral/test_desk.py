from __future__ import annotations

from typing import TYPE_CHECKING

from nodes import town

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_request_is_answered_and_both_sides_stand_at_the_same_place(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = it.open_case("be-fp")
        it.consent("be-fp", case, "hu-fp", "requested")
        act = {
            "scenario": "2_police_or_ngo",
            "solution": "return",
            "majority": "adult",
            "preliminary_risk": "medium",
            "services": ["shelter"],
            "reason": "MigrationOrChangeOfLocation",
            "dependants": "0",
            "interpreter": True,
        }
        sent = it.send(
            "be-fp", case, "assistance-request-notification", act, to={"hu-fp": "requested"}, sections={"profile": ()}
        )
        await it.settle()
        answer = {"decision": "accept", "offer_expires": "2026-11-01", "collegiate": False}
        it.send(
            "hu-fp",
            case,
            "assistance-request-confirmation",
            answer,
            sections={"capacity": ()},
            in_reply_to=sent.message,
        )
        await it.settle()

        assert it.nodes["be-fp"].queries.standing(case).value("referral") == "accepted"
        assert len(it.digests(case)) == 1
        told = [
            (one.kind, [(t.agency, t.stage) for t in one.receipts]) for one in it.nodes["be-fp"].queries.timeline(case)
        ]
        assert told == [
            ("consent", [("hu-fp", "R1")]),
            ("assistance-request-notification", [("hu-fp", "R1")]),
            ("assistance-request-confirmation", []),
        ]
