from __future__ import annotations

import json
import tomllib
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import contracts
from journey_format_rows import TABLES, definitions, tables
from journey_pages import JOURNEYS, PAGE, changed, example
from referral.play.schema import journey_schema

COMMITTED = Path(contracts.__file__).parent / "schema" / "journey.v1.json"


def as_json(value: Any) -> Any:
    """Return what TOML gave as JSON has it."""
    match value:
        case dict():
            return {key: as_json(inner) for key, inner in value.items()}
        case list():
            return [as_json(inner) for inner in value]
        case datetime():
            return value.strftime("%Y-%m-%dT%H:%M:%SZ")
        case date():
            return value.isoformat()
        case _:
            return value


def validator() -> Draft202012Validator:
    schema = json.loads(journey_schema())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_the_committed_schema_is_what_the_models_say() -> None:
    assert journey_schema() == COMMITTED.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", JOURNEYS, ids=lambda path: path.stem)
def test_a_foreign_validator_accepts_every_shipped_journey(path: Path) -> None:
    found = as_json(tomllib.loads(path.read_text(encoding="utf-8")))

    assert [error.message for error in validator().iter_errors(found)] == []


def test_a_foreign_validator_accepts_the_journey_of_the_page() -> None:
    assert list(validator().iter_errors(as_json(tomllib.loads(example())))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('title = "A request', 'titel = "A request'),
        ("start = 2026-09-14T07:00:00Z", 'start = "yesterday"'),
        ('country = "BE"', 'country = "Belgium"'),
        ('open = { by = "be-fp" }', 'open = { by = "be-fp", wait = "1h" }'),
        ('open = { by = "be-fp" }', 'open = { by = "be-fp" }\nwait = { for = "1h" }'),
        ('digests = "equal"', 'digests = "same"'),
    ],
)
def test_a_foreign_validator_refuses_what_the_player_refuses(old: str, new: str) -> None:
    found = as_json(tomllib.loads(changed(old, new).decode()))

    assert list(validator().iter_errors(found)) != []


def test_the_page_tells_every_key_of_every_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    missing = [row for rows in tables().values() for row in rows if row not in page]

    assert missing == []
    assert definitions() == {name for _, name in TABLES if name}
