"""The sequencer: entries in, one order for ever, one signed checkpoint for what an interval brought.

Rules (evidence.md 2), for a log without witnesses:

a. bundles and tiles are written and flushed, then read again from disk and the root recomputed, and only then signed;
   nothing is signed before every file has been read once since the log was opened, nor while one that was touched
   since then has not been read again (`rounds`): over a damaged file nothing is signed, and it is named;
b. the head (size, root) moves by compare-and-swap, in one transaction;
c. there is never a second root for a size: what was swapped in is what is signed, also after a crash;
d. at start, head, checkpoint and the edge of the tree are held against each other; entries are taken then, and the
   rest of the files is read in the background;
e. beyond repair a log is retired: it takes and signs nothing more, whoever starts it (`retirement`);
f. nobody is told an index before the entry is on disk under it, and an entry has one index, whenever it comes again.

Order on disk: journal, bundles, tiles, head, checkpoint. One process holds the lock, one thread at a time calls.
The journal is trusted to be complete once flushed; the tiles are not trusted; the key file is the log.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Final

from contracts import tlog
from contracts.refusal import Refusal
from contracts.tlog.merkle import leaf_hashes
from notary import audit, disk
from notary.edge import Edge, read_edge
from notary.errors import IndexDamaged, LogDamaged, LogExists, LogInUse, LogMissing, LogRetired, LogStopped
from notary.index import Head, Index
from notary.journal import Journal
from notary.rounds import Rounds
from notary.tiles import TileFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

MAX_ROUND: Final = 65_536
READ_BEFORE_SERVING: Final = 256  # bundles: logs of up to 65,536 entries are read whole before they are served
READ_AT_ONCE: Final = 32  # bundles that are read in the background between two groups of entries

KEY, CHECKPOINT, INDEX, PENDING, LOCK = "log.key", "checkpoint", "index.sqlite", "pending", "lock"
TILES: Final = "tile"
VKEY: Final = "log.vkey"  # in place of the key, where the log is a copy of another one
RETIRED: Final = "retired"


class Step(StrEnum):
    """Every point at which something has become irreversible; a crash right after each of them is tested."""

    JOURNALLED = "journalled"
    WRITTEN = "written"
    READ_AGAIN = "read again"
    SWAPPED = "swapped"
    PUBLISHED = "published"
    JOURNAL_DROPPED = "journal dropped"
    TIDIED = "tidied"


def go_on(_step: Step) -> None:
    """Do nothing after a step, as ever outside tests."""


@dataclass(slots=True)
class Log:
    """An open log. `head` is decided, `published` is what readers see; `pending` entries follow the head in order."""

    folder: Path
    signer: tlog.NoteSigner
    files: TileFiles
    journal: Journal
    index: Index
    lock: int
    edge: Edge
    head: Head
    published: tlog.Checkpoint
    rounds: Rounds
    pending: dict[bytes, int] = field(default_factory=dict)
    stopped: str | None = None
    retired: bool = False
    after: Callable[[Step], None] = go_on
    _index_read: bool = False

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.signer.key.name

    @property
    def read_whole(self) -> bool:
        """Whether every file has been read since the log was opened: nothing is signed before that."""
        return self.rounds.through and self._index_read

    @property
    def unpublished(self) -> bool:
        """Whether a head is decided that readers do not see yet."""
        return self.published.size != self.head.size

    def close(self) -> None:
        """Let go of the log; everything answered for is on disk already."""
        self.journal.rotate()
        self.index.close()
        os.close(self.lock)

    def accept(self, groups: Sequence[Sequence[bytes]]) -> list[list[int]]:
        """Return the index of every entry of every group, all of them on disk; entries known before keep theirs."""
        self._check_running()
        entries = list(dict.fromkeys(entry for group in groups for entry in group))
        places = {entry: self.pending[entry] for entry in entries if entry in self.pending}
        places |= self.logged([entry for entry in entries if entry not in places])
        fresh = [entry for entry in entries if entry not in places]
        if fresh:
            places |= self._make_durable(fresh)
        return [[places[entry] for entry in group] for group in groups]

    def logged(self, entries: Sequence[bytes]) -> dict[bytes, int]:
        """Return the indices of those of the entries that stand in the log."""
        found = {}
        number, bundle = -1, tuple[bytes, ...]()
        try:
            places = self.index.places(entries)
        except IndexDamaged:
            self.index.rebuild(self.head, _entries(self.files, self.head.size))
            places = self.index.places(entries)
        for place, entry in places:
            if number != place // tlog.TILE_WIDTH:
                number = place // tlog.TILE_WIDTH
                bundle = self._bundle(number)
            if bundle[place % tlog.TILE_WIDTH] == entry:
                found[entry] = place
        return found

    def _bundle(self, number: int) -> tuple[bytes, ...]:
        try:
            return self.files.entries(_there(number, self.head.size))
        except LogDamaged as damaged:
            self.stopped = str(damaged)
            raise

    def _make_durable(self, fresh: Sequence[bytes]) -> dict[bytes, int]:
        start = self.journal.end
        try:
            self.journal.append(fresh)
        except OSError:
            # What of the frame is on disk is unknown, so nothing may follow it: the next start keeps it or cuts it off.
            self.stopped = "the journal cannot be written"
            raise LogStopped("The journal cannot be written.") from None
        # A crash here keeps the entries without an answer; submitted again they have the same index.
        self.after(Step.JOURNALLED)
        placed = {entry: start + offset for offset, entry in enumerate(fresh)}
        self.pending |= placed
        return placed

    def read_on(self, many: int = READ_AT_ONCE) -> bool:
        """Read the next bundles of what was there at the start, the index last; return whether all has been read.

        Raises `LogDamaged` naming the files, and then nothing is ever signed.
        """
        self._check_running()
        with self._stopping():
            self.rounds.go_on(many)
            if self.rounds.through and not self._index_read:
                self._mend_index()
            return self.read_whole

    def look(self) -> None:
        """Read again what was touched and some of the rest, with nothing to sign; raises like `read_on`."""
        self._check_running()
        with self._stopping():
            self._read_again(self.head)

    def _mend_index(self) -> None:
        """Make the index anew where its file has suffered; the bundles, which have all been read, know everything."""
        if not self.index.sound():
            self.index.rebuild(self.head, _entries(self.files, self.head.size))
        self._index_read = True

    def sequence(self) -> bool:
        """Decide on pending entries, sign and publish; return whether there were any. A log with nobody to ask does so.

        Raises `OSError` where the disk failed and a later call goes on, and refusals where the log has stopped.
        """
        before = self.head.size
        if self.unpublished:
            self.publish()
        self.decide()
        if self.unpublished:
            self.publish()
        return self.head.size != before

    def decide(self) -> None:
        """Take pending entries into the tree and move the head; nothing while a head is not published yet.

        Raises like `sequence`.
        """
        self._check_running()
        with self._stopping():
            self._read_rest()
            batch = list(islice(self.pending, MAX_ROUND))
            if batch and not self.unpublished:
                self._decide(batch)

    def _decide(self, batch: Sequence[bytes]) -> None:
        self.journal.rotate()
        edge = self.edge.copy()
        leaves = leaf_hashes(batch)
        written = edge.grow(batch, leaves)
        self.files.write(written)
        # A crash here leaves tiles beyond the head, which nobody is shown. The journal has the same entries in the same
        # order, so the next start writes the same bytes there.
        self.after(Step.WRITTEN)
        new = Head(edge.size, edge.root())
        self._read_again(new)
        self.after(Step.READ_AGAIN)
        self.index.swap(self.head, new, leaves)
        self.head, self.edge = new, edge
        for entry in batch:
            del self.pending[entry]
        # A crash here leaves a head that is decided and not signed: the next start signs just that, and no other root
        # can ever be signed for this size.
        self.after(Step.SWAPPED)

    def _read_again(self, new: Head) -> None:
        """Recompute the root from disk alone, and read again what was touched; or raise `LogDamaged`."""
        fresh = range(self.head.size // tlog.TILE_WIDTH, new.size // tlog.TILE_WIDTH)
        if not all(audit.agrees(self.files, number, new.size) for number in fresh) or not _leads_to(self.files, new):
            # One disagreement does not say which file is wrong; recomputing everything does.
            audit.check(self.files, new.size, new.root)
            raise LogDamaged("A file changed while it was read.")
        self.rounds.look(self.head.size)

    def _read_rest(self) -> None:
        while not self.read_whole:
            self.read_on()

    def publish(self) -> None:
        """Sign the head and show it. Signing again gives the same bytes, so a crash at any point here is repeated.

        Raises like `sequence`.
        """
        self._check_running()
        with self._stopping():
            self._read_rest()
            before = self.published.size
            checkpoint = tlog.Checkpoint(self.origin, self.head.size, self.head.root)
            disk.write_file(self.folder / CHECKPOINT, tlog.sign_checkpoint(checkpoint, self.signer))
            self.published = checkpoint
            # A crash here leaves a published checkpoint and what it made superfluous: old journals and narrower tiles.
            self.after(Step.PUBLISHED)
            self._tidy(before)

    def _tidy(self, before: int) -> None:
        """Remove what the published checkpoint has made superfluous; whatever a crash leaves of it, nobody reads."""
        self.journal.drop(self.published.size)
        self.after(Step.JOURNAL_DROPPED)
        for tile in _outgrown(before, self.published.size):
            self.files.drop_narrower(tile)
        self.after(Step.TIDIED)

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        """Stop the log for good where anything but a failing disk ends the block."""
        try:
            yield
        except OSError:
            # Up to the swap nothing has changed, after it only showing the head is left: both are simply done again.
            raise
        except Exception as error:
            self.stopped = str(error) if isinstance(error, Refusal) else type(error).__name__
            raise

    def _check_running(self) -> None:
        if self.retired:
            raise LogRetired
        if self.stopped is not None:
            raise LogStopped


def make_log(folder: Path, origin: str, seed: bytes, first: Sequence[bytes] = ()) -> tlog.NoteSigner:
    """Make a log in a folder (which may be absent or empty) and sign its empty tree; return its signer.

    The `first` entries wait for the first checkpoint, before all others. Called again after a crash it goes on with the
    key that is there; a finished log is refused with `LogExists`, one that lost its checkpoint with `LogDamaged`.
    """
    if (folder / CHECKPOINT).exists():
        raise LogExists
    _check_never_used(folder)
    signer = tlog.make_signer(origin, seed)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (folder / KEY).exists():
        signer = read_signer(folder)
    else:
        disk.write_file(folder / KEY, f"{signer.secret_text()}\n".encode(), disk.PRIVATE)
    # A crash here leaves a key that nobody has been told of: making the log again goes on with it.
    disk.make_folder(folder / PENDING, folder)
    journal = Journal(folder / PENDING)
    for at in range(0, len(first), MAX_ROUND):
        journal.append(first[at : at + MAX_ROUND])
    journal.rotate()
    # A crash here leaves no checkpoint, so making the log again writes the same journal.
    empty = tlog.Checkpoint(signer.key.name, 0, tlog.EMPTY_ROOT)
    disk.write_file(folder / CHECKPOINT, tlog.sign_checkpoint(empty, signer))
    return signer


def _check_never_used(folder: Path) -> None:
    """A log that has signed something is never begun again under the same key: that would be a fork."""
    if (folder / KEY).exists() and ((folder / TILES).exists() or (folder / INDEX).exists()):
        raise LogDamaged(f"Missing: {CHECKPOINT}. Every reader of the log has it.")


def read_signer(folder: Path) -> tlog.NoteSigner:
    """Return the log's key, or raise `LogMissing`."""
    try:
        return tlog.read_signer((folder / KEY).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LogMissing from None


def read_key(folder: Path) -> tlog.NoteKey:
    """Return the public key of the log, or of the log that is copied here; raises `LogMissing` or `LogDamaged`."""
    if not (folder / VKEY).exists():
        return read_signer(folder).key
    try:
        return tlog.read_key((folder / VKEY).read_text(encoding="utf-8").strip())
    except (tlog.NoteKeyRefused, UnicodeDecodeError):
        raise LogDamaged(f"Damaged: {VKEY}") from None


def read_published(folder: Path, key: tlog.NoteKey) -> tlog.Checkpoint:
    """Return the checkpoint that readers see, its signature verified; or raise `LogMissing` or `LogDamaged`."""
    try:
        return tlog.open_checkpoint((folder / CHECKPOINT).read_bytes(), [key]).checkpoint
    except FileNotFoundError:
        _check_never_used(folder)
        raise LogMissing from None
    except tlog.CheckpointRefused as refused:
        raise LogDamaged(f"Damaged: {CHECKPOINT}. {refused.detail}") from None


def open_log(folder: Path, after: Callable[[Step], None] = go_on) -> Log:
    """Open a log for sequencing: take the lock, and check what the next signature rests on; nothing is signed here.

    What a crash left decided is published by the first `Log.sequence`. A log of some size is read whole later, in the
    background (`Log.read_on`). Raises `LogMissing`, `LogInUse`, or `LogDamaged` naming the files.
    """
    signer = read_signer(folder)
    with ExitStack() as opened:
        lock = take_lock(folder)
        opened.callback(os.close, lock)
        published = read_published(folder, signer.key)
        index = Index(folder / INDEX)
        opened.callback(index.close)
        log = _opened(folder, signer, published, index, lock)
        log.after = after
        if not log.retired:
            log.read_on(READ_BEFORE_SERVING)
        log.files.sweep(log.published.size)
        opened.pop_all()
    return log


def _opened(folder: Path, signer: tlog.NoteSigner, published: tlog.Checkpoint, index: Index, lock: int) -> Log:
    files, journal = TileFiles(folder), Journal(folder / PENDING)
    if (folder / RETIRED).exists():
        shown, rounds = Head(published.size, published.root), Rounds(files, 0, lock)
        return Log(folder, signer, files, journal, index, lock, Edge(), shown, published, rounds, {}, RETIRED, True)
    head = _head(index.head(), published)
    rounds = Rounds(files, head.size, lock)
    edge = _edge(files, head)
    _check_append_only(files, head, published)
    if index.head() != head:
        index.rebuild(head, _entries(files, head.size))
    pending = journal.recover(head.size)
    places = {entry: head.size + offset for offset, entry in enumerate(pending)}
    log = Log(folder, signer, files, journal, index, lock, edge, head, published, rounds, places)
    if len(places) != len(pending) or log.logged(pending):
        raise LogDamaged("An entry stands twice in pending.")
    return log


def _edge(files: TileFiles, head: Head) -> Edge:
    """Return the edge from which the next root is computed, held against the head; or raise `LogDamaged`."""
    if not _leads_to(files, head):
        return audit.check(files, head.size, head.root)
    edge = read_edge(files, head.size)
    return audit.check(files, head.size, head.root) if edge is None else edge


def _leads_to(files: TileFiles, head: Head) -> bool:
    """Return whether the unfinished tiles and bundle, as they are on disk, lead to the head's root."""
    try:
        edge = read_edge(files, head.size)
    except LogDamaged:
        return False
    return edge is not None and edge.root() == head.root


def _head(decided: Head | None, published: tlog.Checkpoint) -> Head:
    """Return the later of what was decided and what was shown: one of them may have been put back from a copy."""
    shown = Head(published.size, published.root)
    if decided is None or decided.size < shown.size:
        return shown
    if decided.size == shown.size and decided.root != shown.root:
        raise LogDamaged(f"Two roots for one size: {INDEX} and {CHECKPOINT} disagree.")
    return decided


def _check_append_only(files: TileFiles, head: Head, published: tlog.Checkpoint) -> None:
    """Never sign what is not an extension of what was shown."""
    try:
        proof = tlog.TileReader(head.size, files.fetch).consistency(published.size)
        tlog.verify_consistency(published.size, published.root, head.size, head.root, proof)
    except (LogDamaged, tlog.TileRefused, tlog.TreeProofRefused):
        audit.check(files, head.size, head.root)
        raise LogDamaged(f"Two histories: {INDEX} does not extend {CHECKPOINT}.") from None


def _entries(files: TileFiles, size: int) -> Iterator[bytes]:
    number = 0
    while tile := tlog.tile_at(None, number, size):
        yield from files.entries(tile)
        number += 1


def _there(number: int, size: int) -> tlog.Tile:
    tile = tlog.tile_at(None, number, size)
    if tile is None:
        raise LogDamaged(f"Damaged: {INDEX} knows entries beyond the end.")
    return tile


def _outgrown(before: int, size: int) -> Iterator[tlog.Tile]:
    """Yield the tiles of `size` that were unfinished `before`, as they are now."""
    for level in (None, *range(tlog.MAX_LEVEL)):
        row = before >> (8 * (level or 0))
        now = tlog.tile_at(level, row // tlog.TILE_WIDTH, size)
        if now is None:
            return
        if row % tlog.TILE_WIDTH:
            yield now


def take_lock(folder: Path) -> int:
    """Return the descriptor of the log's lock file, held until it is closed; or raise `LogInUse`."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, disk.PRIVATE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise LogInUse from None
    return descriptor


def fresh_seed() -> bytes:
    """Return the seed of a new log's key: 32 bytes of the system's randomness."""
    return os.urandom(32)
