"""A recipient's signed word on messages: R1 stored, R3 opened, F refused or lost; no set of it contradicts itself.

A receipt is an item of one signed statement over up to 64 content ids of one stage (evidence.md 5); it is itself never
receipted, and made again on demand. `issue` decides what may be said next about one message, `judge` what a set says.

Rules, for one message and one recipient:
- R1 follows nothing, a refusal (then it is a late delivery, and says so), or a loss (stored again);
- R3 follows R1 in force; F lost-after-r1 follows R1 or R3; any other F follows nothing: what was stored is not refused;
- who asks again is given what was said first, never a new word and never an error;
- each new word is later than the one before by a second at least, whatever the clock does: their order is their times.

Whoever judges may hold only some of the words: R3 or a loss without R1 means that R1 is elsewhere. What no honest
recipient ever says is that it refuses what it had stored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from contracts import shape
from contracts.encoding import instant, instant_text
from contracts.refusal import FormatRefused, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Stage = Literal["R1", "R3", "F"]
Phase = Literal["none", "refused", "stored", "opened", "lost"]

STORED: Final = "R1"
OPENED: Final = "R3"
FAILED: Final = "F"
LOST: Final = "lost-after-r1"
REASONS: Final = ("bad-envelope", "bad-signature", "format", "not-member", "cannot-open", LOST)
MAX_ITEMS: Final = 64

_SECOND: Final = timedelta(seconds=1)


class ReceiptContradicts(Refusal):
    """What was said about this message before does not allow this receipt; look the message up in the register."""

    code = "receipt-contradicts"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One word about one message: its content id, the stage, for F the reason, and when (UTC, whole seconds)."""

    id: str
    stage: Stage
    at: datetime
    reason: str | None = None

    def __post_init__(self) -> None:
        """A failure has a reason, and nothing else has one."""
        if (self.stage == FAILED) != (self.reason is not None):
            raise FormatRefused("F has a reason; R1 and R3 have none.")
        object.__setattr__(self, "at", self.at.replace(microsecond=0))


@dataclass(frozen=True, slots=True)
class Receipts:
    """The body of one signed statement: a stage, up to 64 items (content id, reason or none), one time."""

    stage: Stage
    items: tuple[tuple[str, str | None], ...]
    at: datetime

    def each(self) -> tuple[Receipt, ...]:
        """Return the receipts that this statement holds, one for each item."""
        return tuple(Receipt(name, self.stage, self.at, reason) for name, reason in self.items)


@dataclass(frozen=True, slots=True)
class Account:
    """What a recipient's receipts say about one message.

    `late`: refused first, stored after. `contradictory`: no honest recipient says all of this, in this order.
    """

    phase: Phase = "none"
    reason: str | None = None
    stored_at: datetime | None = None
    opened_at: datetime | None = None
    late: bool = False
    contradictory: bool = False


def issue(said: Sequence[Receipt], wish: Receipt) -> Receipt:
    """Return the receipt to send when `wish` is asked for and `said` (in its order) was issued for this message before.

    The result is one of `said` when that is the answer already; otherwise it is new, to be stored before it is sent.
    Raises `ReceiptContradicts` where the wish cannot be true beside what was said.
    """
    if any(receipt.id != wish.id for receipt in said):
        raise ValueError("These receipts are about another message.")
    phase = judge(said).phase
    again = _said_already(said, wish, phase)
    if again is not None:
        return again
    if phase not in _MAY_FOLLOW[_word(wish)]:
        raise ReceiptContradicts
    if said and wish.at <= said[-1].at:
        return replace(wish, at=said[-1].at + _SECOND)
    return wish


def _said_already(said: Sequence[Receipt], wish: Receipt, phase: Phase) -> Receipt | None:
    """Find the word in force that answers `wish`: R1 until lost, R3 for good, the first refusal until stored."""
    word = _word(wish)
    if phase not in _ANSWERED_IN[word]:
        return None
    period = [receipt for receipt in said if _word(receipt) == word]
    if word == "stored":
        lost = max((place for place, receipt in enumerate(said) if receipt.reason == LOST), default=-1)
        period = [receipt for place, receipt in enumerate(said) if place > lost and receipt.stage == STORED]
    elif word == "lost":
        period = period[-1:]
    return period[0] if period else None


def judge(receipts: Iterable[Receipt]) -> Account:
    """Return what a set of receipts of one recipient about one message says; repetitions say nothing more."""
    account = Account()
    for receipt in sorted(set(receipts), key=lambda receipt: (receipt.at, _RANK[_word(receipt)], receipt.reason or "")):
        account = _after(account, receipt)
    return account


def _after(account: Account, receipt: Receipt) -> Account:
    word = _word(receipt)
    if word == "refused":
        if account.phase == "none":
            return replace(account, phase=word, reason=receipt.reason)
        return account if account.phase == "refused" else replace(account, contradictory=True)
    late = account.late or account.phase == "refused"
    stored = account.stored_at or (receipt.at if word == "stored" else None)
    opened = account.opened_at or (receipt.at if word == "opened" else None)
    return replace(account, phase=word, reason=receipt.reason, stored_at=stored, opened_at=opened, late=late)


def gather(receipts: Iterable[Receipt]) -> tuple[Receipts, ...]:
    """Return the statements that hold these receipts: by time and stage, ids sorted, at most 64 in each.

    The same receipts always give the same statements, whatever their order.
    """
    kept: dict[tuple[datetime, Stage], list[tuple[str, str | None]]] = {}
    for receipt in sorted(set(receipts), key=lambda receipt: (receipt.at, receipt.stage, receipt.id)):
        kept.setdefault((receipt.at, receipt.stage), []).append((receipt.id, receipt.reason))
    return tuple(
        Receipts(stage, tuple(items[first : first + MAX_ITEMS]), at)
        for (at, stage), items in kept.items()
        for first in range(0, len(items), MAX_ITEMS)
    )


def read_body(value: object) -> Receipts:
    """Read the body of a node statement of type `receipts`; raises `FormatRefused`."""
    found = shape.record(value, _BODY, closed=True)
    if len({name for name, _ in found["items"]}) != len(found["items"]):
        raise FormatRefused("`items`: A content id stands twice.")
    if any((reason is None) == (found["stage"] == FAILED) for _, reason in found["items"]):
        raise FormatRefused("`items`: F has a reason; R1 and R3 have none.")
    return Receipts(**found)


def write_body(body: Receipts) -> Mapping[str, Any]:
    """Return the JSON value of a body."""
    items = [[name] if reason is None else [name, reason] for name, reason in body.items]
    return {"stage": body.stage, "items": items, "at": instant_text(body.at)}


def _item(value: object) -> tuple[str, str | None]:
    if not isinstance(value, list) or len(value) not in {1, 2}:
        raise FormatRefused("An item is a content id, and for F a reason.")
    return shape.ID(value[0]), None if len(value) == 1 else _REASON(value[1])


def _word(receipt: Receipt) -> Literal["refused", "stored", "opened", "lost"]:
    if receipt.stage == STORED:
        return "stored"
    if receipt.stage == OPENED:
        return "opened"
    return "lost" if receipt.reason == LOST else "refused"


_MAY_FOLLOW: Final[Mapping[str, frozenset[Phase]]] = {
    "refused": frozenset({"none"}),
    "stored": frozenset({"none", "refused", "lost"}),
    "opened": frozenset({"stored"}),
    "lost": frozenset({"stored", "opened"}),
}
_ANSWERED_IN: Final[Mapping[str, frozenset[Phase]]] = {
    "refused": frozenset({"refused"}),
    "stored": frozenset({"stored", "opened"}),
    "opened": frozenset({"stored", "opened"}),
    "lost": frozenset({"lost"}),
}
_RANK: Final = {"refused": 0, "stored": 1, "opened": 2, "lost": 3}
_REASON = shape.one_of(*REASONS)
_BODY: Final[Mapping[str, shape.Reader[Any]]] = {
    "stage": shape.one_of(STORED, OPENED, FAILED),
    "items": shape.array(_item, least=1, most=MAX_ITEMS),
    "at": instant,
}
