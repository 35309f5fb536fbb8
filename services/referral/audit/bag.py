"""A folder as a BagIt bag (RFC 8493): every file listed with its SHA-256, written whole or not at all, read strictly.

Rules of the form that this product writes, and alone reads:
- four tag files (`bagit.txt`, `bag-info.txt`, `manifest-sha256.txt`, `tagmanifest-sha256.txt`), payload below `data/`;
- both manifests list every file once, sorted, in lower-case hex: one flipped byte anywhere shows, in a manifest too;
- names are plain words; a link, a pipe, a file that nobody lists or a name that leads elsewhere is never opened.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from contracts.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

BAGIT: Final = "bagit.txt"
INFO: Final = "bag-info.txt"
MANIFEST: Final = "manifest-sha256.txt"
TAG_MANIFEST: Final = "tagmanifest-sha256.txt"
PAYLOAD: Final = "data"
FOLDER: Final = "the folder"  # how a fault names the bag itself
DECLARATION: Final = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
TAGS: Final = (INFO, BAGIT, MANIFEST)
MAX_FILE: Final = 16 * 1024 * 1024
MAX_FILES: Final = 100_000
MAX_BYTES: Final = 512 * 1024 * 1024
MAX_DEPTH: Final = 8

_PATH: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}(?:/[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}){0,7}")
_LINE: Final = re.compile(rb"([0-9a-f]{64})  ([\x21-\x7e]{1,1024})")


class FolderTaken(Refusal):
    """There is something in that folder already; name another one, or empty it."""

    code = "folder-taken"


class FolderNotWritten(Refusal):
    """The folder could not be written; make room on the disk, or name a folder that you may write."""

    code = "folder-not-written"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the form: the file (its path in the bag, or a word for it) and a sentence."""

    path: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Bag:
    """A bag as found: the payload files that are as listed (by path, `data/` included), tag files, and the faults."""

    payload: Mapping[str, bytes]
    info: bytes
    faults: tuple[Fault, ...]


def info_lines(fields: Mapping[str, str], payload: Mapping[str, bytes]) -> bytes:
    """Return `bag-info.txt`: the fields in their order, and what the payload weighs (bytes.files)."""
    weight = f"{sum(map(len, payload.values()))}.{len(payload)}"
    return "".join(f"{name}: {value}\n" for name, value in {**fields, "Payload-Oxum": weight}.items()).encode()


def write_bag(folder: Path, payload: Mapping[str, bytes], fields: Mapping[str, str]) -> None:
    """Write a bag to `folder`, which may be there if it is empty; `FolderTaken`, `FolderNotWritten`.

    `payload` maps paths below `data/` (with it) to bytes. The files belong to their owner alone (0600).
    """
    files = {**payload, BAGIT: DECLARATION, INFO: info_lines(fields, payload), MANIFEST: _manifest(payload)}
    files[TAG_MANIFEST] = _manifest({name: files[name] for name in TAGS})
    try:
        if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
            raise FolderTaken
        folder.parent.mkdir(parents=True, exist_ok=True)
        passing = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            _fill(passing, files)
            # Everything is on the disk under another name. If we stop here a hidden folder is left and no bundle.
            passing.rename(folder)
        except BaseException:
            shutil.rmtree(passing, ignore_errors=True)
            raise
        _sync(folder.parent)
    except OSError as error:
        raise FolderNotWritten(f"{os.strerror(error.errno)}." if error.errno else "") from None


def _fill(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write every file, then bring all of them and their names to the disk: together that is few flushes."""
    for path, raw in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(raw)
    for path in files:
        _sync(folder / path)
    for parent in {one for path in files for one in (folder / path).parents if one.is_relative_to(folder)}:
        _sync(parent)


def _sync(path: Path) -> None:
    """Bring a file, or the names of a folder, to the disk."""
    opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _manifest(files: Mapping[str, bytes]) -> bytes:
    return b"".join(f"{_digest(files[path])}  {path}\n".encode() for path in sorted(files))


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def read_bag(folder: Path) -> Bag:
    """Return what is in `folder` and everything that is wrong with its form; whatever it holds, nothing is raised."""
    files, faults = _read_files(folder)
    if not files:
        return Bag({}, b"", tuple(faults) or (Fault(FOLDER, "There is no bundle in it."),))
    if files.get(BAGIT, DECLARATION) != DECLARATION:
        faults.append(Fault(BAGIT, "It does not declare BagIt 1.0 in UTF-8 as this product writes it."))
    faults += [Fault(name, "It is not here.") for name in (*TAGS, TAG_MANIFEST) if name not in files]
    tags, more = _read_manifest(files, TAG_MANIFEST)
    faults += more
    if tags is not None:
        faults += _compare(tags, {name: files[name] for name in TAGS if name in files}, TAG_MANIFEST)
    listed, more = _read_manifest(files, MANIFEST)
    faults += more
    payload = {path: raw for path, raw in files.items() if path.startswith(f"{PAYLOAD}/")}
    others = sorted(files.keys() - payload.keys() - {*TAGS, TAG_MANIFEST})
    faults += [Fault(path, "It is no part of a bag.") for path in others]
    if listed is not None:
        faults += _compare(listed, payload, MANIFEST)
    good = {path: raw for path, raw in payload.items() if listed is not None and listed.get(path) == _digest(raw)}
    return Bag(good, files.get(INFO, b""), tuple(faults))


def _compare(listed: Mapping[str, str], found: Mapping[str, bytes], manifest: str) -> Iterator[Fault]:
    """Hold files against a manifest, in the order of their paths."""
    for path in sorted(listed.keys() | found.keys()):
        if path not in found:
            yield Fault(path, f"{manifest} lists it, and it is not here.")
        elif path not in listed:
            yield Fault(path, f"It is here, and {manifest} does not list it.")
        elif listed[path] != _digest(found[path]):
            yield Fault(path, f"Its bytes are not those that {manifest} lists: one of the two was changed.")


def _read_manifest(files: Mapping[str, bytes], name: str) -> tuple[dict[str, str] | None, list[Fault]]:
    """Return the digests that a manifest lists by path, or None with what is wrong with it."""
    raw = files.get(name)
    if raw is None:
        return None, []
    found: dict[str, str] = {}
    for line in raw.removesuffix(b"\n").split(b"\n") if raw else ():
        match = _LINE.fullmatch(line)
        path = match[2].decode() if match else ""
        if match is None or not _PATH.fullmatch(path):
            return None, [Fault(name, "A line of it is not a digest, two spaces and a plain path.")]
        found[path] = match[1].decode()
    if raw != b"".join(f"{found[path]}  {path}\n".encode() for path in sorted(found)):
        return None, [Fault(name, "Its lines are not sorted, each path once, each line ended.")]
    return found, []


def _read_files(folder: Path) -> tuple[dict[str, bytes], list[Fault]]:
    """Return every plain file below `folder` by its path, and a fault for everything else that is there."""
    files: dict[str, bytes] = {}
    faults: list[Fault] = []
    total = 0
    for path, entry in _walk(folder, "", faults):
        raw = _read(entry)
        total += len(raw or b"")
        if len(files) >= MAX_FILES or total > MAX_BYTES:
            faults.append(Fault(FOLDER, f"It holds more than {MAX_FILES} files or {MAX_BYTES} bytes."))
            break
        if raw is None:
            faults.append(Fault(path, f"It cannot be read, or has more than {MAX_FILE} bytes."))
        else:
            files[path] = raw
    return files, faults


def _walk(folder: Path, prefix: str, faults: list[Fault]) -> Iterator[tuple[str, Path]]:
    """Yield (path, file) of plain files in order; follow nothing, and note what is no file."""
    try:
        entries: Iterable[os.DirEntry[str]] = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        faults.append(Fault(prefix.rstrip("/") or FOLDER, "It cannot be listed."))
        return
    empty = True
    for entry in entries:
        empty = False
        path = prefix + entry.name
        if not _PATH.fullmatch(path) or path.count("/") >= MAX_DEPTH:
            faults.append(Fault(f"something in {prefix or FOLDER}", "Its name is none that a bundle gives."))
        elif entry.is_symlink():
            faults.append(Fault(path, "It is a link: a bundle holds what it says, not where to find it."))
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), f"{path}/", faults)
        elif entry.is_file(follow_symlinks=False):
            yield path, Path(entry.path)
        else:
            faults.append(Fault(path, "It is neither a file nor a folder."))
    if empty and prefix:
        faults.append(Fault(prefix.rstrip("/"), "It is an empty folder, which no bundle has."))


def _read(path: Path) -> bytes | None:
    """Return a plain file's bytes, at most 16 MiB; None where that cannot be."""
    try:
        # It was a plain file a moment ago; whoever swaps it for a link or a pipe since then gets nothing read.
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(opened, "rb") as file:
            about = os.fstat(file.fileno())
            return file.read() if stat.S_ISREG(about.st_mode) and about.st_size <= MAX_FILE else None
    except OSError:
        return None
