"""Files that are whole or absent: written beside, flushed, then moved into place, with the folder flushed after.

Everything the notary promises rests on these few calls. They assume a file system that keeps what fsync returned for.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

PRIVATE = 0o600
SHARED = 0o644
_BESIDE = ".new"


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
    beside = path.with_name(path.name + _BESIDE)
    with _opened(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode) as descriptor:
        write_all(descriptor, raw)
        os.fsync(descriptor)
    # A crash here leaves a file beside that nobody reads; the next write replaces it.
    beside.replace(path)


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
