"""The demo: one person's referral through all six steps, shown as both sides have it, and the evidence verified.

It is the journey `story-01-direct-flight` on a new network. Nothing that is printed is a summary by hand: every line is
read from the stores of the agencies after the last step.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from referral.audit import bundle
from referral.audit.report import HOLDS
from referral.audit.verify import verify
from referral.opening import PROOFS_FOLDER
from referral.play.director import Director
from referral.play.loader import read_journey
from referral.play.quiet import logs_into
from referral.play.report import PlayReport
from referral.play.stage import BACKSTAGE, NODES, NOTARY, build
from referral.queries import READ, Queries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from referral.audit.bundle import Bundle
    from referral.audit.report import Report
    from referral.play.journey import Journey
    from referral.play.stage import BrokerChoice, Stage
    from referral.queries import TimelineItem

BUNDLE: Final = "bundle"
EXPORTER: Final = "be-fp"
SIDES: Final = (EXPORTER, "hu-iom")
WIDTH: Final = 110
INDENT: Final = " " * 29
STEPS: Final = (  # the six of the procedure, in the order of its manual (domain.md 1.5)
    "assistance-request-notification",
    "assistance-request-confirmation",
    "reintegration-assistance-request",
    "reintegration-assistance-confirmation",
    "post-departure-notification",
    "arrival-confirmation",
)


@dataclass(frozen=True, slots=True)
class Side:
    """The case as one side has it."""

    agency: str
    title: str
    spoken: str
    timeline: tuple[TimelineItem, ...]


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What the demo shows: the journey, both sides, the bundle and what checking it found."""

    played: PlayReport
    sides: tuple[Side, ...]
    exported: Bundle | None
    verified: Report | None
    folder: Path

    @property
    def held(self) -> bool:
        """Say whether the journey went as it should and the bundle verifies."""
        return self.played.held and self.verified is not None and self.verified.ok

    def document(self) -> Mapping[str, Any]:
        """Return it as `--json` prints it."""
        return {
            "journey": self.played.document(),
            "held": self.held,
            "timelines": {side.agency: [_item(item) for item in side.timeline] for side in self.sides},
            "bundle": None if self.exported is None else str(self.exported.folder),
            "verified": None if self.verified is None else self.verified.to_json(),
            "dir": str(self.folder),
        }

    def lines(self) -> Iterable[str]:
        """Return it as people read it."""
        for side in self.sides:
            yield from _side_lines(side)
        yield from self.played.lines()
        if self.exported is not None and self.verified is not None:
            yield ""
            yield from self._evidence()

    def _evidence(self) -> Iterator[str]:
        exported, verified = self.exported, self.verified
        if exported is None or verified is None:
            return
        yield (
            f"The bundle of {EXPORTER}: {exported.messages} messages, {exported.receipts} receipts, "
            f"{exported.proofs} proofs of the notary, and not one section. Checked without any server:"
        )
        held = Counter(finding.check for finding in verified.findings if finding.word == HOLDS)
        yield f"  holds  {', '.join(f'{many} {check}' for check, many in held.items())}"
        yield from (f"  {finding.line()}" for finding in verified.findings if finding.word != HOLDS)
        yield f"  {verified.lines[-1]}"
        yield ""
        yield f"Everything is in {self.folder}: {NODES}/, {NOTARY}/ and {BUNDLE}/."
        yield f"Look on: referral case list --node {self.folder}/{NODES}/{EXPORTER}"
        yield f"Check it again, offline: referral verify {exported.folder}"


async def play_demo(folder: Path, choice: BrokerChoice, progress: Callable[[str], None]) -> DemoReport:
    """Play the demo in `folder`, which is there and empty."""
    journey = demo_journey()
    progress("making a network of three agencies and a notary")
    with logs_into(folder / BACKSTAGE / "nodes.log"):
        stage = await build(journey, folder, choice)
        try:
            await stage.open()
            steps = len(journey.step)
            director = Director(journey, stage, lambda done: progress(f"step {done.step} of {steps}: {done.line}"))
            outcome = await director.play()
            played = PlayReport(outcome, choice.kind, steps)
            case = director.cases.get("case")
            if case is None or not outcome.held:
                return DemoReport(played, (), None, None, folder)
            progress("exporting the bundle and checking it")
            exported, verified = _evidence_of(stage, folder, case)
            sides = tuple(_side(stage, journey, folder, agency, case) for agency in SIDES)
            return DemoReport(played, sides, exported, verified, folder)
        finally:
            await stage.close()


def demo_journey() -> Journey:
    """Return the journey of the demo, which ships inside the package."""
    return read_journey(resources.files("referral.play").joinpath("demo.toml").read_bytes())


def _evidence_of(stage: Stage, folder: Path, case: str) -> tuple[Bundle, Report]:
    node = stage.players[EXPORTER].node
    exported = bundle.export(node, folder / NODES / EXPORTER / PROOFS_FOLDER, case, folder / BUNDLE)
    return exported, verify(folder / BUNDLE)


def _side(stage: Stage, journey: Journey, folder: Path, agency: str, case: str) -> Side:
    queries = Queries(stage.players[agency].node, folder / NODES / agency / PROOFS_FOLDER)
    (row,) = queries.cases()
    return Side(agency, journey.agencies[agency].title, row.spoken, tuple(queries.timeline(case)))


def _item(item: TimelineItem) -> dict[str, Any]:
    return {
        "message": item.message,
        "kind": item.kind,
        "sender": item.sender,
        "sent_at": item.sent_at.isoformat(),
        "verdict": item.verdict,
        "stored_by": sorted(told.agency for told in item.receipts if told.stage == "R1"),
        "opened_by": sorted(told.agency for told in item.receipts if told.stage == "R3"),
        "proof": item.proof,
        "sections": dict(item.sections),
    }


def _side_lines(side: Side) -> Iterator[str]:
    yield f"As {side.agency} sees it ({side.title}); for saying aloud, the case is {side.spoken}"
    for item in side.timeline:
        step = f"step {STEPS.index(item.kind) + 1}" if item.kind in STEPS else ""
        yield f"  {item.sent_at:%Y-%m-%d %H:%MZ}  {step:6}  {item.sender:<6}  {item.kind}"
        stored = [f"{told.agency} {told.at:%m-%d %H:%MZ}" for told in item.receipts if told.stage == "R1"]
        opened = [f"{told.agency} {told.at:%m-%d %H:%MZ}" for told in item.receipts if told.stage == "R3"]
        readable = sorted(name for name, state in item.sections.items() if state == READ)
        said = {"stored by": stored, "opened by": opened, "reads": readable}
        parts = [f"{what} {', '.join(names)}" for what, names in said.items() if names]
        yield from _wrapped("; ".join([*(["proven"] if item.proof else []), *parts]))
    yield ""


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)
