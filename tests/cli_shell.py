"""The command line called as a shell would, and nodes as `referral init` makes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from referral.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

INIT = {
    "be-fp": ("Focal point of Belgium", "BE", "ngo", "requesting", "Europe/Brussels"),
    "hu-fp": ("Focal point of Hungary", "HU", "ngo", "requested", "Europe/Budapest"),
}


@dataclass(frozen=True)
class Ran:
    """How a command ended: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return the one document on standard output."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Shell:
    """Runs `referral` in a folder and keeps what it says."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> Ran:
        """Run one command."""
        self.capture.readouterr()
        code = main(list(arguments))
        said = self.capture.readouterr()
        return Ran(code, said.out, said.err)

    def init(self, agency: str, *more: str) -> Ran:
        """Make the node of an agency in a folder of its name."""
        title, country, kind, role, zone = INIT[agency]
        said = ("--agency", agency, "--title", title, "--country", country, "--kind", kind, "--role", role)
        return self("init", "--node", agency, *said, "--zone", zone, *more)
