"""Section bodies in which every field is filled, and every text is a canary.

`Bodies` walks the models: texts get canaries in turn, until all have been used; codes, dates and numbers come from
the example story, and where that says nothing, the first value that the field allows.
"""

from __future__ import annotations

from datetime import date
from enum import Enum
from itertools import cycle
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, StringConstraints

from canaries import TELEPHONE_CANARIES, TEXT_CANARIES
from contracts.examples import example
from contracts.sections import SECTIONS
from contracts.sections.fields import FREE_TEXT, Line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

_LINE: Final = get_args(Line)[1:]
_SENTENCE: Final = 6  # canaries in one free text
# What a rule would stop, or one field makes of another: said as the story says it, or (None) not at all.
FIXED: Final[dict[tuple[str, ...], Any]] = {
    ("travel_health", "pregnancy_weeks"): 12,
    ("itinerary", "legs", "overnight"): False,
    ("itinerary", "legs", "landside"): False,
    ("itinerary", "legs", "partner"): "hu-iom",
    ("documents", "permit_expiry"): "2027-01-31",
    ("destination_place", "shelter_of"): None,
    ("hold_ground", "asylum_claim"): "none",
    ("child", "age_assessment", "result"): "child",
    ("consent", "withdrawal_channel"): "oral",
}


class Bodies:
    """Makes bodies by section name; the canaries go round."""

    def __init__(self) -> None:
        self.used: dict[str, set[str]] = {}
        self._texts: Iterator[str] = cycle(TEXT_CANARIES)
        self._telephones: Iterator[str] = cycle(TELEPHONE_CANARIES)

    def body(self, section: str) -> dict[str, Any]:
        """Return a full body of a section."""
        found = self._model(SECTIONS[section], example(section), (section,))
        if section == "safe_contact":
            found["contacts"] = [
                {**found["contacts"][0], "channel": "phone", "value": self._telephone(section)},
                {**found["contacts"][0], "channel": "post", "value": self._text(section)},
            ]
        return found

    def _text(self, section: str) -> str:
        found = next(self._texts)
        self.used.setdefault(found, set()).add(section)
        return found

    def _telephone(self, section: str) -> str:
        found = next(self._telephones)
        self.used.setdefault(found, set()).add(section)
        return found

    def _model(self, model: type[BaseModel], story: Any, path: tuple[str, ...]) -> dict[str, Any]:
        told = story if isinstance(story, dict) else {}
        names = {field.alias or name: field for name, field in model.model_fields.items()}
        found = {name: self._field(field, told.get(name), (*path, name)) for name, field in names.items()}
        return {name: value for name, value in found.items() if value is not None}

    def _field(self, field: FieldInfo, story: Any, path: tuple[str, ...]) -> Any:
        if path in FIXED:
            return FIXED[path]
        return self._value(field.annotation, tuple(field.metadata), story, path)

    def _value(self, annotation: Any, marks: tuple[Any, ...], story: Any, path: tuple[str, ...]) -> Any:
        while get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            marks = (*more, *marks)
        if get_origin(annotation) in {Union, UnionType}:
            (inner,) = (one for one in get_args(annotation) if one is not NoneType)
            return self._value(inner, marks, story, path)
        if get_origin(annotation) is tuple:
            inner = get_args(annotation)[0]
            rows = story or [None]
            return [self._value(inner, (), row, path) for row in rows]
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return self._model(annotation, story, path)
        return self._leaf(annotation, marks, story, path)

    def _leaf(self, annotation: Any, marks: tuple[Any, ...], story: Any, path: tuple[str, ...]) -> Any:
        if annotation is str and FREE_TEXT in marks:
            words = [self._text(path[0]) for _ in range(_SENTENCE)]
            return " · ".join([*words, self._telephone(path[0])])
        if annotation is str and all(mark in marks for mark in _LINE):
            return self._text(path[0])
        if annotation is str and any(_pattern(mark).startswith(r"^\+?[1-9]") for mark in marks):
            return self._telephone(path[0])
        return story if story is not None else _first(annotation, path)


def _pattern(mark: object) -> str:
    return str(mark.pattern) if isinstance(mark, StringConstraints) and mark.pattern is not None else ""


def _first(annotation: Any, path: tuple[str, ...]) -> Any:
    """Return the first value that a field without a story allows."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)[0]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return next(iter(annotation)).value
    by_type = {bool: False, int: 1, date: "2026-10-01"}
    if annotation in by_type:
        return by_type[annotation]
    return _WRITTEN[path[-1]]


_WRITTEN: Final = {"currency": "EUR", "amount": "10.00", "country": "HU", "issuer": "HU", "rule": "T1"}
