"""What must hold of any history: order, one by one, one withheld, and verdicts that never change."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.standing import Message, Standing, fold
from standing_stories import (
    ACCEPT,
    CONFIRM,
    FINAL,
    HOLD,
    LIFT,
    NOTICE,
    RISK,
    STEP3,
    TABLE,
    VETO,
    Story,
    alert,
    arrival,
    departure,
    report,
)

AGENCIES = ("be-fp", "hu-fp", "be-iom", "hu-iom", "stranger")
SEEDS = st.integers(0, 2**32)
BOUNDED = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def acts(draw: random.Random, story: Story) -> list[tuple[str, dict[str, Any]]]:
    """Return one act of each kind, with ids of this story."""
    return [*journeys(draw, story), *membership(draw, story)]


def journeys(draw: random.Random, story: Story) -> list[tuple[str, dict[str, Any]]]:
    planned = [one.id for one in story.messages if one.kind == "travel-itinerary"] or ["none"]
    itinerary, agency = draw.choice([*planned, "none"]), draw.choice(AGENCIES)
    plan = draw.choice(planned)
    facts = [one for one in story.messages if TABLE.kinds[one.kind].fact and one.kind != "correction"]
    told = draw.choice(facts) if facts else story.messages[0]
    return [
        ("assistance-request-notification", dict(story.messages[0].act)),
        ("assistance-request-confirmation", ACCEPT),
        ("assistance-request-confirmation", {"decision": "decline", "reason": "other", "collegiate": False}),
        ("reintegration-assistance-request", STEP3),
        ("reintegration-assistance-confirmation", CONFIRM),
        ("reintegration-assistance-confirmation", {**CONFIRM, "decision": "partial"}),
        ("risk-assessment", draw.choice([RISK, VETO])),
        ("risk-assessment", {**RISK, "agency": agency, "second": "guardian"}),
        ("case-hold", draw.choice([HOLD, LIFT, {**LIFT, "agency": agency, "second": "guardian"}])),
        ("age-determination", {"result": draw.choice(["adult", "child"]), "basis": "document", "second": "guardian"}),
        (
            "travel-itinerary",
            draw.choice([FINAL, {**FINAL, "replaces": plan}, {**FINAL, "state": "cancelled", "replaces": plan}]),
        ),
        ("travel-approval", {"itinerary": plan, "decision": draw.choice(["approved", "approved", "revoked"])}),
        ("post-departure-notification", departure(itinerary)),
        ("travel-update", {"itinerary": itinerary, "status": "delayed"}),
        ("arrival-confirmation", arrival(itinerary, draw.choice(["met", "not_arrived"]), handed_over_to=agency)),
        ("non-arrival-alert", alert(itinerary, draw.choice(["timer", "person"]))),
        ("unprepared-return-notice", NOTICE),
        ("monitoring-report", report(draw.choice(["lost", "in_contact"]))),
        ("request-withdrawal", {"reason": "other"}),
        ("correction", {"target": told.id, "reason": "typo", "new": dict(told.act)}),
        ("correction", {"target": told.id, "reason": "typo", "new": report("refused")}),
    ]


def membership(draw: random.Random, story: Story) -> list[tuple[str, dict[str, Any]]]:
    ids, agency = [one.id for one in story.messages], draw.choice(AGENCIES)
    contested = story.whole.contested
    register = draw.choice(contested) if contested else "case"
    tips = list(story.whole.registers[register].tips)
    return [
        ("participant-added", {"agency": agency, "role": "reception", "reason": "other"}),
        ("participant-removed", {"agency": agency, "reason": "other"}),
        ("participation", {"answer": draw.choice(["accept", "accept", "decline"])}),
        ("transfer-offered", {"agency": agency}),
        ("transfer-accepted", {"answer": "accepted"}),
        ("responsibility-taken", {"second": "guardian"}),
        ("settlement", {"register": register, "value": draw.choice(["open", "lost", "met"]), "tips": tips}),
        ("history-settled", {"ids": [draw.choice([*ids, "made-up-0", "made-up-1"])], "second": "guardian"}),
        ("case-closure", {"reason": "other", "outcome": "loop_open"}),
        ("case-reopening", {"reason": "other"}),
    ]


def history(seed: int, size: int = 24) -> list[Message]:
    """Draw a history whose members send late, leave out part of what they hold, and name what never was."""
    draw = random.Random(seed)
    story = Story()
    story.open(("be-iom", "mission_destination"))
    while len(story.messages) < size:
        kind, act = draw.choice(acts(draw, story))
        sender = draw.choice(AGENCIES)
        after = list(story.whole.heads(sender))
        if draw.random() < 0.3:
            after = [draw.choice(story.messages).id]
        if draw.random() < 0.07:
            after.append(f"made-up-{draw.randrange(2)}")
        more: dict[str, Any] = {"audience": ()} if draw.random() < 0.05 else {}
        story.say(sender, kind, act, after=tuple(after), **more)
    return story.messages


def folded(messages: list[Message]) -> Standing:
    return fold(TABLE, messages, case="drawn")


def whole_past(standing: Standing, messages: list[Message]) -> set[str]:
    """Return the ids whose whole past is held, without the help of a settling."""
    held = {one.id: one for one in messages}
    return {
        one.id
        for one in messages
        if all(named in held for known in (one.id, *standing.past(one.id)) for named in held[known].after)
    }


@BOUNDED
@given(SEEDS)
def test_arrival_order_and_repeats_change_nothing(seed: int) -> None:
    messages = history(seed)
    expected = folded(messages)
    again = [*messages, *random.Random(seed).sample(messages, 5)]
    random.Random(seed).shuffle(again)
    other = folded(again)

    assert (expected.document(), expected.forks, expected.contested) == (
        other.document(),
        other.forks,
        other.contested,
    )
    assert expected.digest() == other.digest()


@BOUNDED
@given(SEEDS)
def test_one_by_one_is_the_same_as_at_once_at_every_step(seed: int) -> None:
    messages = history(seed)
    random.Random(seed).shuffle(messages)
    grown = folded([])
    for at, one in enumerate(messages, start=1):
        before = grown.document()
        after = grown.add(one)

        assert before == grown.document()
        assert after.document() == folded(messages[:at]).document()
        grown = after


@BOUNDED
@given(SEEDS)
def test_a_withheld_message_is_named_and_changes_no_verdict_on_a_whole_past(seed: int) -> None:
    messages = history(seed)
    full = folded(messages)
    withheld = random.Random(seed).choice(messages)
    rest = [one for one in messages if one.id != withheld.id]
    less = folded(rest)
    named = any(withheld.id in one.after for one in rest)
    settled = any(withheld.id in one.act.get("ids", ()) for one in rest)

    assert settled or named == (withheld.id in less.missing)
    for one in whole_past(less, rest):
        assert full.verdicts[one] == less.verdicts[one]
    assert less.add(withheld).document() == full.document()


@BOUNDED
@given(SEEDS)
def test_every_reading_answers_and_agrees_with_the_set(seed: int) -> None:
    messages = history(seed)
    standing = folded(messages)
    latest = max(one.sent_at for one in messages)

    assert set(standing.verdicts) == {one.id for one in messages} == set(standing.ids)
    assert set(standing.contested) <= set(standing.registers)
    assert all(register.tips == tuple(sorted(register.tips)) for register in standing.registers.values())
    assert standing.at(latest).due == tuple(sorted(standing.at(latest).due))
    for agency in AGENCIES:
        assert set(standing.next(agency)) <= set(TABLE.kinds)
        assert set(standing.heads(agency)) <= set(standing.ids)


@BOUNDED
@given(SEEDS)
def test_what_is_sent_as_next_allows_was_allowed(seed: int) -> None:
    """A decision that is effective when sent on the heads is of a kind that `next` named before."""
    draw = random.Random(seed)
    story = Story()
    story.open(("be-iom", "mission_destination"))
    for _ in range(12):
        kind, act = draw.choice(acts(draw, story))
        sender = draw.choice(AGENCIES[:3])
        allowed = story.whole.next(sender, story.now)
        content = story.say(sender, kind, act, function="")
        if story.verdict(content) == ("effective", ""):
            assert kind in allowed
