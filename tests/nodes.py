"""A small training network for tests: real nodes in one process, the embedded broker, one clock, no notary.

`async with town(folder) as it:` gives nodes by agency; `await it.settle()` lets all of them work until they are quiet.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from contracts.examples import example
from contracts.network import Brokers, Log, write_network
from contracts.tlog import make_signer
from referral.casework.intent import Chosen, Intent
from referral.desk import ConsentForm, Sent
from referral.exchange.embedded import EmbeddedBroker
from referral.opening import EMBEDDED, KEY_FILE, Settings, keep_root, open_node
from referral.play.clock import StageClock
from referral.play.journey import AgencyPart
from referral.play.network import Place, Term, found_network, new_vault
from referral.vault import KeyFile
from referral.wiring import Wired, wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from referral.exchange.broker import Broker
    from referral.following.proofs import LogClient

START = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
ALL_CLASSES = ("P0", "P1", "P2", "P3", "P4")
PROMPTS = tuple(example("consent")["informed_of"])
AGENCIES: Mapping[str, Mapping[str, Any]] = {
    "be-fp": {
        "title": "Focal point of Belgium",
        "country": "BE",
        "kind": "ngo",
        "roles": ("requesting",),
        "zone": "Europe/Brussels",
    },
    "hu-fp": {
        "title": "Focal point of Hungary",
        "country": "HU",
        "kind": "ngo",
        "roles": ("requested",),
        "zone": "Europe/Budapest",
    },
    "hu-iom": {
        "title": "IOM in Hungary",
        "country": "HU",
        "kind": "international_organisation",
        "roles": ("mission_origin",),
        "zone": "Europe/Budapest",
        "phone_24h": "+3615550199",
    },
}
FIVE: Mapping[str, Mapping[str, Any]] = {  # one agency for each role of a member
    **AGENCIES,
    "be-iom": {
        "title": "IOM in Belgium",
        "country": "BE",
        "kind": "international_organisation",
        "roles": ("mission_destination",),
        "zone": "Europe/Brussels",
    },
    "hu-ngo": {
        "title": "A shelter in Hungary",
        "country": "HU",
        "kind": "ngo",
        "roles": ("reception",),
        "zone": "Europe/Budapest",
    },
}
NO_SKEW = timedelta(0)
NO_QUORUM = "quorum none\n"


@dataclass
class Town:
    """Nodes by agency, their clock, and the keys that commands are given under."""

    folder: Path
    clock: StageClock
    nodes: dict[str, Wired] = field(default_factory=dict)
    skews: Mapping[str, timedelta] = field(default_factory=dict)
    numbers: count[int] = field(default_factory=count)

    def key(self) -> str:
        """Return an idempotency key that was not used before."""
        return f"test-{next(self.numbers)}"

    async def settle(self, names: Sequence[str] = ()) -> None:
        """Let the nodes take turns until none has anything left to do."""
        chosen = [self.nodes[name] for name in (names or tuple(self.nodes))]
        while sum([await one.worker.turn() for one in chosen]):
            pass

    async def pass_time(self, how_long: timedelta) -> None:
        """Move the clock through everything that rings on the way."""
        until = self.clock() + how_long
        await self.settle()
        while (at := min((self._rings_at(name) or until for name in self.nodes), default=until)) < until:
            self.clock.move(max(at, self.clock() + timedelta(seconds=1)))
            await self.settle()
        self.clock.move(until)
        await self.settle()

    def _rings_at(self, name: str) -> datetime | None:
        """Return the true time at which a node has something to do."""
        at = self.nodes[name].worker.next_at()
        return None if at is None else at - self.skews.get(name, NO_SKEW)

    def open_case(self, agency: str) -> str:
        """Create a case at an agency."""
        return self.nodes[agency].desk.open_case(key=self.key(), principal="test").case

    def consent(self, agency: str, case: str, to: str, role: str, **changes: Any) -> Sent:
        """Record a full consent towards an agency."""
        form = {
            "agency": to,
            "role": role,
            "purposes": ("share_agency", "travel"),
            "classes": ALL_CLASSES,
            "valid_from": date(2026, 9, 1),
            "expires_at": date(2027, 3, 1),
            "body": example("consent"),
        }
        return self.nodes[agency].desk.give_consent(
            case, ConsentForm(**{**form, **changes}), key=self.key(), principal="test"
        )

    def send(self, agency: str, case: str, kind: str, act: Mapping[str, Any], **changes: Any) -> Sent:
        """Send a message; `sections` maps names to readers and takes the example bodies."""
        sections = {
            name: Chosen(example(name), tuple(readers)) for name, readers in changes.pop("sections", {}).items()
        }
        intent = Intent(kind, act, {**sections, **changes.pop("chosen", {})}, **changes)
        return self.nodes[agency].desk.send(case, intent, key=self.key(), principal="test")

    def digests(self, case: str) -> set[str]:
        """Return the digests of the case at all nodes that hold it."""
        return {
            one.queries.standing(case).digest() for one in self.nodes.values() if one.node.store.load(case) is not None
        }

    async def close(self) -> None:
        """Close every node."""
        for one in self.nodes.values():
            await one.close()


@asynccontextmanager
async def town(
    folder: Path,
    agencies: Mapping[str, Mapping[str, Any]] = AGENCIES,
    *,
    broker: Callable[[str], Broker] | None = None,
    skews: Mapping[str, timedelta] | None = None,
    notary: LogClient | None = None,
    witnesses: str = "",
    governors: Sequence[bytes] = (),
    lasts: timedelta = timedelta(days=120),
) -> AsyncIterator[Town]:
    """Make a network in `folder`, open its nodes, close them at the end; `skews` says whose clock is wrong, and how.

    Its log is `notary`'s, `witnesses` the lines of the policy about witnesses (none: quorum none); it has epoch keys
    until 30 days after it `lasts`.
    """
    clock = StageClock(START)
    found = Town(folder, clock, skews=skews or {})
    parts = {name: AgencyPart(**part) for name, part in agencies.items()}
    vaults = {}
    for name in parts:
        (folder / name).mkdir(parents=True)
        vaults[name] = new_vault(folder / name, clock)[0]
    log = Log("log.example/test", str(make_signer("log.example/test", bytes(32)).key))
    policy = f"log {log.key}\n{witnesses or NO_QUORUM}"
    term = Term(START, START + lasts)
    network = found_network(parts, vaults, term, Place(log, policy, None, Brokers()), governors)
    for vault in vaults.values():
        vault.close()
    shared = folder / "broker.sqlite"
    embedded = EmbeddedBroker(shared, clock)
    await embedded.provision([agency.capabilities.topic for agency in network.directory().agencies.values()])
    await embedded.close()
    for name in parts:
        home = folder / name
        Settings(name, broker=EMBEDDED, broker_path=str(shared)).write(home)
        keep_root(home, write_network(network))
        node = open_node(home, KeyFile(home / KEY_FILE), clock.behind(found.skews.get(name, NO_SKEW)))
        found.nodes[name] = wire(home, node, broker(name) if broker else EmbeddedBroker(shared, clock), notary)
        node.used = lambda: 0.0  # the disk of whoever runs the tests is none of theirs
    try:
        yield found
    finally:
        await found.close()
