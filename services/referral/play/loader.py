"""Reads a journey file: bytes in, a checked `Journey` out, or one named refusal that says which step and which field.

TOML's own dates and times become the texts that JSON has for them, so that a file means the same to this reader and to
anybody who checks it with the JSON Schema. A refusal names places and never repeats what stood there.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from contracts.encoding import instant_text
from contracts.refusal import FormatRefused
from referral.play import checks
from referral.play.journey import Journey
from referral.play.refusal import JourneyRefused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAX_FILE: Final = 1024 * 1024
MAX_DEPTH: Final = 24
_PLACE = re.compile(r"\(at (?:line \d+, column \d+|end of document)\)$")
_KEY = re.compile(r"[A-Za-z0-9_@.:*-]{1,80}")
_STEP_KEY: Final = "step"
OF_A_KEY: Final = "[key]"  # pydantic's word for a key, not a value, that does not fit


def load(path: Path) -> Journey:
    """Return the journey in the file at `path`, or raise `JourneyRefused`."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE + 1)
    except OSError:
        raise JourneyRefused("There is no such file, or it may not be read.") from None
    return read_journey(raw)


def read_journey(raw: bytes) -> Journey:
    """Return the journey that these bytes of TOML tell, or raise `JourneyRefused`."""
    journey = _modelled(_plain(_table(raw), ()))
    checks.check(journey)
    return journey


def _table(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_FILE:
        raise JourneyRefused(f"It has more than {MAX_FILE} bytes.")
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise JourneyRefused("It is not UTF-8.") from None
    except RecursionError:
        raise JourneyRefused(f"It is nested deeper than {MAX_DEPTH} levels.") from None
    except ValueError as error:  # also numbers with more digits than Python reads
        place = _PLACE.search(str(error))
        raise JourneyRefused(f"It is not TOML {place.group()}." if place else "It is not TOML.") from None


def _plain(value: Any, path: tuple[str | int, ...]) -> Any:
    """Return the value as JSON has it, or refuse what JSON cannot say."""
    if len(path) > MAX_DEPTH:
        raise JourneyRefused(f"It is nested deeper than {MAX_DEPTH} levels.")
    match value:
        case dict():
            return {key: _plain(inner, (*path, key)) for key, inner in value.items()}
        case list():
            return [_plain(inner, (*path, place)) for place, inner in enumerate(value)]
        case datetime() if value.tzinfo is not None and not value.microsecond:
            try:
                return instant_text(value)
            except (FormatRefused, OverflowError):
                raise JourneyRefused(f"{place_of(path)}: Its year has four digits.") from None
        case datetime() | time():
            raise JourneyRefused(f"{place_of(path)}: A time has a date, whole seconds and a zone (Z).") from None
        case date():
            return value.isoformat()
        case float() if not math.isfinite(value):
            raise JourneyRefused(f"{place_of(path)}: It is no number.")
        case _:
            return value


def _modelled(table: dict[str, Any]) -> Journey:
    try:
        return Journey.model_validate_json(json.dumps(table), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        sentence = first["msg"].removeprefix("Value error, ").rstrip(".")
        raise JourneyRefused(f"{place_of(first['loc'])}: {sentence}.") from None


def place_of(path: Sequence[str | int]) -> str:
    """Return where in the file that is: `Step 3, `send.kind``."""
    names = [str(one) if isinstance(one, int) or _KEY.fullmatch(one) else "…" for one in path if one != OF_A_KEY]
    if len(path) > 1 and path[0] == _STEP_KEY and isinstance(path[1], int):
        rest = ".".join(names[2:])
        return f"Step {path[1] + 1}, `{rest}`" if rest else f"Step {path[1] + 1}"
    return f"`{'.'.join(names)}`" if names else "The file"
