"""What this node says to other nodes outside any case, written down when it is due and made when it is sent.

A row names a recipient, a type and a subject and nothing else, so that what goes out is what is true then: receipts
as they were first issued, contents as they are held, sections that may still be read. An equal row that waits is not
doubled; what was sent is forgotten, because a partner who missed it asks again (standing.md 5); requests to erase are
kept until they are answered (`erasures.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from contracts.content import Section
from contracts.encoding import compact
from contracts.node_statement import (
    MAX_IDS,
    Body,
    ErasureAnswer,
    GapRequest,
    Held,
    LogView,
    Returned,
    ReturnedContent,
    Sync,
)
from contracts.receipts import Receipt, gather
from referral.exchange.deliveries import SQL, seconds
from referral.exchange.holdings import held, nothing_held, readable_by, to_erase
from referral.following.convictions import note_to_show
from referral.store import statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from contracts.content import Erased
    from referral.casework.case import Entry
    from referral.node import Node
    from referral.store import Cursor

Said = Body | bytes  # the bytes of a statement that is answered by its id: the same in each copy

ERASURES: Final = statements("referral.exchange", "erasures.sql")
RECEIPTS: Final = "receipts"
GAP_REQUEST: Final = "gap-request"
RETURNED: Final = "returned"
SYNC: Final = "sync"
ASK_SYNC: Final = "ask-sync"  # a `sync` that names nothing as held, so that the partner says what it holds
ERASURE_REQUEST: Final = "erasure-request"
ERASURE_ANSWER: Final = "erasure-answer"
LOG_VIEW: Final = "log-view"
SILENCE: Final = "silence"
RETURNED_AT_ONCE: Final = 160_000  # bytes of contents and sections in one statement, as base64url within an envelope
AROUND_CONTENT: Final = 256  # bytes of a returned content besides its own: names, key statement, signature
AROUND_SECTION: Final = 256  # bytes of a section besides its body, or of what is left of one


@dataclass(frozen=True, slots=True)
class Due:
    """A row that waits: its number, how often it was asked for, for whom, of what type, about what."""

    row: int
    asked: int
    recipient: str
    type: str
    subject: tuple[str, ...]


def owe(cursor: Cursor, recipient: str, kind: str, subject: Iterable[str], now: datetime) -> None:
    """Write down that `recipient` is owed a statement of this type about this subject."""
    row = {"recipient": recipient, "type": kind, "subject": compact(list(subject)).decode(), "made_at": seconds(now)}
    cursor.execute(SQL["add_statement"], row)


def due(cursor: Cursor, limit: int, away: Iterable[str] = ()) -> list[Due]:
    """Return what waits: the oldest for each recipient, then the next ones; for those that are `away` at the end."""
    rows = cursor.execute(SQL["due_statements"], {"limit": limit, "away": json.dumps(list(away))}).fetchall()
    return [
        Due(row, asked, recipient, kind, tuple(json.loads(subject))) for row, asked, recipient, kind, subject in rows
    ]


def bodies(node: Node, cursor: Cursor, waiting: Iterable[Due]) -> Iterator[tuple[str, Said]]:
    """Yield (recipient, what is said) for the rows of `waiting`; receipts and heads for one go together, up to 64."""
    receipts: dict[str, list[Receipt]] = {}
    heads: dict[str, list[Held]] = {}
    for one in waiting:
        if one.type == RECEIPTS:
            receipts.setdefault(one.recipient, []).extend(issued(cursor, one.subject[0], one.recipient))
        elif one.type == ASK_SYNC:
            heads.setdefault(one.recipient, []).extend(nothing_held(case) for case in one.subject)
        elif one.type == SYNC:
            heads.setdefault(one.recipient, []).extend(found for case in one.subject if (found := held(node, case)))
        else:
            yield from ((one.recipient, body) for body in _body(node, cursor, one))
    for recipient, said in receipts.items():
        yield from ((recipient, body) for body in gather(said))
    for recipient, cases in heads.items():
        yield from ((recipient, Sync(tuple(cases[at : at + MAX_IDS]))) for at in range(0, len(cases), MAX_IDS))


def issued(cursor: Cursor, content_id: str, recipient: str) -> list[Receipt]:
    """Return the receipts issued to `recipient` for a message, first to last."""
    rows = cursor.execute(SQL["issued_receipts"], {"content_id": content_id, "recipient": recipient}).fetchall()
    return [Receipt(content_id, stage, datetime.fromtimestamp(at, UTC), reason or None) for stage, reason, at in rows]


def keep(cursor: Cursor, recipient: str, receipt: Receipt) -> None:
    """Keep a receipt as issued: the first of its stage stands for ever."""
    row = {"content_id": receipt.id, "recipient": recipient, "stage": receipt.stage, "reason": receipt.reason or ""}
    cursor.execute(SQL["issue_receipt"], row | {"at": seconds(receipt.at)})


def _body(node: Node, cursor: Cursor, one: Due) -> Iterator[Said]:
    case, *rest = one.subject
    match one.type:
        case "gap-request":
            yield GapRequest(case, tuple(rest))
        case "returned":
            yield from _returned(node, one.recipient, case, rest)
        case "log-view":
            yield from _shown(node, cursor, int(case))
        case "erasure-request":
            yield from _asked(node, cursor, case)
        case "erasure-answer":
            yield _answer(case, rest)
        case "silence":
            yield from _silence(node, one.recipient, case, rest[0])


def _shown(node: Node, cursor: Cursor, size: int) -> Iterator[LogView]:
    """Yield our signed checkpoint of a size, where we have none of it the latest."""
    note = note_to_show(cursor, node.network.log.origin, size)
    if note is not None:
        yield LogView(note)


def _asked(node: Node, cursor: Cursor, statement: str) -> Iterator[bytes]:
    """Yield a request to erase as it was made, unless it was answered or consent covers again what it names."""
    row = cursor.execute(ERASURES["erasure"], {"statement": statement}).fetchone()
    if row is not None:
        recipient, subject, raw = row
        case, *ids = json.loads(subject)
        if to_erase(node, case, recipient).issuperset(ids):
            yield raw


def _silence(node: Node, recipient: str, case: str, content_id: str) -> Iterator[bytes]:
    """Yield what was stated of the recipient's silence, as it was signed then."""
    history = node.history(case)
    said = None if history is None else history.case.silence(content_id, node.agency, recipient)
    if said is not None:
        yield said.statement


def _answer(request: str, rest: list[str]) -> ErasureAnswer:
    return ErasureAnswer(request, "retained", rest[0]) if rest else ErasureAnswer(request, "done")


def _length(entry: Entry, sections: Sequence[Section | Erased]) -> int:
    inner = sum(AROUND_SECTION + (len(one.body) if isinstance(one, Section) else 0) for one in sections)
    return AROUND_CONTENT + len(entry.content.raw) + inner


def _returned(node: Node, asker: str, case: str, ids: list[str]) -> Iterator[Body]:
    """Give back what is held, in statements that fit an envelope; a section that does not fit stays out."""
    history = node.history(case)
    if history is None:
        return
    batch: list[ReturnedContent] = []
    size = 0
    for content_id in ids:
        entry = history.entry(content_id)
        if entry is None:
            continue
        sections = readable_by(node, history, entry, asker)
        length = _length(entry, sections)
        if length > RETURNED_AT_ONCE:
            sections, length = (), _length(entry, ())
        if batch and size + length > RETURNED_AT_ONCE:
            yield Returned(tuple(batch))
            batch, size = [], 0
        batch.append(ReturnedContent(entry.content.raw, entry.skid, entry.signature, tuple(sections)))
        size += length
    if batch:
        yield Returned(tuple(batch))
