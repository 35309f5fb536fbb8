"""What is due, overdue and expiring at a moment: time is an argument, no message says "it is late".

- An answer: a content with `respond_by` waits for what the table says answers it (`[[reply]]`; nothing said:
  anything) of an agency of its audience, with the content in its past.
- A voice: a hold or a veto waits for its owner while the owner's content still holds the register.
- A limit holds to 12:00Z of the next day.
- A closed case waits for no answer, no voice and no limit: there is nothing that they would hold up. The voices stand
  as they are ("expiry never lowers a voice"), and whoever opens the case again has their times as they were. Only a
  journey goes on: nobody closes an arrival.
- A timer: "a node that reads the arrival time alarms at its time; a node without it at 12:00Z of the second day after
  step 5's `sent_at`". Arrival times stand in sections, so they are an argument too: the reader passes the time of the
  last section that names one, since "only an update with a *new* arrival time moves a timer".

Source: standing.md 3, `standing.at(now)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from contracts.encoding import moved
from contracts.procedure.carry import codes_match
from contracts.standing.history import History, bits
from contracts.standing.judgement import limit_ends

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from contracts.standing.past import Past

EXPIRING: Final = timedelta(days=7)
_BLIND_TIMER_DAYS: Final = 2
_NOON: Final = time(12, tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class Deadline:
    """A moment that somebody is waited for: `what` is answer, voice, limit or arrival.

    `subject` is the content id (answer, voice), the register (limit) or the itinerary (arrival); `waits_for` are the
    agencies that can end it, sorted.
    """

    until: datetime
    what: str
    subject: str
    waits_for: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clock:
    """What a moment makes of a standing: each list is sorted, the earliest first."""

    due: tuple[Deadline, ...]
    overdue: tuple[Deadline, ...]
    expiring: tuple[Deadline, ...]


def clock_at(whole: Past, now: datetime, arrivals: Mapping[str, datetime]) -> Clock:
    """Return what is due (not yet), overdue (past), and expiring (a limit that ends within seven days)."""
    closed = whole.value("case") == "closed"
    owed = () if closed else (*_answers(whole), *_voices(whole))
    waiting = sorted((*owed, *_timers(whole, arrivals)))
    limits = () if closed else tuple(sorted(_limits(whole)))
    return Clock(
        due=tuple(one for one in waiting if now <= one.until),
        overdue=tuple(sorted(one for one in (*waiting, *limits) if one.until < now)),
        expiring=tuple(one for one in limits if now <= one.until <= now + EXPIRING),
    )


def _answers(whole: Past) -> Iterator[Deadline]:
    history = whole.history
    for at in bits(history.acting & ~whole.overtaken):
        until = history.deadline(at)
        asked = history.messages[at]
        if until is not None and history.outcomes[at].days is None and not _answered(history, at):
            awaited = whole.carriers() & {agency for agency, _ in asked.audience}
            yield Deadline(until, "answer", asked.id, tuple(sorted(awaited)))


def _answered(history: History, question: int) -> bool:
    asked = history.messages[question]
    replies = history.procedure.replies_to(asked.kind, asked.act)
    for agency, _ in asked.audience:
        for at in bits(history.by_sender.get(agency, 0) & history.acting):
            said = history.messages[at]
            fits = not replies or any(one.kind == said.kind and codes_match(one.act, said.act) for one in replies)
            if fits and history.within(question, at):
                return True
    return False


def _voices(whole: Past) -> Iterator[Deadline]:
    """Yield the voices whose owner owes a word: "14 days for a hold or veto unless it says less"."""
    history = whole.history
    for at in bits(history.acting):
        outcome, until = whole.outcome(at), history.deadline(at)
        if outcome.days is not None and until is not None:
            standing = [name for name in outcome.sets if not name.startswith("limit:") and at in whole.tips(name)]
            if standing:
                owner = standing[0].split(":")[1] if ":" in standing[0] else history.messages[at].sender
                yield Deadline(until, "voice", history.messages[at].id, (owner,))


def _limits(whole: Past) -> Iterator[Deadline]:
    for register, day in whole.voices("limit").items():
        owner = register.split(":")[-1]
        waits_for = (owner,) if owner in whole.members else ()
        yield Deadline(limit_ends(day), "limit", register, waits_for)


def _timers(whole: Past, arrivals: Mapping[str, datetime]) -> Iterator[Deadline]:
    """Yield the timers of the journeys that nobody has ended: departed, or overdue by an earlier alarm."""
    history = whole.history
    departed: dict[str, datetime] = {}
    for at in bits(history.departures):
        itinerary = whole.outcome(at).against
        sent = history.messages[at].sent_at
        departed[itinerary] = max(sent, departed.get(itinerary, sent))
    on_the_way = history.procedure.travelling[:-1]  # the last one, not_arrived, is what a person has said: no timer
    for itinerary, sent in departed.items():
        if whole.value(f"travel:{itinerary}") in on_the_way:
            blind = moved(datetime.combine(sent.astimezone(UTC).date(), _NOON), timedelta(days=_BLIND_TIMER_DAYS))
            yield Deadline(arrivals.get(itinerary, blind), "arrival", itinerary, (whole.responsible,))
