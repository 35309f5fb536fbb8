from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bundles import RISK, exported, referred
from contracts.content import Content, case_id, read
from nodes import town
from referral.audit.refold import Beside, Refolded, beside, refold
from referral.audit.verify import verify
from small_network import NOW, SALT, TABLE, directory, first_step, identity, seed

if TYPE_CHECKING:
    from pathlib import Path

HOUR = timedelta(hours=1)
CASE = case_id(identity("be-fp"), SALT)
ROOT = read(first_step(), TABLE)


def risk(name: str, sender: str = "be-fp", *, after: tuple[Content, ...] = (ROOT,), hours: int = 2) -> Content:
    """Return a risk assessment of an agency, sent some hours after the request."""
    other = {"be-fp": "hu-fp"}.get(sender, "be-fp")
    changes: dict[str, Any] = {
        "kind": "risk-assessment",
        "case": CASE,
        "role": {"be-fp": "requesting", "hu-fp": "requested"}.get(sender, "mission_origin"),
        "act": RISK,
        "salt": seed("salt", name),
        "after": [one.id for one in after],
        "sent_at": NOW + hours * HOUR,
    }
    return read(first_step(sender=sender, audience=(other,), **changes), TABLE)


def folded(*contents: Content) -> tuple[Refolded, dict[str, Content]]:
    return refold(TABLE, directory(), contents, CASE), {one.id: one for one in contents}


def test_the_root_fits_its_case_and_opens_it() -> None:
    found, _ = folded(ROOT)

    assert found.standing.value("case") == "open"
    assert found.standing.members() == {"be-fp": "requesting", "hu-fp": "requested"}
    assert (found.refused, found.unread) == (frozenset(), frozenset())


def test_who_never_had_a_seat_is_left_out_of_the_standing_and_named() -> None:
    stranger = risk("stranger", "hu-iom")
    found, _ = folded(ROOT, stranger)

    assert found.refused == {stranger.id}
    assert found.standing.digest() == folded(ROOT)[0].standing.digest()


def test_the_order_of_contents_changes_nothing() -> None:
    one = risk("one")
    two = risk("two", "hu-fp", after=(one,))

    assert folded(two, ROOT, one)[0].standing.digest() == folded(ROOT, one, two)[0].standing.digest()


def test_two_messages_of_one_author_beside_each_other_are_a_fork() -> None:
    one, two = risk("one"), risk("two")
    found, contents = folded(ROOT, one, two)

    assert sorted(beside(found.standing, contents, {}), key=lambda one: one.content) == [
        Beside("fork", name) for name in sorted((one.id, two.id))
    ]


def test_a_message_whose_author_had_stored_another_and_leaves_it_out_ignores_it() -> None:
    ours = risk("ours", hours=2)
    theirs = risk("theirs", "hu-fp", hours=5)
    found, contents = folded(ROOT, ours, theirs)
    stored = {("hu-fp", ours.id): NOW + 3 * HOUR, ("hu-fp", ROOT.id): NOW + HOUR}

    assert list(beside(found.standing, contents, stored)) == [Beside("ignored", theirs.id, (ours.id,))]


def test_a_message_that_crossed_another_on_its_way_ignores_nothing() -> None:
    ours = risk("ours", hours=2)
    theirs = risk("theirs", "hu-fp", hours=5)
    found, contents = folded(ROOT, ours, theirs)

    assert list(beside(found.standing, contents, {("hu-fp", ours.id): NOW + 6 * HOUR})) == []
    answered = risk("answered", "hu-fp", after=(ours,), hours=5)
    found, contents = folded(ROOT, ours, answered)
    assert list(beside(found.standing, contents, {("hu-fp", ours.id): NOW + 3 * HOUR})) == []


def test_late_is_what_nobody_stored_within_a_day() -> None:
    found, contents = folded(ROOT)
    day = NOW + timedelta(hours=24)

    assert list(beside(found.standing, contents, {("hu-fp", ROOT.id): day})) == []
    assert list(beside(found.standing, contents, {("hu-fp", ROOT.id): day + timedelta(seconds=1)})) == [
        Beside("late_logged", ROOT.id)
    ]


async def test_a_late_message_is_noted_in_the_report_and_no_failure(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = await referred(it)
        late = it.send("be-fp", case, "risk-assessment", RISK).message
        it.clock.move(it.clock() + timedelta(hours=25))
        await it.settle()
        exported(it, "be-fp", case, tmp_path / "bundle")
    report = verify(tmp_path / "bundle")

    assert report.ok
    assert [(one.word, one.message, one.sentence) for one in report.findings if one.check == "late_logged"] == [
        ("note", late, "Late: nobody stored it within 24 hours of the time that it names.")
    ]
