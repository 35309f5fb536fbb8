"""Split views: a content says which log its sender saw; where it is not ours, both show what the log has signed.

What a content names is compared with the mirrored log when it is stored, or once the log has grown to it here. On a
disagreement the partner is shown our checkpoint and answers with its own (`log-view`, standing.md 5). A checkpoint that
the log signed and that our log contradicts convicts it: the pair is kept as a file. What a partner names and shows no
signature for convicts nobody; it is noted. Growth that a partner names and that is kept from us for a day is alarmed.
What is asked is asked again each hour, and a partner is shown at most one checkpoint in ten minutes: nodes that
disagree do not talk each other down.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from contracts import tlog
from contracts.content import held as held_content
from contracts.encoding import b64, unb64
from contracts.refusal import Refusal
from referral.casework.case import Case
from referral.exchange import correspondence
from referral.exchange.alarms import end_alarm, raise_alarm
from referral.exchange.deliveries import seconds
from referral.following import convictions, tree
from referral.following.follower import Follower
from referral.following.mirror import SQL as MIRROR
from referral.following.mirror import Held
from referral.following.mirror import held as mirrored
from referral.store import statements

if TYPE_CHECKING:
    from pathlib import Path

    from contracts.content import Content
    from contracts.network import Network
    from referral.node import Node
    from referral.store import Cursor, Stored

SQL: Final = statements("referral.following", "log_views.sql")
TOPICS: Final = (Case.MessageSent.TOPIC, Case.MessageReceived.TOPIC)
TABLES: Final = 2
LIMIT: Final = timedelta(hours=24)  # evidence.md 3: so long may a root wait to be compared
PATIENCE: Final = timedelta(hours=1)  # until a partner is asked, and asked again
SHOWN_PAUSE: Final = timedelta(minutes=10)
CLAIMS: Final = 64  # of one partner that wait to be compared
LOG_FORKED: Final = "log-forked"
LOG_WITHHELD: Final = "log-withheld"
SEEN_UNPROVEN: Final = "seen-unproven"
CONVICTED: Final = "convicted"
UNPROVEN: Final = "unproven"
REFUSED: Final = "refused"


@dataclass(frozen=True, slots=True)
class View:
    """A size and a root that a partner named, or showed in a `note` that the log signed; times in seconds."""

    id: int
    agency: str
    size: int
    root: bytes
    note: bytes | None
    since: int
    asked_at: int | None
    alarmed_at: int | None


@dataclass(frozen=True, slots=True)
class ViewEnd:
    """How the last disagreement of a kind with a partner ended: `convicted` by a file, `unproven`, or `refused`."""

    agency: str
    end: str
    size: int | None
    root: str
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LogSeen:
    """The log as this node sees it, and what its partners see otherwise; roots as in `seen` of a content."""

    origin: str
    size: int
    root: str
    settled: int
    checkpoint: str
    waiting: tuple[View, ...]
    ends: tuple[ViewEnd, ...]


class LogViews:
    """Compares what partners name with what is mirrored; `turn` says how much it did."""

    def __init__(self, node: Node, folder: Path, *, follows: bool) -> None:
        """Keep convictions in `folder`; a node that does not follow the log compares nothing."""
        self._node = node
        self._folder = folder
        self._follows = follows
        self.follower = Follower("log-views", TOPICS, self._apply)

    @property
    def _origin(self) -> str:
        return self._node.network.log.origin

    # -- what contents name ------------------------------------------------------------------------------------------

    def _apply(self, cursor: Cursor, page: list[Stored]) -> None:
        contents = [
            held_content(stored.event.content, self._node.procedure)
            for stored in page
            if isinstance(stored.event, Case.MessageSent | Case.MessageReceived)
        ]
        known = tree.reader(cursor, size) if (size := _mirrored_size(cursor, self._node.network)) else None
        for content in contents:
            if content.sender == self._node.agency:
                cursor.execute(convictions.SQL["name_note"], {"origin": self._origin, "size": content.seen.size})
            elif self._follows:
                self._hear(cursor, content, known)

    def _hear(self, cursor: Cursor, content: Content, known: tlog.TileReader | None) -> None:
        """Note what a partner's content names, unless it is so here."""
        seen, agency = content.seen, content.sender
        if seen.size == 0:
            return
        root = unb64(seen.root, tlog.HASH_SIZE)
        if known is not None and seen.size <= known.size and known.root_at(seen.size) == root:
            end_alarm(cursor, SEEN_UNPROVEN, "", agency, self._node.now())
            return
        if not self._has_ended(cursor, agency, CONVICTED):
            row = {"origin": self._origin, "agency": agency, "size": seen.size, "root": root, "most": CLAIMS}
            cursor.execute(SQL["claim"], row | {"at": seconds(self._node.now())})

    # -- comparing ---------------------------------------------------------------------------------------------------

    def turn(self) -> int:
        """Compare what can be compared now, ask for what was not shown, alarm over what waited too long."""
        if not self._follows:
            return 0
        with self._node.store.reading() as cursor:
            waiting = [View(*row) for row in cursor.execute(SQL["views"], {"origin": self._origin}).fetchall()]
        if not waiting:
            return 0
        now_held = mirrored(self._node.store, self._node.network)
        # What is signed goes first: it may show what an unsigned claim is worth.
        return sum(self._look_at(one, now_held) for one in sorted(waiting, key=lambda one: one.note is None))

    def next_at(self) -> datetime | None:
        """Return when something has waited too long."""
        row = {"patience": PATIENCE // timedelta(seconds=1), "limit": LIMIT // timedelta(seconds=1)}
        with self._node.store.reading() as cursor:
            (at,) = cursor.execute(SQL["next_view_at"], row).fetchone()
        return None if at is None or not self._follows else datetime.fromtimestamp(at, UTC)

    def _look_at(self, view: View, now_held: Held) -> int:
        if view.size > now_held.size:
            return self._wait_for(view)
        with self._node.store.reading() as cursor:
            agrees = tree.reader(cursor, now_held.size).root_at(view.size) == view.root
            found = None if agrees or view.note is None else self._against(cursor, view, view.note, now_held)
        if agrees:
            return self._agree(view)
        return self._wait_for(view) if found is None else self._convict(view, found)

    def _against(self, cursor: Cursor, view: View, note: bytes, now_held: Held) -> tlog.Conviction | None:
        head = tlog.Checkpoint(self._origin, view.size, view.root)
        return convictions.against(cursor, head, note, now_held.size)

    def _agree(self, view: View) -> int:
        """It is so here; what its partner claimed inside it and our log contradicts was never so."""
        with self._node.store.transaction() as cursor:
            cursor.execute(SQL["forget_view"], {"id": view.id})
            end_alarm(cursor, SEEN_UNPROVEN, "", view.agency, self._node.now())
            still = cursor.execute(SQL["withheld"], {"origin": self._origin}).fetchone() is not None
            if view.alarmed_at is not None and not still:
                end_alarm(cursor, LOG_WITHHELD, "", self._origin, self._node.now())
        return 1

    def _convict(self, view: View, found: tlog.Conviction) -> int:
        name = convictions.write(self._folder, found)
        # The file is there. If we stop here the next turn writes it again, and tells a person.
        with self._node.store.transaction() as cursor:
            raise_alarm(cursor, LOG_FORKED, "", self._origin, self._node.now())
            self._end(cursor, view.agency, CONVICTED, name, view)
            cursor.execute(SQL["forget_views"], {"origin": self._origin, "agency": view.agency})
        return 1

    def _wait_for(self, view: View) -> int:
        """Ask for the signature under a claim, each hour; after a day tell a person what has not come."""
        now = self._node.now()
        if view.alarmed_at is None and now >= _moment(view.since) + LIMIT:
            return self._give_up(view)
        heard = view.asked_at if view.asked_at is not None else view.since
        if view.note is not None or view.alarmed_at is not None or self._may_wait(view, heard, now):
            return 0
        with self._node.store.transaction() as cursor:
            show(cursor, self._origin, view.agency, view.size, now)
            cursor.execute(SQL["asked"], {"id": view.id, "at": seconds(now)})
        return 1

    def _may_wait(self, view: View, heard: int, now: datetime) -> bool:
        """A contradiction is asked about at once, growth that we may see in a moment after an hour."""
        contradicts = view.size <= self._node.seen.size
        return not (contradicts and view.asked_at is None) and now < _moment(heard) + PATIENCE

    def _give_up(self, view: View) -> int:
        now, row = self._node.now(), {"origin": self._origin, "agency": view.agency, "size": view.size}
        with self._node.store.transaction() as cursor:
            if cursor.execute(SQL["signed_beyond"], row).fetchone() is not None:
                raise_alarm(cursor, LOG_WITHHELD, "", self._origin, now)
            else:
                raise_alarm(cursor, SEEN_UNPROVEN, "", view.agency, now)
                self._end(cursor, view.agency, UNPROVEN, "", view)
            if view.size > self._node.seen.size:
                cursor.execute(SQL["alarmed"], row | {"id": view.id, "at": seconds(now)})
            else:
                cursor.execute(SQL["forget_view"], {"id": view.id})
        return 1

    def _has_ended(self, cursor: Cursor, agency: str, end: str) -> bool:
        row = {"origin": self._origin, "agency": agency, "end": end}
        return cursor.execute(SQL["ended"], row).fetchone() is not None

    def _end(self, cursor: Cursor, agency: str, end: str, detail: str, view: View) -> None:
        row = {"origin": self._origin, "agency": agency, "end": end, "detail": detail}
        cursor.execute(SQL["end_view"], row | {"size": view.size, "root": view.root, "at": seconds(self._node.now())})


def take(cursor: Cursor, network: Network, agency: str, note: bytes, now: datetime) -> None:
    """Keep a checkpoint that a partner shows, where the log has signed it, and show it ours; one refused is noted."""
    row = {"origin": network.log.origin, "agency": agency}
    try:
        head = tlog.open_checkpoint(note, [tlog.read_key(network.log.key)]).checkpoint
    except Refusal as refused:
        end = {"end": REFUSED, "size": None, "root": None, "detail": refused.detail, "at": seconds(now)}
        cursor.execute(SQL["end_view"], row | end)
        return
    if head.size:
        shown = {"size": head.size, "root": head.root, "note": note, "at": seconds(now)}
        cursor.execute(SQL["show"], row | shown)
    show(cursor, network.log.origin, agency, head.size, now)


def show(cursor: Cursor, origin: str, agency: str, size: int, now: datetime) -> None:
    """Owe a partner our checkpoint of a size, where we have none of it the latest; at most one in ten minutes."""
    if convictions.note_to_show(cursor, origin, size) is None:
        return
    told = cursor.execute(SQL["told"], {"agency": agency}).fetchone()
    if told is not None and _moment(told[1]) <= now < _moment(told[1]) + SHOWN_PAUSE:
        return
    correspondence.owe(cursor, agency, correspondence.LOG_VIEW, [str(size)], now)
    cursor.execute(SQL["tell"], {"agency": agency, "size": size, "at": seconds(now)})


def log_seen(node: Node) -> LogSeen:
    """Return the log as this node sees it."""
    origin, now_held = node.network.log.origin, mirrored(node.store, node.network)
    waiting: list[Any] = []
    ends: list[Any] = []
    note = None
    with node.store.reading() as cursor:
        if cursor.execute(SQL["has_views"]).fetchone()[0] == TABLES:
            waiting = cursor.execute(SQL["views"], {"origin": origin}).fetchall()
            ends = cursor.execute(SQL["ends"], {"origin": origin}).fetchall()
        if cursor.execute(convictions.SQL["has_notes"]).fetchone()[0]:
            note = convictions.note_at(cursor, origin, now_held.size)
    return LogSeen(
        origin=origin,
        size=now_held.size,
        root=b64(now_held.root),
        settled=now_held.settled,
        checkpoint="" if note is None else note.decode(),
        waiting=tuple(View(*row) for row in waiting),
        ends=tuple(_view_end(row) for row in ends),
    )


def _view_end(row: Any) -> ViewEnd:
    agency, end, size, root, detail, at = row
    return ViewEnd(agency, end, size, "" if root is None else b64(root), detail, _moment(at))


def _mirrored_size(cursor: Cursor, network: Network) -> int:
    row = cursor.execute(MIRROR["mirrored"], {"origin": network.log.origin}).fetchone()
    return 0 if row is None else int(row[0])


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)
