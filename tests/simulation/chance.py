"""Everything that a run draws comes from its seed: what the world does, and the random bytes of the product itself."""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack, contextmanager
from random import Random
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeVar

    T = TypeVar("T")

SOURCES: Final = (  # where the product has got hold of the machine's randomness, by name
    "nacl.utils.random",
    "referral.vault.rest.random",
    "referral.vault.unlock.random",
    "contracts.content.random_bytes",
    "contracts.envelope.random_bytes",
)


class Chance(Random):
    """Draws for one run; the same seed draws the same in any process."""

    def odds(self, share: float) -> bool:
        """Say yes in this share of cases."""
        return self.random() < share

    def weighed(self, choices: Sequence[tuple[T, float]]) -> T:
        """Return one of the choices by weight."""
        return self.choices([one for one, _ in choices], [weight for _, weight in choices])[0]

    def bytes_source(self) -> Callable[[int], bytes]:
        """Return a source of bytes of its own, so that a key more does not change what the world does."""
        return Chance(self.getrandbits(64)).randbytes


@contextmanager
def drawing(source: Callable[[int], bytes]) -> Iterator[None]:
    """Let everything that asks the machine for random bytes in the block get them from `source`."""

    def give(size: int = 32) -> bytes:
        return source(size)

    with ExitStack() as stack:
        for name in SOURCES:
            stack.enter_context(patch(name, give))
        stack.enter_context(patch.object(secrets, "token_bytes", give))
        stack.enter_context(patch.object(os, "urandom", give))
        yield
