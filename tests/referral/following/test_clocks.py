from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from contracts.content import case_id
from contracts.encoding import b64
from contracts.examples import example
from hostile import entries_of, forge, post
from nodes import FIVE, Town, town
from referral.casework.intent import Chosen
from referral.following import clocks as rooms
from referral.following.clocks import BREACH, CLOCK_FAILED, MISSION_SILENT, NOT_ALERTED
from referral.store.errors import StoreUnavailable
from referral.vault.errors import KeyUnknown
from referrals import JOURNEY, REQUEST, RISK, agreed, delay, depart, landing

if TYPE_CHECKING:
    from pathlib import Path

LANDS = datetime(2026, 9, 3, 10, 40)  # noqa: DTZ001 - local time in Budapest: 08:40Z
LATER = datetime(2026, 9, 5, 10, 40)  # noqa: DTZ001 - the same, two days later
ALERT = "non-arrival-alert"
INVITE = {"agency": "hu-iom", "role": "mission_origin", "reason": "travel"}


def alarms(it: Town, agency: str) -> list[tuple[str, str]]:
    """Return code and subject of what stands at an agency."""
    return [(one.code, one.subject) for one in it.nodes[agency].queries.alarms()]


def alerts(it: Town, agency: str, case: str) -> list[tuple[str, datetime]]:
    """Return who raised the alarm of an arrival in a case, and when."""
    found = [one.content for one in entries_of(it, agency, case).values()]
    return [(one.sender, one.sent_at) for one in found if one.kind == ALERT]


def rung(it: Town, agency: str) -> list[tuple[str, int]]:
    """Return what rings at an agency, and whether it has."""
    with it.nodes[agency].node.store.reading() as cursor:
        return [tuple(row) for row in cursor.execute("SELECT what, rung FROM clocks ORDER BY until, what")]


async def until(it: Town, moment: datetime) -> None:
    """Let time pass until a moment."""
    await it.pass_time(moment - it.clock())


async def test_an_arrival_that_nobody_confirms_is_alarmed_two_hours_after_its_local_time_and_once(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        depart(it, case, LANDS)
        await until(it, datetime(2026, 9, 3, 10, 39, tzinfo=UTC))

        assert alerts(it, "be-fp", case) == []

        await until(it, datetime(2026, 9, 3, 14, 0, tzinfo=UTC))

        assert alerts(it, "be-fp", case) == [("hu-fp", datetime(2026, 9, 3, 10, 40, tzinfo=UTC))]
        assert (NOT_ALERTED, JOURNEY) in alarms(it, "hu-fp")
        assert it.nodes["be-fp"].queries.standing(case).value(f"travel:{JOURNEY}") == "overdue"
        assert len(it.digests(case)) == 1


async def test_a_delayed_flight_moves_the_alarm_and_ends_the_one_that_stood(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        depart(it, case, LANDS)
        await until(it, datetime(2026, 9, 3, 12, 0, tzinfo=UTC))
        assert (NOT_ALERTED, JOURNEY) in alarms(it, "hu-fp")

        delay(it, case, LATER)
        await it.settle()

        assert (NOT_ALERTED, JOURNEY) not in alarms(it, "hu-fp")

        await until(it, datetime(2026, 9, 5, 14, 0, tzinfo=UTC))

        assert [at for _, at in alerts(it, "be-fp", case)] == [
            datetime(2026, 9, 3, 10, 40, tzinfo=UTC),
            datetime(2026, 9, 5, 10, 40, tzinfo=UTC),
        ]


async def test_a_corrected_time_moves_the_alarm_and_does_not_outlive_a_newer_time(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        sent = depart(it, case, LANDS)
        act = {"target": sent.message, "reason": "typo"}
        it.send("be-fp", case, "correction", act, chosen={"arrival_time": landing(LATER, "Europe/Budapest")})
        await until(it, datetime(2026, 9, 4, 0, 0, tzinfo=UTC))

        assert alerts(it, "be-fp", case) == []

        last = LATER.replace(day=6)
        delay(it, case, last)
        it.send("be-fp", case, "correction", act, chosen={"arrival_time": landing(LANDS, "Europe/Budapest")})
        await until(it, datetime(2026, 9, 7, 0, 0, tzinfo=UTC))

        assert alerts(it, "be-fp", case) == [("hu-fp", datetime(2026, 9, 6, 10, 40, tzinfo=UTC))]


async def test_a_partner_that_sends_nonsense_as_a_time_silences_no_clock(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        act = {"itinerary": JOURNEY, "boarded": 1, "planned": 1, "confirmed_by": "escort"}
        sections = {"arrival_time": (("hu-fp",), b'{"place":"BUD","at":{"local":"soon","zone":"Nowhere"}}')}
        odd = forge(
            it.nodes["be-fp"].node,
            case,
            "post-departure-notification",
            act,
            {"hu-fp": "requested"},
            after=[asked.message],
            sections=sections,
        )
        await post(it, odd, "hu-fp")
        await it.settle()

        # The time cannot be read: the blind timer, at 12:00Z of the second day.
        await until(it, datetime(2026, 9, 3, 13, 0, tzinfo=UTC))

        assert ("hu-fp", datetime(2026, 9, 3, 12, 0, tzinfo=UTC)) in alerts(it, "hu-fp", case)
        board = it.nodes["hu-fp"].queries.arrivals(principal="somebody")
        assert [(one.case, one.local) for one in board] == [(case, "")]


async def test_a_root_that_names_an_odd_role_stops_no_clock(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        node = it.nodes["be-fp"].node
        salt = node.draw(32)
        case = case_id(node.fingerprint, salt)
        to = {"hu-fp": "requested", "hu-iom": "transit"}
        root = forge(
            node,
            case,
            "assistance-request-notification",
            REQUEST,
            to,
            salt=b64(salt),
            respond_by="2026-09-02T08:00:00Z",
        )
        await post(it, root, "hu-fp")
        await it.settle(["hu-fp"])
        await until(it, datetime(2026, 9, 2, 9, 0, tzinfo=UTC))

        assert ("no-answer", root.id) in alarms(it, "hu-fp")
        assert it.nodes["hu-fp"].worker.clocks.follower.set_aside(it.nodes["hu-fp"].node.store) == []


async def test_an_invited_mission_that_has_not_answered_is_alarmed_three_days_before_an_arrival(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        it.nodes["hu-iom"].worker.inbox.turn = _deaf  # type: ignore[method-assign] # the mission does not answer
        it.send("be-fp", case, "participant-added", INVITE)
        await it.settle(["be-fp", "hu-fp"])
        depart(it, case, datetime(2026, 9, 10, 10, 0))  # noqa: DTZ001 - local time in Budapest: 08:00Z
        await until(it, datetime(2026, 9, 7, 7, 59, tzinfo=UTC))

        assert (MISSION_SILENT, "hu-iom") not in alarms(it, "hu-fp")

        await until(it, datetime(2026, 9, 7, 8, 1, tzinfo=UTC))

        assert (MISSION_SILENT, "hu-iom") in alarms(it, "hu-fp")
        assert (MISSION_SILENT, "hu-iom") in alarms(it, "be-fp")

        del it.nodes["hu-iom"].worker.inbox.turn
        await it.settle()
        it.send("hu-iom", case, "participation", {"answer": "accept"})
        await it.settle()

        assert (MISSION_SILENT, "hu-iom") not in alarms(it, "hu-fp")
        assert (MISSION_SILENT, "hu-iom") not in alarms(it, "be-fp")


async def _deaf() -> int:
    return 0


async def test_a_withdrawal_of_one_consent_erases_what_rests_on_it_and_nothing_else(tmp_path: Path) -> None:
    async with town(tmp_path, FIVE) as it:
        case, asked = await agreed(it)
        it.consent("be-fp", case, "hu-fp", "requested", person=1)
        it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test", person=1)
        await it.pass_time(timedelta(days=5))

        shown = next(one for one in it.nodes["hu-fp"].queries.timeline(case) if one.message == asked.message)
        assert shown.sections == {"profile": "readable"}, "the profile is of the person, not of the child"


async def test_a_withdrawal_dated_a_week_ago_or_in_ten_years_is_erased_72_hours_after_we_heard_of_it(
    tmp_path: Path,
) -> None:
    for sent_at in (datetime(2026, 8, 1, tzinfo=UTC), datetime(2036, 8, 1, tzinfo=UTC)):
        folder = tmp_path / str(sent_at.year)
        folder.mkdir()
        async with town(folder) as it:
            case, asked = await agreed(it)
            given = next(one.content for one in entries_of(it, "hu-fp", case).values() if one.content.kind == "consent")
            forged = forge(
                it.nodes["be-fp"].node,
                case,
                "consent",
                {**given.act, "version": 2, "state": "withdrawn"},
                {"hu-fp": "requested"},
                after=[given.id],
                sent_at=sent_at,
            )
            await post(it, forged, "hu-fp")
            await it.settle(["hu-fp"])

            def section(it: Town = it, case: str = case, message: str = asked.message) -> dict[str, str]:
                timeline = it.nodes["hu-fp"].queries.timeline(case)
                return next(one.sections for one in timeline if one.message == message)

            assert section() == {"profile": "shut"}

            await it.pass_time(timedelta(hours=71))

            assert section() == {"profile": "shut"}

            await it.pass_time(timedelta(hours=2))

            assert list(section().values()) == ["erased"]


async def test_an_erasure_that_fails_is_told_tried_again_and_holds_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
        await it.settle()

        def fails(*_: Any) -> int:
            raise KeyUnknown

        with monkeypatch.context() as patched:
            patched.setattr(rooms, "erase_shut", fails)
            await it.pass_time(timedelta(hours=73))
            assert (CLOCK_FAILED, "erase") in alarms(it, "hu-fp")
            sent = it.send("hu-fp", case, "risk-assessment", RISK)
            await it.settle()

        assert sent.message in entries_of(it, "be-fp", case)

        await it.pass_time(timedelta(minutes=11))

        assert (CLOCK_FAILED, "erase") not in alarms(it, "hu-fp")
        assert len(it.nodes["hu-fp"].queries.history(case).case.erased) == 1
        assert asked.message in {name for name, _ in it.nodes["hu-fp"].queries.history(case).case.erased}


async def test_a_full_disk_ends_the_turn_and_the_clock_rings_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
        await it.settle()
        it.clock.move(it.clock() + timedelta(hours=73))

        def full(*_: Any) -> int:
            raise StoreUnavailable

        with monkeypatch.context() as patched:
            patched.setattr(rooms, "erase_shut", full)
            with pytest.raises(StoreUnavailable):
                it.nodes["hu-fp"].worker.clocks.turn()
        await it.settle()

        assert len(it.nodes["hu-fp"].queries.history(case).case.erased) == 1


async def test_an_erasure_that_a_crash_interrupted_is_recorded_when_the_clock_rings_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        it.nodes["be-fp"].desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
        await it.settle()
        hu = it.nodes["hu-fp"]
        commitment = min(entries_of(it, "hu-fp", case)[asked.message].sections)
        it.clock.move(it.clock() + timedelta(hours=73))

        def dies(*_: Any, **__: Any) -> int:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(hu.node.store, "save", dies)
            with pytest.raises(KeyboardInterrupt):
                hu.worker.clocks.turn()
        assert not hu.node.vault.has_section(asked.message, commitment)
        assert hu.queries.history(case).case.erased == {}

        await it.settle()

        assert list(hu.queries.history(case).case.erased) == [(asked.message, commitment)]


async def test_a_breach_is_alarmed_at_its_author_at_once(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        sent = depart(it, case, LANDS)
        it.send("be-fp", case, "correction", {"target": sent.message, "reason": "wrong_recipient"})
        await it.settle()

        assert (BREACH, sent.message) in alarms(it, "be-fp")
        assert BREACH not in [code for code, _ in alarms(it, "hu-fp")]


async def test_what_rings_is_computed_from_the_history_and_rings_again_to_no_effect(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        depart(it, case, LANDS)
        await until(it, datetime(2026, 9, 3, 14, 0, tzinfo=UTC))
        before, told = rung(it, "hu-fp"), alarms(it, "hu-fp")
        hu = it.nodes["hu-fp"]
        hu.worker.clocks.follower.reset(hu.node.store)
        hu.worker.follow()
        assert {flag for _, flag in rung(it, "hu-fp")} == {0}
        await it.settle()

        assert rung(it, "hu-fp") == before
        assert alarms(it, "hu-fp") == told
        assert len(alerts(it, "hu-fp", case)) == 1


@pytest.mark.parametrize("skew", [timedelta(hours=-6), timedelta(hours=6)])
async def test_a_clock_six_hours_wrong_raises_one_alert_in_the_case(tmp_path: Path, skew: timedelta) -> None:
    async with town(tmp_path, skews={"be-fp": skew}) as it:
        case, _ = await agreed(it)
        depart(it, case, LANDS)
        await until(it, datetime(2026, 9, 4, 8, 0, tzinfo=UTC))

        assert len(alerts(it, "be-fp", case)) == 1
        assert len(it.digests(case)) == 1


async def test_the_consent_that_ends_is_no_withdrawal(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = it.open_case("be-fp")
        it.consent("be-fp", case, "hu-fp", "requested", expires_at=date(2026, 9, 3))
        it.send(
            "be-fp",
            case,
            "assistance-request-notification",
            REQUEST,
            to={"hu-fp": "requested"},
            chosen={"profile": Chosen(example("profile"), ("hu-fp",))},
        )
        await it.pass_time(timedelta(days=10))

        shown = it.nodes["hu-fp"].queries.timeline(case)[-1]
        assert shown.sections == {"profile": "readable"}
        assert it.nodes["hu-fp"].queries.history(case).case.erased == {}
