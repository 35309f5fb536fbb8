"""What a broker must hold for a network, and in what it differs: topics, users, rights; pure, from the directory alone.

Each active agency has one inbox, which it alone reads and every other active agency may write to, and a user of its
name: of SCRAM-SHA-512, or the common name of its certificate. Nothing else is allowed to it. Looked at is what could
touch an inbox or an agency: rights on topics by any pattern, rights of agencies on anything, every user that can log in
and is no operator, and the settings of the broker that would make all of it worthless.

A difference says what to do. Most are put right by `provision`; what would take something away from somebody waits
until the operator says `--remove`, and what no request can mend says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from referral.exchange.provision import topic_config

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from contracts.directory import Directory

EVERYBODY: Final = "User:*"
INBOX: Final = "in."
PARTITIONS: Final = 1
READ, WRITE = "read", "write"
# What a broker must say of itself, or no right is worth anything. It does not tell `allow.everyone.if.no.acl.found`.
BROKER_SETTINGS: Final[Mapping[str, str]] = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "auto.create.topics.enable": "false",
}

MAKE: Final = "referral broker provision"
TAKE: Final = "if nobody needs it: referral broker provision --remove"


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One line of the broker's list of rights: who may (or may not: `deny`) do what on which resource, from where."""

    principal: str
    operation: str
    name: str
    resource: str = "topic"
    pattern: str = "literal"
    permission: str = "allow"
    host: str = "*"

    def text(self) -> str:
        """Return it as people read it."""
        who = self.principal.removeprefix("User:")
        verb = "may" if self.permission == "allow" else "may not"
        how = "" if self.pattern == "literal" else f" ({self.pattern})"
        where = "" if self.host == "*" else f" from {self.host}"
        return f"{who} {verb} {self.operation} {self.resource} {self.name}{how}{where}"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as a broker has it."""

    partitions: int
    replicas: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a broker must hold: inboxes by agency, who logs in by password, rights, copies, settings of an inbox.

    `operators` are users of people who run the broker, which it does not tell. On a Kafka of this machine without TLS
    (`loopback`) nobody logs in, so that there are inboxes alone.
    """

    inboxes: Mapping[str, str]
    users: frozenset[str]
    rights: frozenset[Right]
    replicas: int
    config: Mapping[str, str]
    operators: frozenset[str] = frozenset()
    loopback: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """What a broker holds of it."""

    topics: Mapping[str, Topic] = field(default_factory=dict)
    users: frozenset[str] = frozenset()
    rights: frozenset[Right] = frozenset()
    settings: Mapping[str, str] = field(default_factory=dict)


class Kind(StrEnum):
    """In what a broker can differ."""

    BROKER_SETTING = "broker-setting"
    TOPIC_MISSING = "topic-missing"
    TOPIC_SHAPE = "topic-shape"
    TOPIC_SETTING = "topic-setting"
    USER_MISSING = "user-missing"
    USER_EXTRA = "user-extra"
    RIGHT_MISSING = "right-missing"
    RIGHT_EXTRA = "right-extra"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it must be: what was found, and what to do; `of` is the topic, user or right."""

    kind: Kind
    of: str | Right
    found: str
    do: str

    def line(self) -> str:
        """Return it as people read it."""
        return f"{self.kind}: {self.found} - {self.do}"


def wanted(
    directory: Directory, by_certificate: frozenset[str], operators: frozenset[str], *, replicas: int, in_sync: int
) -> Wanted:
    """Return what a broker must hold for the agencies that are active in `directory`.

    Those of `by_certificate` have no password.
    """
    active = {name: one for name, one in directory.agencies.items() if one.active and one.declared is not None}
    inboxes = {name: one.capabilities.topic for name, one in active.items()}
    own = {Right(f"User:{name}", READ, topic) for name, topic in inboxes.items()}
    partners = {
        Right(f"User:{name}", WRITE, topic) for name in inboxes for owner, topic in inboxes.items() if owner != name
    }
    users, rights = frozenset(inboxes) - by_certificate, frozenset(own | partners)
    return Wanted(inboxes, users, rights, replicas, topic_config(in_sync), operators)


def differences(must: Wanted, held: Held) -> list[Difference]:
    """Return in what a broker differs from what it must hold: none for a broker that is as it must be."""
    if must.loopback:
        return list(_of_topics(must, held))
    return [*_of_broker(held), *_of_topics(must, held), *_of_users(must, held), *_of_rights(must, held)]


def _of_broker(held: Held) -> Iterator[Difference]:
    for name, value in BROKER_SETTINGS.items():
        said = held.settings.get(name, "nothing")
        if said != value:
            do = f"set {name}={value} in the broker's file and start it again"
            yield Difference(Kind.BROKER_SETTING, name, f"the broker says {name}={said}", do)


def _of_topics(must: Wanted, held: Held) -> Iterator[Difference]:
    for agency, topic in sorted(must.inboxes.items()):
        there = held.topics.get(topic)
        if there is None:
            yield Difference(Kind.TOPIC_MISSING, topic, f"there is no inbox {topic} of {agency}", MAKE)
            continue
        if there.partitions != PARTITIONS:
            found = f"inbox {topic} of {agency} has {there.partitions} partitions, and a node reads one"
            do = "delete it with kafka-topics.sh once it was read, then referral broker provision"
            yield Difference(Kind.TOPIC_SHAPE, topic, found, do)
        if there.replicas != must.replicas:
            found = f"inbox {topic} of {agency} has {there.replicas} copies instead of {must.replicas}"
            yield Difference(Kind.TOPIC_SHAPE, topic, found, "move it with kafka-reassign-partitions.sh")
        for name, value in must.config.items():
            said = there.config.get(name, "nothing")
            if said != value:
                found = f"inbox {topic} of {agency} has {name}={said} instead of {value}"
                yield Difference(Kind.TOPIC_SETTING, topic, found, MAKE)


def _of_users(must: Wanted, held: Held) -> Iterator[Difference]:
    for user in sorted(must.users - held.users):
        yield Difference(Kind.USER_MISSING, user, f"agency {user} has no user", MAKE)
    for user in sorted(held.users - must.users - must.operators):
        known = "logs in by certificate" if user in must.inboxes else "is no active agency of this network"
        yield Difference(Kind.USER_EXTRA, user, f"user {user} has a password and {known}", TAKE)


def _of_rights(must: Wanted, held: Held) -> Iterator[Difference]:
    for right in sorted(must.rights - held.rights):
        yield Difference(Kind.RIGHT_MISSING, right, f"not allowed: {right.text()}", MAKE)
    for right in sorted(held.rights - must.rights):
        if _concerns_us(right, must):
            yield Difference(Kind.RIGHT_EXTRA, right, f"not in the directory: {right.text()}", TAKE)


def _concerns_us(right: Right, must: Wanted) -> bool:
    """Say whether a right touches an inbox or an agency; those of other programs on the same broker are let be."""
    if right.principal == EVERYBODY or right.principal.removeprefix("User:") in must.inboxes:
        return True
    if right.resource != "topic":
        return False
    if right.pattern == "prefixed":
        return right.name.startswith(INBOX) or INBOX.startswith(right.name)
    return right.name == "*" or right.name.startswith(INBOX)
