"""Reads the act schema of a kind, `[kind.K.act]`.

Source: icp.v1.toml, "HOW TO READ IT". Every line that does not fit is refused by its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from contracts.encoding import MAX_INTEGER
from contracts.procedure.field import TYPES, Field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contracts.procedure.line import Line

_KEYS: Final = ("codes", "type", "or", "required", "with", "many", "row", "min", "max")


def read_act(line: Line) -> Mapping[str, Field]:
    """Return the fields of an act; `with` may name only a field with codes that stands beside it."""
    fields = {name: _field(name, below) for name, below in line.names()}
    for name, below in line.children():
        _check_with(below, fields, name)
    return fields


def _field(name: str, line: Line) -> Field:
    line.only(_KEYS)
    contents = [key for key in ("codes", "type", "row") if key in line.table()]
    if len(contents) != 1:
        line.refuse("exactly one of codes, type and row says what stands here.")
    codes, kind, row = line.maybe("codes"), line.maybe("type"), line.maybe("row")
    beside, with_, many = line.maybe("or"), line.maybe("with"), line.maybe("many")
    if beside and not kind:
        beside.refuse("further codes stand beside a type only.")
    least, most = _bounds(line, kind.word(TYPES) if kind else "")
    return Field(
        name=name,
        codes=codes.codes() if codes else (),
        type=kind.word(TYPES) if kind else "",
        row=read_act(row) if row else {},
        or_codes=beside.codes() if beside else (),
        required=line.child("required").yes(),
        with_codes={field: below.words() for field, below in with_.children()} if with_ else {},
        many=many.yes() if many else False,
        least=least,
        most=most,
    )


def _bounds(line: Line, kind: str) -> tuple[int, int]:
    """Return the least and the most of an integer; other types have none."""
    low, high = line.maybe("min"), line.maybe("max")
    for bound in (low, high):
        if bound and kind != "integer":
            bound.refuse("only an integer has bounds.")
    least = low.integer() if low else 0
    most = high.integer() if high else MAX_INTEGER
    if least > most:
        line.refuse("min is above max.")
    return least, most


def _check_with(line: Line, fields: Mapping[str, Field], name: str) -> None:
    with_ = line.maybe("with")
    for other, below in with_.children() if with_ else ():
        if other not in fields or other == name or not fields[other].codes:
            below.refuse("this is no field with codes of this act.")
        below.words(fields[other].codes)
