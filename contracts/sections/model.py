"""What every section model is: a frozen group of fields, each of which says its class, P0 to P4 (domain.md 1.3)."""

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar, get_args, get_origin

from pydantic import ConfigDict, JsonValue
from pydantic.fields import FieldInfo

from contracts.sections.fields import FREE_TEXT, Value
from contracts.vocabulary import DataClass


def _say_classes(schema: dict[str, JsonValue], model: type["Part"]) -> None:
    """Write each field's class beside it, as `x-class`."""
    properties = schema["properties"]
    for name, field in model.model_fields.items():
        described = properties[field.alias or name] if isinstance(properties, dict) else None
        if isinstance(described, dict):
            described["x-class"] = field_class(field).value


class Part(Value):
    """A group of fields inside a section; the field that holds it has the highest class of its fields."""

    model_config = ConfigDict(json_schema_extra=_say_classes)


class SectionModel(Part):
    """A section's body: what one (name, readers, body) of a message holds. `NAME` is its name in the section table."""

    NAME: ClassVar[str]


def field_class(field: FieldInfo) -> DataClass:
    """Return the class that a field's annotation says; a field without one is a broken model."""
    (found,) = (mark for mark in field.metadata if isinstance(mark, DataClass))
    return found


@cache
def field_classes(model: type[Part]) -> Mapping[str, DataClass]:
    """Return each field's path, such as `legs[].carrier`, with its class; a field that holds parts is listed too."""
    found: dict[str, DataClass] = {}
    for name, field in model.model_fields.items():
        path = field.alias or name
        found[path] = field_class(field)
        part, many = _part_of(field.annotation)
        if part is not None:
            step = "[]." if many else "."
            found |= {f"{path}{step}{inner}": label for inner, label in field_classes(part).items()}
    return MappingProxyType(found)


def model_class(model: type[Part]) -> DataClass:
    """Return the highest class of any field of a model."""
    return max(field_classes(model).values())


def free_texts(part: Part) -> Iterator[tuple[str, str]]:
    """Yield (path, text) for each field in which a person has written sentences, nested ones included."""
    for name, field in type(part).model_fields.items():
        path = field.alias or name
        value = getattr(part, name)
        rows = value if isinstance(value, tuple) else (value,)
        for index, row in enumerate(rows):
            here = f"{path}.{index}" if isinstance(value, tuple) else path
            if isinstance(row, Part):
                yield from ((f"{here}.{inner}", text) for inner, text in free_texts(row))
            elif isinstance(row, str) and _is_free_text(field):
                yield here, row


def _is_free_text(field: FieldInfo) -> bool:
    return FREE_TEXT in field.metadata or _mentions_free_text(field.annotation)


def _mentions_free_text(annotation: Any) -> bool:
    if FREE_TEXT in getattr(annotation, "__metadata__", ()):
        return True
    return any(_mentions_free_text(inner) for inner in get_args(annotation) if inner is not annotation)


def _part_of(annotation: Any) -> tuple[type[Part] | None, bool]:
    """Return the part that an annotation holds, and whether it holds many."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation, False
    for inner in get_args(annotation):
        part, many = _part_of(inner)
        if part is not None:
            return part, many or get_origin(annotation) is tuple
    return None, False
