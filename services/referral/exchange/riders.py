"""Directory statements that ride in envelopes after a rotation, so that a recipient without the log can open them.

Ours ride until the recipient has shown that it knows them: it names a checkpoint that holds them (`seen`), or it has
receipted a message signed under the new key. A partner's new signing key counts by its rider alone where the identity
key that we know has signed it and its proof leads to a checkpoint with the policy's quorum; what restricts counts at
once. The log decides in the end: what rode here is replayed from there once it was read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from contracts import tlog
from contracts.directory import ROOT
from contracts.refusal import Refusal
from contracts.statements import (
    NewSigningKey,
    Recovery,
    Restriction,
    Rider,
    StatementRefused,
    logged_bytes,
    read_logged,
    read_riders,
    read_statement,
    write_riders,
)
from referral.store import statements

if TYPE_CHECKING:
    from collections.abc import Callable

    from contracts.statements import Statement
    from referral.node import Node
    from referral.store import Cursor, Store

SQL: Final = statements("referral.exchange", "riders.sql")
TABLES: Final = 3
AT_MOST: Final = 8


class Riders:
    """What rides in this node's envelopes."""

    def __init__(self, node: Node) -> None:
        """Look at what the log brought when something is sent."""
        self._node = node
        self._seen = 0  # how many statements of the log were looked at
        self._ours: list[tuple[int, Rider]] = []

    def for_partner(self, recipient: str, skid: str) -> bytes:
        """Return what rides to a partner with a letter signed under `skid`: nothing that it has shown to know."""
        ours = self._own()
        if not ours:
            return b""
        with self._node.store.reading() as cursor:
            row = cursor.execute(SQL["known_size"], {"agency": recipient}).fetchone()
        known = 0 if row is None else int(row[0])
        wanted = [(index, rider) for index, rider in ours if index >= known and _rides(rider, skid)][-AT_MOST:]
        return write_riders([Rider(rider.entry, self._proof(index)) for index, rider in wanted])

    def _own(self) -> list[tuple[int, Rider]]:
        """Return the statements of the log about us, by index."""
        new = self._node.replay.taken_after(self._seen)
        self._seen += len(new)
        for index, raw in new:
            statement = read_or_none(raw)
            if statement is not None and statement.link.subject == self._node.agency:
                self._ours.append((index, Rider(read_logged(raw), None)))
        return self._ours

    def _proof(self, index: int) -> bytes | None:
        with self._node.store.reading() as cursor:
            row = cursor.execute(SQL["statement_proof"], {"log_index": index}).fetchone()
        return None if row is None else bytes(row[0])


def proof_finder(store: Store) -> Callable[[int], bool]:
    """Return what tells whether the proof of our statement at an index of the log is there, so that it can ride."""
    known = set[int]()

    def is_proven(index: int) -> bool:
        if index not in known:
            with store.reading() as cursor:
                if cursor.execute(SQL["statement_proof"], {"log_index": index}).fetchone() is None:
                    return False
            known.add(index)
        return True

    return is_proven


def _rides(rider: Rider, skid: str) -> bool:
    body = read_statement(rider.entry.statement).body
    return rider.entry.id == skid or isinstance(body, Restriction)


def read_or_none(raw: bytes) -> Statement | None:
    """Return the statement of an entry, None where it is none."""
    try:
        return read_statement(read_logged(raw).statement)
    except StatementRefused:
        return None


def shows(cursor: Cursor, agency: str, size: int) -> None:
    """A partner has shown that it knows the log's first `size` entries."""
    if size > 0:
        cursor.execute(SQL["knows_log"], {"agency": agency, "size": size})


def shows_key(cursor: Cursor, node: Node, agency: str, skid: str) -> None:
    """A partner has verified a signature under one of our key statements."""
    key = node.directory.signing.get(skid)
    if key is not None and key.index != ROOT:
        shows(cursor, agency, key.index + 1)


def learn(node: Node, raw: bytes) -> bool:
    """Let a partner's riders count where they hold; say whether the directory has stepped on."""
    try:
        riders = read_riders(raw)
    except Refusal:
        return False
    learnt = [one for one in riders if _counts(node, one)]
    if learnt:
        node.directory = node.replay.directory
    return bool(learnt)


def _counts(node: Node, rider: Rider) -> bool:
    statement = read_statement(rider.entry.statement)
    if statement.id in node.directory.subjects:
        return False
    index = _proven_index(node, rider)
    if isinstance(statement.body, Restriction):
        index = node.seen.size if index is None else index
    elif not isinstance(statement.body, NewSigningKey | Recovery):
        return False
    if index is None:
        return False
    entry = logged_bytes(rider.entry)
    try:
        node.replay.ride(index, entry)
    except StatementRefused:
        return False
    with node.store.transaction() as cursor:
        cursor.execute(SQL["keep_rider"], {"id": statement.id, "log_index": index, "entry": entry})
    return True


def _proven_index(node: Node, rider: Rider) -> int | None:
    """Return the leaf to which a rider's proof leads under the quorum, None where it leads nowhere."""
    if rider.proof is None:
        return None
    try:
        policy = node.policy_at(tlog.read_checkpoint(tlog.read_proof(rider.proof).checkpoint)[0].size)
        return tlog.verify_proof(rider.proof, logged_bytes(rider.entry), policy).index
    except Refusal:
        return None


def ridden(store: Store) -> list[tuple[int, bytes]]:
    """Return what came in envelopes, to be replayed at the start."""
    with store.reading() as cursor:
        if cursor.execute(SQL["has_riders"]).fetchone()[0] < TABLES:
            return []
        return list(cursor.execute(SQL["riders"]).fetchall())
