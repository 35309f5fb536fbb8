"""What must hold in every run: I1 to I13 of the reliability page, each a check by its name.

`Watch` keeps a ledger of its own of what each node has committed, read from the node's events and from nothing that the
node concludes of them. Checks in the small are made on what a step has added; `converged` and `final` are asked when
faults have ended.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from contracts.procedure import procedure
from contracts.receipts import STORED, Receipts
from referral.casework.case import PROCEDURE, Case
from referral.store import Stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from referral.desk import Sent
    from simulation.machine import Machine

TOPICS: Final = (Case.MessageSent.TOPIC, Case.MessageReceived.TOPIC, Case.SectionErased.TOPIC)
TABLE: Final = procedure(PROCEDURE)
WHOLE: Final = frozenset({"effective", "void", "flagged"})
ENDED: Final = frozenset({"withdrawn", "superseded", "partner gone", "closed"})


class Violation(AssertionError):  # noqa: N818 - it says what is so
    """An invariant does not hold: which one, and what was seen."""

    def __init__(self, invariant: str, seen: str) -> None:
        super().__init__(f"{invariant}: {seen}")
        self.invariant = invariant
        self.seen = seen


@dataclass(frozen=True)
class Written:
    """A message as the ledger knows it: who sent it in which case to whom, of which kind."""

    case: str
    sender: str
    audience: frozenset[str]
    kind: str


@dataclass
class Watch:
    """The ledger of one run."""

    written: dict[str, Written] = field(default_factory=dict)
    raw: dict[str, bytes] = field(default_factory=dict)
    held: dict[str, dict[str, str]] = field(default_factory=dict)  # by agency: content id -> sent or received
    places: dict[str, int] = field(default_factory=dict)
    answers: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by idempotency key: the messages it made
    digests: dict[tuple[str, tuple[str, ...]], str] = field(default_factory=dict)
    verdicts: dict[str, tuple[str, str]] = field(default_factory=dict)
    excused: set[str] = field(default_factory=set)  # messages that went with a disk that was put back
    asked: set[str] = field(default_factory=set)  # messages that were there before the run
    erased: set[tuple[str, str]] = field(default_factory=set)  # (agency, case)
    sections: set[tuple[str, str, str]] = field(default_factory=set)  # (agency, message, commitment) that were erased
    keys: dict[str, dict[tuple[str, str], str]] = field(default_factory=dict)  # by agency: (message, commitment): case
    checks: dict[str, int] = field(default_factory=dict)

    # -- what nodes have committed -------------------------------------------------------------------------------------

    def begin(self, machines: Iterable[Machine]) -> None:
        """Take in what is there before the first step."""
        found = list(machines)
        for machine in sorted(found, key=lambda one: one.agency):
            self._read(machine, first=True)
        self.asked = set(self.written)

    def look(self, machine: Machine) -> list[str]:
        """Read what a node has committed since the last look; return the ids, and check what they change."""
        found, cases = self._read(machine)
        for case in sorted(cases):
            self._same_set_same_digest(machine, case)
        return found

    def reopened(self, machine: Machine, *, put_back: bool = False) -> None:
        """Read everything again after a start: what was committed before is there, once."""
        before = self.held.get(machine.agency, {})
        if put_back:
            self._excuse(machine.agency, before)
        self.held[machine.agency] = {}
        self.keys[machine.agency] = {}
        self.places[machine.agency] = 0
        self.look(machine)
        now = self.held[machine.agency]
        gone = [one for one in before if one not in now]
        lost = [one for one in gone if not self.is_erased(machine, self.written[one].case)]
        if not put_back:
            self.require("I1", not lost, f"{machine.agency} has lost {len(lost)} messages that it had committed")
        self.openable(machine)
        self.still_erased(machine)

    def openable(self, machine: Machine) -> None:
        """Every section that a node has committed has its key, or is recorded as erased."""
        missing = machine.node.node.vault.missing_sections(self.keys.get(machine.agency, {}))
        self.require("I1", not missing, f"{machine.agency} lacks the keys of {len(missing)} sections that it holds")

    def _excuse(self, agency: str, before: Mapping[str, str]) -> None:
        """Excuse what nobody else holds when a disk is put back: no machine can bring it again."""
        elsewhere = {one for other, held in self.held.items() if other != agency for one in held}
        self.excused |= {one for one in before if one not in elsewhere}
        self.excused |= {one for one in before if self.written[one].sender == agency}

    def is_erased(self, machine: Machine, case: str) -> bool:
        """Say whether a case was erased at a node, as this ledger or the node's vault has it."""
        if machine.wired is not None and machine.node.node.vault.is_case_erased(case):
            self.erased.add((machine.agency, case))
        return (machine.agency, case) in self.erased

    def _read(self, machine: Machine, *, first: bool = False) -> tuple[list[str], set[str]]:
        store, agency = machine.node.node.store, machine.agency
        place, held = self.places.get(agency, 0), self.held.setdefault(agency, {})
        found: list[str] = []
        cases: set[str] = set()
        while True:
            page = store.page(place, topics=TOPICS)
            for item in page.items:
                if not isinstance(item, Stored):
                    raise Violation("I1", f"{agency} cannot read an event that it has committed")
                event: Any = item.event
                if isinstance(event, Case.MessageSent | Case.MessageReceived):
                    self._take(agency, item.case, event, held, first=first)
                    named = {(event.content_id, one): item.case for one in event.sections}
                    self.keys.setdefault(agency, {}).update(named)
                    found.append(event.content_id)
                    cases.add(item.case)
                elif isinstance(event, Case.SectionErased):
                    self.sections.add((agency, event.content_id, event.commitment))
            self.places[agency] = page.end
            if page.end == place or not page.items:
                return found, cases
            place = page.end

    def _take(self, agency: str, case: str, event: Any, held: dict[str, str], *, first: bool) -> None:
        name = event.content_id
        self.require("I2", name not in held, f"{agency} has stored one message twice")
        first_seen = self.raw.setdefault(name, event.content)
        self.require("I5", first_seen == event.content, "one id stands for two contents")
        if name not in self.written:
            self.written[name] = written(case, event.content)
        one = self.written[name]
        self.require("I5", one.case == case, "one message is in two cases")
        sent = isinstance(event, Case.MessageSent)
        if not (sent or first or one.sender == agency or name in self.excused):
            known = name in self.held.get(one.sender, {}) or (one.sender, case) in self.erased
            self.require("I4", known, f"{agency} holds what {one.sender} has not committed")
        held[name] = "sent" if sent else "received"

    # -- in the small --------------------------------------------------------------------------------------------------

    def require(self, invariant: str, holds: bool, seen: str) -> None:
        """Count a check, and raise `Violation` where it does not hold."""
        self.checks[invariant] = self.checks.get(invariant, 0) + 1
        if not holds:
            raise Violation(invariant, seen)

    def answered(self, key: str, agency: str, sent: Sent) -> None:
        """A command was answered: what it made is committed, and it never makes anything else."""
        made = (sent.message, *sent.also)
        before = self.answers.setdefault(key, made)
        self.require("I5", before == made, "a command that was asked twice has two answers")
        held = self.held.get(agency, {})
        lost = [one for one in made if one not in held and not self._was_erased(agency, one)]
        self.require("I1", not lost, f"{agency} accepted what it did not store")

    def read(self, machine: Machine, text: object, logged: bool) -> None:
        """A section was given to somebody: the log of reads has it."""
        self.require("I10", logged or not text, f"{machine.agency} has given a text that no log of reads has")

    def case_erased(self, machine: Machine, case: str) -> None:
        """A case was erased: from now on nobody opens it at this node."""
        self.erased.add((machine.agency, case))
        self.still_erased(machine)

    def still_erased(self, machine: Machine) -> None:
        """What was erased is erased for ever, whatever disk the node runs on."""
        node = machine.node.node
        for case in sorted(case for agency, case in self.erased if agency == machine.agency):
            gone = node.vault.is_case_erased(case) and node.history(case) is None
            self.require("I11", gone, f"{machine.agency} opens a case that was erased")
            named = [pair for pair, where in self.keys.get(machine.agency, {}).items() if where == case]
            left = [pair for pair in named if node.vault.has_section(*pair)]
            self.require("I11", not left, f"{machine.agency} has keys of sections of a case that was erased")
        for message, commitment in sorted(one[1:] for one in self.sections if one[0] == machine.agency):
            gone = not node.vault.has_section(message, commitment)
            self.require("I11", gone, f"{machine.agency} has the key of a section that was erased")

    def _was_erased(self, agency: str, message: str) -> bool:
        one = self.written.get(message)
        return one is not None and (agency, one.case) in self.erased

    def receipts_signed(self, machine: Machine, body: object) -> None:
        """R1 is about to be said: what it is for is committed."""
        if not isinstance(body, Receipts) or body.stage != STORED:
            return
        self.look(machine)
        held = self.held[machine.agency]
        for name, _ in body.items:
            once = name in self.written and self.is_erased(machine, self.written[name].case)
            self.require("I6", name in held or once, f"{machine.agency} says R1 for what it has not committed")

    def _same_set_same_digest(self, machine: Machine, case: str) -> None:
        history = machine.node.node.history(case)
        if history is None:
            return
        standing = history.standing
        digest = standing.digest()
        known = self.digests.setdefault((case, history.core_ids), digest)
        self.require("I3", known == digest, "two nodes with the same messages show two standings")
        inner = standing._history
        for at, message in enumerate(inner.messages):
            verdict = inner.outcomes[at].verdict
            if verdict.name in WHOLE and not inner.gapped >> at & 1:
                before = self.verdicts.setdefault(message.id, (verdict.name, verdict.rule))
                same = before == (verdict.name, verdict.rule)
                self.require("I3", same, f"a verdict on a whole past has changed: {message.kind}")

    # -- when faults have ended ----------------------------------------------------------------------------------------

    def behind(self, machines: Iterable[Machine]) -> str:
        """Return what is still missing between these nodes, "" once they agree."""
        present = {one.agency: one for one in machines}
        for name, one in self.written.items():
            able = {agency for agency, held in self.held.items() if name in held and agency in present}
            holders = [agency for agency in sorted(able) if not self.is_erased(present[agency], one.case)]
            if not holders or (one.sender not in holders and not TABLE.kinds[one.kind].core):
                continue  # a side message comes from its author alone
            for agency in sorted(one.audience & present.keys()):
                if name in self.held.get(agency, {}) or self.is_erased(present[agency], one.case):
                    continue
                if self._may_lack(present, agency, name):
                    continue
                return f"{one.kind} of {one.sender} has not reached {agency}"
        return self._unlike(present)

    def _may_lack(self, present: Mapping[str, Machine], agency: str, name: str) -> bool:
        """Say whether a recipient has refused the message, or its delivery has ended by a rule."""
        one = self.written[name]
        case = present[agency].node.node.case(one.case)
        if case is not None and name in case.refused:
            return True
        if one.sender not in present:
            return False
        query = "SELECT state FROM deliveries WHERE content_id = ? AND recipient = ?"
        with present[one.sender].node.node.store.reading() as cursor:
            row = cursor.execute(query, (name, agency)).fetchone()
        return row is not None and row[0] in ENDED

    def _unlike(self, present: Mapping[str, Machine]) -> str:
        for case in sorted({one.case for one in self.written.values()}):
            histories = {
                agency: found
                for agency, machine in present.items()
                if not self.is_erased(machine, case) and (found := machine.node.node.history(case)) is not None
            }
            for agency, history in histories.items():
                members = history.standing.members()
                for other in sorted(members.keys() & histories.keys() - {agency}):
                    theirs = histories[other]
                    if agency in theirs.standing.members() and theirs.core_ids != history.core_ids:
                        return f"{agency} and {other} do not hold the same messages of a case"
        return ""

    def waiting(self, machines: Iterable[Machine]) -> str:
        """Return which delivery between these nodes still waits for its receipt, "" if none."""
        present = {one.agency: one for one in machines}
        query = "SELECT content_id, recipient, case_id FROM deliveries WHERE state = 'waiting' ORDER BY 1, 2"
        for agency, machine in present.items():
            with machine.node.node.store.reading() as cursor:
                rows = cursor.execute(query).fetchall()
            for name, recipient, case in rows:
                if recipient in present and not self.is_erased(present[recipient], case):
                    kind = self.written[name].kind if name in self.written else "a message"
                    return f"{kind} of {agency} has no receipt of {recipient}"
        return ""

    def unasked(self) -> None:
        """Every message was made by one command, or by a node's own clock (only an alert is)."""
        asked = {one for made in self.answers.values() for one in made} | self.asked
        for agency, held in self.held.items():
            for name, how in held.items():
                one = self.written[name]
                if how == "sent" and name not in asked and name not in self.excused:
                    by_clock = one.kind == "non-arrival-alert"
                    self.require("I5", by_clock, f"{agency} has sent a {one.kind} that no command's answer names")


def written(case: str, content: bytes) -> Written:
    """Return what the ledger keeps of a content."""
    value = json.loads(content)
    audience = frozenset(one["agency"] for one in value["audience"])
    return Written(case, value["sender"]["agency"], audience, value["kind"].partition(".")[0])
