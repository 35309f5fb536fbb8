"""Judges a conviction: does a file show that the log of a root file signed two histories? No network, no node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts import tlog
from contracts.encoding import b64
from contracts.network import read_network
from contracts.refusal import Refusal

if TYPE_CHECKING:
    from pathlib import Path


class FileUnreadable(Refusal):
    """The file cannot be read; name one that is there."""

    code = "file-unreadable"


@dataclass(frozen=True, slots=True)
class Judged:
    """The log that is convicted, and of what: two roots, in base64url, of its first `size` entries."""

    origin: str
    size: int
    signed: str
    committed: str
    larger: int


def convicted(file: Path, root: Path) -> Judged:
    """Return what the file convicts the root file's log of, or raise `ConvictionRefused` where it does not."""
    try:
        raw, network = file.read_bytes(), root.read_bytes()
    except OSError:
        raise FileUnreadable from None
    log = read_network(network).log
    found = tlog.judge_conviction(tlog.read_conviction(raw), [tlog.read_key(log.key)])
    return Judged(found.origin, found.size, b64(found.signed), b64(found.committed), found.larger)
