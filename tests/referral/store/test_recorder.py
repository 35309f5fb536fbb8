from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from eventsourcing.application import AggregateNotFoundError, Repository
from eventsourcing.persistence import EventStore, IntegrityError, StoredEvent

from parcels import Parcel, case_of
from referral.store import recorder
from referral.store.errors import StoreUnavailable
from referral.store.mapper import SealingMapper
from referral.store.recorder import Recorder
from referral.store.sqlite import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from referral.vault import Vault


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Recorder]:
    database = Database(tmp_path / "events.sqlite", 0x4C465431, 1, recorder.MAKE)
    yield Recorder(database)
    database.close()


def events(number: int, *versions: int, topic: str = "parcel/stamped/1") -> list[StoredEvent]:
    return [StoredEvent(UUID(int=number), version, topic, b"state") for version in versions]


def test_the_library_runs_on_it_whatever_the_environment_says(
    table: Recorder, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PERSISTENCE_MODULE", "SQLITE_DBNAME", "CIPHER_KEY", "CIPHER_TOPIC", "MAPPER_TOPIC"):
        monkeypatch.setitem(os.environ, name, "something.else:entirely")
    vault.open_case(case_of(1))
    store = EventStore(SealingMapper(vault), table)
    repository = Repository(store)
    parcel = Parcel.make(1)
    parcel.stamp("red")
    recordings = store.put(parcel.collect_events())

    assert [recording.notification.id for recording in recordings] == [1, 2]
    found: Parcel = repository.get(UUID(int=1))
    assert (found.stamps, found.version) == (["red"], 2)
    with pytest.raises(AggregateNotFoundError):
        repository.get(UUID(int=2))


def test_positions_are_told_and_a_version_is_taken_once(table: Recorder) -> None:
    assert table.max_notification_id() is None
    assert list(table.insert_events([])) == []
    assert list(table.insert_events(events(1, 1, 2))) == [1, 2]
    with pytest.raises(IntegrityError):
        table.insert_events(events(2, 1) + events(1, 2))
    assert list(table.insert_events(events(2, 1))) == [3]
    assert table.max_notification_id() == 3


def test_a_history_is_read_in_parts_from_both_ends(table: Recorder) -> None:
    table.insert_events(events(1, 1, 2, 3, 4) + events(2, 1))

    def versions(**bounds: Any) -> list[int]:
        return [event.originator_version for event in table.select_events(UUID(int=1), **bounds)]

    assert versions() == [1, 2, 3, 4]
    assert versions(gt=1, lte=3) == [2, 3]
    assert versions(desc=True, limit=2) == [4, 3]
    assert versions(limit=0) == []
    assert [event.originator_id for event in table.select_events(UUID(int=2).hex)] == [UUID(int=2)]


def test_the_sequence_is_read_in_parts(table: Recorder) -> None:
    table.insert_events(events(1, 1, topic="parcel/opened/1") + events(1, 2, 3))

    assert [found.id for found in table.select_notifications(None, 9)] == [1, 2, 3]
    assert [found.id for found in table.select_notifications(2, 9)] == [2, 3]
    assert [found.id for found in table.select_notifications(2, 9, inclusive_of_start=False)] == [3]
    assert [found.id for found in table.select_notifications(1, 9, stop=2)] == [1, 2]
    assert [found.id for found in table.select_notifications(1, 9, topics=["parcel/opened/1"])] == [1]
    assert [found.id for found in table.select_notifications(1, 1)] == [1]


def test_a_subscription_gives_what_was_there_and_what_comes(table: Recorder) -> None:
    table.insert_events(events(1, 1))
    with table.subscribe(gt=0) as growing:
        assert next(growing).id == 1
        writer = threading.Thread(target=table.insert_events, args=(events(1, 2, 3),))
        writer.start()
        assert [next(growing).id, next(growing).id] == [2, 3]
        writer.join()
    assert table.on_append == []


def test_a_subscription_ends_with_the_file(tmp_path: Path) -> None:
    database = Database(tmp_path / "events.sqlite", 0x4C465431, 1, recorder.MAKE)
    table = Recorder(database)
    database.close()
    with pytest.raises(StoreUnavailable), table.subscribe(gt=0) as growing:
        next(growing)
