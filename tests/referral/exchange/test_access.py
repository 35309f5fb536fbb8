"""What a broker must hold for a network, and what is said of each thing that differs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from referral.exchange.access import BROKER_SETTINGS, Difference, Held, Kind, Right, Topic, Wanted, differences, wanted
from referral.exchange.provision import topic_config
from small_network import network

if TYPE_CHECKING:
    from contracts.directory import Directory


@pytest.fixture(scope="module")
def directory() -> Directory:
    return network().directory()


def must_of(directory: Directory, by_certificate: frozenset[str] = frozenset()) -> Wanted:
    return wanted(directory, by_certificate, frozenset({"admin"}), replicas=3, in_sync=2)


def as_it_must_be(must: Wanted) -> Held:
    topics = {topic: Topic(1, must.replicas, dict(must.config)) for topic in must.inboxes.values()}
    return Held(topics, must.users | {"admin"}, must.rights, dict(BROKER_SETTINGS))


def test_each_agency_reads_its_own_inbox_and_writes_to_all_others(directory: Directory) -> None:
    must = must_of(directory)
    names = sorted(must.inboxes)

    assert names == sorted(directory.agencies)
    assert len(must.rights) == len(names) ** 2
    for name in names:
        own = {right.name for right in must.rights if right.principal == f"User:{name}" and right.operation == "read"}
        partners = {
            right.name for right in must.rights if right.principal == f"User:{name}" and right.operation == "write"
        }
        assert own == {must.inboxes[name]}
        assert partners == set(must.inboxes.values()) - own


def test_a_broker_that_holds_all_of_it_differs_in_nothing(directory: Directory) -> None:
    must = must_of(directory)
    assert differences(must, as_it_must_be(must)) == []


def test_a_suspended_agency_has_no_right_and_nobody_writes_to_it(directory: Directory) -> None:
    name = min(directory.agencies)
    gone = replace(directory, agencies={**directory.agencies, name: replace(directory.agencies[name], suspended=True)})
    before, must = must_of(directory), must_of(gone)
    topic = directory.agencies[name].capabilities.topic

    assert not [right for right in must.rights if right.principal == f"User:{name}" or right.name == topic]
    found = differences(must, as_it_must_be(before))
    assert {one.kind for one in found} == {Kind.RIGHT_EXTRA, Kind.USER_EXTRA}
    assert [one.of for one in found if one.kind is Kind.USER_EXTRA] == [name]


def test_an_empty_broker_lacks_everything_and_each_line_says_what_to_do(directory: Directory) -> None:
    must = must_of(directory)
    found = differences(must, Held())

    counted = {kind: sum(one.kind is kind for one in found) for kind in Kind}
    count = len(must.inboxes)
    assert counted[Kind.TOPIC_MISSING] == counted[Kind.USER_MISSING] == count
    assert counted[Kind.RIGHT_MISSING] == count**2
    assert counted[Kind.BROKER_SETTING] == len(BROKER_SETTINGS)
    assert all(one.do and one.found for one in found)


def only(must: Wanted, held: Held) -> Difference:
    (found,) = differences(must, held)
    return found


def test_each_thing_that_differs_is_found_alone(directory: Directory) -> None:
    must = must_of(directory)
    right = as_it_must_be(must)
    agency, topic = min(must.inboxes.items())
    inbox = right.topics[topic]

    def topics(changed: Topic) -> Held:
        return replace(right, topics={**right.topics, topic: changed})

    shorter = {**inbox.config, "retention.ms": "1"}
    assert only(must, topics(replace(inbox, config=shorter))).kind is Kind.TOPIC_SETTING
    assert only(must, topics(replace(inbox, partitions=2))).kind is Kind.TOPIC_SHAPE
    assert only(must, topics(replace(inbox, replicas=1))).kind is Kind.TOPIC_SHAPE
    assert only(must, replace(right, users=right.users - {agency})).of == agency
    assert only(must, replace(right, users=right.users | {"mallory"})).kind is Kind.USER_EXTRA
    lost = Right(f"User:{agency}", "read", topic)
    assert only(must, replace(right, rights=right.rights - {lost})).of == lost
    assert only(must, replace(right, settings={**right.settings, "auto.create.topics.enable": "true"})).kind is (
        Kind.BROKER_SETTING
    )


EXTRA = [
    Right("User:be-fp", "write", "in.ownown"),
    Right("User:be-fp", "all", "in.", pattern="prefixed"),
    Right("User:be-fp", "read", "be-fp.", resource="group", pattern="prefixed"),
    Right("User:mallory", "read", "in.aaaaaaaaaaaaaaaaaaaaaaaaaa"),
    Right("User:mallory", "read", "*"),
    Right("User:mallory", "read", "i", pattern="prefixed"),
    Right("User:*", "describe", "kafka-cluster", resource="cluster"),
    Right("User:be-fp", "write", "in.x", permission="deny"),
]


@pytest.mark.parametrize("extra", EXTRA, ids=lambda one: one.text())
def test_a_right_that_touches_an_inbox_or_an_agency_and_is_not_meant_is_found(
    directory: Directory, extra: Right
) -> None:
    must = must_of(directory)
    held = as_it_must_be(must)
    mine = replace(extra, principal=extra.principal.replace("be-fp", min(must.inboxes)))

    found = only(must, replace(held, rights=held.rights | {mine}))

    assert (found.kind, found.of) == (Kind.RIGHT_EXTRA, mine)
    assert "--remove" in found.do


def test_rights_of_other_programs_on_the_same_broker_are_let_be(directory: Directory) -> None:
    must = must_of(directory)
    held = as_it_must_be(must)
    others = {Right("User:billing", "read", "invoices"), Right("User:billing", "read", "billing", resource="group")}
    assert differences(must, replace(held, rights=held.rights | others)) == []


def test_an_agency_with_a_certificate_needs_no_password_and_must_not_have_one(directory: Directory) -> None:
    name = min(directory.agencies)
    must = must_of(directory, frozenset({name}))
    held = as_it_must_be(must)

    assert differences(must, held) == []
    assert "logs in by certificate" in only(must, replace(held, users=held.users | {name})).found


def test_an_inbox_loses_nothing_to_an_unclean_leader_or_to_compaction(directory: Directory) -> None:
    assert must_of(directory).config == topic_config(2)
