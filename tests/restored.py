"""A node of a town put back from a copy of its folder, as it was when the copy was taken."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from nodes import NO_SKEW
from referral.exchange.embedded import EmbeddedBroker
from referral.opening import KEY_FILE, open_node
from referral.vault import KeyFile
from referral.wiring import wire

if TYPE_CHECKING:
    from pathlib import Path

    from nodes import Town
    from referral.following.proofs import LogClient
    from referral.wiring import Wired


async def copied(it: Town, agency: str, name: str = "copy") -> Path:
    """Stop a node, copy its whole folder, start it again; return the copy."""
    target = it.folder / "copies" / f"{agency}-{name}"
    await it.nodes[agency].close()
    shutil.copytree(it.folder / agency, target)
    it.nodes[agency] = started(it, agency)
    return target


async def put_back(it: Town, agency: str, copy: Path, notary: LogClient | None = None) -> Wired:
    """Stop a node, put a copy in the place of its folder, and start it."""
    await it.nodes[agency].close()
    shutil.rmtree(it.folder / agency)
    shutil.copytree(copy, it.folder / agency)
    it.nodes[agency] = started(it, agency, notary)
    return it.nodes[agency]


def started(it: Town, agency: str, notary: LogClient | None = None, home: Path | None = None) -> Wired:
    """Open the node in its folder, or in another `home`, and put it together."""
    folder = home or it.folder / agency
    node = open_node(folder, KeyFile(folder / KEY_FILE), it.clock.behind(it.skews.get(agency, NO_SKEW)))
    return wire(folder, node, EmbeddedBroker(it.folder / "broker.sqlite", it.clock), notary)
