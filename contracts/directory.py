"""Who takes part and by which keys: the signed statements of a network, replayed in order, each refused or in force.

Source: evidence.md 4, sealing.md 3. Rules of the replay, for each statement in turn:

- it is of this network, names its subject's latest statement as `previous`, and carries just the signatures that its
  type asks for: governors (m of n), the identity key, a signing key in force, and every new key's own (possession);
- membership lets an agency in, or ends its suspension; after a revocation it must bring a new identity key;
- suspension and revocation act when seen, whichever statement of the subject they were written after; they come from
  the identity key or from governors, and a key that they name is never relied on again;
- a key has one use for ever: an identity, signing or governor's key is nobody's second one, an epoch key belongs to one
  agency and one day, and no signing key comes back as an epoch key;
- keys that are no valid Ed25519 point, or that are X25519 points not canonical or of low order, are refused;
- suites never go down: who has declared a higher one is not written to in a lower one.

A refused statement changes nothing. `Directory` is never changed: `add` returns the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Protocol

from contracts.refusal import Refusal
from contracts.signing import (
    KeyRefused,
    SignatureRefused,
    SigningKey,
    UnknownKey,
    as_epoch_key,
    check_epoch_key,
    check_signing_key,
    fingerprint,
    verify_bytes,
)
from contracts.statements import (
    Body,
    Capabilities,
    Entry,
    EpochKeys,
    Membership,
    NewSigningKey,
    Policy,
    Recovery,
    Restriction,
    Statement,
    StatementRefused,
    read_statement,
    signed_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

STATE_BODY: Final = "state_body"


class UnknownAgency(Refusal):
    """The directory holds no such agency; look it up in the network's root file."""

    code = "unknown-agency"


class NotDeclared(Refusal):
    """This agency has not declared its capabilities yet; it must publish them before anybody can write to it."""

    code = "not-declared"


class Governors(Protocol):
    """Who lets agencies in: `m` of these Ed25519 `keys` must agree."""

    @property
    def m(self) -> int:
        """Return how many must agree."""

    @property
    def keys(self) -> tuple[bytes, ...]:
        """Return their keys."""


@dataclass(frozen=True, slots=True)
class Agency:
    """An agency as the directory has it now.

    `name` is its id, `title` its name in words. `fingerprint` is of its identity key, `former` of the keys before it.
    It is `suspended` by a statement that names it, and `keyless` by one that names its identity key.
    """

    name: str
    title: str
    country: str
    kind: str
    identity: bytes
    fingerprint: str
    former: frozenset[str] = frozenset()
    suspended: bool = False
    keyless: bool = False
    declared: Capabilities | None = None

    @property
    def active(self) -> bool:
        """Return whether it is written to, and its signatures relied on."""
        return not (self.suspended or self.keyless)

    @property
    def capabilities(self) -> Capabilities:
        """Return what it has declared, or raise `NotDeclared`."""
        if self.declared is None:
            raise NotDeclared
        return self.declared

    @property
    def state_body(self) -> bool:
        """Return whether it is a body of a state, which may not learn of asylum (standing.md 3)."""
        return self.kind == STATE_BODY

    @property
    def fingerprints(self) -> frozenset[str]:
        """Return every fingerprint under which it may have been written to."""
        return self.former | {self.fingerprint}


@dataclass(frozen=True, slots=True)
class StatedKey:
    """A signing key as stated: `skid` is the statement's id, `since` when it began to sign."""

    skid: str
    agency: str
    key: bytes
    since: datetime


@dataclass(frozen=True, slots=True)
class Directory:
    """The agencies of one network and their keys, after the statements seen so far; ask it, or `add` to it.

    `heads`: the latest statement of each subject. `subjects`: whom each statement is about. `signing`: by skid, in the
    order of the log. `epochs`: by agency and day. `uses`: what each public key serves. `refused`: fingerprints of keys
    that are never relied on again.
    """

    network: str
    governors: Governors
    agencies: Mapping[str, Agency] = field(default_factory=dict)
    policy: str | None = None
    heads: Mapping[str, str] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)
    signing: Mapping[str, StatedKey] = field(default_factory=dict)
    epochs: Mapping[tuple[str, date], bytes] = field(default_factory=dict)
    uses: Mapping[bytes, tuple[str, str]] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()

    def agency(self, name: str) -> Agency:
        """Return an agency, or raise `UnknownAgency`."""
        found = self.agencies.get(name)
        if found is None:
            raise UnknownAgency
        return found

    def signing_key(self, skid: str) -> SigningKey:
        """Return the key of a statement, and whether it may be relied on, or raise `UnknownKey`."""
        found = self.signing.get(skid)
        if found is None:
            raise UnknownKey
        return SigningKey(found.agency, found.key, valid=self.in_force(found))

    def current_signing(self, agency: str, at: datetime | None = None) -> tuple[str, bytes]:
        """Return skid and public key of the agency's latest signing key in force (by the time `at`, if given).

        Raises `UnknownKey` where it has none.
        """
        keys = [key for key in self.signing.values() if key.agency == agency and self.in_force(key)]
        keys = [key for key in keys if at is None or key.since <= at]
        if not keys:
            raise UnknownKey
        return keys[-1].skid, keys[-1].key

    def epoch_key(self, agency: str, day: date) -> bytes | None:
        """Return the X25519 key that envelopes of that day are sealed to; none if there is none, or it is suspended."""
        found = self.agencies.get(agency)
        return self.epochs.get((agency, day)) if found is not None and found.active else None

    def epoch_days(self, agency: str) -> tuple[date, ...]:
        """Return the days for which an agency has published epoch keys, in order."""
        return tuple(sorted(day for name, day in self.epochs if name == agency))

    def by_topic(self, topic: str) -> Agency:
        """Return whose inbox that is, or raise `UnknownAgency`."""
        for agency in self.agencies.values():
            if agency.declared is not None and agency.declared.topic == topic:
                return agency
        raise UnknownAgency

    def head(self, subject: str) -> str | None:
        """Return the id of the subject's latest statement: the next one names it as `previous`."""
        return self.heads.get(subject)

    def add(self, entry: Entry) -> Directory:
        """Return the directory after one more statement, or raise `StatementRefused`."""
        return _admit(self, entry)

    def in_force(self, key: StatedKey) -> bool:
        """Return whether a signing key may be relied on: neither it nor its agency is suspended or revoked."""
        return fingerprint(key.key) not in self.refused and self.agencies[key.agency].active


def replay(network: str, governors: Governors, entries: Iterable[Entry]) -> Directory:
    """Return the directory that these statements make in order, or raise `StatementRefused` at the first bad one."""
    uses: dict[bytes, tuple[str, str]] = {}
    for key in governors.keys:
        uses |= _uses_of(key, ("", "governor"))
    directory = Directory(network, governors, uses=uses)
    for place, entry in enumerate(entries, start=1):
        try:
            directory = directory.add(entry)
        except StatementRefused as refused:
            raise StatementRefused(f"Statement {place}: {refused.detail}") from None
    return directory


def _admit(before: Directory, entry: Entry) -> Directory:
    """Check a statement from the outside in: form, network, place in the chain, keys, signatures; then apply it."""
    statement = read_statement(entry.statement)
    if statement.link.network != before.network:
        raise StatementRefused("It belongs to another network.")
    _check_place(before, statement)
    _check_subject(before, statement)
    uses = _check_new_keys(before, statement)
    _check_signatures(before, entry, statement)
    return replace(
        _apply(before, statement),
        heads={**before.heads, statement.link.subject: statement.id},
        subjects={**before.subjects, statement.id: statement.link.subject},
        uses={**before.uses, **uses},
    )


def _check_place(before: Directory, statement: Statement) -> None:
    """One chain for each subject; what restricts acts when seen, so it may be written after any link of it."""
    subject, previous = statement.link.subject, statement.link.previous
    if statement.id in before.subjects:
        raise StatementRefused("It is in the directory already.")
    if isinstance(statement.body, Restriction):
        if previous is not None and before.subjects.get(previous) != subject:
            raise StatementRefused("`previous`: It is no statement about this subject.")
    elif previous != before.heads.get(subject):
        raise StatementRefused("`previous`: It is not the subject's latest statement.")


def _check_subject(before: Directory, statement: Statement) -> None:
    """Hold a statement against what its subject is now."""
    body, subject = statement.body, statement.link.subject
    agency = before.agencies.get(subject)
    if isinstance(body, Policy):
        if subject != before.network:
            raise StatementRefused("`subject`: A policy is the network's.")
    elif isinstance(body, Membership):
        if agency is not None and (agency.identity == body.identity) == agency.keyless:
            raise StatementRefused("`identity`: It stays as it is, and is a new one after its revocation.")
    elif agency is None:
        raise StatementRefused("`subject`: It is no member.")
    elif isinstance(body, Restriction):
        _check_restriction(before, agency, body)
    elif not agency.active and not isinstance(body, Recovery):
        raise StatementRefused("`subject`: It is suspended or revoked.")
    elif isinstance(body, Capabilities):
        _check_capabilities(before, agency, body)


def _check_restriction(before: Directory, agency: Agency, body: Restriction) -> None:
    own = {fingerprint(key.key) for key in before.signing.values() if key.agency == agency.name}
    if body.agency not in {None, agency.name} or (body.key is not None and body.key not in own | {agency.fingerprint}):
        raise StatementRefused("It restricts its subject or a key of its subject.")


def _check_capabilities(before: Directory, agency: Agency, body: Capabilities) -> None:
    if agency.declared is not None and max(body.suites) < max(agency.declared.suites):
        raise StatementRefused("`suites`: They never go down.")
    if any(other.declared is not None and other.declared.topic == body.topic for other in _others(before, agency)):
        raise StatementRefused("`topic`: It is another agency's inbox.")


def _others(before: Directory, agency: Agency) -> list[Agency]:
    return [other for other in before.agencies.values() if other.name != agency.name]


def _check_new_keys(before: Directory, statement: Statement) -> dict[bytes, tuple[str, str]]:
    """Return the uses that this statement's keys are put to, or refuse a key that is unfit or has another use."""
    subject, body = statement.link.subject, statement.body
    uses: dict[bytes, tuple[str, str]] = {}
    for use, key in _signature_keys(body):
        uses |= _uses_of(key, (subject, use))
    if isinstance(body, EpochKeys):
        for day, key in body.keys:
            try:
                check_epoch_key(key)
            except KeyRefused as refused:
                raise StatementRefused(refused.detail) from None
            uses[key] = (subject, day.isoformat())
    again = isinstance(body, EpochKeys | Membership)
    if any(key in before.uses and not (again and before.uses[key] == use) for key, use in uses.items()):
        raise StatementRefused("A key has another use already.")
    return uses


def _uses_of(key: bytes, use: tuple[str, str]) -> dict[bytes, tuple[str, str]]:
    """A signing key is taken as an encryption key too: neither may come back as the other."""
    try:
        check_signing_key(key)
    except KeyRefused as refused:
        raise StatementRefused(refused.detail) from None
    return {key: use, as_epoch_key(key): use}


def _signature_keys(body: Body) -> tuple[tuple[str, bytes], ...]:
    """Return the Ed25519 keys that a statement brings, and their use: each must sign it to prove its possession."""
    match body:
        case Membership():
            return (("identity", body.identity),)
        case NewSigningKey():
            return (("signing", body.key),)
        case Recovery():
            return ((body.use, body.key),)
        case _:
            return ()


def _check_signatures(before: Directory, entry: Entry, statement: Statement) -> None:
    """Every signature is one that the type asks for, and holds; and together they are enough."""
    governors = _by_fingerprint(before.governors.keys)
    agency = before.agencies.get(statement.link.subject)
    identity = _by_fingerprint([agency.identity] if agency is not None and not agency.keyless else [])
    new = _by_fingerprint(key for _, key in _signature_keys(statement.body))
    signed = {signed.key for signed in entry.signatures}
    agreed = len(signed & governors.keys()) >= before.governors.m
    own = bool(signed & identity.keys())
    match statement.body:
        case Membership():
            allowed, enough = governors | new, agreed
        case NewSigningKey():
            allowed, enough = identity | new, own
        case EpochKeys() | Capabilities():
            allowed, enough = _signing_keys(before, statement.link.subject), bool(signed)
        case Restriction() | Recovery():
            allowed, enough = governors | identity | new, own or agreed
        case Policy():
            allowed, enough = governors, agreed
    if not signed <= allowed.keys():
        raise StatementRefused("`signatures`: One is not asked for here.")
    for one in entry.signatures:
        try:
            verify_bytes(allowed[one.key], signed_bytes(entry.statement), one.signature)
        except SignatureRefused:
            raise StatementRefused("`signatures`: One does not hold.") from None
    if not enough or not new.keys() <= signed:
        raise StatementRefused("`signatures`: One that its type asks for is missing.")


def _by_fingerprint(keys: Iterable[bytes]) -> dict[str, bytes]:
    return {fingerprint(key): key for key in keys}


def _signing_keys(before: Directory, agency: str) -> dict[str, bytes]:
    return _by_fingerprint(key.key for key in before.signing.values() if key.agency == agency and before.in_force(key))


def _apply(before: Directory, statement: Statement) -> Directory:
    subject, body = statement.link.subject, statement.body
    match body:
        case Membership():
            return _with_agency(before, _admitted(before.agencies.get(subject), subject, body))
        case NewSigningKey():
            return _with_signing(before, StatedKey(statement.id, subject, body.key, body.since))
        case EpochKeys():
            return replace(before, epochs={**before.epochs, **{(subject, day): key for day, key in body.keys}})
        case Capabilities():
            return _with_agency(before, replace(before.agencies[subject], declared=body))
        case Restriction():
            return _restricted(before, before.agencies[subject], body)
        case Recovery(use="identity"):
            return _with_agency(before, _with_identity(before.agencies[subject], body.key))
        case Recovery():
            return _with_signing(before, StatedKey(statement.id, subject, body.key, statement.link.made_at))
        case Policy():
            return replace(before, policy=body.text)


def _with_agency(before: Directory, agency: Agency) -> Directory:
    return replace(before, agencies={**before.agencies, agency.name: agency})


def _with_signing(before: Directory, key: StatedKey) -> Directory:
    return replace(before, signing={**before.signing, key.skid: key})


def _admitted(present: Agency | None, name: str, body: Membership) -> Agency:
    if present is None:
        return Agency(name, body.title, body.country, body.kind, body.identity, fingerprint(body.identity))
    agency = replace(present, title=body.title, country=body.country, kind=body.kind, suspended=False)
    return agency if body.identity == agency.identity else _with_identity(agency, body.identity)


def _with_identity(agency: Agency, identity: bytes) -> Agency:
    former = agency.former | {agency.fingerprint}
    return replace(agency, identity=identity, fingerprint=fingerprint(identity), former=former, keyless=False)


def _restricted(before: Directory, agency: Agency, body: Restriction) -> Directory:
    """Take a key out for good, or an agency until it is let in again; a revocation takes all keys of the agency."""
    if body.key is not None:
        keyless = agency.keyless or body.key == agency.fingerprint
        after = _with_agency(before, replace(agency, keyless=keyless))
        return replace(after, refused=before.refused | {body.key})
    revoked = body.kind == "revocation"
    after = _with_agency(before, replace(agency, suspended=True, keyless=agency.keyless or revoked))
    if not revoked:
        return after
    keys = {fingerprint(key.key) for key in before.signing.values() if key.agency == agency.name}
    return replace(after, refused=before.refused | keys | {agency.fingerprint})
