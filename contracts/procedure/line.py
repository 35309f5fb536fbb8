"""One line of the table with its name, and the few ways to read it; whatever does not fit is refused by that name.

A name is written as in `kind.case-hold.when[2].requires.hold`; the entries of an array are counted from 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from contracts.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

RESERVED: Final = frozenset(
    {"to", "evidence", "relay", "late", "count", "span", "number", "timer", "thread", "both"},
)
_MOST: Final = 2**31
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]*")


class ProcedureRefused(Refusal):
    """The procedure table is broken; correct the named line and load it again."""

    code: ClassVar[str] = "procedure"


@dataclass(frozen=True, slots=True)
class Line:
    """A value of the table and the name under which a reader finds it."""

    name: str
    value: Any

    def refuse(self, why: str) -> NoReturn:
        """Raise `ProcedureRefused` naming this line."""
        raise ProcedureRefused(f"{self.name or 'table'}: {why}")

    def child(self, key: str) -> Line:
        """Return the line under `key` of a table, which must be there."""
        if key not in self.table():
            self.refuse(f"{key} is missing.")
        return self._under(key)

    def maybe(self, key: str) -> Line | None:
        """Return the line under `key`, or None where it is absent."""
        return self._under(key) if key in self.table() else None

    def _under(self, key: str) -> Line:
        return Line(f"{self.name}.{key}" if self.name else key, self.value[key])

    def table(self) -> Mapping[str, Any]:
        """Return the value as a table."""
        if not isinstance(self.value, dict):
            self.refuse("a table stands here.")
        return self.value

    def children(self) -> Iterator[tuple[str, Line]]:
        """Yield each key of a table with its line."""
        for key in self.table():
            yield key, self._under(key)

    def entries(self) -> Iterator[Line]:
        """Yield the lines of a non-empty array."""
        if not isinstance(self.value, list) or not self.value:
            self.refuse("an array with at least one entry stands here.")
        for at, entry in enumerate(self.value, start=1):
            yield Line(f"{self.name}[{at}]", entry)

    def only(self, known: Iterable[str]) -> None:
        """Refuse a reserved or an unknown key."""
        allowed = frozenset(known)
        for key, line in self.children():
            if key not in allowed:
                line.refuse("this key is reserved for later kinds." if key in RESERVED else "this key is not known.")

    def word(self, known: Iterable[str] = ()) -> str:
        """Return a non-empty text; one of `known`, if any are given."""
        if not isinstance(self.value, str) or not self.value:
            self.refuse("a text stands here.")
        allowed = tuple(known)
        if allowed and self.value not in allowed:
            self.refuse("this is reserved for later kinds." if self.value in RESERVED else "this is not a known word.")
        return self.value

    def words(self, known: Iterable[str] = ()) -> tuple[str, ...]:
        """Return a non-empty array of different texts; each one of `known`, if any are given."""
        allowed = tuple(known)
        found = tuple(entry.word(allowed) for entry in self.entries())
        if len(set(found)) != len(found):
            self.refuse("a word stands twice.")
        return found

    def names(self) -> Iterator[tuple[str, Line]]:
        """Yield each key of a table with its line; a key is a lower-case word that `{…}` and a register can hold."""
        for name, below in self.children():
            if not _NAME.fullmatch(name):
                below.refuse("a name is lower-case letters, digits and underscores.")
            yield name, below

    def codes(self) -> tuple[str, ...]:
        """Return a non-empty array of different codes; a code has no space and no sign that a text could hide."""
        for entry in self.entries():
            if not _CODE.fullmatch(entry.word()):
                entry.refuse("a code is letters, digits and the signs _ + -.")
        return self.words()

    def yes(self) -> bool:
        """Return `true` or `false`."""
        if not isinstance(self.value, bool):
            self.refuse("true or false stands here.")
        return self.value

    def integer(self, least: int = 0, most: int = _MOST) -> int:
        """Return a whole number between `least` and `most`."""
        if isinstance(self.value, bool) or not isinstance(self.value, int) or not least <= self.value <= most:
            self.refuse(f"a whole number from {least} to {most} stands here.")
        return self.value
