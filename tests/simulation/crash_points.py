"""S4: a short story, cut off at every boundary of every node in it, once and in ordered pairs.

The story is always the same: a message goes out and is receipted and read, keys are published, a consent is withdrawn
and carried out, a case is erased. `points` names each boundary that it passes (a commit, an append, a signature, a
file, a submission, before and after); `Story` crashes at one or two of them, starts the node again, lets people ask
again what was not answered, and goes on. At the end everything must be as in any run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from integration.walk import RISK
from referral.casework.intent import Chosen, Intent
from referral.erasing import Erasure
from simulation.life import CANARY, Command
from simulation.people import NOTE
from simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from simulation.machine import Machine

THREE: Final = ("be-fp", "hu-fp", "hu-iom")
CARRIED_OUT: Final = timedelta(hours=73)  # after a withdrawal


@dataclass(frozen=True, order=True)
class Point:
    """A boundary: in which act of the story, the how-manieth there, and what it is."""

    act: int
    ahead: int
    name: str = ""


class Story(World):
    """The story, crashing at these points."""

    def __init__(self, folder: Path, crashes: Sequence[Point] = ()) -> None:
        super().__init__(0, folder)
        self.crashes = list(crashes)
        self.points: list[Point] = []
        self.act = 0

    def settle_on(self) -> None:
        """Take three agencies that have agreed, a log, and nothing that goes wrong by itself."""
        self.names, self.faults, self.stage, self.logs = THREE, set(), "agreed", True

    def live(self) -> None:
        """Tell the story."""
        be, hu, iom = (self.machines[one] for one in THREE)
        case = self.life.cases[0]
        note = Chosen({NOTE: f"{CANARY}: a story."}, ("hu-fp", "hu-iom"))
        intent = Intent("risk-assessment", RISK, {NOTE: note})
        self._command(be, "risk", lambda desk, key: desk.send(case, intent, key=key, principal="p"))
        for machine in (be, hu, iom, be):
            self._turn_of(machine)
        self._read(hu, case)
        self._command(be, "withdrawal", lambda desk, key: desk.withdraw_consent(case, "hu-iom", key=key, principal="p"))
        for machine in (hu, be, iom, be):
            self._turn_of(machine)
        self.clock.move(self.clock() + CARRIED_OUT)
        for machine in (be, iom, be):
            self._turn_of(machine)
        wish = Erasure(case, "no_longer_needed", "focal-point", "case-manager")
        self._command(hu, "erasure", lambda desk, key: desk.erase_case(wish, key=key, principal="p"))
        self._turn_of(hu)

    # -- acts --------------------------------------------------------------------------------------------------------

    def crash_ahead(self, ahead: tuple[int, ...]) -> int | None:
        """Crash where the plan says so: at its first point that is of this act."""
        del ahead
        if self.crashes and self.crashes[0].act == self.act:
            return self.crashes.pop(0).ahead
        return None

    def _command(self, machine: Machine, what: str, ask: Callable[[Any, str], Any]) -> None:
        command = Command(f"story-{what}", what, lambda desk: ask(desk, f"story-{what}"))
        self._acted(lambda: self.life.carry_out(machine, command))
        while self.life.pending.get(machine.agency):
            self.start(machine)
            self.life.carry_out(machine, self.life.pending[machine.agency].pop())

    def _turn_of(self, machine: Machine) -> None:
        self.start(machine)
        self._acted(lambda: self.work(machine, self.crash_ahead(())))
        self.start(machine)

    def _read(self, machine: Machine, case: str) -> None:
        history = machine.node.node.history(case)
        assert history is not None
        message = next(one.content.id for one in history.ordered() if one.content.sender == "be-fp" and one.sections)
        name = next(iter(sorted(machine.node.queries.sections(history, history.case.entries[message]))))
        self._acted(lambda: self.life.give(machine, history, message, name))
        self.start(machine)

    def _acted(self, act: Callable[[], Any]) -> None:
        """Do one act, and note which boundaries it passes."""
        self.act += 1
        self.boundaries.reached.clear()
        self.boundaries.counts = True
        act()
        self.boundaries.counts = False
        self.points += [Point(self.act, number, name) for number, name in enumerate(self.boundaries.reached)]
        self.boundaries.reached.clear()
