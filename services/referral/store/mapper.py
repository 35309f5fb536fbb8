"""Domain events and the rows that they are stored as: the one file that knows both.

A row is (originator id, version, topic, state). Its state is the event's other fields as JSON (transcoding.py), sealed
under the key of its case for exactly this originator, version and topic: moved anywhere else it does not open.
Topics are the explicit ones of the classes (`case/message-sent/1`), never import paths, and hold nothing personal.
An older shape is lifted by the class (`class_version`, `upcast_v1_v2`); a field that the class does not know is kept;
a newer shape is refused, never guessed at.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeAlias
from uuid import UUID

from eventsourcing.domain import CanMutateAggregate
from eventsourcing.persistence import Mapper, StoredEvent, Transcoder
from eventsourcing.utils import TopicError, resolve_topic

from contracts.encoding import b64
from referral.store.errors import EventNotStorable, StoredEventRefused
from referral.store.transcoding import decode, encode
from referral.vault.errors import CaseErased, SealRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

Event: TypeAlias = CanMutateAggregate[UUID]
Row: TypeAlias = tuple[bytes, int, str, bytes]

_TOPIC: Final = re.compile(r"[a-z][a-z0-9-]*/[a-z][a-z0-9-]*/[1-9][0-9]*")


class Erased(NamedTuple):
    """What is left to read of an event whose case was erased."""

    originator_id: UUID
    originator_version: int
    topic: str


class Sealer(Protocol):
    """What the mapper asks of the vault."""

    def seal_each(self, items: Sequence[tuple[str, bytes, bytes]]) -> list[bytes]:
        """Seal (case, aad, plain)."""

    def open_each(self, items: Sequence[tuple[str, bytes, bytes]]) -> list[bytes | SealRefused | CaseErased]:
        """Open (case, aad, sealed)."""


class FieldTranscoder(Transcoder):
    """`transcoding.py` in the form that the library asks for."""

    def encode(self, obj: Any) -> bytes:
        """Return an event's fields as JSON."""
        return encode(obj)

    def decode(self, data: bytes) -> Any:
        """Return the fields again."""
        return decode(data)


class SealingMapper(Mapper[UUID]):
    """Turns events into sealed rows and back."""

    def __init__(self, vault: Sealer) -> None:
        """Seal and open by `vault`."""
        super().__init__(FieldTranscoder())
        self._vault = vault
        self._classes: dict[str, type[Event]] = {}
        self._topics: dict[type[Event], str] = {}

    def rows(self, events: Sequence[Event]) -> list[Row]:
        """Return the rows of `events`, in their order; the keys of their cases are there already."""
        heads = [(event.originator_id.bytes, event.originator_version, self._topic(type(event))) for event in events]
        items = [(b64(head[0]), _aad(*head), _state(event)) for head, event in zip(heads, events, strict=True)]
        return [(*head, state) for head, state in zip(heads, self._vault.seal_each(items), strict=True)]

    def read(self, rows: Sequence[Row]) -> list[Event | Erased | StoredEventRefused]:
        """Return what each row holds, in their order: its event, that its case was erased, or why it is refused."""
        names = {originator: (UUID(bytes=originator), b64(originator)) for originator in {row[0] for row in rows}}
        items = [(names[row[0]][1], _aad(row[0], row[1], row[2]), row[3]) for row in rows]
        opened = self._vault.open_each(items)
        return [self._found(names[row[0]][0], row, plain) for row, plain in zip(rows, opened, strict=True)]

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        """Return one event as the library stores it."""
        ((_originator, version, topic, state),) = self.rows([domain_event])
        return StoredEvent(domain_event.originator_id, version, topic, state)

    def to_domain_event(self, stored_event: StoredEvent) -> Event:
        """Return one event as the library reads it; `CaseErased` or `StoredEventRefused`."""
        if not isinstance(stored_event.originator_id, UUID):
            raise StoredEventRefused("Its id is no UUID.")
        row = (
            stored_event.originator_id.bytes,
            stored_event.originator_version,
            stored_event.topic,
            stored_event.state,
        )
        return only_event(self.read([row])[0])

    def _found(
        self, identity: UUID, row: Row, plain: bytes | SealRefused | CaseErased
    ) -> Event | Erased | StoredEventRefused:
        topic = row[2]
        if not isinstance(plain, bytes):
            if isinstance(plain, CaseErased):
                return Erased(identity, row[1], topic)
            return StoredEventRefused("It was changed or moved, or its key is gone.")
        try:
            event_class = self._classes.get(topic) or self._class(topic)
            fields = _lifted(event_class, decode(plain))
        except StoredEventRefused as refusal:
            return refusal
        fields["originator_id"] = identity
        fields["originator_version"] = row[1]
        event = object.__new__(event_class)
        object.__setattr__(event, "__dict__", fields)
        return event

    def _topic(self, event_class: type[Event]) -> str:
        topic = self._topics.get(event_class)
        if topic is None:
            topic = getattr(event_class, "TOPIC", "")
            if not _TOPIC.fullmatch(topic):
                raise EventNotStorable(f"`{event_class.__qualname__}` has no topic of the form case/message-sent/1.")
            if self._class(topic) is not event_class:
                raise EventNotStorable(f"`{event_class.__qualname__}` shares the topic of another class.")
            self._topics[event_class] = topic
        return topic

    def _class(self, topic: str) -> type[Event]:
        return self._classes.setdefault(topic, _registered(topic))


def only_event(found: Event | Erased | StoredEventRefused) -> Event:
    """Return the event, or raise `CaseErased` or the refusal."""
    if isinstance(found, Erased):
        raise CaseErased
    if isinstance(found, StoredEventRefused):
        raise found
    return found


def _registered(topic: str) -> type[Event]:
    """Return the class that a module has declared for `topic`; a topic is matched first, so that it never imports."""
    if _TOPIC.fullmatch(topic):
        try:
            event_class = resolve_topic(topic)
        except TopicError:
            event_class = None
        if isinstance(event_class, type) and issubclass(event_class, CanMutateAggregate):
            return event_class
    raise StoredEventRefused("This release knows no event of its topic: start the release that wrote it.")


def _state(event: Event) -> bytes:
    fields = dict(vars(event))
    del fields["originator_id"], fields["originator_version"]
    shape = getattr(type(event), "class_version", 1)
    if shape > 1:
        fields["class_version"] = shape
    return encode(fields)


def _lifted(event_class: type[Event], fields: dict[str, Any]) -> dict[str, Any]:
    newest = getattr(event_class, "class_version", 1)
    if newest == 1 and "class_version" not in fields:
        return fields
    shape = fields.pop("class_version", 1)
    if type(shape) is not int or not 1 <= shape <= newest:
        raise StoredEventRefused("A newer release wrote it: start that release.")
    for step in range(shape, newest):
        getattr(event_class, f"upcast_v{step}_v{step + 1}")(fields)
    return fields


def _aad(originator: bytes, version: int, topic: str) -> bytes:
    return originator + version.to_bytes(8, "big") + topic.encode()
