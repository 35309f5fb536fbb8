"""Which kinds an agency may send next, on the past that its message would name.

A kind counts if some act of some variant would be effective. The acts tried are those that can make a difference: the
codes, itineraries, agencies and registers that a variant matches or demands; what an act only sets changes no verdict.

Source: standing.md 2 (`after`) and 3 (`standing.next`).
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, Final

from contracts.standing.history import CORRECTION, bits
from contracts.standing.judgement import judge
from contracts.standing.message import EFFECTIVE, Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from contracts.procedure import Field, Kind, Variant
    from contracts.standing.past import Past

_NOBODY: Final = "somebody-new"  # stands for an agency that the case does not know yet
_FRESH_ID: Final = "next"


def next_kinds(past: Past, agency: str, after: tuple[str, ...], now: datetime) -> tuple[str, ...]:
    """Return the core kinds that `agency` may send at `now` with this past, sorted."""
    kinds = past.history.procedure.kinds.values()
    return tuple(sorted(kind.name for kind in kinds if kind.core and _may(past, kind, agency, after, now)))


def _may(past: Past, kind: Kind, agency: str, after: tuple[str, ...], now: datetime) -> bool:
    for act in _acts(past, kind, agency):
        for role in _roles(past, agency, after):
            audience = _audience(past, kind, agency, act, after)
            message = Message(_FRESH_ID, kind.name, agency, role, act, after, audience, now)
            if judge(message, act, past, gap=False).verdict.name == EFFECTIVE:
                return True
    return False


def _roles(past: Past, agency: str, after: tuple[str, ...]) -> tuple[str, ...]:
    return (past.role(agency),) if after else past.history.procedure.member_roles


def _audience(
    past: Past, kind: Kind, agency: str, act: Mapping[str, Any], after: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    if not after:
        return tuple((_NOBODY, role) for role, (least, _) in kind.root_names.items() for _ in range(least))
    invited = {act["agency"]} if kind.invites else set()
    return tuple((one, past.role(one)) for one in (past.carriers() - {agency}) | invited)


def _acts(past: Past, kind: Kind, agency: str) -> Iterator[Mapping[str, Any]]:
    """Yield the acts that could make a difference for this kind."""
    if any(variant.contest for variant in kind.variants):
        yield from _settlements(past)
        return
    names = sorted({name for variant in kind.variants for name in _read(variant)} | _named(kind))
    choices = [_choices(past, kind, kind.act[name], agency) for name in names]
    for values in product(*choices):
        yield {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _named(kind: Kind) -> set[str]:
    """Return the fields that the kind itself reads."""
    found = {kind.own} if kind.own else set()
    if kind.invites or kind.removes or "self" in kind.senders:
        found.add("agency")
    if kind.name == CORRECTION:
        found.add("target")
    return found


def _read(variant: Variant) -> Iterator[str]:
    """Yield the act fields that decide whether the variant matches and holds."""
    yield from variant.act
    if variant.other or variant.orphan is not None:
        yield "agency"
    if variant.two:
        yield "second"
    for demand in (*variant.given, *variant.requires):
        yield from demand.register.act_fields
        for allowed in demand.allowed:
            yield from allowed.value.act_fields
    for text in (variant.sides, variant.orphan, *variant.fresh):
        yield from text.act_fields if text is not None else ()


def _choices(past: Past, kind: Kind, field: Field, agency: str) -> tuple[Any, ...]:
    """Return the values worth trying in a field; None leaves it out."""
    absent = () if field.required else (None,)
    if field.codes:
        return (*field.codes, *absent)
    if field.type == "agency":
        return (*past.members, _NOBODY, *absent)
    if field.type == "function":
        return (*past.history.procedure.functions[:1], *absent)
    if kind.name == CORRECTION:
        return tuple(past.history.messages[at].id for at in bits(past.history.by_sender.get(agency, 0) & past.mask))
    return (*_itineraries(past), *field.or_codes, *absent) or (_FRESH_ID,)


def _itineraries(past: Past) -> tuple[str, ...]:
    """Return the itineraries that a register of this past is about."""
    families = [name for name, family in past.history.procedure.registers.items() if family.scope]
    return tuple(sorted({register.split(":")[1] for name in families for register in past.voices(name)}))


def _settlements(past: Past) -> Iterator[Mapping[str, Any]]:
    """Yield one settlement for each contested register."""
    for register in tuple(past.history.setters):
        for value in sorted(past.contested_values(register)):
            tips = past.history.ids(past.tips(register))
            yield {"register": register, "value": value, "tips": list(tips)}
