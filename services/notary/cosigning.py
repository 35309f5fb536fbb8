"""Other notaries as witnesses of this log: each new checkpoint goes to all of them, and what they sign is published.

Rule d of evidence.md 2: before the first signature after a start every witness is asked about the checkpoint that was
published last. One that has cosigned a larger tree, or another one, shows that this log was rolled back, and nothing is
ever signed then; as long as too few answer, nothing is signed and everything else goes on. After that no witness delays
the log: a checkpoint is published with its own signature first, and again with each cosignature that comes in.
One round is one checkpoint; a witness that is still busy with an older one joins in when it is back.
The policy is the one that judges the checkpoint: where the log states another, its witnesses are asked from the first
checkpoint on that covers the statement, and whom it names no more is left alone.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from contracts import tlog
from notary import disk
from notary.errors import LogDamaged, WitnessStopped
from notary.http_client import WitnessAway, WitnessClient
from notary.log import CHECKPOINT

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

    from notary.log import Log
    from notary.sequencer import Sequencer
    from notary.witness import Witness

WITNESSED: Final = "witnessed"
RETRY: Final = 1.0  # seconds until a witness that did not answer is asked again
ROUND: Final = 5.0  # seconds that a round waits for its quorum before a newer checkpoint takes its place
REFRESH: Final = 3600.0  # seconds after which a log that does not grow has its checkpoint cosigned anew
ATTEMPTS: Final = 3  # a first question, one with the size that was answered, one more for a question that overtook it

ASKING_FAILED: Final = "asking it failed; the log of this program says why"

logger = structlog.get_logger()


class Asks(Protocol):
    """The way to one witness."""

    async def add_checkpoint(self, body: bytes) -> bytes:
        """Return signature lines; raises `tlog.WitnessedOther`, `tlog.HistoriesDiffer` or `WitnessAway`."""

    async def close(self) -> None:
        """Let go of the connection."""


@dataclass(frozen=True, slots=True)
class Ourselves:
    """Our own witness, asked without a network; it counts like any other, and never for rule d."""

    witness: Witness

    async def add_checkpoint(self, body: bytes) -> bytes:
        """Return our signature line."""
        try:
            return await asyncio.to_thread(self.witness.add_checkpoint, body)
        except WitnessStopped:
            raise WitnessAway("this notary cosigns nothing now") from None

    async def close(self) -> None:
        """Do nothing."""


class Ahead(Exception):  # noqa: N818 - the status says it like this
    """A witness has seen more of this log than there is, or something else."""


@dataclass(slots=True)
class Round:
    """One checkpoint, signed by the log alone, and the cosignatures that it has so far by the witnesses' names."""

    checkpoint: tlog.Checkpoint
    signed: bytes
    lines: dict[str, tlog.NoteSignature] = field(default_factory=dict)

    def note(self) -> bytes:
        """Return the checkpoint with its cosignatures."""
        return tlog.with_cosignatures(self.signed, self.lines.values())


@dataclass(slots=True)
class Asked:
    """One witness as this log knows it: the size it cosigned last, the round it has signed, why it is away if it is."""

    name: str
    key: tlog.NoteKey
    way: Asks | None
    ours: bool = False
    last: int = 0
    signed: Round | None = None
    away: str | None = None
    ahead: bool = False


class Cosigning:
    """Runs beside the sequencer while `running` is entered."""

    def __init__(
        self,
        log: Log,
        sequencer: Sequencer,
        policy_at: Callable[[int], tlog.Policy],
        own: Witness,
        way: Callable[[str], Asks] = WitnessClient,
    ) -> None:
        """Ask the witnesses of the policy at each size; `own` is this notary's, which is asked without a network."""
        self._log, self._sequencer, self._own = log, sequencer, own
        self._policy_at, self._way = policy_at, way
        self._policy = policy_at(log.published.size)
        self._asked = {one: _asked(one, own, way) for one in self._policy.witnesses.values()}
        self._working: dict[tlog.policy.Witness, asyncio.Task[None]] = {}
        self._changed = asyncio.Condition()
        self._show = asyncio.Event()
        self._examined = False
        if any(not one.ours for one in self.witnesses):
            sequencer.hold(self._waiting())
        else:
            self._examined = True
        self._round = self._new_round()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Ask and publish until the block is left."""
        tasks = [asyncio.create_task(self._lead()), asyncio.create_task(self._publish())]
        self._begin()
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._leave(list(self._working))
            await _close(self.witnesses)

    @property
    def witnesses(self) -> list[Asked]:
        """The witnesses of the policy in force, in its order."""
        return list(self._asked.values())

    def _begin(self) -> None:
        """Ask whom nobody asks yet."""
        for named, one in self._asked.items():
            if one.way is not None and named not in self._working:
                self._working[named] = asyncio.create_task(self._work(one))

    async def _leave(self, gone: Sequence[tlog.policy.Witness]) -> None:
        """Ask these no more."""
        working = {named: task for named in gone if (task := self._working.pop(named, None)) is not None}
        for task in working.values():
            task.cancel()
        await asyncio.gather(*working.values(), return_exceptions=True)

    async def _go_on(self) -> None:
        """Begin a round for what is published, with the witnesses of the policy that judges it."""
        before = self._asked
        async with self._changed:
            self._policy = self._policy_at(self._log.published.size)
            named = self._policy.witnesses.values()
            self._asked = {one: before.get(one) or _asked(one, self._own, self._way) for one in named}
            self._round = self._new_round()
            self._changed.notify_all()
        gone = {one: asked for one, asked in before.items() if one not in self._asked}
        self._begin()
        await self._leave(list(gone))
        await _close(gone.values())

    def standing(self) -> dict[str, str]:
        """Return how each witness stands, by its name in the policy."""
        return {one.name: self._stands(one) for one in self.witnesses}

    def _stands(self, one: Asked) -> str:
        if one.way is None:
            return "the policy names no address"
        if one.away is not None:
            return one.away
        return f"cosigned {one.last}" if one.signed is not None else "not asked yet"

    def _waiting(self) -> str:
        others = [one for one in self.witnesses if not one.ours]
        heard = sum(one.signed is not None for one in others)
        return f"waiting for witnesses: {heard} of {len(others)} have answered since the start"

    def _new_round(self) -> Round:
        """Return a round for the published checkpoint; what has cosigned it before counts on."""
        published = self._log.published
        begun = Round(published, tlog.sign_checkpoint(published, self._log.signer))
        with suppress(tlog.CheckpointRefused, OSError):
            raw = (self._log.folder / CHECKPOINT).read_bytes()
            opened = tlog.open_checkpoint(raw, [self._log.signer.key], self._policy.witness_keys)
            if opened.checkpoint == published:
                held = {(line.name, line.id): line for line in tlog.read_note(raw).signatures}
                begun.lines |= {
                    one.name: held[one.key.name, one.key.id]
                    for one in self.witnesses
                    if (one.key.name, one.key.id) in held
                }
        return begun

    async def _lead(self) -> None:
        """Begin a round for each new checkpoint, once the one before has its quorum or has had its time."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(ROUND if self._examined else None):
                    await self._until(self._settled)
            if not self._examined:
                self._release()
            with suppress(TimeoutError):
                async with asyncio.timeout(REFRESH):
                    await self._grown()
            await self._go_on()

    async def _grown(self) -> None:
        """Return once another checkpoint is published than the round's."""
        while self._log.published == self._round.checkpoint:
            await self._sequencer.news.wait()
            self._sequencer.news.clear()

    def _settled(self) -> bool:
        """Return whether the round needs no more waiting; the first one also needs somebody besides ourselves."""
        signed = [one for one in self.witnesses if one.signed is self._round]
        if not self._examined and all(one.ours for one in signed):
            return False
        asked = bool(signed) or not self._asked
        return asked and self._policy.satisfied_by(one.name for one in signed)

    def _release(self) -> None:
        if self._log.stopped is None:
            self._examined = True
            self._sequencer.release()

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(holds)

    async def _work(self, one: Asked) -> None:
        """Ask one witness about each round, as often as it takes."""
        while True:
            await self._until(lambda: one.signed is not self._round)
            round_ = self._round
            try:
                line = await self._cosignature(one, round_)
            except (WitnessAway, tlog.WitnessAnswerRefused, LogDamaged, OSError) as error:
                one.away = str(error) or type(error).__name__
            except Ahead as error:
                self._doubt(one, str(error))
                if self._log.stopped is not None:
                    return
            except Exception as error:  # noqa: BLE001 - whatever it is, this witness is asked again and no other waits
                if one.away != ASKING_FAILED:
                    logger.error("witness-not-asked", witness=one.key.name, error=type(error).__name__)
                one.away = ASKING_FAILED
            else:
                await self._signed(one, round_, line)
                continue
            await asyncio.sleep(RETRY)

    async def _signed(self, one: Asked, round_: Round, line: tlog.NoteSignature) -> None:
        one.last, one.signed, one.away, one.ahead = round_.checkpoint.size, round_, None, False
        async with self._changed:
            if round_ is self._round:
                round_.lines[one.name] = line
                self._show.set()
            if not self._examined:
                self._sequencer.hold(self._waiting())
            self._changed.notify_all()

    async def _cosignature(self, one: Asked, round_: Round) -> tlog.NoteSignature:
        """Return the line of one witness over a round's checkpoint, going on from the size that it says it has."""
        assert one.way is not None  # noqa: S101 - who has no address is not asked
        size = round_.checkpoint.size
        for _attempt in range(ATTEMPTS):
            proof = await asyncio.to_thread(self._proof, one.last, round_.checkpoint)
            try:
                raw = await one.way.add_checkpoint(tlog.WitnessRequest(one.last, proof, round_.signed).encode())
            except tlog.WitnessedOther as other:
                if other.size > size:
                    raise Ahead(f"it has cosigned {other.size} entries, this log had signed {size}") from None
                one.last = other.size
            except tlog.HistoriesDiffer:
                raise Ahead(f"it has cosigned another tree of {one.last} entries than this log holds") from None
            else:
                return tlog.read_cosignatures(raw, round_.checkpoint, [one.key])[0]
        raise WitnessAway("it names another size each time it is asked")

    def _proof(self, old: int, head: tlog.Checkpoint) -> tuple[bytes, ...]:
        """Return the proof from an older size; where our own files do not lead there, no witness is to blame."""
        fetch = self._log.files.fetch
        proof = tlog.TileReader(head.size, fetch).consistency(old)
        try:
            tlog.verify_consistency(old, tlog.TileReader(old, fetch).root(), head.size, head.root, proof)
        except tlog.TreeProofRefused:
            raise LogDamaged("The tiles do not lead to what was published.") from None
        return proof

    def _doubt(self, one: Asked, why: str) -> None:
        """Stop for good where a witness knows more than we do: one at the start, or later a quorum of them."""
        if one.away != why:
            logger.warning("witness-ahead", witness=one.key.name, why=why)
        one.away, one.ahead = why, True
        ahead = [other.name for other in self.witnesses if other.ahead]
        if self._log.stopped is None and (not self._examined or self._policy.witnessed_by(ahead)):
            self._log.stopped = f"rolled back: witness {one.key.name}: {why}"
            logger.error("log-stopped", why=self._log.stopped)
            # What we cosigned lies in the same folder, and was put back with it.
            self._own.stopped = True

    async def _publish(self) -> None:
        """Show the round's checkpoint whenever it has more cosignatures than were shown."""
        while True:
            await self._show.wait()
            self._show.clear()
            round_ = self._round
            quorum = self._policy.witnessed_by(round_.lines)
            try:
                await self._sequencer.in_log_thread(self._write, round_.checkpoint, round_.note(), quorum)
            except OSError as error:
                logger.error("checkpoint-not-written", error=type(error).__name__, number=error.errno)

    def _write(self, checkpoint: tlog.Checkpoint, note: bytes, quorum: bool) -> None:
        if quorum:
            disk.write_file(self._log.folder / WITNESSED, note)
        # A crash here leaves a witnessed checkpoint beside the same one with fewer cosignatures; both are true.
        if self._log.published == checkpoint:
            disk.write_file(self._log.folder / CHECKPOINT, note)


async def _close(asked: Iterable[Asked]) -> None:
    for one in asked:
        if one.way is not None:
            await one.way.close()


def _asked(one: tlog.policy.Witness, own: Witness, way: Callable[[str], Asks]) -> Asked:
    if one.key == own.signer.key:
        return Asked(one.name, one.key, Ourselves(own), ours=True)
    return Asked(one.name, one.key, None if one.url is None else way(one.url))
