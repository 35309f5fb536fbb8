"""A case read as a whole: its standing, what a message of ours would name, who has accepted, what is shut.

Everything here is computed from the messages held and nothing is kept. A message that needs an upgrade is held and
shown and takes no part; what the fold refuses, because its sender never had a seat, is left out of the set that
members compare.
"""

from __future__ import annotations

from functools import cached_property
from heapq import heapify, heappop, heappush
from itertools import islice
from typing import TYPE_CHECKING, Final

from contracts.sections import SectionRefused, read_section
from contracts.standing import Standing, fold
from contracts.vocabulary import ConsentState
from referral.casework.consent import Consents, persons_of, purpose_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from contracts.content import Content, Section
    from contracts.procedure import Procedure
    from contracts.standing import Message
    from referral.casework.case import Case, Entry

ACCEPTING: Final = {"decision": ("accept", "accept_with_conditions", "confirm", "partial"), "answer": ("accept",)}
REFUSING: Final = {"decision": ("decline",), "answer": ("decline",)}
ANSWERING: Final = ("assistance-request-confirmation", "reintegration-assistance-confirmation", "participation")
COUNTING: Final = ("effective", "flagged")
CORRECTION: Final = "correction"
UNCONSENTED: Final = frozenset({"life_risk", "legal_obligation"})  # the bases that do not rest on a consent


class History:
    """One reading of a case; make another one when the case has changed."""

    def __init__(self, case: Case, procedure: Procedure, before: History | None = None) -> None:
        """Read `case` by `procedure`; `before` is a reading of fewer messages of it, to go on from."""
        self.case = case
        self.procedure = procedure
        self._before = before
        self._left_out = False

    @cached_property
    def standing(self) -> Standing:
        """Return the standing of the set that members compare."""
        whole = self._gone_on() or self._fold(self._known())
        refused = whole.refused
        self._left_out = bool(refused)
        return self._fold(one for one in self._known() if one.id not in refused) if refused else whole

    def _gone_on(self) -> Standing | None:
        """Return the standing from that of the reading before, with what came since; None where there is none."""
        before, self._before = self._before, None
        if before is None:
            return None
        standing = before.standing
        if before._left_out:  # noqa: SLF001 - of its own class
            return None
        # A case only grows, at its end.
        for entry in islice(self.case.entries.values(), len(before.case.entries), None):
            if self.readable(entry.message):
                standing = standing.add(entry.message)
        return standing

    def _known(self) -> list[Message]:
        """Return the messages that this version of the procedure can read."""
        return [one for one in self.case.messages() if self.readable(one)]

    def readable(self, message: Message) -> bool:
        """Say whether this procedure can fold the message; otherwise it waits for an upgrade."""
        return message.kind in self.procedure.kinds and self.procedure.fits(message.kind, message.act)

    def _fold(self, messages: Iterable[Message]) -> Standing:
        return fold(self.procedure, messages, case=self.case.case)

    def at(self, moment: datetime) -> History:
        """Return the case as this node knew it then: what was recorded by that time (domain.md 5.5)."""
        return _KnownAt(self.case, self.procedure, moment)

    @cached_property
    def core(self) -> tuple[Entry, ...]:
        """Return the entries of the set that members compare, in the order of their coming."""
        return tuple(entry for name, entry in self.case.entries.items() if name in self.standing.verdicts)

    @cached_property
    def core_ids(self) -> tuple[str, ...]:
        """Return the sorted ids of that set."""
        return tuple(sorted(self.standing.verdicts))

    @cached_property
    def tips(self) -> tuple[str, ...]:
        """Return the ids of that set which no other of it names, sorted: what `sync` carries as heads."""
        named = {one for entry in self.core for one in entry.content.after}
        return tuple(name for name in self.core_ids if name not in named)

    def own_past(self, me: str) -> Standing:
        """Return the standing on which a core message of `me` would be judged: the past that it would name."""
        heads = self.standing.heads(me)
        ids = set(heads).union(*(self.standing.past(one) for one in heads))
        return self.standing if len(ids) == len(self.standing.verdicts) else self.standing_of(ids)

    def standing_of(self, ids: Collection[str]) -> Standing:
        """Return the standing of some of the messages: one past."""
        return self._fold(one for one in self._known() if one.id in ids)

    def accepted(self, agency: str, within: Collection[str] | None = None) -> bool:
        """Say whether `agency` has accepted: by opening the case or by its latest answer (standing.md 2).

        `within` keeps to the ids of one past.
        """
        ids = self.standing.verdicts if within is None else within
        said = [
            one
            for one in self.case.entries.values()
            if one.content.sender == agency and one.content.id in ids and self._says_of_acceptance(one.content)
        ]
        if len(said) > 1:  # which is the latest is a question of what builds on what
            chosen = {one.content.id for one in said}
            said = [one for one in self.ordered() if one.content.id in chosen]
        found = False
        for entry in said:
            found = True if self._opens(entry.content) else _answer(entry.content, default=found)
        return found

    def _says_of_acceptance(self, content: Content) -> bool:
        """Say whether a content counts here and opens the case or answers."""
        counts = self.standing.verdicts[content.id].name in COUNTING
        return counts and (self._opens(content) or content.kind in ANSWERING)

    def _opens(self, content: Content) -> bool:
        return not content.after and self.procedure.kinds[content.kind].opening

    def ordered(self) -> list[Entry]:
        """Return every entry, what it builds on before it, then by time: the same on every node."""
        return list(self._order)

    @cached_property
    def _order(self) -> tuple[Entry, ...]:
        entries = self.case.entries
        earlier = {
            name: {*entry.content.after, *entry.content.consents} & entries.keys() for name, entry in entries.items()
        }
        waiting = {name: len(found) for name, found in earlier.items()}
        later: dict[str, list[str]] = {}
        for name, found in earlier.items():
            for one in found:
                later.setdefault(one, []).append(name)
        ready = [(entries[name].content.sent_at, name) for name, many in waiting.items() if not many]
        heapify(ready)
        order = []
        while ready:
            _, name = heappop(ready)
            order.append(entries[name])
            for child in later.get(name, ()):
                waiting[child] -= 1
                if not waiting[child]:
                    heappush(ready, (entries[child].content.sent_at, child))
        return tuple(order)

    @cached_property
    def consents(self) -> Consents:
        """Return the consents held here, each with the strongest of its tips."""
        return Consents.of(entry.content for entry in self.case.entries.values() if self.is_consent(entry.content))

    def is_consent(self, content: Content) -> bool:
        """Say whether a content is a consent that we can read: folded by each holder over what it holds."""
        kind = self.procedure.kinds.get(content.kind)
        return kind is not None and kind.side == "held" and self.procedure.fits(content.kind, content.act)

    def rests_on_consent(self, content: Content, section: str) -> bool:
        """Say whether `section` may be read only under a consent; on life risk and legal obligation none is needed.

        The section of a correction rests on what the section did that it replaces. What the table does not let travel
        rests on consent too: nothing else could open it.
        """
        if content.basis in UNCONSENTED:
            return False
        corrected = self.corrected(content)
        carry = self.procedure.carry(corrected.kind, section) if corrected is not None else None
        return carry is None or "consent" in carry.needs

    def corrected(self, content: Content) -> Content | None:
        """Return what a correction corrects in the end, any other content itself; None where it is not held."""
        found: Content | None = content
        while found is not None and found.kind == CORRECTION:
            target = self.entry(str(found.act.get("target", "")))
            found = target.content if target is not None else None
        return found

    def shut(self, entry: Entry, section: Section, agency: str) -> bool:
        """Say whether consent keeps `section` of a message shut to `agency`: withdrawn, narrowed below it, not held.

        The strongest consent held now decides, for each person of whom the section speaks. Expiry ends new sending,
        not reading; on `life_risk` and `legal_obligation` a section stays open to those it names.
        """
        if agency == entry.content.sender or not self.rests_on_consent(entry.content, section.name):
            return False
        rule = self.procedure.sections.get(section.name)
        label = rule.highest if rule is not None else ""
        return not all(self.consents.readable(agency, label, section.name, one) for one in _persons(section))

    def withdrawn(self, entry: Entry, section: Section, agency: str) -> bool:
        """Say whether a withdrawal shuts `section` to `agency`: what is only narrowed or not held yet is not erased."""
        if not self.shut(entry, section, agency):
            return False
        scopes = (self.consents.scope(agency, purpose_of(section.name), one) for one in _persons(section))
        return any(scope is not None and scope.state is ConsentState.WITHDRAWN for scope in scopes)

    def withdrawals(self) -> list[tuple[str, int, datetime]]:
        """Return (agency, person, when we heard it) for each agency towards which a consent is withdrawn now.

        Its author's clock decides nothing: a wrong one would leave no time to undo the withdrawal, or no end.
        """
        found: dict[tuple[str, int], datetime] = {}
        for entry in self.case.entries.values():
            content = entry.content
            if not self.is_consent(content) or content.act["state"] != "withdrawn":
                continue
            agency, person = content.act["agency"], content.act["person"]
            scopes = (self.consents.scope(agency, purpose, person) for purpose in content.act["purposes"])
            if any(scope is not None and content.id in scope.ids for scope in scopes):
                found[agency, person] = min(entry.recorded_at, found.get((agency, person), entry.recorded_at))
        return [(agency, person, heard) for (agency, person), heard in sorted(found.items())]

    def entry(self, content_id: str) -> Entry | None:
        """Return a message of the case."""
        return self.case.entries.get(content_id)

    def latest(self, kinds: Collection[str], senders: Collection[str] | None = None) -> Entry | None:
        """Return the latest counting message of these kinds, as our history has them."""
        found = [
            entry
            for entry in self.ordered()
            if entry.content.kind in kinds
            and (senders is None or entry.content.sender in senders)
            and counts(self, entry)
        ]
        return found[-1] if found else None

    def invited(self, agency: str) -> bool:
        """Say whether a held content, whatever became of it, invites `agency`."""
        kinds = self.procedure.kinds
        return any(
            entry.content.kind in kinds
            and kinds[entry.content.kind].invites
            and entry.content.act.get("agency") == agency
            for entry in self.case.entries.values()
        )

    def includes(self, agency: str) -> bool:
        """Say whether `agency` is in the case or invited to it, as far as is held."""
        return self.invited(agency) or agency in self.standing.members()

    def roles(self) -> Mapping[str, str]:
        """Return every agency in the case with the role that it holds or is offered."""
        return self.standing.members()


class _KnownAt(History):
    """The same case, cut at a time of recording."""

    def __init__(self, case: Case, procedure: Procedure, moment: datetime) -> None:
        super().__init__(case, procedure)
        self._moment = moment

    def _known(self) -> list[Message]:
        return [
            entry.message
            for entry in self.case.entries.values()
            if entry.recorded_at <= self._moment and self.readable(entry.message)
        ]


def counts(history: History, entry: Entry) -> bool:
    """Say whether a message counts in what members compare: effective, or a fact that is flagged."""
    verdict = history.standing.verdicts.get(entry.content.id)
    return verdict is not None and verdict.name in COUNTING


def _persons(section: Section) -> tuple[int, ...]:
    """Return of whom a section speaks; one that cannot be read speaks of the person."""
    try:
        return persons_of(read_section(section.name, section.body))
    except SectionRefused:
        return (0,)


def _answer(content: Content, *, default: bool) -> bool:
    """Return what an answer says of acceptance; a clarification leaves it as it was."""
    for field, codes in ACCEPTING.items():
        if content.act.get(field) in codes:
            return True
    for field, codes in REFUSING.items():
        if content.act.get(field) in codes:
            return False
    return default
