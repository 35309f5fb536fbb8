"""The second fold: `fold(messages, table)` gives what a golden history expects, written from the page alone.

Slow and plain on purpose (sets of ids, recursion over pasts), and without a line shared with the product, so that both
can be compared on any history.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from reference.case import Case

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reference.standing import Standing
    from reference.table import Message, Table


def fold(messages: Iterable[Message], table: Table, *, name: str = "golden") -> dict[str, Any]:
    """Return `registers`, `wide`, `verdicts`, `contested`, ... of a set of messages in the form of a golden history."""
    case = settled_case(list(messages), table)
    everything = frozenset(case.messages)
    standing = case.standing(everything)
    document = _document(case, standing, name)
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return {
        "registers": {register: standing.value(register) for register in sorted(standing.tips)},
        "wide": {register: standing.value(register) for register in ("hold", "risk", "travelling")},
        "verdicts": {m: list(case.verdict(m)) for m in sorted(everything)},
        "contested": [register for register in sorted(standing.tips) if standing.contested(register)],
        "overtaken": document["overtaken"],
        "against": document["against"],
        "missing": document["missing"],
        "flags": dict(document["flags"]),
        "fork": _fork(case),
        "digest_document": text,
        "digest": hashlib.blake2b(text.encode(), digest_size=32, person=b"LF1/standing").hexdigest(),
    }


def settled_case(messages: list[Message], table: Table) -> Case:
    """Return the case in which every effective `history-settled` has closed its gaps.

    One may stand behind a gap that another closes, so it is asked again until no further id is settled.
    """
    settled: frozenset[str] = frozenset()
    while True:
        case = Case(messages, table, settled)
        found = settled.union(
            *(case.act(m)["ids"] for m in case.messages if _settles(case, m) and case.verdict(m)[0] == "effective")
        )
        if found == settled:
            return case
        settled = found


def _settles(case: Case, m: str) -> bool:
    return str(case.messages[m]["kind"]) == "history-settled"


def _document(case: Case, standing: Standing, name: str) -> dict[str, Any]:
    verdicts = [[m, *case.verdict(m)] for m in sorted(case.messages)]
    return {
        "case": name,
        "procedure": case.table["procedure"],
        "registers": [[r, standing.value(r), sorted(standing.tips[r])] for r in sorted(standing.tips)],
        "overtaken": sorted(standing.overtaken),
        "against": sorted(standing.against),
        "verdicts": [entry for entry in verdicts if entry[1] != "effective"],
        "flags": [[m, ["clock"]] for m in sorted(case.messages) if case.late(m)],
        "missing": sorted(set().union(*(case.gaps(m) for m in case.messages))),
    }


def _fork(case: Case) -> list[str]:
    """Return the contents of one sender that are concurrent with another of it, both with a whole past."""
    whole = [m for m in sorted(case.messages) if case.whole(m)]
    return [m for m in whole if any(case.sender(m) == case.sender(n) and case.concurrent(m, n) for n in whole)]
