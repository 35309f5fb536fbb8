"""What a partner's node statement changes here: receipts are kept, questions are owed an answer, heads are compared.

Every type of standing.md 5 has one function. What a statement names and we do not hold changes nothing and is not
told.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from contracts.encoding import b64
from contracts.envelope import EnvelopeRefused, OpenedStatement, Parked, open_returned
from contracts.node_statement import (
    ErasureAnswer,
    ErasureRequest,
    GapRequest,
    Held,
    LogView,
    Returned,
    Silence,
    Sync,
    ids_hash,
)
from contracts.receipts import STORED, Receipts
from referral.casework.case import Erased, ReceiptHeld
from referral.exchange import correspondence, recovery, silences
from referral.exchange.alarms import end_alarm, raise_alarm
from referral.exchange.deliveries import NO_RECEIPT, SQL, seconds
from referral.exchange.erasures import WITHDRAWN, answered
from referral.exchange.gaps import answer_gap, entitled
from referral.exchange.holdings import open_sections
from referral.exchange.parking import Waits
from referral.exchange.riders import shows_key
from referral.following import log_views

if TYPE_CHECKING:
    from collections.abc import Iterable

    from contracts.receipts import Receipt
    from referral.casework.case import Case, Entry
    from referral.exchange.batch import Batch
    from referral.store import Cursor

SYNC_PAUSE: Final = timedelta(minutes=10)
UNEQUAL: Final = "equal-sets-unequal-standing"
SILENCE: Final = "partner-says-silent"
NOT_ERASED: Final = "erasure-retained"


def answer(batch: Batch, opened: OpenedStatement) -> None:
    """Do what this statement asks, as far as its sender may ask it."""
    match opened.statement.body:
        case Receipts() as body:
            _keep_receipts(batch, opened, body)
        case GapRequest() as body:
            _owe_contents(batch, opened.statement.sender, body)
        case Returned() as body:
            _take_back(batch, opened.statement.sender, body)
        case Sync() as body:
            _compare(batch, opened.statement.sender, body)
        case ErasureRequest() as body:
            _erase(batch, opened, body)
        case ErasureAnswer() as body:
            _keep_answer(batch, opened.statement.sender, body)
        case Silence() as body:
            if _shares(batch, opened.statement.sender, body.case) and silences.keep(batch, opened, body):
                _alarm(batch, SILENCE, body.case, opened.statement.sender)
        case LogView() as body:
            _keep_view(batch, opened.statement.sender, body)


def _keep_receipts(batch: Batch, opened: OpenedStatement, body: Receipts) -> None:
    """Keep each receipt in the history of its case, the first of each stage; one for what we do not hold is let go."""
    sender = opened.statement.sender
    by_case: dict[str, list[Receipt]] = {}
    with batch.node.store.reading() as cursor:
        for receipt in body.each():
            row = {"content_id": receipt.id, "recipient": sender}
            found = cursor.execute(SQL["deliveries_to"], row).fetchone()
            if found is not None:
                by_case.setdefault(found[0], []).append(receipt)
                if receipt.stage == STORED:
                    _acknowledge(batch, found[0], receipt.id, sender)
    for case_id, receipts in by_case.items():
        case = batch.case(case_id)
        if case is not None:
            _record(batch, case, opened, receipts)


def _acknowledge(batch: Batch, case_id: str, content_id: str, sender: str) -> None:
    """End what was sent once more after its receipt: the repeated receipt, which is no news, is the answer to it."""
    row = {"content_id": content_id, "recipient": sender, "at": seconds(batch.now)}

    def write(cursor: Cursor) -> None:
        if cursor.execute(SQL["end_again"], row).rowcount:
            end_alarm(cursor, NO_RECEIPT, case_id, f"{content_id} {sender}", batch.now)

    batch.write(write)


def _record(batch: Batch, case: Case, opened: OpenedStatement, receipts: list[Receipt]) -> None:
    sender = opened.statement.sender
    for skid in {case.entries[one.id].skid for one in receipts if one.stage == STORED and one.id in case.entries}:
        batch.write(partial(shows_key, node=batch.node, agency=sender, skid=skid))
    new = [one for one in receipts if case.holds(one.id) and case.says_more(sender, one)]
    if not new:
        return
    held = ReceiptHeld(
        agency=sender,
        stage=new[0].stage,
        reason="",
        at=new[0].at,
        recorded_at=batch.now,
        statement=opened.statement.raw,
        skid=opened.skid,
        signature=opened.signature,
    )
    case.record_receipt(held, tuple((one.id, one.reason or "") for one in new))


def _owe_contents(batch: Batch, asker: str, request: GapRequest) -> None:
    if batch.case(request.case) is None:
        return
    ids = entitled(batch.node, batch.history(request.case), asker, request.ids)
    batch.write(lambda cursor: answer_gap(cursor, asker, request.case, ids, batch.now))


def _take_back(batch: Batch, returned_by: str, body: Returned) -> None:
    """Contents given back are verified as if they came from their authors; what is not, or waits, is passed over."""
    for returned in body.contents:
        try:
            opened = open_returned(returned, batch.addressee)
            batch.store(opened, returned_by=returned_by)
        except (EnvelopeRefused, Parked, Waits):
            continue


def _shares(batch: Batch, partner: str, case_id: str) -> bool:
    """Say whether `partner` is a member of a case that we hold."""
    return batch.case(case_id) is not None and partner in batch.history(case_id).standing.members()


def _knows(batch: Batch, case: Case, partner: str) -> bool:
    """Say whether `partner` knows of a case by right: it is in it, or wrote something that is held of it."""
    wrote = any(entry.content.sender == partner for entry in case.entries.values())
    return wrote or batch.history(case.case).includes(partner)


def _compare(batch: Batch, partner: str, body: Sync) -> None:
    """Compare what a partner holds with what we hold; tell it where it lacks something."""
    for one in body.cases:
        recovery.heard(batch, partner, one)
        if not one.count and _shares(batch, partner, one.case):
            _give_back_sides(batch, partner, one.case)
    lacking = [held.case for held in body.cases if _lacks(batch, partner, held)]
    batch.write(lambda cursor: _tell(batch, cursor, partner, lacking))


def _give_back_sides(batch: Batch, partner: str, case_id: str) -> None:
    """Give a partner that relies on nothing it holds what `sync` does not speak of: side messages to it and from it."""
    history, kinds = batch.history(case_id), batch.node.procedure.kinds
    sides = [
        name
        for name, entry in history.case.entries.items()
        if (kind := kinds.get(entry.content.kind)) is not None and not kind.core
    ]
    ids = entitled(batch.node, history, partner, sides)
    batch.write(lambda cursor: answer_gap(cursor, partner, case_id, ids, batch.now))


def _lacks(batch: Batch, partner: str, theirs: Held) -> bool:
    """Compare a partner's heads with ours: ask for what we lack, alarm on unequal standings of equal sets.

    Return whether it lacks something that we hold.
    """
    if not _shares(batch, partner, theirs.case):
        return False
    history = batch.history(theirs.case)
    ids = history.core_ids
    if theirs.count == len(ids) and theirs.ids == ids_hash(ids):
        equal = theirs.digest == b64(bytes.fromhex(history.standing.digest()))
        change = end_alarm if equal else raise_alarm
        batch.write(lambda cursor: change(cursor, UNEQUAL, theirs.case, partner, batch.now))
        return False
    unknown = [head for head in theirs.heads if head not in history.case.entries]
    if unknown:
        batch.owe(partner, correspondence.GAP_REQUEST, [theirs.case, *sorted(unknown)])
    return not unknown


def _tell(batch: Batch, cursor: Cursor, partner: str, cases: list[str]) -> None:
    """Tell a partner that lacks something what we hold, at most once in ten minutes."""
    row = cursor.execute(SQL["last_sync"], {"agency": partner}).fetchone()
    if not cases or (row is not None and seconds(batch.now - SYNC_PAUSE) < row[0] <= seconds(batch.now)):
        return
    for case_id in cases:
        correspondence.owe(cursor, partner, correspondence.SYNC, [case_id], batch.now)
    cursor.execute(SQL["synced"], {"agency": partner, "at": seconds(batch.now)})


def _erase(batch: Batch, opened: OpenedStatement, request: ErasureRequest) -> None:
    """Erase the sections of contents that the asker wrote; the keys go first, and a crash after that is resumed.

    What the asker did not write is not its to have erased: it is passed over. Who is not in the case and wrote nothing
    of it hears nothing, so that nobody can ask whether there is such a case.
    """
    case = batch.case(request.case)
    sender = opened.statement.sender
    if _was_erased(batch, request, sender):
        batch.owe(sender, correspondence.ERASURE_ANSWER, [opened.statement.id])
        return
    if case is None or not _knows(batch, case, sender):
        return
    pairs = [
        (content_id, commitment)
        for content_id in request.ids
        if (entry := case.entries.get(content_id)) is not None and entry.content.sender == sender
        for commitment in sorted(_meant(batch, case, entry, request.ground))
        if (content_id, commitment) not in case.erased
    ]
    batch.node.vault.erase_sections(pairs)
    # The keys are gone. If we stop here the request is read again and the erasures are recorded then.
    for content_id, commitment in pairs:
        case.erase_section(content_id, commitment, Erased(request.ground, sender, batch.now))
    if pairs:
        batch.changed(request.case)
    batch.owe(sender, correspondence.ERASURE_ANSWER, [opened.statement.id])


def _was_erased(batch: Batch, request: ErasureRequest, sender: str) -> bool:
    """Say whether this node has erased the whole case, and has told `sender` before that it held something of it."""
    if not batch.node.vault.is_case_erased(request.case):
        return False
    with batch.node.store.reading() as cursor:
        return any(correspondence.issued(cursor, content_id, sender) for content_id in request.ids)


def _keep_view(batch: Batch, sender: str, body: LogView) -> None:
    """Keep the checkpoint that a partner shows, and show it ours; what it is worth is seen in a turn of its own."""
    network = batch.node.network
    batch.write(lambda cursor: log_views.take(cursor, network, sender, body.checkpoint, batch.now))


def _keep_answer(batch: Batch, sender: str, body: ErasureAnswer) -> None:
    """End the request that this answers; what a partner keeps is told to a person."""

    def write(cursor: Cursor) -> None:
        case = answered(cursor, body.request, sender, batch.now)
        if body.answer == "retained":
            raise_alarm(cursor, NOT_ERASED, case or "", sender, batch.now)

    batch.write(write)


def _meant(batch: Batch, case: Case, entry: Entry, ground: str) -> Iterable[str]:
    """Return the sections of a message that a request means.

    A withdrawal means what it shuts; where it is not held here yet, all that rests on consent. What never rested on
    consent, or rests on other consents that stand, is not taken from those who still need it.
    """
    if ground != WITHDRAWN:
        return entry.sections
    history = batch.history(case.case)
    found = list(open_sections(batch.node, case, entry))
    gone = [name for name, one in found if one is None]  # a crash may stand before the event that says so
    here = [(name, one) for name, one in found if one is not None]
    shut = [name for name, one in here if history.withdrawn(entry, one, batch.node.agency)]
    return gone + (shut or [name for name, one in here if history.rests_on_consent(entry.content, one.name)])


def _alarm(batch: Batch, code: str, case_id: str, subject: str) -> None:
    batch.write(lambda cursor: raise_alarm(cursor, code, case_id, subject, batch.now))
