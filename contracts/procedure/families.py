"""Reads the registers and the stops of the table: `[register.F]`, `[stops]`.

Source: icp.v1.toml, "HOW TO READ IT".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from contracts.procedure.rule import Family

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contracts.procedure.line import Line

_KEYS: Final = ("order", "pick", "settle", "members", "in_order", "side", "scope")
NEEDED: Final = ("member", "seat", "responsible")
UNSET: Final = "none"


def read_families(line: Line) -> Mapping[str, Family]:
    """Return the register families; those that the membership rules read must be there."""
    found = {name: _family(name, below) for name, below in line.names()}
    for name in NEEDED:
        if name not in found:
            line.refuse(f"{name} is missing: membership reads it.")
    return found


def _family(name: str, line: Line) -> Family:
    line.only(_KEYS)
    if name == "travelling":
        line.refuse("this cannot name a register family.")
    order, pick, settle = line.maybe("order"), line.maybe("pick"), line.maybe("settle")
    if (order is None) == (pick is None):
        line.refuse("exactly one of order and pick says how tips become a value.")
    if settle and not order and settle.word(("up", "one")) == "up":
        settle.refuse("up needs an order.")
    values = order.codes() if order else ()
    if order and UNSET in values:
        order.refuse("a register that nobody has set is none: no value is called so.")
    steps, before, unless = _steps(line.maybe("in_order"), values)
    return Family(
        name=name,
        order=values,
        pick=pick.word(("lowest_id", "earliest")) if pick else "",
        settle=settle.word(("up", "one")) if settle else "",
        members=_yes(line.maybe("members")),
        steps=steps,
        steps_before=before,
        steps_unless=unless,
        side=_yes(line.maybe("side")),
        scope=_yes(line.maybe("scope")),
        rank={value: at for at, value in enumerate(values)},
    )


def _steps(line: Line | None, values: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Return the values of `in_order`, its `after` and its `unless`, all of the family's order."""
    if line is None:
        return frozenset(), frozenset(), frozenset()
    line.only(("values", "after", "unless"))
    if not values:
        line.refuse("it needs an order.")
    steps, before, unless = (frozenset(line.child(key).words(values)) for key in ("values", "after", "unless"))
    return steps, before, unless


def _yes(line: Line | None) -> bool:
    return line.yes() if line else False


def read_stops(line: Line, families: Mapping[str, Family]) -> Mapping[str, frozenset[str]]:
    """Return family -> the values that make approvals fall."""
    found = {}
    for name, below in line.children():
        if name not in families:
            below.refuse("this is no register family.")
        found[name] = frozenset(below.words(families[name].order or ("",)))
    return found
