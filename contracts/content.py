"""What a message is, byte for byte: composed once, signed as bytes, read only after its signature held (standing.md 1).

A content is UTF-8 JSON, written once by its sender and never written again: everybody stores and hashes these bytes.
Its id is BLAKE2b-256 of them; the salt in it makes that id say nothing. What identifies a person stands in sections,
of which the content holds commitments alone, padded with random ones, without names or readers.

Rules of `read`:
- every field of the header is checked, and the act of a known kind by the procedure: there, unknown fields are refused;
- other unknown fields stay where they are: in the bytes;
- a kind or procedure that this reader does not know is kept (`known` is false) and needs an upgrade, never a default;
- order of keys and arrays does not matter, repetition does.

`held` gives what `read` gave, from bytes that it was given once and that nobody could change since.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from nacl.utils import random as random_bytes
from pydantic_core import from_json

from contracts import labels, shape
from contracts.encoding import (
    MAX_TEXT,
    agency_name,
    b64,
    blake,
    compact,
    day,
    free_text,
    instant,
    instant_text,
    lp,
    parse,
    unb64,
)
from contracts.refusal import FormatRefused, Refusal
from contracts.signing import sign, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

__all__ = [
    "Content",
    "ContentRefused",
    "Erased",
    "Procedure",
    "Recipient",
    "Section",
    "Seen",
    "case_id",
    "compose",
    "content_id",
    "held",
    "opens_its_case",
    "read",
    "sign",
    "verify",
]

FORMAT: Final = "landfall/1"
PRIORITIES: Final = ("emergency", "urgent", "normal")
BASES: Final = ("consent", "guardian_consent", "best_interests", "life_risk", "legal_obligation")
MAX_AFTER: Final = 32
MAX_AUDIENCE: Final = 64
MAX_CONSENTS: Final = 64
MAX_GUARDS: Final = 64
MAX_SECTIONS: Final = 64
SECTION_STEP: Final = 4


class ContentRefused(FormatRefused):
    """This content does not have the form landfall/1; its sender must compose it anew."""

    code = "format"


class Procedure(Protocol):
    """What a content needs of a procedure table (`contracts.procedure`)."""

    @property
    def name(self) -> str:
        """Return its name, as `icp.v1`."""

    @property
    def hash(self) -> str:
        """Return the hash of the parsed table, 43 characters."""

    @property
    def kinds(self) -> Collection[str]:
        """Return the kinds it has, without the version of the wire."""

    @property
    def functions(self) -> Collection[str]:
        """Return the functions that an author may have; none of them is a person's name."""

    def check_act(self, kind: str, act: Mapping[str, Any]) -> None:
        """Return if `act` fits the closed schema of `kind`, or raise a `Refusal` that names the field."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One agency that a content is for: its id, its identity key's fingerprint, its role in the case."""

    agency: str
    identity: str
    role: str


@dataclass(frozen=True, slots=True)
class Seen:
    """The last checkpoint of the notary that the sender held: entries, and the root (43 characters) over them."""

    size: int
    root: str


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a body with its own readers; all four fields travel to them alone.

    `readers` are sorted agency ids, `body` the compact JSON of the section's model, `key` 32 random bytes that hide the
    body in its commitment.
    """

    name: str
    readers: tuple[str, ...]
    body: bytes = field(repr=False)
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what no reader could open."""
        try:
            _SECTION_NAME(self.name)
            named = [agency_name(reader) for reader in self.readers]
        except FormatRefused as refused:
            raise ContentRefused(refused.detail) from None
        if not named or named != sorted(set(named)):
            raise ContentRefused("A section names its readers sorted, each once.")
        if len(self.key) != 32:  # noqa: PLR2004 - the size of a section key, standing.md 1
            raise ContentRefused("A section key has 32 bytes.")

    @property
    def commitment(self) -> bytes:
        """Return the 32 bytes by which a content names this section."""
        return blake(labels.SECTION, lp(self.name.encode()), lp(compact(list(self.readers))), self.body, key=self.key)


@dataclass(frozen=True, slots=True)
class Erased:
    """What is left of a section that its sender has erased: the commitment of 32 bytes."""

    commitment: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """A content as read: `raw` is what was signed, the rest is what it says; ids are text, times aware and in UTC.

    `kind` is the table's name for version 1 and the name on the wire for every other. `known` is false when this
    procedure does not know the kind or is another one: such a content is kept and shown as needing an upgrade.
    """

    raw: bytes = field(repr=False)
    id: str
    known: bool
    network: str
    kind: str
    procedure: Mapping[str, str]
    case: str
    sender: str
    role: str
    function: str
    audience: tuple[Recipient, ...]
    after: tuple[str, ...]
    in_reply_to: str | None
    supersedes: str | None
    occurred_at: datetime | None
    sent_at: datetime
    respond_by: datetime | None
    priority: str
    basis: str
    consents: tuple[str, ...]
    act: Mapping[str, Any]
    guards: tuple[Mapping[str, Any], ...]
    sections: tuple[str, ...]
    seen: Seen
    salt: bytes


def content_id(raw: bytes) -> str:
    """Return the one name of a message: BLAKE2b-256(content, person `LF1/content`), 43 characters."""
    return b64(blake(labels.CONTENT, raw))


def case_id(fingerprint: str, salt: bytes) -> str:
    """Return the case that an agency opens with a content of this salt, 22 characters (standing.md 1)."""
    return b64(blake(labels.CASE, unb64(fingerprint, 32), salt, size=16))


def opens_its_case(content: Content, fingerprint: str) -> bool:
    """Return whether `case` fits the content's own salt and its sender's identity: only then is it a root."""
    return content.case == case_id(fingerprint, content.salt)


def compose(
    *,
    network: str,
    procedure: Procedure,
    kind: str,
    case: str,
    sender: str,
    role: str,
    function: str,
    audience: Iterable[Recipient],
    act: Mapping[str, Any],
    basis: str,
    seen: Seen,
    salt: bytes,
    sent_at: datetime,
    after: Iterable[str] = (),
    in_reply_to: str | None = None,
    supersedes: str | None = None,
    occurred_at: datetime | None = None,
    respond_by: datetime | None = None,
    priority: str = "normal",
    consents: Iterable[str] = (),
    guards: Sequence[Mapping[str, Any]] = (),
    sections: Iterable[bytes] = (),
    draw: Callable[[int], bytes] = random_bytes,
) -> bytes:
    """Return the bytes of a content of version 1 of `kind`, or raise `ContentRefused`.

    `sections` are commitments of 32 bytes; `draw(n)` gives the n random bytes of each commitment that pads them.
    What `read` would refuse is refused here: nothing leaves that a recipient must send back.
    """
    times = {"occurred_at": occurred_at, "sent_at": sent_at, "respond_by": respond_by}
    replies = {"in_reply_to": in_reply_to, "supersedes": supersedes}
    raw = compact(
        {
            "act": act,
            "after": sorted(after),
            "audience": [
                {"agency": one.agency, "identity": one.identity, "role": one.role}
                for one in sorted(audience, key=lambda one: one.agency)
            ],
            "basis": basis,
            "case": case,
            "consents": sorted(consents),
            "format": FORMAT,
            "guards": list(guards),
            "kind": f"{kind}.v1",
            "network": network,
            "priority": priority,
            "procedure": {"hash": procedure.hash, "name": procedure.name},
            "salt": b64(salt),
            "sections": _padded(sections, draw),
            "seen": {"root": seen.root, "size": seen.size},
            "sender": {"agency": sender, "function": function, "role": role},
        }
        | {name: at for name, at in replies.items() if at is not None}
        | {name: instant_text(at) for name, at in times.items() if at is not None}
    )
    if not read(raw, procedure).known:
        raise ContentRefused("`kind`: This procedure does not have it.")
    return raw


def _padded(commitments: Iterable[bytes], draw: Callable[[int], bytes]) -> list[str]:
    """Add random commitments up to a multiple of 4, at least 4: their number tells nobody how much was said."""
    found = [b64(commitment) for commitment in commitments]
    while not found or len(found) % SECTION_STEP:
        found.append(b64(draw(32)))
    return sorted(found)


def read(raw: bytes, procedure: Procedure) -> Content:
    """Return what `raw` says, or raise `ContentRefused`; call it only after the signature over `raw` has held."""
    try:
        return _read(raw, procedure)
    except ContentRefused:
        raise
    except Refusal as refused:
        raise ContentRefused(refused.detail) from None


def _read(raw: bytes, procedure: Procedure) -> Content:
    value = parse(raw)
    if value.get("format") != FORMAT:
        raise ContentRefused("`format`: It is not landfall/1.")
    if not _is_plain(raw):
        _check_texts(value)
    found = shape.record(value, _REQUIRED, _OPTIONAL, closed=False)
    sender = found["sender"]
    if any(one.agency == sender["agency"] for one in found["audience"]):
        raise ContentRefused("`audience`: It names the sender.")
    kind, known = _kind_of(found, procedure)
    if known:
        if "thread" in value:
            raise ContentRefused("`thread`: It is reserved; no kind of this procedure has one.")
        if sender["function"] not in procedure.functions:
            raise ContentRefused("`sender`: This procedure has no such function.")
        procedure.check_act(kind, found["act"])
    for guard in found["guards"]:
        _check_guard(guard, sender["function"])
    return Content(
        raw=raw,
        id=content_id(raw),
        known=known,
        kind=kind,
        sender=sender["agency"],
        role=sender["role"],
        function=sender["function"],
        in_reply_to=found.get("in_reply_to"),
        supersedes=found.get("supersedes"),
        occurred_at=found.get("occurred_at"),
        respond_by=found.get("respond_by"),
        **{name: found[name] for name in _AS_THEY_STAND},
    )


def held(raw: bytes, procedure: Procedure) -> Content:
    """Return what `read` returned for these bytes before they were sealed at rest, in a fourth of its time.

    For a store's own events alone: they open only as they were sealed, so what was checked once holds. Nothing is
    checked here; bytes that `read` never saw raise anything or nothing.
    """
    value = from_json(raw, cache_strings="keys")
    kind, known = _kind_of(value, procedure)
    sender, seen = value["sender"], value["seen"]
    return Content(
        raw=raw,
        id=content_id(raw),
        known=known,
        network=value["network"],
        kind=kind,
        procedure={"hash": value["procedure"]["hash"], "name": value["procedure"]["name"]},
        case=value["case"],
        sender=sender["agency"],
        role=sender["role"],
        function=sender["function"],
        audience=tuple([Recipient(one["agency"], one["identity"], one["role"]) for one in value["audience"]]),
        after=tuple(value["after"]),
        in_reply_to=value.get("in_reply_to"),
        supersedes=value.get("supersedes"),
        occurred_at=_held_instant(value.get("occurred_at")),
        sent_at=datetime.fromisoformat(value["sent_at"]),
        respond_by=_held_instant(value.get("respond_by")),
        priority=value["priority"],
        basis=value["basis"],
        consents=tuple(value["consents"]),
        act=value["act"],
        guards=tuple([_held_guard(one) for one in value["guards"]]),
        sections=tuple(value["sections"]),
        seen=Seen(seen["size"], seen["root"]),
        salt=unb64(value["salt"]),
    )


def _held_instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _held_guard(guard: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: one for name, one in guard.items() if name in _GUARD or name in _GUARD_OPTIONAL}
    return found | {"date": date.fromisoformat(found["date"])} if "date" in found else found


def _kind_of(value: Mapping[str, Any], procedure: Procedure) -> tuple[str, bool]:
    """Return the table's name of a kind, and whether `procedure` is the content's own and has it."""
    stem, _, version = value["kind"].rpartition(".v")
    kind = stem if version == "1" else value["kind"]
    own = value["procedure"]["hash"] == procedure.hash and value["procedure"]["name"] == procedure.name
    return kind, own and kind in procedure.kinds


def _is_plain(raw: bytes) -> bool:
    """Return whether no text in these bytes can break a rule: few of them, printable ASCII, no escapes."""
    return len(raw) <= MAX_TEXT and raw.isascii() and b"\\" not in raw and b"\x7f" not in raw


def _check_texts(value: Any) -> None:
    """Hold every text of a content, keys too, to the rules of free text: NFC, 4,000 characters, no control ones."""
    if isinstance(value, str):
        free_text(value)
    elif isinstance(value, dict):
        for name, inner in value.items():
            free_text(name)
            _check_texts(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_texts(inner)


def _check_guard(guard: Mapping[str, Any], author: str) -> None:
    """An attestation says who and when; an override says why, and two functions stand behind it (standing.md 1)."""
    needs = {"passed": (), "attested": ("function", "date"), "overridden": ("reason", "second")}[guard["result"]]
    if not all(name in guard for name in needs):
        raise ContentRefused("`guards`: Attested needs function and date, overridden needs reason and second.")
    if "second" in guard and guard["second"] == guard.get("function", author):
        raise ContentRefused("`guards`: The second function is the first one again.")


def _recipient(value: object) -> Recipient:
    found = shape.record(value, {"agency": agency_name, "identity": shape.ID, "role": shape.CODE}, closed=False)
    return Recipient(**found)


def _recipients(value: object) -> tuple[Recipient, ...]:
    found = shape.array(_recipient, most=MAX_AUDIENCE)(value)
    if len({one.agency for one in found}) != len(found):
        raise FormatRefused("An agency stands twice.")
    return found


def _seen(value: object) -> Seen:
    return Seen(**shape.record(value, {"size": shape.whole(), "root": shape.ID}, closed=False))


def _guard(value: object) -> dict[str, Any]:
    return shape.record(value, _GUARD, _GUARD_OPTIONAL, closed=False)


def _commitments(value: object) -> tuple[str, ...]:
    found = shape.array(shape.ID, least=SECTION_STEP, most=MAX_SECTIONS)(value)
    if len(found) % SECTION_STEP:
        raise FormatRefused("Commitments are padded to a multiple of 4.")
    return found


_SECTION_NAME = shape.word(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*", 40, "A section is named by lower-case words.")
_RULE = shape.word(r"[A-Za-z][A-Za-z0-9]*(?:[._-][A-Za-z0-9]+)*", 40, "A rule is named by its id.")
_KIND = shape.word(
    r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*\.v[1-9][0-9]{0,3}", 80, "A kind is lower-case words, a dot, and its version."
)
_PROCEDURE_NAME = shape.word(
    r"[a-z0-9]+(?:[.-][a-z0-9]+)*", 64, "A procedure is named by lower-case words joined by dots."
)
_GUARD: Final = {"rule": _RULE, "result": shape.one_of("passed", "attested", "overridden")}
_GUARD_OPTIONAL: Final = {"function": shape.CODE, "date": day, "reason": shape.CODE, "second": shape.CODE}
_REQUIRED: Final[Mapping[str, shape.Reader[Any]]] = {
    "network": shape.NETWORK,
    "kind": _KIND,
    "procedure": lambda value: shape.record(value, {"hash": shape.ID, "name": _PROCEDURE_NAME}, closed=False),
    "case": shape.CASE,
    "sender": lambda value: shape.record(
        value, {"agency": agency_name, "role": shape.CODE, "function": shape.CODE}, closed=False
    ),
    "audience": _recipients,
    "after": shape.array(shape.ID, most=MAX_AFTER),
    "sent_at": instant,
    "priority": shape.one_of(*PRIORITIES),
    "basis": shape.one_of(*BASES),
    "consents": shape.array(shape.ID, most=MAX_CONSENTS),
    "act": shape.mapping,
    "guards": shape.array(_guard, most=MAX_GUARDS, distinct=False),
    "sections": _commitments,
    "seen": _seen,
    "salt": shape.exactly(32),
}
_OPTIONAL: Final[Mapping[str, shape.Reader[Any]]] = {
    "in_reply_to": shape.ID,
    "supersedes": shape.ID,
    "occurred_at": instant,
    "respond_by": instant,
}
_AS_THEY_STAND: Final = (
    *("network", "procedure", "case", "audience", "after", "sent_at", "priority", "basis"),
    *("consents", "act", "guards", "sections", "seen", "salt"),
)
