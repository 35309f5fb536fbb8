from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from eventsourcing.domain import AggregateEvent
from eventsourcing.utils import register_topic
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parcels import NOON, Parcel, case_of, opened_event, stamped_event
from referral.store.errors import EventNotStorable, StoredEventRefused
from referral.store.mapper import Erased, SealingMapper, only_event
from referral.vault.errors import CaseErased

if TYPE_CHECKING:
    from referral.store.mapper import Row
    from referral.vault import Vault


class Weighed(AggregateEvent):
    """An event in its second shape."""

    TOPIC = "parcel/weighed/1"
    class_version = 2
    grams: int

    @staticmethod
    def upcast_v1_v2(fields: dict[str, Any]) -> None:
        """Weights were in kilograms once."""
        fields["grams"] = fields.pop("kilograms") * 1000


register_topic(Weighed.TOPIC, Weighed)


class Nameless(AggregateEvent):
    """An event without a topic."""

    note: str


class Imported(AggregateEvent):
    """An event under an import path."""

    TOPIC = "parcels:Parcel"


class Doubled(Weighed):
    """An event under the topic of another."""


def weighed(grams: int) -> Any:
    fields: dict[str, Any] = {"grams": grams}
    return Weighed(UUID(int=1), 1, NOON, **fields)


@pytest.fixture
def mapper(vault: Vault) -> SealingMapper:
    vault.open_cases([case_of(1), case_of(2)])
    return SealingMapper(vault)


@pytest.fixture
def rows(mapper: SealingMapper) -> list[Row]:
    found: list[Row] = []
    for number in (1, 2):
        parcel = Parcel.make(number, f"parcel {number}")
        parcel.stamp(b"red")
        parcel.stamp(("blue", 2))
        found += mapper.rows(parcel.collect_events())
    return found


def refusal(mapper: SealingMapper, row: Row) -> StoredEventRefused:
    (found,) = mapper.read([row])
    assert isinstance(found, StoredEventRefused)
    return found


def sealed(vault: Vault, text: bytes, topic: str, version: int = 1) -> Row:
    fields = len(text).to_bytes(4, "big") + text
    place = UUID(int=1).bytes + version.to_bytes(8, "big") + topic.encode()
    return (UUID(int=1).bytes, version, topic, vault.seal(case_of(1), place, fields))


def test_events_come_back_from_their_rows_in_their_order(mapper: SealingMapper, rows: list[Row]) -> None:
    mixed = [rows[3], rows[0], rows[4], rows[1]]

    assert mapper.read(mixed) == [
        opened_event(2, "parcel 2"),
        opened_event(1, "parcel 1"),
        stamped_event(2, 2, b"red"),
        stamped_event(1, 2, b"red"),
    ]


def test_a_row_shows_id_version_and_topic_and_nothing_else(rows: list[Row]) -> None:
    originator, version, topic, state = rows[0]

    assert (originator, version, topic) == (UUID(int=1).bytes, 1, "parcel/opened/1")
    assert b"parcel 1" not in state
    assert b"label" not in state


def test_a_state_moved_to_another_history_version_or_topic_is_refused(mapper: SealingMapper, rows: list[Row]) -> None:
    originator, version, topic, state = rows[1]
    moved = [
        (rows[3][0], version, topic, state),
        (originator, version + 1, topic, state),
        (originator, version, "parcel/opened/1", state),
    ]

    assert {str(refusal(mapper, row)) for row in moved} == {
        (
            "A stored event cannot be read here; nothing was applied: compare with a backup and a partner's `sync`. "
            "It was changed or moved, or its key is gone."
        )
    }


def test_the_states_of_two_events_that_were_swapped_are_refused(mapper: SealingMapper, rows: list[Row]) -> None:
    swapped = [(*rows[1][:3], rows[2][3]), (*rows[2][:3], rows[1][3])]

    assert [type(found) for found in mapper.read(swapped)] == [StoredEventRefused] * 2


def test_every_flipped_bit_and_every_cut_is_refused(mapper: SealingMapper, rows: list[Row]) -> None:
    state = rows[0][3]
    flipped = [
        bytes([*state[:at], state[at] ^ 1 << bit, *state[at + 1 :]]) for at in range(len(state)) for bit in (0, 7)
    ]
    cut = [state[:length] for length in range(len(state))]
    found = mapper.read([(*rows[0][:3], broken) for broken in flipped + cut])

    assert {type(one) for one in found} == {StoredEventRefused}


def test_the_same_event_sealed_twice_shares_no_bytes_but_the_keys_name(mapper: SealingMapper) -> None:
    event = Parcel.make(1).pending_events[0]
    (first,), (second,) = mapper.rows([event]), mapper.rows([event])

    assert first[3][:9] == second[3][:9]
    assert first[3][9:25] != second[3][9:25]
    assert first[3][25:57] != second[3][25:57]
    assert first[3][57:73] != second[3][57:73]


def test_events_of_an_erased_case_read_as_erased_and_the_others_as_they_are(
    mapper: SealingMapper, rows: list[Row], vault: Vault
) -> None:
    vault.erase_case(case_of(1))
    found = mapper.read(rows)

    assert found[:3] == [
        Erased(UUID(int=1), 1, "parcel/opened/1"),
        Erased(UUID(int=1), 2, "parcel/stamped/1"),
        Erased(UUID(int=1), 3, "parcel/stamped/1"),
    ]
    assert found[4] == stamped_event(2, 2, b"red")
    with pytest.raises(CaseErased):
        only_event(found[0])


def test_an_event_whose_key_the_vault_never_had_is_refused(mapper: SealingMapper, rows: list[Row]) -> None:
    assert "its key is gone" in str(refusal(mapper, (UUID(int=3).bytes, *rows[0][1:])))


def test_an_older_shape_is_lifted(mapper: SealingMapper, vault: Vault) -> None:
    old = sealed(vault, b'{"timestamp":{"$t":"2026-03-01T12:00:00+00:00"},"kilograms":3}', "parcel/weighed/1")

    assert mapper.read([old]) == [weighed(3000)]


def test_the_newest_shape_says_which_it_is(mapper: SealingMapper) -> None:
    event = weighed(5)

    assert mapper.read(mapper.rows([event])) == [event]


def test_a_newer_shape_is_refused_and_not_guessed_at(mapper: SealingMapper, vault: Vault) -> None:
    for shape in (b"3", b"0", b'"2"', b"true"):
        newer = sealed(vault, b'{"class_version":' + shape + b',"grams":3}', "parcel/weighed/1")
        assert "start that release" in str(refusal(mapper, newer))


def test_a_field_that_the_class_does_not_know_is_kept(mapper: SealingMapper, vault: Vault) -> None:
    fields = b'{"timestamp":{"$t":"2026-03-01T12:00:00+00:00"},"stamp":"red","ink":{"$u":["later"]}}'
    (event,) = mapper.read([sealed(vault, fields, "parcel/stamped/1", 2)])
    (again,) = mapper.rows([only_event(event)])
    place = UUID(int=1).bytes + (2).to_bytes(8, "big") + b"parcel/stamped/1"

    assert vault.open(case_of(1), place, again[3])[4:] == fields


@pytest.mark.parametrize(
    "topic", ["parcel/lost/1", "os:system", "parcels:Parcel", "parcel", "../x/1", "case/opened/01"]
)
def test_a_topic_that_nobody_declared_is_refused_and_nothing_is_imported(
    mapper: SealingMapper, vault: Vault, topic: str
) -> None:
    assert "knows no event of its topic" in str(refusal(mapper, sealed(vault, b"{}", topic)))


@pytest.mark.parametrize(
    ("event_class", "fields"), [(Nameless, {"note": "x"}), (Imported, {}), (Doubled, {"grams": 1})]
)
def test_an_event_without_a_topic_of_its_own_is_not_stored(
    mapper: SealingMapper, event_class: type[AggregateEvent], fields: dict[str, Any]
) -> None:
    with pytest.raises(EventNotStorable, match=event_class.__name__):
        mapper.rows([event_class(UUID(int=1), 1, NOON, **fields)])


def test_the_library_takes_the_same_rows(mapper: SealingMapper, rows: list[Row]) -> None:
    event = only_event(mapper.read([rows[1]])[0])
    stored = mapper.to_stored_event(event)

    assert (stored.originator_id, stored.originator_version, stored.topic) == (UUID(int=1), 2, "parcel/stamped/1")
    assert mapper.to_domain_event(stored) == event


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.binary(max_size=300), st.integers(1, 2**63 - 1), st.text(st.characters(codec="utf-8"), max_size=60))
def test_every_event_comes_back_from_its_row(mapper: SealingMapper, stamp: bytes, version: int, note: str) -> None:
    event = stamped_event(1, version, {note: [stamp, (note,)]})

    assert mapper.read(mapper.rows([event])) == [event]
