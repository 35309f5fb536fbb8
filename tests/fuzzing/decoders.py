"""Every decoder that reads what others wrote: how it is called, what it may raise, and bytes that it takes.

A decoder is a function of bytes. What it does with any bytes at all is one of two things: it returns, or it raises a
refusal that it names; the words of a refusal hold nothing of what was read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import make_vectors
import tlog_vectors
from contracts import anchors, content, joining, network, node_statement, request, sections, spoken, statements
from contracts.content import Section
from contracts.encoding import b64, compact, parse
from contracts.envelope import EnvelopeRefused, Parked, open_envelope
from contracts.examples import example
from contracts.refusal import FormatRefused, Refusal
from contracts.signing import KeyRefused, public_signing
from contracts.tlog import conviction, note, policy, proof, tiles, witness
from contracts.tlog.checkpoint import CheckpointRefused, read_checkpoint
from notary.journal import read_frame, write_frame
from referral.audit import layout
from referral.casework.intent import Intent, IntentRefused
from referral.store.errors import StoredEventRefused
from referral.store.transcoding import decode as read_event
from referral.store.transcoding import encode as write_event
from small_network import (
    FIRST_ACT,
    NOW,
    TABLE,
    addressee,
    first_step,
    opened_inner,
    profile,
    sealed,
    sealed_inner,
    seed,
)
from small_network import network as small_network

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SEEDS: Final = Path(__file__).with_name("seeds")


@dataclass(frozen=True, slots=True)
class Decoder:
    """A decoder by its name, bytes that it takes, and the refusals that it may raise."""

    name: str
    decode: Callable[[bytes], Any]
    seeds: tuple[bytes, ...]
    refusals: tuple[type[Exception], ...] = (Refusal,)


def kept(name: str) -> tuple[bytes, ...]:
    """Return the bytes that a run of the demo left for a decoder."""
    return tuple(path.read_bytes() for path in sorted((SEEDS / name).iterdir()))


def _text(read: Callable[[str], Any]) -> Callable[[bytes], Any]:
    """Return a decoder of text as one of bytes: whatever the bytes, they come to it as some text."""
    return lambda raw: read(raw.decode("utf-8", "replace"))


def _section(raw: bytes) -> Any:
    name, _, body = raw.partition(b"\n")
    return sections.read_section(name.decode("utf-8", "replace"), body)


def _section_seeds() -> tuple[bytes, ...]:
    names = sorted(path.stem for path in (Path(sections.__file__).parents[1] / "schema" / "sections").glob("*.json"))
    return tuple(name.encode() + b"\n" + json.dumps(example(name), ensure_ascii=False).encode() for name in names)


def _signed(raw: bytes) -> Any:
    """Read a signed request: four headers, a line each, then the body."""
    lines = raw.split(b"\n", 4)
    texts = [line.decode("latin-1") for line in lines[:4]]
    headers = dict(zip((request.AGENCY, request.TIME, request.NONCE, request.SIGNATURE), texts, strict=False))
    body = lines[4] if len(lines) > 4 else b""
    return request.verify_request(
        headers, "POST", "/entries", body, now=NOW, key_of=lambda _agency: public_signing(seed("k"))
    )


def _signed_seed() -> bytes:
    headers = request.sign_request(seed("k"), "be-fp", "POST", "/entries", b"{}", at=NOW, nonce=bytes(16))
    names = (request.AGENCY, request.TIME, request.NONCE, request.SIGNATURE)
    return b"\n".join([*(headers[name].encode() for name in names), b"{}"])


def _inner(raw: bytes) -> Any:
    return open_envelope(sealed_inner(raw), TO)


def _intent(raw: bytes) -> Any:
    return Intent.from_json("assistance-request-notification", parse(raw))


def _intent_seed() -> bytes:
    body = {"readers": ["hu-fp"], "body": example("profile")}
    return compact({"act": FIRST_ACT, "to": {"hu-fp": "requested"}, "sections": {"profile": body}})


def _joining_seed() -> bytes:
    entries = tuple(small_network().statements[:4])
    return joining.write_joining(joining.JoiningRequest(small_network().name, b64(bytes(32)), entries))


def _riders_seed() -> bytes:
    return statements.write_riders([statements.Rider(one, b"proof") for one in small_network().statements[:1]])


def _conviction_seed() -> bytes:
    smaller, larger = (note.sign_note(tlog_vectors.head(size).text(), tlog_vectors.LOG) for size in (5, 13))
    way = tuple(tlog_vectors.PROVER.consistency(5, 13))
    return conviction.Conviction(smaller, larger, bytes(32), way).encode()


def _witnessed() -> tuple[bytes, bytes]:
    """Return a request to a witness, and its answer."""
    signed = note.sign_note(tlog_vectors.head(13).text(), tlog_vectors.LOG)
    asked = witness.WitnessRequest(5, tuple(tlog_vectors.PROVER.consistency(5, 13)), signed).encode()
    return asked, b"".join(witness.cosign(tlog_vectors.head(13), one, 1_700_000_000) for one in tlog_vectors.WITNESSES)


def _sections_file_seed() -> bytes:
    one = Section("profile", ("hu-fp",), b'{"age_band":"21-23"}', bytes(32))
    erased = layout.ErasedSection(b64(bytes(32)), "consent_withdrawn", NOW)
    shown = layout.ReadableSection(b64(one.commitment), one)
    return layout.write_sections(layout.SectionsFile((erased,), (shown,)))


def _proofs() -> tuple[bytes, ...]:
    return tuple(one["file"].encode() for one in tlog_vectors.proofs()["cases"] if one["verdict"] == "witnessed")


def _proof(raw: bytes) -> Any:
    return proof.verify_proof(raw, tlog_vectors.ENTRIES[7], VERIFIED)


def _answer(raw: bytes) -> Any:
    return witness.read_cosignatures(raw, tlog_vectors.head(13), [one.key for one in tlog_vectors.WITNESSES])


def _event_seed() -> bytes:
    inside = {"at": NOW, "ids": ["a", "b"], "raw": b"bytes", "pair": ("x", 1), "none": None}
    return write_event({"timestamp": NOW, "case": "c1", "content": OWN, "more": inside})


TO: Final = addressee()
TILES: Final = {path: bytes.fromhex(raw) for path, raw in tlog_vectors.tiles()["tiles"].items()}
KNOWN: Final = tuple(make_vectors.statements().values())
OWN: Final = first_step([profile("hu-fp")])
VERIFIED: Final = policy.read_policy(tlog_vectors.POLICIES["two-of-three"].encode())
ASKED, ANSWERED = _witnessed()
NOTE: Final = tlog_vectors.EXAMPLE

ENVELOPE: Final = sealed(OWN, [profile("hu-fp")])
SIGNED: Final = note.sign_note(tlog_vectors.head(13).text(), tlog_vectors.LOG, *tlog_vectors.WITNESSES)
NETWORK: Final = network.write_network(replace(small_network(), statements=small_network().statements[:4]))
POLICIES: Final = tuple(text.encode() for text in tlog_vectors.POLICIES.values())
ENTRIES: Final = (tiles.write_bundle(tlog_vectors.ENTRIES[:3]), tiles.write_bundle([b"", b"x"]))
LOGGED: Final = tuple(statements.logged_bytes(one) for one in small_network().statements)
STATEMENTS: Final = tuple(one.statement for one in small_network().statements)

ALL: Final[Mapping[str, Decoder]] = {
    one.name: one
    for one in (
        Decoder("envelope", lambda raw: open_envelope(raw, TO), (ENVELOPE,), (EnvelopeRefused, Parked)),
        Decoder("envelope-inside", _inner, (opened_inner(ENVELOPE),), (EnvelopeRefused, Parked)),
        Decoder("content", lambda raw: content.read(raw, TABLE), (OWN, *kept("content")), (content.ContentRefused,)),
        Decoder("section", _section, _section_seeds(), (sections.SectionRefused,)),
        Decoder("node-statement", node_statement.read, KNOWN, (node_statement.NodeStatementRefused,)),
        Decoder("receipt", node_statement.read, kept("receipt"), (node_statement.NodeStatementRefused,)),
        Decoder("statement", statements.read_statement, STATEMENTS, (statements.StatementRefused,)),
        Decoder("logged-statement", statements.read_logged, LOGGED, (statements.StatementRefused,)),
        Decoder("riders", statements.read_riders, (_riders_seed(),), (statements.StatementRefused,)),
        Decoder("joining", joining.read_joining, (_joining_seed(),), (joining.JoiningRequestRefused,)),
        Decoder("network", network.read_network, (NETWORK,), (network.NetworkRefused,)),
        Decoder("request", _signed, (_signed_seed(),), (request.RequestRefused, KeyRefused)),
        Decoder("note", note.read_note, (NOTE["note"].encode(), SIGNED), (note.NoteRefused,)),
        Decoder("note-key", _text(note.read_key), (NOTE["vkey"].encode(),), (note.NoteKeyRefused,)),
        Decoder("checkpoint", read_checkpoint, (SIGNED,), (CheckpointRefused,)),
        Decoder("proof", _proof, _proofs(), (proof.LogProofRefused,)),
        Decoder("policy", policy.read_policy, POLICIES, (policy.PolicyRefused,)),
        Decoder("witness-request", witness.read_witness_request, (ASKED,), (witness.WitnessRequestRefused,)),
        Decoder("witness-answer", _answer, (ANSWERED,), (witness.WitnessAnswerRefused,)),
        Decoder("witness-size", witness.read_size, (b"13\n",), (witness.WitnessAnswerRefused,)),
        Decoder("tile-path", _text(tiles.read_path), tuple(path.encode() for path in TILES), (tiles.TileRefused,)),
        Decoder("tile-entries", tiles.read_entries, ENTRIES, (tiles.TileRefused,)),
        Decoder("conviction", conviction.read_conviction, (_conviction_seed(),), (conviction.ConvictionRefused,)),
        Decoder("anchor", anchors.read_anchor, kept("anchor"), (anchors.AnchorRefused,)),
        Decoder("anchor-parts", anchors.read_parts, kept("parts"), (anchors.AnchorRefused,)),
        Decoder("case-file", layout.read_case, kept("case-file"), (FormatRefused,)),
        Decoder("signature-file", layout.read_signature, kept("signature-file"), (FormatRefused,)),
        Decoder("logged-file", layout.read_logged, kept("logged-file"), (FormatRefused,)),
        Decoder("sections-file", layout.read_sections, (_sections_file_seed(),), (FormatRefused,)),
        Decoder("command", _intent, (_intent_seed(),), (FormatRefused, IntentRefused)),
        Decoder("stored-event", read_event, (_event_seed(),), (StoredEventRefused,)),
        Decoder("journal-frame", lambda raw: read_frame(raw, 0), (write_frame(7, tlog_vectors.ENTRIES[:3]),), ()),
        Decoder(
            "spoken",
            _text(spoken.heard),
            tuple(spoken.spoken_reference(b64(bytes([n] * 16))).encode() for n in range(3)),
            (FormatRefused,),
        ),
    )
}
