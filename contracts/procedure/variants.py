"""Reads the variants of one kind, `[[kind.K.when]]`, against its act fields and the register families.

Source: icp.v1.toml, "HOW TO READ IT". Demands are kept in the order in which they are judged: sorted by their text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from contracts.procedure.families import UNSET
from contracts.procedure.line import Line
from contracts.procedure.rule import Allowed, Demand, Family, Kind, Setting, Text, Variant
from contracts.procedure.sections import read_codes
from contracts.procedure.texts import check_fields, itinerary, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEYS: Final = (
    "root", "other", "act", "given", "two", "requires", "sides", "fresh", "orphan", "silent", "contest", "sets",
    "sets_unflagged", "sets_flagged", "falls", "protection", "respond_by_days", "flag",
)  # fmt: skip
TRAVELLING: Final = "travelling"
DERIVED: Final = ("hold", "risk")  # without a colon: the strongest of the family
PRELIMINARY: Final = "unknown"  # "unknown" (a preliminary risk) folds as medium
PRELIMINARY_FOLDS_AS: Final = "medium"
_FACT_ONLY: Final = ("sets_unflagged", "sets_flagged", "flag")
_DECISION_ONLY: Final = ("protection", "falls", "two", "contest", "orphan", "silent")


class Variants:
    """Reads the variants of `kind`, whose act fields are known by now."""

    def __init__(
        self, kind: Kind, families: Mapping[str, Family], travelling: tuple[str, ...], roles: tuple[str, ...]
    ) -> None:
        self._kind, self._families, self._travelling, self._roles = kind, families, travelling, roles

    def read(self, line: Line) -> tuple[Variant, ...]:
        """Return the variants in their order: the first that matches is the rule of a message."""
        found: list[Variant] = []
        for entry in line.entries():
            if found and _matches_always(found[-1]):
                entry.refuse("the one before it matches always: this one never would.")
            found.append(self._variant(entry))
        return tuple(found)

    def _variant(self, line: Line) -> Variant:
        line.only(_KEYS)
        self._check(line)
        act, sides, orphan, falls = (line.maybe(key) for key in ("act", "sides", "orphan", "falls"))
        fresh, days, flag = line.maybe("fresh"), line.maybe("respond_by_days"), line.maybe("flag")
        return Variant(
            root=_yes(line, "root"),
            other=_yes(line, "other"),
            act=read_codes(act, self._kind) if act else {},
            given=self._demands(line.maybe("given")),
            two=_yes(line, "two"),
            requires=self._demands(line.maybe("requires")),
            sides=self._itinerary(sides) if sides else None,
            fresh=self._fresh(fresh) if fresh else (),
            orphan=self._orphan(orphan) if orphan else None,
            silent=_yes(line, "silent"),
            contest=_yes(line, "contest"),
            sets=self._settings(line.maybe("sets")),
            sets_unflagged=self._settings(line.maybe("sets_unflagged")),
            sets_flagged=self._settings(line.maybe("sets_flagged")),
            falls=self._itinerary(falls) if falls else None,
            protection=_yes(line, "protection"),
            respond_by_days=days.integer(1, 3650) if days else None,
            flag=flag.word() if flag else "",
        )

    def _check(self, line: Line) -> None:
        """Refuse keys that do not go with this kind."""
        for key in _DECISION_ONLY if self._kind.fact else _FACT_ONLY:
            if wrong := line.maybe(key):
                wrong.refuse(f"a {self._kind.nature} has no such key.")
        needs = {"other": ("agency", "agency"), "two": ("second", "function"), "orphan": ("agency", "agency")}
        for key, (name, kind) in needs.items():
            if line.maybe(key):
                self._needs(line.child(key), name, kind)
        if contest := line.maybe("contest"):
            for name, kind in (("register", "register"), ("value", "value"), ("tips", "id")):
                self._needs(contest, name, kind)
        if (root := line.maybe("root")) and not self._kind.opening:
            root.refuse("only an opening kind has a root.")
        if sides := line.maybe("sides"):
            self._needs_family(sides, "approval")

    def _needs(self, line: Line, name: str, kind: str) -> None:
        if name not in self._kind.act or self._kind.act[name].type != kind:
            line.refuse(f"it needs an act field {name} of type {kind}.")

    def _needs_family(self, line: Line, name: str) -> None:
        if name not in self._families:
            line.refuse(f"it needs the register family {name}.")

    def _itinerary(self, line: Line) -> Text:
        found = itinerary(line)
        check_fields(line, found, self._kind)
        return found

    def _fresh(self, line: Line) -> tuple[Text, ...]:
        self._needs_family(line, "limit")
        if "risk" in line.words():
            self._needs_family(line, "risk")
        found = []
        for entry in line.entries():
            name = read_text(entry)
            check_fields(entry, name, self._kind)
            found.append(name)
        return tuple(found)

    def _orphan(self, line: Line) -> Text:
        """Return the voice: a family alone means the voice of act.agency in it."""
        found = read_text(line if ":" in line.word() else Line(line.name, line.word() + ":{act.agency}"))
        self._register(line, found)
        return found

    def _demands(self, line: Line | None) -> tuple[Demand, ...]:
        found = []
        for written, below in sorted(line.children()) if line else ():
            register = read_text(Line(below.name, written))
            values = self._readable(below, register)
            allowed = tuple(self._allowed(entry, values) for entry in below.entries())
            found.append(Demand(register, allowed))
        return tuple(found)

    def _readable(self, line: Line, register: Text) -> tuple[str, ...]:
        """Return the values that a register which is asked may have; none: any."""
        if register.written == TRAVELLING:
            return ("yes", "no")
        self._register(line, register)
        order = self._families[register.family].order
        return (*order, UNSET) if order else ()

    def _allowed(self, line: Line, values: tuple[str, ...]) -> Allowed:
        written = line.word()
        negated = written.startswith("!")
        value = read_text(Line(line.name, written.removeprefix("!") or " "))
        check_fields(line, value, self._kind)
        if value.plain and values and value.written not in values:
            line.refuse("this register never has this value.")
        return Allowed(value, negated)

    def _register(self, line: Line, register: Text) -> None:
        """Refuse a register of an unknown family, and one that a message could not name."""
        if register.family not in self._families:
            line.refuse("this is no register family.")
        check_fields(line, register, self._kind)

    def _settings(self, line: Line | None) -> tuple[Setting, ...]:
        return tuple(self._setting(written, below) for written, below in line.children()) if line else ()

    def _setting(self, written: str, line: Line) -> Setting:
        register, value = read_text(Line(line.name, written)), read_text(line)
        check_fields(line, register, self._kind)
        check_fields(line, value, self._kind)
        if register.pieces[:2] == ("", "act.register"):
            self._needs(line, "register", "register")
            return Setting(register, value)
        self._register(line, register)
        if register.written in DERIVED:
            line.refuse("it is the strongest of its family, and set by nobody: name a voice after a colon.")
        family = self._families[register.family]
        if family.side == self._kind.core:
            line.refuse("a core kind sets core registers, a side kind those of its own.")
        if register.written == "member:{audience}":
            if value.written != "role" or not self._kind.opening:
                line.refuse('an opening sets it to "role".')
        else:
            self._check_value(line, register, value, family)
        return Setting(register, value)

    def _check_value(self, line: Line, register: Text, value: Text, family: Family) -> None:
        """Refuse a value, or a field whose codes are values, that the family does not have."""
        if value.every or (register.every and not self._kind.act[register.every].many):
            line.refuse("only an act field with many entries stands for one register each.")
        if "audience" in (*register.holes, *value.holes):
            line.refuse("only member:{audience} reads the audience.")
        if value.plain:
            self._check_known(line, (value.written,), family)
        if len(value.act_fields) == 1 and value.pieces[::2] == ("", ""):
            self._check_field(line, value.act_fields[0], family)

    def _check_field(self, line: Line, name: str, family: Family) -> None:
        field = self._kind.act[name]
        if family.pick == "earliest":
            self._needs(line, name, "date")
        elif field.codes:
            self._check_known(line, field.codes, family)
        elif family.order:
            line.refuse("this field does not hold values of the register.")

    def _check_known(self, line: Line, values: tuple[str, ...], family: Family) -> None:
        known = {*family.order, *((PRELIMINARY,) if PRELIMINARY_FOLDS_AS in family.order else ())}
        if family.name == "seat":
            known = set(self._roles)
        if (family.order or family.name == "seat") and not set(values) <= known:
            line.refuse("this register never has this value.")
        if family.pick == "earliest":
            line.refuse("a date of the act stands here.")


def _matches_always(variant: Variant) -> bool:
    return not (variant.root or variant.other or variant.act or variant.given)


def _yes(line: Line, key: str) -> bool:
    found = line.maybe(key)
    return found.yes() if found else False
