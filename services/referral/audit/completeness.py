"""Holds a node's stored rows against its anchors: nothing added, changed or taken out since, and where it was if so.

For whoever holds a node's folder, or a copy of it: no key, no network, nothing is opened. The chains over the rows are
computed anew from the first one and compared at every anchor; an anchor counts once its proof holds under the policy
that the mirrored log states below it, or else the root file. Each stretch between two anchors is judged by itself, so
that what was done to one is told apart from what was done later. Erasing takes keys and leaves rows: it changes nothing
here.
It cannot see that the newest rows were taken out with the newest anchors; whoever holds a later anchor of the node can.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from contracts import anchors, tlog
from contracts.anchors import AnchorRefused, Chains, Head
from contracts.encoding import b64, instant_text
from contracts.network import read_network
from referral.audit.replay import view_digests
from referral.audit.report import FAILS, HOLDS, MISSING, NOTE, Finding
from referral.following.anchoring import (
    FOLDER,
    anchor_proof_file,
    kept_numbers,
    parts_file,
    read_kept,
    rows_between,
)
from referral.following.mirror import stated
from referral.opening import Settings, read_root
from referral.store.recorder import last_position
from referral.store.sqlite import Database
from referral.store.store import FILE, MARK, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from contracts.network import Network
    from referral.following.anchoring import Kept
    from referral.store import Cursor, Store

Progress = Callable[[str], None]
LOWEST: Final = -(2**63)
SHOWN: Final = 5  # histories that a sentence names


@dataclass(frozen=True, slots=True)
class Proven:
    """An anchor up to which everything holds: its number, the position that it covers, its time, its log index."""

    number: int
    position: int
    at: str
    index: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows that do not lead from one anchor to the next; `after` is 0 before the first, times are those of anchors.

    `cases` are the histories in which they differ: a case, or a log of reads, which has a name of its own. Empty where
    it cannot be told.
    """

    after: int
    anchor: int
    since: str
    until: str
    cases: tuple[str, ...]


@dataclass(slots=True)
class Completeness:
    """What was found; `upto` is None where nothing is anchored and proven, `first` where every stretch holds."""

    agency: str
    network: str
    training: bool
    findings: list[Finding] = field(default_factory=list)
    anchors: int = 0
    proven: int = 0
    rows_after: int = 0
    upto: Proven | None = None
    first: Stretch | None = None

    @property
    def ok(self) -> bool:
        """Say whether every stretch holds, and at least one is proven."""
        return self.upto is not None and all(one.word != FAILS for one in self.findings)

    @property
    def lines(self) -> tuple[str, ...]:
        """Return a line for each finding, and a last one that says it all."""
        if self.upto is None:
            total = "Nothing can be said: no anchor from the beginning on is proven."
        else:
            sure = f"up to position {self.upto.position}, as of {self.upto.at} (anchor {self.upto.number})"
            total = f"Nothing was added, changed or taken out {sure}. {self.rows_after} rows are newer."
            if not self.ok:
                total = f"Something does not hold. What holds: nothing was added, changed or taken out {sure}."
        return (*(one.line() for one in self.findings), total)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON value."""
        upto, first = self.upto, self.first
        return {
            "agency": self.agency,
            "anchors": self.anchors,
            "findings": [one.to_json() for one in self.findings],
            "first_failure": first
            and {
                "after": first.after,
                "anchor": first.anchor,
                "cases": list(first.cases),
                "since": first.since,
                "until": first.until,
            },
            "network": self.network,
            "ok": self.ok,
            "proven": self.proven,
            "rows_after": self.rows_after,
            "training": self.training,
            "upto": upto and {"anchor": upto.number, "at": upto.at, "index": upto.index, "position": upto.position},
        }


def _silent(_doing: str) -> None:
    """Tell nobody."""


def check(folder: Path, network: Path | None = None, progress: Progress = _silent) -> Completeness:
    """Return what holds of the node in `folder`; `network` is a root file that you trust, else the folder's own."""
    root = read_root(folder) if network is None else read_network(network.read_bytes())
    numbers = kept_numbers(folder / FOLDER)  # before the rows: each anchor then has its rows in what is read
    database = Database(folder / FILE, MARK, SCHEMA, (), read_only=True)
    try:
        return _Checking(folder, root, progress).run(database, numbers)
    finally:
        database.close()


class _Checking:
    def __init__(self, folder: Path, root: Network, progress: Progress) -> None:
        self._folder = folder / FOLDER
        self._root = root
        self._policies = root.policies()
        self._progress = progress
        self._found = Completeness(Settings.read(folder).agency, root.name, root.training)
        self._whole = True  # from the first row to where we are

    def run(self, database: Database, numbers: list[int]) -> Completeness:
        found = self._found
        found.anchors = len(numbers)
        kept = list(self._read(numbers))
        with database.reading() as cursor:
            self._policies.take(stated(cursor))
            last = last_position(cursor)
            before: Kept | None = None
            for one in kept:
                self._progress(f"anchor {one.number} of {len(numbers)}")
                self._judge(cursor, before, one)
                before = one
            found.rows_after = last - before.anchor.events.position if before else last
        if before is not None and last == before.anchor.events.position:
            self._lists(database, before)
        if not numbers:
            self._say(MISSING, "anchor", f"{FOLDER}/", "There is no anchor here: nothing shows what was stored when.")
        return found

    def _say(self, word: Any, check_name: str, about: str, sentence: str) -> None:
        self._found.findings.append(Finding(word, check_name, about, sentence))

    # -- anchors -----------------------------------------------------------------------------------------------------

    def _read(self, numbers: list[int]) -> Iterator[Kept]:
        """Yield the anchors that are of their form, of this agency, and each named by the next."""
        gone = sorted(set(range(1, (numbers or [0])[-1])) - set(numbers))
        for number in gone:
            self._say(FAILS, "anchor", f"anchor {number}", "It is not here, and a later one is.")
        before: Kept | None = None
        for number in numbers:
            try:
                one = read_kept(self._folder, number)
            except (AnchorRefused, OSError):
                self._say(FAILS, "anchor", f"anchor {number}", "It is not of its form.")
                continue
            if (one.anchor.agency, one.anchor.network, one.anchor.number) != (
                self._found.agency,
                self._root.name,
                number,
            ):
                self._say(FAILS, "anchor", f"anchor {number}", "It is of another agency, network or number.")
                continue
            if before is not None and before.number == number - 1:
                named = b64(anchors.anchor_hash(before.raw))
                if one.anchor.previous != named:
                    sentence = "It is not the one that the next anchor names."
                    self._say(FAILS, "anchor", f"anchor {before.number}", sentence)
            yield one
            before = one

    def _proof(self, one: Kept) -> tlog.Logged | None:
        """Return what the notary's proof says of an anchor, None where there is none or it does not hold."""
        about = _about(one)
        target = anchor_proof_file(self._folder, one.number)
        if not target.is_file():
            self._say(MISSING, "log", about, "It has no proof of the notary, and shows nothing by itself.")
            return None
        try:
            logged = tlog.verify_at(target.read_bytes(), anchors.anchor_entry(one.raw), self._policies.policies.at)
        except tlog.LogProofRefused as refused:
            self._say(FAILS, "log", about, str(refused))
            return None
        if logged.origin != self._root.log.origin:
            self._say(FAILS, "log", about, "It is in another log than that of the root file.")
            return None
        self._found.proven += 1
        return logged

    # -- rows --------------------------------------------------------------------------------------------------------

    def _judge(self, cursor: Cursor, before: Kept | None, one: Kept) -> None:
        """Hold the rows of one stretch against the anchor at its end."""
        logged = self._proof(one)
        anchor, start = one.anchor, before.anchor if before else None
        if start is not None and start.events.position > anchor.events.position:
            sentence = (
                f"It covers less than the one before: the store was put back to an older one after {_at(before)}."
            )
            self._fail("events", before, one, sentence, ())
            start = None
        chains = Chains(start.events, start.reads) if start else Chains(Head(), Head())
        streams = self._grow(cursor, chains, anchor.events.position)
        wrong = {"events": chains.events != anchor.events, "reads": chains.reads != anchor.reads}
        if any(wrong.values()):
            cases = self._search(one, chains)
            for name, differs in wrong.items():
                if differs:
                    self._fail(name, before, one, _sentence(name, before, one, cases, streams), cases)
            return
        whole = "and all before it " if self._whole else ""
        sentence = f"Its rows {whole}are as they were then, up to position {anchor.events.position}."
        if logged is not None:
            self._say(HOLDS, "events", _about(one), f"{sentence} It is {logged.word}: entry {logged.index}.")
        if logged is not None and self._whole:
            self._found.upto = Proven(one.number, anchor.events.position, instant_text(anchor.made_at), logged.index)

    def _grow(self, cursor: Cursor, chains: Chains, upto: int) -> set[str]:
        """Take the rows up to a position; return which histories among them are logs of reads."""
        streams = set[str]()
        after = chains.events.position or LOWEST  # what was put in front of the first row is read too
        while rows := rows_between(cursor, after, upto):
            for row in rows:
                chains.add(row)
                if row.is_read:
                    streams.add(b64(row.originator))
            after = rows[-1].position
            self._progress(f"row {after}")
        return streams

    def _search(self, one: Kept, chains: Chains) -> tuple[str, ...]:
        """Return the histories whose rows of this stretch differ; none where the anchor's parts are not here."""
        try:
            raw = parts_file(self._folder, one.number).read_bytes()
            if anchors.parts_hash(raw) != one.anchor.parts:
                return ()
            parts = anchors.read_parts(raw)
        except (OSError, AnchorRefused):
            return ()
        return tuple(sorted(name for name in parts | chains.parts if parts.get(name) != chains.parts.get(name)))

    def _fail(self, name: str, before: Kept | None, one: Kept, sentence: str, cases: tuple[str, ...]) -> None:
        self._whole = False
        self._say(FAILS, name, _about(one), sentence)
        if self._found.first is None:
            since = instant_text(before.anchor.made_at) if before else ""
            after = before.number if before else 0
            until = instant_text(one.anchor.made_at)
            self._found.first = Stretch(after, one.number, since, until, cases)

    # -- lists -------------------------------------------------------------------------------------------------------

    def _lists(self, database: Database, last: Kept) -> None:
        """Compare the lists where nothing was stored since: they follow from rows, and a difference is no failure."""
        now = view_digests(cast("Store", database))  # it has what is asked of a store: a reading cursor
        differing = sorted(name for name, digest in last.anchor.views.items() if now.get(name) != digest)
        if differing:
            names = ", ".join(differing)
            sentence = (
                f"They say something else than at the anchor: {names}. Another release may have built them anew, or "
                "somebody changed them; `referral replay` says whether they follow from the rows, which decide."
            )
            self._say(NOTE, "lists", _about(last), sentence)
        else:
            self._say(HOLDS, "lists", _about(last), "They say what they said at the anchor.")


def _at(one: Kept | None) -> str:
    return instant_text(one.anchor.made_at) if one else "the beginning"


def _about(one: Kept) -> str:
    return f"anchor {one.number}, {instant_text(one.anchor.made_at)}"


def _sentence(name: str, before: Kept | None, one: Kept, cases: tuple[str, ...], streams: set[str]) -> str:
    """Say between which anchors rows are not as they were, and where, as far as it can be told."""
    what = "The log of reads is" if name == "reads" else "Rows are"
    since = f"anchor {before.number} ({_at(before)})" if before else "the beginning"
    where = [f"log of reads {case}" if case in streams else f"case {case}" for case in cases[:SHOWN]]
    more = f" and {len(cases) - SHOWN} more" if len(cases) > SHOWN else ""
    named = f" In: {', '.join(where)}{more}." if where else ""
    return f"{what} not as stored between {since} and anchor {one.number} ({_at(one)}).{named}"
