from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from contracts.examples import example
from contracts.schema import FOLDER, schemas
from contracts.sections import SECTIONS, field_classes


def test_the_committed_schemas_are_what_the_models_say() -> None:
    committed = {
        path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8")
        for path in (FOLDER / "sections").glob("*.json")
    }

    assert schemas() == committed


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_a_foreign_validator_accepts_the_example_and_refuses_an_unknown_field(name: str) -> None:
    schema = json.loads(schemas()[f"sections/{name}.json"])
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)

    assert list(validator.iter_errors(example(name))) == []
    assert len(list(validator.iter_errors(example(name) | {"unknown": 1}))) == 1


def described(schema: dict[str, Any], part: dict[str, Any], path: str = "") -> dict[str, str]:
    """Return the class of each field in a schema, by the paths of `field_classes`."""
    found = {}
    for name, field in part.get("properties", {}).items():
        if "x-class" not in field:
            continue  # a value such as money: the field that holds it has the class
        found[f"{path}{name}"] = field["x-class"]
        many = "items" in field
        for option in [field, field.get("items", {}), *field.get("anyOf", [])]:
            inner = schema.get("$defs", {}).get(option.get("$ref", "").removeprefix("#/$defs/"), {})
            found |= described(schema, inner, f"{path}{name}{'[]' if many else ''}.")
    return found


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_the_schema_says_the_class_of_every_field(name: str) -> None:
    schema = json.loads(schemas()[f"sections/{name}.json"])

    assert {path: label.value for path, label in field_classes(SECTIONS[name]).items()} == described(schema, schema)
