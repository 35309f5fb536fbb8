"""What is refused about a journey file, by one name."""

from __future__ import annotations

from contracts.refusal import FormatRefused


class JourneyRefused(FormatRefused):
    """This is no journey that can be played; correct the place that is named and play it again."""

    code = "journey"
