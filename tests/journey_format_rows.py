"""The rows of the reference page of the journey format, made from the JSON Schema: one for each key of each table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from referral.play.schema import journey_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# The tables of a file in the order in which the page tells them: heading, and the name of its definition.
TABLES = (
    ("The file", ""),
    ("journey", "Heading"),
    ("agencies", "AgencyPart"),
    ("bodies", "BodyPart"),
    ("step", "Step"),
    ("open", "Open"),
    ("consent", "Consent"),
    ("withdraw", "Withdraw"),
    ("erase", "Erase"),
    ("send", "Send"),
    ("sections", "SectionPart"),
    ("reasons", "Reason"),
    ("attested", "Attested"),
    ("wait", "Wait"),
    ("fault", "Fault"),
    ("duplicate, lose", "Link"),
    ("withhold, release", "Withheld"),
    ("read", "Read"),
    ("expect", "Expectation"),
)


def tables() -> dict[str, list[str]]:
    """Return the rows of each table by its heading."""
    schema = json.loads(journey_schema())
    return {heading: list(rows(schema["$defs"].get(name, schema))) for heading, name in TABLES}


def definitions() -> set[str]:
    """Return the names of all tables that the schema defines."""
    return {name for name, one in json.loads(journey_schema())["$defs"].items() if one["type"] == "object"}


def rows(definition: Mapping[str, Any]) -> Iterator[str]:
    """Yield a row for each key of one table of the format."""
    needed = definition.get("required", [])
    for key, value in definition["properties"].items():
        left_out = "required" if key in needed else default(value)
        yield f"| `{key}` | {words(value)} | {left_out} | {value['description']} |"


def default(value: Mapping[str, Any]) -> str:
    """Say what holds where a key is left out."""
    found = value.get("default", "")
    if found in ("", None, [], {}, ()):
        return ""
    if found is False:
        return "`false`"
    return f"`{json.dumps(found, ensure_ascii=False)}`" if not isinstance(found, str) else f"`{found}`"


def words(value: Mapping[str, Any]) -> str:
    """Say in a few words what a key takes."""
    if "enum" in value or "const" in value:
        return ", ".join(f"`{one}`" for one in value.get("enum", [value.get("const")]))
    if "$ref" in value:
        name = str(value["$ref"]).rsplit("/", 1)[-1]
        return "`P0` to `P4`" if name == "DataClass" else "table"
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(map(words, value["anyOf"])))
    if value.get("type") == "array":
        return f"list of {words(value['items'])}"
    formats = {"date-time": "time", "date": "date"}
    named = {"string": "text", "integer": "number", "boolean": "yes or no", "object": "table"}
    return formats.get(value.get("format", "")) or named[value["type"]]
