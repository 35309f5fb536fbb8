"""The rules by which a directory statement counts or is refused, for each statement in turn (evidence.md 4).

- it is of this network, names its subject's latest statement as `previous`, and carries just the signatures that its
  type asks for: governors (m of n), the identity key, a signing key in force, and every new key's own (possession);
- membership lets an agency in, or ends its suspension; after a revocation it must bring a new identity key;
- suspension and revocation act when seen, whichever statement of the subject they were written after; they come from
  the identity key or from governors, and a key that they name is never relied on again;
- a key has one use for ever: an identity, signing or governor's key is nobody's second one, an epoch key belongs to one
  agency and one day, and no signing key comes back as an epoch key;
- keys that are no valid Ed25519 point, or that are X25519 points not canonical or of low order, are refused;
- suites never go down: who has declared a higher one is not written to in a lower one.

A refused statement changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from contracts.directory.agency import Agency, DayKey, Outage, StatedKey
from contracts.signing import (
    KeyRefused,
    SignatureRefused,
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
from contracts.tlog import PolicyRefused, read_policy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from contracts.directory.state import State

Uses = dict[bytes, tuple[str, str]]


def check(before: State, entry: Entry) -> Statement:
    """Return the statement if it holds here, from the outside in: form, network, place in the chain, keys, signatures.

    Raises `StatementRefused`; nothing is changed either way.
    """
    return _judged(before, entry)[0]


def _judged(before: State, entry: Entry) -> tuple[Statement, Uses]:
    statement = read_statement(entry.statement)
    if statement.link.network != before.network:
        raise StatementRefused("It belongs to another network.")
    _check_place(before, statement)
    _check_subject(before, statement)
    uses = _check_new_keys(before, statement)
    _check_signatures(before, entry, statement)
    return statement, uses


def admit(state: State, entry: Entry, index: int) -> Statement:
    """Check a statement and let it count from the leaf `index` on."""
    statement, uses = _judged(state, entry)
    state.uses |= uses
    state.heads[statement.link.subject] = statement.id
    state.subjects[statement.id] = statement.link.subject
    _apply(state, entry, statement, index)
    return statement


def ride(state: State, entry: Entry, index: int) -> Statement:
    """Let a statement count that came in an envelope, before what stands between it and the last one known.

    Everything is checked but its place in the chain, which stays where it was. The log decides in the end.
    """
    statement = read_statement(entry.statement)
    if statement.link.network != state.network:
        raise StatementRefused("It belongs to another network.")
    if statement.id in state.subjects:
        raise StatementRefused("It is in the directory already.")
    _check_subject(state, statement)
    uses = _check_new_keys(state, statement)
    _check_signatures(state, entry, statement)
    state.uses |= uses
    state.subjects[statement.id] = statement.link.subject
    _apply(state, entry, statement, index)
    return statement


def _check_place(before: State, statement: Statement) -> None:
    """One chain for each subject; what restricts acts when seen, so it may be written after any link of it."""
    subject, previous = statement.link.subject, statement.link.previous
    if statement.id in before.subjects:
        raise StatementRefused("It is in the directory already.")
    if isinstance(statement.body, Restriction):
        if previous is not None and before.subjects.get(previous) != subject:
            raise StatementRefused("`previous`: It is no statement about this subject.")
    elif previous != before.heads.get(subject):
        raise StatementRefused("`previous`: It is not the subject's latest statement.")


def _check_subject(before: State, statement: Statement) -> None:
    """Hold a statement against what its subject is now."""
    body, subject = statement.body, statement.link.subject
    agency = before.agencies.get(subject)
    if isinstance(body, Policy):
        _check_policy(before, subject, body)
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


def _check_policy(before: State, subject: str, body: Policy) -> None:
    if subject != before.network:
        raise StatementRefused("`subject`: A policy is the network's.")
    try:
        read_policy(body.text.encode())
    except PolicyRefused as refused:
        raise StatementRefused(f"`body`: {refused.detail}") from None


def _check_restriction(before: State, agency: Agency, body: Restriction) -> None:
    own = {fingerprint(key.key) for key in before.signing.values() if key.agency == agency.name}
    if body.agency not in {None, agency.name} or (body.key is not None and body.key not in own | {agency.fingerprint}):
        raise StatementRefused("It restricts its subject or a key of its subject.")


def _check_capabilities(before: State, agency: Agency, body: Capabilities) -> None:
    if agency.declared is not None and max(body.suites) < max(agency.declared.suites):
        raise StatementRefused("`suites`: They never go down.")
    if any(other.declared is not None and other.declared.topic == body.topic for other in _others(before, agency)):
        raise StatementRefused("`topic`: It is another agency's inbox.")


def _others(before: State, agency: Agency) -> list[Agency]:
    return [other for other in before.agencies.values() if other.name != agency.name]


def _check_new_keys(before: State, statement: Statement) -> Uses:
    """Return the uses that this statement's keys are put to, or refuse a key that is unfit or has another use."""
    subject, body = statement.link.subject, statement.body
    uses: Uses = {}
    for use, key in _signature_keys(body):
        uses |= uses_of(key, (subject, use))
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


def uses_of(key: bytes, use: tuple[str, str]) -> Uses:
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


def _check_signatures(before: State, entry: Entry, statement: Statement) -> None:
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


def _signing_keys(before: State, agency: str) -> dict[str, bytes]:
    return _by_fingerprint(key.key for key in before.signing.values() if key.agency == agency and before.in_force(key))


def _apply(state: State, entry: Entry, statement: Statement, index: int) -> None:
    subject, body = statement.link.subject, statement.body
    match body:
        case Membership():
            _put_agency(state, _admitted(state.agencies.get(subject), subject, body), index)
        case NewSigningKey():
            state.signing[statement.id] = StatedKey(statement.id, subject, body.key, body.since, index)
        case EpochKeys():
            signers = frozenset(signed.key for signed in entry.signatures)
            state.epochs.update({(subject, day): DayKey(key, signers) for day, key in body.keys})
        case Capabilities():
            _put_agency(state, replace(state.agencies[subject], declared=body), index)
        case Restriction():
            _restrict(state, state.agencies[subject], body, index)
        case Recovery(use="identity"):
            _put_agency(state, _with_identity(state.agencies[subject], body.key), index)
        case Recovery():
            key = StatedKey(statement.id, subject, body.key, statement.link.made_at, index)
            state.signing[statement.id] = key
        case Policy():
            state.policy = body.text


def _put_agency(state: State, agency: Agency, index: int) -> None:
    """Take an agency over, and note where it stopped or began to be relied on."""
    before = state.agencies.get(agency.name)
    was_active = before is None or before.active
    spans = state.outages.get(agency.name, ())
    if was_active and not agency.active:
        state.outages[agency.name] = (*spans, Outage(index))
    elif agency.active and not was_active:
        state.outages[agency.name] = (*spans[:-1], replace(spans[-1], end=index))
    state.agencies[agency.name] = agency


def _admitted(present: Agency | None, name: str, body: Membership) -> Agency:
    if present is None:
        return Agency(name, body.title, body.country, body.kind, body.identity, fingerprint(body.identity))
    agency = replace(present, title=body.title, country=body.country, kind=body.kind, suspended=False)
    return agency if body.identity == agency.identity else _with_identity(agency, body.identity)


def _with_identity(agency: Agency, identity: bytes) -> Agency:
    former = agency.former | {agency.fingerprint}
    return replace(agency, identity=identity, fingerprint=fingerprint(identity), former=former, keyless=False)


def _restrict(state: State, agency: Agency, body: Restriction, index: int) -> None:
    """Take a key out for good, or an agency until it is let in again; a revocation takes all keys of the agency."""
    revoked = body.kind == "revocation"
    if body.key is not None:
        keys, suspended = {body.key}, agency.suspended
    else:
        own = {fingerprint(key.key) for key in state.signing.values() if key.agency == agency.name}
        keys, suspended = (own | {agency.fingerprint} if revoked else set()), True
    for key in keys:
        state.refused.setdefault(key, index)
    keyless = agency.keyless or agency.fingerprint in keys
    _put_agency(state, replace(agency, suspended=suspended, keyless=keyless), index)
