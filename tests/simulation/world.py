"""One run: agencies with their machines, a broker, a log, people, and a seed from which everything follows.

A run is a number of drawn steps, then a quiet time in which every fault has ended and all must agree. Each seed draws
which faults it has at all, so that some runs are calm in all but one thing. What a run has done is its trace; the hash
of the trace is the same in every run of the same seed on the same commit.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import structlog

from contracts import node_statement
from referral.play.clock import StageClock
from referral.store.errors import StoreUnavailable
from simulation.boundaries import Boundaries, Crash, bounded
from simulation.broker import SimulatedBroker
from simulation.bugs import switched_on
from simulation.chance import Chance, drawing
from simulation.ending import Ending
from simulation.ground import LOG, START, ground
from simulation.life import Life
from simulation.log_keeper import LogKeeper
from simulation.machine import Machine
from simulation.memory import remembering
from simulation.stages import STAGES, begin_at, stages
from simulation.trouble import FAULTS, Trouble
from simulation.watch import Violation, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
CAST: Final = ("be-fp", "hu-fp", "hu-iom", "be-iom", "hu-ngo")
STEPS: Final = 60
STRIDES: Final = (1, 5, 30, 130, 130, 600, 1000, 3700, 8000, 22000, 87000)  # seconds that may pass in a step
AHEAD: Final = (0, 1, 2, 3, 5, 8, 13, 21)  # boundaries of a turn until a crash


@dataclass
class Outcome:
    """How a run ended: the hash of its trace, how many checks were made, what was violated ("" nothing)."""

    seed: int
    trace_hash: str
    steps: int
    checks: dict[str, int]
    violation: str = ""
    invariant: str = ""
    trace: list[str] = field(default_factory=list)


class World:
    """Everything in one run."""

    def __init__(self, seed: int, folder: Path, steps: int = STEPS, bugs: Sequence[str] = ()) -> None:
        self.seed, self.folder, self.steps, self.bugs = seed, folder, steps, bugs
        self.chance = Chance(f"run {seed}")
        self.clock = StageClock(START)
        self.boundaries = Boundaries()
        self.watch = Watch()
        self.trace: list[str] = []
        self._hash = hashlib.blake2b(digest_size=16)
        self.paused: set[str] = set()
        self.put_back: set[str] = set()
        self.names: Sequence[str] = CAST[: self.chance.choice((3, 3, 3, 4, 5))]
        self.faults = {one for one in FAULTS if self.chance.odds(0.5)}
        self.stage = self.chance.choice((*STAGES, "agreed", "planned", "", ""))
        self.logs = self.chance.odds(0.6)
        self.settle_on()
        self.life = Life(self)
        self.trouble = Trouble(self)
        self.ending = Ending(self)
        self._draw = self.chance.bytes_source()
        self._build()

    def settle_on(self) -> None:
        """Leave it at what was drawn: who takes part, what goes wrong, where it begins."""

    def _build(self) -> None:
        base = ground()
        self.topics = base.topics
        self.broker = SimulatedBroker(base.topics.values(), self.clock, self.chance)
        if self.stage:
            stage = stages()[self.stage]
            begin_at(stage, self.broker, self.folder)
            self.life.cases.append(stage.case)
            self.clock.move(stage.at)
        base.lay(LOG, self.folder / LOG)
        self.log = LogKeeper(self.folder / LOG, base.network.directory(), self.clock) if self.logs else None
        self.machines: dict[str, Machine] = {}
        for name in self.names:
            if not (self.folder / name).exists():
                base.lay(name, self.folder / name)
            ways = (self._port_of(name), self._log_of(name))
            self.machines[name] = Machine(name, self.folder / name, self.clock, self._draw, *ways)

    def _port_of(self, name: str) -> Callable[[], Any]:
        return lambda: self.broker.port(name, self.boundaries)

    def _log_of(self, name: str) -> Callable[[], Any]:
        return lambda: self.log.client(name, self.boundaries) if self.log is not None else None

    # -- running -----------------------------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Run the seed to its end; a violation ends it at once."""
        with self._seams():
            try:
                self._begin()
                self.live()
                self.ending.come()
            except Violation as found:
                self.note(f"VIOLATION {found}")
                return self._outcome(str(found), found.invariant)
            except Exception as error:  # noqa: BLE001 - whatever a node raises that nobody foresaw is a finding
                self.note(f"VIOLATION unforeseen {type(error).__name__}")
                return self._outcome(f"unforeseen: {type(error).__name__}: {error}", "unforeseen")
            finally:
                self._close()
        return self._outcome()

    def _begin(self) -> None:
        for machine in self.machines.values():
            machine.start()
        self.watch.begin(self.machines.values())

    def _outcome(self, violation: str = "", invariant: str = "") -> Outcome:
        found = self._hash.hexdigest()
        return Outcome(self.seed, found, len(self.trace), self.watch.checks, violation, invariant, self.trace)

    @contextmanager
    def _seams(self) -> Iterator[None]:
        compose = node_statement.compose

        def composing(**given: Any) -> bytes:
            self.watch.receipts_signed(self.machines[given["sender"]], given["body"])
            return compose(**given)

        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
        with ExitStack() as stack:
            stack.callback(structlog.reset_defaults)
            stack.enter_context(drawing(self._draw))
            stack.enter_context(bounded(self.boundaries))
            stack.enter_context(remembering())
            stack.enter_context(patch.object(node_statement, "compose", composing))
            stack.enter_context(switched_on(self.bugs))
            yield

    def _close(self) -> None:
        for machine in self.machines.values():
            machine.kill()
        if self.log is not None:
            self.log.close()

    def note(self, line: str) -> None:
        """Write a line of the trace."""
        line = f"{len(self.trace)} {self.clock():%m-%dT%H:%M:%S} {line}"
        self.trace.append(line)
        self._hash.update(line.encode() + b"\n")

    # -- steps -------------------------------------------------------------------------------------------------------

    def live(self) -> None:
        """Do one drawn step after the other."""
        for _ in range(self.steps):
            self._step()

    def _step(self) -> None:
        moves = [(self._turn, 12.0), (self._pass, 4.0), *self.life.moves(), *self.trouble.moves()]
        self.chance.weighed(moves)()
        late = self.broker.step()
        if late:
            self.note(f"late {late}")

    def _turn(self) -> None:
        self.work(self.somebody(), self.crash_ahead(AHEAD))

    def _pass(self) -> None:
        self.clock.move(self.clock() + timedelta(seconds=self.chance.choice(STRIDES)))

    def somebody(self) -> Machine:
        """Return a machine that does not stand still, started where it was down."""
        awake = [one for one in self.machines.values() if one.agency not in self.paused]
        machine = self.chance.choice(awake or list(self.machines.values()))
        self.start(machine)
        return machine

    def crash_ahead(self, ahead: tuple[int, ...]) -> int | None:
        """Return after how many boundaries (one of `ahead`) what comes next crashes, None mostly."""
        return self.chance.choice(ahead) if "crash" in self.faults and self.chance.odds(0.15) else None

    def start(self, machine: Machine) -> None:
        """Start a node that is down."""
        if machine.wired is not None:
            return
        try:
            with self.boundaries.of(machine.agency, self.crash_ahead(AHEAD)):
                machine.start()
        except Crash as crash:
            self.note(f"{machine.agency} crashes at {crash} in its start")
            machine.kill()
            self.boundaries.full.discard(machine.agency)
            machine.start()
        except StoreUnavailable:
            self.note(f"{machine.agency} does not start on a full disk")
            self.boundaries.full.discard(machine.agency)
            machine.start()
        self.watch.reopened(machine, put_back=machine.agency in self.put_back)
        self.put_back.discard(machine.agency)
        self.note(f"{machine.agency} starts")

    def restored(self, machine: Machine) -> None:
        """An earlier disk is in this machine: its next start begins there."""
        self.put_back.add(machine.agency)

    def work(self, machine: Machine, ahead: int | None = None) -> int:
        """Let a node take a turn, to crash on the way where `ahead` says so; return how much it did."""
        try:
            with self.boundaries.of(machine.agency, ahead):
                done = machine.turn()
        except Crash as crash:
            self.killed(machine, f"crashes at {crash} in a turn")
            return 1
        except Violation:
            raise
        except Exception as error:
            name = type(error).__name__
            if machine.agency not in self.boundaries.full or not isinstance(error, StoreUnavailable):
                raise Violation("unforeseen", f"a turn of {machine.agency} ended with {name}: {error}") from error
            machine.node.worker.inbox.forget_position()  # as the loop of a running node does
            self.note(f"{machine.agency} finds its disk full")
            return 0
        found = self.watch.look(machine)
        if done or found:
            self.note(f"{machine.agency} works {done} {' '.join(one[:6] for one in found)}")
        return done

    def killed(self, machine: Machine, how: str) -> None:
        """End a node as a power cut would, now and then with half of a write on its disk."""
        self.note(f"{machine.agency} {how}")
        if machine.wired is not None:
            self.watch.look(machine)
        torn = "torn" in self.faults and self.chance.odds(0.5)
        machine.kill(self.trouble.tear if torn else None)


def run_seed(seed: int, steps: int = STEPS, bugs: Sequence[str] = ()) -> Outcome:
    """Run one seed in a folder of its own, with these bugs of `bugs.py` in the product."""
    folder = Path(tempfile.mkdtemp(prefix=f"seed-{seed}-"))
    try:
        return World(seed, folder, steps, bugs).run()
    finally:
        shutil.rmtree(folder)
