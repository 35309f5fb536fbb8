"""Both folds on one history: the first difference between them, and the smallest history that still shows it.

The product is asked in four ways (all at once in a random arrival order, one message withheld, that message given back,
one message after the other), the reference answers for the same set of messages each time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import contracts.procedure
from contracts import standing
from reference.fold import fold
from reference.histories import LONGEST, draw
from reference.table import instant, read_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.table import Message

    Folding = Callable[[list[Message]], dict[str, Any]]

TABLE = read_table(Path(contracts.procedure.__file__).parents[1] / "procedures" / "icp.v1.toml")
CASE = "golden"


@dataclass(frozen=True)
class Difference:
    """A history on which the folds part: how the product was asked, and what each says where they differ."""

    way: str
    messages: list[Message]
    expected: dict[str, Any]
    got: dict[str, Any]

    def __str__(self) -> str:
        """Return the minimised history in the form of a golden file, with what the product says beside it."""
        ids = {key: self.got[key] for key in self.got if self.got[key] != self.expected[key]}
        shown = {"title": self.way, "messages": self.messages, "expect": self.expected, "product": ids}
        return json.dumps(shown, indent=1, sort_keys=True)


def all_at_once(messages: list[Message]) -> dict[str, Any]:
    """Return what the product's `fold` says."""
    return _seen(_fold(messages))


def one_by_one(messages: list[Message]) -> dict[str, Any]:
    """Return what the product says after adding the messages in this order to an empty case."""
    found = _fold([])
    for message in messages:
        found = found.add(_message(message))
    return _seen(found)


def last_given_back(messages: list[Message]) -> dict[str, Any]:
    """Return what the product says after folding all but the last and adding that."""
    return _seen(_fold(messages[:-1]).add(_message(messages[-1])))


WAYS: dict[str, Folding] = {
    "all at once": all_at_once,
    "one by one": one_by_one,
    "last given back": last_given_back,
}


def first_difference(seed: int, longest: int = LONGEST) -> Difference | None:
    """Draw the history of a seed (at most `longest` messages) and return where the folds part on it, or None."""
    rng = Random(seed)
    history = draw(rng, TABLE, longest)
    arriving = rng.sample(history, len(history))
    without = arriving[:-1]
    expected, expected_without = (fold(messages, TABLE, name=CASE) for messages in (arriving, without))
    if all_at_once(without) != expected_without:
        return minimised("all at once", without)
    for way, ask in WAYS.items():
        if ask(arriving) != expected:
            return minimised(way, arriving)
    return None


def differs(way: str, messages: list[Message]) -> bool:
    """Whether the folds part on these messages."""
    return WAYS[way](messages) != fold(messages, TABLE, name=CASE)


def minimised(way: str, messages: list[Message]) -> Difference:
    """Take messages away as long as the folds still part, and return what is left."""
    smaller = True
    while smaller:
        smaller = False
        for message in reversed(messages):
            rest = [m for m in messages if m is not message]
            if rest and differs(way, rest):
                messages, smaller = rest, True
    return Difference(way, messages, fold(messages, TABLE, name=CASE), WAYS[way](messages))


def _fold(messages: list[Message]) -> standing.Standing:
    procedure = contracts.procedure.procedure("icp.v1")
    return standing.fold(procedure, [_message(m) for m in messages], case=CASE, procedure_name="icp.v1")


def _message(message: Message) -> standing.Message:
    due = message.get("respond_by")
    return standing.Message(
        id=message["id"],
        kind=message["kind"],
        sender=message["sender"],
        role=message["role"],
        function=message.get("function", ""),
        act=message["act"],
        after=tuple(message["after"]),
        audience=tuple((agency, role) for agency, role in message["audience"]),
        sent_at=instant(message["sent_at"]),
        respond_by=instant(due) if due else None,
        case_fits=message.get("case_fits", True),
        in_reply_to=message.get("in_reply_to"),
        supersedes=message.get("supersedes"),
        other_case=tuple(message.get("other_case", ())),
        other_procedure=message.get("other_procedure", False),
    )


def _seen(found: standing.Standing) -> dict[str, Any]:
    """Return the product's standing in the form of a golden history."""
    return {
        "registers": {name: register.value for name, register in found.registers.items()},
        "wide": dict(found.wide()),
        "verdicts": {m: [verdict.name, verdict.rule] for m, verdict in found.verdicts.items()},
        "contested": sorted(found.contested),
        "overtaken": sorted(found.overtaken),
        "against": sorted(found.against),
        "missing": sorted(found.missing),
        "flags": {m: sorted(flags) for m, flags in found.flags.items()},
        "fork": sorted(found.forks),
        "digest_document": found.document().decode(),
        "digest": found.digest(),
    }
