"""What people and programs ask this node to do: commands that write events and nothing else.

Both faces and the command line come through here. A command goes: load, compose, draw keys, sign, store with its
answer; a retry under the same idempotency key gets the same answer for ever, and another request under it is refused.
Commands on one case are carried out one after another; those on other cases do not wait for them. When a message came
in between the command is decided again: what it is refused for is a rule, never the company of others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from contracts.content import case_id
from contracts.encoding import blake, compact, instant_text, parse
from contracts.labels import COMMAND
from contracts.spoken import spoken_reference
from referral.acknowledging import acknowledged
from referral.casework.accompanying import CONSENT, consents_of, everybody, reached_by, unseen, with_what_is_due
from referral.casework.case import Case
from referral.casework.draft import View, compose
from referral.casework.intent import ROLES, Chosen, Intent, IntentRefused
from referral.casework.known import Known, Told
from referral.erasing import erase
from referral.errors import CaseUnknown, ConsentUnknown
from referral.exchange.holdings import model_of, open_sections
from referral.exchange.recovery import check_sending
from referral.resuming import open_waiting, say_copy_is_off
from referral.room import check_room
from referral.signing import sign_into
from referral.store import Command
from referral.store.errors import AggregateWrong, CommandRepeated, Conflict
from referral.turns import Turns
from referral.vault.errors import CaseErased

if TYPE_CHECKING:
    from contracts.sections import SectionModel
    from referral.casework.case import Entry
    from referral.casework.draft import Draft
    from referral.casework.history import History
    from referral.erasing import ErasedCase, Erasure
    from referral.exchange.alarms import Alarm
    from referral.exchange.recovery import Opening
    from referral.node import Node
    from referral.resuming import Decided

TRIES: Final = 50  # each is lost to a page of the inbox or to a clock: no person waits for so many
NOT_OUR_FORM: Final = {"language": "und", "interpreter": False}  # a withdrawal waits for no form


@dataclass(frozen=True, slots=True)
class Opened:
    """A case that was created here: its id, and the eight characters that people say."""

    case: str
    spoken: str


@dataclass(frozen=True, slots=True)
class Warned:
    """A rule that spoke: its id, B, W, F or I, and its sentence."""

    rule: str
    severity: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was accepted: stored, and on its way. `also` are the messages that had to go with it."""

    case: str
    message: str
    kind: str
    warnings: tuple[Warned, ...] = ()
    flags: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Sent:
        """Return the answer that was kept or sent as JSON."""
        warnings = tuple(Warned(**one) for one in answer["warnings"])
        flags, also = tuple(answer["flags"]), tuple(answer["also"])
        return cls(answer["case"], answer["message"], answer["kind"], warnings, flags, also)


@dataclass(frozen=True, slots=True)
class ConsentForm:
    """What a person has consented to towards one agency: for which purposes, which classes, until when."""

    agency: str
    role: str
    purposes: tuple[str, ...]
    classes: tuple[str, ...]
    valid_from: date
    expires_at: date
    body: Mapping[str, Any]
    person: int = 0
    given_by: str = "individual"
    state: str = "given"
    function: str = "focal-point"

    def __post_init__(self) -> None:
        """Refuse a form that would allow nothing, at no time, or to a role that there is not."""
        if self.role not in ROLES:
            raise IntentRefused(f"`role`: It is one of {', '.join(ROLES)}.")
        if not self.purposes or not self.classes:
            raise IntentRefused("`purposes` and `classes`: A consent names at least one of each.")
        if self.valid_from > self.expires_at:
            raise IntentRefused("`expires_at`: The last day lies before the first.")

    @property
    def prompts(self) -> tuple[str, ...]:
        """Return what the person was told before: the section says it, and the act repeats it as codes."""
        told = self.body.get("informed_of")
        return tuple(str(one) for one in told) if isinstance(told, list | tuple) else ()


@dataclass(frozen=True, slots=True)
class _Request:
    """A command as it is kept: who asked, under which key, what (as a digest)."""

    key: str
    principal: str
    digest: bytes


class Desk:
    """The commands of one node."""

    def __init__(self, node: Node) -> None:
        """Serve `node`."""
        self._node = node
        self._turns = Turns()

    def open_case(self, *, key: str, principal: str) -> Opened:
        """Create a case here: its salt and its id, so that consents can name it before step 1; nothing is sent."""
        request = _request(key, principal, ["open-case"])
        answered = self._answered(request)
        if answered is not None:
            return Opened(**answered)
        check_room(self._node)
        salt = self._node.draw(32)
        case = Case.open(case_id(self._node.fingerprint, salt), salt, self._node.now())
        opened = Opened(case.case, spoken_reference(case.case))
        return Opened(**self._save(case, request, asdict(opened)))

    def acknowledge(self, alarm: int, *, key: str, principal: str, function: str = "focal-point") -> Alarm:
        """End an alarm that only a person can end; any other is refused with what ends it."""
        return acknowledged(self._node, alarm, key=key, principal=principal, function=function)

    def erase_case(self, wish: Erasure, *, key: str, principal: str) -> ErasedCase:
        """Erase a whole case; nothing opens it again."""
        with self._turns.of(wish.case):
            return erase(self._node, wish, key=key, principal=principal)

    def open_waiting(self, case: str, opening: Opening, *, key: str, principal: str) -> Decided:
        """Open a case for sending that waits for its partners after a restore."""
        return open_waiting(self._node, case, opening, key=key, principal=principal)

    def say_copy_is_off(self, opening: Opening, *, key: str, principal: str) -> Decided:
        """Go on after a copy of this node was found and ended."""
        return say_copy_is_off(self._node, opening, key=key, principal=principal)

    def send(self, case: str, intent: Intent, *, key: str, principal: str) -> Sent:
        """Send one message, and the core message that goes with it where one is due."""
        request = _request(key, principal, [case, _plain(asdict(intent))])
        return self._carry_out(case, request, lambda _held: intent)

    def give_consent(self, case: str, form: ConsentForm, *, key: str, principal: str) -> Sent:
        """Record a consent (given, narrowed) towards one agency; given anew, it undoes a withdrawal within 72 hours."""
        request = _request(key, principal, [case, "consent", _plain(asdict(form))])
        return self._carry_out(case, request, lambda held: _consent(held, form))

    def withdraw_consent(
        self, case: str, agency: str, *, key: str, principal: str, person: int = 0, function: str = "focal-point"
    ) -> Sent:
        """Withdraw what was consented to towards `agency`: shut at once wherever it reached, erased in 72 hours."""
        request = _request(key, principal, [case, "withdraw", agency, person, function])
        return self._carry_out(case, request, lambda held: self._withdrawal(held, agency, person, function))

    def _withdrawal(self, held: History, agency: str, person: int, function: str) -> Intent:
        """Return the withdrawal of all that stands towards an agency; it goes wherever a content relies on it.

        A person may say it to anybody: who holds no consent of hers withdraws whatever there may be, and tells all whom
        it knows to be in the case.
        """
        entries = consents_of(held, agency, person)
        if not entries and agency not in held.standing.members():
            raise ConsentUnknown
        if entries:
            latest = max(entries, key=lambda entry: (entry.content.act["version"], entry.content.id))
            act = {
                **latest.content.act,
                "version": latest.content.act["version"] + 1,
                "state": "withdrawn",
                "purposes": sorted({purpose for entry in entries for purpose in entry.content.act["purposes"]}),
            }
            form, to = self._form(held, latest), reached_by(held, agency, person)
        else:
            act = unseen(held, agency, person, self._node.now().date())
            form, to = dict(NOT_OUR_FORM), everybody(held)
        body = {**form, "withdrawal_channel": "oral"}
        # A person may say it to the agency named itself; then the others it goes to read how it was said.
        others = tuple(sorted(set(to) - {self._node.agency}))
        readers = (agency,) if agency in others else others
        return Intent(CONSENT, act, {CONSENT: Chosen(body, readers)}, function=function, to=to)

    def _form(self, held: History, entry: Entry) -> dict[str, Any]:
        """Return how this very consent was taken; where that is not ours to read, nothing of it is made up."""
        for _, section in open_sections(self._node, held.case, entry):
            model = model_of(section) if section is not None and section.name == CONSENT else None
            if model is not None:
                return model.model_dump(mode="json", by_alias=True, exclude_none=True)
        return dict(NOT_OUR_FORM)

    # -- carrying out ------------------------------------------------------------------------------------------------

    def _carry_out(self, case_name: str, request: _Request, meant: Callable[[History], Intent]) -> Sent:
        """Carry a command out when it is its turn among the commands on its case."""
        with self._turns.of(case_name):
            return self._decide(case_name, request, meant)

    def _decide(self, case_name: str, request: _Request, meant: Callable[[History], Intent]) -> Sent:
        """Decide on the case as it is now, and again when a message of a partner came in between."""
        answered = self._answered(request)
        if answered is not None:
            return Sent.of(answered)
        for left in reversed(range(TRIES)):
            before = self._load(case_name)
            check_sending(self._node, before)
            intent = meant(before)
            check_room(self._node, intent)
            case = before.case.twin()
            try:
                sent = self._sign_all(before, case, with_what_is_due(before, self._node.agency, intent))
                return Sent.of(self._save(case, request, asdict(sent)))
            except Conflict:
                if not left:
                    raise
        raise AssertionError  # the loop returns or raises

    def _sign_all(self, before: History, case: Case, intents: list[Intent]) -> Sent:
        """Compose every intent before the first key is made: what refuses one of them leaves nothing of the others."""
        root = case.opened_by(self._node.fingerprint) and not before.standing.verdicts
        drafts = [self._draft(before, intent, opens=root) for intent in intents]
        first, *more = [
            sign_into(self._node, case, one, root=root and not one.after and self._node.procedure.kinds[one.kind].core)
            for one in drafts
        ]
        warnings = tuple(Warned(one.rule, one.severity, one.sentence) for draft in drafts for one in draft.warnings)
        flags = tuple(flag for draft in drafts for flag in draft.flags)
        return Sent(case.case, first.id, first.kind, warnings, flags, tuple(one.id for one in more))

    def _draft(self, history: History, intent: Intent, *, opens: bool) -> Draft:
        known = self._known(history, intent)
        node = self._node
        view = View(history, node.agency, node.directory.agencies, known, opens, node.quorum)
        return compose(view, intent, node.now())

    def _save(self, case: Case, request: _Request, answer: dict[str, Any]) -> dict[str, Any]:
        command = Command(request.key, request.principal, request.digest, compact(answer))
        try:
            self._node.store.save(case, command=command)
        except CommandRepeated as repeated:
            return parse(repeated.answer)
        # The message is durable with its answer. If we stop here the retry gets it, and the outbox finds the event.
        return answer

    def _answered(self, request: _Request) -> dict[str, Any] | None:
        stored = self._node.store.command(request.key)
        return None if stored is None else parse(stored.to(request.principal, request.digest))

    def _load(self, case: str) -> History:
        try:
            found = self._node.history(case)
        except AggregateWrong:
            found = None  # the id of a log of reads: there is no such case
        if found is None:
            raise CaseErased if self._node.vault.is_case_erased(case) else CaseUnknown
        return found

    def _known(self, history: History, intent: Intent | None = None) -> Known:
        """Open what we may read of a case, the newest of each section first; it is dropped with the command."""
        sections: dict[str, SectionModel] = {}
        told: dict[str, Told] = {}
        readers: dict[str, dict[str, tuple[str, ...]]] = {}
        journey = intent.act.get("itinerary") if intent is not None else None
        for entry in reversed(history.ordered()):
            other = entry.content.kind == "travel-itinerary" and journey not in {None, entry.content.id}
            models: dict[str, SectionModel] = {}
            for _, section in open_sections(self._node, history.case, entry):
                if section is None or history.shut(entry, section, self._node.agency):
                    continue
                readers.setdefault(entry.content.id, {})[section.name] = section.readers
                model = model_of(section)
                if model is None:
                    continue
                models[section.name] = model
                if not other:
                    sections.setdefault(section.name, model)
            if models:
                told[entry.content.id] = Told(entry.content.sender, models)
        return Known(sections, told, readers)


def _request(key: str, principal: str, what: object) -> _Request:
    return _Request(key, principal, blake(COMMAND, compact(what)))


def _plain(value: object) -> object:
    """Return a value as JSON has it, for the digest of a request."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return instant_text(value)
    return value.isoformat() if isinstance(value, date) else value


def _consent(held: History, form: ConsentForm) -> Intent:
    """Return the next version of a consent towards one agency."""
    act = {
        "person": form.person,
        "case": held.case.case,
        "agency": form.agency,
        "version": _next_version(held, form.agency, form.person),
        "state": form.state,
        "purposes": sorted(form.purposes),
        "classes": sorted(form.classes),
        "given_by": form.given_by,
        "valid_from": form.valid_from.isoformat(),
        "expires_at": form.expires_at.isoformat(),
        "prompts": sorted(form.prompts),
    }
    to = {form.agency: held.roles().get(form.agency, form.role)}
    return Intent(CONSENT, act, {CONSENT: Chosen(form.body, (form.agency,))}, function=form.function, to=to)


def _next_version(held: History, agency: str, person: int) -> int:
    return 1 + max((entry.content.act["version"] for entry in consents_of(held, agency, person)), default=0)
