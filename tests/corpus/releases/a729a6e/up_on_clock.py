"""`referral` as it ships, but that `up` reads the present from a file: `python up_on_clock.py CLOCK up --node DIR`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.encoding import instant
from referral.cli import main, serving
from referral.wiring import wire_up

if TYPE_CHECKING:
    from datetime import datetime

CLOCK = Path(sys.argv[1])


def now() -> datetime:
    """Return the time in the file."""
    return instant(CLOCK.read_text(encoding="ascii").strip())


if __name__ == "__main__":
    setattr(serving, "wire_up", partial(wire_up, now=now))  # noqa: B010 - a name that the module does not export
    sys.exit(main(sys.argv[2:]))
