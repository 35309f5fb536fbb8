"""The work of a node between commands: read the inbox, follow events, ring clocks, publish, prove; in turns.

A turn does what can be done now and says how much; a turn that did nothing leaves the node quiet until something
comes, somebody commands, or a clock rings (`next_at`). Every part stands alone: the broker away delays neither clocks
nor proofs, the notary away delays nothing else (reliability.md I8). Nothing is kept in memory that a crash could
lose.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog

from contracts.refusal import Refusal
from referral import erasing
from referral.casework.case import Case
from referral.exchange import correspondence
from referral.exchange.alarms import end_alarm, raise_alarm, standing_alarms
from referral.exchange.broker import BrokerError
from referral.exchange.certain import EpochKeyLife
from referral.exchange.deliveries import SQL, Deliveries, seconds
from referral.exchange.erasures import A_DAY_AND_MORE, Erasures
from referral.exchange.gaps import Gaps
from referral.exchange.inbox import Inbox
from referral.exchange.outbox import Outbox
from referral.following.anchoring import Anchoring
from referral.following.clocks import Clocks
from referral.following.convictions import FOLDER as CONVICTIONS
from referral.following.follower import Follower, Followers
from referral.following.log_views import LogViews
from referral.following.mirror import Mirror
from referral.following.overtaken import Overtaken
from referral.following.proofs import LogClient, NotaryAway
from referral.following.recovering import Recovering
from referral.following.rotation import Rotation
from referral.following.stated import StatementProofs
from referral.following.views import MESSAGES, Views
from referral.following.witnessing import Witnessing
from referral.room import Room
from referral.store import Stored, Unreadable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from referral.desk import Desk
    from referral.exchange.broker import Broker
    from referral.node import Node

IDLE_SECONDS: Final = 0.5
AWAY_SECONDS: Final = 2.0
BROKER_AWAY: Final = "broker-away"
NOTARY_AWAY: Final = "notary-away"
EPOCH_KEYS_ENDING: Final = "epoch-keys-ending"
CASE_BEHIND: Final = "case-behind"
EVERY_DAY: Final = timedelta(days=1)
KEYS_ENDING: Final = timedelta(days=5)
LOOK_FIRST: Final = timedelta(minutes=10)

log = structlog.get_logger()


class Worker:
    """All followers and both sides of the exchange of one node."""

    def __init__(self, node: Node, desk: Desk, broker: Broker, notary: LogClient | None, proofs: Path) -> None:
        """Work for `node`: through `broker`, with proofs from `notary` (none: nothing is logged) in `proofs`."""
        self._node = node
        self._broker = broker
        self._notary = notary
        self.recovering = Recovering(node, proofs.parent)
        self.room = Room(node)
        self.paused = False
        self.inbox = Inbox(node, broker)
        self.outbox = Outbox(node, broker)
        self.key_life = EpochKeyLife(node, self.inbox.let_go)
        self.gaps = Gaps(node)
        convictions = proofs.with_name(CONVICTIONS)
        self.mirror = Mirror(node, notary, convictions)
        self.log_views = LogViews(node, convictions, follows=notary is not None)
        self.rotation = Rotation(node, notary)
        self.erasures = Erasures(node)
        self.clocks = Clocks(node, desk, self.erasures)
        self.witnessing = Witnessing(node, proofs, notary)
        self.stated = StatementProofs(node, proofs, notary)
        self.anchoring = Anchoring(node, proofs, notary)
        self.views = Views(node)
        self.deliveries = deliveries = Deliveries(node)
        sending = Follower(deliveries.name, deliveries.topics, deliveries.apply, deliveries.clear)
        self.followers = (
            sending,
            Follower(self.gaps.name, self.gaps.topics, self.gaps.apply),
            self.clocks.follower,
            self.witnessing.follower,
            self.log_views.follower,
            self.anchoring.follower,
            *self.views.followers,
            Overtaken(node).follower,
        )
        self._sending, self._together = Followers([sending]), Followers(self.followers)
        self.broker_away = False
        self.broker_says = ""  # what is wrong and what to do, while it is away
        self.notary_away = False
        self.turns_failed = 0
        self._steps = self.mirror.steps
        self._noted: dict[str, bool] = {}
        self._behind_since: datetime | None = None
        self._behind: set[tuple[str, str]] | None = None  # the cases that stand still, None before the first look
        self._day: datetime | None = None
        self._listening: asyncio.Future[Any] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def turn(self) -> int:
        """Do what can be done now; return how much that was, 0 when the node is quiet."""
        return await self._work() + await self._with_notary()

    async def _work(self) -> int:
        """Do what can be done without the notary."""
        done = self._daily() + self._stepped() + self.recovering.turn()
        self.paused = not self.room.takes_more()
        if not self._is_listening() and not self.paused:
            heard, self._listening = self._listening, None
            if heard is not None:
                await heard
            done += await self._with_broker(self.inbox.turn)
        done += self.key_life.turn()  # after the inbox: its records say how late it is
        if self.inbox.begun_anew:
            self.inbox.begun_anew = False
            self.erasures.ask_all_again()
            done += self._sync(self._node.now())
        # Messages and receipts go out before anything else is looked at.
        done += self._sending.catch_up(self._node.store)
        done += await self._with_broker(self.outbox.turn, asks=False)
        done += self.follow()
        if self._knows_what_came():
            done += self.clocks.turn() + self.deliveries.turn()
        done += self.erasures.turn()
        done += self.log_views.turn()
        done += self.gaps.ask(self._node.now())
        return done

    def _knows_what_came(self) -> bool:
        """Say whether the inbox was read: a node that was down must not alarm about what lies in it, answered.

        After ten minutes of reading it rings all the same: nobody can keep its clocks from ringing by what he sends.
        """
        now = self._node.now()
        if not self.inbox.behind:
            self._behind_since = None
            return True
        self._behind_since = self._behind_since or now
        return not self._behind_since <= now < self._behind_since + LOOK_FIRST

    @property
    def followers_looked_at(self) -> float:
        """Return when the followers read on last, by a clock that counts seconds and never goes back."""
        return self._together.looked_at

    def follow(self) -> int:
        """Let every follower read on to the end, and tell a person of a case in which one stands still."""
        done = self._together.catch_up(self._node.store)
        behind = self._together.parked(self._node.store)
        if behind != self._behind:
            with self._node.store.transaction() as cursor:
                for alarm in standing_alarms(cursor):
                    if alarm.code == CASE_BEHIND and (alarm.case, alarm.subject) not in behind:
                        end_alarm(cursor, CASE_BEHIND, alarm.case, alarm.subject, self._node.now())
                for case, follower in sorted(behind):
                    raise_alarm(cursor, CASE_BEHIND, case, follower, self._node.now())
            self._behind = behind
        return done

    def next_at(self) -> datetime | None:
        """Return when something is due here next if nobody speaks: a copy, a question, a clock, the daily round."""
        names = ["next_gap_at", "next_alarm_at"]
        if not self.outbox.is_stopped():
            names.append("next_delivery_at")
        with self._node.store.reading() as cursor:
            rows = [cursor.execute(SQL[name]).fetchone() for name in names]
            rows.append(cursor.execute(correspondence.ERASURES["next_erasure_at"]).fetchone())
        found = [datetime.fromtimestamp(row[0], UTC) for row in rows if row is not None and row[0] is not None]
        rooms = (self.clocks, self.log_views, self.recovering)
        found += [at for at in (room.next_at() for room in rooms) if at is not None]
        return min([*found, self._next_day()])

    def _next_day(self) -> datetime:
        today = self._node.now().astimezone(UTC).date()
        return datetime.combine(today + EVERY_DAY, time(), UTC)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, waking at once for commands and records; the notary is asked beside it."""
        self.live_here()
        loop = asyncio.get_running_loop()
        awake = asyncio.Event()

        def wake(_position: int) -> None:
            loop.call_soon_threadsafe(awake.set)

        end = self._node.store.listen(wake)
        proving = asyncio.ensure_future(self._prove(stop))
        try:
            while not stop.is_set():
                awake.clear()
                if await self._attempt(self._work, stop) == 0:
                    await self._rest(awake, stop)
        finally:
            end()
            beside = [proving, *([self._listening] if self._listening is not None else [])]
            for one in beside:
                one.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            self._listening = None

    async def _attempt(self, work: Callable[[], Awaitable[int]], stop: asyncio.Event) -> int:
        """Do it; an error nobody foresaw is logged by its name, and it is done again after a pause."""
        try:
            return await work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the node goes on with everything else
            self.turns_failed += 1
            log.warning("turn-failed", error=type(error).__name__)
            self.inbox.forget_position()
            await _pause(stop, AWAY_SECONDS)
            return 0

    def live_here(self) -> None:
        """Remember the loop that takes the turns: others ask it for a look at the log."""
        self._loop = asyncio.get_running_loop()

    def look_at_log(self, seconds: float) -> None:
        """Look at the log now, from another thread than the worker's; return when it was seen, or after so long."""
        if self._loop is None or not self._loop.is_running():
            return
        looking = asyncio.run_coroutine_threadsafe(self.mirror.turn(wanted=True), self._loop)
        with contextlib.suppress(TimeoutError, concurrent.futures.TimeoutError, NotaryAway, Refusal):
            looking.result(seconds)

    async def _prove(self, stop: asyncio.Event) -> None:
        """Submit and prove, in a loop of its own: a notary that hangs delays no message."""
        while not stop.is_set():
            if await self._attempt(self._with_notary, stop) == 0:
                await _pause(stop, AWAY_SECONDS if self.notary_away else IDLE_SECONDS)

    async def _rest(self, awake: asyncio.Event, stop: asyncio.Event) -> None:
        """Wait for a command, a record, the end, or the next look at the clock, whatever comes first."""
        if not self._is_listening():
            listen = _pause(stop, AWAY_SECONDS) if self.broker_away or self.paused else self._with_broker(self._listen)
            self._listening = asyncio.ensure_future(listen)
        assert self._listening is not None  # noqa: S101 - it was begun
        told = [asyncio.ensure_future(one.wait()) for one in (awake, stop)]
        await asyncio.wait([*told, self._listening], return_when=asyncio.FIRST_COMPLETED)
        for one in told:
            one.cancel()

    async def _listen(self) -> int:
        return await self.inbox.listen(IDLE_SECONDS)

    def _is_listening(self) -> bool:
        """Say whether the inbox is being listened to: nothing has come that a turn could take."""
        return self._listening is not None and not self._listening.done()

    async def close(self) -> None:
        """Let go of broker and notary."""
        await self._broker.close()
        if self._notary is not None:
            await self._notary.close()

    # -- the world outside -------------------------------------------------------------------------------------------

    async def _with_broker(self, work: Callable[[], Awaitable[int]], *, asks: bool = True) -> int:
        """Do what needs the broker; work that `asks` nothing while there is nothing to do does not show it back."""
        try:
            done = await work()
        except BrokerError as away:
            self.inbox.forget_position()
            self.broker_away, self.broker_says = True, (type(away).__doc__ or "").partition("\n")[0]
            self._note(BROKER_AWAY, type(away).__name__, now_away=True)
            return 0
        if asks or done:
            self.broker_away, self.broker_says = False, ""
            self._note(BROKER_AWAY, "", now_away=False)
        return done

    async def _with_notary(self) -> int:
        try:
            done = await self.rotation.turn()
            done += await self.mirror.turn(wanted=done > 0 or self.witnessing.waiting() > 0)
            done += await self.witnessing.turn()
            done += await self.stated.turn()
            done += await self.anchoring.turn()
        except (NotaryAway, Refusal) as away:
            self.notary_away = True
            self._note(NOTARY_AWAY, type(away).__name__, now_away=True)
            return 0
        self.notary_away = False
        self._note(NOTARY_AWAY, "", now_away=False)
        return done

    def _note(self, code: str, why: str, *, now_away: bool) -> None:
        """Log and alarm when a neighbour goes or comes back, once each; its alarm may stand from before our start."""
        before = self._noted.get(code)
        if before == now_away:
            return
        self._noted[code] = now_away
        with self._node.store.transaction() as cursor:
            if now_away:
                raise_alarm(cursor, code, "", "", self._node.now())
            else:
                end_alarm(cursor, code, "", "", self._node.now())
        if now_away or before is not None:
            log.warning("neighbour", what=code, why=why or "back")

    def _stepped(self) -> int:
        """Try what is parked once more when the directory has stepped on."""
        if self._steps == self.mirror.steps:
            return 0
        self._steps = self.mirror.steps
        return self.inbox.retry_parked()

    # -- once a day --------------------------------------------------------------------------------------------------

    def _daily(self) -> int:
        """Try what is parked, wrap keys anew, tell partners what we hold; at the start and once a day."""
        now = self._node.now()
        if self._day is not None and self._day <= now < self._day + EVERY_DAY:
            return 0
        first, self._day = self._day is None, now
        erasing.resume(self._node)
        judged = self.inbox.retry_parked()
        self._node.vault.rewrap()
        if not first:
            self._collect_orphans()
        self._look_at_epoch_keys(now)
        self._together.try_again(self._node.store)
        with self._node.store.transaction() as cursor:
            for name in ("unstick_deliveries", "unstick_gaps"):
                cursor.execute(SQL[name], {"now": seconds(now)})
        self.erasures.ask_all_again(A_DAY_AND_MORE)
        return judged + (0 if first else self._sync(now))

    def _collect_orphans(self) -> None:
        """Destroy section keys that no event names, a week after they were made.

        The events say what is named, never a list: a list may be empty because it is being rebuilt.
        """
        store, position = self._node.store, 0
        known = set[str]()
        while position < store.last_position():
            page = store.page(position, topics=MESSAGES)
            if any(isinstance(item, Unreadable) for item in page.items):
                return  # what cannot be read may name a key: nothing is destroyed
            events = [item.event for item in page.items if isinstance(item, Stored)]
            known |= {one.content_id for one in events if isinstance(one, Case.MessageSent | Case.MessageReceived)}
            position = page.end
        self._node.vault.collect_orphans(known)

    def _look_at_epoch_keys(self, now: datetime) -> None:
        """Tell a person five days before a partner's published keys, or our own, end (reliability.md 2).

        Of partners to whom nobody has anything to write any more nothing is told.
        """
        last_day = now.astimezone(UTC).date() + KEYS_ENDING
        directory = self._node.directory
        with self._node.store.reading() as cursor:
            waiting = {row[0] for row in cursor.execute(SQL["waiting_recipients"]).fetchall()}
        wanted = (self.views.partners() | waiting) & directory.agencies.keys() | {self._node.agency}
        ending = {agency for agency in wanted if directory.epoch_key(agency, last_day) is None}
        with self._node.store.transaction() as cursor:
            for alarm in standing_alarms(cursor):
                if alarm.code == EPOCH_KEYS_ENDING and alarm.subject not in ending:
                    end_alarm(cursor, EPOCH_KEYS_ENDING, "", alarm.subject, now)
            for agency in sorted(ending):
                raise_alarm(cursor, EPOCH_KEYS_ENDING, "", agency, now)

    def _sync(self, now: datetime) -> int:
        """Owe each partner of a shared case our heads (standing.md 5)."""
        shared = self.views.shared_cases()
        with self._node.store.transaction() as cursor:
            for case, partner in shared:
                correspondence.owe(cursor, partner, correspondence.SYNC, [case], now)
                cursor.execute(SQL["synced"], {"agency": partner, "at": seconds(now)})
        return len(shared)


async def _pause(stop: asyncio.Event, how_long: float) -> int:
    """Wait for the end, at most `how_long` seconds."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), how_long)
    return 0
