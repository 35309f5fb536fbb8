"""Where a journey leaves its work: a folder that it makes, or made before and may empty."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from contracts.refusal import Refusal

if TYPE_CHECKING:
    from pathlib import Path

MARK: Final = ".made-by-referral-play"
_SAYS: Final = "This folder was made by `referral demo` or `referral play`, and is emptied by them.\n"


class FolderRefused(Refusal):
    """This folder holds something that no journey made; name another one, or empty it yourself."""

    code = "folder-not-empty"


def take(folder: Path) -> None:
    """Make `folder`, or empty it if a journey made it; `FolderRefused` for any other that is not empty."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise FolderRefused("It is no folder.")
    try:
        if folder.is_dir() and not (folder / MARK).is_file() and any(folder.iterdir()):
            raise FolderRefused
        folder.mkdir(parents=True, exist_ok=True)
        for inside in folder.iterdir():
            if inside.is_dir() and not inside.is_symlink():
                shutil.rmtree(inside)
            else:
                inside.unlink()
        (folder / MARK).write_text(_SAYS, encoding="ascii")
    except OSError:
        raise FolderRefused("It cannot be made or emptied.") from None
