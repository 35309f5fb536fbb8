"""Erases a whole case: two functions decide, every key of it is destroyed, and only leaves, receipts and proofs stay.

The decision is durable first, then the keys go (sections, the log of reads, the case), then what the tables say of it,
with the record that it was done. A crash anywhere is resumed at the next start: what was decided is done.
Partners hold what they hold: a withdrawal asks them to erase, this does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from contracts.encoding import b64, blake, compact, parse, unb64
from contracts.labels import COMMAND, ERASURE
from contracts.node_statement import ERASURE_GROUNDS
from contracts.spoken import spoken_reference
from contracts.vocabulary import Function
from referral.audit.reads import reads_of
from referral.casework.case import Case
from referral.casework.erasure import Approval, CaseErasure
from referral.casework.intent import IntentRefused
from referral.errors import CaseUnknown
from referral.exchange.deliveries import seconds
from referral.store import Command, Stored, statements
from referral.store.errors import AggregateWrong, CommandRepeated
from referral.vault.errors import CaseErased

if TYPE_CHECKING:
    from collections.abc import Iterator

    from referral.node import Node
    from referral.store import Cursor, Store
    from referral.vault import Vault

SQL: Final = statements("referral", "erasing.sql")
PAGE: Final = 500
YOUNG: Final = timedelta(days=2)
REGISTER: Final = "register"  # who asked, where a restored store knows it from the register alone


@dataclass(frozen=True, slots=True)
class Erasure:
    """What a person decides: the case, on which ground, as which function, with which second one."""

    case: str
    ground: str
    function: str
    second: str

    def __post_init__(self) -> None:
        """Refuse what two people did not decide on a ground that there is."""
        if self.ground not in ERASURE_GROUNDS:
            raise IntentRefused(f"`ground`: It is one of {', '.join(ERASURE_GROUNDS)}.")
        for name, function in (("function", self.function), ("second", self.second)):
            if function not in tuple(Function):
                raise IntentRefused(f"`{name}`: It is one of {', '.join(Function)}.")
        if self.function == self.second:
            raise IntentRefused("`second`: It is another function than the first.")


@dataclass(frozen=True, slots=True)
class ErasedCase:
    """A case that was erased whole: when it was decided, on which ground, by whom, and when it was done."""

    case: str
    spoken: str
    ground: str
    function: str
    second: str
    decided_at: datetime
    erased_at: datetime | None


def erasure_of(vault: Vault, case: str) -> str:
    """Return the id of the history that says a case was erased at the node of this vault, 22 characters."""
    return b64(vault.name_own(ERASURE, unb64(case, 16)))


def erase(node: Node, wish: Erasure, *, key: str, principal: str) -> ErasedCase:
    """Erase a whole case; a retry under the same `key` gets the same answer, and so does one after a crash."""
    digest = blake(COMMAND, compact(["erase-case", wish.case, wish.ground, wish.function, wish.second]))
    answered = node.store.command(key)
    if answered is not None:
        case = str(parse(answered.to(principal, digest))["case"])
        return _finished(node, case)
    _check_held(node, wish.case)
    now = node.now().replace(microsecond=0)
    approval = Approval(wish.ground, wish.function, wish.second, principal, now)
    stream = erasure_of(node.vault, wish.case)
    decided = node.store.load(stream, CaseErasure)
    erasure = [] if decided is not None else [CaseErasure.request(stream, wish.case, approval)]
    try:
        node.store.save(*erasure, command=Command(key, principal, digest, compact({"case": wish.case})))
    except CommandRepeated as repeated:
        return _finished(node, str(parse(repeated.answer)["case"]))
    # It is decided. If we stop here the next start destroys the keys.
    return _finished(node, wish.case)


def _check_held(node: Node, case: str) -> None:
    if node.vault.is_case_erased(case):
        raise CaseErased
    try:
        held = node.history(case)
    except AggregateWrong:
        held = None  # the id of a log of reads: there is no such case
    if held is None:
        raise CaseUnknown


def resume(node: Node) -> int:
    """Finish what was decided before the process ended; return how many cases that were.

    What only the register knows was decided after the backup that this store comes from: it is decided here again.
    A list may have been written from what was read of a case before its key went: what is young is cleared once more.
    """
    _recall(node)
    found, now = erased_cases(node.store), node.now()
    open_ones = [one.case for one in found if one.erased_at is None]
    for case in open_ones:
        _finished(node, case)
    young = [one.case for one in found if one.erased_at is not None and now - one.erased_at < YOUNG]
    if young:
        with node.store.transaction() as cursor:
            for case in young:
                _clear(cursor, case, seconds(now))
    return len(open_ones)


def _recall(node: Node) -> None:
    """Decide again, as it was decided, what this store does not know of."""
    for case, decided, at in node.vault.decided_erasures():
        stream = erasure_of(node.vault, case)
        if node.store.load(stream, CaseErasure) is None:
            said = parse(decided.encode())
            approval = Approval(said["ground"], said["function"], said["second"], REGISTER, at)
            node.store.save(CaseErasure.request(stream, case, approval))


def _decided(erasure: CaseErasure) -> str:
    return compact({"ground": erasure.ground, "function": erasure.function, "second": erasure.second}).decode()


def _finished(node: Node, case: str) -> ErasedCase:
    """Destroy what is left of the keys, forget what the tables say, and record that it was done."""
    erasure = node.store.load(erasure_of(node.vault, case), CaseErasure)
    if erasure is None:
        raise CaseUnknown
    if erasure.done_at is None:
        node.vault.erase_sections(_sections(node.store, case))
        # The sections are gone. If we stop here the case still opens, and its sections are named again.
        node.vault.erase_case(reads_of(node.vault, case))
        node.vault.erase_case(case, _decided(erasure))
        # Nothing opens the case again. If we stop here the tables are cleared at the next start.
        node.forget(case)
        erasure.done(node.now())
        at = seconds(node.now())
        node.store.save(erasure, rows=[lambda cursor: _clear(cursor, case, at)])
    return _erased(erasure)


def _sections(store: Store, case: str) -> list[tuple[str, str]]:
    """Return (content id, commitment) of every section that is held of a case; none where it opens no more."""
    try:
        held = store.load(case, Case)
    except CaseErased:
        return []
    entries = {} if held is None else held.entries
    return [(name, commitment) for name, entry in entries.items() for commitment in sorted(entry.sections)]


def _clear(cursor: Cursor, case: str, at: int) -> None:
    for sql in SQL.values():
        cursor.execute(sql, {"case_id": case, "at": at})


def erased_cases(store: Store) -> list[ErasedCase]:
    """Return the cases that were erased whole, or are to be, in the order in which that was decided."""
    found: dict[Any, CaseErasure] = {}
    for stored in _events(store):
        event: Any = stored.event
        if isinstance(event, CaseErasure.Requested | CaseErasure.Done):
            changed = event.mutate(found.get(event.originator_id))
            if changed is not None:
                found[event.originator_id] = changed
    return [_erased(one) for one in found.values()]


def _events(store: Store) -> Iterator[Stored]:
    position = 0
    topics = (CaseErasure.Requested.TOPIC, CaseErasure.Done.TOPIC)
    while True:
        page = store.page(position, PAGE, topics)
        yield from (one for one in page.items if isinstance(one, Stored))
        if len(page.items) < PAGE:
            return
        position = page.end


def _erased(one: CaseErasure) -> ErasedCase:
    return ErasedCase(
        case=one.case,
        spoken=spoken_reference(one.case),
        ground=one.ground,
        function=one.function,
        second=one.second,
        decided_at=one.created_on,
        erased_at=one.done_at,
    )
