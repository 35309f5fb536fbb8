"""Every journey that ships goes as it says, on the embedded broker and over a real Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from referral.play.command import play
from referral.play.loader import load

if TYPE_CHECKING:
    from kafka.realkafka import RealKafka
    from realpostgres import RealPostgres
    from referral.play.report import PlayReport

JOURNEYS = sorted((Path(__file__).parents[2] / "docs" / "journeys").glob("*.toml"))


def told(report: PlayReport) -> str:
    return "\n".join(report.lines())


def test_all_the_stories_are_there() -> None:
    assert [path.stem for path in JOURNEYS] == [
        "accept-crosses-withdrawal",
        "alert-resolved",
        "bed-lost",
        "case-erased",
        "clarified-twice",
        "clocks-six-hours-apart",
        "declined-then-another",
        "delayed-flight",
        "late-member",
        "member-leaves",
        "node-killed",
        "notary-away",
        "offer-renewed",
        "story-01-direct-flight",
        "story-02-saturday-night",
        "story-03-not-met",
        "story-04-consent-withdrawn",
        "story-05-walk-in",
        "story-07-age-not-sure",
        "story-08-turns-eighteen",
        "story-09-asylum",
        "story-11-no-capacity",
        "story-13-outage",
        "story-14-wrong-recipient",
        "story-15-what-was-known",
        "two-agencies-claim-her",
        "unprepared-return",
        "veto-crosses-approval",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("path", JOURNEYS, ids=lambda path: path.stem)
def test_a_journey_goes_as_it_says(path: Path) -> None:
    report = play(path)

    assert report.held, told(report)


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
@pytest.mark.parametrize("path", JOURNEYS, ids=lambda path: path.stem)
def test_a_journey_goes_as_it_says_over_kafka(path: Path, loopback_kafka: RealKafka) -> None:
    report = play(path, broker="kafka", bootstrap=f"127.0.0.1:{loopback_kafka.port}")

    assert report.held, told(report)


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("name", ["story-04-consent-withdrawn"])
def test_a_journey_goes_as_it_says_with_its_nodes_on_postgresql(name: str, postgres: RealPostgres) -> None:
    """Replay rebuilds every view in SQLite and compares its digest with the live one, which is PostgreSQL's here."""
    path = next(path for path in JOURNEYS if path.stem == name)
    agencies = list(load(path).agencies)
    # The last one keeps a file: both show the same standing.
    report = play(path, stores={agency: postgres.address() for agency in agencies[:-1]})

    assert report.held, told(report)
