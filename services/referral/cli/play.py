"""`demo`, `demo-witnesses` and `play`: real nodes and notaries on this machine, for training and for tests."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from referral.cli import output
from referral.cli.call import AsJson, Misused, call


class BrokerKind(StrEnum):
    """Which broker carries a story."""

    EMBEDDED = "embedded"
    KAFKA = "kafka"


Broker = Annotated[BrokerKind, typer.Option("--broker", help="Which broker carries the messages.")]
Bootstrap = Annotated[str, typer.Option(metavar="HOST:PORT", help="Where a Kafka of this machine listens.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this room."""
    for command in (demo, demo_witnesses, play):
        app.command()(command)


def demo(
    context: typer.Context,
    *,
    folder: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where nodes, notary and bundle are left.")
    ] = Path("build/demo"),
    broker: Broker = BrokerKind.EMBEDDED,
    bootstrap: Bootstrap = "",
    as_json: AsJson = False,
) -> None:
    """Let one person's referral travel through all six steps between three agencies, and verify the evidence.

    Every person in it is invented. What it leaves is real: nodes to look at with the other commands, and a bundle.

    Example: referral demo --dir build/demo
    """
    asked = call(context, None, as_json)
    _check(broker, bootstrap)
    from referral.play.command import demo as play_demo  # noqa: PLC0415 - loaded when it is asked for

    with output.progress() as progress:
        found = play_demo(folder, broker=broker.value, bootstrap=bootstrap, progress=progress)
    output.report(found, as_json=asked.as_json, training=True)


def demo_witnesses(
    context: typer.Context,
    *,
    folder: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where the notaries, a proof and its policy are left.")
    ] = Path("build/demo-witnesses"),
    as_json: AsJson = False,
) -> None:
    """Let five notaries of this machine witness each other, kill two of them, and say what is witnessed meanwhile.

    Four of five are enough: with one killed what is logged is still witnessed, with two it is logged only.

    Example: referral demo-witnesses --dir build/demo-witnesses
    """
    asked = call(context, None, as_json)
    from referral.play.command import demo_witnesses as play_witnesses  # noqa: PLC0415 - loaded when it is asked for

    with output.progress() as progress:
        found = play_witnesses(folder, progress)
    output.report(found, as_json=asked.as_json, training=True)


def play(
    context: typer.Context,
    *,
    journey: Annotated[Path, typer.Argument(metavar="JOURNEY", help="A journey file (TOML).")],
    folder: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Keep nodes and notary here; else they are gone after it."),
    ] = None,
    broker: Broker = BrokerKind.EMBEDDED,
    bootstrap: Bootstrap = "",
    processes: Annotated[bool, typer.Option("--processes", help="One process for each node.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show every step, and where the digests differ.")] = False,
    as_json: AsJson = False,
) -> None:
    """Play a journey on a virtual clock and hold it to what it expects; exits 1 naming the first thing that differs.

    A file that is no journey exits 2, naming the step and the field.

    Example: referral play docs/journeys/story-03-not-met.toml
    """
    asked = call(context, None, as_json)
    _check(broker, bootstrap)
    from referral.play.command import play as play_journey  # noqa: PLC0415 - loaded when it is asked for
    from referral.play.refusal import JourneyRefused  # noqa: PLC0415 - the same

    try:
        with output.progress() as progress:
            found = play_journey(
                journey,
                folder=folder,
                broker=broker.value,
                bootstrap=bootstrap,
                processes=processes,
                verbose=verbose,
                progress=progress,
            )
    except JourneyRefused as refused:
        raise Misused(str(refused)) from None
    output.report(found, as_json=asked.as_json, training=True)


def _check(broker: BrokerKind, bootstrap: str) -> None:
    if (broker is BrokerKind.KAFKA) != bool(bootstrap):
        raise Misused("`--broker kafka` and `--bootstrap HOST:PORT` go together.")
