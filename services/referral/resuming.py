"""The word of two people after a restore: a case is opened before its partners answer, or a copy is said to be off.

Each is a command: a retry under the same key gets the same answer and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - the answer of the API is typed by it
from typing import TYPE_CHECKING, Any

from contracts.encoding import blake, compact, instant, instant_text, parse
from contracts.labels import COMMAND
from referral.errors import CaseUnknown
from referral.exchange.recovery import Opening, open_case, resume
from referral.store import Command
from referral.store.errors import AggregateWrong, CommandRepeated

if TYPE_CHECKING:
    from collections.abc import Callable

    from referral.node import Node
    from referral.store import Cursor

    Write = Callable[[Cursor, datetime], None]


@dataclass(frozen=True, slots=True)
class Decided:
    """What two people decided: about which case (none: the node), as which functions, when."""

    case: str
    function: str
    second: str
    at: datetime


def open_waiting(node: Node, case: str, opening: Opening, *, key: str, principal: str) -> Decided:
    """Open a case for sending; `NotRecovering`, `CaseUnknown`."""
    try:
        held = node.history(case)
    except AggregateWrong:
        held = None  # the id of a log of reads: there is no such case
    if held is None:
        raise CaseUnknown
    asked = (key, principal)
    return _decide(node, case, opening, asked, lambda cursor, at: open_case(cursor, case, opening, principal, at))


def say_copy_is_off(node: Node, opening: Opening, *, key: str, principal: str) -> Decided:
    """Go on after a copy was found and ended; `NotRecovering`."""
    return _decide(node, "", opening, (key, principal), lambda cursor, at: resume(cursor, opening, principal, at))


def _decide(node: Node, case: str, opening: Opening, asked: tuple[str, str], write: Write) -> Decided:
    key, principal = asked
    digest = blake(COMMAND, compact(["recovery", case, opening.function, opening.second]))
    answered = node.store.command(key)
    if answered is not None:
        return _decided(parse(answered.to(principal, digest)))
    at = node.now().replace(microsecond=0)
    said = {"case": case, "function": opening.function, "second": opening.second, "at": instant_text(at)}
    try:
        node.store.save(command=Command(key, principal, digest, compact(said)), rows=[lambda cursor: write(cursor, at)])
    except CommandRepeated as repeated:
        return _decided(parse(repeated.answer))
    # It is decided and answered. If we stop here the retry gets the answer.
    return _decided(said)


def _decided(said: dict[str, Any]) -> Decided:
    return Decided(said["case"], said["function"], said["second"], instant(said["at"]))
