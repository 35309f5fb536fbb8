"""Holds what an agency holds against what a journey expects: the first difference is a failure with both sides."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from referral.play.references import replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from referral.play.account import Account, MessageHeld
    from referral.play.journey import Expectation


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as expected, at one agency."""

    agency: str
    what: str
    expected: Any
    actual: Any


class Names:
    """The labels of messages and the ids that they stand for, both ways."""

    def __init__(self) -> None:
        """Know no message yet."""
        self._ids: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._counted: Counter[tuple[str, str]] = Counter()

    def give(self, label: str, content_id: str) -> None:
        """Name a message; the first name stays the one that is shown."""
        self._ids[label] = content_id
        self._names.setdefault(content_id, label)

    def knows(self, content_id: str) -> bool:
        """Say whether a message has a name."""
        return content_id in self._names

    def take_in(self, messages: Iterable[tuple[datetime, str, str, str]]) -> None:
        """Name what no step has named: `kind.sender.n`, the n-th such message of that kind and sender.

        Each is (sent_at, id, kind, sender); several that are new at once are counted by time of sending.
        """
        for _sent_at, content_id, kind, sender in sorted(messages):
            if not self.knows(content_id):
                self._counted[kind, sender] += 1
                self.give(f"{kind}.{sender}.{self._counted[kind, sender]}", content_id)

    def id(self, label: str) -> str:
        """Return the id of a label; the label with its sign where there is no such message, which equals nothing."""
        return self._ids.get(label, f"@{label}")

    def resolved(self, value: Any) -> Any:
        """Return a value with ids in the place of labels."""
        return replaced(value, self.id)

    def shown(self, value: Any) -> Any:
        """Return a value with labels in the place of ids, for people."""
        match value:
            case str():
                found = value
                for content_id, name in self._names.items():
                    found = found.replace(content_id, f"@{name}")
                return found
            case dict():
                return {self.shown(key): self.shown(inner) for key, inner in value.items()}
            case list() | tuple():
                return [self.shown(inner) for inner in value]
            case _:
                return value


def differences(agency: str, expected: Expectation, account: Account, names: Names) -> Iterator[Difference]:
    """Yield what is not as expected of one agency's account, in the order in which the format lists it."""
    said = names.resolved(expected.model_dump(exclude_none=True))
    for what, wanted in said.items():
        compare = _COMPARED.get(what)
        if compare is not None:
            actual = compare(wanted, account)
            if actual != _ordered(wanted):
                yield Difference(agency, what, names.shown(_ordered(wanted)), names.shown(actual))
    for kinds, held in (("may", True), ("may_not", False)):
        wrong = [kind for kind in said[kinds] if (kind in account.next) is not held]
        if wrong:
            yield Difference(agency, kinds, said[kinds], sorted(account.next))


def _ordered(value: Any) -> Any:
    """Lists in an expectation mean sets: their order says nothing."""
    if isinstance(value, dict):
        return {key: _ordered(inner) for key, inner in value.items()}
    return sorted(value) if isinstance(value, list | tuple) else value


def _some_registers(wanted: Mapping[str, str], account: Account) -> dict[str, str]:
    held = {**account.registers, **account.wide}
    return {name: held.get(name, "none") for name in wanted}


def _by_message(
    of: Callable[[MessageHeld, Any], Any],
) -> Callable[[Mapping[str, Any], Account], dict[str, Any]]:
    """Return what reads something of each message that is named; one that is not held reads as `not held`."""

    def read(wanted: Mapping[str, Any], account: Account) -> dict[str, Any]:
        held = {message.id: message for message in account.messages}
        return {one: of(held[one], wanted[one]) if one in held else "not held" for one in wanted}

    return read


def _counted(wanted: Mapping[str, int], account: Account) -> dict[str, int]:
    counted = Counter(message.kind for message in account.messages)
    return {kind: counted[kind] for kind in wanted}


_COMPARED: Mapping[str, Callable[[Any, Account], Any]] = {
    "registers": _some_registers,
    "every_register": lambda _wanted, account: dict(account.registers),
    "members": lambda _wanted, account: dict(account.members),
    "responsible": lambda _wanted, account: account.responsible,
    "verdicts": lambda _wanted, account: dict(account.verdicts),
    "flags": lambda _wanted, account: {one: sorted(flags) for one, flags in account.flags.items()},
    "contested": lambda _wanted, account: sorted(account.contested),
    "overtaken": lambda _wanted, account: sorted(account.overtaken),
    "against": lambda _wanted, account: sorted(account.against),
    "missing": lambda _wanted, account: sorted(account.missing),
    "forks": lambda _wanted, account: sorted(account.forks),
    "due": lambda _wanted, account: sorted(account.due),
    "overdue": lambda _wanted, account: sorted(account.overdue),
    "expiring": lambda _wanted, account: sorted(account.expiring),
    "alarms": lambda _wanted, account: sorted(account.alarms),
    "readable": _by_message(lambda message, _wanted: sorted(message.readable)),
    "erased": _by_message(lambda message, _wanted: len(message.erased)),
    "guards": _by_message(lambda message, wanted: {rule: message.guards.get(rule, "not noted") for rule in wanted}),
    "relies_on": _by_message(lambda message, _wanted: sorted(message.relies_on)),
    "stored": _by_message(lambda message, _wanted: sorted(message.stored_by)),
    "messages": _counted,
}
