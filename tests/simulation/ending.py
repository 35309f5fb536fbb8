"""The quiet time at the end of a run: every fault has ended, and everything that was promised must have come about."""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from referral.audit.replay import replay
from referral.opening import KEY_FILE, open_node
from referral.vault import KeyFile
from simulation.life import CANARY
from simulation.watch import Violation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from simulation.machine import Machine
    from simulation.world import World

LONGEST: Final = timedelta(days=3)
OTHERS: Final = timedelta(days=2)  # in which the others agree while one agency or the notary is away
ROUNDS: Final = 200
SENT_MEANWHILE: Final = 6  # times that somebody tries to send something while an agency or the notary is away
NOTARY: Final = "notary"
PLAIN: Final = CANARY.encode()
WIDE: Final = CANARY.encode("utf-16-le")
CODED: Final = tuple(b64encode(bytes(skipped) + PLAIN)[4:-4] for skipped in range(3))  # at each alignment


class Ending:
    """The end of one run."""

    def __init__(self, world: World) -> None:
        self.world = world

    def come(self) -> None:
        """End every fault, let time pass, and demand that all agree."""
        world = self.world
        self._calm()
        absent = world.chance.choice((NOTARY, *world.names)) if world.chance.odds(0.35) else ""
        if absent:
            self._without(absent)
        for machine in world.machines.values():
            world.start(machine)
        if world.log is not None:
            world.log.away.clear()
        world.note("quiet")
        world.life.ask_all_again()
        self._agree(list(world.machines.values()), LONGEST, "I7")
        world.note(f"agreed {len(world.watch.written)}")
        self._look_back()

    def _calm(self) -> None:
        world = self.world
        world.broker.clear()
        world.boundaries.full.clear()
        world.paused.clear()
        world.faults.discard("crash")
        for machine in world.machines.values():
            machine.skew, machine.used = timedelta(0), 0.0

    def _without(self, absent: str) -> None:
        """While the notary or one agency is away, the others lack nothing of each other (I8)."""
        world = self.world
        if world.log is not None:
            world.log.away = set(world.names) if absent == NOTARY else set()
        if absent in world.machines and world.machines[absent].wired is not None:
            world.killed(world.machines[absent], "goes away")
        present = [one for name, one in world.machines.items() if name != absent]
        for machine in present:
            world.start(machine)
        world.note(f"quiet without {absent}")
        self._settle(present)
        world.paused = {absent} & set(world.names)
        for _ in range(SENT_MEANWHILE):
            world.life.send()
        world.paused.clear()
        self._agree(present, OTHERS, "I8")
        world.note("the others agree")

    def _agree(self, machines: Sequence[Machine], longest: timedelta, invariant: str) -> None:
        watch, until = self.world.watch, self.world.clock() + longest
        while True:
            self._settle(machines)
            behind = watch.behind(machines) or watch.waiting(machines)
            if not behind:
                watch.require(invariant, True, "")
                return
            late = self.world.clock() >= until
            watch.require(invariant, not late, f"{behind}, though faults ended {longest.days} days ago")
            self._pass(machines, until)

    def _settle(self, machines: Sequence[Machine]) -> None:
        """Let all take turns until none has anything to do."""
        for _ in range(ROUNDS):
            if not sum(self.world.work(one) for one in machines):
                return
        raise Violation("I7", "the nodes never come to rest")

    def _pass(self, machines: Sequence[Machine], until: datetime) -> None:
        """Let time pass to whatever is due next."""
        clock = self.world.clock
        due = [at for one in machines if (at := one.node.worker.next_at()) is not None]
        clock.move(max(clock() + timedelta(seconds=1), min([*due, until])))

    # -- looking back ------------------------------------------------------------------------------------------------

    def _look_back(self) -> None:
        world, watch = self.world, self.world.watch
        watch.unasked()
        for machine in world.machines.values():
            watch.openable(machine)
            watch.still_erased(machine)
        self._replayed(world.chance.choice(list(world.machines.values())))
        self._unreadable()

    def _replayed(self, machine: Machine) -> None:
        """Replaying a node's events gives what it shows (I12), and sends nothing (I13)."""
        world, watch = self.world, self.world.watch
        before = world.broker.appended, world.log.submitted if world.log is not None else 0
        reader = open_node(machine.folder, KeyFile(machine.folder / KEY_FILE), machine.now, reader=True)
        try:
            found = replay(reader)
        finally:
            reader.store.close()
            reader.vault.close()
        after = world.broker.appended, world.log.submitted if world.log is not None else 0
        watch.require("I12", found.ok, f"replayed, {machine.agency} shows something else: {_said(found)}")
        watch.require("I13", before == after, "a replay has sent something")

    def _unreadable(self) -> None:
        """No file, no record and no leaf holds a text that somebody wrote (I9)."""
        world = self.world
        records = [one.value for log in world.broker.topics.values() for one in log.records]
        files = [file.read_bytes() for file in sorted(world.folder.rglob("*")) if file.is_file()]
        clear = not any(PLAIN in raw for raw in (*records, *files)) and not any(
            form in raw for raw in files for form in (WIDE, *CODED)
        )
        world.watch.require("I9", clear, "a text can be read where only its readers should")


def _said(found: Any) -> str:
    return "; ".join(found.lines)[:300]
