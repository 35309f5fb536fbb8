from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from contracts.request import AGENCY, NONCE, SIGNATURE, TIME
from nodes import START, town
from referral.errors import SettingsRefused
from referral.exchange.certain import NOTARY
from referral.exchange.embedded import EmbeddedBroker
from referral.opening import KEY_FILE, Settings
from referral.vault import KeyFile
from referral.wiring import make_broker, notary_client, wire, wire_up

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_folder_becomes_a_node_with_all_its_rooms_and_lets_go_of_everything(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        folder = tmp_path / "be-fp"
        await it.nodes.pop("be-fp").close()
        for _ in range(2):
            wired = wire_up(folder, KeyFile(folder / KEY_FILE), it.clock)
            assert wired.node.agency == "be-fp"
            assert await wired.worker.turn() == 0
            await wired.close()


async def test_the_broker_is_the_one_of_the_settings(tmp_path: Path) -> None:
    broker = make_broker(Settings("be-fp", broker_path=str(tmp_path / "broker.sqlite")))
    assert isinstance(broker, EmbeddedBroker)
    await broker.close()
    with pytest.raises(SettingsRefused, match="embedded or kafka"):
        make_broker(Settings("be-fp", broker="pigeons"))


async def test_a_network_without_a_notary_is_logged_nowhere(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        node = it.nodes["be-fp"].node
        assert notary_client(node) is None

        node.network = replace(node.network, notary="http://notary.example")
        client = notary_client(node)
        assert client is not None
        assert set(client._sign("GET", "/checkpoint", b"")) == {AGENCY, NONCE, SIGNATURE, TIME}
        await client.close()


async def test_what_the_notary_says_of_the_time_is_kept_once_an_hour(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        be = it.nodes["be-fp"]
        be.node.network = replace(be.node.network, notary="http://notary.example")
        client = notary_client(be.node)
        assert client is not None
        assert client.heard is None, "who only looks keeps nothing"
        wire(be.folder, be.node, be.worker.outbox._broker, client)
        assert client.heard is not None
        kept = []
        for own, said in ((0, 600), (30, 30), (59, 59), (60, 60), (120, 900)):
            it.clock.move(START + timedelta(minutes=own))
            client.heard(START + timedelta(minutes=said))
            with be.node.store.reading() as cursor:
                kept += cursor.execute("SELECT witness, at FROM outside_time").fetchall()
        await client.close()

        begun = int(START.timestamp())
        # What lies behind our own clock is not believed.
        assert kept == [(NOTARY, begun + 60 * minutes) for minutes in (0, 0, 0, 60, 120)]
