"""What this node holds, anchored in the log once an hour: the receipts as one root, the rows of its store as a chain.

A follower writes down the statements that came in, the outbox those that went out. When something has changed and an
hour has passed, a turn makes the root over them (0x02) and an anchor (0x03), submits both and keeps their proofs. An
anchor is a file of its own, numbered and naming the one before: a store restored from earlier is seen beside it.
The notary away delays proofs and nothing else: roots and anchors are made all the same, and wait. Submission is
idempotent, so that an index is not kept anywhere but in the proof.
Trust: the files hold heads of chains and ids of cases, nothing that opens; without them the log's entries say nothing.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from contracts import anchors, tlog
from contracts.anchors import Anchor, Chains, Head, Row
from contracts.encoding import b64
from contracts.node_statement import statement_id
from referral.audit.replay import view_digests
from referral.casework.case import Case
from referral.exchange.deliveries import seconds
from referral.following.follower import Follower
from referral.following.mirror import prove_entry
from referral.following.proofs import keep_proof, receipts_proof_file
from referral.store import statements

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from referral.following.proofs import LogClient
    from referral.node import Node
    from referral.store import Cursor, Stored

SQL: Final = statements("referral.following", "anchoring.sql")
FOLDER: Final = "anchors"
HOUR: Final = timedelta(hours=1)
PAUSE: Final = timedelta(seconds=5)  # between two looks for a checkpoint that has its quorum
PAGE: Final = 1000
AT_ONCE: Final = 16
NAME: Final = re.compile(r"([1-9][0-9]{0,8})\.json")
TOPICS: Final = (Case.ReceiptRecorded.TOPIC, Case.SilenceRecorded.TOPIC)


@dataclass(frozen=True, slots=True)
class Kept:
    """An anchor as it is kept: its number, its bytes, what they say."""

    number: int
    raw: bytes
    anchor: Anchor


class Anchoring:
    """Makes roots and anchors and their proofs; `turn` says how many."""

    def __init__(self, node: Node, proofs: Path, client: LogClient | None) -> None:
        """Anchor for `node`: proofs of roots go to `proofs`, anchors to the folder beside; no `client`, no anchors."""
        self._node = node
        self._proofs = proofs
        self._folder = proofs.with_name(FOLDER)
        self._client = client
        self._indices: dict[bytes, int] = {}
        self._unproven: list[int] | None = None
        self._looked: datetime | None = None
        self.follower = Follower("anchoring", TOPICS, _apply)

    async def turn(self) -> int:
        """Make what is due and prove what can be; raises `NotaryAway` or a refusal where the notary does not serve."""
        if self._client is None:
            return 0
        return await self._make() + await self._prove(self._client)

    # -- making ------------------------------------------------------------------------------------------------------

    async def _make(self) -> int:
        """Make the root and the anchor of the hour, where something has changed since the last."""
        now, last = self._node.now(), self._last()
        if not self._due(now):
            return 0
        with self._node.store.reading() as cursor:
            waiting = [row[0] for row in cursor.execute(SQL["waiting_statements"]).fetchall()]
        grown = self._node.store.last_position() != (last.anchor.events.position if last else 0)
        if grown:
            await self._anchor(last, now)
        # The anchor is in its file. If we stop here it is submitted by the next start, and the root is made by then.
        if grown or waiting:
            with self._node.store.transaction() as cursor:
                _add_tree(cursor, waiting, now)
                cursor.execute(SQL["keep_made_at"], {"at": seconds(now)})
        return int(grown) + int(bool(waiting))

    def _due(self, now: datetime) -> bool:
        """Say whether an hour has passed since the last time, or since this node began."""
        with self._node.store.reading() as cursor:
            row = cursor.execute(SQL["made_at"]).fetchone()
        if row is None:
            with self._node.store.transaction() as cursor:
                cursor.execute(SQL["keep_made_at"], {"at": seconds(now)})
            return False
        return not row[0] <= seconds(now) < row[0] + int(HOUR.total_seconds())

    def _last(self) -> Kept | None:
        """Return the newest anchor."""
        numbers = kept_numbers(self._folder)
        return read_kept(self._folder, numbers[-1]) if numbers else None

    async def _anchor(self, last: Kept | None, now: datetime) -> None:
        """Grow the chains by what is stored since the last anchor, and write the next one."""
        upto = self._node.store.last_position()
        # Of a store that was restored from before its last anchor the chains are made anew, from its first row.
        old = last if last is not None and last.anchor.events.position <= upto else None
        chains = Chains(old.anchor.events, old.anchor.reads) if old else Chains(Head(), Head())
        after = chains.events.position
        while rows := self._rows(after, upto):
            for row in rows:
                chains.add(row)
            after = rows[-1].position
            await asyncio.sleep(0)  # a message that came meanwhile goes first
        parts = anchors.write_parts(chains.parts)
        number = last.number + 1 if last else 1
        self._write(number, parts, anchors.write_anchor(self._document(number, last, now, chains, parts)))

    def _document(self, number: int, last: Kept | None, now: datetime, chains: Chains, parts: bytes) -> Anchor:
        return Anchor(
            network=self._node.network.name,
            agency=self._node.agency,
            number=number,
            previous=b64(anchors.anchor_hash(last.raw)) if last else None,
            made_at=now,
            events=chains.events,
            reads=chains.reads,
            views=view_digests(self._node.store),
            parts=anchors.parts_hash(parts),
            salt=self._node.draw(32),
        )

    def _rows(self, after: int, upto: int) -> list[Row]:
        with self._node.store.reading() as cursor:
            return rows_between(cursor, after, upto)

    def _write(self, number: int, parts: bytes, raw: bytes) -> None:
        self._folder.mkdir(exist_ok=True, mode=0o700)
        keep_proof(parts_file(self._folder, number), parts)
        # The parts are in their file. If we stop here the next turn writes them anew, with the anchor.
        keep_proof(anchor_file(self._folder, number), raw)
        self._unproven = None

    # -- proving -----------------------------------------------------------------------------------------------------

    async def _prove(self, client: LogClient) -> int:
        """Submit what is not in the log yet, and keep the proofs that can be made."""
        wanted = list(self._waiting())
        now = self._node.now()
        if not wanted or (self._looked is not None and self._looked <= now < self._looked + PAUSE):
            return 0
        new = [entry for entry, _, _ in wanted if entry not in self._indices]
        if new:
            self._indices |= dict(zip(new, await client.submit(new), strict=True))
        # The entries are in the log. If we stop here they are submitted again and get the same indices.
        done = 0
        for entry, target, tree in wanted:
            proof = await prove_entry(self._node, client, self._indices[entry], entry)
            if proof is None:
                self._looked = now
                break  # no checkpoint covers it yet, or its quorum does not stand
            self._keep(entry, target, proof, tree)
            done += 1
        return done

    def _waiting(self) -> Iterator[tuple[bytes, Path, int | None]]:
        """Yield what has no proof yet: the entry, where its proof goes, and the number of a root."""
        with self._node.store.reading() as cursor:
            rows = cursor.execute(SQL["unproven_trees"], {"limit": AT_ONCE}).fetchall()
        for number, root in rows:
            yield anchors.receipts_entry(root), receipts_proof_file(self._proofs, b64(root)), number
        if self._unproven is None:
            self._unproven = [
                one for one in kept_numbers(self._folder) if not anchor_proof_file(self._folder, one).is_file()
            ]
        for number in self._unproven[:AT_ONCE]:
            raw = anchor_file(self._folder, number).read_bytes()
            yield anchors.anchor_entry(raw), anchor_proof_file(self._folder, number), None

    def _keep(self, entry: bytes, target: Path, proof: bytes, tree: int | None) -> None:
        keep_proof(target, proof)
        # The proof is in its file. If we stop here the proof of a root is made once more.
        if tree is None:
            self._unproven = None
        else:
            with self._node.store.transaction() as cursor:
                cursor.execute(SQL["tree_proven"], {"number": tree, "at": seconds(self._node.now())})
        del self._indices[entry]


# -- statements and roots --------------------------------------------------------------------------------------------


def to_log(cursor: Cursor, raw: bytes) -> None:
    """Write down that a signed receipt or silence is to be logged with the next root."""
    cursor.execute(SQL["add_logged_statement"], {"statement": statement_id(raw)})


def _apply(cursor: Cursor, page: list[Stored]) -> None:
    for stored in page:
        if isinstance(stored.event, Case.ReceiptRecorded | Case.SilenceRecorded):
            to_log(cursor, stored.event.statement)


def _add_tree(cursor: Cursor, waiting: list[str], now: datetime) -> None:
    if not waiting:
        return
    root = tlog.tree_root(anchors.receipt_leaves(waiting))
    cursor.execute(SQL["add_tree"], {"root": root, "size": len(waiting), "made_at": seconds(now)})
    tree = cursor.execute(SQL["last_tree"]).fetchone()[0]
    placed = [{"tree": tree, "place": place, "statement": one} for place, one in enumerate(waiting)]
    for row in placed:
        cursor.execute(SQL["place_statement"], row)


@dataclass(frozen=True, slots=True)
class UnderRoot:
    """Where a signed statement is logged: the root of its hour, its place there, and the path from it to the root."""

    root: bytes
    size: int
    index: int
    hashes: tuple[bytes, ...]


def under_root(cursor: Cursor, raw: bytes) -> UnderRoot | None:
    """Return under which root a signed statement is, None where none was made over it yet."""
    if not cursor.execute(SQL["has_receipt_trees"]).fetchone()[0]:
        return None
    row = cursor.execute(SQL["place_of"], {"statement": statement_id(raw)}).fetchone()
    if row is None:
        return None
    tree, root, size, place = row
    leaves = anchors.receipt_leaves(one for (one,) in cursor.execute(SQL["leaves"], {"tree": tree}).fetchall())
    return UnderRoot(root, size, place, tlog.leaves_prover(leaves).inclusion(place, size))


# -- files -----------------------------------------------------------------------------------------------------------


def anchor_file(folder: Path, number: int) -> Path:
    """Return where an anchor is kept."""
    return folder / f"{number}.json"


def parts_file(folder: Path, number: int) -> Path:
    """Return where the parts of its stretch are kept."""
    return folder / f"{number}.parts"


def anchor_proof_file(folder: Path, number: int) -> Path:
    """Return where its proof is kept."""
    return folder / f"{number}{tlog.SUFFIX}"


def kept_numbers(folder: Path) -> list[int]:
    """Return the numbers of the anchors in a folder, the first first."""
    if not folder.is_dir():
        return []
    return sorted(int(found[1]) for one in folder.iterdir() if (found := NAME.fullmatch(one.name)))


def read_kept(folder: Path, number: int) -> Kept:
    """Return an anchor, or raise `AnchorRefused`."""
    raw = anchor_file(folder, number).read_bytes()
    return Kept(number, raw, anchors.read_anchor(raw))


def rows_between(cursor: Cursor, after: int, upto: int) -> list[Row]:
    """Return the next stored rows of a stretch, a page of them."""
    found = cursor.execute(SQL["rows"], {"after": after, "upto": upto, "limit": PAGE}).fetchall()
    return [Row(*row) for row in found]
