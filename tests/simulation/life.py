"""What people do in a run: they open cases, send what is next, ask again, read, withdraw consents, erase cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from contracts.refusal import Refusal
from referral.audit.reads import ReadLog, reads_of
from referral.desk import Opened, Sent
from referral.erasing import ErasedCase, Erasure
from referral.queries import READ
from referral.store.errors import StoreUnavailable
from simulation.boundaries import Crash
from simulation.people import NOTE, ONWARD, ROLES, Caseworker, NothingToSend, form

if TYPE_CHECKING:
    from collections.abc import Callable

    from referral.casework.history import History
    from referral.desk import Desk
    from simulation.machine import Machine
    from simulation.world import World

OPENING: Final = frozenset({"assistance-request-notification", "unprepared-return-notice"})
CANARY: Final = "Nobody reads this but whom it is for"
CASES: Final = 3
AHEAD: Final = tuple(range(9))


@dataclass(frozen=True)
class Command:
    """What a person asks of a node, under one idempotency key, as often as it takes."""

    key: str
    what: str
    ask: Callable[[Desk], Any]


class Life:
    """The people of one run."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cases: list[str] = []
        self.pending: dict[str, list[Command]] = {}
        self.done: list[tuple[str, Command]] = []
        self.keys = 0

    def moves(self) -> list[tuple[Callable[[], None], float]]:
        """Return what people may do in a step, by weight."""
        rare = [(self.withdraw, 0.25), (self.erase, 0.12)] if "mercy" in self.world.faults else []
        return [(self.send, 8.0), (self.open, 0.4), (self.again, 0.5), (self.read, 0.5), *rare]

    # -- sending -----------------------------------------------------------------------------------------------------

    def send(self) -> None:
        """Let somebody send what is next, or ask again for what was not answered."""
        world, chance = self.world, self.world.chance
        machine = world.somebody()
        waiting = self.pending.get(machine.agency)
        if waiting and chance.odds(0.6):
            self.carry_out(machine, waiting.pop(0))
            return
        if not self.cases:
            self.open()
            return
        case = chance.choice(self.cases)
        history = machine.node.node.history(case)
        kinds = self._next(machine, history) if history is not None else []
        if history is None or not kinds:
            return
        kind = chance.weighed([(one, ONWARD.get(one, 1.0)) for one in kinds])
        note = f"{CANARY}: {chance.getrandbits(64):016x}."
        try:
            intent = Caseworker(machine, history, chance, note).intent(kind)
        except NothingToSend:
            return
        self.carry_out(machine, self._new(kind, lambda desk, key: desk.send(case, intent, key=key, principal="p")))

    def _next(self, machine: Machine, history: History) -> list[str]:
        if not history.standing.verdicts:
            own = history.case.opened_by(machine.node.node.fingerprint)
            return ["assistance-request-notification"] if own else []
        if machine.agency not in history.standing.members():
            return []
        opener = history.case.opened_by(machine.node.node.fingerprint)
        return [one for one in history.standing.next(machine.agency, machine.now()) if opener or one not in OPENING]

    def open(self) -> None:
        """Create a case with consents towards everybody."""
        machine = self.world.machines["be-fp"]
        if len(self.cases) >= CASES or machine.agency in self.world.paused:
            return
        self.world.start(machine)
        opened = self.carry_out(machine, self._new("open", lambda desk, key: desk.open_case(key=key, principal="p")))
        if isinstance(opened, Opened):
            self.cases.append(opened.case)
            for other in self.world.names:
                if other != machine.agency and machine.wired is not None:
                    self._consent(machine, opened.case, other)

    def _consent(self, machine: Machine, case: str, other: str) -> None:
        def ask(desk: Desk, key: str) -> Sent:
            return desk.give_consent(case, form(other), key=key, principal="p")

        self.carry_out(machine, self._new(f"consent {ROLES[other]}", ask))

    def again(self) -> None:
        """Ask once more what was answered before: the answer is the same."""
        if not self.done:
            return
        agency, command = self.world.chance.choice(self.done)
        machine = self.world.machines[agency]
        if machine.wired is not None:
            self.carry_out(machine, command)

    def ask_all_again(self) -> None:
        """Let everybody ask for what was never answered."""
        for agency, commands in sorted(self.pending.items()):
            waiting, self.pending[agency] = commands, []
            for command in waiting:
                self.carry_out(self.world.machines[agency], command)

    def _new(self, what: str, ask: Callable[[Any, str], Any]) -> Command:
        self.keys += 1
        key = f"key-{self.keys}"
        return Command(key, what, lambda desk: ask(desk, key))

    def carry_out(self, machine: Machine, command: Command) -> Any:
        """Carry a command out; where its answer was lost on the way, the person asks again later."""
        world, agency = self.world, machine.agency
        try:
            with world.boundaries.of(agency, world.crash_ahead(AHEAD)):
                answer = command.ask(machine.node.desk)
        except Crash as crash:
            world.killed(machine, f"crashes at {crash} in {command.what}")
            self.pending.setdefault(agency, []).append(command)
            return None
        except StoreUnavailable:
            world.watch.look(machine)
            world.note(f"{agency} cannot store {command.what}")
            self.pending.setdefault(agency, []).append(command)
            return None
        except Refusal as refused:
            world.watch.look(machine)
            world.note(f"{agency} refuses {command.what}: {type(refused).__name__}")
            return None
        found = world.watch.look(machine)
        if isinstance(answer, Sent):
            world.watch.answered(command.key, agency, answer)
        if isinstance(answer, ErasedCase):
            world.watch.case_erased(machine, answer.case)
        self.done.append((agency, command))
        world.note(f"{agency} accepts {command.what} {' '.join(one[:6] for one in found)}")
        return answer

    # -- the rest ----------------------------------------------------------------------------------------------------

    def withdraw(self) -> None:
        """Let a person withdraw what was consented to towards an agency."""
        machine = self.world.machines["be-fp"]
        if not self.cases or machine.wired is None:
            return
        case = self.world.chance.choice(self.cases)
        other = self.world.chance.choice([one for one in self.world.names if one != "be-fp"])

        def ask(desk: Desk, key: str) -> Sent:
            return desk.withdraw_consent(case, other, key=key, principal="p")

        self.carry_out(machine, self._new(f"withdrawal {ROLES[other]}", ask))

    def erase(self) -> None:
        """Let two functions erase a whole case at one agency."""
        machine = self.world.somebody()
        if not self.cases:
            return
        wish = Erasure(self.world.chance.choice(self.cases), "no_longer_needed", "focal-point", "case-manager")
        self.carry_out(machine, self._new("erasure", lambda desk, key: desk.erase_case(wish, key=key, principal="p")))

    def read(self) -> None:
        """Let somebody read a section: no text without a line in the log of reads."""
        machine = self.world.somebody()
        node = machine.node.node
        if not self.cases:
            return
        history = node.history(self.world.chance.choice(self.cases))
        if history is None:
            return
        entries = [one for one in history.ordered() if one.sections]
        if not entries:
            return
        entry = self.world.chance.choice(entries)
        names = [one for one, how in sorted(machine.node.queries.sections(history, entry).items()) if how == READ]
        if names:
            self.give(machine, history, entry.content.id, self.world.chance.choice(names))

    def give(self, machine: Machine, history: History, message: str, section: str) -> None:
        """Give somebody a section to read."""
        world, case, node = self.world, history.case.case, machine.node.node
        reader = f"reader-{self.keys}-{len(world.trace)}"
        asked = {"function": "focal-point", "purpose": "casework", "principal": reader}
        try:
            with world.boundaries.of(machine.agency, world.crash_ahead(AHEAD)):
                text = machine.node.queries.read_section(case, message, section, **asked)
        except Crash as crash:
            world.killed(machine, f"crashes at {crash} in reading")
            return
        except Refusal as refused:
            world.note(
                f"{machine.agency} cannot read {section if section != NOTE else 'a note'}: {type(refused).__name__}"
            )
            return
        log = node.store.load(reads_of(node.vault, case), ReadLog)
        lines = [one for one in (log.entries if log is not None else ()) if one.principal == reader]
        world.watch.read(machine, text, [one.content_id for one in lines] == [message])
        world.note(f"{machine.agency} reads {section}")
