"""What a command says: one JSON document or lines for people, with TRAINING above everything of a training network.

Rules: control and direction characters of what partners wrote never reach a terminal; NO_COLOR is honoured; progress is
shown on standard error and only where that is a terminal.
"""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

import typer

from contracts.encoding import instant_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

TRAINING: Final = "TRAINING"
BANNER: Final = f"{TRAINING} - this network is for training: no real person is in it."
NOTHING: Final = "-"
FAILED: Final = 1
_UNSAFE: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))


class Report(Protocol):
    """What a longer piece of work has found."""

    @property
    def held(self) -> bool:
        """Say whether everything that was checked holds."""

    def document(self) -> Mapping[str, Any]:
        """Return it as `--json` prints it."""

    def lines(self) -> Iterable[str]:
        """Return it as people read it."""


def answer(document: Mapping[str, Any], lines: Iterable[str], *, as_json: bool, training: bool | None = None) -> None:
    """Print a command's answer; `training` None where no network is involved."""
    if as_json:
        marked = dict(document) if training is None else {"training": training, **document}
        typer.echo(json.dumps(marked, default=_json, ensure_ascii=not _unicode_out()))
        return
    if training:
        typer.echo(typer.style(BANNER, bold=True) if _coloured() else BANNER)
    for line in lines:
        typer.echo(plain(line))


def report(found: Report, *, as_json: bool, training: bool | None = None) -> None:
    """Print what was found, and end with exit code 1 if something does not hold."""
    document = found.document()
    marked = document.get("training") if training is None else training
    answer(document, found.lines(), as_json=as_json, training=marked if isinstance(marked, bool) else None)
    if not found.held:
        raise typer.Exit(FAILED)


def plain(line: str) -> str:
    """Return a line without characters that steer a terminal or turn the direction of writing."""
    return "".join(one if unicodedata.category(one) not in _UNSAFE else "\N{REPLACEMENT CHARACTER}" for one in line)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> list[str]:
    """Return aligned lines under a head, or the sentence for no rows at all."""
    body = [[plain(cell) or NOTHING for cell in row] for row in rows]
    if not body:
        return [empty]
    lines = [list(head), *body]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in lines]


def moment(at: datetime | None) -> str:
    """Return a time as people read it here: UTC, to the minute."""
    return NOTHING if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%MZ")


def of(value: Any) -> dict[str, Any]:
    """Return a dataclass as a JSON object."""
    found: dict[str, Any] = asdict(value)
    return found


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Give a function that shows what is being done, on a terminal only; it is gone when the work is done."""
    if not sys.stderr.isatty():
        yield lambda _doing: None
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it

    with Console(stderr=True, no_color="NO_COLOR" in os.environ).status("working") as status:
        yield lambda doing: status.update(plain(doing))


def notice(sentence: str) -> None:
    """Say something beside the answer, on standard error."""
    typer.echo(plain(sentence), err=True)


def _coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _unicode_out() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def _width(text: str) -> int:
    """Return how many columns a text takes: wide letters take two, marks none."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in {"W", "F"} else 1 for one in text
    )


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _json(value: object) -> object:
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(type(value).__name__)
