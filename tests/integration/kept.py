"""What a node and the broker keep, counted: what is refused must leave every number as it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from contracts.refusal import Refusal
from referral.exchange.embedded import EmbeddedBroker

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodes import Town


@dataclass
class Kept:
    """Events of a case, keys of sections, commands answered, records at the broker."""

    events: int
    keys: int
    commands: int
    records: int


async def kept(it: Town, agency: str, case: str) -> Kept:
    """Return what there is now, after everybody has worked."""
    await it.settle()
    node = it.nodes[agency].node
    found = node.case(case)
    assert found is not None
    broker = EmbeddedBroker(it.folder / "broker.sqlite")
    ends = [await broker.end(one.node.me.capabilities.topic, 0) for one in it.nodes.values()]
    await broker.close()
    with node.store.reading() as cursor:
        commands = cursor.execute("SELECT count(*) FROM commands").fetchone()[0]
    return Kept(found.version, len(node.vault._keyring.names("section")), commands, sum(ends))


async def refused(it: Town, agency: str, case: str, send: Callable[[], object]) -> tuple[str, str]:
    """Return code and rule of the refusal that `send` ends in; nothing may be kept of it, and nothing may go out."""
    before = await kept(it, agency, case)
    with pytest.raises(Refusal) as found:
        send()
    assert await kept(it, agency, case) == before
    return found.value.code, str(getattr(found.value, "rule", ""))
