"""SQL as it stands in the .sql files: each statement has a name and a sentence, and Python holds none of it.

Form, one statement after another, the sentence required:
    -- name: insert_position
    -- Writes where a follower is.
    INSERT …
"""

from __future__ import annotations

import re
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMED: Final = re.compile(r"^-- name: ([a-z_]+)\n((?:-- .+\n)+)([^;]+;?)\s*$")


def statements(package: str, file: str) -> Mapping[str, str]:
    """Return the statements of `file` in `package` by name; ValueError where one lacks its name or sentence."""
    text = resources.files(package).joinpath(file).read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for part in re.split(r"^(?=-- name: )", text, flags=re.MULTILINE)[1:]:
        match = _NAMED.match(part)
        if match is None or match[1] in found:
            raise ValueError(f"{file}: a statement needs a name of its own and a sentence: {part.splitlines()[0]}")
        found[match[1]] = match[3].strip().rstrip(";")
    return MappingProxyType(found)
