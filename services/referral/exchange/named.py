"""Whether a content names an agency that the directory does not know: then it is not judged yet (ADR 0019).

A core message names all members, and each of them by its identity key. Were an invitation of an unknown agency part of
a case, nobody honest could write to all members any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contracts.content import Content
    from contracts.directory import Directory
    from contracts.procedure import Procedure

AGENCY: Final = "agency"
ACT: Final = "act"


def names_unknown(directory: Directory, procedure: Procedure, content: Content) -> bool:
    """Say whether audience or act name an agency, or an identity of one, that the directory does not know (yet)."""
    agencies = directory.agencies
    if any(
        one.agency not in agencies or one.identity not in agencies[one.agency].fingerprints for one in content.audience
    ):
        return True
    if content.kind not in procedure.kinds:
        return False
    return any(name not in agencies for name in _in_act(procedure, content.kind, content.act))


def _in_act(procedure: Procedure, kind: str, act: Mapping[str, Any]) -> Iterator[str]:
    """Yield the agencies that an act names; in an act within it, under the names that any kind has for an agency."""
    for name, field in procedure.kinds[kind].act.items():
        value = act.get(name)
        if field.type == AGENCY and isinstance(value, str) and value not in field.or_codes:
            yield value
        elif field.type == ACT and isinstance(value, Mapping):
            names = {one.name for other in procedure.kinds.values() for one in other.act.values() if one.type == AGENCY}
            yield from (value[one] for one in names & value.keys() if isinstance(value[one], str))
