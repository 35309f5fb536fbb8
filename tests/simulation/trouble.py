"""What goes wrong in a run: each seed draws which of these kinds of trouble it has, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from simulation.broker import Weather

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from simulation.machine import Machine
    from simulation.world import World

FAULTS: Final = (
    *("lossy", "partition", "notary", "crash", "torn", "pause", "clock", "disk", "reset", "leap", "mercy"),
    *("restore",),
)
SHARES: Final = (0.0, 0.0, 0.1, 0.3)
SKEWS: Final = (-30, -2, -1, 0, 0, 0, 1, 2, 30)  # hours
USED: Final = (0.0, 0.85, 0.92, 0.97)
LEAPS: Final = (2, 3, 5)  # days in which nothing is done


class Trouble:
    """The faults of one run."""

    def __init__(self, world: World) -> None:
        self.world = world

    def moves(self) -> list[tuple[Callable[[], None], float]]:
        """Return what may go wrong in a step, by weight."""
        world = self.world
        every: dict[str, list[tuple[Callable[[], None], float]]] = {
            "lossy": [(self.weather, 0.7)],
            "partition": [(self.partition, 0.8)],
            "notary": [(self.notary, 0.8)] if world.log is not None else [],
            "crash": [(self.kill, 0.8)],
            "pause": [(self.pause, 0.6)],
            "clock": [(self.skew, 0.4)],
            "disk": [(self.disk, 0.7)],
            "reset": [(self.reset, 0.3)],
            "leap": [(self.leap, 0.25)],
            "restore": [(self.copy, 1.0), (self.put_back, 0.7)],
        }
        return [move for name, found in every.items() if name in world.faults for move in found]

    def weather(self) -> None:
        """Let the broker be reliable, or lose, double, hold back and forget."""
        chance = self.world.chance
        names = ("drop", "double", "hold", "unacknowledged", "refused")
        shares = {name: chance.choice(SHARES) for name in names}
        self.world.broker.weather = Weather(**shares) if chance.odds(0.8) else Weather()
        self.world.note(f"weather {sorted(name for name, share in shares.items() if share)}")

    def partition(self) -> None:
        """Take a node's way to the broker, or give it back."""
        name = self.world.chance.choice(self.world.names)
        self.world.broker.away ^= {name}
        self.world.note(f"{name} {'loses' if name in self.world.broker.away else 'finds'} the broker")

    def notary(self) -> None:
        """Take a node's way to the notary, give it back, or start the notary anew."""
        assert self.world.log is not None
        if self.world.chance.odds(0.2):
            self.world.log.restart()
            self.world.note("the notary is started anew")
            return
        name = self.world.chance.choice(self.world.names)
        self.world.log.away ^= {name}
        self.world.note(f"{name} {'loses' if name in self.world.log.away else 'finds'} the notary")

    def kill(self) -> None:
        """End a node between two turns."""
        machine = self._any()
        if machine.wired is not None:
            self.world.killed(machine, "is killed")

    def pause(self) -> None:
        """Let a node stand still, or go on."""
        name = self.world.chance.choice(self.world.names)
        self.world.paused ^= {name}
        self.world.note(f"{name} {'stands still' if name in self.world.paused else 'goes on'}")

    def skew(self) -> None:
        """Let a node's clock jump."""
        machine, chance = self._any(), self.world.chance
        machine.skew = timedelta(hours=chance.choice(SKEWS), seconds=chance.randint(-60, 60))
        self.world.note(f"the clock of {machine.agency} is off by {machine.skew}")

    def disk(self) -> None:
        """Let a node's disk be full, say that it is nearly so, or have room again."""
        name = self.world.chance.choice(self.world.names)
        if self.world.chance.odds(0.5):
            self.world.machines[name].used = self.world.chance.choice(USED)
            self.world.note(f"the disk of {name} is at {self.world.machines[name].used:.0%}")
            return
        self.world.boundaries.full ^= {name}
        self.world.note(f"the disk of {name} {'is full' if name in self.world.boundaries.full else 'has room'}")

    def reset(self) -> None:
        """Let the broker lose the end of an inbox, or make it anew."""
        chance, broker = self.world.chance, self.world.broker
        name = chance.choice(self.world.names)
        topic = self.world.topics[name]
        if chance.odds(0.3):
            broker.recreate(topic)
            self.world.note(f"the inbox of {name} is made anew")
        else:
            many = chance.choice((1, 2, 5, 20))
            broker.roll_back(topic, many)
            self.world.note(f"the inbox of {name} loses {many}")

    def leap(self) -> None:
        """Let days go by."""
        self.world.clock.move(self.world.clock() + timedelta(days=self.world.chance.choice(LEAPS)))
        self.world.note("days go by")

    def copy(self) -> None:
        """Copy a node's disk."""
        machine = self._any()
        machine.copy()
        self.world.note(f"the disk of {machine.agency} is copied")

    def put_back(self) -> None:
        """Put an earlier copy in the place of a node's disk."""
        machine = self._any()
        if not machine.copies:
            return
        if machine.wired is not None:
            self.world.killed(machine, "is stopped")
        machine.put_back(self.world.chance.randrange(len(machine.copies)))
        self.world.note(f"the disk of {machine.agency} is put back")
        self.world.restored(machine)

    def tear(self, wal: Path) -> None:
        """Leave half of a write behind the last commit, as a power cut does."""
        if wal.is_file() and wal.stat().st_size:
            with wal.open("ab") as file:
                file.write(self.world.chance.randbytes(self.world.chance.randint(1, 9000)))

    def _any(self) -> Machine:
        return self.world.chance.choice(list(self.world.machines.values()))
