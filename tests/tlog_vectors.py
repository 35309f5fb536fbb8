"""Writes the known answers of the log's formats for foreign implementers: `python tests/tlog_vectors.py` renews them.

Keys come from fixed seeds and signatures are deterministic, so every run writes the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import contracts
from contracts.tlog import (
    COSIGNATURE,
    Checkpoint,
    LogProof,
    Prover,
    all_tiles,
    leaf_hash,
    leaves_prover,
    make_signer,
    message_entry,
    sign_note,
    tree_root,
    write_bundle,
)

FOLDER: Final = Path(contracts.__file__).parent / "vectors" / "tlog"
SIZES: Final = (0, 1, 2, 3, 4, 5, 7, 8, 13, 255, 256, 257, 600)
ENTRIES: Final = [message_entry(number.to_bytes(32, "big")) for number in range(max(SIZES))]
LEAVES: Final = [leaf_hash(entry) for entry in ENTRIES]
PROVER: Final[Prover] = leaves_prover(LEAVES)
LOG: Final = make_signer("vectors.example/log", b"\x01" * 32)
WITNESSES: Final = [make_signer(f"vectors.example/w{n}", bytes([16 + n]) * 32, COSIGNATURE) for n in range(3)]
POLICIES: Final = {
    "quorum-none": f"log {LOG.key}\nquorum none\n",
    "two-of-three": "\n".join(
        [
            f"log {LOG.key} https://vectors.example/",
            *(f"witness w{number} {signer.key}" for number, signer in enumerate(WITNESSES)),
            "group enough 2 w0 w1 w2",
            "quorum enough\n",
        ]
    ),
}
EXAMPLE: Final = {
    "source": "C2SP signed-note, Example",
    "vkey": "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    "note": (
        "This is an example message.\n\n— example.com/foo "
        "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
    ),
}


def head(size: int) -> Checkpoint:
    """Return the tree head of a size."""
    return Checkpoint("vectors.example/log", size, tree_root(LEAVES[:size]))


def trees() -> dict[str, Any]:
    """Return roots and proofs; entry n is 0x01 and n as 32 bytes, big-endian."""
    inclusion = [(at, size) for size in SIZES for at in {0, 1, size // 2, size - 1} if 0 <= at < size]
    consistency = [(old, size) for size in SIZES for old in SIZES if 0 < old <= size]
    return {
        "entries": "entry n is 0x01 followed by n as 32 bytes, big-endian",
        "roots": [{"size": size, "root": tree_root(LEAVES[:size]).hex()} for size in SIZES],
        "inclusion": [
            {"index": at, "size": size, "proof": [one.hex() for one in PROVER.inclusion(at, size)]}
            for at, size in sorted(inclusion)
        ],
        "consistency": [
            {"old": old, "size": size, "proof": [one.hex() for one in PROVER.consistency(old, size)]}
            for old, size in sorted(consistency)
        ],
    }


def notes() -> dict[str, Any]:
    """Return signed notes that hold, with their keys, and one in which a known key fails."""
    text = head(13).text()
    signed = sign_note(text, LOG, *WITNESSES, time=1_700_000_000).decode()
    cut = signed.rindex("\n", 0, -1) + 1
    broken = signed[:cut] + signed[cut:].replace("w2 ", "w1 ")
    return {
        "holds": [
            EXAMPLE,
            {"source": "ours, Ed25519", "vkey": str(LOG.key), "note": signed},
            *({"source": "ours, cosignature", "vkey": str(one.key), "note": signed} for one in WITNESSES),
            {
                "source": "a line under a name and an id that do not belong together",
                "vkey": str(LOG.key),
                "note": broken,
            },
        ],
        "refused": [
            {"source": "another text", "vkey": str(LOG.key), "note": signed.replace("13\n", "14\n", 1)},
            {"source": "signed by nobody one knows", "vkey": EXAMPLE["vkey"], "note": signed},
            {"source": "no last newline", "vkey": str(LOG.key), "note": signed[:-1]},
        ],
    }


def tiles() -> dict[str, Any]:
    """Return every tile and bundle of a log of 600."""
    found = {}
    for tile in all_tiles(600):
        first = tile.number * 256
        if tile.level is None:
            raw = write_bundle(ENTRIES[first : first + tile.width])
        else:
            raw = b"".join(PROVER.subtree(8 * tile.level, at) for at in range(first, first + tile.width))
        found[tile.path] = raw.hex()
    return {"size": 600, "tiles": found}


def proofs() -> dict[str, Any]:
    """Return proof files with the policy and entry they are verified under, and the verdict."""
    cases = []
    for index, cosigners, policy, verdict in (
        (0, 0, "quorum-none", "logged"),
        (7, 0, "quorum-none", "logged"),
        (12, 3, "quorum-none", "logged"),
        (7, 2, "two-of-three", "witnessed"),
        (7, 1, "two-of-three", "quorum-missing"),
        (7, 0, "two-of-three", "quorum-missing"),
    ):
        signed = sign_note(head(13).text(), LOG, *WITNESSES[:cosigners], time=1_700_000_000)
        file = LogProof(index, PROVER.inclusion(index, 13), signed).encode().decode()
        cases.append({"policy": policy, "entry": ENTRIES[index].hex(), "file": file, "verdict": verdict})
    cases.append({**cases[0], "entry": ENTRIES[1].hex(), "verdict": "log-proof"})
    return {"policies": POLICIES, "cases": cases}


def files() -> dict[str, str]:
    """Return the text of every file by its name."""
    made = {"trees": trees(), "notes": notes(), "tiles": tiles(), "proofs": proofs()}
    return {f"{name}.json": json.dumps(value, ensure_ascii=False, indent=1) + "\n" for name, value in made.items()}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for _name, _text in files().items():
        (FOLDER / _name).write_text(_text, encoding="utf-8")
