"""Carries out `referral broker`: what was typed becomes a login, or changes on a broker and what still differs."""

from __future__ import annotations

import asyncio
import secrets as drawing
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from contracts.network import Brokers, Network, read_network
from referral.cli import output
from referral.cli.call import Misused
from referral.cli.folder import unlock
from referral.errors import ReferralRefusal, SettingsRefused
from referral.exchange import kafka_login
from referral.exchange.access import Difference, Kind, Right, Wanted, differences, wanted
from referral.exchange.kafka_settings import KafkaSettings, KafkaSettingsRefused, LoopbackPlaintext, MutualTls, Scram
from referral.opening import KAFKA, Settings, machine_clock, open_outsider, read_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contracts.directory import Directory
    from referral.cli.call import Call
    from referral.exchange.kafka_operator import Operator

PASSWORD_BYTES: Final = 32
SETTLING: Final = 25  # looks, until the broker that is asked has heard of what another one did
SETTLE_SECONDS: Final = 0.2
REMOVED: Final = (Kind.RIGHT_EXTRA, Kind.USER_EXTRA)
PUT_RIGHT: Final = (Kind.TOPIC_MISSING, Kind.TOPIC_SETTING, Kind.USER_MISSING, Kind.RIGHT_MISSING)


class BrokerNotProvisioned(ReferralRefusal):
    """The broker did not take this; what was done stays, and the same command goes on from there."""

    code = "broker-not-provisioned"


@dataclass(frozen=True, slots=True)
class Way:
    """Which network, and how the operator comes to its brokers."""

    network: Path | None
    user: str
    password_file: Path | None
    certificate: Path | None
    key: Path | None
    bootstrap: str

    def settings(self, brokers: Brokers) -> KafkaSettings:
        """Return how the operator logs in, or raise a refusal that says what is missing."""
        where = self.bootstrap or ",".join(brokers.addresses)
        if not where:
            raise KafkaSettingsRefused("The root file names no brokers; say where they are: `--bootstrap`.")
        if brokers.ca is None:
            return KafkaSettings(where, LoopbackPlaintext())
        if self.certificate is not None and self.key is not None:
            kafka_login.check_private(self.key)
            return KafkaSettings(where, MutualTls(brokers.ca, self.certificate, self.key))
        password = kafka_login.password(self.password_file or Path(kafka_login.PASSWORD_FILE))
        return KafkaSettings(where, Scram(self.user, password, brokers.ca))


@dataclass(frozen=True, slots=True)
class Rule:
    """How many copies an inbox has, who has no password, and who else runs the broker."""

    replicas: int
    in_sync: int
    by_certificate: frozenset[str]
    operators: frozenset[str]


@dataclass(frozen=True, slots=True)
class Wish:
    """What to do beside making what is missing: where passwords go, whose are drawn anew, whether to take away."""

    secrets: Path
    new_passwords: frozenset[str]
    remove: bool


@dataclass(slots=True)
class Standing:
    """What was done on a broker, and in what it still differs."""

    training: bool
    left: list[Difference]
    done: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Say whether the broker is as the directory says."""
        return not self.left

    def document(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        found = [{**asdict(one), "of": one.of.text() if isinstance(one.of, Right) else one.of} for one in self.left]
        return {"well": self.held, "done": self.done, "differences": found}

    def lines(self) -> Iterator[str]:
        """Return a line for each thing done and left."""
        yield from self.done
        yield from (one.line() for one in self.left)
        yield "The broker holds what the directory says." if self.held else f"{len(self.left)} differences."


def log_in(asked: Call, password_file: Path | None, certificate: Path | None, key: Path | None, bootstrap: str) -> None:
    """Copy a login into the node's folder, and have its settings say so."""
    network = read_root(asked.folder)
    if network.brokers.ca is None or not network.brokers.addresses:
        raise SettingsRefused("The root file of this network names no brokers with an authority; there is no login.")
    if password_file is not None:
        login, kept = kafka_login.BY_PASSWORD, {kafka_login.PASSWORD_FILE: _secret(password_file)}
    else:
        assert certificate is not None  # noqa: S101 - one of the two was given
        assert key is not None  # noqa: S101 - the same
        kept = {kafka_login.CERTIFICATE_FILE: _public(certificate), kafka_login.KEY_FILE: _secret(key)}
        login = kafka_login.BY_CERTIFICATE
    for name, content in kept.items():
        kafka_login.keep_private(asked.folder / name, content)
    # If we stop here the login lies in the folder and nobody uses it.
    settings = replace(
        Settings.read(asked.folder), broker=KAFKA, broker_path="", bootstrap=bootstrap, broker_login=login
    )
    found = kafka_login.kafka_settings(
        network.brokers, bootstrap=bootstrap, login=login, user=settings.agency, folder=asked.folder
    )
    found.check_files()
    settings.write(asked.folder)
    where = found.bootstrap.split(",")
    document = {"agency": settings.agency, "login": login, "brokers": where}
    lines = [
        f"login       {settings.agency} by {login} at {', '.join(where)}",
        f"next        referral doctor --node {asked.folder}, then start the node (again)",
    ]
    output.answer(document, lines, as_json=asked.as_json, training=network.training)


def check(asked: Call, way: Way, rule: Rule) -> None:
    """Print in what the broker differs."""
    network, directory = _known(asked, way)
    operator = _operator(way, network)
    must = _must(network, directory, way, rule)
    found = Standing(network.training, asyncio.run(_left(operator, must)))
    output.report(found, as_json=asked.as_json, training=network.training)


def provision(asked: Call, way: Way, rule: Rule, wish: Wish) -> None:
    """Put right what can be, and print what was done and what is left."""
    network, directory = _known(asked, way)
    must = _must(network, directory, way, rule)
    strangers = wish.new_passwords - must.users
    if strangers:
        raise Misused("`--new-password` names an active agency that logs in by password.")
    operator = _operator(way, network)
    found = asyncio.run(_provisioned(operator, must, wish, network.training))
    output.report(found, as_json=asked.as_json, training=network.training)


async def _provisioned(operator: Operator, must: Wanted, wish: Wish, training: bool) -> Standing:
    done: list[str] = []
    with _named():
        for user in sorted(wish.new_passwords):
            await operator.set_password(user, _password(user, wish.secrets, anew=True))
            done.append(f"user {user} has another password, in {wish.secrets / user}.password")
        left = await _left(operator, must)
        # Each change stands alone: if we stop between two of them, the next run finds what is left.
        for one in left:
            if one.kind in PUT_RIGHT or (wish.remove and one.kind in REMOVED):
                sentence = await _put_right(operator, must, one, wish.secrets)
                done += [sentence] if sentence not in done else []
        for _ in range(SETTLING):
            left = await _left(operator, must)
            if not any(one.kind in PUT_RIGHT for one in left):
                break
            await asyncio.sleep(SETTLE_SECONDS)
    return Standing(training, left, done)


async def _put_right(operator: Operator, must: Wanted, one: Difference, secrets: Path) -> str:
    """Put one difference right, and return what was done in words."""
    match one:
        case Difference(Kind.TOPIC_MISSING, str(topic)):
            await operator.make_topics([topic], must.replicas, must.config)
            return f"made inbox {topic}"
        case Difference(Kind.TOPIC_SETTING, str(topic)):
            await operator.set_topic(topic, must.config)
            return f"set what inbox {topic} keeps and takes"
        case Difference(Kind.USER_MISSING, str(user)):
            await operator.set_password(user, _password(user, secrets))
            return f"made user {user}, its password is in {secrets / user}.password"
        case Difference(Kind.USER_EXTRA, str(user)):
            await operator.remove_user(user)
            return f"removed user {user}"
        case Difference(Kind.RIGHT_MISSING, Right() as right):
            await operator.allow(right)
            return f"allowed: {right.text()}"
        case Difference(Kind.RIGHT_EXTRA, Right() as right):
            await operator.forbid(right)
            return f"taken away: {right.text()}"
    raise AssertionError(one.kind)


def _password(user: str, secrets: Path, *, anew: bool = False) -> str:
    """Return the password in a user's file, which is drawn where there is none or `anew`."""
    secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = secrets / f"{user}.password"
    if anew or not file.exists():
        kafka_login.keep_private(file, (drawing.token_urlsafe(PASSWORD_BYTES) + "\n").encode())
    # If we stop here the file holds what the broker does not know yet; the next run gives it just that.
    return kafka_login.line_of(file)


async def _left(operator: Operator, must: Wanted) -> list[Difference]:
    with _named():
        return differences(must, await operator.look(must.inboxes.values()))


@contextmanager
def _named() -> Iterator[None]:
    from referral.exchange.broker import BrokerError  # noqa: PLC0415 - Kafka on demand

    try:
        yield
    except BrokerError as error:
        raise BrokerNotProvisioned(str(error)) from None


def _operator(way: Way, network: Network) -> Operator:
    from referral.exchange.kafka_operator import Operator as Connected  # noqa: PLC0415 - Kafka on demand

    return Connected(way.settings(network.brokers))


def _must(network: Network, directory: Directory, way: Way, rule: Rule) -> Wanted:
    operators = rule.operators | {way.user}
    must = wanted(directory, rule.by_certificate, operators, replicas=rule.replicas, in_sync=rule.in_sync)
    if network.brokers.ca is not None:
        return must
    return replace(must, users=frozenset(), rights=frozenset(), loopback=True)


def _known(asked: Call, way: Way) -> tuple[Network, Directory]:
    """Return the network and its directory: as a node follows it in the log, or as the root file begins it."""
    if way.network is not None:
        try:
            network = read_network(way.network.read_bytes())
        except OSError:
            raise SettingsRefused("The root file that `--network` names cannot be read.") from None
        return network, network.directory()
    node = open_outsider(asked.folder, unlock(asked.folder), machine_clock, reader=True)
    try:
        return node.network, node.directory
    finally:
        node.store.close()
        node.vault.close()


def _secret(file: Path) -> bytes:
    kafka_login.check_private(file)
    return _public(file)


def _public(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        raise SettingsRefused(f"`{file.name}` cannot be read.") from None
