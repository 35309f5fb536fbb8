"""Every message held here, logged with the notary: its id submitted, its proof kept as a file that verifies offline.

A follower writes down what there is; a turn submits what is new and makes proofs of what a checkpoint covers. The
notary away delays nothing: messages flow, and proofs catch up (evidence.md 6). A message is submitted by its author;
a recipient reads the log's entries and finds it there, so that the notary does not learn which agencies share a case.
What is not found within a day the recipient submits itself: the log keeps one entry, and a message unlogged is worse.
A checkpoint that shrinks, or that gives one size another root, is kept out and raises an alarm.
Trust: the proof files are public knowledge to holders of the root file, and hold nothing that identifies a case.
"""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from contracts import tlog
from contracts.content import Seen
from contracts.encoding import b64, unb64
from contracts.refusal import Refusal
from referral.casework.case import Case
from referral.exchange.alarms import raise_alarm
from referral.exchange.deliveries import seconds
from referral.following.follower import Follower
from referral.following.proofs import LogClient, NotaryAway, proof_file
from referral.store import statements

if TYPE_CHECKING:
    from pathlib import Path

    from referral.node import Node
    from referral.store import Cursor, Stored

SQL: Final = statements("referral.following", "witnessing.sql")
TOPICS: Final = (Case.MessageSent.TOPIC, Case.MessageReceived.TOPIC)
BATCH: Final = 512
PATIENCE: Final = timedelta(days=1)  # until a recipient submits what its author has not
LOG_REWRITTEN: Final = "log-rewritten"


class Witnessing:
    """Submits and proves; `turn` says how much it did."""

    def __init__(self, node: Node, proofs: Path, client: LogClient | None) -> None:
        """Keep proofs in the folder `proofs`; without a `client` nothing is logged, and the register says so."""
        self._node = node
        self._proofs = proofs
        self._client = client
        self._policy = tlog.read_policy(node.network.policy.encode())
        self._tiles: dict[str, tuple[bytes, ...]] = {}
        self.follower = Follower("witnessing", TOPICS, self._apply, _forget)
        held = self._held()
        if held is not None:
            node.seen = Seen(held.size, b64(held.root))

    def _apply(self, cursor: Cursor, page: list[Stored]) -> None:
        for stored in page:
            if isinstance(stored.event, (Case.MessageSent, Case.MessageReceived)):
                ours = isinstance(stored.event, Case.MessageSent)
                row = {"content_id": stored.event.content_id, "case_id": stored.case, "ours": int(ours)}
                cursor.execute(SQL["add_message"], row | {"since": seconds(stored.event.timestamp)})

    async def turn(self) -> int:
        """Submit one batch and make the proofs that can be made; a notary that is away is tried again by the caller."""
        if self._client is None:
            return 0
        return await self._submit(self._client) + await self._prove(self._client)

    async def _submit(self, client: LogClient) -> int:
        with self._node.store.reading() as cursor:
            overdue = seconds(self._node.now() - PATIENCE)
            rows = cursor.execute(SQL["unsubmitted"], {"limit": BATCH, "overdue": overdue}).fetchall()
        if not rows:
            return 0
        ids = [row[0] for row in rows]
        indices = await client.submit([tlog.message_entry(unb64(one, 32)) for one in ids])
        # The entries are in the log. If we stop here they are submitted again and get the same indices.
        with self._node.store.transaction() as cursor:
            for content_id, index in zip(ids, indices, strict=True):
                cursor.execute(SQL["submitted"], {"content_id": content_id, "log_index": index})
        return len(ids)

    async def _prove(self, client: LogClient) -> int:
        with self._node.store.reading() as cursor:
            waiting = cursor.execute(SQL["any_waiting"]).fetchone()
        if waiting is None:
            return 0
        note = await client.fetch("checkpoint")
        opened = tlog.open_checkpoint(note, self._policy.log_keys, self._policy.witness_keys).checkpoint
        if not self._keep(opened, note):
            return 0
        await self._find(client, opened.size)
        with self._node.store.reading() as cursor:
            rows = cursor.execute(SQL["unproven"], {"size": opened.size, "limit": BATCH}).fetchall()
        if not rows:
            return 0
        found = await self._fetch_tiles(client, [index for _, index in rows], opened.size)
        proven, doubted = [], []
        for content_id, index in rows:
            try:
                hashes = tlog.prove(index, opened.size, found.__getitem__, self._tiles)
                self._write(content_id, tlog.LogProof(index, hashes, note).encode())
            except Refusal:
                doubted.append(content_id)
            else:
                proven.append(content_id)
            await asyncio.sleep(0)  # each waits for the disk: a message that came meanwhile goes first
        # The proofs are in their files. If we stop here they are made again.
        self._note(proven, doubted)
        if doubted:
            raise NotaryAway
        return len(proven)

    def _note(self, proven: list[str], doubted: list[str]) -> None:
        """Write down what is proven; where what the log served does not lead to its own root, it is asked again."""
        with self._node.store.transaction() as cursor:
            for content_id in proven:
                cursor.execute(SQL["proven"], {"content_id": content_id, "at": seconds(self._node.now())})
            for content_id in doubted:
                for name in ("forget_index", "forget_entries"):
                    cursor.execute(SQL[name], {"content_id": content_id})
        if doubted:
            self._tiles.clear()

    async def _find(self, client: LogClient, size: int) -> None:
        """Read the entries of the log that were not read yet, if a partner's message is looked for."""
        with self._node.store.reading() as cursor:
            looked_for = cursor.execute(SQL["looked_for"]).fetchone()
            read = int(cursor.execute(SQL["entries_read"]).fetchone()[0])
        if looked_for is None:
            return
        for number in range(read // tlog.TILE_WIDTH, -(-size // tlog.TILE_WIDTH)):
            bundle = tlog.tile_at(None, number, size)
            if bundle is not None:
                entries = tlog.read_bundle(await client.fetch(bundle.path), bundle.width)
                self._mirror(number * tlog.TILE_WIDTH, entries)
        with self._node.store.transaction() as cursor:
            cursor.execute(SQL["find_in_log"])

    def _mirror(self, first: int, entries: tuple[bytes, ...]) -> None:
        """Keep what a bundle holds; an entry counts only once a proof leads from it to a signed root."""
        rows = [(b64(entry[1:]), first + place) for place, entry in enumerate(entries)]
        with self._node.store.transaction() as cursor:
            cursor.executemany(SQL["add_entry"], rows)

    async def _fetch_tiles(self, client: LogClient, indices: list[int], size: int) -> dict[str, bytes]:
        wanted = [path for path in tlog.tiles_needed(indices, size) if path not in self._tiles]
        return {path: await client.fetch(path) for path in wanted}

    def _held(self) -> tlog.Checkpoint | None:
        origin = self._node.network.log.origin
        with self._node.store.reading() as cursor:
            row = cursor.execute(SQL["checkpoint"], {"origin": origin}).fetchone()
        return None if row is None else tlog.Checkpoint(origin, row[0], row[1])

    def _keep(self, found: tlog.Checkpoint, note: bytes) -> bool:
        """Keep a checkpoint that goes on from ours; one that does not raises an alarm and is not used."""
        held = self._held()
        rewritten = held is not None and (
            found.size < held.size or (found.size == held.size and found.root != held.root)
        )
        row = {"origin": found.origin, "size": found.size, "root": found.root, "note": note}
        with self._node.store.transaction() as cursor:
            if rewritten:
                raise_alarm(cursor, LOG_REWRITTEN, "", found.origin, self._node.now())
                return False
            cursor.execute(SQL["keep_checkpoint"], row)
        self._node.seen = Seen(found.size, b64(found.root))
        return True

    def _write(self, content_id: str, proof: bytes) -> None:
        """Verify a proof and put it into its file, whole or not at all."""
        tlog.verify_proof(proof, tlog.message_entry(unb64(content_id, 32)), self._policy)
        target = proof_file(self._proofs, content_id)
        passing = target.with_suffix(".part")
        with passing.open("wb") as file:
            file.write(proof)
            file.flush()
            os.fsync(file.fileno())
        passing.replace(target)

    def waiting(self) -> int:
        """Return how many messages have no proof yet."""
        with self._node.store.reading() as cursor:
            return int(cursor.execute(SQL["waiting"]).fetchone()[0])


def _forget(cursor: Cursor) -> None:
    cursor.execute(SQL["forget_messages"])
