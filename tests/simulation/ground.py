"""The network on which every run stands: five agencies and a log, made once for each process, with the same keys.

Making keys and signing statements for hundreds of days takes longer than a whole run, so each run gets copies of these
folders. Signing keys are old enough that they are changed within days, epoch keys have to be published from the first
day on.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

from contracts.network import Brokers, Network, write_network
from contracts.network import Log as LogLine
from nodes import FIVE
from notary.log import make_log, read_signer
from referral.opening import EMBEDDED, KEY_FILE, Settings, keep_root, open_node
from referral.play.clock import StageClock
from referral.play.journey import AgencyPart
from referral.play.network import Place, Term, found_network, new_vault
from referral.vault import KeyFile
from referral.wiring import wire
from simulation.boundaries import Boundaries
from simulation.broker import Port, SimulatedBroker
from simulation.chance import Chance, drawing
from simulation.machine import drive
from small_network import seed

START: Final = datetime(2026, 10, 5, 8, 0, tzinfo=UTC)
SIGNED_BEFORE: Final = timedelta(days=77)  # signing keys are changed after 83 days
ORIGIN: Final = "simulated.example/log"
GOVERNORS: Final = tuple(seed("simulated governor", str(number)) for number in range(3))
LOG: Final = "log"


@dataclass(frozen=True)
class Ground:
    """Folders of nodes that have worked once and are closed, an empty log, the network's root file."""

    folder: Path
    network: Network

    @property
    def topics(self) -> dict[str, str]:
        """Return every agency's inbox."""
        agencies = self.network.directory().agencies
        return {name: agency.capabilities.topic for name, agency in agencies.items()}

    def lay(self, agency: str, target: Path) -> None:
        """Copy an agency's node, or the log."""
        shutil.copytree(self.folder / agency, target)


@cache
def ground() -> Ground:
    """Return the ground of this process."""
    folder = Path(tempfile.mkdtemp(prefix="simulation-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with drawing(Chance("ground").randbytes):
        return _made(folder)


def _made(folder: Path) -> Ground:
    (folder / LOG).mkdir()
    make_log(folder / LOG, ORIGIN, bytes(32))
    line = LogLine(ORIGIN, str(read_signer(folder / LOG).key))
    clock = StageClock(START)
    vaults = {}
    for name in FIVE:
        (folder / name).mkdir()
        vaults[name] = new_vault(folder / name, clock)[0]
    parts = {name: AgencyPart(**part) for name, part in FIVE.items()}
    place = Place(line, f"log {line.key}\nquorum none\n", None, Brokers())
    network = found_network(parts, vaults, Term(START - SIGNED_BEFORE, START), place, GOVERNORS)
    found = Ground(folder, network)
    for name, vault in vaults.items():
        vault.close()
        Settings(name, broker=EMBEDDED).write(folder / name)
        keep_root(folder / name, write_network(network))
        _work_once(found, name, clock)
    return found


def _work_once(found: Ground, name: str, clock: StageClock) -> None:
    """Let a node do what is to be done at a first start."""
    home = found.folder / name
    port = Port(SimulatedBroker(found.topics.values(), clock, Chance(0)), name, Boundaries())
    wired = wire(home, open_node(home, KeyFile(home / KEY_FILE), clock), port, None)
    while drive(wired.worker.turn()):
        pass
    drive(wired.close())
