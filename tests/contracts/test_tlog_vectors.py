"""The shipped vectors are what the generator writes, and a reader that shares no code with the product agrees."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import plain_tlog
import tlog_vectors
from contracts.tlog import LogProofRefused, NoteRefused, read_key, read_note, read_policy, verify_note, verify_proof

ENTRIES = [b"\x01" + number.to_bytes(32, "big") for number in range(600)]


def load(name: str) -> Any:
    return json.loads((tlog_vectors.FOLDER / name).read_text(encoding="utf-8"))


def test_generating_the_vectors_again_gives_the_same_files() -> None:
    shipped = {path.name: path.read_text(encoding="utf-8") for path in tlog_vectors.FOLDER.glob("*.json")}
    assert shipped == tlog_vectors.files()


def test_the_slow_reader_finds_the_same_roots_and_proofs() -> None:
    trees = load("trees.json")
    for tree in trees["roots"]:
        assert tree["root"] == plain_tlog.mth(ENTRIES[: tree["size"]]).hex()
    for one in trees["inclusion"]:
        assert one["proof"] == [found.hex() for found in plain_tlog.path(one["index"], ENTRIES[: one["size"]])]
    for one in trees["consistency"]:
        assert one["proof"] == [found.hex() for found in plain_tlog.proof(one["old"], ENTRIES[: one["size"]])]


def test_the_slow_reader_reads_the_tiles_as_the_log_they_are() -> None:
    log = load("tiles.json")
    assert plain_tlog.read_log(log["size"], lambda path: bytes.fromhex(log["tiles"][path])) == ENTRIES
    assert sorted(log["tiles"]) == sorted(plain_tlog.tile_paths(600))


def test_another_library_verifies_every_note_that_holds() -> None:
    for one in load("notes.json")["holds"]:
        name, key_id, coded = one["vkey"].split("+", 2)
        text, _, lines = one["note"].rpartition("\n\n")
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(coded)[1:])
        blobs = [base64.b64decode(line.split(" ")[2]) for line in lines.splitlines() if line.split(" ")[1] == name]
        (blob,) = [blob for blob in blobs if blob[:4].hex() == key_id]
        message = f"{text}\n".encode()
        if base64.b64decode(coded)[0] == 4:
            time, blob = int.from_bytes(blob[4:12], "big"), blob[8:]
            message = f"cosignature/v1\ntime {time}\n".encode() + message
        key.verify(blob[4:], message)


def test_we_verify_the_notes_that_hold_and_refuse_the_others() -> None:
    notes = load("notes.json")
    for one in notes["holds"]:
        assert verify_note(read_note(one["note"].encode()), [read_key(one["vkey"])])[0].key == read_key(one["vkey"])
    for one in notes["refused"]:
        with pytest.raises(NoteRefused):
            verify_note(read_note(one["note"].encode()), [read_key(one["vkey"])])


def test_we_give_the_verdict_of_every_proof_file() -> None:
    proofs = load("proofs.json")
    for one in proofs["cases"]:
        policy = read_policy(proofs["policies"][one["policy"]].encode())
        try:
            verdict = verify_proof(one["file"].encode(), bytes.fromhex(one["entry"]), policy).word
        except LogProofRefused as refused:
            verdict = refused.code
        assert verdict == one["verdict"]
