"""The sequencer: entries in, one order for ever, one signed checkpoint for what an interval brought.

Rules (evidence.md 2), for a log without witnesses:

a. bundles and tiles are written and flushed, then read again from disk and the root recomputed, and only then signed;
b. the head (size, root) moves by compare-and-swap, in one transaction;
c. there is never a second root for a size: what was swapped in is what is signed, also after a crash;
d. at start the whole log is recomputed and held against head and checkpoint: over a damaged or rolled back file nothing
   is signed; while it runs, old tiles are checked again in turn, some with each checkpoint;
e. nobody is told an index before the entry is on disk under it, and an entry has one index, whenever it comes again.

Order on disk: journal, bundles, tiles, head, checkpoint. One process holds the lock, one thread at a time calls.
The journal is trusted to be complete once flushed; the tiles are not trusted; the key file is the log.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Final

from contracts import tlog
from contracts.refusal import Refusal
from notary import audit, disk
from notary.errors import LogDamaged, LogExists, LogInUse, LogMissing, LogStopped
from notary.index import Head, Index
from notary.journal import Journal
from notary.tiles import TileFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from notary.edge import Edge

MAX_ROUND: Final = 65_536
CHECKED_EACH_ROUND: Final = 8

KEY, CHECKPOINT, INDEX, PENDING, LOCK = "log.key", "checkpoint", "index.sqlite", "pending", "lock"


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
    pending: dict[bytes, int] = field(default_factory=dict)
    stopped: str | None = None
    after: Callable[[Step], None] = go_on
    _checked: int = 0

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.signer.key.name

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
        places |= self.index.places([entry for entry in entries if entry not in places])
        fresh = [entry for entry in entries if entry not in places]
        if fresh:
            places |= self._make_durable(fresh)
        return [[places[entry] for entry in group] for group in groups]

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

    def sequence(self) -> bool:
        """Take pending entries into the tree and publish a checkpoint; return whether there were any.

        Raises `OSError` where the disk failed and a later call goes on, and refusals where the log has stopped.
        """
        self._check_running()
        try:
            return self._sequence()
        except OSError:
            # Up to the swap nothing has changed, after it only showing the head is left: both are simply done again.
            raise
        except Exception as error:
            self.stopped = str(error) if isinstance(error, Refusal) else type(error).__name__
            raise

    def _sequence(self) -> bool:
        if self.published.size != self.head.size:
            self.publish()
        batch = list(islice(self.pending, MAX_ROUND))
        if not batch:
            return False
        self.journal.rotate()
        edge = self.edge.copy()
        written = edge.grow(batch)
        self.files.write(written)
        # A crash here leaves tiles beyond the head, which nobody is shown. The journal has the same entries in the same
        # order, so the next start writes the same bytes there.
        self.after(Step.WRITTEN)
        new = Head(edge.size, edge.root())
        self._read_again([tile for tile, _raw in written], new)
        self.after(Step.READ_AGAIN)
        self.index.swap(self.head, new, batch)
        self.head, self.edge = new, edge
        for entry in batch:
            del self.pending[entry]
        # A crash here leaves a head that is decided and not signed: the next start signs just that, and no other root
        # can ever be signed for this size.
        self.after(Step.SWAPPED)
        self.publish()
        self._tidy([tile for tile, _raw in written])
        return True

    def _read_again(self, written: Sequence[tlog.Tile], new: Head) -> None:
        """Recompute the root from disk alone, and check some of the old tiles in their turn; or raise `LogDamaged`."""
        try:
            for tile in (*written, *self._next_old_tiles()):
                audit.check_tile(self.files, tile, new.size)
            root = tlog.TileReader(new.size, self.files.fetch).root()
        except LogDamaged:
            root = b""
        if root != new.root:
            # One disagreement does not say which file is wrong; recomputing everything does.
            audit.check(self.files, new.size, new.root)
            raise LogDamaged("A file changed while it was read.")

    def _next_old_tiles(self) -> Iterator[tlog.Tile]:
        """Yield the bundles and full tiles whose turn it is; a bundle brings its leaf tile with it."""
        bundles = self.head.size // tlog.TILE_WIDTH
        for _turn in range(min(CHECKED_EACH_ROUND, bundles)):
            number = self._checked % bundles
            self._checked = number + 1
            yield tlog.Tile(None, number)
            for level in range(tlog.MAX_LEVEL):
                row, rest = divmod(number, tlog.TILE_WIDTH**level)
                if rest or tlog.tile_at(level, row, self.head.size) != tlog.Tile(level, row):
                    break
                yield tlog.Tile(level, row)

    def publish(self) -> None:
        """Sign the head and show it. Signing again gives the same bytes, so a crash at any point here is repeated."""
        checkpoint = tlog.Checkpoint(self.origin, self.head.size, self.head.root)
        disk.write_file(self.folder / CHECKPOINT, tlog.sign_checkpoint(checkpoint, self.signer))
        self.published = checkpoint
        # A crash here leaves a published checkpoint and what it made superfluous: old journals and narrower tiles.
        self.after(Step.PUBLISHED)

    def _tidy(self, written: Sequence[tlog.Tile]) -> None:
        """Remove what the published checkpoint has made superfluous; whatever a crash leaves of it, nobody reads."""
        self.journal.drop(self.published.size)
        self.after(Step.JOURNAL_DROPPED)
        for tile in written:
            self.files.drop_narrower(tile)
        self.after(Step.TIDIED)

    def _check_running(self) -> None:
        if self.stopped is not None:
            raise LogStopped


def make_log(folder: Path, origin: str, seed: bytes) -> tlog.NoteSigner:
    """Make a log of no entries in a folder (which may be absent or empty) and sign its empty tree; return its signer.

    Called again after a crash it goes on with the key that is there; a finished log is refused with `LogExists`.
    """
    if (folder / CHECKPOINT).exists():
        raise LogExists
    signer = tlog.make_signer(origin, seed)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (folder / KEY).exists():
        signer = read_signer(folder)
    else:
        disk.write_file(folder / KEY, f"{signer.secret_text()}\n".encode(), disk.PRIVATE)
    # A crash here leaves a key that nobody has been told of: making the log again goes on with it.
    disk.make_folder(folder / PENDING, folder)
    empty = tlog.Checkpoint(signer.key.name, 0, tlog.EMPTY_ROOT)
    disk.write_file(folder / CHECKPOINT, tlog.sign_checkpoint(empty, signer))
    return signer


def read_signer(folder: Path) -> tlog.NoteSigner:
    """Return the log's key, or raise `LogMissing`."""
    try:
        return tlog.read_signer((folder / KEY).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LogMissing from None


def read_published(folder: Path, key: tlog.NoteKey) -> tlog.Checkpoint:
    """Return the checkpoint that readers see, its signature verified; or raise `LogMissing` or `LogDamaged`."""
    try:
        return tlog.open_checkpoint((folder / CHECKPOINT).read_bytes(), [key]).checkpoint
    except FileNotFoundError:
        raise LogMissing from None
    except tlog.CheckpointRefused as refused:
        raise LogDamaged(f"Damaged: {CHECKPOINT}. {refused.detail}") from None


def open_log(folder: Path, after: Callable[[Step], None] = go_on) -> Log:
    """Open a log for sequencing: take the lock, recompute everything, and finish what a crash left half done.

    Raises `LogMissing`, `LogInUse`, or `LogDamaged` naming the files.
    """
    signer = read_signer(folder)
    with ExitStack() as opened:
        lock = take_lock(folder)
        opened.callback(os.close, lock)
        index = Index(folder / INDEX)
        opened.callback(index.close)
        log = _opened(folder, signer, index, lock)
        log.after = after
        if log.published.size != log.head.size:
            log.publish()
        log.files.sweep(log.published.size)
        opened.pop_all()
    return log


def _opened(folder: Path, signer: tlog.NoteSigner, index: Index, lock: int) -> Log:
    published = read_published(folder, signer.key)
    files, journal = TileFiles(folder), Journal(folder / PENDING)
    head = _head(index.head(), published)
    edge = audit.check(files, head.size, head.root)
    _check_append_only(files, head, published)
    if index.head() != head or index.count() != head.size:
        index.rebuild(head, _bundles(files, head.size))
    pending = journal.recover(head.size)
    places = {entry: head.size + offset for offset, entry in enumerate(pending)}
    if len(places) != len(pending) or index.places(pending):
        raise LogDamaged("An entry stands twice in pending.")
    return Log(folder, signer, files, journal, index, lock, edge, head, published, places)


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
    proof = tlog.TileReader(head.size, files.fetch).consistency(published.size)
    try:
        tlog.verify_consistency(published.size, published.root, head.size, head.root, proof)
    except tlog.TreeProofRefused:
        raise LogDamaged(f"Two histories: {INDEX} does not extend {CHECKPOINT}.") from None


def _bundles(files: TileFiles, size: int) -> Iterator[tuple[int, tuple[bytes, ...]]]:
    number = 0
    while tile := tlog.tile_at(None, number, size):
        yield number * tlog.TILE_WIDTH, files.entries(tile)
        number += 1


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
