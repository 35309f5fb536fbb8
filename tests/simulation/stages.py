"""How far a case has come before a run begins, so that short runs also see journeys, arrivals and what comes after.

The stages are walked through once for each process, without a fault, by the three agencies that are in every run; what
they leave on their disks and at the broker is copied into each run that begins there.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from contracts.examples import example
from integration.walk import FLIGHT, RISK, STEP_1, STEP_2, STEP_3, STEP_4
from referral.casework.intent import Chosen, Intent, Override
from referral.play.clock import StageClock
from simulation.boundaries import Boundaries
from simulation.broker import SimulatedBroker, Topic
from simulation.chance import Chance, drawing
from simulation.ground import START, ground
from simulation.machine import Machine
from simulation.memory import remembering
from simulation.people import form

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

THREE: Final = ("be-fp", "hu-fp", "hu-iom")
STAGES: Final = ("asked", "agreed", "confirmed", "planned", "departed")
REASONS: Final = {"travel-itinerary": (Override("T3", "no_other_flight"),)}
LANDS: Final = (START + timedelta(days=2)).date()


@dataclass(frozen=True)
class Stage:
    """What is there at a stage: the folders of the three, the records of the broker, the case, the time."""

    folder: Path
    topics: Mapping[str, Topic]
    case: str
    at: datetime


class Prologue:
    """The three agencies on their way."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = StageClock(START)
        self.chance = Chance("prologue")
        self.broker = SimulatedBroker(ground().topics.values(), self.clock, self.chance)
        self.boundaries = Boundaries()
        self.stages: dict[str, Stage] = {}
        self.case = ""
        self.keys = 0
        draw = self.chance.bytes_source()
        self.machines = {}
        for name in THREE:
            ground().lay(name, folder / "now" / name)
            ways = (self._port_of(name), lambda: None)
            self.machines[name] = Machine(name, folder / "now" / name, self.clock, draw, *ways)

    def _port_of(self, name: str) -> Any:
        return lambda: self.broker.port(name, self.boundaries)

    def walk(self) -> dict[str, Stage]:
        """Walk through all stages."""
        for machine in self.machines.values():
            machine.start()
        self.ask()
        self.agree()
        self.confirm()
        self.plan()
        self.depart()
        for machine in self.machines.values():
            machine.kill()
        return self.stages

    def ask(self) -> None:
        """Step 1, to the requested side and the mission beside it."""
        desk = self.machines["be-fp"].node.desk
        self.case = desk.open_case(key=self._key(), principal="p").case
        for other in ("hu-fp", "hu-iom", "be-iom", "hu-ngo"):
            desk.give_consent(self.case, form(other), key=self._key(), principal="p")
        to = {"hu-fp": "requested", "hu-iom": "mission_origin"}
        self.send("be-fp", "assistance-request-notification", STEP_1, profile=(), to=to)
        self._reached("asked")

    def agree(self) -> None:
        """Step 2, the mission joins, all assess the risk."""
        self.send("hu-fp", "assistance-request-confirmation", STEP_2, capacity=())
        self.send("hu-iom", "participation", {"answer": "accept"})
        for agency in THREE:
            self.send(agency, "risk-assessment", RISK)
        self._reached("agreed")

    def confirm(self) -> None:
        """Steps 3 and 4."""
        both, mission = ("hu-fp", "hu-iom"), ("hu-iom",)
        readers = {"identity": mission, "family": mission, "wishes": both, "plan": both, "declaration": both}
        self.send("be-fp", "reintegration-assistance-request", STEP_3, **readers, travel_health=mission)
        readers = dict.fromkeys(("services", "reception"), ("be-fp", "hu-iom"))
        self.send("hu-fp", "reintegration-assistance-confirmation", STEP_4, **readers)
        self._reached("confirmed")

    def plan(self) -> None:
        """A final itinerary, approved by both sides."""
        mission = ("hu-iom",)
        readers = {"itinerary": mission, "arrival_time": ("hu-fp", "hu-iom"), "meeting": mission}
        self.journey = self.send("be-fp", "travel-itinerary", FLIGHT | {"state": "final"}, **readers)
        for agency in ("be-fp", "hu-iom"):
            self.send(agency, "travel-approval", {"itinerary": self.journey, "decision": "approved"})
        self._reached("planned")

    def depart(self) -> None:
        """She is on the way."""
        left = {"itinerary": self.journey, "boarded": 1, "planned": 1, "confirmed_by": "escort"}
        readers = {"departure": ("hu-iom",), "arrival_time": ("hu-fp", "hu-iom")}
        self.send("be-fp", "post-departure-notification", left, **readers)
        self._reached("departed")

    def send(self, agency: str, kind: str, act: Mapping[str, Any], **readers: Any) -> str:
        """Send one message and let it arrive; the readers of each section by its name."""
        to = readers.pop("to", {})
        sections = {name: Chosen(example(name, arrive=LANDS), tuple(who)) for name, who in readers.items()}
        desk = self.machines[agency].node.desk
        sent = desk.send(
            self.case, Intent(kind, act, sections, to=to, reasons=REASONS.get(kind, ())), key=self._key(), principal="p"
        )
        self._settle()
        return sent.message

    def _key(self) -> str:
        self.keys += 1
        return f"prologue-{self.keys}"

    def _settle(self) -> None:
        self.clock.move(self.clock() + timedelta(seconds=1))
        while sum(one.turn() for one in self.machines.values()):
            pass

    def _reached(self, stage: str) -> None:
        folder = self.folder / stage
        for name, machine in self.machines.items():
            left = shutil.ignore_patterns("*-shm", "writer.lock")
            shutil.copytree(machine.folder, folder / name, ignore=left)
        self.stages[stage] = Stage(folder, _copied(self.broker.topics), self.case, self.clock())


def _copied(topics: Mapping[str, Topic]) -> dict[str, Topic]:
    return {name: Topic(list(one.records), one.begin) for name, one in topics.items()}


@cache
def stages() -> Mapping[str, Stage]:
    """Return the stages of this process."""
    prologue = Prologue(ground().folder / "prologue")
    with drawing(prologue.chance.randbytes), remembering():
        return prologue.walk()


def begin_at(stage: Stage, broker: SimulatedBroker, folder: Path) -> None:
    """Give a run the disks of the three and the records of the broker."""
    broker.topics = _copied(stage.topics)
    for name in THREE:
        shutil.copytree(stage.folder / name, folder / name)
