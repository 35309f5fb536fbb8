"""Partners' messages, in: read what is behind our position, open and verify, store a whole batch in one transaction.

The transaction holds the messages, what was refused or parked, what is owed for it, and the position: the offset and
the hash of the last record read. So a record that was read is never read to no effect, and R1 goes out only after the
commit that holds the content (it follows from the event). Duplicates are decided by content id, never by offset. On
every start the record at the position is read again: another one means that the broker was reset or rolled back; then
everything is read from the earliest record, what waits is sent again, and all partners are asked to compare. One node
reads its inbox, by the store's lock; no consumer groups (reliability.md 3).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from contracts.encoding import b64
from referral.exchange.alarms import raise_alarm
from referral.exchange.batch import Batch
from referral.exchange.broker import PositionLost
from referral.exchange.certain import BROKER, keep_outside
from referral.exchange.deliveries import SQL, seconds
from referral.exchange.parking import NOT_NAMED, Parked, end_alarms, is_awaited, parked
from referral.exchange.position import START, Position, Reset, verify_position
from referral.store import Tracking
from referral.store.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from referral.exchange.broker import Broker, Record
    from referral.node import Node

LIMIT: Final = 128
PARKED_AT_ONCE: Final = 32
TRIES: Final = 5
PARTITION: Final = 0
BROKER_RESET: Final = "broker-reset"


class Inbox:
    """Reads this agency's topic; `turn` says how many records it took."""

    def __init__(self, node: Node, broker: Broker) -> None:
        """Read for `node` from `broker`; nothing is read before the first turn."""
        self._node = node
        self._broker = broker
        self._topic = node.me.capabilities.topic
        self._position: Position | None = None
        self._ahead: Sequence[Record] = ()
        self.begun_anew = False
        self.behind = False  # the last page was full: more has come than was read

    def forget_position(self) -> None:
        """The connection was lost: verify the position before reading on."""
        self._position = None
        self._ahead = ()

    async def turn(self) -> int:
        """Store one batch of what has come; return how many records it held."""
        if self._position is None:
            await self._assign()
        records, self._ahead = self._ahead or await self._read(0.0), ()
        self.behind = len(records) == LIMIT
        if not records:
            return 0
        batch = self._store(records)
        self._position = Position.of(records[-1])
        return len(records) + sum(self._invited(case) for case in sorted(batch.stored_in))

    async def listen(self, wait: float) -> int:
        """Return once something came, or after `wait` seconds; how many records there are for the next turn.

        Nothing is stored here, so that a node that listens can do everything else meanwhile.
        """
        position = self._position
        if position is None or self._ahead:
            return len(self._ahead)
        records = await self._read(wait)
        # What was read behind a position that was lost meanwhile is not of the log that is read from now on.
        if self._position is position:
            self._ahead = records
        return len(self._ahead)

    async def _read(self, wait: float) -> Sequence[Record]:
        position = self._position or START
        try:
            return await self._broker.read(self._topic, PARTITION, position.offset, LIMIT, wait=wait)
        except PositionLost:
            self.forget_position()
            return ()

    async def _assign(self) -> None:
        """Stand where the store says, or at the start of a new incarnation of the log."""
        position = self._stored()
        verdict = await verify_position(self._broker, self._topic, PARTITION, position)
        if isinstance(verdict, Reset):
            self._begin_anew(verdict)
            position = START
        self._position = position

    def _name(self) -> str:
        """Return the name under which the position is kept: topic, partition, incarnation."""
        with self._node.store.reading() as cursor:
            row = cursor.execute(SQL["incarnation"], {"topic": self._topic}).fetchone()
        return f"kafka:{self._topic}:{PARTITION}:{row[0] if row else 0}"

    def _stored(self) -> Position:
        found = self._node.store.tracking(self._name())
        return START if found is None else Position(found[0], b64(found[1]))

    def _begin_anew(self, reset: Reset) -> None:
        now = seconds(self._node.now())
        with self._node.store.transaction() as cursor:
            cursor.execute(SQL["next_incarnation"], {"topic": self._topic})
            cursor.execute(SQL["resend_all"], {"now": now})
            raise_alarm(cursor, BROKER_RESET, "", reset.why, self._node.now())
        self.begun_anew = True
        # The new incarnation is recorded. If we stop here the next start reads it from its first record.

    def _store(self, records: Sequence[Record]) -> Batch:
        """Store a batch, and the time that the broker wrote over it."""

        def fill(batch: Batch) -> None:
            for record in records:
                batch.take(record.value)
            latest = max(record.at for record in records)
            batch.write(lambda cursor: keep_outside(cursor, BROKER, latest, batch.now))

        return self._save(fill, Tracking.of(self._name(), records[-1].offset, records[-1].value))

    def _invited(self, case: str) -> int:
        """Judge what waited for our invitation into a case, once it is there; return how much that was."""
        with self._node.store.reading() as cursor:
            awaited = is_awaited(cursor, NOT_NAMED, case)
        history = self._node.history(case) if awaited else None
        invited = history is not None and history.includes(self._node.agency)
        return self.retry_parked(NOT_NAMED, case) if invited else 0

    def _save(self, fill: Callable[[Batch], None], tracking: Tracking | None) -> Batch:
        """Judge and save; where a command has changed a case meanwhile, judge again."""
        for left in reversed(range(TRIES)):
            batch = Batch(self._node)
            fill(batch)
            try:
                batch.save(tracking)
            except Conflict:
                if not left:
                    raise
            else:
                return batch
        raise AssertionError  # the loop returns or raises

    def retry_parked(self, reason: str = "", case: str = "", first_kept: date | None = None) -> int:
        """Try what is parked once more, all of it or for this reason and case; return how many wait no longer.

        `first_kept` is the first day whose epoch key outlasts this round: what only an older one opens is let go.
        """
        judged, after = 0, 0
        while rows := self._parked(after, reason, case):
            after = rows[-1].row
            judged += self._save(partial(_try_again, rows, first_kept), None).judged
        if judged:
            with self._node.store.transaction() as cursor:
                end_alarms(cursor, self._node.now())
        return judged

    def let_go(self, first_kept: date) -> int:
        """Judge what is parked for the last time that it can be opened, before the keys of earlier days go."""
        return self.retry_parked(first_kept=first_kept)

    def _parked(self, after: int, reason: str, case: str) -> list[Parked]:
        with self._node.store.reading() as cursor:
            return parked(cursor, after, reason, case, PARKED_AT_ONCE)


def _try_again(rows: Sequence[Parked], first_kept: date | None, batch: Batch) -> None:
    for row in rows:
        batch.retry(row, first_kept)
