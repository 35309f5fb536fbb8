"""That no decision came: stated once by who waits, sent to the silent one, kept by both, logged with the receipts.

The event that records a statement holds its signed bytes, so that a restart or a second clock states nothing anew; what
goes out is those bytes. Nothing acknowledges them, so a clock says them again a few times while nobody decides: a copy
that was lost is made up for. Who hears it keeps it too, once, where it speaks of a message that this agency was asked
by its sender. A partner's later decision changes nothing of it: it was true when it was said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from contracts import node_statement
from contracts.signing import NODE_STATEMENT
from referral.casework.case import Case, SilenceHeld
from referral.exchange import correspondence
from referral.store import Stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from contracts.envelope import OpenedStatement
    from contracts.node_statement import Silence
    from referral.exchange.batch import Batch
    from referral.node import Node
    from referral.store import Cursor, Store

SILENCE: Final = correspondence.SILENCE


def state(node: Node, case: Case, body: Silence, silent: Iterable[str], now: datetime) -> int:
    """State that these agencies were silent, as far as that was not stated yet; return of how many.

    Raises `Conflict` where the case has changed meanwhile: nothing was stated then.
    """
    said = [one for one in silent if not case.silence(body.content, node.agency, one)]
    for agency in said:
        raw = node_statement.compose(
            network=node.network.name,
            sender=node.agency,
            recipient=agency,
            body=body,
            sent_at=now,
            salt=node.draw(32),
        )
        signed = node.sign(NODE_STATEMENT, raw)
        held = SilenceHeld(
            agency=node.agency,
            silent=agency,
            respond_by=body.respond_by,
            warned_at=body.warned_at,
            recorded_at=now,
            statement=raw,
            skid=signed.skid,
            signature=signed.signature,
        )
        case.record_silence(body.content, held)

    def tell(cursor: Cursor) -> None:
        for agency in said:
            correspondence.owe(cursor, agency, SILENCE, [body.case, body.content], now)

    if said:
        node.store.save(case, rows=[tell])
    # The statements are recorded and owed. If we stop here they go out with the next turn.
    return len(said)


def say_again(cursor: Cursor, case: str, content_id: str, silent: str, now: datetime) -> None:
    """Let what was stated of a silence go out once more, as it was signed."""
    correspondence.owe(cursor, silent, SILENCE, [case, content_id], now)


def keep(batch: Batch, opened: OpenedStatement, body: Silence) -> bool:
    """Keep the first statement of a sender that we did not decide on a message of its own that asked us.

    Return whether it is news: a copy of what is kept is none.
    """
    case, said = batch.case(body.case), opened.statement
    entry = case.entries.get(body.content) if case is not None else None
    if case is None or entry is None or entry.content.sender != said.sender:
        return True
    if batch.node.agency not in {one.agency for one in entry.content.audience}:
        return True
    if case.silence(body.content, said.sender, batch.node.agency) is not None:
        return False
    held = SilenceHeld(
        agency=said.sender,
        silent=batch.node.agency,
        respond_by=body.respond_by,
        warned_at=body.warned_at,
        recorded_at=batch.now,
        statement=said.raw,
        skid=opened.skid,
        signature=opened.signature,
    )
    case.record_silence(body.content, held)
    return True


def stated_silences(store: Store) -> Iterator[Case.SilenceRecorded]:
    """Yield every statement of a silence that is stored and can be read, in the order of their coming."""
    position = 0
    while position < store.last_position():
        page = store.page(position, topics=(Case.SilenceRecorded.TOPIC,))
        for item in page.items:
            if isinstance(item, Stored) and isinstance(item.event, Case.SilenceRecorded):
                yield item.event
        position = page.end
