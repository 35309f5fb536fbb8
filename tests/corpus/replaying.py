"""Reads frozen events as a store of today would, without keys: each lifted to its class, applied in order, folded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from contracts.encoding import b64, unb64
from contracts.procedure import procedure
from referral.audit.reads import ReadLog
from referral.casework.case import PROCEDURE, Case
from referral.casework.erasure import CaseErasure
from referral.casework.history import History
from referral.store.mapper import SealingMapper, only_event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from referral.store.mapper import Event, Row

TABLE: Final = procedure(PROCEDURE)
AGGREGATES: Final = (Case, CaseErasure, ReadLog)


class Open:
    """Seals nothing: what is frozen is the state that is sealed in a store."""

    def seal_each(self, items: Sequence[tuple[str, bytes, bytes]]) -> list[bytes]:
        """Return what was to be sealed."""
        return [plain for _case, _aad, plain in items]

    def open_each(self, items: Sequence[tuple[str, bytes, bytes]]) -> list[bytes]:
        """Return what was to be opened."""
        return [plain for _case, _aad, plain in items]


MAPPER: Final = SealingMapper(Open())  # type: ignore[arg-type]  # it never refuses


def row_of(line: Mapping[str, Any]) -> Row:
    """Return the row that a line of a frozen history holds."""
    return unb64(line["originator"]), int(line["version"]), str(line["topic"]), unb64(line["state"])


def line_of(row: Row) -> dict[str, Any]:
    """Return a row as a line of a frozen history."""
    originator, version, topic, state = row
    return {"originator": b64(originator), "version": version, "topic": topic, "state": b64(state)}


def events(rows: Sequence[Row]) -> list[Event]:
    """Return the events of rows."""
    return [only_event(one) for one in MAPPER.read(rows)]


def made_of(rows: Sequence[Row]) -> Any:
    """Return what the events of one originator come to."""
    made: Any = None
    for event in events(rows):
        made = event.mutate(made)
    return made


def digest_of(made: Any) -> str:
    """Return the digest of the standing of a case, nothing for what has none."""
    return History(made, TABLE).standing.digest() if isinstance(made, Case) else ""


def topics() -> set[str]:
    """Return the topic of every event that this release stores."""
    kinds = [kind for aggregate in AGGREGATES for kind in vars(aggregate).values() if isinstance(kind, type)]
    return {topic for kind in kinds if (topic := vars(kind).get("TOPIC"))}
