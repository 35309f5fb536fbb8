from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from referral.play.demo import STEPS, demo_journey

STORY = Path(__file__).parents[3] / "docs" / "journeys" / "story-01-direct-flight.toml"


def test_the_demo_is_the_first_story_as_it_ships() -> None:
    assert resources.files("referral.play").joinpath("demo.toml").read_bytes() == STORY.read_bytes()


@pytest.mark.parametrize("kind", STEPS)
def test_the_demo_goes_through_each_of_the_six_steps(kind: str) -> None:
    sent = [step.send for step in demo_journey().step if step.send is not None and step.refused is None]

    assert kind in [one.kind for one in sent]
