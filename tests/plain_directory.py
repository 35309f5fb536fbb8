"""A second, slow replay of directory statements, written from the page and not from the product: for comparison only.

It reads JSON with the standard library, verifies with PyNaCl, keeps the whole list of what counted, and answers every
question by walking that list from the start. It shares no code with `contracts.directory`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

if TYPE_CHECKING:
    from collections.abc import Sequence

NOT_LOGGED = -1


def bytes_of(text: str) -> bytes:
    """Return the bytes of base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def text_of(raw: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def named(raw: bytes, person: bytes) -> str:
    """Return BLAKE2b-256 under a label."""
    return text_of(hashlib.blake2b(raw, digest_size=32, person=person).digest())


def print_of(key: bytes) -> str:
    """Return a key's fingerprint."""
    return named(key, b"LF1/identity")


@dataclass
class Counted:
    """One statement that counted: its leaf, its id, what it says."""

    leaf: int
    id: str
    value: dict[str, Any]

    @property
    def body(self) -> Any:
        """Return the body."""
        return self.value["body"]

    def is_a(self, *types: str) -> bool:
        """Say whether it is of one of these types."""
        return self.value["type"] in types


@dataclass
class PlainDirectory:
    """What counted so far, in order."""

    network: str
    m: int
    governors: Sequence[bytes]
    counted: list[Counted] = field(default_factory=list)

    def about(self, subject: str) -> list[Counted]:
        """Return what counted about a subject."""
        return [one for one in self.counted if one.value["subject"] == subject]

    def identity(self, agency: str) -> bytes | None:
        """Return the identity key in force."""
        found: bytes | None = None
        for one in self.about(agency):
            if one.is_a("membership") or (one.is_a("recovery") and "identity" in one.body):
                found = bytes_of(one.body["identity"])
            elif one.is_a("revocation", "suspension") and found is not None:
                gone = one.body.get("key") == print_of(found)
                found = None if gone or (one.is_a("revocation") and "agency" in one.body) else found
        return found

    def suspended(self, agency: str) -> bool:
        """Say whether a statement that names the agency stands."""
        found = False
        for one in self.about(agency):
            if one.is_a("revocation", "suspension") and "agency" in one.body:
                found = True
            elif one.is_a("membership"):
                found = False
        return found

    def active(self, agency: str) -> bool:
        """Say whether the agency is relied on."""
        return self.identity(agency) is not None and not self.suspended(agency)

    def keys(self, agency: str) -> dict[str, bytes]:
        """Return every signing key that was stated, by its statement."""
        found = {}
        for one in self.about(agency):
            if one.is_a("signing-key"):
                found[one.id] = bytes_of(one.body["key"])
            elif one.is_a("recovery") and "signing" in one.body:
                found[one.id] = bytes_of(one.body["signing"])
        return found

    def gone_since(self, agency: str, key: bytes) -> int | None:
        """Return the leaf of the first statement that took this signing key out, or None."""
        stated = False
        for one in self.about(agency):
            stated = stated or (
                one.is_a("signing-key", "recovery") and text_of(key) in {one.body.get("key"), one.body.get("signing")}
            )
            if one.is_a("revocation", "suspension") and one.body.get("key") == print_of(key):
                return one.leaf
            if stated and one.is_a("revocation") and "agency" in one.body:
                return one.leaf
        return None

    def in_force(self, agency: str, key: bytes) -> bool:
        """Say whether a signing key is relied on."""
        return self.active(agency) and self.gone_since(agency, key) is None

    def judge(self, agency: str, key: bytes, leaf: int | None) -> str:
        """Return valid, invalid or undecided: by walking the list and asking what stood before the leaf."""
        if leaf is None:
            return "valid" if self.in_force(agency, key) else "undecided"
        before = PlainDirectory(
            self.network, self.m, self.governors, [one for one in self.counted if one.leaf < leaf or one.leaf < 0]
        )
        out = before.identity(agency) is None or before.suspended(agency)
        gone = before.gone_since(agency, key)
        known = any(one.leaf < leaf for one in self.about(agency) if one.is_a("membership"))
        return "invalid" if gone is not None or (known and out) else "valid"

    def accepts(self, raw: bytes, signatures: dict[str, bytes], leaf: int = NOT_LOGGED) -> bool:
        """Let a statement count if it is signed by those whom its type asks for and follows the one before."""
        value = json.loads(raw)
        name = named(raw, b"LF1/statement")
        if value["network"] != self.network or not self._follows(name, value) or not self._named(value):
            return False
        if not self._signed(raw, value, signatures):
            return False
        self.counted.append(Counted(leaf, name, value))
        return True

    def _follows(self, name: str, value: dict[str, Any]) -> bool:
        about = self.about(value["subject"])
        if any(one.id == name for one in self.counted):
            return False
        if value["type"] in {"suspension", "revocation"}:
            return value["previous"] is None or value["previous"] in {one.id for one in about}
        return bool(value["previous"] == (about[-1].id if about else None))

    def _named(self, value: dict[str, Any]) -> bool:
        """What restricts names its subject, its latest identity, or one of its signing keys."""
        if value["type"] not in {"suspension", "revocation"}:
            return True
        subject, body = value["subject"], value["body"]
        if "agency" in body:
            return bool(body["agency"] == subject)
        identities = [one.body["identity"] for one in self.about(subject) if "identity" in one.body]
        keys = [*self.keys(subject).values(), *map(bytes_of, identities[-1:])]
        return body["key"] in {print_of(key) for key in keys}

    def _signed(self, raw: bytes, value: dict[str, Any], signatures: dict[str, bytes]) -> bool:
        subject, body, kind = value["subject"], value["body"], value["type"]
        governors = {print_of(key): key for key in self.governors}
        own = self.identity(subject)
        identity = {} if own is None else {print_of(own): own}
        signing = {print_of(key): key for key in self.keys(subject).values() if self.in_force(subject, key)}
        new = [
            bytes_of(body[field])
            for types, field in (("membership", "identity"), ("signing-key", "key"), ("recovery", "identity"))
            if kind == types and field in body
        ]
        new += [bytes_of(body["signing"])] if kind == "recovery" and "signing" in body else []
        fresh = {print_of(key): key for key in new}
        agreed = len(signatures.keys() & governors.keys()) >= self.m
        if kind == "membership":
            allowed, enough = governors | fresh, agreed and self._may_join(subject, bytes_of(body["identity"]))
        elif kind == "signing-key":
            allowed, enough = identity | fresh, bool(signatures.keys() & identity.keys()) and self.active(subject)
        elif kind in {"epoch-keys", "capabilities"}:
            allowed, enough = signing, bool(signatures) and self.active(subject)
        elif kind in {"suspension", "revocation", "recovery"}:
            allowed = governors | identity | fresh
            enough = (bool(signatures.keys() & identity.keys()) or agreed) and bool(self.about(subject))
        else:
            allowed, enough = governors, agreed
        if any(self._used(key, subject, kind) for key in new):
            return False
        if not signatures.keys() <= allowed.keys() or not enough or not fresh.keys() <= signatures.keys():
            return False
        return all(_holds(allowed[name], raw, signature) for name, signature in signatures.items())

    def _may_join(self, subject: str, identity: bytes) -> bool:
        """A member keeps its identity; one whose identity was revoked brings another."""
        if not self.about(subject):
            return True
        present = self.identity(subject)
        return present == identity if present is not None else True

    def _used(self, key: bytes, subject: str, kind: str) -> bool:
        """Say whether a key has been put to a use; a member may say its own identity again."""
        if key in self.governors:
            return True
        text = text_of(key)
        for one in self.counted:
            if one.is_a("epoch-keys") or not isinstance(one.body, dict):
                continue
            if text in {one.body.get("identity"), one.body.get("key"), one.body.get("signing")}:
                again = kind == "membership" and "identity" in one.body and one.value["subject"] == subject
                return not again or self.identity(subject) != key
        return False


def _holds(key: bytes, raw: bytes, signature: bytes) -> bool:
    try:
        VerifyKey(key).verify(b"LF1/directory\x00" + raw, signature)
    except BadSignatureError:
        return False
    return True
