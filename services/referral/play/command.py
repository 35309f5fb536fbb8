"""`referral play` and both demos: a journey played from a file, notaries that witness, and the reports they print.

The command line hands over what was typed and prints what comes back; nothing here writes to a terminal.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from referral.play import folder as folders
from referral.play.demo import DemoReport, play_demo
from referral.play.director import Director
from referral.play.loader import load
from referral.play.quiet import logs_into
from referral.play.report import PlayReport
from referral.play.stage import BACKSTAGE, BrokerChoice, build
from referral.play.witnesses import WitnessReport, play_witnesses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from referral.play.journey import Journey
    from referral.play.outcome import Done, Outcome


def _silent(_doing: str) -> None:
    """Tell nobody."""


def play(
    journey: Path,
    *,
    folder: Path | None = None,
    broker: str = "embedded",
    bootstrap: str = "",
    stores: Mapping[str, str] | None = None,
    processes: bool = False,
    verbose: bool = False,
    progress: Callable[[str], None] = _silent,
) -> PlayReport:
    """Play the journey in a file; with `folder`, nodes and notary are kept there, with `processes` each node is one.

    `stores` are addresses in PostgreSQL by agency, for nodes that keep no file.
    Raises `JourneyRefused` for a file that is none, `FolderRefused`, `KafkaSettingsRefused`, `NotaryNotStarted`.
    """
    told = load(journey)
    choice = BrokerChoice(broker, bootstrap, stores or {})
    with _place(folder) as place:
        outcome = asyncio.run(_played(told, place, choice, progress, processes=processes, verbose=verbose))
    return PlayReport(outcome, broker, len(told.step), verbose)


def demo(
    folder: Path,
    *,
    broker: str = "embedded",
    bootstrap: str = "",
    progress: Callable[[str], None] = _silent,
) -> DemoReport:
    """Play the demo journey in `folder`, export the bundle of its case and verify it."""
    folders.take(folder)
    return asyncio.run(play_demo(folder, BrokerChoice(broker, bootstrap), progress))


def demo_witnesses(folder: Path, progress: Callable[[str], None] = _silent) -> WitnessReport:
    """Let five notaries witness each other in `folder`, kill two of them, and say what is witnessed meanwhile."""
    folders.take(folder)
    return asyncio.run(play_witnesses(folder, progress))


@contextmanager
def _place(folder: Path | None) -> Iterator[Path]:
    """Give the folder that was named, or one that is gone afterwards."""
    if folder is not None:
        folders.take(folder)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="referral-play-") as made:
        yield Path(made)


async def _played(
    journey: Journey,
    place: Path,
    choice: BrokerChoice,
    progress: Callable[[str], None],
    *,
    processes: bool,
    verbose: bool,
) -> Outcome:
    def told(done: Done) -> None:
        progress(f"step {done.step} of {len(journey.step)}: {done.line}")

    progress("making a network")
    with logs_into(place / BACKSTAGE / "nodes.log"):
        stage = await build(journey, place, choice, processes=processes)
        try:
            await stage.open()
            return await Director(journey, stage, told, accounts=verbose).play()
        finally:
            await stage.close()
