"""The word of a person that ends an alarm of which no machine can see the end: kept with who gave it, as what, when."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from contracts.encoding import blake, compact, instant, instant_text, parse
from contracts.labels import COMMAND
from contracts.vocabulary import Function
from referral.casework.intent import IntentRefused
from referral.errors import AlarmEndsByItself, AlarmUnknown
from referral.exchange.alarms import BY_A_PERSON, Acknowledged, Alarm, acknowledge, standing_alarm
from referral.store import Command
from referral.store.errors import CommandRepeated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from referral.node import Node
    from referral.store import Cursor


def acknowledged(node: Node, alarm: int, *, key: str, principal: str, function: str) -> Alarm:
    """End an alarm by the word of `principal`, and return it; a retry under the same `key` gets the same answer."""
    if function not in tuple(Function):
        raise IntentRefused(f"`function`: It is one of {', '.join(Function)}.")
    digest = blake(COMMAND, compact(["acknowledge", alarm, function]))
    answered = node.store.command(key)
    if answered is not None:
        return _alarm(parse(answered.to(principal, digest)))
    by = Acknowledged(principal, function, node.now().replace(microsecond=0))
    found = replace(_to_acknowledge(node, alarm), ended_at=by.at, acknowledged=by)

    def end(cursor: Cursor) -> None:
        if standing_alarm(cursor, alarm) is None:
            raise AlarmUnknown  # somebody else was faster
        acknowledge(cursor, found, by)

    command = Command(key, principal, digest, compact(_plain(asdict(found))))
    try:
        node.store.save(command=command, rows=[end])
    except CommandRepeated as repeated:
        return _alarm(parse(repeated.answer))
    # The alarm has ended and the answer is kept. If we stop here the retry gets it.
    return found


def _to_acknowledge(node: Node, number: int) -> Alarm:
    with node.store.reading() as cursor:
        found = standing_alarm(cursor, number)
    if found is None:
        raise AlarmUnknown
    if found.code not in BY_A_PERSON:
        raise AlarmEndsByItself(f"It ends {found.ends}.")
    return found


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    """Return an alarm as JSON has it."""
    by: Mapping[str, Any] = value["acknowledged"]
    times: dict[str, datetime] = {"since": value["since"], "ended_at": value["ended_at"]}
    return {
        **value,
        **{name: instant_text(at) for name, at in times.items()},
        "acknowledged": {**by, "at": instant_text(by["at"])},
    }


def _alarm(value: Mapping[str, Any]) -> Alarm:
    by = value["acknowledged"]
    times = {"since": instant(value["since"]), "ended_at": instant(value["ended_at"])}
    return Alarm(**{**value, **times, "acknowledged": Acknowledged(**{**by, "at": instant(by["at"])})})
