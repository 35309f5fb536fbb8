"""Names of messages in a journey: `@label` stands for a content id that nobody knows before the message is sent.

A message that a step sends has the label that the step gives it. Every other one (sent by a clock, or together with
another) is named `@kind.sender.n`, the n-th of that kind and sender in the case, in the order of sending.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAME = re.compile(r"@([a-z][a-z0-9-]*(?:\.[a-z0-9-]+\.[0-9]+)?)")


def names_in(value: Any) -> Iterator[str]:
    """Yield every name that stands as `@name` in a value, also inside longer texts and in keys."""
    match value:
        case str():
            yield from _NAME.findall(value)
        case dict():
            for key, inner in value.items():
                yield from names_in(key)
                yield from names_in(inner)
        case list() | tuple():
            for inner in value:
                yield from names_in(inner)


def replaced(value: Any, look_up: Callable[[str], str]) -> Any:
    """Return the value with every `@name` replaced by what `look_up` gives for the name."""
    match value:
        case str():
            return _NAME.sub(lambda found: look_up(found.group(1)), value)
        case dict():
            return {replaced(key, look_up): replaced(inner, look_up) for key, inner in value.items()}
        case list() | tuple():
            return [replaced(inner, look_up) for inner in value]
        case _:
            return value


def is_given(name: str) -> bool:
    """Say whether a name is a label, and not one of the form `kind.sender.n`."""
    return "." not in name
