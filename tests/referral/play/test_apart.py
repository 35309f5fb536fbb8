"""Journeys with one process for each node: commands over the API, the clock in a file, kills by SIGKILL."""

from __future__ import annotations

import asyncio
import random
import signal
from typing import TYPE_CHECKING

import pytest

from journey_pages import JOURNEYS, example
from referral.play.apart import ApartPlayer, NodeDied
from referral.play.command import play
from referral.play.director import Director
from referral.play.loader import load, read_journey
from referral.play.stage import BrokerChoice, build

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from referral.play.outcome import Outcome
    from referral.play.stage import Stage

pytestmark = pytest.mark.slow

MOMENTS = 6
SEED = 7


def story(name: str) -> Path:
    (found,) = [path for path in JOURNEYS if path.stem == name]
    return found


@pytest.mark.parametrize("name", ["accept-crosses-withdrawal", "node-killed", "clocks-six-hours-apart"])
def test_a_journey_goes_the_same_way_with_a_process_for_each_node(name: str) -> None:
    report = play(story(name), processes=True)

    assert report.held, "\n".join(report.lines())


class Mortal(ApartPlayer):
    """A node whose process is killed at drawn moments, and started again at once."""

    moments: random.Random
    deaths: int
    living: int

    def mortal(self, moments: random.Random, deaths: int) -> None:
        """Die so often, at moments that are drawn."""
        self.moments, self.deaths, self.living = moments, deaths, moments.randrange(1, 12)

    async def turn(self) -> int:
        """Take a turn; killed in the middle of it, the node takes it again."""
        self.living -= 1
        if not self.deaths or self.living > 0:
            return await super().turn()
        self.deaths -= 1
        self.living = self.moments.randrange(1, 12)
        self._tell({"do": "turn", "trouble": self._trouble_here()})
        await asyncio.sleep(self.moments.random() / 20)  # where in its turn it is, nobody chooses
        self._end(signal.SIGKILL)
        await self.start()
        return 1 + await super().turn()


async def with_deaths(path: Path, folder: Path) -> tuple[Outcome, int]:
    """Play a journey in which nodes die at drawn moments; return what came of it, and how many deaths are left."""
    journey = load(path)
    stage = await build(journey, folder, BrokerChoice(), processes=True)
    moments = random.Random(SEED)
    for player in stage.players.values():
        assert isinstance(player, ApartPlayer)
        player.__class__ = Mortal  # the stage has made it; only its deaths are ours
        assert isinstance(player, Mortal)
        player.mortal(moments, MOMENTS // len(stage.players) + 1)
    await stage.open()
    try:
        outcome = await Director(journey, stage).play()
        return outcome, sum(player.deaths for player in stage.players.values() if isinstance(player, Mortal))
    finally:
        await stage.close()


def test_a_node_killed_at_any_moment_loses_nothing_and_says_nothing_twice(tmp_path: Path) -> None:
    outcome, left = asyncio.run(with_deaths(story("story-03-not-met"), tmp_path))

    assert outcome.failure is None
    assert left <= 1
    for case in outcome.cases:
        assert len({account.digest for account in case.accounts.values()}) == 1
        held = [sorted(message.id for message in account.messages) for account in case.accounts.values()]
        assert all(len(set(ids)) == len(ids) for ids in held)


async def test_a_process_that_ended_by_itself_is_named(tmp_path: Path) -> None:
    stage: Stage = await build(read_journey(example().encode()), tmp_path, BrokerChoice(), processes=True)
    player = stage.players["be-fp"]
    assert isinstance(player, ApartPlayer)
    stage.notary.start()
    await player.start()
    player.process.kill()
    player.process.wait()
    said: Mapping[str, Any] = {}
    with pytest.raises(NodeDied):
        await player.turn()
    with pytest.raises(NodeDied):
        await player.send("c", "risk-assessment", said, "key")
    await stage.close()
