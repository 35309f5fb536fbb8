"""Every agency, every inbox, every verb, by password and by certificate; and logins that must fail, by their names."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from kafka.authority import Authority
from referral.exchange.access import READ, Right, Wanted, wanted
from referral.exchange.broker import (
    BrokerAway,
    BrokerNotTrusted,
    ClosedUnanswered,
    LoginRefused,
    NotAllowed,
    TlsRefused,
)
from referral.exchange.kafka import KafkaBroker
from referral.exchange.kafka_operator import Operator
from referral.exchange.kafka_settings import KafkaSettings, LoopbackPlaintext, MutualTls, Scram
from small_network import network

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from kafka.realkafka import RealKafka

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("kafka")]

SHORT = 5.0
PASSWORD = "of the agency"  # noqa: S105 - of a broker that lives in a temporary folder on the loopback address


@asynccontextmanager
async def opened(settings: KafkaSettings) -> AsyncIterator[KafkaBroker]:
    broker = KafkaBroker(settings)
    try:
        yield broker
    finally:
        await broker.close()


async def provisioned(kafka: RealKafka) -> Wanted:
    """Make inboxes, users and rights of a network, as `referral broker provision` does."""
    must = wanted(network().directory(), frozenset(), frozenset({"admin"}), replicas=1, in_sync=1)
    operator = Operator(kafka.settings())
    await operator.make_topics(sorted(must.inboxes.values()), 1, must.config)
    for user in must.users:
        await operator.set_password(user, PASSWORD)
    for right in must.rights:
        await operator.allow(right)
    return must


async def is_allowed(verb: Awaitable[object]) -> bool:
    """Say whether a verb was carried out; another failure than a missing right is one."""
    try:
        await verb
    except NotAllowed:
        return False
    return True


@pytest.mark.parametrize("login", ["password", "certificate"])
async def test_an_agency_writes_to_all_others_reads_its_own_and_may_do_nothing_else(
    kafka: RealKafka, login: str
) -> None:
    must = await provisioned(kafka)
    ca = kafka.authority.pem.read_text()
    for agency in must.inboxes:
        by_password = KafkaSettings(kafka.settings().bootstrap, Scram(agency, PASSWORD, ca), SHORT)
        settings = by_password if login == "password" else kafka.certificate_settings(agency, SHORT)
        async with opened(settings) as broker:
            for owner, topic in must.inboxes.items():
                mine = owner == agency
                assert await is_allowed(broker.append(topic, [b"sealed"])) is not mine, (agency, "writes to", owner)
                assert await is_allowed(broker.read(topic, 0, -1, 1)) is mine, (agency, "reads", owner)
                # Rights to write and to read imply the right to describe: how many records there were is seen.
                assert await is_allowed(broker.end(topic, 0))
        operator = Operator(settings)
        theirs = next(topic for owner, topic in must.inboxes.items() if owner != agency)
        verbs = {
            "looks at users and rights": operator.look([theirs]),
            "makes a topic": operator.make_topics([f"{theirs}x"], 1, {}),
            "sets a topic": operator.set_topic(theirs, {"retention.ms": "1"}),
            "gives itself a right": operator.allow(Right(f"User:{agency}", READ, theirs)),
            "takes a right": operator.forbid(Right(f"User:{agency}", READ, theirs)),
            "sets a password": operator.set_password("admin", "mine now"),
            "removes a user": operator.remove_user("admin"),
        }
        for name, verb in verbs.items():
            assert not await is_allowed(verb), (agency, name)


@dataclass(frozen=True)
class Wrong:
    """A login that must fail: how it differs from a right one, and by which name the failure is told."""

    settings: Callable[[RealKafka, Authority, KafkaSettings], KafkaSettings]
    name: type[BrokerAway]


def foreign_certificate(kafka: RealKafka, other: Authority, _right: KafkaSettings) -> KafkaSettings:
    other.issue("be-fp")
    login = MutualTls(kafka.authority.pem.read_text(), other.folder / "be-fp.crt", other.folder / "be-fp.key")
    return replace(kafka.certificate_settings("be-fp", SHORT), security=login)


def known(settings: KafkaSettings) -> Scram:
    assert isinstance(settings.security, Scram)
    return settings.security


WRONG = {
    "wrong password": Wrong(
        lambda _kafka, _other, right: replace(right, security=replace(known(right), password="guessed")),  # noqa: S106 - that it is wrong is the point
        LoginRefused,
    ),
    "unknown user": Wrong(
        lambda _kafka, _other, right: replace(right, security=replace(known(right), user="mallory")), LoginRefused
    ),
    "broker of another authority": Wrong(
        lambda _kafka, other, right: replace(right, security=replace(known(right), authority=other.pem.read_text())),
        BrokerNotTrusted,
    ),
    "certificate of another authority": Wrong(foreign_certificate, ClosedUnanswered),
    "password at the port for certificates": Wrong(
        lambda kafka, _other, right: replace(right, bootstrap=f"localhost:{kafka.certificate_port}"), ClosedUnanswered
    ),
    "plaintext to a port of TLS": Wrong(
        lambda kafka, _other, _right: KafkaSettings(f"127.0.0.1:{kafka.port}", LoopbackPlaintext(), SHORT),
        ClosedUnanswered,
    ),
}


@pytest.mark.parametrize("case", WRONG)
async def test_a_login_that_fails_is_named_and_tells_no_secret(kafka: RealKafka, tmp_path: Path, case: str) -> None:
    other, wrong = Authority(tmp_path / "tls"), WRONG[case]
    settings = wrong.settings(kafka, other, kafka.settings("be-fp", SHORT))
    async with opened(settings) as broker:
        with pytest.raises(wrong.name) as failed:
            await broker.end("in.any", 0)
        assert type(failed.value) is wrong.name
        assert "guessed" not in str(failed.value)
        assert "be-pw" not in str(failed.value)


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, None])
async def test_a_broker_without_tls_1_3_is_not_talked_to(kafka: RealKafka, newest: ssl.TLSVersion | None) -> None:
    said: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said.append(await reader.read(1000))
        writer.close()

    context = None
    if newest is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(kafka.authority.issue("old", server=True))
        context.maximum_version = newest
    server = await asyncio.start_server(hear, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with server, opened(replace(kafka.settings("be-fp", SHORT), bootstrap=f"localhost:{port}")) as broker:
        with pytest.raises(TlsRefused):
            await broker.end("in.any", 0)
    # Of all that was said to it nothing was of Kafka: at most the greeting of TLS.
    assert all(b"SCRAM" not in one and b"be-fp" not in one for one in said)
