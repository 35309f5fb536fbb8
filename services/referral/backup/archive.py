"""What stands in a backup: a tar (POSIX pax) in a sealed stream, `manifest.json` first, then each file that it names.

The manifest names agency, network, time, the last position of the events and size and digest of every file; who reads a
backup takes nothing that it does not name and nothing that lies outside the folder. One reader serves to verify and to
put back: to verify is to read to the end and keep nothing.
"""

from __future__ import annotations

import re
import tarfile
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from contracts.encoding import b64, compact, instant, instant_text, parse
from contracts.labels import BACKUP_FILE
from contracts.refusal import FormatRefused
from referral.backup.errors import BackupRefused
from referral.vault.errors import StreamRefused
from referral.vault.sealed_stream import OpeningFile, SealingFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path
    from typing import BinaryIO

    Progress = Callable[[str], None]
    Keep = Callable[[str, Iterator[bytes]], None]

FORMAT: Final = "landfall-backup/1"
MANIFEST: Final = "manifest.json"
MANIFEST_LIMIT: Final = 64 * 1024 * 1024
CHUNK: Final = 1024 * 1024
NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}(/[A-Za-z0-9_.-]{1,128}){0,2}")


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a backup: its name below the node's folder, its size, its digest (43 characters)."""

    name: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself; `position` is that of its newest event, `erased` where the register was then."""

    agency: str
    network: str
    made_at: datetime
    release: str
    position: int
    erased: str
    parts: tuple[Part, ...]

    def write(self) -> bytes:
        """Return it as JSON."""
        fields = asdict(self) | {"format": FORMAT, "made_at": instant_text(self.made_at)}
        return compact(fields | {"parts": [asdict(one) for one in self.parts]})

    @classmethod
    def of(cls, raw: bytes) -> Manifest:
        """Return what `write` wrote, or raise `BackupRefused`."""
        try:
            fields: dict[str, Any] = parse(raw, MANIFEST_LIMIT)
            if fields["format"] != FORMAT:
                raise BackupRefused("Another release made it: put it back with that one.")
            texts = {name: _text(fields[name]) for name in ("agency", "network", "release", "erased")}
            parts = tuple(_part(one) for one in fields["parts"])
            found = cls(**texts, made_at=instant(fields["made_at"]), position=int(fields["position"]), parts=parts)
        except (FormatRefused, KeyError, TypeError, ValueError, AttributeError):
            raise BackupRefused("What it says of itself has another form.") from None
        if len({one.name for one in parts}) != len(parts):
            raise BackupRefused("It names a file twice.")
        return found


def _part(value: Any) -> Part:
    name, size, digest = value["name"], value["size"], value["digest"]
    inside = isinstance(name, str) and NAME.fullmatch(name) and ".." not in PurePosixPath(name).parts
    if not inside or type(size) is not int or size < 0 or not isinstance(digest, str):
        raise BackupRefused("It names a file that no node has.")
    return Part(name, size, digest)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def part_of(folder: Path, name: str) -> Part:
    """Return a file of a folder as the manifest names it."""
    size, digest = 0, _digest()
    with (folder / name).open("rb") as file:
        while content := file.read(CHUNK):
            size += len(content)
            digest.update(content)
    return Part(name, size, b64(digest.digest()))


def write(file: BinaryIO, public: bytes, manifest: Manifest, places: Sequence[tuple[Path, str]]) -> None:
    """Write a backup of the files that `manifest` names, each (folder, name) of `places`, sealed for `public`."""
    sealing: Any = SealingFile(file, public)
    with tarfile.open(fileobj=sealing, mode="w|", format=tarfile.PAX_FORMAT, bufsize=CHUNK) as tar:
        raw = manifest.write()
        tar.addfile(_member(MANIFEST, len(raw)), _Bytes(raw))
        for (folder, name), part in zip(places, manifest.parts, strict=True):
            with (folder / name).open("rb") as content:
                tar.addfile(_member(name, part.size), content)
    sealing.finish()


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


class _Bytes:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, size: int = -1) -> bytes:
        """Return the next `size` bytes."""
        found = self._content if size < 0 else self._content[:size]
        self._content = self._content[len(found) :]
        return found


def read(file: BinaryIO, secret: bytes, keep: Keep, progress: Progress) -> Manifest:
    """Read a backup to its end, giving each file to `keep`; `BackupRefused` if anything is not as it was written.

    What was kept by then counts for nothing where it is refused.
    """
    try:
        opening: Any = OpeningFile(file, secret)
        with tarfile.open(fileobj=opening, mode="r|", bufsize=CHUNK) as tar:
            manifest = _manifest(tar)
            _read_parts(tar, manifest, keep, progress)
        opening.check_end()
    except StreamRefused as refused:
        raise BackupRefused(refused.detail) from None
    except (tarfile.TarError, EOFError):
        raise BackupRefused("It was cut or changed.") from None
    return manifest


def _manifest(tar: tarfile.TarFile) -> Manifest:
    first = tar.next()
    content = tar.extractfile(first) if first is not None and first.isreg() else None
    if first is None or content is None or first.name != MANIFEST or first.size > MANIFEST_LIMIT:
        raise BackupRefused("It does not begin with what it says of itself.")
    return Manifest.of(content.read())


def _read_parts(tar: tarfile.TarFile, manifest: Manifest, keep: Keep, progress: Progress) -> None:
    for number, part in enumerate(manifest.parts, start=1):
        progress(f"file {number} of {len(manifest.parts)}")
        member = tar.next()
        content = tar.extractfile(member) if member is not None and member.isreg() else None
        if member is None or content is None or (member.name, member.size) != (part.name, part.size):
            raise BackupRefused("It holds other files than it says.")
        digest = _digest()
        keep(part.name, _passing(content, digest))
        if b64(digest.digest()) != part.digest:
            raise BackupRefused("A file in it is not what it says.")
    if tar.next() is not None:
        raise BackupRefused("It holds more files than it says.")


def _passing(content: Any, digest: blake2b) -> Iterator[bytes]:
    while chunk := content.read(CHUNK):
        digest.update(chunk)
        yield chunk


def _digest() -> blake2b:
    return blake2b(digest_size=32, person=BACKUP_FILE)
