"""The demo of witnesses: five notaries on this machine that witness each other, four of five being enough.

Each keeps a log of its own and cosigns the other four and itself. Entries are logged with all of them; then one is
killed, then another, and one comes back. What is printed is verified first, offline, from a proof file and a policy.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from contracts import tlog
from contracts.network import write_network
from contracts.request import sign_request
from referral.following.proofs import NotaryAway
from referral.http_client import NotaryClient
from referral.play.journey import AgencyPart
from referral.play.network import Place, Term, found_network, new_vault
from referral.play.notary import KeptPort, NotaryProcess, make_witness

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from contracts.network import Log, Network
    from referral.vault import Vault

NAMES: Final = ("n1", "n2", "n3", "n4", "n5")
QUORUM: Final = 4
AGENCY: Final = "be-fp"
PATIENCE: Final = 20.0  # seconds until what should be so counts as not so
LOOK: Final = 0.05  # seconds between two looks at a checkpoint
LOGGED, WITNESSED = "logged", "witnessed"
PROOF, POLICY = "entry.tlog-proof", "policy"


@dataclass(frozen=True, slots=True)
class Office:
    """One notary: its name, its log, the key with which it cosigns, and its process."""

    name: str
    log: Log
    cosigner: str
    process: NotaryProcess


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof file said offline: *logged* or *witnessed*, of which log and size, and which witnesses signed."""

    log: str
    index: int
    size: int
    word: str
    witnesses: tuple[str, ...]
    expected: str

    @property
    def held(self) -> bool:
        """Say whether it came out as it should."""
        return self.word == self.expected

    def line(self) -> str:
        """Return it as a sentence."""
        count = f"{len(self.witnesses)} of {len(NAMES)} ({', '.join(self.witnesses)})"
        few = "" if self.word == WITNESSED else f"; {QUORUM} are asked for"
        return f"{self.log}: entry {self.index} of {self.size} is {self.word}: {count}{few}"


@dataclass(slots=True)
class WitnessReport:
    """What the demo shows, in its order, and whether all of it came out as it should."""

    said: list[str] = field(default_factory=list)
    proven: list[Proven] = field(default_factory=list)
    checkpoint: str = ""

    @property
    def held(self) -> bool:
        """Say whether every proof said what it should."""
        return bool(self.proven) and all(one.held for one in self.proven)

    def lines(self) -> list[str]:
        """Return what people read."""
        ending = "Everything came out as it should." if self.held else "Something did not come out as it should."
        return [*self.said, "", ending]

    def document(self) -> Mapping[str, Any]:
        """Return it as `--json` prints it."""
        proven = [
            {"log": one.log, "size": one.size, "word": one.word, "witnesses": list(one.witnesses), "held": one.held}
            for one in self.proven
        ]
        return {"held": self.held, "proven": proven, "checkpoint": self.checkpoint}


async def play_witnesses(folder: Path, progress: Callable[[str], None]) -> WitnessReport:
    """Run the five in `folder` and return what was proven; no process is left, whatever happens."""
    report = WitnessReport()
    async with _town(folder, progress) as town:
        report.said += [f"{one.name}  {one.log.origin}  {one.process.url}" for one in town.offices]
        report.said += ["", f"Each witnesses the other four and itself; {QUORUM} of {len(NAMES)} are enough."]
        await _tell(town, report)
    return report


async def _tell(town: _Town, report: WitnessReport) -> None:
    for one in town.offices:
        await town.prove(one, NAMES, report)
    first = town.offices[0]
    raw = (town.folder / first.name / PROOF).read_bytes()
    report.checkpoint = tlog.read_proof(raw).checkpoint.decode()
    report.said += ["", f"The checkpoint of {first.name}, with the cosignatures of its witnesses:", ""]
    report.said += [f"    {line}" for line in report.checkpoint.splitlines()]
    for gone in (4, 3):
        town.offices[gone].process.stop(signal.SIGKILL)
        report.said += ["", f"{NAMES[gone]} is killed."]
        await town.prove(first, NAMES[:gone], report)
    older = tlog.open_checkpoint(await town.clients[first.name].fetch("v1/witnessed"), town.policy(first).log_keys)
    report.said.append(f"The last checkpoint of {first.name} with its quorum covers {older.checkpoint.size} entries.")
    await asyncio.to_thread(town.offices[3].process.start)
    report.said += ["", f"{NAMES[3]} is back; nothing new was logged."]
    await town.prove(first, NAMES[:4], report, again=True)


@dataclass(slots=True)
class _Town:
    """The running notaries, and a client for each."""

    folder: Path
    offices: Sequence[Office]
    policies: Mapping[str, str]
    clients: Mapping[str, NotaryClient]
    logged: dict[str, bytes] = field(default_factory=dict)

    def policy(self, one: Office) -> tlog.Policy:
        """Return the policy of a log."""
        return tlog.read_policy(self.policies[one.name].encode())

    async def prove(self, one: Office, witnesses: Sequence[str], report: WitnessReport, *, again: bool = False) -> None:
        """Log an entry (`again`: the last one), wait for these witnesses, and verify the entry's proof offline."""
        client = self.clients[one.name]
        if not again:
            self.logged[one.name] = tlog.message_entry(secrets.token_bytes(tlog.HASH_SIZE))
        index = (await client.submit([self.logged[one.name]]))[0]
        note, size = await self._cosigned(one, set(witnesses), index)
        tiles = {path: await client.fetch(path) for path in tlog.tiles_needed([index], size)}
        raw = tlog.LogProof(index, tlog.prove(index, size, tiles.__getitem__), note).encode()
        home = self.folder / one.name
        (home / PROOF).write_bytes(raw)
        (home / POLICY).write_text(self.policies[one.name], encoding="utf-8")
        found = tlog.verify_logged(raw, self.logged[one.name], self.policy(one))
        expected = WITNESSED if len(witnesses) >= QUORUM else LOGGED
        report.proven.append(Proven(one.name, found.index, found.size, found.word, found.witnesses, expected))
        report.said.append(report.proven[-1].line())

    async def _cosigned(self, one: Office, witnesses: set[str], index: int) -> tuple[bytes, int]:
        """Return the checkpoint once it covers an entry and these have cosigned it, or the last one that was there."""
        policy = self.policy(one)
        end = asyncio.get_running_loop().time() + PATIENCE
        while True:
            note = await self.clients[one.name].fetch("checkpoint")
            opened = tlog.open_checkpoint(note, policy.log_keys, policy.witness_keys)
            size = opened.checkpoint.size
            names = policy.cosigners(each.key for each in opened.cosigned)
            late = asyncio.get_running_loop().time() > end
            if size > index and (set(names) >= witnesses or late):
                return note, size
            if late:
                raise NotaryAway
            await asyncio.sleep(LOOK)


@asynccontextmanager
async def _town(folder: Path, progress: Callable[[str], None]) -> AsyncIterator[_Town]:
    with ExitStack() as stack:
        offices = [stack.enter_context(_office(folder, name)) for name in NAMES]
        policies = {one.name: _policy(one, offices) for one in offices}
        vault, _ = new_vault(folder, _now)
        stack.callback(vault.close)
        network = _found(vault, offices[0].log, policies[offices[0].name])
        for one in offices:
            own = replace(network, log=one.log, policy=policies[one.name])
            (folder / one.name / "network.json").write_bytes(write_network(own))
            others = [each.log.key for each in offices if each is not one]
            (folder / one.name / "witness-of").write_text("\n".join(others) + "\n", encoding="utf-8")
        for one in offices:
            progress(f"starting {one.name}")
            await asyncio.to_thread(one.process.start)
        clients = {one.name: _client(one.process.url, network, vault) for one in offices}
        try:
            yield _Town(folder, offices, policies, clients)
        finally:
            for client in clients.values():
                await client.close()


@contextmanager
def _office(folder: Path, name: str) -> Iterator[Office]:
    home = folder / name
    home.mkdir()
    port = KeptPort()
    log, cosigner = make_witness(home / "log", f"training.example/{name}")
    process = NotaryProcess(home / "log", home / "network.json", home, port, witness_of=home / "witness-of")
    try:
        yield Office(name, log, cosigner, process)
    finally:
        process.close()


def _policy(one: Office, offices: Sequence[Office]) -> str:
    lines = [f"log {one.log.key}"]
    lines += [f"witness {each.name} {each.cosigner} {each.process.url}" for each in offices]
    lines += [f"group all-five {QUORUM} {' '.join(NAMES)}", "quorum all-five", ""]
    return "\n".join(lines)


def _found(vault: Vault, log: Log, policy: str) -> Network:
    part = AgencyPart(
        title="Focal point of Belgium", country="BE", kind="ngo", roles=("requesting",), zone="Europe/Brussels"
    )
    now = _now()
    return found_network({AGENCY: part}, {AGENCY: vault}, Term(now, now + timedelta(days=1)), Place(log, policy))


def _client(url: str, network: Network, vault: Vault) -> NotaryClient:
    def sign(method: str, path: str, body: bytes) -> Mapping[str, str]:
        now = _now()
        _, key = network.directory().current_signing(AGENCY, now)
        nonce = secrets.token_bytes(16)
        return vault.with_seed(key, lambda seed: sign_request(seed, AGENCY, method, path, body, at=now, nonce=nonce))

    return NotaryClient(url, sign)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
