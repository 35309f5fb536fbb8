"""One field of an act, and whether a value may stand in it: codes, a type, an array or rows, and nothing else.

Source: icp.v1.toml, `[kind.K.act]`. A refusal names the field and never the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from contracts.encoding import MAX_AGENCY, MAX_INTEGER, agency_name, day, unb64
from contracts.refusal import FormatRefused, Refusal

MAX_MANY: Final = 64
CONTENT_ID_BYTES: Final = 32
CASE_ID_BYTES: Final = 16
_REGISTER = re.compile(r"[a-z_]+(?::[A-Za-z0-9_-]{1,64}){0,3}")
_OPAQUE = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ActRefused(Refusal):
    """The act does not have the fields and codes that its kind allows."""

    code: ClassVar[str] = "format"


@dataclass(frozen=True, slots=True)
class Words:
    """What types of the act schema look up in the table: functions, sections, and the values of a register.

    `opaque` is true where ids are only names to compare (golden histories, a fold); false on the wire, where an id is
    the base64url of its bytes.
    """

    functions: frozenset[str]
    sections: frozenset[str]
    values: Callable[[str, object], bool]
    opaque: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an act: exactly one of `codes`, `type` and `row` says what it holds."""

    name: str
    codes: tuple[str, ...] = ()
    type: str = ""
    row: Mapping[str, Field] = field(default_factory=dict)
    or_codes: tuple[str, ...] = ()
    required: bool = False
    with_codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    many: bool = False
    least: int = 0
    most: int = MAX_INTEGER

    def demanded(self, act: Mapping[str, Any]) -> bool:
        """Whether this act must have the field: always, or because another field has one of the codes of `with`."""
        return self.required or any(act.get(name) in codes for name, codes in self.with_codes.items())

    def check(self, value: Any, act: Mapping[str, Any], words: Words) -> None:
        """Raise `ActRefused` unless `value` may stand in this field of `act`."""
        if not self.many:
            self._check_one(value, act, words)
            return
        if not isinstance(value, list | tuple):
            raise ActRefused(f"Field {self.name}: an array stands here.")
        if len(value) > MAX_MANY:
            raise ActRefused(f"Field {self.name}: at most {MAX_MANY} entries.")
        for entry in value:
            self._check_one(entry, act, words)

    def _check_one(self, value: Any, act: Mapping[str, Any], words: Words) -> None:
        if self.row:
            check_fields(self.row, value, words, where=f"{self.name}.")
        elif isinstance(value, str) and value in (self.codes or self.or_codes):
            return
        elif self.codes:
            raise ActRefused(f"Field {self.name}: one of the codes of the procedure stands here.")
        elif not _TYPES[self.type](self, value, act, words):
            raise ActRefused(f"Field {self.name}: a value of type {self.type} stands here.")


def check_fields(fields: Mapping[str, Field], act: Any, words: Words, where: str = "") -> None:
    """Raise `ActRefused` unless `act` is an object with exactly the fields that `fields` allows and demands."""
    if not isinstance(act, Mapping):
        raise ActRefused("An object stands here.")
    if any(name not in fields for name in act):
        raise ActRefused("It has a field that its kind does not know.")
    for name, one in fields.items():
        if name in act:
            one.check(act[name], act, words)
        elif one.demanded(act):
            raise ActRefused(f"Field {where}{name} is missing.")


def _refused(read: Callable[[object], object], value: object) -> bool:
    try:
        read(value)
    except FormatRefused:
        return True
    return False


def _is_agency(_field: Field, value: Any, _act: Mapping[str, Any], _words: Words) -> bool:
    return isinstance(value, str) and len(value) <= MAX_AGENCY and not _refused(agency_name, value)


def _is_id(_field: Field, value: Any, _act: Mapping[str, Any], words: Words) -> bool:
    return _is_name(value, CONTENT_ID_BYTES, words)


def _is_case(_field: Field, value: Any, _act: Mapping[str, Any], words: Words) -> bool:
    return _is_name(value, CASE_ID_BYTES, words)


def _is_name(value: Any, size: int, words: Words) -> bool:
    if words.opaque:
        return isinstance(value, str) and _OPAQUE.fullmatch(value) is not None
    return not _refused(lambda text: unb64(text, size), value)


def _is_date(_field: Field, value: Any, _act: Mapping[str, Any], _words: Words) -> bool:
    return not _refused(day, value)


def _is_integer(field_: Field, value: Any, _act: Mapping[str, Any], _words: Words) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and field_.least <= value <= field_.most


def _is_boolean(_field: Field, value: Any, _act: Mapping[str, Any], _words: Words) -> bool:
    return isinstance(value, bool)


def _is_function(_field: Field, value: Any, _act: Mapping[str, Any], words: Words) -> bool:
    return isinstance(value, str) and value in words.functions


def _is_section(_field: Field, value: Any, _act: Mapping[str, Any], words: Words) -> bool:
    return isinstance(value, str) and value in words.sections


def _is_register(_field: Field, value: Any, _act: Mapping[str, Any], _words: Words) -> bool:
    return isinstance(value, str) and _REGISTER.fullmatch(value) is not None


def _is_value(_field: Field, value: Any, act: Mapping[str, Any], words: Words) -> bool:
    register = act.get("register")
    return isinstance(register, str) and words.values(register, value)


def _is_act(_field: Field, value: Any, _act: Mapping[str, Any], _words: Words) -> bool:
    return isinstance(value, Mapping)  # its schema is the target's, which only the past knows: standing checks it


_TYPES: Final[Mapping[str, Callable[[Field, Any, Mapping[str, Any], Words], bool]]] = {
    "agency": _is_agency,
    "id": _is_id,
    "case": _is_case,
    "date": _is_date,
    "integer": _is_integer,
    "boolean": _is_boolean,
    "function": _is_function,
    "section": _is_section,
    "register": _is_register,
    "value": _is_value,
    "act": _is_act,
}
TYPES: Final = frozenset(_TYPES)
