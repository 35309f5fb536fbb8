"""Our messages, out: seal what is due for each recipient afresh, hand it to the broker, wait for the receipt.

A broker's acknowledgement changes the waiting time and nothing else (reliability.md 2). Urgent and newest cases go
first, inside a case in the order of our history. Nothing here is a queue: what is due is read from the deliveries and
from what is owed to partners, and a crash between the broker and the note of it sends a copy more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from contracts import node_statement
from contracts.directory import NotDeclared, UnknownAgency
from contracts.envelope import EnvelopeTooLarge, seal
from contracts.receipts import Receipts
from contracts.refusal import Refusal
from contracts.signing import MESSAGE, NODE_STATEMENT
from referral.errors import CaseUnknown, MessageUnknown
from referral.exchange import correspondence, recovery
from referral.exchange.alarms import end_alarm, raise_alarm
from referral.exchange.broker import BrokerError, NotAllowed, TopicUnknown
from referral.exchange.deliveries import SQL, pause_after, seconds
from referral.exchange.holdings import readable_by, shut_to
from referral.exchange.riders import Riders
from referral.following.anchoring import to_log

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from contracts.content import Erased, Section
    from referral.casework.history import History
    from referral.exchange.broker import Broker
    from referral.node import Node
    from referral.store import Cursor

Due = tuple[str, str, str, int, int]  # content id, recipient, case, version, copies

BATCH: Final = 64
log = structlog.get_logger()
NO_KEY_PAUSE: Final = 3600  # seconds until a recipient without a key for today is looked at again
RECOVERING_PAUSE: Final = 300  # seconds until a case that waits for its partners is looked at again
NO_EPOCH_KEY: Final = "no-epoch-key"
NO_TOPIC: Final = "no-topic"
CANNOT_SEND: Final = "cannot-send"
NO_TOPIC_PAUSE: Final = 60  # seconds until a topic that is missing or forbidden is tried again


@dataclass(frozen=True, slots=True)
class Copy:
    """One sealed copy of a delivery, and the row it belongs to."""

    content_id: str
    recipient: str
    case: str
    copies: int
    topic: str
    envelope: bytes
    held_back: int


@dataclass(slots=True)
class Put:
    """What became of an append: whose topics took theirs, whose are missing or forbidden; the rest waits."""

    taken: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sealed for one recipient: a signed message or node statement, and the sections that go with it."""

    kind: int
    skid: str
    signature: bytes
    raw: bytes
    sections: tuple[Section | Erased, ...] = ()


class Outbox:
    """Publishes what is due; `turn` says how much went out."""

    def __init__(self, node: Node, broker: Broker) -> None:
        """Send for `node` through `broker`."""
        self._node = node
        self._riders = Riders(node)
        self._broker = broker
        self._were_away: dict[str, None] = {}  # recipients whose topic was away, the one that failed last at the end
        self._away: BrokerError | None = None

    async def turn(self) -> int:
        """Publish one batch of copies and one of node statements; return how many envelopes the broker took."""
        self._away = None
        if self.is_stopped():
            return 0
        done = await self._messages() + await self._statements()
        if self._away is not None:
            raise self._away
        return done

    def is_stopped(self) -> bool:
        """Say whether a copy of this node was found: nothing goes out then."""
        with self._node.store.reading() as cursor:
            return recovery.stopped(cursor) is not None

    async def _messages(self) -> int:
        now = self._node.now()
        with self._node.store.reading() as cursor:
            row = {"now": seconds(now), "limit": BATCH, "away": json.dumps(list(self._were_away))}
            rows = cursor.execute(SQL["due_deliveries"], row).fetchall()
        rows = self._sendable(rows, now)
        read: dict[str, History] = {}
        copies = [copy for row in rows if (copy := self._copy(row, now, read)) is not None]
        put = await self._append((copy.recipient, copy.topic, copy.envelope) for copy in copies)
        # The broker holds the copies. If we stop here they go out again: the recipient knows them by their content id.
        if copies:
            with self._node.store.transaction() as cursor:
                for copy in copies:
                    self._note(cursor, copy, now, put)
        return sum(copy.recipient in put.taken for copy in copies)

    def _sendable(self, rows: list[Due], now: datetime) -> list[Due]:
        """Leave out what goes out in cases that wait for their partners after a restore; it is looked at again soon."""
        waits = recovery.held_back(self._node, (row[2] for row in rows))
        if waits:
            with self._node.store.transaction() as cursor:
                for content_id, recipient, case, *_ in rows:
                    if case in waits:
                        row = {"content_id": content_id, "recipient": recipient}
                        cursor.execute(SQL["postpone_delivery"], row | {"next_at": seconds(now) + RECOVERING_PAUSE})
        return [row for row in rows if row[2] not in waits]

    def _note(self, cursor: Cursor, copy: Copy, now: datetime, put: Put) -> None:
        row: dict[str, object] = {"content_id": copy.content_id, "recipient": copy.recipient}
        if copy.recipient in put.taken:
            pause = pause_after(copy.content_id, copy.recipient, copy.copies + 1)
            row |= {"now": seconds(now), "next_at": seconds(now) + pause, "held_back": copy.held_back}
            cursor.execute(SQL["copy_sent"], row)
            end_alarm(cursor, CANNOT_SEND, copy.case, f"{copy.content_id} {copy.recipient}", now)
            for code in (NO_EPOCH_KEY, NO_TOPIC):
                end_alarm(cursor, code, "", copy.recipient, now)
        elif copy.recipient in put.refused:
            cursor.execute(SQL["postpone_delivery"], row | {"next_at": seconds(now) + NO_TOPIC_PAUSE})
            raise_alarm(cursor, NO_TOPIC, "", copy.recipient, now)

    def _copy(self, row: Due, now: datetime, read: dict[str, History]) -> Copy | None:
        """Seal one copy; a recipient without a key for today waits, and a person is told."""
        content_id, recipient, case_id, _version, copies = row
        try:
            history = read.get(case_id) or read.setdefault(case_id, self._history(case_id))
            entry = history.entry(content_id)
            if entry is None:
                raise MessageUnknown
            sections = readable_by(self._node, history, entry, recipient)
            letter = Letter(MESSAGE, entry.skid, entry.signature, entry.content.raw, sections)
            topic, envelope = self._seal(recipient, letter, now)
            held_back = shut_to(self._node, history, entry, recipient) if sections else 0
        except Refusal as refused:
            keyless = isinstance(refused, NoEpochKey | UnknownAgency | NotDeclared)
            alarm = (NO_EPOCH_KEY, "", recipient) if keyless else (CANNOT_SEND, case_id, f"{content_id} {recipient}")
            self._postpone(content_id, recipient, now, alarm)
            return None
        return Copy(content_id, recipient, case_id, copies, topic, envelope, held_back)

    def _history(self, case_id: str) -> History:
        history = self._node.history(case_id)
        if history is None:
            raise CaseUnknown
        return history

    def _seal(self, recipient: str, letter: Letter, now: datetime) -> tuple[str, bytes]:
        """Return the recipient's topic and an envelope of the day; refuses where the directory gives no key."""
        agency = self._node.agency_named(recipient)
        key = self._node.directory.epoch_key(recipient, now.date())
        if key is None:
            raise NoEpochKey
        make = partial(
            seal,
            network=self._node.network.name,
            recipient=recipient,
            epoch_public=key,
            kind=letter.kind,
            skid=letter.skid,
            signature=letter.signature,
            content=letter.raw,
            sections=letter.sections,
            draw=self._node.draw,
        )
        try:
            return agency.capabilities.topic, make(riders=self._riders.for_partner(recipient, letter.skid))
        except EnvelopeTooLarge:
            return agency.capabilities.topic, make()  # riders only spare a wait: the log has them too

    def _postpone(self, content_id: str, recipient: str, now: datetime, alarm: tuple[str, str, str]) -> None:
        with self._node.store.transaction() as cursor:
            row = {"content_id": content_id, "recipient": recipient, "next_at": seconds(now) + NO_KEY_PAUSE}
            cursor.execute(SQL["postpone_delivery"], row)
            raise_alarm(cursor, *alarm, now)

    async def _statements(self) -> int:
        now = self._node.now()
        with self._node.store.reading() as cursor:
            waiting = correspondence.due(cursor, BATCH, self._were_away)
            made = self._bodies(cursor, waiting)
        sealed = {one: found for one in made if (found := self._statement(*one, now)) is not None}
        put = await self._append((recipient, *found[:2]) for (recipient, _), found in sealed.items())
        # The broker holds the statements. If we stop here they go out again: each is idempotent, and one for a topic
        # that is not there is let go, because its partner asks again. A receipt is logged by us then as it went out
        # last; its partner logs each copy that says something new.
        left = {recipient for recipient, _ in sealed} - put.taken - put.refused
        if waiting:
            with self._node.store.transaction() as cursor:
                for (recipient, said), (_, _, raw) in sealed.items():
                    if recipient in put.taken and isinstance(said, Receipts):
                        to_log(cursor, raw)
                for one in (one for one in waiting if one.recipient not in left):
                    cursor.execute(SQL["statement_sent"], {"id": one.row, "asked": one.asked})
        return sum(recipient in put.taken for recipient, _ in sealed)

    def _bodies(self, cursor: Cursor, waiting: list[correspondence.Due]) -> list[tuple[str, correspondence.Said]]:
        """Return what is to be said; where one thing cannot be said, the others are."""
        try:
            return list(correspondence.bodies(self._node, cursor, waiting))
        except Refusal:
            if len(waiting) == 1:
                log.warning("statement-failed", type=waiting[0].type)
                return []
        return [found for one in waiting for found in self._bodies(cursor, [one])]

    def _statement(self, recipient: str, said: correspondence.Said, now: datetime) -> tuple[str, bytes, bytes] | None:
        """Sign and seal a node statement, and return its bytes too.

        One that cannot be made, or for a partner without keys, is let go.
        """
        try:
            raw = said if isinstance(said, bytes) else self._compose(recipient, said, now)
            signed = self._node.sign(NODE_STATEMENT, raw)
            return *self._seal(recipient, Letter(NODE_STATEMENT, signed.skid, signed.signature, raw), now), raw
        except Refusal as refused:
            log.warning("statement-failed", error=type(refused).__name__)
            return None

    def _compose(self, recipient: str, body: node_statement.Body, now: datetime) -> bytes:
        return node_statement.compose(
            network=self._node.network.name,
            sender=self._node.agency,
            recipient=recipient,
            body=body,
            sent_at=now,
            salt=self._node.draw(32),
        )

    async def _append(self, envelopes: Iterable[tuple[str, str, bytes]]) -> Put:
        """Hand everything to the broker, one append for each recipient, in order; say whose topic took it.

        A topic that is missing or forbidden holds up nobody else. After a first one for which the broker is away the
        others are left for the next turn, in which all that were away come last, the one that failed last at the end.
        """
        letters: dict[tuple[str, str], list[bytes]] = {}
        for recipient, topic, envelope in envelopes:
            letters.setdefault((recipient, topic), []).append(envelope)
        last = {recipient: place for place, recipient in enumerate(self._were_away, start=1)}
        put = Put()
        for recipient, topic in sorted(letters, key=lambda letter: last.get(letter[0], 0)):
            self._were_away.pop(recipient, None)
            try:
                await self._broker.append(topic, letters[recipient, topic])
            except (TopicUnknown, NotAllowed):
                put.refused.add(recipient)
            except BrokerError as away:
                self._were_away[recipient] = None
                self._away = away
                break
            else:
                put.taken.add(recipient)
        return put


class NoEpochKey(Refusal):
    """The directory holds no key of this agency for today; it must publish keys ahead."""

    code = "no-epoch-key"
