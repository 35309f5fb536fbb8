"""The procedure table as plain data for the second fold: reading it, its times, and whether an act fits its schema.

Source: the header of the procedure table ("[kind.K.act]"). Nothing here comes from the product.
"""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

Message = dict[str, Any]
Act = dict[str, Any]
Table = dict[str, Any]

ALIVE = ("effective", "flagged")
GONE = ("none", "declined", "removed")

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_AGENCY = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def read_table(path: Path) -> Table:
    """Return the procedure table at `path` as parsed TOML."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def instant(text: str) -> datetime:
    """Return the aware moment that an RFC 3339 text with `Z` names."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def last_moment(day: str) -> datetime:
    """Return until when a limit holds: 12:00Z of the day after it."""
    return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1, hours=12)


def rank(table: Table, register: str, value: str) -> int:
    """Return the strength of a value by the order of its register's family, -1 for a value outside it."""
    order: list[str] = table["register"].get(register.partition(":")[0], {}).get("order", [])
    return order.index(value) if value in order else -1


def fits(act: Any, schema: Table, table: Table) -> bool:
    """Whether `act` fits the closed schema of its kind: every field known, none missing, each of its type."""
    if not isinstance(act, dict) or not set(act) <= set(schema):
        return False
    for name, field in schema.items():
        if name not in act:
            owed = [act.get(other) in codes for other, codes in field.get("with", {}).items()]
            if field["required"] or any(owed):
                return False
        elif not _many_fit(act[name], field, table):
            return False
    return True


def _many_fit(value: Any, field: Table, table: Table) -> bool:
    if not field.get("many"):
        return _one_fits(value, field, table)
    return isinstance(value, list) and len(value) <= 64 and all(_one_fits(one, field, table) for one in value)


def _one_fits(value: Any, field: Table, table: Table) -> bool:
    if "row" in field:
        return fits(value, field["row"], table)
    codes = [*field.get("or", []), *field.get("codes", [])]
    if isinstance(value, str) and value in codes:
        return True
    match field.get("type"):
        case None:
            return False
        case "boolean":
            return isinstance(value, bool)
        case "act":  # its own kind's schema is asked by whoever knows the target
            return isinstance(value, dict)
        case "integer":
            low, high = field.get("min", -(2**53)), field.get("max", 2**53)
            return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    return isinstance(value, str) and _text_fits(value, field["type"], table)


def _text_fits(value: str, type_: str, table: Table) -> bool:
    match type_:
        case "agency":
            return _AGENCY.fullmatch(value) is not None
        case "date":
            return _is_day(value)
        case "function":
            return bool(value in table["functions"])
        case "register":
            return bool(value.partition(":")[0] in table["register"])
    return value != ""  # ids, cases, sections and values are opaque here


def _is_day(value: str) -> bool:
    if not _DAY.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
