"""Forty bugs, each switched on by its name: what it breaks, and which defence should make it harmless or be seen to.

They are laid over the product by name for one run and are no part of it. A simulation that finds nothing must first
find these; a bug that stays hidden alone says that something else catches it, and must be found together with what
takes that away (reliability.md 8, S3).
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from contracts.standing import history
from referral.exchange import batch, correspondence
from referral.exchange.batch import Batch
from referral.exchange.deliveries import SQL, Deliveries, seconds
from referral.exchange.inbox import Inbox
from referral.exchange.outbox import Outbox
from referral.exchange.position import Same
from referral.node import Node
from referral.queries import Queries
from referral.store import Store, commands, sqlite
from referral.store.errors import StoreUnavailable
from referral.vault import Vault
from referral.vault.keyring import Keyring
from simulation.boundaries import found_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from contracts.standing.past import Past
    from referral.casework.history import History

NEVER: Final = 10 * 365 * 86_400


@dataclass(frozen=True)
class Bug:
    """One bug: what it breaks, and the defence that it tries."""

    name: str
    breaks: str
    defence: str
    install: Callable[[ExitStack], None]


BUGS: Final[dict[str, Bug]] = {}
TEN: Final = (  # hunted singly in CI, and every pair of them in the campaign
    "no-duplicates-known",
    "held-back-behind-gap",
    "first-recipient-only",
    "answer-unkept",
    "not-synced",
    "section-keys-late",
    "list-skips",
    "latest-comer-wins",
    "never-turns-back",
    "gap-unseen",
)


def bug(name: str, breaks: str, defence: str) -> Callable[[Callable[[ExitStack], None]], Callable[[ExitStack], None]]:
    """Register what lays a bug over the product."""

    def register(install: Callable[[ExitStack], None]) -> Callable[[ExitStack], None]:
        BUGS[name] = Bug(name, breaks, defence, install)
        return install

    return register


@contextmanager
def switched_on(names: Iterable[str]) -> Iterator[None]:
    """Have these bugs in the block."""
    with ExitStack() as stack:
        for name in names:
            BUGS[name].install(stack)
        yield


def _replace(stack: ExitStack, target: str, new: Any) -> None:
    """Put `new` in the place of a function or method by its path."""
    owner, _, name = target.rpartition(".")
    stack.enter_context(patch.object(found_at(owner), name, new))


def _say(stack: ExitStack, target: str, answer: Any) -> None:
    """Let a function answer this, whatever it is asked."""
    _replace(stack, target, lambda *_given, **_named: answer)


# -- receiving ---------------------------------------------------------------------------------------------------------


@bug("offset-first", "The position is committed before the messages that were read.", "the sender sends again")
def offset_first(stack: ExitStack) -> None:
    save = Inbox._save

    def saving(self: Inbox, fill: Any, tracking: Any) -> Any:
        if tracking is not None:
            self._node.store.save(tracking=tracking)
        return save(self, fill, None)

    _replace(stack, "referral.exchange.inbox.Inbox._save", saving)


@bug("broker-ack-ends", "A delivery ends when the broker has taken the copy.", "gap requests and the daily sync")
def broker_ack_ends(stack: ExitStack) -> None:
    note = Outbox._note

    def noting(self: Outbox, cursor: Any, copy: Any, now: Any, put: Any) -> None:
        note(self, cursor, copy, now, put)
        if copy.recipient in put.taken:
            row = {"content_id": copy.content_id, "recipient": copy.recipient, "at": seconds(now)}
            cursor.execute(SQL["end_delivery"], row | {"state": "stored"})

    _replace(stack, "referral.exchange.outbox.Outbox._note", noting)


@bug("receipt-first", "R1 is written down in a commit before that of the message.", "one transaction for both")
def receipt_first(stack: ExitStack) -> None:
    receipt = Batch.receipt

    def receipting(self: Batch, recipient: str, wish: Any) -> None:
        before = len(self._writes)
        receipt(self, recipient, wish)
        writes, self._writes[before:] = self._writes[before:], []
        with self.node.store.transaction() as cursor:
            for write in writes:
                write(cursor)

    _replace(stack, "referral.exchange.batch.Batch.receipt", receipting)


@bug("no-duplicates-known", "A message that is held is stored again when it comes again.", "content ids")
def no_duplicates_known(stack: ExitStack) -> None:
    _say(stack, "referral.casework.case.Case.holds", False)


@bug("repeat-unanswered", "A message that comes again is not receipted again.", "none: the first receipt may be lost")
def repeat_unanswered(stack: ExitStack) -> None:
    _say(stack, "referral.exchange.batch.Batch._repeat", None)


@bug("position-unverified", "The record at the position is not read again.", "the broker says that its log is shorter")
def position_unverified(stack: ExitStack) -> None:
    async def same(*_given: Any) -> Same:
        return Same()

    _replace(stack, "referral.exchange.inbox.verify_position", same)


@bug("position-kept-when-away", "A connection that was lost leaves the position trusted.", "the log may be shorter")
def position_kept_when_away(stack: ExitStack) -> None:
    _say(stack, "referral.exchange.inbox.Inbox.forget_position", None)


@bug("full-disk-skips", "A page that does not fit on the disk is skipped.", "the sender sends again")
def full_disk_skips(stack: ExitStack) -> None:
    save = Batch.save

    def saving(self: Batch, tracking: Any) -> None:
        try:
            save(self, tracking)
        except StoreUnavailable:
            self.stored_in.clear()

    _replace(stack, "referral.exchange.batch.Batch.save", saving)


@bug("parked-is-dropped", "What cannot be opened yet is let go.", "the sender sends again")
def parked_is_dropped(stack: ExitStack) -> None:
    stack.enter_context(patch.object(batch, "park", lambda *_given: None))


@bug("held-back-behind-gap", "A message behind a gap waits outside the case.", "gap requests, and more copies")
def held_back_behind_gap(stack: ExitStack) -> None:
    store = Batch.store

    def storing(self: Batch, opened: Any, returned_by: str = "") -> None:
        case = self.case(opened.content.case)
        held = case.entries.keys() if case is not None else set()
        if all(one in held for one in opened.content.after) or returned_by:
            store(self, opened, returned_by)

    _replace(stack, "referral.exchange.batch.Batch.store", storing)


@bug("erased-comes-back", "What was erased is taken in again with the next copy.", "the vault keeps no new key")
def erased_comes_back(stack: ExitStack) -> None:
    _replace(stack, "referral.exchange.batch.Batch._unerased", lambda _self, _name, sections: sections)
    _say(stack, "referral.vault.keyring.Keyring.is_erased", False)


# -- sending -----------------------------------------------------------------------------------------------------------


@bug("one-copy-only", "A message is sent once and never again.", "gap requests and the daily sync")
def one_copy_only(stack: ExitStack) -> None:
    stack.enter_context(patch("referral.exchange.outbox.pause_after", lambda *_given: NEVER))


@bug("first-recipient-only", "Only the first of the audience gets a delivery.", "gap requests and the daily sync")
def first_recipient_only(stack: ExitStack) -> None:
    insert = Deliveries._insert

    def inserting(self: Deliveries, cursor: Any, *of: Any) -> None:
        _case, entry, recipient, _since = of
        if recipient == min(one.agency for one in entry.content.audience):
            insert(self, cursor, *of)

    _replace(stack, "referral.exchange.deliveries.Deliveries._insert", inserting)


@bug("one-receipt-ends-all", "The first R1 ends the delivery to everybody.", "gap requests and the daily sync")
def one_receipt_ends_all(stack: ExitStack) -> None:
    end = Deliveries._end

    def ending(self: Deliveries, cursor: Any, case: str, event: Any) -> None:
        end(self, cursor, case, event)
        for name, _ in event.items if event.stage == "R1" else ():
            cursor.execute("UPDATE deliveries SET state = 'stored' WHERE content_id = ?", (name,))

    _replace(stack, "referral.exchange.deliveries.Deliveries._end", ending)


@bug("statements-forgotten", "A node statement is forgotten though the broker was away.", "partners send and ask again")
def statements_forgotten(stack: ExitStack) -> None:
    append = Outbox._append

    async def appending(self: Outbox, envelopes: Any) -> Any:
        letters = list(envelopes)
        put = await append(self, letters)
        put.refused |= {recipient for recipient, _, _ in letters} - put.taken
        return put

    _replace(stack, "referral.exchange.outbox.Outbox._append", appending)


@bug("new-member-gets-nothing", "A member that joins is not sent what was said before.", "gap requests, the daily sync")
def new_member_gets_nothing(stack: ExitStack) -> None:
    _say(stack, "referral.exchange.deliveries.Deliveries._joined", {})


@bug("waits-for-everybody", "Nothing new is sent while a partner has not receipted.", "none: I8")
def waits_for_everybody(stack: ExitStack) -> None:
    messages = Outbox._messages

    async def sending(self: Outbox) -> int:
        with self._node.store.reading() as cursor:
            query = "SELECT 1 FROM deliveries WHERE state = 'waiting' AND copies > 0 AND next_at > ? LIMIT 1"
            if cursor.execute(query, (seconds(self._node.now()),)).fetchone():
                return 0
        return await messages(self)

    _replace(stack, "referral.exchange.outbox.Outbox._messages", sending)


@bug("waits-for-the-notary", "Nothing is sent while a message has no proof of logging.", "none: I8")
def waits_for_the_notary(stack: ExitStack) -> None:
    messages = Outbox._messages

    async def sending(self: Outbox) -> int:
        with self._node.store.reading() as cursor:
            query = "SELECT alarms.code FROM alarms WHERE code = 'notary-away' AND ended_at IS NULL"
            if cursor.execute(query).fetchone():
                return 0
        return await messages(self)

    _replace(stack, "referral.exchange.outbox.Outbox._messages", sending)


@bug("key-before-proof", "A new signing key signs before its proof can ride.", "none: I8")
def key_before_proof(stack: ExitStack) -> None:
    def newest(self: Node) -> tuple[str, bytes]:
        return self.directory.current_signing(self.agency, self.now())

    _replace(stack, "referral.node.Node._signing_key", newest)


# -- between nodes -----------------------------------------------------------------------------------------------------


@bug("gaps-unasked", "An id that is named and not held is never asked for.", "copies that come again, the daily sync")
def gaps_unasked(stack: ExitStack) -> None:
    _say(stack, "referral.exchange.gaps.Gaps.ask", 0)


@bug("sync-unsaid", "Partners are not told what is held.", "copies that come again, gap requests")
def sync_unsaid(stack: ExitStack) -> None:
    _say(stack, "referral.worker.Worker._sync", 0)


@bug("nothing-returned", "What a partner asks for is not given back.", "copies that come again")
def nothing_returned(stack: ExitStack) -> None:
    stack.enter_context(patch.object(correspondence, "_returned", lambda *_given: iter(())))


@bug("reset-unnoticed-by-sending", "A broker that was reset gets no copies again at once.", "copies that come again")
def reset_unnoticed_by_sending(stack: ExitStack) -> None:
    _say(stack, "referral.exchange.inbox.Inbox._begin_anew", None)


# -- store and vault ---------------------------------------------------------------------------------------------------


@bug("answer-unkept", "The answer to a command is not kept.", "none: I5")
def answer_unkept(stack: ExitStack) -> None:
    stack.enter_context(patch.object(commands, "keep_answer", lambda *_given: None))


@bug("answer-after", "The answer to a command is kept in a commit after that of its message.", "none: I5")
def answer_after(stack: ExitStack) -> None:
    save = Store.save

    def saving(self: Store, *aggregates: Any, command: Any = None, **named: Any) -> int:
        last = save(self, *aggregates, **named)
        if command is not None:
            save(self, command=command)
        return last

    _replace(stack, "referral.store.store.Store.save", saving)


@bug("full-disk-accepted", "A command is answered though its message did not fit on the disk.", "none: I1")
def full_disk_accepted(stack: ExitStack) -> None:
    save = Store.save

    def saving(self: Store, *aggregates: Any, command: Any = None, **named: Any) -> int:
        try:
            return save(self, *aggregates, command=command, **named)
        except StoreUnavailable:
            if command is None:
                raise
            return 0

    _replace(stack, "referral.store.store.Store.save", saving)


@bug("not-synced", "A commit is answered before it is on the disk.", "none: I1")
def not_synced(stack: ExitStack) -> None:
    setting = sqlite._set

    def relaxed(connection: Any, pragma: str, value: str) -> None:
        setting(connection, pragma, "OFF" if pragma == "synchronous" else value)

    stack.enter_context(patch.object(sqlite, "_set", relaxed))


@bug("section-keys-late", "The keys of sections are written with the next ones.", "none: I1")
def section_keys_late(stack: ExitStack) -> None:
    keep = Keyring.keep
    late: dict[int, list[tuple[Any, ...]]] = {}

    def keeping(self: Keyring, cursor: Any, kind: str, name: str, secret: bytes) -> Any:
        if kind != "section":
            return keep(self, cursor, kind, name, secret)
        waiting = late.setdefault(id(self), [])
        for row in waiting:
            cursor.execute(*row)
        waiting.clear()
        held: list[tuple[Any, ...]] = []
        recorder: Any = _Recorder(held)
        found = keep(self, recorder, kind, name, secret)
        waiting += held
        self._remember(kind, name, found)
        return found

    _replace(stack, "referral.vault.keyring.Keyring.keep", keeping)


class _Recorder:
    """A cursor that keeps what it was to execute."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self._rows = rows

    def execute(self, sql: str, parameters: Any = ()) -> _Recorder:
        self._rows.append((sql, parameters))
        return self


@bug("stale-reading", "A case that was read once is not read on.", "the version of its events")
def stale_reading(stack: ExitStack) -> None:
    read = Node._read

    def reading(self: Node, case_id: str, held: History | None) -> History | None:
        return held if held is not None and len(held.case.entries) % 5 == 4 else read(self, case_id, held)

    _replace(stack, "referral.node.Node._read", reading)


# -- followers ---------------------------------------------------------------------------------------------------------


@bug("follower-position-first", "A follower's position is committed before its rows.", "the daily sync")
def follower_position_first(stack: ExitStack) -> None:
    def in_two(_self: object, store: Store, waiting: list[Any]) -> int:
        if waiting:
            with store.transaction() as cursor:
                for one, ahead in waiting:
                    store.set_position(cursor, one.name, ahead.page.end)
            with store.transaction() as cursor:
                for one, ahead in waiting:
                    one._apply(cursor, list(ahead.page.items))
        return sum(len(ahead.page.items) for _, ahead in waiting)

    _replace(stack, "referral.following.follower.Followers._round", in_two)


@bug("list-skips", "A list leaves out what comes after a message of its own page.", "none: I12")
def list_skips(stack: ExitStack) -> None:
    from referral.following.views import Views  # noqa: PLC0415 - of use here alone

    register = Views._register

    def registering(self: Views, cursor: Any, page: Any) -> None:
        register(self, cursor, page[:1] if len(page) < 100 and page and page[0].position > 20 else page)

    _replace(stack, "referral.following.views.Views._register", registering)


# -- the fold ----------------------------------------------------------------------------------------------------------


@bug("latest-comer-wins", "Of several values of a register the one that came last counts.", "none: I3")
def latest_comer_wins(stack: ExitStack) -> None:
    def choosing(self: Past, register: str, tips: tuple[int, ...]) -> str:
        return self.set_by(max(tips), register)

    _replace(stack, "contracts.standing.past.Past.choose", choosing)


@bug("never-turns-back", "One message more never changes what was judged before.", "none: I3 and I12")
def never_turns_back(stack: ExitStack) -> None:
    _say(stack, "contracts.standing.standing.Standing._turns_back", False)


@bug("gap-unseen", "A message behind a gap is judged as if its past were whole.", "none: I3")
def gap_unseen(stack: ExitStack) -> None:
    place = history.History.place

    def placing(self: Any, message: Any) -> tuple[int, bool]:
        return place(self, message)[0], False

    _replace(stack, "contracts.standing.history.History.place", placing)


# -- erasing, reading, secrecy -----------------------------------------------------------------------------------------


@bug("sections-outlive-case", "Erasing a case leaves the keys of its sections.", "none: I11")
def sections_outlive_case(stack: ExitStack) -> None:
    _say(stack, "referral.erasing._sections", [])


@bug("register-of-erasures-lost", "What was erased is not written outside the vault.", "none after a restore: I11")
def register_of_erasures_lost(stack: ExitStack) -> None:
    _say(stack, "referral.vault.register.EraseRegister.add", None)
    _say(stack, "referral.vault.register.EraseRegister.entries", [])


@bug("erasure-not-resumed", "The start does not finish an erasure that a crash cut short.", "who asked asks again")
def erasure_not_resumed(stack: ExitStack) -> None:
    _say(stack, "referral.erasing.resume", 0)


@bug("read-unlogged", "A section is given without a line in the log of reads.", "none: I10")
def read_unlogged(stack: ExitStack) -> None:
    _say(stack, "referral.queries.Queries._log", None)


@bug("read-though-unlogged", "A section is given though the log of reads could not be written.", "none: I10")
def read_though_unlogged(stack: ExitStack) -> None:
    log = Queries._log

    def logging(self: Queries, *given: Any, **named: Any) -> None:
        try:
            log(self, *given, **named)
        except StoreUnavailable:
            return

    _replace(stack, "referral.queries.Queries._log", logging)


@bug("sections-in-clear", "The body of a section is stored as it is.", "none: I9")
def sections_in_clear(stack: ExitStack) -> None:
    seal, opened = Vault.seal_section, Vault.open_section

    def sealing(self: Vault, content_id: str, commitment: str, body: bytes) -> bytes:
        seal(self, content_id, commitment, body)
        return body

    def opening(self: Vault, content_id: str, commitment: str, sealed: bytes) -> bytes:
        return sealed if sealed[:1] == b"{" else opened(self, content_id, commitment, sealed)

    _replace(stack, "referral.vault.vault.Vault.seal_section", sealing)
    _replace(stack, "referral.vault.vault.Vault.open_section", opening)
