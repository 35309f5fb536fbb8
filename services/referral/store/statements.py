"""SQL as it stands in the .sql files: each statement has a name and a sentence, and Python holds none of it.

Form, one statement after another, the sentence required:
    -- name: insert_position
    -- Writes where a follower is.
    INSERT …
The files are written for SQLite, in words that PostgreSQL has too. What has to be said otherwise there stands under the
same name in a second file beside it: `exchange.sql`, `exchange.postgres.sql`.
"""

from __future__ import annotations

import re
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMED: Final = re.compile(r"^-- name: ([a-z_]+)\n((?:-- .+\n)+)([^;]+;?)\s*$")


class Statement(str):
    """One statement for SQLite; `postgres` is what PostgreSQL is told instead, None where it is told the same."""

    __slots__ = ("postgres",)

    postgres: str | None

    def __new__(cls, text: str, postgres: str | None = None) -> Self:
        """Take both texts."""
        made = super().__new__(cls, text)
        made.postgres = postgres
        return made


def statements(package: str, file: str) -> Mapping[str, Statement]:
    """Return the statements of `file` in `package` by name; ValueError where one lacks its name or sentence."""
    here = resources.files(package)
    found = {name: Statement(text) for name, text in _named(file, here.joinpath(file).read_text("utf-8")).items()}
    second = f"{file.removesuffix('.sql')}.postgres.sql"
    if here.joinpath(second).is_file():
        for name, text in _named(second, here.joinpath(second).read_text("utf-8")).items():
            if name not in found:
                raise ValueError(f"{second}: there is no statement of this name beside it: {name}")
            found[name] = Statement(found[name], text)
    return MappingProxyType(found)


def _named(file: str, text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in re.split(r"^(?=-- name: )", text, flags=re.MULTILINE)[1:]:
        match = _NAMED.match(part)
        if match is None or match[1] in found:
            raise ValueError(f"{file}: a statement needs a name of its own and a sentence: {part.splitlines()[0]}")
        found[match[1]] = match[3].strip().rstrip(";")
    return found
