"""Reads a whole procedure table into a `Procedure`, or refuses it by the name of the first line that does not fit."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from contracts import labels
from contracts.encoding import b64, blake, compact
from contracts.procedure.carry import Carry, Reply, SectionRule, codes_match
from contracts.procedure.families import read_families, read_stops
from contracts.procedure.field import ActRefused, Words, check_fields
from contracts.procedure.kinds import Kinds
from contracts.procedure.line import Line, ProcedureRefused
from contracts.procedure.sections import ANY, Carries, read_replies, read_sections

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from contracts.procedure.rule import Family, Kind

_KEYS: Final = (
    "procedure", "member_roles", "destination_side", "origin_side", "travelling", "functions", "register", "stops",
    "kind", "reply", "section", "carry",
)  # fmt: skip
_PLACE: Final = re.compile(r"line [0-9]+, column [0-9]+")


@dataclass(frozen=True)
class Procedure:
    """One version of the procedure: what there is, who may say it, what it needs, what it sets.

    `hash` is the base64url of BLAKE2b-256 over the parsed table in canonical form: a comment changes nothing
    (standing.md 1). `kinds`, `registers` (families) and `sections` are by name.
    """

    name: str
    hash: str
    kinds: Mapping[str, Kind]
    registers: Mapping[str, Family]
    stops: Mapping[str, frozenset[str]]
    member_roles: tuple[str, ...]
    destination_side: frozenset[str]
    origin_side: frozenset[str]
    travelling: tuple[str, ...]
    functions: tuple[str, ...]
    sections: Mapping[str, SectionRule]
    carry_lines: tuple[Carry, ...]
    replies: tuple[Reply, ...]

    @property
    def reference(self) -> Mapping[str, str]:
        """The `procedure` of a content: name and hash."""
        return {"hash": self.hash, "name": self.name}

    @cached_property
    def stop_values(self) -> frozenset[str]:
        """The values that stop in some family."""
        return frozenset(value for values in self.stops.values() for value in values)

    def carries(self, kind: str) -> tuple[Carry, ...]:
        """Return the sections that may travel in `kind`, those of every kind last."""
        own = tuple(carry for carry in self.carry_lines if carry.kind == kind)
        return own + tuple(replace(carry, kind=kind) for carry in self.carry_lines if carry.kind == ANY)

    def carry(self, kind: str, section: str) -> Carry | None:
        """Return how `section` may travel in `kind`, or None: then it does not travel."""
        for name in (section, ANY):
            for carry in self.carries(kind):
                if carry.section == name and section in self.sections:
                    return replace(carry, section=section)
        return None

    def check_act(self, kind: str, act: Any) -> None:
        """Raise `ActRefused` unless `act` fits the closed schema of `kind`; it names the field, never the value."""
        self._check(kind, act, opaque=False)

    def fits(self, kind: str, act: Any) -> bool:
        """Whether `act` fits the schema of `kind`, ids being any opaque text (the fold only compares them)."""
        try:
            self._check(kind, act, opaque=True)
        except ActRefused:
            return False
        return True

    def _check(self, kind: str, act: Any, *, opaque: bool) -> None:
        if kind not in self.kinds:
            raise ActRefused("This procedure has no such kind.")
        words = Words(frozenset(self.functions), frozenset(self.sections), self.has_value, opaque=opaque)
        check_fields(self.kinds[kind].act, act, words)

    def has_value(self, register: str, value: object) -> bool:
        """Whether a register of this name can have this value."""
        family = self.registers.get(register.split(":", 1)[0])
        if family is None or family.side or not isinstance(value, str):
            return False
        return value in family.rank if family.order else bool(value)

    def replies_to(self, kind: str, act: Mapping[str, Any]) -> tuple[Reply, ...]:
        """Return the lines that say what answers a content of `kind` with this act."""
        return tuple(reply for reply in self.replies if reply.question == kind and codes_match(reply.asked, act))


def parse(table: Mapping[str, Any]) -> Procedure:
    """Return the procedure of a parsed table, or raise `ProcedureRefused` naming the line that does not fit."""
    top = Line("", dict(table))
    top.only(_KEYS)
    roles = top.child("member_roles").codes()
    families = read_families(top.child("register"))
    travelling = _travelling(top.child("travelling"), families)
    kinds = Kinds(families, roles, travelling).read(top.child("kind"))
    _check_limits(kinds)
    section, carry, reply = top.maybe("section"), top.maybe("carry"), top.maybe("reply")
    sections = read_sections(section) if section else {}
    return Procedure(
        name=top.child("procedure").word(),
        hash=b64(blake(labels.PROCEDURE, _canonical(table))),
        kinds=kinds,
        registers=families,
        stops=read_stops(top.child("stops"), families),
        member_roles=roles,
        destination_side=frozenset(top.child("destination_side").words(roles)),
        origin_side=frozenset(top.child("origin_side").words(roles)),
        travelling=travelling,
        functions=top.child("functions").codes(),
        sections=sections,
        carry_lines=Carries(kinds, sections, families, roles).read(carry) if carry else (),
        replies=read_replies(reply, kinds) if reply else (),
    )


def _travelling(line: Line, families: Mapping[str, Family]) -> tuple[str, ...]:
    if "travel" not in families:
        line.refuse("it needs the register family travel.")
    return line.words(families["travel"].order)


def _check_limits(kinds: Mapping[str, Kind]) -> None:
    """Refuse a `fresh` whose limit no message ever sets: nothing would ever be fresh."""
    variants = [(kind, at, variant) for kind in kinds.values() for at, variant in enumerate(kind.variants, start=1)]
    known = {setting.register.written for _, _, variant in variants for setting in variant.sets}
    for kind, at, variant in variants:
        for place, name in enumerate(variant.fresh, start=1):
            if name.plain and name.written != "risk" and f"limit:{name.written}" not in known:
                Line(f"kind.{kind.name}.when[{at}].fresh[{place}]", name).refuse("no message sets this limit.")


def _canonical(table: Mapping[str, Any]) -> bytes:
    """Return the canonical form; dates and floats have none, and the table holds neither."""
    try:
        return compact(table)
    except (TypeError, ValueError):
        raise ProcedureRefused("table: it holds a date or a number with a fraction.") from None


def load(path: Path) -> Procedure:
    """Read a table from a file; raise `ProcedureRefused`, also where it is no TOML."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        at = _PLACE.search(str(error))
        raise ProcedureRefused(f"{at[0] if at else 'table'}: it is not TOML.") from None
    except UnicodeDecodeError:
        raise ProcedureRefused("table: it is not UTF-8.") from None
    except OSError:
        raise ProcedureRefused("table: there is no such file to read.") from None
    return parse(table)
