"""Feeds drawn bytes to one decoder and keeps what was neither an answer nor a refusal that it names."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Final

from fuzzing.mutations import mutated

if TYPE_CHECKING:
    from fuzzing.decoders import Decoder

CANARY: Final = "Zsofia-Kovacs-4711"  # stands in every third input; no refusal may repeat it
MOST_FAULTS: Final = 5  # kept of one decoder: the rest is the same again


@dataclass
class Found:
    """What came of feeding one decoder: how many cases were taken, refused by which name, and what is a fault."""

    decoder: str
    cases: int = 0
    taken: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def fuzz(decoder: Decoder, cases: int, seed: int, *, seconds: float | None = None) -> Found:
    """Feed so many cases, or for so many seconds of processor time; (decoder, seed, n) alone draw case n."""
    found = Found(decoder.name)
    end = None if seconds is None else time.process_time() + seconds
    for number in count() if end is not None else range(cases):
        if end is not None and time.process_time() >= end:
            break
        feed(decoder, drawn(decoder, seed, number), f"{decoder.name} seed {seed} case {number}", found)
        if len(found.faults) >= MOST_FAULTS:
            break
    return found


def drawn(decoder: Decoder, seed: int, number: int) -> bytes:
    """Return the case of a number: the same each time."""
    chance = Random(f"{decoder.name}/{seed}/{number}")
    raw = mutated(decoder.seeds, chance)
    if number % 3 == 0:
        at = chance.randint(0, len(raw))
        raw = raw[:at] + CANARY.encode() + raw[at:]
    return raw


def feed(decoder: Decoder, raw: bytes, name: str, found: Found) -> None:
    """Give bytes to a decoder and note what it did."""
    found.cases += 1
    try:
        decoder.decode(raw)
    except decoder.refusals as refused:
        found.refused[type(refused).__name__] += 1
        if CANARY in str(refused):
            found.faults.append(f"{name}: a refusal repeats what was read")
    except Exception as error:  # noqa: BLE001 - whatever else it raises is what is looked for
        found.faults.append(f"{name}: {type(error).__name__}: {error}"[:300])
    else:
        found.taken += 1
