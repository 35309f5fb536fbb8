"""What governors do: sign a joining request, a restriction or a policy, and submit it once enough have signed.

A governor's key is a file of 43 characters that only its owner may read. Each governor signs in his own place: the file
is written back with his signature, and the last one needed submits it to the notary that the root file names.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from contracts import tlog
from contracts.encoding import b64, compact, parse, unb64
from contracts.joining import JoiningRequest, check_for, read_joining, write_joining
from contracts.network import read_network, root_digest
from contracts.refusal import FormatRefused, Refusal
from contracts.signing import fingerprint, public_signing
from contracts.statements import (
    Entry,
    Link,
    Membership,
    Policy,
    Restriction,
    logged_bytes,
    read_statement,
    statement_bytes,
)
from notary import disk

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from contracts.network import Network

SECONDS: Final = 30.0
MAX_ANSWER: Final = 65_536
TAKEN: Final = 202
REFUSED: Final = range(400, 500)


class FileRefused(Refusal):
    """This file cannot be used here; name the one that was meant."""

    code = "file"


class NotaryAway(Refusal):
    """The notary did not answer; the signatures are in the file, submit it again later with the same command."""

    code = "notary-away"


class StatementsRefused(Refusal):
    """The notary does not take these statements; ask the agency for a new request."""

    code = "statements-refused"


@dataclass(frozen=True, slots=True)
class Governed:
    """What came of it: the agency, its title and fingerprint, how many must sign yet, and the indices in the log.

    `last` is the id of the last of the statements: the subject's next one names it.
    """

    agency: str
    title: str
    fingerprint: str
    says: tuple[str, ...]
    missing: int
    indices: tuple[int, ...]
    last: str


def admit(request: Path, root_file: Path, keys: Sequence[Path]) -> Governed:
    """Sign a request with these governors' keys, write it back, and submit it where enough have signed."""
    network, digest = _root(root_file)
    found = read_joining(_read(request))
    check_for(found, network, digest)
    for key in keys:
        found = found.signed_by(_seed(key), network)
    disk.write_file(request, write_joining(found))
    # The signatures are in the file. If we stop here the same command submits it.
    missing = found.missing(network)
    indices = () if missing else _submit(network, found.entries)
    first = read_statement(found.entries[0].statement)
    says = tuple(read_statement(entry.statement).type for entry in found.entries)
    title, identity = "", ""
    if isinstance(first.body, Membership):
        title, identity = first.body.title, fingerprint(first.body.identity)
    return Governed(first.link.subject, title, identity, says, missing, indices, found.entries[-1].id)


def restrict(agency: str, body: Restriction, root_file: Path, keys: Sequence[Path], request: Path) -> Governed:
    """Suspend or revoke an agency or its key: write the statement into a file, signed by these keys, and go on from it.

    The file must not be there yet; where more governors are needed it goes to the next one.
    """
    # It names no statement before it: what restricts may stand anywhere in the chain.
    network, digest = _root(root_file)
    link = Link(network.name, agency, None, datetime.now(UTC).replace(microsecond=0))
    _begin(JoiningRequest(network.name, digest, (Entry(statement_bytes(link, body), ()),)), network, keys, request)
    return admit(request, root_file, ())


def change_policy(text: Path, previous: str | None, root_file: Path, keys: Sequence[Path], request: Path) -> Governed:
    """State the policy of a file for the network; `previous` is the id of the policy statement before it, if any.

    Raises `PolicyRefused` or `FileRefused` where it is none, or none of this log: every proof would be refused by it.
    """
    network, digest = _root(root_file)
    body = Policy(_read(text).decode("utf-8", "replace"))
    policy = tlog.read_policy(body.text.encode())
    if network.log.key not in {str(key) for key in policy.log_keys}:
        raise FileRefused("The policy does not name the network's log with its key.")
    link = Link(network.name, network.name, previous, datetime.now(UTC).replace(microsecond=0))
    _begin(JoiningRequest(network.name, digest, (Entry(statement_bytes(link, body), ()),)), network, keys, request)
    return admit(request, root_file, ())


def _begin(request: JoiningRequest, network: Network, keys: Sequence[Path], file: Path) -> None:
    """Write a request that these governors have signed, where there is no file of this name."""
    if file.exists():
        raise FileRefused("There is a file of this name already.")
    for key in keys:
        request = request.signed_by(_seed(key), network)
    disk.write_file(file, write_joining(request))
    # The signatures are in the file. If we stop here `notary admit` goes on from it.


def make_key(path: Path) -> str:
    """Make a governor's key file and return its public half, as a root file names it."""
    seed = os.urandom(32)
    try:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError:
        raise FileRefused("There is a file of this name already, or it cannot be written.") from None
    with os.fdopen(file, "wb") as written:
        written.write(b64(seed).encode() + b"\n")
        written.flush()
        os.fsync(file)
    return b64(public_signing(seed))


def _root(path: Path) -> tuple[Network, str]:
    raw = _read(path)
    return read_network(raw), root_digest(raw)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise FileRefused("There is no such file, or it may not be read.") from None


def _seed(path: Path) -> bytes:
    """Return the 32 bytes of a governor's key file."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        raise FileRefused("There is no such key file, or it may not be read.") from None
    with os.fdopen(file, "rb") as opened:
        mode = os.fstat(file).st_mode
        if not stat.S_ISREG(mode) or mode & 0o077:
            raise FileRefused("A key file has mode 0600.")
        text = opened.read(100)
    try:
        return unb64(text.decode("ascii").strip(), 32)
    except (UnicodeDecodeError, FormatRefused):
        raise FileRefused("A key file holds 43 characters.") from None


def _submit(network: Network, entries: Sequence[Entry]) -> tuple[int, ...]:
    """Return the indices under which the log holds the statements."""
    if network.notary is None:
        raise FileRefused("The root file names no notary.")
    where = urlsplit(network.notary)
    kind = HTTPSConnection if where.scheme == "https" else HTTPConnection
    connection = kind(where.hostname or "", where.port, timeout=SECONDS)
    body = compact({"entries": [b64(logged_bytes(entry)) for entry in entries]})
    try:
        connection.request("POST", f"{where.path.rstrip('/')}/v1/entries", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        raw, status = answer.read(MAX_ANSWER), answer.status
    except (OSError, HTTPException):
        raise NotaryAway from None
    finally:
        connection.close()
    return _indices(raw, status)


def _indices(raw: bytes, status: int) -> tuple[int, ...]:
    try:
        found: dict[str, Any] = parse(raw, MAX_ANSWER)
    except FormatRefused:
        raise NotaryAway from None
    if status == TAKEN:
        return tuple(found["indices"])
    if status in REFUSED:
        raise StatementsRefused(str(found.get("title", "")))
    raise NotaryAway
