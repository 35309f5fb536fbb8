"""Reads the kinds of the table with their variants: `[kind.K]`, `[[kind.K.when]]`.

Source: icp.v1.toml, "HOW TO READ IT". What a line refers to (families, values, act fields, roles) must be there.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from contracts.procedure.acts import read_act
from contracts.procedure.rule import Family, Kind
from contracts.procedure.texts import check_fields, itinerary
from contracts.procedure.variants import Variants

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contracts.procedure.line import Line

_KEYS: Final = (
    "nature", "side", "invites", "removes", "root_names", "against", "opening", "from", "own", "ask", "when", "act",
)  # fmt: skip
SENDERS: Final = ("member", "invited", "responsible", "self", "any")
PRIORITIES: Final = ("emergency", "urgent", "normal")
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_TERM = re.compile(r"[1-9][0-9]{0,3}(?:h|wd)")


class Kinds:
    """Reads each kind against the families and roles that there are."""

    def __init__(self, families: Mapping[str, Family], roles: tuple[str, ...], travelling: tuple[str, ...]) -> None:
        self._families, self._roles, self._travelling = families, roles, travelling

    def read(self, line: Line) -> Mapping[str, Kind]:
        """Return the kinds by name."""
        return {name: self._kind(name, below) for name, below in line.children()}

    def _kind(self, name: str, line: Line) -> Kind:
        if not _NAME.fullmatch(name):
            line.refuse("a kind is named by lower-case words joined by hyphens.")
        line.only(_KEYS)
        schema = line.child("act")
        against, own, ask = line.maybe("against"), line.maybe("own"), line.maybe("ask")
        shell = Kind(
            name=name,
            nature=line.child("nature").word(("decision", "fact")),
            senders=frozenset(line.child("from").words((*self._roles, *SENDERS))),
            variants=(),
            act=read_act(schema),
            side=_side(line.maybe("side")),
            opening=_yes(line.maybe("opening")),
            invites=_yes(line.maybe("invites")),
            removes=_yes(line.maybe("removes")),
            root_names=self._root_names(line),
            against=itinerary(against) if against else None,
            own=own.word() if own else "",
            ask={key: _term(below) for key, below in ask.children()} if ask else {},
        )
        self._check(line, shell)
        variants = Variants(shell, self._families, self._travelling, self._roles).read(line.child("when"))
        return replace(shell, variants=variants)

    def _root_names(self, line: Line) -> Mapping[str, tuple[int, int]]:
        found: dict[str, tuple[int, int]] = {}
        names = line.maybe("root_names")
        for role, below in names.children() if names else ():
            if role not in self._roles:
                below.refuse("this is no role.")
            bounds = [entry.integer() for entry in below.entries()]
            if len(bounds) != 2 or bounds[0] > bounds[1]:  # noqa: PLR2004 - the least and the most
                below.refuse("[least, most] stands here.")
            found[role] = (bounds[0], bounds[1])
        return found

    def _check(self, line: Line, kind: Kind) -> None:
        """Refuse keys that do not go together."""
        agency = kind.act.get("agency")
        named = agency is not None and agency.type == "agency" and agency.required
        for key in ("invites", "removes"):
            if getattr(kind, key) and not named:
                line.child(key).refuse("it needs a required act field agency.")
        if "self" in kind.senders and not named:
            line.child("from").refuse("self needs a required act field agency.")
        if kind.own and (kind.own not in kind.act or kind.act[kind.own].type != "id"):
            line.child("own").refuse("this is no act field that holds an id.")
        if kind.against:
            check_fields(line.child("against"), kind.against, kind)
            if not kind.fact:
                line.child("against").refuse("only a fact is listed beside a stop.")
        if kind.root_names and not kind.opening:
            line.child("root_names").refuse("only an opening kind has a root.")
        if kind.opening and kind.side:
            line.child("opening").refuse("a side kind opens nothing.")
        if ask := line.maybe("ask"):
            ask.only(PRIORITIES)


def _side(line: Line | None) -> str:
    """Return "", "held", or "side" for `true`."""
    if line is None:
        return ""
    return "side" if line.value is True else line.word(("held",))


def _yes(line: Line | None) -> bool:
    return line.yes() if line else False


def _term(line: Line) -> str:
    if not _TERM.fullmatch(line.word()):
        line.refuse("hours or working days stand here, such as 24h or 10wd.")
    return line.word()
