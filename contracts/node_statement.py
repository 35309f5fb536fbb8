"""What nodes say to each other outside any case: receipts, gaps, returned messages, heads, erasure, silence.

JSON of the form landfall-node/1, signed by the signing key as type 2 and sealed like a message, in no history
(standing.md 5). The body of each type is a closed schema; other unknown fields are kept (they are in the bytes).
`compose` writes the bytes once, `read` takes them after their signature has held. Neither asks who may say what.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from contracts import labels, receipts, shape
from contracts.content import Erased, Section
from contracts.encoding import agency_name, b64, blake, compact, instant, instant_text, parse
from contracts.receipts import Receipts
from contracts.refusal import FormatRefused, Refusal
from contracts.signing import SIGNATURE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

FORMAT: Final = "landfall-node/1"
MAX_STATEMENT: Final = 262_144
MAX_IDS: Final = 64
MAX_CHECKPOINT: Final = 16_384
ERASURE_GROUNDS: Final = ("consent_withdrawn", "no_longer_needed", "wrong_recipient", "unlawful", "legal_obligation")
RETENTION_GROUNDS: Final = ("legal_claim", "legal_hold", "legal_obligation", "public_interest", "vital_interests")


class NodeStatementRefused(FormatRefused):
    """This statement does not have the form landfall-node/1; its sender must make it anew."""

    code = "format"


@dataclass(frozen=True, slots=True)
class GapRequest:
    """Asks for the bytes of at most 64 contents of one case that somebody named and the asker lacks."""

    case: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReturnedContent:
    """A content's signed bytes given back, with its key statement's id and such sections as the asker may read."""

    content: bytes
    skid: str
    signature: bytes
    sections: tuple[Section | Erased, ...]


@dataclass(frozen=True, slots=True)
class Returned:
    """Answers a gap request, or gives a restored node what it had lost; at most 64 contents, as many as fit."""

    contents: tuple[ReturnedContent, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """What the sender holds of one case: heads, count and hash of its core ids, the digest of its standing."""

    case: str
    heads: tuple[str, ...]
    count: int
    ids: str
    digest: str


@dataclass(frozen=True, slots=True)
class Sync:
    """Says what the sender holds of at most 64 cases that both share."""

    cases: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class LogView:
    """Shows the notary's signed checkpoint that the sender holds: a signed note, as bytes."""

    checkpoint: bytes


@dataclass(frozen=True, slots=True)
class ErasureRequest:
    """Asks to erase the sections of at most 64 contents of one case, on a ground."""

    case: str
    ids: tuple[str, ...]
    ground: str


@dataclass(frozen=True, slots=True)
class ErasureAnswer:
    """Answers the erasure request of that id: done, or retained on a ground."""

    request: str
    answer: Literal["done", "retained"]
    ground: str | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """Says that a content asked for a decision by a time, that a warning was given, and that none came."""

    case: str
    content: str
    respond_by: datetime
    warned_at: datetime


Body = Receipts | GapRequest | Returned | Sync | LogView | ErasureRequest | ErasureAnswer | Silence


@dataclass(frozen=True, slots=True)
class NodeStatement:
    """A node statement as read: `raw` is what was signed, `id` its name, `type` the name of the body on the wire."""

    raw: bytes = field(repr=False)
    id: str
    network: str
    sender: str
    recipient: str
    type: str
    sent_at: datetime
    body: Body
    salt: bytes


def statement_id(raw: bytes) -> str:
    """Return the name of a node statement: BLAKE2b-256 of its bytes, person `LF1/node`, 43 characters."""
    return b64(blake(labels.NODE_STATEMENT, raw))


def ids_hash(ids: Iterable[str]) -> str:
    """Return the hash of a set of core ids, as `sync` carries it: over compact JSON of the sorted ids."""
    return b64(blake(labels.HELD, compact(sorted(set(ids)))))


def compose(*, network: str, sender: str, recipient: str, body: Body, sent_at: datetime, salt: bytes) -> bytes:
    """Return the bytes of a node statement, or raise `NodeStatementRefused`: the same input gives the same bytes."""
    name, write = _WRITERS[type(body)]
    raw = compact(
        {
            "body": write(body),
            "format": FORMAT,
            "network": network,
            "recipient": recipient,
            "salt": b64(salt),
            "sender": sender,
            "sent_at": instant_text(sent_at),
            "type": name,
        }
    )
    read(raw)
    return raw


def read(raw: bytes) -> NodeStatement:
    """Return what `raw` says, or raise `NodeStatementRefused`; call it only after the signature over `raw` has held."""
    try:
        value = parse(raw, MAX_STATEMENT)
        if value.get("format") != FORMAT:
            raise FormatRefused("`format`: It is not landfall-node/1.")
        found = shape.record(value, _HEADER, closed=False)
        if found["sender"] == found["recipient"]:
            raise FormatRefused("`recipient`: It is the sender.")
        body = shape.field(value, "body", _READERS[found["type"]])
    except Refusal as refused:
        raise NodeStatementRefused(refused.detail) from None
    return NodeStatement(raw=raw, id=statement_id(raw), body=body, **found)


def _read_gap_request(value: object) -> GapRequest:
    return GapRequest(**shape.record(value, {"case": shape.CASE, "ids": _IDS}, closed=True))


def _write_gap_request(body: GapRequest) -> Mapping[str, Any]:
    return {"case": body.case, "ids": sorted(body.ids)}


def _read_returned(value: object) -> Returned:
    found = shape.record(value, {"contents": shape.array(_read_content, least=1, most=MAX_IDS)}, closed=True)
    return Returned(**found)


def _read_content(value: object) -> ReturnedContent:
    form: dict[str, shape.Reader[Any]] = {
        "content": shape.some_bytes(MAX_STATEMENT),
        "skid": shape.ID,
        "signature": shape.exactly(SIGNATURE_SIZE),
        "sections": shape.array(_read_section, most=255),
    }
    return ReturnedContent(**shape.record(value, form, closed=True))


def _read_section(value: object) -> Section | Erased:
    if isinstance(value, dict) and "commitment" in value:
        return Erased(**shape.record(value, {"commitment": shape.exactly(32)}, closed=True))
    form: dict[str, shape.Reader[Any]] = {
        "name": shape.CODE,
        "readers": shape.array(agency_name, least=1, most=MAX_IDS),
        "key": shape.exactly(32),
        "body": shape.some_bytes(MAX_STATEMENT),
    }
    return Section(**shape.record(value, form, closed=True))


def _write_returned(body: Returned) -> Mapping[str, Any]:
    return {
        "contents": [
            {
                "content": b64(one.content),
                "skid": one.skid,
                "signature": b64(one.signature),
                "sections": [_write_section(section) for section in one.sections],
            }
            for one in body.contents
        ]
    }


def _write_section(section: Section | Erased) -> Mapping[str, Any]:
    if isinstance(section, Erased):
        return {"commitment": b64(section.commitment)}
    return {
        "name": section.name,
        "readers": list(section.readers),
        "key": b64(section.key),
        "body": b64(section.body),
    }


def _read_sync(value: object) -> Sync:
    found: Sync = Sync(**shape.record(value, {"cases": shape.array(_read_held, most=MAX_IDS)}, closed=True))
    if len({held.case for held in found.cases}) != len(found.cases):
        raise FormatRefused("`cases`: A case stands twice.")
    return found


def _read_held(value: object) -> Held:
    form: dict[str, shape.Reader[Any]] = {
        "case": shape.CASE,
        "heads": _IDS_OR_NONE,
        "count": shape.whole(),
        "ids": shape.ID,
        "digest": shape.ID,
    }
    return Held(**shape.record(value, form, closed=True))


def _write_sync(body: Sync) -> Mapping[str, Any]:
    return {
        "cases": [
            {"case": one.case, "heads": sorted(one.heads), "count": one.count, "ids": one.ids, "digest": one.digest}
            for one in sorted(body.cases, key=lambda one: one.case)
        ]
    }


def _read_log_view(value: object) -> LogView:
    return LogView(**shape.record(value, {"checkpoint": shape.some_bytes(MAX_CHECKPOINT)}, closed=True))


def _write_log_view(body: LogView) -> Mapping[str, Any]:
    return {"checkpoint": b64(body.checkpoint)}


def _read_erasure_request(value: object) -> ErasureRequest:
    form: dict[str, shape.Reader[Any]] = {"case": shape.CASE, "ids": _IDS, "ground": shape.one_of(*ERASURE_GROUNDS)}
    return ErasureRequest(**shape.record(value, form, closed=True))


def _write_erasure_request(body: ErasureRequest) -> Mapping[str, Any]:
    return {"case": body.case, "ids": sorted(body.ids), "ground": body.ground}


def _read_erasure_answer(value: object) -> ErasureAnswer:
    form: dict[str, shape.Reader[Any]] = {"request": shape.ID, "answer": shape.one_of("done", "retained")}
    found: ErasureAnswer = ErasureAnswer(
        **shape.record(value, form, {"ground": shape.one_of(*RETENTION_GROUNDS)}, closed=True)
    )
    if (found.answer == "retained") != (found.ground is not None):
        raise FormatRefused("`ground`: What is retained has one, what is done has none.")
    return found


def _write_erasure_answer(body: ErasureAnswer) -> Mapping[str, Any]:
    ground = {} if body.ground is None else {"ground": body.ground}
    return {"request": body.request, "answer": body.answer} | ground


def _read_silence(value: object) -> Silence:
    form: dict[str, shape.Reader[Any]] = {
        "case": shape.CASE,
        "content": shape.ID,
        "respond_by": instant,
        "warned_at": instant,
    }
    return Silence(**shape.record(value, form, closed=True))


def _write_silence(body: Silence) -> Mapping[str, Any]:
    return {
        "case": body.case,
        "content": body.content,
        "respond_by": instant_text(body.respond_by),
        "warned_at": instant_text(body.warned_at),
    }


_IDS = shape.array(shape.ID, least=1, most=MAX_IDS)
_IDS_OR_NONE = shape.array(shape.ID, most=MAX_IDS)
_READERS: Final[Mapping[str, shape.Reader[Body]]] = {
    "receipts": receipts.read_body,
    "gap-request": _read_gap_request,
    "returned": _read_returned,
    "sync": _read_sync,
    "log-view": _read_log_view,
    "erasure-request": _read_erasure_request,
    "erasure-answer": _read_erasure_answer,
    "silence": _read_silence,
}
_WRITERS: Final[Mapping[type, tuple[str, Callable[[Any], Mapping[str, Any]]]]] = {
    Receipts: ("receipts", receipts.write_body),
    GapRequest: ("gap-request", _write_gap_request),
    Returned: ("returned", _write_returned),
    Sync: ("sync", _write_sync),
    LogView: ("log-view", _write_log_view),
    ErasureRequest: ("erasure-request", _write_erasure_request),
    ErasureAnswer: ("erasure-answer", _write_erasure_answer),
    Silence: ("silence", _write_silence),
}
_HEADER: Final[Mapping[str, shape.Reader[Any]]] = {
    "network": shape.NETWORK,
    "sender": agency_name,
    "recipient": agency_name,
    "type": shape.one_of(*_READERS),
    "sent_at": instant,
    "salt": shape.exactly(32),
}
