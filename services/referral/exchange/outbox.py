"""Our messages, out: seal what is due for each recipient afresh, hand it to the broker, wait for the receipt.

A broker's acknowledgement changes the waiting time and nothing else (reliability.md 2). Urgent and newest cases go
first, inside a case in the order of our history. Nothing here is a queue: what is due is read from the deliveries and
from what is owed to partners, and a crash between the broker and the note of it sends a copy more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from contracts import node_statement
from contracts.envelope import seal
from contracts.refusal import Refusal
from contracts.signing import MESSAGE, NODE_STATEMENT
from referral.errors import CaseUnknown
from referral.exchange import correspondence
from referral.exchange.alarms import end_alarm, raise_alarm
from referral.exchange.broker import NotAllowed, TopicUnknown
from referral.exchange.deliveries import SQL, pause_after, seconds
from referral.exchange.holdings import readable_by

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from contracts.content import Erased, Section
    from referral.casework.history import History
    from referral.exchange.broker import Broker
    from referral.node import Node
    from referral.store import Cursor

BATCH: Final = 64
NO_KEY_PAUSE: Final = 3600  # seconds until a recipient without a key for today is looked at again
NO_EPOCH_KEY: Final = "no-epoch-key"
NO_TOPIC: Final = "no-topic"
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
        self._broker = broker

    async def turn(self) -> int:
        """Publish one batch of copies and one of node statements; return how many envelopes the broker took."""
        return await self._messages() + await self._statements()

    async def _messages(self) -> int:
        now = self._node.now()
        with self._node.store.reading() as cursor:
            rows = cursor.execute(SQL["due_deliveries"], {"now": seconds(now), "limit": BATCH}).fetchall()
        read: dict[str, History] = {}
        copies = [copy for row in rows if (copy := self._copy(row, now, read)) is not None]
        taken = await self._append((copy.topic, copy.envelope) for copy in copies)
        # The broker holds the copies. If we stop here they go out again: the recipient knows them by their content id.
        if copies:
            with self._node.store.transaction() as cursor:
                for copy in copies:
                    self._note(cursor, copy, now, taken=copy.topic in taken)
        return sum(copy.topic in taken for copy in copies)

    def _note(self, cursor: Cursor, copy: Copy, now: datetime, *, taken: bool) -> None:
        row: dict[str, object] = {"content_id": copy.content_id, "recipient": copy.recipient}
        if taken:
            pause = pause_after(copy.content_id, copy.recipient, copy.copies + 1)
            cursor.execute(SQL["copy_sent"], row | {"now": seconds(now), "next_at": seconds(now) + pause})
            for code in (NO_EPOCH_KEY, NO_TOPIC):
                end_alarm(cursor, code, "", copy.recipient, now)
        else:
            cursor.execute(SQL["postpone_delivery"], row | {"next_at": seconds(now) + NO_TOPIC_PAUSE})
            raise_alarm(cursor, NO_TOPIC, "", copy.recipient, now)

    def _copy(self, row: tuple[str, str, str, int, int], now: datetime, read: dict[str, History]) -> Copy | None:
        """Seal one copy; a recipient without a key for today waits, and a person is told."""
        content_id, recipient, case_id, _version, copies = row
        history = read.get(case_id) or read.setdefault(case_id, self._history(case_id))
        entry = history.entry(content_id)
        if entry is None:
            return None
        sections = readable_by(self._node, history, entry, recipient)
        letter = Letter(MESSAGE, entry.skid, entry.signature, entry.content.raw, sections)
        try:
            topic, envelope = self._seal(recipient, letter, now)
        except Refusal:
            self._postpone(content_id, recipient, now)
            return None
        return Copy(content_id, recipient, case_id, copies, topic, envelope)

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
        envelope = seal(
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
        return agency.capabilities.topic, envelope

    def _postpone(self, content_id: str, recipient: str, now: datetime) -> None:
        with self._node.store.transaction() as cursor:
            row = {"content_id": content_id, "recipient": recipient, "next_at": seconds(now) + NO_KEY_PAUSE}
            cursor.execute(SQL["postpone_delivery"], row)
            raise_alarm(cursor, NO_EPOCH_KEY, "", recipient, now)

    async def _statements(self) -> int:
        now = self._node.now()
        with self._node.store.reading() as cursor:
            waiting = correspondence.due(cursor, BATCH)
            made = list(correspondence.bodies(self._node, cursor, waiting))
        sealed = [made_up for recipient, body in made if (made_up := self._statement(recipient, body, now)) is not None]
        await self._append(sealed)
        # The broker holds the statements. If we stop here they go out again: each is idempotent, and one for a topic
        # that is not there is let go, because its partner asks again.
        if waiting:
            with self._node.store.transaction() as cursor:
                for one in waiting:
                    cursor.execute(SQL["statement_sent"], {"id": one.row})
        return len(sealed)

    def _statement(self, recipient: str, body: node_statement.Body, now: datetime) -> tuple[str, bytes] | None:
        """Sign and seal a node statement; one for a partner without keys is let go, it will ask again."""
        raw = node_statement.compose(
            network=self._node.network.name,
            sender=self._node.agency,
            recipient=recipient,
            body=body,
            sent_at=now,
            salt=self._node.draw(32),
        )
        signed = self._node.sign(NODE_STATEMENT, raw)
        try:
            return self._seal(recipient, Letter(NODE_STATEMENT, signed.skid, signed.signature, raw), now)
        except Refusal:
            return None

    async def _append(self, envelopes: Iterable[tuple[str, bytes]]) -> set[str]:
        """Hand everything to the broker, one append for each topic, in order; return the topics that took it.

        A topic that is missing or forbidden holds up nobody else; a broker that is away is the caller's to wait for.
        """
        by_topic: dict[str, list[bytes]] = {}
        for topic, envelope in envelopes:
            by_topic.setdefault(topic, []).append(envelope)
        taken = set[str]()
        for topic, batch in by_topic.items():
            try:
                await self._broker.append(topic, batch)
            except (TopicUnknown, NotAllowed):
                continue
            taken.add(topic)
        return taken


class NoEpochKey(Refusal):
    """The directory holds no key of this agency for today; it must publish keys ahead."""

    code = "no-epoch-key"
