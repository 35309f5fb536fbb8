"""The register of what was erased, in a place of its own: a backup that is put back brings nothing of it back.

One file, a line for each erased key, only ever added to; it is kept outside the node's folder and outside its backups.
Rules:
- a line is on the disk before its key is destroyed: a crash between the two is finished when the vault opens next.
- when a vault opens, what the register names and the vault still holds is destroyed before anything else is asked;
  what the vault knows as erased and the register does not is added, so that a lost register grows again.
- each line carries a digest over itself and the line before: one that was changed or taken out is found. A last line
  without its end was torn by a crash before anything was destroyed, and is cut off.
Trust: it holds ids of messages, sections and cases, grounds and times, nothing that opens and nothing personal. Who can
write it can have keys destroyed; who cuts lines off its end can have an old backup bring them back.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from contracts.encoding import b64, blake, compact, parse
from contracts.labels import ERASED
from contracts.refusal import FormatRefused
from referral.vault.errors import EraseRegisterDamaged, EraseRegisterUnwritable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FORMAT: Final = "landfall-erased/1"
SUFFIX: Final = ".erased"
DIGEST_BYTES: Final = 16
_LINE_LIMIT: Final = 4_096
_BEGIN: Final = bytes(DIGEST_BYTES)


class Gone(NamedTuple):
    """An erased key: its kind, its name, when it was erased, and for a whole case who decided it, as JSON."""

    kind: str
    name: str
    at: str
    decided: str = ""


@dataclass(slots=True)
class _Read:
    """How far a file was read, and the digest of the last line."""

    end: int = 0
    digest: bytes = _BEGIN


class EraseRegister:
    """The file at `path`; made with the first erasure."""

    def __init__(self, path: Path) -> None:
        """Read and add to `path`; nothing is touched before the first call."""
        self.path = path
        self._gone: dict[tuple[str, str], Gone] = {}
        self._read = _Read()

    def entries(self) -> list[Gone]:
        """Return everything that was erased, in the order in which it was; `EraseRegisterDamaged`."""
        if self.path.exists():
            with self._locked(os.O_RDONLY) as file:
                self._read_on(file)
        return list(self._gone.values())

    def add(self, gone: Iterable[Gone]) -> None:
        """Write down what is new of `gone`; it is on the disk when this returns. `EraseRegisterUnwritable`."""
        wanted = dict.fromkeys(gone)
        if all((one.kind, one.name) in self._gone for one in wanted) and self.path.exists():
            return
        try:
            with self._locked(os.O_RDWR | os.O_CREAT) as file:
                if not os.fstat(file).st_size:
                    wanted = self._begun_again() | wanted
                self._read_on(file)
                self._append(file, [one for one in wanted if (one.kind, one.name) not in self._gone])
        except OSError:
            raise EraseRegisterUnwritable from None

    def _begun_again(self) -> dict[Gone, None]:
        """Return what a file that is gone held, to be written into a new one."""
        known = dict.fromkeys(self._gone.values())
        self._gone, self._read = {}, _Read()
        return known

    @contextmanager
    def _locked(self, flags: int) -> Iterator[int]:
        made = not self.path.exists()
        file = os.open(self.path, flags | os.O_CLOEXEC, 0o600)
        try:
            # One at a time: the kernel lets go of this lock with the process, however it ends.
            fcntl.flock(file, fcntl.LOCK_EX)
            if made:
                _sync_folder(self.path.parent)
            yield file
        finally:
            os.close(file)

    def _read_on(self, file: int) -> None:
        """Take in the whole lines behind what was read."""
        size = os.fstat(file).st_size
        if size < self._read.end:
            raise EraseRegisterDamaged("It has become shorter.")
        found = os.pread(file, size - self._read.end, self._read.end)
        whole = found[: found.rfind(b"\n") + 1]
        for line in whole.splitlines(keepends=True):
            self._take(line.rstrip(b"\n"))
            self._read.end += len(line)

    def _take(self, line: bytes) -> None:
        if self._read.end == 0:
            if line != FORMAT.encode():
                raise EraseRegisterDamaged("It does not begin as one.")
            return
        text, _, digest = line.rpartition(b" ")
        self._read.digest = blake(ERASED, self._read.digest + text, size=DIGEST_BYTES)
        if digest != b64(self._read.digest).encode():
            raise EraseRegisterDamaged("A line was changed, or one is missing before it.")
        try:
            fields = parse(text, _LINE_LIMIT)
            gone = Gone(fields["kind"], fields["name"], fields["at"], fields.get("decided", ""))
        except (FormatRefused, KeyError):
            raise EraseRegisterDamaged("A line has another form.") from None
        self._gone[gone.kind, gone.name] = gone

    def _append(self, file: int, gone: list[Gone]) -> None:
        """Cut off what a crash has torn, and add the lines at once."""
        lines = [] if self._read.end else [FORMAT.encode()]
        digest = self._read.digest
        for one in gone:
            fields = {"kind": one.kind, "name": one.name, "at": one.at}
            text = compact(fields | ({"decided": one.decided} if one.decided else {}))
            digest = blake(ERASED, digest + text, size=DIGEST_BYTES)
            lines.append(text + b" " + b64(digest).encode())
        os.ftruncate(file, self._read.end)
        _write_all(file, b"".join(line + b"\n" for line in lines), self._read.end)
        os.fsync(file)
        # The lines are on the disk. If we stop here the keys are destroyed when the vault opens next.
        self._read_on(file)


def beside(node: Path) -> Path:
    """Return where the register of a node's folder is unless its settings say another place: beside the folder."""
    whole = node.resolve()
    return whole.with_name(f"{whole.name}{SUFFIX}")


def _write_all(file: int, content: bytes, at: int) -> None:
    while content:
        written = os.pwrite(file, content, at)
        content, at = content[written:], at + written


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)  # without this a power cut can take the name of a file whose lines were written
    finally:
        os.close(opened)
