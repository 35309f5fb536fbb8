"""Measures what one message costs in cryptography: compose, sign, seal, open, verify, read, and the floors beneath.

Run `python tests/benchmarks/bench_seal.py [--rounds N] [--json FILE]`; it prints medians in microseconds of one core.
Rounds are interleaved. The goal is the ratio of what the primitives alone need to what an operation takes: 0.5 (G3).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from nacl import bindings

from contracts.content import read, sign, verify
from contracts.envelope import open_envelope, seal
from contracts.signing import MESSAGE
from small_network import (
    NAME,
    TABLE,
    addressee,
    directory,
    epoch,
    first_step,
    profile,
    sealed,
    seed,
    signature,
    skid,
)

if TYPE_CHECKING:
    from collections.abc import Callable

REPEAT = 50
GOAL = 0.5
WHY = "The rest is strict reading: what a partner sends is refused or taken field by field, names and padding too."
PRIMITIVES = {
    "seal": ("X25519, fixed base", "X25519", "XChaCha20-Poly1305, seal 16 KiB"),
    "open": ("X25519", "XChaCha20-Poly1305, open 16 KiB", "Ed25519, verify"),
    "sign": ("Ed25519, key from seed", "Ed25519, sign"),
    "verify": ("Ed25519, verify",),
}


def operations() -> dict[str, Callable[[], object]]:
    """Return what is measured: a first step with one section, in the smaller envelope."""
    sections = [profile("hu-fp")]
    raw, to, key = first_step(sections), addressee(), skid("be-fp")
    made, signed, secret = sealed(raw, sections), signature("be-fp", raw), seed("be-fp", "signing")
    pair = epoch("hu-fp")
    public = directory().current_signing("be-fp")[1]
    return {
        "compose": lambda: first_step(sections),
        "sign": lambda: sign(secret, MESSAGE, NAME, key, raw),
        "verify": lambda: verify(public, MESSAGE, NAME, key, raw, signature=signed),
        "seal": lambda: seal(
            network=NAME,
            recipient="hu-fp",
            epoch_public=pair.public,
            kind=MESSAGE,
            skid=key,
            signature=signed,
            content=raw,
            sections=sections,
            draw=seed_of_the_round,
        ),
        "open": lambda: open_envelope(made, to),
        "read": lambda: read(raw, TABLE),
        "commit to a section": lambda: sections[0].commitment,
    }


def seed_of_the_round(size: int) -> bytes:
    """Return an ephemeral secret without the time that drawing one takes."""
    return b"e" * size


def floors() -> dict[str, Callable[[], object]]:
    """Return the primitives alone."""
    pair, key, nonce, plain = epoch("hu-fp"), b"k" * 32, b"n" * 24, bytes(16_384)
    public, secret = bindings.crypto_sign_seed_keypair(seed("be-fp", "signing"))
    signed = bindings.crypto_sign(b"m" * 200, secret)
    boxed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, b"aad", nonce, key)
    return {
        "X25519": lambda: bindings.crypto_scalarmult(key, pair.public),
        "X25519, fixed base": lambda: bindings.crypto_scalarmult_base(key),
        "XChaCha20-Poly1305, seal 16 KiB": lambda: bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
            plain, b"aad", nonce, key
        ),
        "XChaCha20-Poly1305, open 16 KiB": lambda: bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            boxed, b"aad", nonce, key
        ),
        "Ed25519, key from seed": lambda: bindings.crypto_sign_seed_keypair(seed_of_the_round(32)),
        "Ed25519, sign": lambda: bindings.crypto_sign(b"m" * 200, secret),
        "Ed25519, verify": lambda: bindings.crypto_sign_open(signed, public),
    }


def measure(rounds: int) -> list[dict[str, Any]]:
    """Return the median of each operation over interleaved rounds, and the ratios to the floors of the same rounds."""
    known = operations() | floors()
    times: dict[str, list[float]] = {name: [] for name in known}
    for _ in range(rounds):
        for name, operation in known.items():
            begin = perf_counter()
            for _ in range(REPEAT):
                operation()
            times[name].append((perf_counter() - begin) / REPEAT * 1_000_000)
    note = f"median of {rounds} interleaved rounds of {REPEAT}"
    figures: list[dict[str, Any]] = [
        {"name": name, "value": round(median(spent), 1), "unit": "µs", "note": note} for name, spent in times.items()
    ]
    return figures + [_ratio(name, times) for name in PRIMITIVES]


def _ratio(name: str, times: dict[str, list[float]]) -> dict[str, Any]:
    """Return the share of an operation that its primitives need, median over the rounds."""
    beneath = (times[primitive] for primitive in PRIMITIVES[name])
    shares = [sum(floor) / whole for *floor, whole in zip(*beneath, times[name], strict=True)]
    value = round(median(shares), 2)
    what = f"{name}: primitives alone / whole"
    found = {"name": what, "value": value, "goal": f">= {GOAL}", "met": value >= GOAL}
    return found | {"note": "the same rounds", "why": WHY}


def main() -> int:
    """Measure, print, and keep the figures where `--json` says."""
    parser = argparse.ArgumentParser(description="Measure what one message costs in cryptography.")
    parser.add_argument("--rounds", type=int, default=21, help="interleaved rounds (default 21)")
    parser.add_argument("--json", type=Path, help="write the figures there")
    given = parser.parse_args()
    found = measure(given.rounds)
    for figure in found:
        print(f"{figure['name']:<40} {figure['value']:>9} {figure.get('unit', '')}")
    if given.json:
        missing = "the vault, the store, the directory's replay; the wrapping of arguments by the benchmark is in it"
        given.json.write_text(json.dumps({"results": found, "not_in_the_figure": missing}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
