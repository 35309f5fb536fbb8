"""A second reader of logs, written from RFC 6962 and C2SP's pages alone: slow, recursive, sharing no code with ours.

Signatures are checked by another library than the product uses. Anything wrong raises AssertionError.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def sha(*parts: bytes) -> bytes:
    """Return SHA-256 of the joined parts."""
    return hashlib.sha256(b"".join(parts)).digest()


def mth(entries: Sequence[bytes]) -> bytes:
    """Return MTH(D[n]) of RFC 6962 2.1."""
    if not entries:
        return sha()
    if len(entries) == 1:
        return sha(b"\x00", entries[0])
    k = split(len(entries))
    return sha(b"\x01", mth(entries[:k]), mth(entries[k:]))


def split(n: int) -> int:
    """Return the largest power of two smaller than n."""
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def path(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """Return PATH(m, D[n]) of RFC 6962 2.1.1."""
    if len(entries) == 1:
        return []
    k = split(len(entries))
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def proof(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """Return PROOF(m, D[n]) of RFC 6962 2.1.2."""
    return subproof(m, entries, whole=True)


def subproof(m: int, entries: Sequence[bytes], *, whole: bool) -> list[bytes]:
    """Return SUBPROOF(m, D[n], b) of RFC 6962 2.1.2."""
    n = len(entries)
    if m == n:
        return [] if whole else [mth(entries)]
    k = split(n)
    if m <= k:
        return [*subproof(m, entries[:k], whole=whole), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], whole=False), mth(entries[:k])]


def open_note(raw: bytes, vkey: str) -> str:
    """Return the text of a note that the key of `vkey` signed."""
    name, key_id, coded = vkey.split("+", 2)
    key = base64.b64decode(coded)
    assert key[0] == 1
    assert hashlib.sha256(name.encode() + b"\n" + key).hexdigest()[:8] == key_id
    text, _, signatures = raw.decode().rpartition("\n\n")
    text += "\n"
    signed = 0
    for line in signatures.splitlines():
        dash, signer, signature = line.split(" ")
        blob = base64.b64decode(signature)
        if dash == "—" and signer == name and blob[:4].hex() == key_id:
            Ed25519PublicKey.from_public_bytes(key[1:]).verify(blob[4:], text.encode())
            signed += 1
    assert signed == 1
    return text


def open_checkpoint(raw: bytes, vkey: str) -> tuple[int, bytes]:
    """Return size and root of a checkpoint signed by the log of `vkey`."""
    origin, size, root, end = open_note(raw, vkey).split("\n")
    assert (origin, end) == (vkey.split("+", maxsplit=1)[0], "")
    return int(size), base64.b64decode(root)


def number_path(n: int) -> str:
    """Return a tile's number as C2SP tlog-tiles writes it."""
    digits = str(n).zfill(-(-len(str(n)) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return "/".join([*("x" + group for group in groups[:-1]), groups[-1]])


def tile_paths(size: int) -> list[str]:
    """Return the paths of all tiles and bundles that a log of this size has, by the formula of the specification."""
    found = []
    for kind in ("entries", *range(64)):
        row = size // 256 ** (0 if kind == "entries" else int(kind))
        found += [f"tile/{kind}/{number_path(n)}" for n in range(row // 256)]
        if row % 256:
            found.append(f"tile/{kind}/{number_path(row // 256)}.p/{row % 256}")
    return found


def read_log(size: int, get: Callable[[str], bytes]) -> list[bytes]:
    """Return all entries of a log; every tile is held against what the entries give."""
    entries: list[bytes] = []
    for name in tile_paths(size):
        if name.startswith("tile/entries/"):
            entries += read_bundle(get(name))
    assert len(entries) == size
    rows = {0: [sha(b"\x00", entry) for entry in entries]}
    for name in tile_paths(size):
        _, kind, *numbers = name.removesuffix("/").split("/")
        if kind == "entries":
            continue
        level = int(kind)
        if level not in rows:
            below = rows[level - 1]
            rows[level] = [tree(below[at : at + 256]) for at in range(0, len(below) - len(below) % 256, 256)]
        number = int("".join(numbers).split(".", maxsplit=1)[0].replace("x", ""))
        width = int(name.rpartition(".p/")[2]) if ".p/" in name else 256
        assert get(name) == b"".join(rows[level][number * 256 : number * 256 + width])
    return entries


def tree(hashes: Sequence[bytes]) -> bytes:
    """Return the root above leaf hashes."""
    if len(hashes) == 1:
        return hashes[0]
    k = split(len(hashes))
    return sha(b"\x01", tree(hashes[:k]), tree(hashes[k:]))


def read_bundle(raw: bytes) -> list[bytes]:
    """Return the entries of a bundle."""
    entries = []
    while raw:
        length = raw[0] * 256 + raw[1]
        entries.append(raw[2 : 2 + length])
        assert len(entries[-1]) == length
        raw = raw[2 + length :]
    return entries
