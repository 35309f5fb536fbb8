"""What this agency states of itself: each statement a file in its node's folder before anybody hears of it.

A private half is in the vault before the statement that publishes it is written, and the statement is in its file
before it is published: a crash in between leaves a key that nobody uses, or a statement that goes out at the next turn.
The files also tell a statement of ours from one that somebody else made with our keys.
Any process of the node may write here, also while another one serves it; the running node publishes (`rotation.py`).
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from contracts.encoding import compact
from contracts.signing import fingerprint, public_signing, sign_bytes
from contracts.statements import (
    MAX_DAYS,
    Capabilities,
    Entry,
    EpochKeys,
    Link,
    NewSigningKey,
    Recovery,
    Restriction,
    Signed,
    StatementRefused,
    entry_value,
    read_entry,
    read_statement,
    signed_bytes,
    statement_bytes,
)
from referral.errors import ReferralRefusal
from referral.vault import KeyFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

    from contracts.directory import Directory
    from contracts.statements import Body
    from referral.vault import Vault

FOLDER: Final = "statements"
READY: Final = ".json"
PASSED_ON: Final = ".passed-on"
LET_GO: Final = ".refused"

Signer = tuple[bytes, "Callable[[bytes], bytes]"]  # a public key, and what signs with its private half


class IdentityElsewhere(ReferralRefusal):
    """This needs the identity key, and it is not in this vault; name its file with `--identity-key`."""

    code = "identity-elsewhere"


class KeyNotOurs(ReferralRefusal):
    """The directory holds no such key of this agency; list its keys with `referral key list`."""

    code = "key-not-ours"


class OwnStatements:
    """The folder of an agency's own statements."""

    def __init__(self, folder: Path) -> None:
        """Use the folder `statements` of a node's folder; it is made when the first one is written."""
        self._folder = folder / FOLDER

    def is_ours(self, statement_id: str) -> bool:
        """Say whether this agency made a statement."""
        return any((self._folder / f"{statement_id}{end}").exists() for end in (READY, PASSED_ON, LET_GO))

    def keep(self, entry: Entry) -> None:
        """Write a statement down, on the disk when this returns; it goes out from now on."""
        self._write(entry, READY)
        # The statement is in its file. If we stop here the next turn of the running node publishes it.

    def note(self, entry: Entry) -> None:
        """Write a statement down as ours that others will publish: governors sign it first."""
        self._write(entry, PASSED_ON)

    def _write(self, entry: Entry, end: str) -> None:
        self._folder.mkdir(exist_ok=True, mode=0o700)
        target = self._folder / f"{entry.id}{end}"
        passing = target.with_suffix(".part")
        with passing.open("wb") as file:
            file.write(compact(entry_value(entry)))
            file.flush()
            os.fsync(file.fileno())
        passing.replace(target)

    def let_go(self, statement_id: str) -> None:
        """Publish a statement no more: the log does not take it."""
        (self._folder / f"{statement_id}{READY}").replace(self._folder / f"{statement_id}{LET_GO}")

    def waiting(self, directory: Directory) -> list[Entry]:
        """Return what the directory does not hold yet, each after the one that it follows."""
        left = {entry.id: (read_statement(entry.statement), entry) for entry in self._read(directory)}
        found: list[Entry] = []
        while left:
            ready = [name for name, (statement, _) in left.items() if statement.link.previous not in left]
            # What follows nothing that waits goes first, the older one before the younger one.
            ready.sort(key=lambda name: (left[name][0].link.made_at, name))
            found += [left.pop(name)[1] for name in ready]
        return found

    def head(self, directory: Directory, agency: str) -> str | None:
        """Return what the agency's next statement names as `previous`."""
        waiting = self.waiting(directory)
        return waiting[-1].id if waiting else directory.head(agency)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let one process at a time add to the chain."""
        self._folder.mkdir(exist_ok=True, mode=0o700)
        lock = os.open(self._folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _read(self, directory: Directory) -> list[Entry]:
        """Return what is ready and not in the directory yet."""
        found = []
        for path in sorted(self._folder.glob(f"*{READY}")) if self._folder.is_dir() else []:
            if path.name.removesuffix(READY) in directory.subjects:
                continue
            try:
                found.append(read_entry(json.loads(path.read_bytes())))
            except (OSError, ValueError, StatementRefused):
                continue
        return found


def state(link: Link, body: Body, *signers: Signer) -> Entry:
    """Return a statement signed by these keys."""
    raw = statement_bytes(link, body)
    signed = [Signed(fingerprint(public), sign(signed_bytes(raw))) for public, sign in signers]
    return Entry(raw, tuple(sorted(signed, key=lambda one: one.key)))


class Stating:
    """Makes statements about one agency: keys into its vault, statements into its folder."""

    def __init__(self, own: OwnStatements, network: str, agency: str, vault: Vault) -> None:
        """Make them for `agency` of `network`."""
        self._own, self._network, self._agency, self._vault = own, network, agency, vault

    def epoch_keys(self, directory: Directory, days: Sequence[date], now: datetime) -> list[Entry]:
        """Publish epoch keys for `days`; the private halves are in the vault before the statement is written."""
        signing = directory.current_signing(self._agency, now)[1]
        made = self._vault.new_epoch_keys(days)
        # The private halves are on the disk. If we stop here the same keys are published by the next try.
        keys = [(day, public) for day, _kid, public in made]
        return [
            self._keep(directory, EpochKeys(tuple(keys[first : first + MAX_DAYS])), now, self._signing(signing))
            for first in range(0, len(keys), MAX_DAYS)
        ]

    def rotate(self, directory: Directory, now: datetime, identity: Signer) -> Entry:
        """Publish a new signing key; it signs once it is in the directory under the quorum."""
        signing, since = self._vault.new_signing_key(), now.replace(microsecond=0)
        # The private half is on the disk. If we stop here it is a key that nobody has heard of.
        return self._keep(directory, NewSigningKey(signing, since), now, identity, self._signing(signing))

    def recover(self, directory: Directory, now: datetime, identity: Signer) -> Entry:
        """Publish a signing key in the place of one that was lost."""
        signing = self._vault.new_signing_key()
        # The private half is on the disk. If we stop here it is a key that nobody has heard of.
        return self._keep(directory, Recovery("signing", signing), now, identity, self._signing(signing))

    def revoke(self, directory: Directory, key: str, reason: str, now: datetime, identity: Signer) -> Entry:
        """Take one of our keys out for good, by its fingerprint."""
        ours = {fingerprint(one.key) for one in directory.signing.values() if one.agency == self._agency}
        if key not in ours | {directory.agency(self._agency).fingerprint}:
            raise KeyNotOurs
        return self._keep(directory, Restriction("revocation", None, key, reason), now, identity)

    def declare(self, directory: Directory, body: Capabilities, now: datetime) -> Entry:
        """Publish what this agency says of itself now."""
        return self._keep(directory, body, now, self._signing(directory.current_signing(self._agency, now)[1]))

    def _signing(self, public: bytes) -> Signer:
        return public, lambda message: self._vault.sign(public, message)

    def _keep(self, directory: Directory, body: Body, now: datetime, *signers: Signer) -> Entry:
        with self._own.writing():
            previous = self._own.head(directory, self._agency)
            entry = state(Link(self._network, self._agency, previous, now.replace(microsecond=0)), body, *signers)
            self._own.keep(entry)
        return entry


def redeclared(
    present: Capabilities,
    changes: Mapping[str, Any],
    *,
    phone_24h: str | None = None,
    weekend: tuple[int, ...] = (),
    days: tuple[date, ...] = (),
    zone: str | None = None,
) -> Capabilities:
    """Return what an agency declares with changes: what is not given stays, further days off are added."""
    office = present.calendar
    closed = tuple(sorted({*office.closed_days, *days}))
    office = replace(office, weekend=weekend or office.weekend, closed_days=closed, zone=zone or office.zone)
    return replace(present, calendar=office, phone_24h=phone_24h or present.phone_24h, **changes)


def file_identity(path: Path) -> Signer:
    """Return what signs with the identity key of a file, or raise `KeyFileRefused`."""
    key_file = KeyFile(path)
    seed = key_file.secret(key_file.lock())
    return public_signing(seed), lambda message: sign_bytes(seed, message)


def vault_identity(vault: Vault) -> Signer:
    """Return what signs with the identity key that is in a vault, or raise `IdentityElsewhere`."""
    public = vault.identity()
    if public is None:
        raise IdentityElsewhere
    return public, vault.sign_identity
