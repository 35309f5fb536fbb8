"""Side registers: what a holder's own side contents say, folded apart from the core, the strongest tip first.

"Folded by each holder over what it holds, no members, no gaps, no digest, strongest of the tips wins; only protective
readings may use it" (icp.v1.toml, `side = "held"`).

Source: standing.md 3, Consent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.standing.fold import in_order
from contracts.standing.history import History
from contracts.standing.judgement import Case, judge
from contracts.standing.message import EFFECTIVE, VOID, Message, Outcome, Register, Verdict
from contracts.standing.past import Past

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from contracts.procedure import Procedure


def consents(procedure: Procedure, messages: Iterable[Message]) -> Mapping[str, Register]:
    """Return the side registers over all contents that the holder holds, core ones included.

    Core contents set nothing here; they only carry `after`, so that a consent given anew lies behind the one before.
    """
    history = History(procedure, frozenset())
    for message in in_order({one.id: one for one in messages if one.kind in procedure.kinds}):
        past = history.place(message)[0]
        case = Case(message, message.act, Past(history, past, judge), gap=False)
        held = case.kind.side == "held"
        sets = case.sets(case.variant(), flagged=False) if held else {}
        history.append(message, past, gap=False, outcome=Outcome(Verdict(EFFECTIVE if held else VOID), sets))
    whole = Past(history, (1 << len(history.messages)) - 1, judge)
    return {name: Register(whole.value(name), history.ids(whole.tips(name))) for name in sorted(history.setters)}
