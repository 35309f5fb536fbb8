"""The eight characters by which people name a case aloud, and how they are read when somebody types what was heard.

Source: standing.md 1. The check character is Luhn's modulo 32 (ADR 0008).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from contracts.encoding import unb64
from contracts.refusal import FormatRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def spoken_reference(case: str) -> str:
    """Return the eight characters by which people name a case aloud: never for look-up between agencies.

    Crockford's base32 of the first 35 bits of BLAKE2b-512 over the 16 bytes of the case id, and one check character by
    Luhn's rule modulo 32: one character heard wrong never fits, two neighbours swapped hardly ever.
    """
    first = int.from_bytes(hashlib.blake2b(unb64(case, 16)).digest()[:5], "big") >> 5
    digits = [first >> shift & 31 for shift in range(30, -1, -5)]
    return "".join(_CROCKFORD[digit] for digit in [*digits, _luhn(digits)])


def heard(text: str) -> str:
    """Return a spoken reference as it is written, from what somebody typed; refuse one whose check does not fit.

    Small letters, spaces and hyphens are let through, O is heard as 0, I and L as 1 (Crockford).
    """
    plain = text.upper().replace(" ", "").replace("-", "").translate(str.maketrans("OIL", "011"))
    digits = [_CROCKFORD.find(character) for character in plain]
    if len(plain) != 8 or -1 in digits or _luhn(digits[:7]) != digits[7]:  # noqa: PLR2004 - eight characters, the last checks
        raise FormatRefused("A spoken reference has eight characters that fit each other: listen again.")
    return plain


def _luhn(digits: Sequence[int]) -> int:
    """Double every other digit from the right, add both digits of each product, and fill up to a multiple of 32."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        product = digit * 2 if place % 2 == 0 else digit
        total += product // 32 + product % 32
    return -total % 32
