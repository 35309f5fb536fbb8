r"""What the directory is made of: signed statements about agencies and their keys, written once and read with care.

A statement is JSON of the form landfall-statement/1; its id is BLAKE2b-256 of its bytes, person `LF1/statement`, and a
signing key's statement id is the `skid` of everything that key signs (evidence.md 4, standing.md 1).

Decision: a signature on a statement is Ed25519 over `"LF1/directory\0" || statement bytes`, whoever makes it (governor,
identity key, signing key, or a new key that proves its possession). The page fixes the entry's JSON and leaves the
signed bytes open; a prefix of their own keeps them apart from contents, requests and the notary's notes, and network,
subject and the statement before stand inside the bytes. The cost: a statement is hashed twice where it is also logged.

Who must sign what, and in which order statements count, is the directory's to judge (`contracts.directory`).
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from contracts import labels, shape
from contracts.encoding import agency_name, b64, blake, compact, day, instant, instant_text, parse
from contracts.refusal import FormatRefused, Refusal
from contracts.signing import SIGNATURE_SIZE, fingerprint, public_signing, sign_bytes
from contracts.tlog.entries import STATEMENT, check_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date, datetime

FORMAT: Final = "landfall-statement/1"
MAX_STATEMENT: Final = 32_768
MAX_SIGNATURES: Final = 32
MAX_DAYS: Final = 64
MAX_RIDERS: Final = 262_144
MAX_POLICY: Final = 16_384
AGENCY_KINDS: Final = (
    "state_body",
    "ngo",
    "international_organisation",
    "shelter",
    "child_protection_authority",
    "health_service",
    "legal_aid",
)


class StatementRefused(FormatRefused):
    """This directory statement is refused; who made it must make it anew."""

    code = "statement"


@dataclass(frozen=True, slots=True)
class Membership:
    """Governors let an agency in: its name in words, country (ISO 3166-1), kind, and Ed25519 identity key."""

    title: str
    country: str
    kind: str
    identity: bytes


@dataclass(frozen=True, slots=True)
class NewSigningKey:
    """An Ed25519 key that signs for the agency from a time on."""

    key: bytes
    since: datetime


@dataclass(frozen=True, slots=True)
class EpochKeys:
    """X25519 keys by day: envelopes of that day are sealed to them."""

    keys: tuple[tuple[date, bytes], ...]


@dataclass(frozen=True, slots=True)
class Calendar:
    """When an office works: `weekend` holds ISO weekdays (1 Monday … 7 Sunday), `zone` is a name of the tz database."""

    country: str
    subdivision: str | None
    weekend: tuple[int, ...]
    closed_days: tuple[date, ...]
    zone: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an agency can do and where it is reached: codes, its calendar, a 24 h number (E.164), suites, its inbox."""

    roles: tuple[str, ...]
    countries: tuple[str, ...]
    languages: tuple[str, ...]
    services: tuple[str, ...]
    places: tuple[str, ...]
    calendar: Calendar
    phone_24h: str | None
    suites: tuple[int, ...]
    topic: str


@dataclass(frozen=True, slots=True)
class Restriction:
    """Suspends or revokes an agency, or one of its keys by fingerprint; acts when seen."""

    kind: Literal["suspension", "revocation"]
    agency: str | None
    key: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Recovery:
    """Gives an agency a new identity key or a new signing key."""

    use: Literal["identity", "signing"]
    key: bytes


@dataclass(frozen=True, slots=True)
class Policy:
    """The network's tlog-policy text."""

    text: str


Body = Membership | NewSigningKey | EpochKeys | Capabilities | Restriction | Recovery | Policy


@dataclass(frozen=True, slots=True)
class Link:
    """Where a statement stands: network, whom it is about (an agency; the network for a policy), which came before."""

    network: str
    subject: str
    previous: str | None
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as read: `raw` is what is signed, `id` its name."""

    raw: bytes
    id: str
    type: str
    link: Link
    body: Body


@dataclass(frozen=True, slots=True)
class Signed:
    """One signature on a statement, and the fingerprint of the key that made it."""

    key: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A statement with its signatures: what the log holds after the byte 0x10."""

    statement: bytes
    signatures: tuple[Signed, ...]

    @property
    def id(self) -> str:
        """Return the statement's id, 43 characters."""
        return b64(blake(labels.STATEMENT, self.statement))


@dataclass(frozen=True, slots=True)
class Rider:
    """An entry that travels with an envelope after a rotation, with its tlog-proof once there is one."""

    entry: Entry
    proof: bytes | None


def read_statement(raw: bytes) -> Statement:
    """Return what a statement's bytes say, or raise `StatementRefused`; signatures are not looked at."""
    try:
        value = parse(raw, MAX_STATEMENT)
        if value.get("format") != FORMAT:
            raise FormatRefused("`format`: It is not landfall-statement/1.")
        found = shape.record(value, _HEADER, closed=False)
        name = found.pop("type")
        subject = shape.field(value, "subject", shape.NETWORK if name == "policy" else agency_name)
        body = shape.field(value, "body", _READERS[name])
    except Refusal as refused:
        raise StatementRefused(refused.detail) from None
    return Statement(raw, Entry(raw, ()).id, name, Link(subject=subject, **found), body)


def statement_bytes(link: Link, body: Body) -> bytes:
    """Return the bytes of a statement, not signed yet, or raise `StatementRefused`."""
    name, value = _write(body)
    raw = compact(
        {
            "body": value,
            "format": FORMAT,
            "made_at": instant_text(link.made_at),
            "network": link.network,
            "previous": link.previous,
            "subject": link.subject,
            "type": name,
        }
    )
    read_statement(raw)
    return raw


def signed_bytes(statement: bytes) -> bytes:
    """Return what a signature on a statement covers."""
    return labels.STATEMENT_PREFIX + statement


def make(link: Link, body: Body, seeds: Iterable[bytes]) -> Entry:
    """Return a statement signed by the keys of these seeds; a new key's own seed among them proves its possession."""
    entry = Entry(statement_bytes(link, body), ())
    for seed in seeds:
        entry = co_sign(entry, seed)
    return entry


def co_sign(entry: Entry, seed: bytes) -> Entry:
    """Return the entry with one more signature: governors and agencies sign in different places."""
    own = Signed(fingerprint(public_signing(seed)), sign_bytes(seed, signed_bytes(entry.statement)))
    others = [signed for signed in entry.signatures if signed.key != own.key]
    return Entry(entry.statement, tuple(sorted([*others, own], key=lambda signed: signed.key)))


def new_topic(sixteen: bytes) -> str:
    """Return the name of an inbox from 16 random bytes: `in.` and 26 characters that say nothing about whose it is."""
    return "in." + base64.b32encode(sixteen).decode().rstrip("=").lower()


def read_entry(value: object) -> Entry:
    """Read an entry's JSON value, or raise `StatementRefused`."""
    try:
        entry: Entry = Entry(**shape.record(value, _ENTRY, closed=True))
    except FormatRefused as refused:
        raise StatementRefused(refused.detail) from None
    if len({signed.key for signed in entry.signatures}) != len(entry.signatures):
        raise StatementRefused("`signatures`: A key stands twice.")
    return entry


def entry_value(entry: Entry) -> dict[str, Any]:
    """Return an entry as the JSON value that the log and the root file hold."""
    signatures = [{"key": signed.key, "signature": b64(signed.signature)} for signed in entry.signatures]
    return {"statement": b64(entry.statement), "signatures": signatures}


def logged_bytes(entry: Entry) -> bytes:
    """Return the entry of the log that holds a statement: 0x10 and its JSON."""
    return check_entry(bytes([STATEMENT]) + compact(entry_value(entry)))


def read_logged(raw: bytes) -> Entry:
    """Return the statement that an entry of the log holds, or raise `StatementRefused`."""
    if raw[:1] != bytes([STATEMENT]):
        raise StatementRefused("It is no statement of the log.")
    try:
        return read_entry(parse(raw[1:]))
    except FormatRefused as refused:
        raise StatementRefused(refused.detail) from None


def read_riders(raw: bytes) -> tuple[Rider, ...]:
    """Read what rides in an envelope: nothing, or compact JSON of entries with their proofs (`StatementRefused`)."""
    if not raw:
        return ()
    try:
        found = shape.record(
            parse(raw, MAX_RIDERS), {"riders": shape.array(_read_rider, least=1, most=64)}, closed=True
        )
    except FormatRefused as refused:
        raise StatementRefused(refused.detail) from None
    return tuple(found["riders"])


def write_riders(riders: Sequence[Rider]) -> bytes:
    """Return the bytes of `read_riders`."""
    values = [
        {"entry": entry_value(rider.entry)} | ({} if rider.proof is None else {"proof": b64(rider.proof)})
        for rider in riders
    ]
    return compact({"riders": values}) if values else b""


def _read_rider(value: object) -> Rider:
    found = shape.record(value, {"entry": read_entry}, {"proof": shape.some_bytes(MAX_STATEMENT)}, closed=True)
    return Rider(found["entry"], found.get("proof"))


def _read_membership(value: object) -> Membership:
    form: dict[str, shape.Reader[Any]] = {
        "name": shape.text(200),
        "country": shape.COUNTRY,
        "kind": shape.one_of(*AGENCY_KINDS),
        "identity": shape.exactly(32),
    }
    found = shape.record(value, form, closed=True)
    return Membership(found["name"], found["country"], found["kind"], found["identity"])


def _read_signing_key(value: object) -> NewSigningKey:
    found = shape.record(value, {"key": shape.exactly(32), "from": instant}, closed=True)
    return NewSigningKey(found["key"], found["from"])


def _read_epoch_keys(value: object) -> EpochKeys:
    keys = shape.array(_read_day_key, least=1, most=MAX_DAYS)(value)
    if len({at for at, _ in keys}) != len(keys) or len({key for _, key in keys}) != len(keys):
        raise FormatRefused("A day or a key stands twice.")
    return EpochKeys(keys)


def _read_day_key(value: object) -> tuple[date, bytes]:
    found = shape.record(value, {"day": day, "key": shape.exactly(32)}, closed=True)
    return found["day"], found["key"]


def _read_capabilities(value: object) -> Capabilities:
    found = shape.record(value, _CAPABILITIES, {"phone_24h": shape.TELEPHONE}, closed=False)
    return Capabilities(**({"phone_24h": None} | found))


def _read_calendar(value: object) -> Calendar:
    found = shape.record(value, _CALENDAR, {"subdivision": _SUBDIVISION}, closed=False)
    return Calendar(**({"subdivision": None} | found))


def _read_restriction(kind: Literal["suspension", "revocation"]) -> shape.Reader[Restriction]:
    def read(value: object) -> Restriction:
        found = shape.record(value, {"reason": shape.CODE}, {"agency": agency_name, "key": shape.ID}, closed=True)
        if ("agency" in found) == ("key" in found):
            raise FormatRefused("It names an agency or a key.")
        return Restriction(kind, found.get("agency"), found.get("key"), found["reason"])

    return read


def _read_recovery(value: object) -> Recovery:
    found = shape.record(value, {}, {"identity": shape.exactly(32), "signing": shape.exactly(32)}, closed=True)
    if len(found) != 1:
        raise FormatRefused("It brings an identity key or a signing key.")
    return Recovery("identity" if "identity" in found else "signing", *found.values())


def _read_policy(value: object) -> Policy:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_POLICY or not _POLICY.fullmatch(value):
        raise FormatRefused(f"A policy is a text of at most {MAX_POLICY} characters in lines.")
    return Policy(value)


def _write(body: Body) -> tuple[str, Any]:
    """Return the type and the JSON value of a body."""
    match body:
        case Membership():
            value = {"name": body.title, "country": body.country, "kind": body.kind, "identity": b64(body.identity)}
            return "membership", value
        case NewSigningKey():
            return "signing-key", {"key": b64(body.key), "from": instant_text(body.since)}
        case EpochKeys():
            return "epoch-keys", [{"day": at.isoformat(), "key": b64(key)} for at, key in sorted(body.keys)]
        case Capabilities():
            return "capabilities", _write_capabilities(body)
        case Restriction():
            named = {"key": body.key} if body.agency is None else {"agency": body.agency}
            return body.kind, named | {"reason": body.reason}
        case Recovery():
            return "recovery", {body.use: b64(body.key)}
        case Policy():
            return "policy", body.text


def _write_capabilities(body: Capabilities) -> dict[str, Any]:
    calendar = {
        "country": body.calendar.country,
        "weekend": sorted(body.calendar.weekend),
        "closed_days": [closed.isoformat() for closed in sorted(body.calendar.closed_days)],
        "zone": body.calendar.zone,
    }
    if body.calendar.subdivision is not None:
        calendar["subdivision"] = body.calendar.subdivision
    value: dict[str, Any] = {
        "roles": sorted(body.roles),
        "countries": sorted(body.countries),
        "languages": sorted(body.languages),
        "services": sorted(body.services),
        "places": sorted(body.places),
        "calendar": calendar,
        "suites": sorted(body.suites),
        "topic": body.topic,
    }
    return value if body.phone_24h is None else value | {"phone_24h": body.phone_24h}


def _id_or_none(value: object) -> str | None:
    return None if value is None else shape.ID(value)


_POLICY: Final = re.compile(r"[^\x00-\x09\x0b-\x1f\x7f-\x9f]*")
_SUBDIVISION = shape.word(r"[A-Z0-9]{1,3}", 3, "A subdivision is its letters or digits of ISO 3166-2.")
_ZONE = shape.word(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+){0,2}", 64, "A zone is a name of the tz database.")
_TOPIC = shape.word(r"in\.[a-z2-7]{26}", 29, "An inbox is `in.` and 26 characters of base32.")
_CALENDAR: Final[Mapping[str, shape.Reader[Any]]] = {
    "country": shape.COUNTRY,
    "weekend": shape.array(shape.whole(1, 7), most=6),
    "closed_days": shape.array(day, most=366),
    "zone": _ZONE,
}
_CAPABILITIES: Final[Mapping[str, shape.Reader[Any]]] = {
    "roles": shape.array(shape.CODE, most=32),
    "countries": shape.array(shape.COUNTRY, most=300),
    "languages": shape.array(shape.LANGUAGE, most=200),
    "services": shape.array(shape.CODE, most=64),
    "places": shape.array(shape.text(80), most=64),
    "calendar": _read_calendar,
    "suites": shape.array(shape.whole(1, 65_535), least=1, most=16),
    "topic": _TOPIC,
}
_READERS: Final[Mapping[str, Callable[[object], Body]]] = {
    "membership": _read_membership,
    "signing-key": _read_signing_key,
    "epoch-keys": _read_epoch_keys,
    "capabilities": _read_capabilities,
    "suspension": _read_restriction("suspension"),
    "revocation": _read_restriction("revocation"),
    "recovery": _read_recovery,
    "policy": _read_policy,
}
_HEADER: Final[Mapping[str, shape.Reader[Any]]] = {
    "network": shape.NETWORK,
    "type": shape.one_of(*_READERS),
    "previous": _id_or_none,
    "made_at": instant,
}


def _read_signed(value: object) -> Signed:
    form: dict[str, shape.Reader[Any]] = {"key": shape.ID, "signature": shape.exactly(SIGNATURE_SIZE)}
    return Signed(**shape.record(value, form, closed=True))


_ENTRY: Final[Mapping[str, shape.Reader[Any]]] = {
    "statement": shape.some_bytes(MAX_STATEMENT),
    "signatures": shape.array(_read_signed, least=1, most=MAX_SIGNATURES),
}
