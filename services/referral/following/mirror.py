"""The notary's log, mirrored whole: every entry read and led to the root that the notary signed; the directory from it.

A bundle is believed because what is held of the log, with it, gives a signed root: so the log only grows, and a log
that was rewritten or forked raises an alarm and is not read on. Message ids are kept to find partners' messages, and
directory statements to replay them: what permits counts once the policy's quorum stands over it, what restricts counts
when it is seen. Which policy judges a checkpoint, the log says itself below it. A statement about this agency that it
did not make raises an alarm that only a person ends.
Start needs no notary: what was mirrored is replayed from the store.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from contracts import tlog
from contracts.content import Seen
from contracts.directory import LogReplay
from contracts.encoding import b64
from contracts.refusal import Refusal
from contracts.statements import StatementRefused, read_logged, read_statement
from referral.exchange.alarms import raise_alarm
from referral.exchange.riders import ridden
from referral.following import convictions, quorum, tree
from referral.following.proofs import LogClient, NotaryAway, NotaryRefused
from referral.following.quorum import Stood
from referral.store import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from contracts.directory import Policies
    from contracts.network import Network
    from referral.node import Node
    from referral.store import Cursor, Store

SQL: Final = statements("referral.following", "mirror.sql")
PAUSE: Final = timedelta(seconds=5)  # between two looks at a log that nothing here waits for
TOGETHER: Final = 32  # bundles of one transaction
TABLES: Final = 3
WITNESSED: Final = "v1/witnessed"  # the notary's latest checkpoint with its quorum
LOG_REWRITTEN: Final = "log-rewritten"
STATEMENT_NOT_OURS: Final = "statement-not-ours"

Placed = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Held:
    """What is held of the log: its first `size` entries under `root`; its quorum stood over the first `settled`."""

    size: int = 0
    root: bytes = tlog.EMPTY_ROOT
    peaks: tuple[bytes, ...] = ()
    settled: int = 0


class Mirror:
    """Reads the log of one node's network; `steps` counts the steps of the directory."""

    def __init__(self, node: Node, client: LogClient | None, folder: Path) -> None:
        """Go on from the store; without a `client` there is nothing to read. Convictions are kept in `folder`."""
        self._node = node
        self._client = client
        self._folder = folder
        self._held = held(node.store, node.network)
        node.seen = Seen(self._held.size, b64(self._held.root))
        if client is not None:
            node.quorum = quorum.kept(node.store, node.network)
        self._written = node.quorum
        self._looked: datetime | None = None
        self._looking = asyncio.Lock()
        self.steps = 0

    async def turn(self, *, wanted: bool) -> int:
        """Read what the log has grown by; at once where it is `wanted`, else every few seconds. Return how much it was.

        Raises `NotaryAway` or a refusal where what was served does not hold; nothing has changed then.
        """
        async with self._looking:
            return await self._turn(wanted=wanted)

    async def _turn(self, *, wanted: bool) -> int:
        now = self._node.now()
        if self._client is None:
            return 0
        if not wanted and self._looked is not None and self._looked <= now < self._looked + PAUSE:
            return 0
        note = await self._client.fetch("checkpoint")
        self._looked = now
        head, before = tlog.open_checkpoint(note, [self._log_key]).checkpoint, self._held
        if head.size < before.size or (head.size == before.size and head.root != before.root):
            self._rewritten(head.origin, self._against(head, note))
            return 0
        grown = head.size > before.size or self._lacks_tree()
        peaks, found = await self._read(self._client, head, note) if grown else (before.peaks, [])
        stood = await self._settled(self._client, self._node.policies.after(found), head, note)
        if not grown and stood.size == before.settled and self._has_note():
            self._hear(stood)
            return 0
        changed = self._keep(Held(head.size, head.root, peaks, stood.size), found, note)
        self._hear(stood)
        return changed

    @property
    def _log_key(self) -> tlog.NoteKey:
        return tlog.read_key(self._node.network.log.key)

    async def _settled(self, client: LogClient, policies: Policies, head: tlog.Checkpoint, latest: bytes) -> Stood:
        """Return how much of the log its quorum stands over, as far as the notary has shown it.

        Each checkpoint is judged by the policy that the log states below its size.
        """
        before = self._held.settled
        stood = self._stood(policies, latest)
        if stood is not None:
            return stood
        try:
            note = await client.fetch(WITNESSED)
        except NotaryRefused:
            return Stood(before)  # no checkpoint has its quorum yet
        older, stood = tlog.open_checkpoint(note, [self._log_key]).checkpoint, self._stood(policies, note)
        if stood is None or not before <= older.size <= head.size:
            return Stood(before)
        if older.size == before and older.root == self._root_at(before):
            return stood
        committed = await self._committed(client, (older.size, older.root), head)
        if committed is not None:
            self._rewritten(head.origin, tlog.Conviction(note, latest, *committed))
            return Stood(before)
        return stood

    def _stood(self, policies: Policies, note: bytes) -> Stood | None:
        """Return since when the quorum stands over a checkpoint; None where it does not."""
        size = tlog.open_checkpoint(note, [self._log_key]).checkpoint.size
        policy = policies.at(size)
        opened = tlog.open_checkpoint(note, [self._log_key], policy.witness_keys)
        if not policy.satisfied_by(policy.cosigners(one.key for one in opened.cosigned)):
            return None
        return Stood(size, quorum.stated(policy, opened, self._node.now()))

    def _root_at(self, size: int) -> bytes | None:
        """Return the root of the first so many entries that are held; None where no tree was kept."""
        if self._lacks_tree():
            return None
        with self._node.store.reading() as cursor:
            return tree.reader(cursor, self._held.size).root_at(size)

    def _hear(self, stood: Stood) -> None:
        """Know when the quorum stood, of a log that goes on from ours."""
        self._node.quorum = quorum.after(self._node.quorum, stood, self._node.now())
        if quorum.is_news(self._written, self._node.quorum):
            self._written = self._node.quorum
            with self._node.store.transaction() as cursor:
                quorum.keep(cursor, self._node.network.log.origin, self._written)

    def _has_note(self) -> bool:
        """Say whether the checkpoint of what is held is kept, to be shown."""
        with self._node.store.reading() as cursor:
            return convictions.note_at(cursor, self._node.network.log.origin, self._held.size) is not None

    def _lacks_tree(self) -> bool:
        """Say whether this store was written by a release that kept no tree: the log is read again then."""
        with self._node.store.reading() as cursor:
            return tree.tree_size(cursor) < self._held.size

    async def _read(
        self, client: LogClient, head: tlog.Checkpoint, note: bytes
    ) -> tuple[tuple[bytes, ...], list[Placed]]:
        """Read up to `head`; return the peaks of what is held then and the statements among what is new."""
        frontier = tlog.Frontier() if self._lacks_tree() else tlog.Frontier(self._held.size, self._held.peaks)
        found: list[Placed] = []
        while frontier.size < head.size:
            rows: list[tuple[str, int]] = []
            leaves: list[bytes] = []
            start = frontier.size
            for _ in range(TOGETHER):
                for place, entry in await _bundle(client, frontier.size, head.size):
                    leaves.append(tlog.leaf_hash(entry))
                    frontier.add(leaves[-1])
                    if entry[0] == tlog.STATEMENT and place >= self._held.size:
                        found.append((place, entry))
                    elif entry[0] == tlog.MESSAGE:
                        rows.append((b64(entry[1:]), place))
                if frontier.size == head.size:
                    break
            with self._node.store.transaction() as cursor:
                cursor.executemany(SQL["add_entry"], rows)
                tree.grow(cursor, start, leaves)
            # These do not count yet. If we stop here they are read again, or forgotten where they lead nowhere.
            await asyncio.sleep(0)
        if frontier.root() != head.root:
            with self._node.store.transaction() as cursor:
                cursor.execute(SQL["forget_unproven_entries"], {"size": self._held.size})
            await self._explain(client, head, note)
        return tuple(frontier.peaks), found

    async def _explain(self, client: LogClient, head: tlog.Checkpoint, note: bytes) -> None:
        """What was read does not lead to the root. Alarm where the log's own tiles show that it was rewritten."""
        committed = await self._committed(client, (self._held.size, self._held.root), head)
        if committed is not None:
            with self._node.store.reading() as cursor:
                ours = convictions.note_at(cursor, head.origin, self._held.size)
            self._rewritten(head.origin, None if ours is None else tlog.Conviction(ours, note, *committed))
        raise NotaryAway

    async def _committed(
        self, client: LogClient, old: tuple[int, bytes], head: tlog.Checkpoint
    ) -> tuple[bytes, tuple[bytes, ...]] | None:
        """Return the root to which `head` commits instead of an older size's, with the proof; None where it goes on.

        By tiles that lead to its own root: what is not genuine raises `NotaryAway`.
        """
        served = {path: await client.fetch(path) for path in _consistency_paths(old[0], head.size)}
        try:
            reader = tlog.TileReader(head.size, served.__getitem__)
            genuine, found = reader.root() == head.root, (reader.root_at(old[0]), reader.consistency(old[0]))
        except Refusal:
            raise NotaryAway from None
        if not genuine:
            raise NotaryAway
        return None if found[0] == old[1] else found

    def _against(self, head: tlog.Checkpoint, note: bytes) -> tlog.Conviction | None:
        """Return what convicts the log where it shows us a checkpoint inside what is held."""
        with self._node.store.reading() as cursor:
            return convictions.against(cursor, head, note, self._held.size)

    def _rewritten(self, origin: str, found: tlog.Conviction | None) -> None:
        """Alarm, and keep what convicts the log where we have it."""
        if found is not None:
            convictions.write(self._folder, found)
        # The file is there. If we stop here the next look writes it again under the same name.
        with self._node.store.transaction() as cursor:
            raise_alarm(cursor, LOG_REWRITTEN, "", origin, self._node.now())

    def _keep(self, now_held: Held, found: Sequence[Placed], note: bytes) -> int:
        """Write down what was read and led to a signed root, alarm over what is not ours, and step the directory.

        Return how much has changed.
        """
        row = {"size": now_held.size, "root": now_held.root, "peaks": b"".join(now_held.peaks)}
        origin = self._node.network.log.origin
        with self._node.store.transaction() as cursor:
            cursor.executemany(SQL["add_statement"], found)
            cursor.execute(SQL["keep_mirrored"], row | {"origin": origin, "settled": now_held.settled})
            convictions.keep_note(cursor, origin, now_held.size, note, self._node.now())
            self._look_for_ourselves(cursor, found)
        # What was read is durable. If we stop here the next start replays the directory from it.
        before, self._held = self._held, now_held
        directory = self._node.directory
        if found or now_held.settled > before.settled:
            self._node.policies.take(found)
            self._node.replay.advance(found, now_held.settled)
            self._node.directory = self._node.replay.directory
        self._node.seen = Seen(now_held.size, b64(now_held.root))
        # Where a key is doubted, a leaf decides too.
        stepped = self._node.directory != directory or bool(directory.refused or directory.outages)
        self.steps += stepped
        return now_held.size - before.size + stepped

    def _look_for_ourselves(self, cursor: Cursor, found: Sequence[Placed]) -> None:
        """A statement that names us and that we did not make: whoever made it, a person must know."""
        for _, entry in found:
            try:
                statement = read_statement(read_logged(entry).statement)
            except StatementRefused:
                continue
            if statement.link.subject == self._node.agency and not self._node.own.is_ours(statement.id):
                raise_alarm(cursor, STATEMENT_NOT_OURS, "", statement.id, self._node.now())


def held(store: Store, network: Network) -> Held:
    """Return what the store holds of the network's log."""
    with store.reading() as cursor:
        if cursor.execute(SQL["has_mirror"]).fetchone()[0] < TABLES:
            return Held()
        row = cursor.execute(SQL["mirrored"], {"origin": network.log.origin}).fetchone()
    if row is None:
        return Held()
    peaks = tuple(row[2][at : at + tlog.HASH_SIZE] for at in range(0, len(row[2]), tlog.HASH_SIZE))
    return Held(row[0], row[1], peaks, row[3])


def stated(cursor: Cursor) -> list[Placed]:
    """Return (index, entry) of each directory statement of the log, as far as a store has mirrored it."""
    if cursor.execute(SQL["has_mirror"]).fetchone()[0] < TABLES:
        return []
    return list(cursor.execute(SQL["log_statements"]).fetchall())


def replayed(store: Store, network: Network) -> LogReplay:
    """Return the directory of a root file and of what the store holds of its log; needs no notary."""
    replay = LogReplay(network.name, network.governors, network.statements)
    settled = held(store, network).settled
    with store.reading() as cursor:
        replay.advance(stated(cursor), settled)
    for index, entry in ridden(store):
        with suppress(StatementRefused):
            replay.ride(index, entry)
    return replay


def leaf_finder(store: Store, network: Network) -> Callable[[str], int | None]:
    """Return what tells at which index the log holds a message, None where it is not known to."""

    def leaf_of(content_id: str) -> int | None:
        with store.reading() as cursor:
            if cursor.execute(SQL["has_mirror"]).fetchone()[0] < TABLES:
                return None
            row = cursor.execute(SQL["leaf_of"], {"entry": content_id, "origin": network.log.origin}).fetchone()
        return None if row is None else int(row[0])

    return leaf_of


async def prove_entry(node: Node, client: LogClient, index: int, entry: bytes) -> bytes | None:
    """Return the proof of an entry under a checkpoint with the policy's quorum, None while there is none over it."""
    asks = node.policies.policies.latest.asks_for_witnesses
    for path in ("checkpoint", WITNESSED) if asks else ("checkpoint",):
        try:
            note = await client.fetch(path)
        except NotaryRefused:
            continue
        head = tlog.open_checkpoint(note, [tlog.read_key(node.network.log.key)]).checkpoint
        if index >= head.size:
            continue
        served = {one: await client.fetch(one) for one in tlog.tiles_needed([index], head.size)}
        proof = tlog.LogProof(index, tlog.prove(index, head.size, served.__getitem__), note).encode()
        try:
            tlog.verify_proof(proof, entry, node.policy_at(head.size))
        except tlog.QuorumMissing:
            continue
        return proof
    return None


async def _bundle(client: LogClient, start: int, size: int) -> list[Placed]:
    """Return the entries from `start` to the end of its bundle, as a log of `size` has them."""
    number = start // tlog.TILE_WIDTH
    tile = tlog.tile_at(None, number, size)
    if tile is None:
        raise NotaryAway
    entries = tlog.read_bundle(await client.fetch(tile.path), tile.width)
    first = number * tlog.TILE_WIDTH
    placed = list(enumerate(entries, start=first))[start - first :]
    if not all(entry for _, entry in placed):
        raise NotaryAway
    return placed


def _consistency_paths(old: int, size: int) -> list[str]:
    """Return the paths of all tiles that a root and a consistency proof need."""
    asked: dict[str, None] = {}

    def blank(path: str) -> bytes:
        asked[path] = None
        return bytes(tlog.HASH_SIZE * tlog.read_path(path).width)

    reader = tlog.TileReader(size, blank)
    reader.root()
    reader.root_at(old)
    reader.consistency(old)
    return list(asked)
