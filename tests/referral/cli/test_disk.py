from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cli_shell import Shell

SENTENCE = (
    "A file or a folder cannot be read or written; look at room and errors on the disk, and at who may write there."
)


@pytest.mark.parametrize(
    ("file", "command"),
    [("writer.lock", ("case", "open")), ("writer.lock", ("up", "--bind", "127.0.0.1:0"))],
)
def test_a_file_that_cannot_be_used_is_told_as_the_disk_and_not_by_its_name(
    two: Shell, file: str, command: tuple[str, ...]
) -> None:
    (two.folder / "be-fp" / file).unlink()
    (two.folder / "be-fp" / file).mkdir()
    ran = two(*command, "--node", "be-fp", "--json")

    assert ran.code == 1
    assert ran.json() == {"error": "disk", "detail": f"{SENTENCE} Is a directory."}
    assert ran.err == f"referral: {SENTENCE} Is a directory. [disk]\n"
