"""Files that are whole or absent: written beside, flushed, then moved into place, with the folder flushed after.

Everything the notary promises rests on these few calls. They assume a file system that keeps what fsync returned for.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path

PRIVATE = 0o600
SHARED = 0o644
_BESIDE = ".new"
_TOGETHER = 64  # files that are open at once
_SIDE_BY_SIDE = 16  # flushes that wait at once: a file system writes its own journal once for all of them


def flush_folder(folder: Path) -> None:
    """Make what was created, renamed or removed in a folder survive a power cut."""
    with _opened(folder, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        os.fsync(descriptor)


def make_folder(folder: Path, top: Path) -> None:
    """Make a folder below `top` (which exists) and flush every folder that gained a name by it."""
    if folder == top or folder.is_dir():
        return
    make_folder(folder.parent, top)
    folder.mkdir(exist_ok=True)
    flush_folder(folder.parent)


def write_file(path: Path, raw: bytes, mode: int = SHARED) -> None:
    """Put `raw` at `path` for good: a crash leaves the old file or the new one, and none in between."""
    put_file(path, raw, mode)
    flush_folder(path.parent)


def put_file(path: Path, raw: bytes, mode: int = SHARED) -> None:
    """Put a flushed file at `path`; it stays there for good once the caller has flushed its folder."""
    _put([(path, raw)], mode)


def put_files(files: Iterable[tuple[Path, bytes]]) -> None:
    """Put flushed files in their places, flushing many at once; they stay once the caller has flushed their folders."""
    waiting = list(files)
    for at in range(0, len(waiting), _TOGETHER):
        _put(waiting[at : at + _TOGETHER], SHARED)


def _put(files: list[tuple[Path, bytes]], mode: int) -> None:
    moves = [(path.with_name(path.name + _BESIDE), path) for path, _raw in files]
    with ExitStack() as opened:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        descriptors = [opened.enter_context(_opened(beside, flags, mode)) for beside, _path in moves]
        for descriptor, (_path, raw) in zip(descriptors, files, strict=True):
            write_all(descriptor, raw)
        flush_all(descriptors)
    # A crash here leaves files beside that nobody reads; the next write replaces them.
    for beside, path in moves:
        beside.replace(path)


def flush_all(descriptors: list[int]) -> None:
    """Return when everything written to these is on the disk."""
    if len(descriptors) == 1:
        os.fsync(descriptors[0])
        return
    with ThreadPoolExecutor(min(len(descriptors), _SIDE_BY_SIDE), "flush") as threads:
        list(threads.map(os.fsync, descriptors))


def present(descriptor: int) -> int:
    """Return the present of the file system in nanoseconds, as it is written on what changes now."""
    os.utime(descriptor)
    return os.fstat(descriptor).st_ctime_ns


def write_all(descriptor: int, raw: bytes) -> None:
    """Write every byte, in as many pieces as the system takes."""
    rest = memoryview(raw)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


@contextmanager
def _opened(path: Path, flags: int, mode: int = PRIVATE) -> Generator[int]:
    descriptor = os.open(path, flags | os.O_CLOEXEC, mode)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
