"""One page of the inbox becoming history: each envelope is opened, judged and stored, or refused, or parked.

Nothing is written before `save`, which writes everything in one transaction with the position. An envelope that
cannot be judged yet (unknown key or sender, not named in any case that we hold, naming an agency that the directory
does not know) is parked with its bytes; one that is refused leaves its hash and the step that refused it. A partner who
is known gets F with its reason. One that nobody foresaw is parked too, and a person is told: no envelope stands in the
way of the next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from contracts.content import opens_its_case
from contracts.encoding import b64
from contracts.envelope import (
    Addressee,
    EnvelopeRefused,
    EpochKey,
    KeyUnknown,
    Opened,
    OpenedMessage,
    OpenedStatement,
    SenderUnknown,
    Undecided,
    open_envelope,
)
from contracts.envelope import Parked as NotYet
from contracts.receipts import Receipt, ReceiptContradicts, issue
from contracts.standing import message_of
from referral.casework.case import Case, Signed
from referral.casework.history import History
from referral.exchange import answers, correspondence, recovery
from referral.exchange import riders as riding
from referral.exchange.alarms import end_alarm, raise_alarm
from referral.exchange.deliveries import APART, SQL, seconds
from referral.exchange.holdings import seal_sections
from referral.exchange.named import names_unknown
from referral.exchange.owed import owed_to
from referral.exchange.parking import (
    AGENCY_UNKNOWN,
    CANNOT_HANDLE,
    FAILED,
    NOT_NAMED,
    UNDECIDED,
    UNKNOWN_KEY,
    UNKNOWN_SENDER,
    Wait,
    Waits,
    park,
    park_on,
    quarantine,
    unpark,
)
from referral.following.clocks import PARKED_FACT
from referral.store.sqlite import is_machine_fault

if TYPE_CHECKING:
    from datetime import date, datetime

    from contracts.content import Content, Section
    from referral.exchange.parking import Parked
    from referral.node import Node
    from referral.store import Cursor, Tracking

KID: Final = slice(8, 16)  # where an envelope names the epoch key that opens it
NOT_OPENED: Final = {KeyUnknown: UNKNOWN_KEY, Undecided: UNDECIDED}
GIVEN_UP: Final = frozenset({NOT_NAMED, AGENCY_UNKNOWN})  # waits of which the sender hears that they were in vain
Write = Callable[["Cursor"], None]


class Batch:
    """What one page of envelopes comes to."""

    def __init__(self, node: Node) -> None:
        """Judge for `node`."""
        self.node = node
        self.now: datetime = node.now()
        self.judged = 0
        self.stored_in = set[str]()
        self._unnamed: Content | None = None
        self._cases: dict[str, Case] = {}
        self._histories: dict[str, History] = {}
        self._before: dict[str, History] = {}
        self._writes: list[Write] = []
        self._addressee = self._as_addressee()

    def _as_addressee(self) -> Addressee:
        node = self.node
        return Addressee(
            network=node.network.name,
            agency=node.agency,
            identities=node.me.fingerprints,
            procedure=node.procedure,
            epoch_key=self._epoch_key,
            signing_key=node.directory.signing_key,
            judge=node.judge,
            entitled=self._entitled,
            owed=self._owed,
        )

    def _owed(self, content: Content) -> frozenset[str]:
        """Return what must come with a content: nothing with a repeat, whose author may have lost it with its disk."""
        case = self.case(content.case)
        if case is not None and case.holds(content.id):
            return frozenset()
        return owed_to(self.node, self.history(content.case), content)

    def _epoch_key(self, kid: bytes) -> EpochKey | None:
        secret = self.node.vault.epoch_private(kid)
        return None if secret is None else EpochKey.of(secret)

    # -- envelopes ---------------------------------------------------------------------------------------------------

    def take(self, envelope: bytes) -> None:
        """Judge one record of the inbox."""
        wait = self._attempt(envelope)
        if wait is not None:
            key_day = self.node.vault.epoch_day(envelope[KID])
            self.write(lambda cursor: park(cursor, envelope, wait, key_day, self.now))

    def retry(self, parked: Parked, first_kept: date | None = None) -> None:
        """Judge what is parked once more; where its time is over let it go, and keep its hash and why it waited.

        `first_kept` is the first day whose epoch key outlasts this round.
        """
        wait = self._attempt(parked.envelope)
        if wait is not None and wait.reason == UNKNOWN_KEY:
            wait = parked.wait  # its key is gone: what it waited for before is why it waits
        if wait is not None and not parked.is_over(self.now, first_kept):
            if wait != parked.wait:
                self.write(lambda cursor: park_on(cursor, parked.row, wait))
            return
        if wait is not None:
            self._let_go(parked.envelope, wait)
        self.judged += 1
        self.write(lambda cursor: unpark(cursor, parked.row))

    def _let_go(self, envelope: bytes, wait: Wait) -> None:
        """Nothing has come that this waited for; while it can still be opened its sender hears so."""
        self._quarantine(envelope, wait.reason)
        if wait.reason in GIVEN_UP:
            self.receipt(wait.sender, Receipt(wait.content, "F", self.now, "not-member"))

    def _attempt(self, envelope: bytes) -> Wait | None:
        """Judge an envelope; return why it has to wait, None if it was judged."""
        try:
            self._open(envelope)
        except NotYet as parked:
            return Wait(NOT_OPENED.get(type(parked), UNKNOWN_SENDER))
        except Waits as waits:
            return waits.wait
        except Exception as error:
            if is_machine_fault(error):
                raise
            name = type(error).__name__
            self.write(lambda cursor: raise_alarm(cursor, CANNOT_HANDLE, "", name, self.now))
            return Wait(FAILED)
        return None

    def _open(self, envelope: bytes) -> None:
        try:
            opened = self._opened(envelope)
        except EnvelopeRefused as refused:
            self._refuse(envelope, refused)
            return
        if isinstance(opened, OpenedStatement):
            self.heard(opened.statement.sender, opened.statement.sent_at)
            answers.answer(self, opened)
        else:
            content = opened.content
            self.heard(content.sender, content.sent_at)
            self.write(lambda cursor: riding.shows(cursor, content.sender, content.seen.size))
            self.store(opened)

    def _opened(self, envelope: bytes) -> Opened:
        """Open an envelope; where its riders bring the sender's new key, or what restricts one, with that."""
        try:
            opened = open_envelope(envelope, self._addressee)
        except SenderUnknown as unknown:
            if not riding.learn(self.node, unknown.riders):
                raise
        else:
            if not riding.learn(self.node, opened.riders):
                return opened
        self._addressee = self._as_addressee()
        return open_envelope(envelope, self._addressee)

    def _refuse(self, envelope: bytes, refused: EnvelopeRefused) -> None:
        """Keep the hash and the step; who is known hears F with its reason."""
        unnamed, self._unnamed = self._unnamed, None
        if unnamed is not None and refused.content == unnamed.id and self._may_become_ours(unnamed):
            # Nobody has told us yet that we are in this case: the invitation may be on its way.
            raise Waits(Wait(NOT_NAMED, unnamed.case, unnamed.id, unnamed.sender))
        self._quarantine(envelope, refused.step)
        if refused.sender is not None and refused.content is not None:
            self.receipt(refused.sender, Receipt(refused.content, "F", self.now, refused.reason))

    def _quarantine(self, envelope: bytes, reason: str) -> None:
        self.write(lambda cursor: quarantine(cursor, envelope, reason, self.now))

    # -- messages ----------------------------------------------------------------------------------------------------

    def _entitled(self, content: Content) -> bool:
        """A later member may read what did not name it: core contents of a case that it is in, or is invited to.

        The invitation may lie behind a gap that only these contents close, so it is enough that we hold it.
        """
        kind = self.node.procedure.kinds.get(content.kind)
        held = kind is not None and kind.core and self.case(content.case) is not None
        if held and self.history(content.case).includes(self.node.agency):
            return True
        self._unnamed = content
        return False

    def _may_become_ours(self, content: Content) -> bool:
        """Say whether an invitation could make a content ours: never a side content, which goes to whom it names."""
        kind = self.node.procedure.kinds.get(content.kind)
        return kind is None or kind.core

    def store(self, opened: OpenedMessage, returned_by: str = "") -> None:
        """Make a verified message part of its case, or refuse it; a repeat gets the receipt that was given first."""
        content = opened.content
        if self.node.vault.is_case_erased(content.case):
            self._say_again(content)
            return
        case = self.case(content.case) or self._opened_case(content.case)
        if case.holds(content.id) or content.id in case.refused:
            self._repeat(case, opened)
            return
        self._check_named(content)
        fingerprints = self.node.agency_named(content.sender).fingerprints
        opens = any(opens_its_case(content, one) for one in fingerprints)
        reason = self._refusal(content, opens=opens)
        if reason:
            case.refuse(content.id, content.sender, reason, self.now)
            self.receipt(content.sender, Receipt(content.id, "F", self.now, reason))
            return
        if content.sender == self.node.agency:
            recovery.own_message(self, content)
        sections = seal_sections(self.node, content.id, self._unerased(content.id, opened.sections))
        signed = Signed(content.raw, opened.skid, opened.signature, opens)
        case.receive(signed, sections, self.now, returned_by)
        if self._travels(content):
            self.write(lambda cursor: end_alarm(cursor, PARKED_FACT, content.case, content.id, self.now))
        self.stored_in.add(content.case)
        self.changed(content.case)
        self.receipt(content.sender, Receipt(content.id, "R1", self.now))

    def _check_named(self, content: Content) -> None:
        """Let a content wait that names an agency unknown here; a person is told, and of a person on the way by itself.

        Judged now, it would bind everybody honest to write to an agency that they cannot name.
        """
        if not names_unknown(self.node.directory, self.node.procedure, content):
            return
        self.write(lambda cursor: raise_alarm(cursor, AGENCY_UNKNOWN, "", content.sender, self.now))
        held = self._travels(content) and self.case(content.case) is not None
        if held and self.history(content.case).includes(content.sender):
            self.write(lambda cursor: raise_alarm(cursor, PARKED_FACT, content.case, content.id, self.now))
        raise Waits(Wait(AGENCY_UNKNOWN, content.case, content.id, content.sender))

    def _travels(self, content: Content) -> bool:
        """Say whether a content speaks of a person on the way, so that nobody must miss it."""
        kind = self.node.procedure.kinds.get(content.kind)
        return kind is not None and kind.travels

    def _refusal(self, content: Content, *, opens: bool) -> str:
        """Return the reason for which a content is no part of its case, as all its recipients compute it; or ""."""
        history, message = self.history(content.case), message_of(content, opens=opens)
        verdict = history.standing.add(message).verdict(content.id) if history.readable(message) else None
        if verdict is None or verdict.name != "refused":
            return ""
        return "format" if verdict.rule == "format" else "not-member"

    def _unerased(self, content_id: str, sections: tuple[Section, ...]) -> tuple[Section, ...]:
        """Leave out what was erased here: it never comes back, whoever sends it (reliability.md I11)."""
        return tuple(one for one in sections if not self.node.vault.is_section_erased(content_id, _named(one)))

    def _opened_case(self, case_id: str) -> Case:
        case = Case.open(case_id, b"", self.now)
        self._cases[case_id] = case
        return case

    def _repeat(self, case: Case, opened: OpenedMessage) -> None:
        """Sections that came later are kept; the sender hears again what it heard first."""
        content = opened.content
        entry = case.entries.get(content.id)
        if entry is not None:
            lost = {one for one in entry.sections if self.node.vault.lacks_section(content.id, one)}
            new = tuple(one for one in opened.sections if _named(one) not in entry.sections - lost)
            new = self._unerased(content.id, new)
            if lost:
                self.receipt(content.sender, Receipt(content.id, "R1", self.now))
            if new:
                case.receive_sections(content.id, seal_sections(self.node, content.id, new), self.now)
                self.changed(content.case)
        self.owe(content.sender, correspondence.RECEIPTS, [content.id])

    def _say_again(self, content: Content) -> None:
        """A case that was erased whole takes nothing: what was stored stays receipted, what is new cannot be opened."""
        self.receipt(content.sender, Receipt(content.id, "F", self.now, "cannot-open"))
        self.owe(content.sender, correspondence.RECEIPTS, [content.id])

    def receipt(self, recipient: str, wish: Receipt) -> None:
        """Owe a receipt: the first word of its stage stands, and nothing that contradicts what was said is issued.

        What comes back to us of our own is receipted to nobody.
        """
        if recipient == self.node.agency:
            return

        def write(cursor: Cursor) -> None:
            said = correspondence.issued(cursor, wish.id, recipient)
            try:
                correspondence.keep(cursor, recipient, issue(said, wish))
            except ReceiptContradicts:
                return
            correspondence.owe(cursor, recipient, correspondence.RECEIPTS, [wish.id], self.now)

        self.write(write)

    def owe(self, recipient: str, kind: str, subject: list[str]) -> None:
        """Owe a partner a statement; nothing is owed to ourselves."""
        if recipient != self.node.agency:
            self.write(lambda cursor: correspondence.owe(cursor, recipient, kind, subject, self.now))

    # -- what the page touches ---------------------------------------------------------------------------------------

    def heard(self, agency: str, sent_at: datetime) -> None:
        """A partner lives: what it has not acknowledged goes out once more."""
        row = {"agency": agency, "sent_at": seconds(sent_at), "now": seconds(self.now), "at": seconds(self.now)}
        row["apart"] = int(APART.total_seconds())
        self.write(lambda cursor: _run(cursor, "sign_of_life", **row))
        self.write(lambda cursor: _run(cursor, "heard", **row))

    def case(self, case_id: str) -> Case | None:
        """Return a case with what this page has added to it."""
        if case_id not in self._cases:
            found = self.node.case(case_id)
            if found is None:
                return None
            self._cases[case_id] = found
        return self._cases[case_id]

    def history(self, case_id: str) -> History:
        """Return the reading of a case with what this page has added to it."""
        if case_id not in self._histories:
            case = self.case(case_id) or self._opened_case(case_id)
            before = self._before.get(case_id) or self.node.history(case_id)
            if before is None or case.pending_events:
                before = History(case.twin(), self.node.procedure, before)
            self._histories[case_id] = before
        return self._histories[case_id]

    def changed(self, case_id: str) -> None:
        """Put the reading of a case that was changed aside, to go on from."""
        before = self._histories.pop(case_id, None)
        if before is not None:
            self._before[case_id] = before

    def write(self, write: Write) -> None:
        """Add a row to the transaction."""
        self._writes.append(write)

    @property
    def addressee(self) -> Addressee:
        """Return who opens."""
        return self._addressee

    def save(self, tracking: Tracking | None) -> None:
        """Write everything and the position, or nothing."""
        touched = [case for case in self._cases.values() if len(case.pending_events) > _only_opened(case)]
        self.node.store.save(*touched, tracking=tracking, rows=self._writes)
        # Everything of the page is durable with its position. If we stop here the receipts go out at the next start.


def _only_opened(case: Case) -> int:
    """A case that was only looked at has one event that nobody needs."""
    return 1 if case.version == 1 else 0


def _named(section: Section) -> str:
    return b64(section.commitment)


def _run(cursor: Cursor, name: str, **row: object) -> None:
    cursor.execute(SQL[name], row)
