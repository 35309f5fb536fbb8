"""The procedure table, read once and refused as a whole where any line does not fit.

`procedure("icp.v1")` is the table that ships; `load(path)` reads another. Rules of reading:

- Everything is checked at load: an unknown or reserved key, a register family, value, code, role, section or act field
  that does not exist is a `ProcedureRefused` that names the line, as in `kind.case-hold.when[2].requires.hold`.
- The table that ships is held against the section models too: `with_models`.
- `check_act` holds every act to the closed schema of its kind; an `ActRefused` names the field, never the value.
- Adding a kind is data: nothing here knows a kind by name.

Source: icp.v1.toml and sections.icp.v1.toml (one file here), standing.md 3 and 4.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from contracts.procedure.carry import Carry, Condition, Reply, SectionRule
from contracts.procedure.field import ActRefused, Field
from contracts.procedure.line import ProcedureRefused
from contracts.procedure.rule import Family, Kind, Variant
from contracts.procedure.table import Procedure, load, parse

_SHIPPED: Final = Path(__file__).parent.parent / "procedures"


@cache
def procedure(name: str) -> Procedure:
    """Return the procedure of this name that ships with the product; raise `ProcedureRefused` if there is none."""
    if name not in {path.name.removesuffix(".toml") for path in _SHIPPED.glob("*.toml")}:
        raise ProcedureRefused("table: no procedure of this name ships with this version.")
    return with_models(load(_SHIPPED / f"{name}.toml"))


def with_models(table: Procedure) -> Procedure:
    """Return the table, every section of which has a model of the same class; else raise `ProcedureRefused`.

    A table that shows a section under a lower class than its fields have would let a narrower consent open it.
    """
    from contracts.sections import SECTIONS, section_class  # noqa: PLC0415 - who reads a bundle's table needs none

    for name, section in table.sections.items():
        if name not in SECTIONS:
            raise ProcedureRefused(f"section.{name}: no model says what is in it.")
        if section_class(name) != section.highest:
            raise ProcedureRefused(f"section.{name}.class: the fields of its model are of class {section_class(name)}.")
    return table


__all__ = [
    "ActRefused",
    "Carry",
    "Condition",
    "Family",
    "Field",
    "Kind",
    "Procedure",
    "ProcedureRefused",
    "Reply",
    "SectionRule",
    "Variant",
    "load",
    "parse",
    "procedure",
    "with_models",
]
