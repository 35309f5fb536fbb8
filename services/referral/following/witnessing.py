"""Every message held here, logged with the notary: its id submitted, its proof kept as a file that verifies offline.

A follower writes down what there is; a turn submits what is new and makes proofs of what a checkpoint covers. The
notary away delays nothing: messages flow, and proofs catch up (evidence.md 6). A message is submitted by its author;
a recipient reads the log's entries and finds it there, so that the notary does not learn which agencies share a case.
What is not found within a day the recipient submits itself: the log keeps one entry, and a message unlogged is worse.
A checkpoint that shrinks, or that gives one size another root, is kept out and raises an alarm.
A proof is kept as soon as the entry is logged. Where the policy asks for witnesses it is made again under the notary's
latest checkpoint whose quorum stands: until then it says *logged*, from then on *witnessed*.
Trust: the proof files are public knowledge to holders of the root file, and hold nothing that identifies a case.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from contracts import tlog
from contracts.encoding import unb64
from contracts.refusal import Refusal
from referral.casework.case import Case
from referral.exchange.alarms import raise_alarm
from referral.exchange.deliveries import seconds
from referral.following.follower import Follower
from referral.following.mirror import LOG_REWRITTEN
from referral.following.proofs import LogClient, NotaryAway, NotaryRefused, keep_proof, proof_file
from referral.store import statements

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from referral.node import Node
    from referral.store import Cursor, Stored

SQL: Final = statements("referral.following", "witnessing.sql")
TOPICS: Final = (Case.MessageSent.TOPIC, Case.MessageReceived.TOPIC)
BATCH: Final = 512
BATCHES: Final = 64  # submissions of one turn
PATIENCE: Final = timedelta(days=1)  # until a recipient submits what its author has not
WITNESSED: Final = "v1/witnessed"


class Witnessing:
    """Submits and proves; `turn` says how much it did."""

    def __init__(self, node: Node, proofs: Path, client: LogClient | None) -> None:
        """Keep proofs in the folder `proofs`; without a `client` nothing is logged, and the register says so."""
        self._node = node
        self._proofs = proofs
        self._client = client
        self._tiles: dict[str, tuple[bytes, ...]] = {}
        self.follower = Follower("witnessing", TOPICS, self._apply, _forget)

    @property
    def _policy(self) -> tlog.Policy:
        """The policy that the log has stated last, else the root file's; a checkpoint is judged by that at its size."""
        return self._node.policies.policies.latest

    def _open(self, note: bytes) -> tuple[tlog.Checkpoint, tuple[str, ...]]:
        """Return a checkpoint of our log, and which witnesses of its policy have cosigned it."""
        log = tlog.read_key(self._node.network.log.key)
        head = tlog.open_checkpoint(note, [log]).checkpoint
        policy = self._node.policy_at(head.size)
        opened = tlog.open_checkpoint(note, [log], policy.witness_keys)
        return head, policy.cosigners(one.key for one in opened.cosigned)

    def _apply(self, cursor: Cursor, page: list[Stored]) -> None:
        for stored in page:
            if isinstance(stored.event, (Case.MessageSent, Case.MessageReceived)):
                ours = isinstance(stored.event, Case.MessageSent)
                row = {"content_id": stored.event.content_id, "case_id": stored.case, "ours": int(ours)}
                cursor.execute(SQL["add_message"], row | {"since": seconds(stored.event.timestamp)})

    async def turn(self) -> int:
        """Submit what waits and make a batch of proofs; a notary that is away is tried again by the caller.

        After an outage all is submitted before the first proof: an entry says since when a message was.
        """
        if self._client is None:
            return 0
        done = 0
        for _ in range(BATCHES):
            submitted = await self._submit(self._client)
            done += submitted
            if submitted < BATCH:
                break
        return done + await self._prove(self._client) + await self._witness(self._client)

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
        head, _ = self._open(note)
        if not self._keep(head, note):
            return 0
        self._find()
        with self._node.store.reading() as cursor:
            rows = cursor.execute(SQL["unproven"], {"size": head.size, "limit": BATCH}).fetchall()
        if not rows:
            return 0
        return await self._prove_rows(client, rows, head, note)

    async def _witness(self, client: LogClient) -> int:
        """Make proofs again under the quorum, of what was logged without it."""
        if not self._policy.asks_for_witnesses:
            return 0
        with self._node.store.reading() as cursor:
            if cursor.execute(SQL["any_unwitnessed"]).fetchone() is None:
                return 0
        try:
            note = await client.fetch(WITNESSED)
        except NotaryRefused:
            return 0  # no checkpoint has its quorum yet
        head, signers = self._open(note)
        if not self._node.policy_at(head.size).witnessed_by(signers) or self._is_rewritten(head):
            return 0
        with self._node.store.reading() as cursor:
            rows = cursor.execute(SQL["unwitnessed"], {"size": head.size, "limit": BATCH}).fetchall()
        return await self._prove_rows(client, rows, head, note) if rows else 0

    async def _prove_rows(
        self, client: LogClient, rows: list[tuple[str, int]], head: tlog.Checkpoint, note: bytes
    ) -> int:
        """Make and keep the proofs of these messages at their indices; return how many."""
        found = await self._fetch_tiles(client, [index for _, index in rows], head.size)
        reader = tlog.TileReader(head.size, found.__getitem__, self._tiles)
        proven, doubted = dict[str, bool](), []
        for content_id, index in rows:
            try:
                raw = tlog.LogProof(index, reader.inclusion(index), note).encode()
                proven[content_id] = self._write(content_id, raw)
            except Refusal:
                doubted.append(content_id)
            await asyncio.sleep(0)  # each waits for the disk: a message that came meanwhile goes first
        # The proofs are in their files. If we stop here they are made again.
        self._note(proven, doubted)
        if doubted:
            raise NotaryAway
        return len(proven)

    def _note(self, proven: Mapping[str, bool], doubted: list[str]) -> None:
        """Write down what is proven, and whether witnessed; where what was served leads nowhere, it is asked again."""
        with self._node.store.transaction() as cursor:
            for content_id, witnessed in proven.items():
                cursor.execute(SQL["proven"], {"content_id": content_id, "at": seconds(self._node.now())})
                later = self._policy.asks_for_witnesses and not witnessed
                cursor.execute(SQL["unwitness" if later else "witnessed"], {"content_id": content_id})
            for content_id in doubted:
                cursor.execute(SQL["forget_index"], {"content_id": content_id})
        if doubted:
            self._tiles.clear()

    def _find(self) -> None:
        """Look for partners' messages in what is mirrored of the log."""
        with self._node.store.reading() as cursor:
            looked_for = cursor.execute(SQL["looked_for"]).fetchone()
        if looked_for is None:
            return
        with self._node.store.transaction() as cursor:
            cursor.execute(SQL["find_in_log"])

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
        rewritten = held is not None and (found.size < held.size or self._is_rewritten(found))
        row = {"origin": found.origin, "size": found.size, "root": found.root, "note": note}
        with self._node.store.transaction() as cursor:
            if rewritten:
                raise_alarm(cursor, LOG_REWRITTEN, "", found.origin, self._node.now())
                return False
            cursor.execute(SQL["keep_checkpoint"], row)
        return True

    def _is_rewritten(self, found: tlog.Checkpoint) -> bool:
        """Return whether a checkpoint gives another root to the size that is held."""
        held = self._held()
        return held is not None and found.size == held.size and found.root != held.root

    def _write(self, content_id: str, proof: bytes) -> bool:
        """Verify a proof and put it into its file, whole or not at all; return whether it is witnessed."""
        entry = tlog.message_entry(unb64(content_id, 32))
        logged = tlog.verify_at(proof, entry, self._node.policy_at)
        target = proof_file(self._proofs, content_id)
        if self._policy.asks_for_witnesses and not logged.witnessed and self._is_witnessed(target, entry):
            return True  # after a rebuild: what is kept says more
        keep_proof(target, proof)
        return logged.witnessed

    def _is_witnessed(self, kept: Path, entry: bytes) -> bool:
        try:
            return tlog.verify_at(kept.read_bytes(), entry, self._node.policy_at).witnessed
        except (OSError, tlog.LogProofRefused):
            return False

    def waiting(self) -> int:
        """Return how many messages have no proof yet."""
        with self._node.store.reading() as cursor:
            return int(cursor.execute(SQL["waiting"]).fetchone()[0])


def _forget(cursor: Cursor) -> None:
    cursor.execute(SQL["forget_messages"])
