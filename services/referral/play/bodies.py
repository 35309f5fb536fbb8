"""Section bodies of a journey: written in a step, written once under a name, or the example that ships."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.examples import example
from contracts.sections import SECTIONS, compose_section
from referral.play.refusal import JourneyRefused

if TYPE_CHECKING:
    from datetime import date

    from referral.play.journey import BodyPart, Journey, Json


def body_of(journey: Journey, section: str, said: str | Json | None) -> Json:
    """Return the body of a section that a step names (`said`), writes, or leaves to the default."""
    if isinstance(said, dict):
        return said
    if said is None and section not in journey.bodies:
        return example(section, arrive=journey.journey.arrive)
    part = journey.bodies.get(said or section)
    if part is None:
        raise JourneyRefused("There is no body of this name under `bodies`.")
    if part.section != section:
        raise JourneyRefused("The body of this name is another section's.")
    return _written(part, journey.journey.arrive)


def check_body(section: str, body: Json) -> None:
    """Raise `SectionRefused` unless `body` is one that this section can have."""
    compose_section(section, body)


def _written(part: BodyPart, arrive: date) -> Json:
    if part.section not in SECTIONS:
        raise JourneyRefused("There is no such section.")
    begun = example(part.section, arrive=part.arrive or arrive) if part.example else {}
    return begun | part.body


def own_body(journey: Journey, name: str) -> Json:
    """Return the body that stands under `bodies` by this name."""
    return _written(journey.bodies[name], journey.journey.arrive)
