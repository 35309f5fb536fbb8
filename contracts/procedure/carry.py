"""Which section may travel in which kind, to whom, when, and which content answers which.

Source: sections.icp.v1.toml, and standing.md 4. What is not in this table does not travel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class SectionRule:
    """One `[section.S]`: the highest class of any field in it (P0 to P4), and what it holds in words."""

    name: str
    highest: str
    holds: str


@dataclass(frozen=True, slots=True)
class Condition:
    """When a section is required: an act field, or else a register of the past, has one of these values.

    No values: the act field is true.
    """

    name: str
    values: tuple[str, ...]
    register: bool

    def holds(self, act: Mapping[str, Any], value: Callable[[str], str]) -> bool:
        """Whether it holds for this act and these registers."""
        found = value(self.name) if self.register else act.get(self.name)
        return found in self.values if self.values else found is True


@dataclass(frozen=True, slots=True)
class Carry:
    """One `[[carry]]`: this section may travel in this kind.

    `readers` are roles that may be named as readers, `needs` what must hold for each of them at composing, `owed` the
    roles that must be among the readers where they meet `needs`.
    """

    kind: str
    section: str
    readers: tuple[str, ...]
    needs: tuple[str, ...] = ()
    required: bool = False
    required_when: Condition | None = None
    owed: tuple[str, ...] = ()

    def demanded(self, act: Mapping[str, Any], value: Callable[[str], str]) -> bool:
        """Whether a message with this act cannot be sent without the section; `value` reads a register of its past."""
        return self.required or (self.required_when is not None and self.required_when.holds(act, value))


@dataclass(frozen=True, slots=True)
class Reply:
    """One `[[reply]]`: a content of `kind` (with these act codes) answers one of `question` (with those)."""

    question: str
    kind: str
    asked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    act: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def codes_match(codes: Mapping[str, tuple[str, ...]], act: Mapping[str, Any]) -> bool:
    """Whether each field of `codes` has one of its codes in `act`; "*" asks only that the field is there."""
    return not codes or all(name in act and ("*" in one or act[name] in one) for name, one in codes.items())
