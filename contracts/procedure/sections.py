"""Reads the section table and the replies: `[section.S]`, `[[carry]]`, `[[reply]]`.

Source: sections.icp.v1.toml, and standing.md 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from contracts.procedure.carry import Carry, Condition, Reply, SectionRule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contracts.procedure.line import Line
    from contracts.procedure.rule import Family, Kind

_CLASSES: Final = ("P0", "P1", "P2", "P3", "P4")
_NEEDS: Final = ("accepted", "consent", "tracing", "care", "judicial", "no_asylum", "life_risk")
_OTHER_READERS: Final = ("asker", "named", "as the section corrected")
ANY: Final = "*"


def read_sections(line: Line) -> Mapping[str, SectionRule]:
    """Return the sections by name."""
    found = {}
    for name, below in line.names():
        below.only(("class", "holds"))
        found[name] = SectionRule(name, below.child("class").word(_CLASSES), below.child("holds").word())
    return found


class Carries:
    """Reads each `[[carry]]` against the kinds, sections, roles and registers that there are."""

    def __init__(
        self,
        kinds: Mapping[str, Kind],
        sections: Mapping[str, SectionRule],
        families: Mapping[str, Family],
        roles: tuple[str, ...],
    ) -> None:
        self._kinds, self._sections, self._families, self._roles = kinds, sections, families, roles

    def read(self, line: Line) -> tuple[Carry, ...]:
        """Return all of them; one pair of kind and section stands once."""
        found: dict[tuple[str, str], Carry] = {}
        for entry in line.entries():
            carry = self._carry(entry)
            if (carry.kind, carry.section) in found:
                entry.refuse("this kind and section stand twice.")
            found[carry.kind, carry.section] = carry
        return tuple(found.values())

    def _carry(self, line: Line) -> Carry:
        line.only(("kind", "section", "readers", "needs", "required", "owed"))
        kind = line.child("kind").word((*self._kinds, ANY))
        needs, owed, required = line.maybe("needs"), line.maybe("owed"), line.maybe("required")
        readers = line.child("readers").words((*self._roles, *_OTHER_READERS))
        conditional = required is not None and isinstance(required.value, dict)
        return Carry(
            kind=kind,
            section=line.child("section").word((*self._sections, ANY)),
            readers=readers,
            needs=needs.words(_NEEDS) if needs else (),
            required=required.yes() if required and not conditional else False,
            required_when=self._condition(required, kind) if required and conditional else None,
            owed=owed.words(readers) if owed else (),
        )

    def _condition(self, line: Line, kind: str) -> Condition:
        """Return the condition of a text such as "clarify", "solution return", "reception_ready"."""
        line.only(("when",))
        when = line.child("when")
        if kind == ANY:
            when.refuse("a condition needs one kind.")
        words = [word.strip() for word in when.word().split(",")]
        name, _, rest = words[0].partition(" ")
        fields = self._kinds[kind].act
        if name in fields and not rest and len(words) == 1 and fields[name].type == "boolean":
            return Condition(name, (), register=False)
        if rest:
            return self._named(when, kind, name, (rest, *words[1:]))
        holders = [field.name for field in fields.values() if set(words) <= set(field.codes)]
        if len(holders) != 1:
            when.refuse("these are not the codes of one field of this kind.")
        return Condition(holders[0], tuple(words), register=False)

    def _named(self, line: Line, kind: str, name: str, values: tuple[str, ...]) -> Condition:
        """Return a condition that names its act field, or a register of the past where the kind has no such field."""
        fields = self._kinds[kind].act
        known = fields[name].codes if name in fields else self._families[name].order if name in self._families else ()
        if not set(values) <= set(known):
            line.refuse("this is neither a field of this kind nor a register, with these values.")
        return Condition(name, values, register=name not in fields)


def read_replies(line: Line, kinds: Mapping[str, Kind]) -> tuple[Reply, ...]:
    """Return which content answers which."""
    return tuple(_reply(entry, kinds) for entry in line.entries())


def _reply(line: Line, kinds: Mapping[str, Kind]) -> Reply:
    line.only(("question", "asked", "kind", "act"))
    question, answer = line.child("question").word(kinds), line.child("kind").word(kinds)
    asked, act = line.maybe("asked"), line.maybe("act")
    return Reply(
        question=question,
        kind=answer,
        asked=read_codes(asked, kinds[question]) if asked else {},
        act=read_codes(act, kinds[answer]) if act else {},
    )


def read_codes(line: Line, kind: Kind) -> Mapping[str, tuple[str, ...]]:
    """Return field -> codes, each a code of that act field or "*" alone."""
    found = {}
    for name, below in line.children():
        if name not in kind.act:
            below.refuse("this is no field of the act.")
        field = kind.act[name]
        codes = (*field.codes, *field.or_codes)
        found[name] = below.words() if below.value == [ANY] else below.words(codes or ("*",))
    return found
