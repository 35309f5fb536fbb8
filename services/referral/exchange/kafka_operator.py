"""What an operator asks of Kafka and changes in it: settings, topics, users of SCRAM, rights; no node needs this file.

The library's client for administrators has requests for topics and rights; those for users are two of Kafka's protocol
(APIs 50 and 51) that it lacks, and stand here. A password never crosses the wire: its salted hash does (RFC 5802).
Reading what is there and changing one thing are separate, so that whoever calls decides what is changed; each change
may be asked for again.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactBytes, CompactString, Int8, Int16, Int32, Schema, TaggedFields

from referral.exchange.access import BROKER_SETTINGS, Held, Right, Topic
from referral.exchange.kafka import administrator, create_topics, named
from referral.exchange.kafka_log import reasons
from referral.exchange.kafka_settings import LoopbackPlaintext

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from referral.exchange.kafka_settings import KafkaSettings

ANY: Final = 1  # in a filter: every resource, pattern, operation, permission
RESOURCES: Final = {2: "topic", 3: "group", 4: "cluster", 5: "transactional-id", 6: "delegation-token", 7: "user"}
PATTERNS: Final = {3: "literal", 4: "prefixed"}
OPERATIONS: Final = {2: "all", 3: "read", 4: "write", 5: "create", 6: "delete", 7: "alter", 8: "describe"}
PERMISSIONS: Final = {2: "deny", 3: "allow"}
OTHER_OPERATION: Final = "operation-"
SCRAM_SHA_512: Final = 2
ITERATIONS: Final = 8192
SALT: Final = 32  # bytes


class _Users(Response):
    API_KEY = 50
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("error_message", CompactString("utf-8")),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("infos", CompactArray(("mechanism", Int8), ("iterations", Int32), ("tags", TaggedFields))),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AskUsers(RequestStruct):
    FLEXIBLE_VERSION = True
    API_KEY = 50
    API_VERSION = 0
    RESPONSE_TYPE = _Users
    SCHEMA = Schema(
        ("users", CompactArray(("name", CompactString("utf-8")), ("tags", TaggedFields))), ("tags", TaggedFields)
    )


class _AskUsersRequest(Request[_AskUsers]):
    API_KEY = 50

    def build(self, request_struct_class: type[_AskUsers]) -> _AskUsers:
        return request_struct_class(None, {})


class _UsersChanged(Response):
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _ChangeUsers(RequestStruct):
    FLEXIBLE_VERSION = True
    API_KEY = 51
    API_VERSION = 0
    RESPONSE_TYPE = _UsersChanged
    SCHEMA = Schema(
        (
            "deletions",
            CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields)),
        ),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _ChangeUsersRequest(Request[_ChangeUsers]):
    API_KEY = 51

    def __init__(self, deletions: Sequence[Any], upsertions: Sequence[Any]) -> None:
        self._changes = deletions, upsertions

    def build(self, request_struct_class: type[_ChangeUsers]) -> _ChangeUsers:
        return request_struct_class(*self._changes, {})


class Operator:
    """An operator's connection to a broker; every verb raises a `BrokerError` that says what was wrong."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings

    async def look(self, inboxes: Iterable[str]) -> Held:
        """Return what the broker holds of `inboxes`, and all its users and rights; without TLS there are none."""
        async with self._asking() as admin:
            if isinstance(self._settings.security, LoopbackPlaintext):
                return Held(topics=await _topics(admin, sorted(inboxes)))
            return Held(
                topics=await _topics(admin, sorted(inboxes)),
                users=frozenset(await _users(admin)),
                rights=frozenset(await _rights(admin)),
                settings=await _broker_settings(admin),
            )

    async def make_topics(self, topics: Sequence[str], replicas: int, config: Mapping[str, str]) -> None:
        """Make inboxes of one partition."""
        await create_topics(self._settings, topics, partitions=1, replicas=replicas, config=config)

    async def set_topic(self, topic: str, config: Mapping[str, str]) -> None:
        """Give a topic these settings and no others of its own."""
        async with self._asking() as admin:
            resource = ConfigResource(ConfigResourceType.TOPIC, topic, dict(config))
            for answer in await admin.alter_configs([resource]):
                _check(code for code, *_ in answer.resources)

    async def set_password(self, user: str, password: str) -> None:
        """Make a user, or give it another password."""
        salt = secrets.token_bytes(SALT)
        salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
        await self._change_users([], [(user, SCRAM_SHA_512, ITERATIONS, salt, salted, {})])

    async def remove_user(self, user: str) -> None:
        """Take a user's password away; connections that it has last until they end."""
        await self._change_users([(user, SCRAM_SHA_512, {})], [])

    async def allow(self, right: Right) -> None:
        """Give a right."""
        async with self._asking() as admin:
            answer = await _send(admin, CreateAclsRequest(*_wire(right)))
            _check(code for code, _text in answer.creation_responses)

    async def forbid(self, right: Right) -> None:
        """Take a right away; one that is not there is none."""
        async with self._asking() as admin:
            answer = await _send(admin, DeleteAclsRequest(*_wire(right)))
            _check(code for code, *_ in answer.filter_responses)

    async def _change_users(self, deletions: Sequence[Any], upsertions: Sequence[Any]) -> None:
        async with self._asking() as admin:
            answer = await _send(admin, _ChangeUsersRequest(deletions, upsertions))
            _check(code for _user, code, *_ in answer.results)

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[Any]:
        with reasons() as heard:
            try:
                async with asyncio.timeout(self._settings.patience), administrator(self._settings) as admin:
                    yield admin
            except (KafkaError, OSError, TimeoutError) as error:
                raise named(error, heard) from error


async def _send(admin: Any, request: Any) -> Any:
    client = admin._client  # noqa: SLF001 - the administrator's client has no public way for these requests
    return await client.send(client.get_random_node(), request)


def _check(codes: Iterable[int]) -> None:
    """Raise the first error of an answer: the library leaves that to whoever asks."""
    for code in codes:
        if code:
            raise for_code(code)


async def _broker_settings(admin: Any) -> dict[str, str]:
    """Return what one broker says of the settings that rights stand on."""
    nodes = [broker.nodeId for broker in admin._client.cluster.brokers()]  # noqa: SLF001 - the same
    resource = ConfigResource(ConfigResourceType.BROKER, str(min(nodes)), dict.fromkeys(BROKER_SETTINGS))
    return _config(await admin.describe_configs([resource])).popitem()[1]


async def _topics(admin: Any, names: list[str]) -> dict[str, Topic]:
    """Return those of `names` that are there."""
    if not names:
        return {}
    described = [one for one in await admin.describe_topics(names) if not one["error_code"]]
    if not described:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, one["topic"]) for one in described]
    configs = _config(await admin.describe_configs(resources))
    found = {}
    for one in described:
        parts = one["partitions"]
        copies = min((len(part["replicas"]) for part in parts), default=0)
        found[one["topic"]] = Topic(len(parts), copies, configs.get(one["topic"], {}))
    return found


def _config(answers: Sequence[Any]) -> dict[str, dict[str, str]]:
    """Return settings by the name of what they are of."""
    found: dict[str, dict[str, str]] = {}
    for answer in answers:
        for code, _text, _type, name, entries in answer.resources:
            _check([code])
            found[name] = {entry[0]: entry[1] or "" for entry in entries}
    return found


async def _users(admin: Any) -> set[str]:
    answer = await _send(admin, _AskUsersRequest())
    _check([answer.error_code])
    return {user for user, _code, _text, infos, _tags in answer.results if infos}


async def _rights(admin: Any) -> list[Right]:
    answer = await _send(admin, DescribeAclsRequest(ANY, None, ANY, None, None, ANY, ANY))
    _check([answer.error_code])
    return [
        Right(
            principal=principal,
            operation=OPERATIONS.get(operation, f"{OTHER_OPERATION}{operation}"),
            name=name,
            resource=RESOURCES.get(resource, str(resource)),
            pattern=PATTERNS.get(pattern, str(pattern)),
            permission=PERMISSIONS.get(permission, str(permission)),
            host=host,
        )
        for resource, name, pattern, rights in answer.resources
        for principal, host, operation, permission in rights
    ]


def _wire(right: Right) -> tuple[Any, ...]:
    """Return a right as the protocol numbers it."""
    numbers = {text: number for number, text in OPERATIONS.items()}
    operation = numbers.get(right.operation) or int(right.operation.removeprefix(OTHER_OPERATION))
    return (
        next(number for number, text in RESOURCES.items() if text == right.resource),
        right.name,
        next(number for number, text in PATTERNS.items() if text == right.pattern),
        right.principal,
        right.host,
        operation,
        next(number for number, text in PERMISSIONS.items() if text == right.permission),
    )
