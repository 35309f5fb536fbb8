from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from case_histories import (
    BE,
    HU,
    INVITE,
    IOM,
    START,
    TABLE,
    content,
    new_case,
    received,
    root,
)
from contracts.content import content_id
from contracts.encoding import b64
from referral.casework.history import History
from referrals import ACCEPT, RISK

if TYPE_CHECKING:
    from referral.casework.case import Case

MINUTE = timedelta(minutes=1)
MADE_UP = b64(b"\x09" * 32)
CONSENT: dict[str, Any] = {
    "person": 0,
    "agency": HU,
    "version": 1,
    "state": "given",
    "purposes": ["share_agency"],
    "classes": ["P0", "P1"],
    "given_by": "individual",
    "valid_from": "2026-09-01",
    "expires_at": "2027-03-01",
    "prompts": [],
}


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[bytes], list[int]]:
    """Draw contents that name some of those before them, made-up ids too, and an order in which they come."""
    made = [root()]
    for number in range(1, draw(st.integers(1, 9))):
        earlier = [content_id(one) for one in made]
        after = draw(st.lists(st.sampled_from([*earlier, MADE_UP]), min_size=1, max_size=2, unique=True))
        sender, kind, act = draw(
            st.sampled_from(
                [
                    (BE, "risk-assessment", RISK),
                    (HU, "risk-assessment", RISK),
                    (HU, "assistance-request-confirmation", ACCEPT),
                    (BE, "participant-added", INVITE),
                    (IOM, "participation", {"answer": "accept"}),
                    (BE, "case-hold", {"hold": "placed", "reason": "other"}),
                ]
            )
        )
        to = tuple(name for name in (BE, HU, IOM) if name != sender)
        made.append(content(sender, kind, act, after=after, number=number, to=to))
    return made, draw(st.permutations(range(len(made))))


def whole(history: History) -> tuple[Any, ...]:
    """Return what a reading says."""
    entries = [one.content.id for one in history.ordered()]
    return history.standing.document(), history.core_ids, history.tips, entries, dict(history.roles())


@given(graphs(), st.integers(1, 4))
def test_a_reading_that_goes_on_says_what_one_read_anew_says(graph: tuple[list[bytes], list[int]], page: int) -> None:
    made, order = graph
    case = new_case()
    before: History | None = None
    for first in range(0, len(order), page):
        fresh = case.twin()
        for place in order[first : first + page]:
            received(fresh, made[place], START + place * MINUTE)
        case, before = fresh, History(fresh, TABLE, before)

        assert whole(before) == whole(History(case, TABLE))


@given(graphs(), st.randoms())
def test_a_timeline_has_what_each_builds_on_before_it_and_is_the_same_in_every_order_of_coming(
    graph: tuple[list[bytes], list[int]], chance: Any
) -> None:
    made, order = graph
    found = []
    for places in (order, chance.sample(order, len(order))):
        case = new_case()
        for place in places:
            received(case, made[place])
        found.append([one.content.id for one in History(case, TABLE).ordered()])

    assert found[0] == found[1]
    place = {name: at for at, name in enumerate(found[0])}
    for raw in made:
        entry = case.entries[content_id(raw)]
        assert all(place[one] < place[content_id(raw)] for one in entry.content.after if one in place)


def grown(*raws: bytes) -> Case:
    """Return a case that received these, a minute apart."""
    case = new_case()
    for number, raw in enumerate(raws):
        received(case, raw, START + number * MINUTE)
    return case


def test_who_has_accepted_is_told_by_the_latest_answer() -> None:
    first = root()
    yes = content(HU, "assistance-request-confirmation", ACCEPT, after=[content_id(first)], number=1)
    no = content(
        HU,
        "assistance-request-confirmation",
        {"decision": "decline", "reason": "no_capacity", "collegiate": False},
        after=[content_id(yes)],
        number=2,
    )
    history = History(grown(first, yes), TABLE)

    assert history.accepted(BE)
    assert history.accepted(HU)
    assert not history.accepted(HU, within=[content_id(first)])
    assert not history.accepted(IOM)
    later = History(grown(first, yes, no), TABLE)
    assert later.accepted(HU) is (later.standing.verdicts[content_id(no)].name not in {"effective", "flagged"})


def test_a_case_as_it_was_known_leaves_out_what_was_recorded_later() -> None:
    first = root()
    yes = content(HU, "assistance-request-confirmation", ACCEPT, after=[content_id(first)], number=1)
    history = History(grown(first, yes), TABLE)

    assert history.standing.value("referral") == "accepted"
    assert history.at(START).standing.value("referral") == "notified"
    assert history.at(START - MINUTE).standing.verdicts == {}


def test_the_past_that_a_message_would_name_is_the_whole_set_where_nothing_is_missing() -> None:
    first = root()
    odd = content(HU, "risk-assessment", RISK, after=[MADE_UP], number=1)
    complete, incomplete = History(grown(first), TABLE), History(grown(first, odd), TABLE)

    assert complete.own_past(BE) is complete.standing
    assert set(incomplete.own_past(BE).verdicts) == {content_id(first)}


def test_a_withdrawal_counts_from_when_it_was_heard_and_ends_with_a_consent_given_anew() -> None:
    given_ = content(BE, "consent", {**CONSENT, "case": root_case()}, to=(HU,), number=1)
    act = {**CONSENT, "case": root_case(), "version": 2, "state": "withdrawn"}
    gone = content(BE, "consent", act, to=(HU,), after=[content_id(given_)], number=2, sent_at=START - 900 * MINUTE)
    anew = content(
        BE,
        "consent",
        {**CONSENT, "case": root_case(), "version": 3},
        to=(HU,),
        after=[content_id(gone)],
        number=3,
    )

    assert History(grown(root(), given_), TABLE).withdrawals() == []
    assert History(grown(root(), given_, gone), TABLE).withdrawals() == [(HU, 0, START + 2 * MINUTE)]
    assert History(grown(root(), given_, gone, anew), TABLE).withdrawals() == []


def root_case() -> str:
    """Return the id of the case."""
    return new_case().case


def test_an_invitation_is_seen_whatever_became_of_it() -> None:
    odd = content(BE, "participant-added", INVITE, after=[MADE_UP], to=(HU, IOM), number=1)

    assert History(grown(odd), TABLE).invited(IOM)
    assert not History(grown(odd), TABLE).invited(HU)
