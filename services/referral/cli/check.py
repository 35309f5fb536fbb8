"""One line of `referral doctor`: what was looked at, whether it is well, what was found, what to do if it is not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """What one look at a node found."""

    name: str
    ok: bool
    found: str
    do: str = ""

    def line(self) -> str:
        """Return it as people read it."""
        return f"{'ok   ' if self.ok else 'WRONG'}  {self.name}: {self.found}{f' - {self.do}' if self.do else ''}"
