"""The lines of a journey, over the real embedded broker; envelopes are seen with the keys of a small network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from contracts.content import content_id
from contracts.envelope import EpochKey, key_id
from referral.exchange.broker import BrokerAway
from referral.exchange.embedded import EmbeddedBroker
from referral.play.lines import KeyholdersSight, Line, Trouble, Withholding
from small_network import NOW, TABLE, directory, epoch, first_step, network, profile, sealed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from referral.vault import Vault

TOPIC = "in.hungary"


class KeptKeys:
    """The epoch keys of the small network, as a vault gives them."""

    def epoch_private(self, kid: bytes) -> bytes | None:
        pair: EpochKey = epoch("hu-fp")
        return pair.secret if kid == key_id(pair.public) else None


def sight() -> KeyholdersSight:
    vaults: dict[str, Vault] = {"hu-fp": KeptKeys()}  # type: ignore[dict-item]  # its one verb is all that is asked
    return KeyholdersSight(network(), directory(), TABLE, vaults)


@pytest.fixture
def trouble() -> Trouble:
    return Trouble(sight(), {TOPIC: "hu-fp", "in.belgium": "be-fp"})


@pytest_asyncio.fixture
async def broker(tmp_path: Path) -> AsyncIterator[EmbeddedBroker]:
    made = EmbeddedBroker(tmp_path / "broker.sqlite", lambda: NOW)
    await made.provision([TOPIC])
    yield made
    await made.close()


async def stored(broker: EmbeddedBroker) -> list[bytes]:
    return [record.value for record in await broker.read(TOPIC, 0, -1, 100)]


async def test_a_quiet_line_carries_everything_and_counts_it(broker: EmbeddedBroker, trouble: Trouble) -> None:
    line = Line("be-fp", broker, trouble)
    await line.append(TOPIC, [b"a", b"b"])

    assert await stored(broker) == [b"a", b"b"]
    assert [record.value for record in await line.read(TOPIC, 0, 0, 9)] == [b"b"]
    assert (await line.end(TOPIC, 0), trouble.appended) == (2, 2)


async def test_a_broker_that_is_away_is_away_in_every_verb(broker: EmbeddedBroker, trouble: Trouble) -> None:
    line, other = Line("be-fp", broker, trouble), Line("hu-fp", broker, trouble)
    trouble.away = {"be-fp"}
    for verb in (line.append(TOPIC, [b"a"]), line.read(TOPIC, 0, -1, 9), line.end(TOPIC, 0)):
        with pytest.raises(BrokerAway):
            await verb
    await other.append(TOPIC, [b"b"])

    assert await stored(broker) == [b"b"]


async def test_the_next_envelopes_are_doubled_or_lost(broker: EmbeddedBroker, trouble: Trouble) -> None:
    line = Line("be-fp", broker, trouble)
    trouble.doubled["be-fp"] = 2
    await line.append(TOPIC, [b"a", b"b", b"c"])
    trouble.lost["be-fp"] = 1
    await line.append(TOPIC, [b"d", b"e"])
    trouble.lost["hu-fp"] = 1
    await line.append(TOPIC, [b"f"])

    assert await stored(broker) == [b"a", b"a", b"b", b"b", b"c", b"e", b"f"]


async def test_a_line_that_is_down_keeps_what_is_sent_and_gives_it_back_in_order(
    broker: EmbeddedBroker, trouble: Trouble
) -> None:
    line = Line("be-fp", broker, trouble)
    trouble.withheld = [Withholding(frozenset({"hu-fp"}))]
    await line.append(TOPIC, [b"a", b"b"])

    assert await stored(broker) == []
    assert trouble.released() == []
    trouble.withheld = []
    assert trouble.released() == [(TOPIC, b"a"), (TOPIC, b"b")]
    assert trouble.released() == []


async def test_one_message_is_withheld_and_others_pass(broker: EmbeddedBroker, trouble: Trouble) -> None:
    section = profile("hu-fp")
    first, other = first_step([section]), first_step([section], salt=b"t" * 32)
    trouble.withheld = [Withholding(frozenset({"hu-fp"}), frozenset({content_id(first)}), ("request",))]
    line = Line("be-fp", broker, trouble)
    envelopes = [sealed(first, [section]), sealed(other, [section]), b"no envelope at all"]
    await line.append(TOPIC, envelopes)

    assert await stored(broker) == envelopes[1:]
    assert trouble.held == [(TOPIC, envelopes[0])]


def test_an_envelope_shows_its_message_to_who_holds_the_keys_and_to_nobody_else() -> None:
    raw = first_step([profile("hu-fp")])
    envelope = sealed(raw, [profile("hu-fp")])

    assert sight().messages_in("hu-fp", envelope) == {content_id(raw)}
    assert sight().messages_in("hu-fp", envelope[:-1]) == frozenset()
