"""The rules of a kind as data: its variants, what each demands, and the texts with {…} that name registers and values.

Source: icp.v1.toml, "HOW TO READ IT". The names of the fields are the keys of the table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contracts.procedure.field import Field

_HOLE = re.compile(r"\{(sender|id|seat|responsible|audience|act\.([a-z_]+)(\*?))\}")


@dataclass(frozen=True, slots=True)
class Text:
    """A text with holes: `travel:{act.itinerary}` is ("travel:", "act.itinerary"), taken apart once at load.

    `pieces` alternate: literal, hole, literal, … A hole is `sender`, `id`, `seat`, `responsible`, `audience`, or an act
    field written `act.x`. `every` names the act field, written `{act.x*}`, that stands for one text for each entry.
    """

    written: str
    pieces: tuple[str, ...]
    every: str = ""

    @property
    def plain(self) -> bool:
        """Whether there is no hole in it."""
        return len(self.pieces) == 1

    @property
    def family(self) -> str:
        """The part before the first colon: of a register, its family."""
        return self.written.split(":", 1)[0]

    @property
    def holes(self) -> tuple[str, ...]:
        """The holes, in order."""
        return self.pieces[1::2]

    @property
    def act_fields(self) -> tuple[str, ...]:
        """The act fields it reads."""
        return tuple(hole[4:] for hole in self.holes if hole.startswith("act."))


def text(written: str) -> Text:
    """Take a text of the table apart; raise `ValueError` for braces that are no known hole, or no whole part of it.

    The parts of a text stand between colons: `travel:{act.itinerary}x` names a register that nothing else would name.
    """
    pieces: list[str] = []
    at = 0
    every = ""
    for hole in _HOLE.finditer(written):
        pieces += [written[at : hole.start()], f"act.{hole[2]}" if hole[2] else hole[1]]
        every = hole[2] if hole[3] else every
        at = hole.end()
    pieces.append(written[at:])
    if any("{" in literal or "}" in literal for literal in pieces[::2]):
        raise ValueError(written)
    if any("{" in part and not _HOLE.fullmatch(part) for part in written.split(":")):
        raise ValueError(written)
    return Text(written, tuple(pieces), every)


@dataclass(frozen=True, slots=True)
class Allowed:
    """One entry of a list of allowed values: "open", "!placed" (anything but), "{act.majority}"."""

    value: Text
    negated: bool


@dataclass(frozen=True)
class Demand:
    """A register and the values it may have."""

    register: Text
    allowed: tuple[Allowed, ...]

    @cached_property
    def among(self) -> frozenset[str]:
        """The allowed values, where all are written out; otherwise empty."""
        plain = all(one.value.plain and not one.negated for one in self.allowed)
        return frozenset(one.value.written for one in self.allowed) if plain else frozenset()


@dataclass(frozen=True)
class Setting:
    """A register and the value that it gets; `every`: one for each entry of an array, or of the audience."""

    register: Text
    value: Text

    @cached_property
    def every(self) -> bool:
        """Whether it sets any number of registers."""
        return bool(self.register.every) or "audience" in self.register.holes


@dataclass(frozen=True, slots=True)
class Variant:
    """One `[[kind.K.when]]`: what makes it match, what it demands, what it does."""

    root: bool = False
    other: bool = False
    act: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    given: tuple[Demand, ...] = ()
    two: bool = False
    requires: tuple[Demand, ...] = ()
    sides: Text | None = None
    fresh: tuple[Text, ...] = ()
    orphan: Text | None = None
    silent: bool = False
    contest: bool = False
    sets: tuple[Setting, ...] = ()
    sets_unflagged: tuple[Setting, ...] = ()
    sets_flagged: tuple[Setting, ...] = ()
    falls: Text | None = None
    protection: bool = False
    respond_by_days: int | None = None
    flag: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """One `[kind.K]` with its variants and the closed set of its act fields."""

    name: str
    nature: str
    senders: frozenset[str]
    variants: tuple[Variant, ...]
    act: Mapping[str, Field]
    side: str = ""
    opening: bool = False
    invites: bool = False
    removes: bool = False
    root_names: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    against: Text | None = None
    own: str = ""
    ask: Mapping[str, str] = field(default_factory=dict)

    @property
    def core(self) -> bool:
        """Whether it goes to all members and moves core registers."""
        return not self.side

    @property
    def fact(self) -> bool:
        """Whether it says what happened: never refused by a rule, flagged instead."""
        return self.nature == "fact"

    @property
    def travels(self) -> bool:
        """Whether it is a report of a person on the way: a fact that moves a travel register."""
        return self.fact and any(one.register.family == "travel" for variant in self.variants for one in variant.sets)


@dataclass(frozen=True, slots=True)
class Family:
    """One `[register.F]`: how several tips become one value, and what a settlement may choose."""

    name: str
    order: tuple[str, ...] = ()
    pick: str = ""
    settle: str = ""
    members: bool = False
    steps: frozenset[str] = frozenset()
    steps_before: frozenset[str] = frozenset()
    steps_unless: frozenset[str] = frozenset()
    side: bool = False
    scope: bool = False
    rank: Mapping[str, int] = field(default_factory=dict)
