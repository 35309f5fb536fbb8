"""Every single flipped bit, every truncation, and thousands of damaged envelopes: refused, and by the one refusal."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from contracts.content import Erased, Section
from contracts.envelope import SIZES, STEPS
from small_network import addressee, first_step, opened_inner, profile, sealed, sealed_inner, signature, step

if TYPE_CHECKING:
    from collections.abc import Callable

KID = range(8, 16)
EPK = range(16, 48)


@pytest.mark.parametrize("bit", range(8))
def test_every_flipped_bit_of_the_smallest_envelope_is_refused(bit: int) -> None:
    """A flip in the kid names a key that we do not have, so those bytes wait; nothing else waits, and nothing opens."""
    to = addressee()
    good = bytearray(sealed(first_step([profile("hu-fp")]), [profile("hu-fp")]))
    assert len(good) == SIZES[0]
    found = Counter[str]()
    for place in range(len(good)):
        good[place] ^= 1 << bit
        found[step(bytes(good), to)] += 1
        good[place] ^= 1 << bit
    assert step(bytes(good), to) == "opened"
    # An ephemeral key is 255 bits: its highest bit alone makes it not canonical.
    odd = 1 if bit == 7 else 0
    expected = {"magic": 4, "suite": 2, "flags": 2, "parked": len(KID), "ephemeral-key": odd}
    expected |= {"commitment": len(EPK) - odd + 32, "seal": SIZES[0] - 80}
    assert found == Counter(expected)


def test_every_truncation_of_the_smallest_envelope_is_refused() -> None:
    to = addressee()
    good = sealed(first_step())
    assert {step(good[:size], to) for size in range(len(good))} == {"length"}
    assert {step(good[size:], to) for size in range(1, len(good), 7)} == {"length"}


@pytest.mark.parametrize("more", [1, 16, 245_759, 245_761, 262_144])
def test_an_envelope_with_more_behind_it_is_refused(more: int) -> None:
    assert step(sealed(first_step()) + bytes(more)) == "length"


def test_the_smaller_envelope_filled_up_to_the_larger_size_is_refused() -> None:
    good = sealed(first_step())
    assert step(good.ljust(SIZES[1], b"\x00")) == "seal"


def damaged(raw: bytes, drawn: random.Random) -> bytes:
    """Return bytes of the same length with a few places changed, moved or repeated."""
    changed = bytearray(raw)
    for _ in range(drawn.randint(1, 5)):
        place, other, run = (drawn.randrange(len(changed)) for _ in range(3))
        run = run % 64 + 1
        match drawn.randrange(4):
            case 0:
                changed[place] = drawn.randrange(256)
            case 1:
                changed[place : place + run] = changed[other : other + run]
            case 2:
                changed[place : place + run] = bytes(run)
            case _:
                changed[place : place + 4] = drawn.randrange(2**32).to_bytes(4, "big")
    return bytes(changed[: len(raw)]).ljust(len(raw), b"\x00")


def wire(drawn: random.Random, good: bytes) -> bytes:
    """Damage what the broker holds."""
    return damaged(good, drawn)


def head(drawn: random.Random, good: bytes) -> bytes:
    """Damage the header alone."""
    return damaged(good[:80], drawn) + good[80:]


def inner(drawn: random.Random, good: bytes) -> bytes:
    """Damage what a hostile agency seals: framing, names, lengths; the seal itself is good."""
    plain = opened_inner(good)
    used = len(plain.rstrip(b"\x00")) + 8
    return sealed_inner(damaged(plain[:used], drawn) + plain[used:])


def signed(drawn: random.Random, _good: bytes) -> bytes:
    """Damage the content before it is signed: the signature holds, the content may not."""
    section = profile("hu-fp")
    raw = damaged(first_step([section]), drawn)
    return sealed(raw, [section], signature=signature("be-fp", raw))


@pytest.mark.parametrize("damage", [wire, head, inner, signed])
def test_five_thousand_damaged_envelopes_bring_nothing_but_the_refusal(
    damage: Callable[[random.Random, bytes], bytes],
) -> None:
    drawn = random.Random(damage.__name__)
    to = addressee()
    sections = [profile("hu-fp"), Section("measures", ("hu-fp",), b"[]", b"m" * 32)]
    good = sealed(first_step(sections), [sections[0], Erased(sections[1].commitment)], riders=b"riders")
    found = Counter(step(damage(drawn, good), to) for _ in range(5_000))
    assert set(found) <= {*STEPS, "parked", "opened"}
    # Bytes that were replaced by themselves, or content that still says something, may open.
    assert found["opened"] < 500
