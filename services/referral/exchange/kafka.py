"""Kafka behind the broker port: the only file that knows aiokafka, and where its traps are shut (kafka.md T1 to T4).

- *T1* After any exception from a send the producer is finished: it is stopped under a timeout and the next append makes
  a new one; the caller sends again what was not acknowledged.
- *T2* A topic that is missing or forbidden would be silence: each is asked about before its first use and after every
  failure, and every verb ends within `KafkaSettings.patience`.
- *T3* Offsets alone do not name a log: a reader whose connection was made anew says `BrokerAway`, and after that
  `position.verify_position` tells.
- *T4* A failed connection has its reason in the library's log alone: `BrokerAway` repeats it.

No consumer groups and no commits: who reads says from where. One consumer for each partition that is read, so that the
error of one hides nothing of another; a further one asks for offsets, since a waiting fetch holds its connection.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidReplicationFactorError,
    InvalidTopicError,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    OffsetOutOfRangeError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)

from referral.exchange import kafka_settings
from referral.exchange.broker import (
    BrokerAway,
    BrokerError,
    BrokerNotTrusted,
    ClosedUnanswered,
    LoginRefused,
    LogShorter,
    NotAllowed,
    Record,
    RecordsExpired,
    RecordTooLong,
    TlsRefused,
    TopicUnknown,
    check_lengths,
)
from referral.exchange.kafka_log import reasons, thin_out

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from referral.exchange.kafka_settings import KafkaSettings

STOP_LIMIT: Final = 10.0  # seconds: a producer with a batch that nobody takes would never stop
CLOSE_LIMIT: Final = 1.0  # seconds for clients that have nothing to flush: TLS waits for a frozen broker's farewell
TOO_FEW: Final = InvalidReplicationFactorError.errno  # brokers that are up, also while the only one starts
AGAIN: Final = 0.2  # seconds between two tries of an operator's request

log = structlog.get_logger()
# What the library's log says when a connection fails (T4), and what it means; the first that fits counts.
_MEANINGS: Final = (
    ("Sasl", LoginRefused),
    ("CERTIFICATE_VERIFY_FAILED", BrokerNotTrusted),
    ("[SSL", TlsRefused),
    ("ConnectionResetError", TlsRefused),  # it hung up in the middle of the handshake
    ("ConnectionAbortedError", TlsRefused),
    (" closed", ClosedUnanswered),
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MILLISECOND: Final = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


@dataclass(eq=False, slots=True)
class _Sender:
    """A producer, and the acknowledgements that it still owes."""

    producer: Any
    owed: set[asyncio.Future[Any]] = field(default_factory=set)

    async def send(self, topic: str, partition: int, records: Sequence[bytes]) -> None:
        """Send `records` in as few batches as they fit into and wait for the acknowledgement of all."""
        futures = []
        for batch in self._batches(records):
            future = await self.producer.send_batch(batch, topic, partition=partition)
            self.owed.add(future)
            future.add_done_callback(self.owed.discard)
            futures.append(future)
        await asyncio.wait(futures)  # not gather: a patience that ends must not cancel what is under way
        if any(future.cancelled() for future in futures):
            raise BrokerAway("The producer was cut off.")
        for error in filter(None, [future.exception() for future in futures]):
            raise error

    def _batches(self, records: Sequence[bytes]) -> list[Any]:
        batches = [self.producer.create_batch()]
        for record in records:
            if batches[-1].append(key=None, value=record, timestamp=None) is None:
                batches.append(self.producer.create_batch())
                batches[-1].append(key=None, value=record, timestamp=None)
        return batches

    async def stop(self, limit: float) -> None:
        """Flush and stop; after `limit` seconds cut it off: the outbox still has what it held."""
        if await _ended(self.producer.stop(), self.producer.client, limit):
            return
        # Its sender would go on for ever and send stale batches one day; nothing public ends it.
        await _ended(self.producer._sender.close(), self.producer.client)  # noqa: SLF001 - see above
        for future in list(self.owed):
            future.cancel()
        await _ended(self.producer.client.close(), self.producer.client)


@dataclass(eq=False, slots=True)
class _Reader:
    """The consumer of one partition, and the offset that it gives next."""

    partition: TopicPartition
    consumer: Any = None
    next: int = -1
    lines: dict[Any, Any] = field(default_factory=dict)  # the connection to each node
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def seek(self, settings: KafkaSettings, offset: int) -> None:
        """Have the consumer give the record at `offset` next."""
        if self.consumer is None:
            self.consumer = await _started(AIOKafkaConsumer(**kafka_settings.consumer(settings)))
            self.consumer.assign([self.partition])
            self.next = -1
            self.lines = {}
        if self.next != offset:
            self.consumer.seek(self.partition, offset)
            self.next = offset

    async def take(self, limit: int, wait: float) -> list[Record]:
        """Return what has come, waiting up to `wait` seconds for a first record.

        The library heals a lost connection in silence, but the log may have been rolled back meanwhile and have grown
        past us (T3): that is `BrokerAway`, so that the caller verifies its position.
        """
        found = await self.consumer.getmany(self.partition, timeout_ms=round(wait * 1000), max_records=limit)
        lines = dict(self.consumer._client._conns)  # noqa: SLF001 - nothing public tells of a new connection
        if any(self.lines.get(node, line) is not line for node, line in lines.items()):
            raise BrokerAway("The connection was lost and made anew.")
        self.lines |= lines
        records = [_record(one) for one in found.get(self.partition, ())]
        if records:
            self.next = records[-1].offset + 1
        return records

    async def stop(self) -> None:
        """Let the consumer go; the next read makes a new one."""
        consumer, self.consumer = self.consumer, None
        if consumer is not None:
            await _ended(consumer.stop(), consumer._client)  # noqa: SLF001 - nothing public holds the connections


class KafkaBroker:
    """A `Broker` over Kafka 4.x. Nothing connects before the first verb, and a failed verb may be tried for ever."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._sender: _Sender | None = None
        self._looker: Any = None
        self._readers: dict[tuple[str, int], _Reader] = {}
        self._topics: dict[str, tuple[int, ...]] = {}
        self._starting = asyncio.Lock()
        self._turn = 0
        self._closed = False
        thin_out()

    async def append(self, topic: str, records: Sequence[bytes]) -> None:
        """Append `records` to one partition of `topic`; when this returns, all in-sync replicas hold them."""
        check_lengths(records)
        if not records:
            return
        async with self._bounded(topic):
            partitions = await self._partitions(topic)
            sender = await self._started_sender()
        self._turn += 1
        try:
            async with self._bounded(topic):
                await sender.send(topic, partitions[self._turn % len(partitions)], records)
        except Exception:  # whatever it was, its sequence number is spent (T1)
            if self._sender is sender:
                self._sender = None
            await sender.stop(min(STOP_LIMIT, self._settings.patience))
            raise

    async def read(self, topic: str, partition: int, after: int, limit: int, *, wait: float = 0.0) -> Sequence[Record]:
        """Return at most `limit` records behind `after`, waiting up to `wait` seconds for a first one."""
        if limit < 1:
            return []
        reader = self._readers.setdefault((topic, partition), _Reader(TopicPartition(topic, partition)))
        async with reader.lock:
            try:
                async with self._bounded(topic, wait):
                    return await self._read(reader, after, limit, wait)
            except Exception:
                await reader.stop()
                raise

    async def end(self, topic: str, partition: int) -> int:
        """Return the offset of the next record to come."""
        async with self._bounded(topic):
            return (await self._look(TopicPartition(topic, partition), begin=False))[1]

    async def close(self) -> None:
        """Stop every client, each under a timeout."""
        self._closed = True
        sender, self._sender = self._sender, None
        if sender is not None:
            await sender.stop(min(STOP_LIMIT, self._settings.patience))
        for reader in self._readers.values():
            await reader.stop()
        await self._drop_looker()

    @asynccontextmanager
    async def _bounded(self, topic: str, wait: float = 0.0) -> AsyncIterator[None]:
        """End the block after our patience (and `wait`), and give what goes wrong in it a name."""
        if self._closed:
            raise BrokerAway("It was closed on our side.")
        with reasons() as heard:
            try:
                async with asyncio.timeout(self._settings.patience + wait):
                    yield
            except (KafkaError, OSError, TimeoutError) as error:
                self._topics.pop(topic, None)
                raise named(error, heard) from error

    async def _read(self, reader: _Reader, after: int, limit: int, wait: float) -> list[Record]:
        start = after + 1 if after >= 0 else (await self._look(reader.partition))[0]
        await self._partitions(reader.partition.topic, reader.partition.partition)
        try:
            await reader.seek(self._settings, start)
            found = await reader.take(limit, wait)
            if found:
                return found
            # Nothing came: the end of the log says whether nothing is there, or not yet, or not any more.
            end = (await self._look(reader.partition, begin=False))[1]
            if end == start:
                return []
            if end > start and (found := await reader.take(limit, self._settings.patience)):
                return found
        except OffsetOutOfRangeError:
            end = -1
        begin, end = await self._look(reader.partition)
        if start < begin:
            raise RecordsExpired(begin=begin, end=end)
        if start > end:
            raise LogShorter(begin=begin, end=end)
        raise TimeoutError

    async def _look(self, partition: TopicPartition, *, begin: bool = True) -> tuple[int, int]:
        """Return the offsets of the first record (-1 if not asked for) and of the next one to come."""
        await self._partitions(partition.topic, partition.partition)
        async with self._starting:
            if self._looker is None:
                self._looker = await _started(AIOKafkaConsumer(**kafka_settings.consumer(self._settings)))
            looker = self._looker
        try:
            first = (await looker.beginning_offsets([partition]))[partition] if begin else -1
            return first, (await looker.end_offsets([partition]))[partition]
        except BaseException:  # also when our patience ends: the connection may be half open
            if self._looker is looker:
                await self._drop_looker()
            raise

    async def _drop_looker(self) -> None:
        looker, self._looker = self._looker, None
        if looker is not None:
            await _ended(looker.stop(), looker._client)  # noqa: SLF001 - the same

    async def _started_sender(self) -> _Sender:
        async with self._starting:
            if self._sender is None:
                self._sender = _Sender(await _started(AIOKafkaProducer(**kafka_settings.producer(self._settings))))
            return self._sender

    async def _partitions(self, topic: str, needed: int = 0) -> tuple[int, ...]:
        """Return the partitions of `topic`, or raise what the broker says of it (T2)."""
        if topic not in self._topics:
            self._topics[topic] = await _described(self._settings, topic)
        if needed not in self._topics[topic]:
            raise TopicUnknown
        return self._topics[topic]


async def create_topics(
    settings: KafkaSettings, topics: Sequence[str], *, partitions: int, replicas: int, config: Mapping[str, str]
) -> None:
    """Create those of `topics` that are not there, for `provision`; an existing one stays as it is.

    While fewer brokers than `replicas` are up it tries again, until our patience ends.
    """
    wanted = [NewTopic(topic, partitions, replicas, topic_configs=dict(config)) for topic in topics]
    with reasons() as heard:
        try:
            async with asyncio.timeout(settings.patience), administrator(settings) as admin:
                while wanted:
                    answer = await admin.create_topics(wanted)
                    codes = {topic: code for topic, code, *_text in answer.topic_errors}  # it does not raise them
                    for code in set(codes.values()) - {0, TopicAlreadyExistsError.errno, TOO_FEW}:
                        raise for_code(code)
                    wanted = [topic for topic in wanted if codes[topic.name] == TOO_FEW]
                    await asyncio.sleep(AGAIN if wanted else 0)
        except (KafkaError, OSError, TimeoutError) as error:
            raise named(error, heard) from error


async def _described(settings: KafkaSettings, topic: str) -> tuple[int, ...]:
    async with administrator(settings) as admin:
        (found,) = await admin.describe_topics([topic])
    if found["error_code"]:
        raise for_code(found["error_code"])
    return tuple(sorted(one["partition"] for one in found["partitions"]))


@asynccontextmanager
async def administrator(settings: KafkaSettings) -> AsyncIterator[Any]:
    """Give the library's client for topics, settings and rights."""
    admin = AIOKafkaAdminClient(**kafka_settings.administrator(settings))
    try:
        await admin.start()
        yield admin
    finally:
        await _ended(admin.close(), admin._client)  # noqa: SLF001 - the same


async def _started(client: Any) -> Any:
    """Start `client`, or stop it: a client that failed to start keeps connections and tasks."""
    try:
        await client.start()
    except BaseException:
        inner = client.client if isinstance(client, AIOKafkaProducer) else client._client  # noqa: SLF001 - the same
        await _ended(client.stop(), inner)
        raise
    return client


async def _ended(work: Any, client: Any, limit: float = CLOSE_LIMIT) -> bool:
    """Wait for `work`, which only tidies up; if it fails, cut off the connections that `client` had, and say so.

    The library lets its own tasks' cancellation out of `stop` when a broker dies under it: it is awaited as a task, so
    that it cancels nobody here.
    """
    lines = [line._writer.transport for line in client._conns.values() if line._writer]  # noqa: SLF001 - the same
    ending = asyncio.ensure_future(work)
    try:
        await asyncio.wait([ending], timeout=limit)
        if not ending.done():
            ending.cancel()
            await asyncio.wait([ending], timeout=CLOSE_LIMIT)
    finally:
        ending.cancel()
    error = "TimeoutError" if not ending.done() or ending.cancelled() else _name(ending.exception())
    if error:
        log.warning("client-cut-off", error=error)
        for line in lines:
            line.abort()
    return not error


def _name(error: BaseException | None) -> str:
    return "" if error is None else type(error).__name__


def _record(one: Any) -> Record:
    """Return what the port shows of a record: whoever wrote it, no key, no headers, and a null value is no bytes."""
    moment = min(max(one.timestamp, 0), _LAST_MILLISECOND)
    return Record(one.offset, one.value or b"", _EPOCH + timedelta(milliseconds=moment))


def named(error: Exception, heard: Sequence[str]) -> BrokerError:
    """Return the port's name for what the library or the network raised."""
    match error:
        case TopicAuthorizationFailedError() | ClusterAuthorizationFailedError():
            return NotAllowed()
        case UnknownTopicOrPartitionError() | InvalidTopicError():
            return TopicUnknown()
        case MessageSizeTooLargeError():
            return RecordTooLong("The limit of the topic is lower than it should be.")
        case _:
            said = heard[-1] if heard else type(error).__name__
            known = (meaning for words, meaning in _MEANINGS if words in said)
            unheard = ClosedUnanswered if isinstance(error, KafkaConnectionError) and not heard else BrokerAway
            return next(known, unheard)(f"Reason: {said}.")
