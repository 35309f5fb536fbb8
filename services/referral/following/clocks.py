"""What rings when nobody speaks: unconfirmed arrivals, missing answers, limits, withdrawals to carry out.

A follower keeps one row for each thing that waits in a case; a turn rings what is due. What an office owes is told when
that office can be asked, what concerns a person on the way at once. An arrival rings two hours after
its time at the agency nearest to the gate, and a quarter of an hour later at each next one unless the alert has come by
then, so that one message is sent and a dead node delays it by minutes. A node that cannot read the time rings at 12:00Z
of the second day (standing.md 3, domain.md 1.8 and T11).
Ringing is idempotent: the alert is a command under a key made of case, itinerary and time, an erasure names
keys that are gone, an alarm stands once. A crash after ringing and before the row is marked rings again to no further
effect.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from contracts.node_statement import Silence
from referral.casework.calendar import when_open
from referral.casework.case import Case, Erased
from referral.casework.history import History
from referral.casework.intent import Intent
from referral.errors import NotMember, NotNow, ReasonMissing, RuleBroken
from referral.exchange import silences
from referral.exchange.alarms import end_alarm, raise_alarm, standing_alarms, was_acknowledged
from referral.exchange.deliveries import seconds
from referral.exchange.holdings import open_sections, to_erase
from referral.following.arrivals import arrival_times
from referral.following.follower import Follower
from referral.store import statements
from referral.store.errors import Conflict
from referral.store.sqlite import is_machine_fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from contracts.standing import Clock, Deadline
    from referral.exchange.erasures import Erasures
    from referral.node import Node
    from referral.store import Cursor, Stored

SQL: Final = statements("referral.following", "clocks.sql")
TOPICS: Final = (
    Case.MessageSent.TOPIC,
    Case.MessageReceived.TOPIC,
    Case.SectionsReceived.TOPIC,
    Case.SilenceRecorded.TOPIC,
)
GRACE: Final = timedelta(hours=2)
OTHERS_WAIT: Final = timedelta(minutes=15)
UNDO: Final = timedelta(hours=72)
FAR: Final = datetime(9000, 1, 1, tzinfo=UTC)  # seen from there everything that waits is overdue
MOST_WAITS: Final = 4
NEAREST: Final = ("reception", "mission_origin", "requested", "mission_destination", "requesting")
BEFORE_ARRIVAL: Final = timedelta(days=3)
ALERT: Final = "non-arrival-alert"

# What a row asks for. The first four raise an alarm of that name; `alert` sends a message; `erase` destroys keys.
CODES: Final[Mapping[str, str]] = {"answer": "no-answer", "voice": "voice-silent", "limit": "limit-ended"}
MISSION_SILENT: Final = "mission-silent"
NOT_ALERTED: Final = "arrival-overdue"
NOT_ARRIVED: Final = "not-arrived"
NOT_DEPARTED: Final = "departure-unreported"
ERASE: Final = "erase"
SILENCE: Final = "silence"
AFTER_WARNING: Final = timedelta(days=1)  # from the warning to the statement that no decision came
SAID_AGAIN: Final = "said-again"
COPIES_AFTER: Final = tuple(timedelta(hours=hours) for hours in (1, 6, 24, 72, 168))  # from a silence to its copies
BREACH: Final = "breach"
PARKED_FACT: Final = "parked-fact"
CLOCK_FAILED: Final = "clock-failed"
TRY_AGAIN: Final = timedelta(minutes=10)
CORRECTION: Final = "correction"
ARRIVAL: Final = "arrival"
TRAVEL: Final = "travel:"
EMERGENCY: Final = "emergency"
LAST_CALL: Final = timedelta(days=1)  # before an arrival
TRIES: Final = 5
OURS: Final = frozenset({*CODES.values(), MISSION_SILENT, NOT_ALERTED, NOT_ARRIVED, NOT_DEPARTED, PARKED_FACT})
WRONG_RECIPIENT: Final = "wrong_recipient"


@dataclass(frozen=True, slots=True)
class Ring:
    """One row: the case, what it asks for, about what, from when."""

    case: str
    what: str
    subject: str
    until: datetime


class Sender(Protocol):
    """Who carries out what a clock commands."""

    def send(self, case: str, intent: Intent, *, key: str, principal: str) -> object:
        """Send one message; a repeat under the same `key` is no second one."""


class Clocks:
    """The clocks of one node; `turn` rings."""

    def __init__(self, node: Node, desk: Sender, erasures: Erasures) -> None:
        """Ring for `node`; alerts are sent through `desk`, partners are asked to erase by `erasures`."""
        self._node = node
        self._desk = desk
        self._erasures = erasures
        self.follower = Follower("clocks", TOPICS, self._apply, _forget)

    # -- setting -----------------------------------------------------------------------------------------------------

    def _apply(self, cursor: Cursor, page: list[Stored]) -> None:
        for case_id in dict.fromkeys(stored.case for stored in page):
            history = self._node.history(case_id)
            if history is not None:
                self._set(cursor, history)

    def _set(self, cursor: Cursor, history: History) -> None:
        """Set what waits now, stop what waits no more, and end the alarms whose cause is gone."""
        case = history.case
        wanted = {(ring.what, ring.subject, seconds(ring.until)) for ring in self._waiting(history)}
        rows = cursor.execute(SQL["of_case"], {"case_id": case.case}).fetchall()
        held = {(what, subject, until) for what, subject, until, _ in rows}
        for what, subject, until in sorted(wanted - held):
            cursor.execute(SQL["set_clock"], _row(case.case, what, subject, until))
        for what, subject, until in sorted(held - wanted):
            cursor.execute(SQL["stop_clock"], _row(case.case, what, subject, until))
        now = seconds(self._node.now())
        standing = {(CODES.get(what, what), subject) for what, subject, until in wanted if until <= now}
        for alarm in standing_alarms(cursor, case.case):
            if alarm.code in OURS and (alarm.code, alarm.subject) not in standing:
                end_alarm(cursor, alarm.code, case.case, alarm.subject, self._node.now())

    def _waiting(self, history: History) -> Iterator[Ring]:
        arrivals = arrival_times(self._node, history)
        pause = GRACE + OTHERS_WAIT * self._place(history)
        clock = history.standing.at(FAR, {one: at + pause for one, at in arrivals.items()})
        for deadline in clock.overdue:
            if deadline.what != ARRIVAL:
                told = self._told_at(history, deadline)
                yield Ring(history.case.case, deadline.what, deadline.subject, told)
                if deadline.what == "answer" and _silent(self._node, history, deadline):
                    yield Ring(history.case.case, SILENCE, deadline.subject, told + AFTER_WARNING)
                if deadline.what == "answer":
                    yield from self._said_again(history, deadline)
        if self._node.agency in history.standing.members():
            yield from self._expected(history, clock, arrivals)
        yield from self._silent_missions(history, arrivals)
        yield from self._breaches(history)
        yield from self._parked(history)
        yield from self._withdrawn(history)

    def _said_again(self, history: History, deadline: Deadline) -> Iterator[Ring]:
        """Say again, while nobody decides, what we stated of a silence: nothing acknowledges it."""
        for (agency, silent), held in history.case.silences.get(deadline.subject, {}).items():
            if agency == self._node.agency and (silent in deadline.waits_for or not deadline.waits_for):
                for pause in COPIES_AFTER:
                    subject = f"{deadline.subject} {silent}"
                    yield Ring(history.case.case, SAID_AGAIN, subject, held.recorded_at + pause)

    def _told_at(self, history: History, deadline: Deadline) -> datetime:
        """Return when a person is told of what is owed: when its office works, in an emergency at once."""
        asked = history.entry(deadline.subject)
        if asked is not None and asked.content.priority == EMERGENCY:
            return deadline.until
        return self._when_open(deadline.waits_for, deadline.until)

    def _when_open(self, agencies: Iterable[str], moment: datetime) -> datetime:
        """Return the first time from `moment` on at which the office of one of `agencies` works."""
        offices = [office for agency in agencies if (office := self._node.office(agency)) is not None]
        return min((when_open(office, moment) for office in offices), default=moment)

    def _expected(self, history: History, clock: Clock, arrivals: Mapping[str, datetime]) -> Iterator[Ring]:
        """Nobody may stand unmet: late confirmations, persons who are missing, departures nobody reported."""
        case, standing = history.case, history.standing
        for deadline in clock.overdue:
            if deadline.what == ARRIVAL:
                yield Ring(case.case, NOT_ALERTED, deadline.subject, deadline.until)
        if standing.value("case") == "closed":
            return
        for name, register in standing.registers.items():
            itinerary = name.removeprefix(TRAVEL)
            if name.startswith(TRAVEL) and register.value == "not_arrived":
                said = min(case.entries[tip].recorded_at for tip in register.tips)
                yield Ring(case.case, NOT_ARRIVED, itinerary, said)
            elif name.startswith(TRAVEL) and register.value == "final" and itinerary in arrivals:
                yield Ring(case.case, NOT_DEPARTED, itinerary, arrivals[itinerary])

    def _place(self, history: History) -> int:
        """Return which place this agency has among those that would raise the alarm: the nearest to the gate first."""
        members = history.standing.members()
        near = {role: place for place, role in enumerate(NEAREST)}
        order = sorted(members, key=lambda agency: (near.get(members[agency], len(near)), agency))
        return min(order.index(self._node.agency), MOST_WAITS) if self._node.agency in members else MOST_WAITS

    def _silent_missions(self, history: History, arrivals: Mapping[str, datetime]) -> Iterator[Ring]:
        """A focal point looks at invited missions three days before an arrival (issue: settled questions)."""
        standing = history.standing
        focal = standing.members().get(self._node.agency) in {"requesting", "requested"}
        coming = [at for one, at in arrivals.items() if standing.value(f"{TRAVEL}{one}") in {"final", "departed"}]
        if not focal or not coming or standing.value("case") == "closed":
            return
        for agency in standing.members():
            if standing.value(f"member:{agency}") == "invited":
                early = min(coming) - BEFORE_ARRIVAL
                told = self._when_open([agency], early)
                # An office that opens too late to do anything is called all the same.
                at = told if told <= min(coming) - LAST_CALL else early
                yield Ring(history.case.case, MISSION_SILENT, agency, at)

    def _breaches(self, history: History) -> Iterator[Ring]:
        """A correction that says `wrong_recipient` opens the breach clock at its author's, at once (standing.md 3)."""
        for entry in history.case.entries.values():
            content = entry.content
            if entry.ours and content.kind == CORRECTION and content.act.get("reason") == WRONG_RECIPIENT:
                yield Ring(history.case.case, BREACH, content.act["target"], content.sent_at)

    def _parked(self, history: History) -> Iterator[Ring]:
        """A departure, an arrival or an alert is shown at once, also while nothing names its sender (standing.md 2)."""
        for content_id in history.standing.alarms:
            yield Ring(history.case.case, PARKED_FACT, content_id, history.case.entries[content_id].recorded_at)

    def _withdrawn(self, history: History) -> Iterator[Ring]:
        """A withdrawal is carried out 72 hours after we heard of it, unless consent was given anew by then."""
        for agency, person, heard in history.withdrawals():
            yield Ring(history.case.case, ERASE, f"{agency}:{person}", heard + UNDO)

    # -- ringing -----------------------------------------------------------------------------------------------------

    def turn(self) -> int:
        """Ring what is due; return how much was done."""
        now = self._node.now()
        with self._node.store.reading() as cursor:
            rows = cursor.execute(SQL["due"], {"now": seconds(now)}).fetchall()
        for case, what, subject, until in rows:
            ring = Ring(case, what, subject, datetime.fromtimestamp(until, UTC))
            rung = self._attempt(ring, now)
            # What the row asks for is done. If we stop here it rings again, to no further effect.
            later = seconds(now + TRY_AGAIN)
            with self._node.store.transaction() as cursor:
                cursor.execute(SQL["rung" if rung else "later"], _row(case, what, subject, until) | {"later": later})
        return len(rows)

    def _attempt(self, ring: Ring, now: datetime) -> bool:
        """Ring; what cannot be carried out now is tried again in a while, a person is told, and the others ring."""
        try:
            rung = self._ring(ring, now)
        except Exception as error:
            if is_machine_fault(error):
                raise
            with self._node.store.transaction() as cursor:
                raise_alarm(cursor, CLOCK_FAILED, ring.case, ring.what, now)
            return False
        with self._node.store.transaction() as cursor:
            end_alarm(cursor, CLOCK_FAILED, ring.case, ring.what, now)
        return rung

    def next_at(self) -> datetime | None:
        """Return when the next clock rings."""
        with self._node.store.reading() as cursor:
            row = cursor.execute(SQL["next"]).fetchone()
        return None if row is None or row[0] is None else datetime.fromtimestamp(row[0], UTC)

    def _ring(self, ring: Ring, now: datetime) -> bool:
        """Do what the row asks for; return False where it is too early for that."""
        if ring.what == SILENCE:
            return self._state_silence(ring, now)
        if ring.what == NOT_ALERTED:
            self._alert(ring, now)
        elif ring.what == ERASE:
            self._erase(ring, now)
        elif ring.what == SAID_AGAIN:
            content_id, _, silent = ring.subject.partition(" ")
            with self._node.store.transaction() as cursor:
                silences.say_again(cursor, ring.case, content_id, silent, now)
        else:
            with self._node.store.transaction() as cursor:
                code = CODES.get(ring.what, ring.what)
                # A breach happens once: where the clocks are built again, a person need not look at it again.
                if code != BREACH or not was_acknowledged(cursor, code, ring.case, ring.subject):
                    raise_alarm(cursor, code, ring.case, ring.subject, now)
        return True

    def _state_silence(self, ring: Ring, now: datetime) -> bool:
        """State that no decision came, once a person here has been warned for a day; partners' clocks warn them too."""
        with self._node.store.reading() as cursor:
            warned = [
                alarm.since
                for alarm in standing_alarms(cursor, ring.case)
                if (alarm.code, alarm.subject) == (CODES["answer"], ring.subject)
            ]
        if not warned or now < warned[0] + AFTER_WARNING:
            return False
        case = self._node.case(ring.case)
        if case is None:
            return True
        history = History(case, self._node.procedure)
        waiting = [
            one for one in history.standing.at(now).overdue if (one.what, one.subject) == ("answer", ring.subject)
        ]
        for deadline in waiting:
            body = Silence(ring.case, ring.subject, deadline.until, warned[0])
            try:
                silences.state(self._node, case, body, _silent(self._node, history, deadline), now)
            except Conflict:
                return False  # the case has changed meanwhile; the answer may be there
        return True

    def _alert(self, ring: Ring, now: datetime) -> None:
        """Nobody has confirmed the arrival: alarm a person here, and tell all members unless another node has."""
        with self._node.store.transaction() as cursor:
            raise_alarm(cursor, NOT_ALERTED, ring.case, ring.subject, now)
        case = self._node.case(ring.case)
        if case is None or self._alerted(case, ring):
            return
        act = {"itinerary": ring.subject, "raised_by": "timer", "hypotheses": ["unknown"], "level": 2}
        intent = Intent(ALERT, act, function="arrival-officer", priority="emergency")
        key = f"timer {ring.case} {ring.subject} {seconds(ring.until)}"
        with suppress(NotNow, NotMember, RuleBroken, ReasonMissing):
            # The alarm stands here; a message that the case does not allow is not sent by a timer. Whatever else
            # stops it (a disk, a key) is no answer to who waits at the airport: it is tried again.
            self._desk.send(ring.case, intent, key=key, principal="timer")

    def _alerted(self, case: Case, ring: Ring) -> bool:
        """Say whether an alert about this arrival is in the case already; one of the two clocks may be wrong."""
        since = ring.until - GRACE - OTHERS_WAIT * MOST_WAITS
        return any(
            entry.content.kind == ALERT
            and entry.content.act.get("itinerary") == ring.subject
            and max(entry.content.sent_at, entry.recorded_at) >= since
            for entry in case.entries.values()
        )

    def _erase(self, ring: Ring, now: datetime) -> None:
        """Destroy what a withdrawal shut: here if it names us; elsewhere its holder is asked to."""
        agency = ring.subject.split(":")[0]
        if agency == self._node.agency:
            self._erase_here(ring.case, now)
            return
        with self._node.store.transaction() as cursor:
            ids = sorted(to_erase(self._node, ring.case, agency))
            self._erasures.ask(cursor, ring.case, agency, ids)

    def _erase_here(self, case_id: str, now: datetime) -> None:
        """Erase; where a command or a page of the inbox has changed the case meanwhile, look at it again."""
        for left in reversed(range(TRIES)):
            case = self._node.case(case_id)
            try:
                if case is not None:
                    erase_shut(self._node, case, now)
            except Conflict:
                if not left:
                    raise
            else:
                return


def _silent(node: Node, history: History, deadline: Deadline) -> list[str]:
    """Return of whose silence about a message of ours nothing was stated yet."""
    entry = history.entry(deadline.subject)
    if entry is None or not entry.ours:
        return []
    # Who has not decided on an invitation yet is no carrier, and the deadline names nobody.
    asked = [one.agency for one in entry.content.audience if one.agency in deadline.waits_for or not deadline.waits_for]
    return [one for one in asked if history.case.silence(deadline.subject, node.agency, one) is None]


def erase_shut(node: Node, case: Case, now: datetime) -> int:
    """Erase every section that a withdrawal shuts to us; return how many. The messages and their verdicts stay."""
    history = History(case, node.procedure)
    pairs = [
        (entry.content.id, commitment)
        for entry in case.entries.values()
        if not entry.ours
        for commitment, section in open_sections(node, case, entry)
        if section is None or history.withdrawn(entry, section, node.agency)
    ]
    pairs = [pair for pair in pairs if pair not in case.erased]
    node.vault.erase_sections(pairs)
    # The keys are destroyed. If we stop here the clock rings again and the erasures are recorded then.
    for content_id, commitment in pairs:
        case.erase_section(content_id, commitment, Erased("consent_withdrawn", "timer", now))
    if pairs:
        node.store.save(case)
    return len(pairs)


def _row(case: str, what: str, subject: str, until: int) -> dict[str, object]:
    return {"case_id": case, "what": what, "subject": subject, "until": until}


def _forget(cursor: Cursor) -> None:
    cursor.execute(SQL["forget"])
