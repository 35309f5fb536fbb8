"""The bearer token of a node: drawn by `referral init`, shown once, kept as a hash.

Form: `referral_` and 43 characters. Roles, scopes and further tokens come with the accounts of people and machines.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from typing import TYPE_CHECKING, Final

from contracts.encoding import b64

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "tokens.json"
PREFIX: Final = "referral_"


def new_token(folder: Path) -> str:
    """Draw a token, keep its hash in the node's folder, and return it: nobody can read it again."""
    token = PREFIX + b64(secrets.token_bytes(32))
    target = folder / FILE
    file = os.open(target, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as kept:
        json.dump({"tokens": [_hash(token)]}, kept)
        kept.write("\n")
    return token


def known(folder: Path, token: str) -> str | None:
    """Return the opaque name of the token's holder, or None for a token that this node did not give out."""
    try:
        kept = json.loads((folder / FILE).read_text(encoding="utf-8"))["tokens"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    given = _hash(token)
    return f"token-{given[:12]}" if any(hmac.compare_digest(given, str(one)) for one in kept) else None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
