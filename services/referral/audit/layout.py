"""Where everything stands in a bundle, and the JSON forms that only a bundle has; written and read here alone.

data/network.json                      the network's root file: directory statements, policy, log key
data/procedure.toml                    the procedure table, as it shipped
data/case.json                         landfall-bundle/1: whose bundle of which case, its standing, its messages
data/page.html                         the page that a layman reads; written from the other files
data/directory/<index>.json            a directory statement as the log has it at this index, with its signatures
data/directory/<index>.tlog-proof      the notary's proof of it
data/messages/<content id>/
    content.json                       the signed bytes
    signature.json                     landfall-signature/1: signature and key statement
    receipts/<agency>.<stage>.json     a recipient's signed statement, as it came
    receipts/<agency>.<stage>.signature.json
    receipts/<agency>.<stage>.logged.json        landfall-logged/1: the way from the statement to the root of its hour
    receipts/<agency>.<stage>.logged.tlog-proof  the notary's proof of that root
    silence/<agency>.<silent>.json     a signed statement that no decision on this message came from the silent agency
    silence/<agency>.<silent>.signature.json, .logged.json, .logged.tlog-proof: the same as of a receipt
    log.tlog-proof                     the notary's proof (C2SP tlog-proof), once there is one
    sections.json                      landfall-sections/1: erased sections, and those exported on request

A disclosure is the same folder with one message, one section and no receipts; its case.json is landfall-disclosure/1.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from contracts import shape
from contracts.content import Section
from contracts.encoding import agency_name, b64, instant, instant_text, parse
from contracts.receipts import FAILED, OPENED, STORED
from contracts.refusal import FormatRefused
from contracts.signing import SIGNATURE_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

NETWORK: Final = "data/network.json"
PROCEDURE: Final = "data/procedure.toml"
CASE: Final = "data/case.json"
PAGE: Final = "data/page.html"
DIRECTORY: Final = "data/directory/"
MESSAGES: Final = "data/messages/"
CONTENT: Final = "content.json"
SIGNATURE: Final = "signature.json"
PROOF: Final = "log.tlog-proof"
SECTIONS: Final = "sections.json"
RECEIPTS: Final = "receipts/"
SILENCE: Final = "silence/"

CASE_FORMAT: Final = "landfall-bundle/1"
DISCLOSURE_FORMAT: Final = "landfall-disclosure/1"
SIGNATURE_FORMAT: Final = "landfall-signature/1"
SECTIONS_FORMAT: Final = "landfall-sections/1"
LOGGED_FORMAT: Final = "landfall-logged/1"
MAX_JSON: Final = 16 * 1024 * 1024
MAX_MESSAGES: Final = 10_000
SHOWN: Final = 8  # characters of a content id that a line of the report shows
STAGES: Final = (STORED, OPENED, FAILED)

_STATEMENT: Final = re.compile(r"data/directory/(0|[1-9][0-9]{0,17})\.(json|tlog-proof)")
_RECEIPT: Final = re.compile(
    r"receipts/([a-z0-9-]{1,40})\.(R1|R3|F)\.(?:(?:signature\.|logged\.)?json|logged\.tlog-proof)"
)
_SILENCE: Final = re.compile(
    r"silence/([a-z0-9-]{1,40})\.([a-z0-9-]{1,40})\.(?:(?:signature\.|logged\.)?json|logged\.tlog-proof)"
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A message as `case.json` lists it; `recorded_at` is when the exporting agency came to know it."""

    id: str
    kind: str
    sender: str
    sent_at: datetime
    recorded_at: datetime

    @property
    def label(self) -> str:
        """Return the message in words: kind, sender, time, the first characters of its id."""
        return f"{self.kind} of {self.sender}, {instant_text(self.sent_at)}, {self.id[:SHOWN]}"

    @property
    def folder(self) -> str:
        """Return where its files are."""
        return f"{MESSAGES}{self.id}/"


@dataclass(frozen=True, slots=True)
class CaseFile:
    """What `case.json` says: `digest` and `document` are of the standing, `messages` in order, the past of each first.

    `left_out` are messages that the agency holds and that are no part of the case: their senders never had a seat.
    Of a disclosure `section` is the one section that is disclosed; it has one message and says nothing of the standing.
    """

    network: str
    training: bool
    case: str
    agency: str
    exported_at: datetime
    procedure: Mapping[str, str]
    messages: tuple[Listed, ...]
    digest: str = ""
    document: Mapping[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    section: str = ""

    @property
    def format(self) -> str:
        """Return the name of the form."""
        return DISCLOSURE_FORMAT if self.section else CASE_FORMAT


@dataclass(frozen=True, slots=True)
class SignatureFile:
    """A signature and the statement of the key that made it."""

    skid: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class ErasedSection:
    """What is left of an erased section: its commitment, and where the erasing was recorded its ground and time."""

    commitment: str
    ground: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReadableSection:
    """A section that was exported, and the commitment that the file gives for it."""

    commitment: str
    section: Section = field(repr=False)


@dataclass(frozen=True, slots=True)
class SectionsFile:
    """The sections of a message in a bundle."""

    erased: tuple[ErasedSection, ...]
    sections: tuple[ReadableSection, ...]


@dataclass(frozen=True, slots=True)
class LoggedFile:
    """How a signed statement leads to the root of its hour: the root, its size, the place there, the hashes between."""

    root: bytes
    size: int
    index: int
    hashes: tuple[bytes, ...]


def statement_path(index: int) -> str:
    """Return where the directory statement at an index of the log is."""
    return f"{DIRECTORY}{index}.json"


def statement_proof_path(index: int) -> str:
    """Return where the notary's proof of that statement is."""
    return f"{DIRECTORY}{index}.tlog-proof"


def statement_of(path: str) -> int | None:
    """Return the index in the path of a directory statement or of its proof, or None where it is no such path."""
    match = _STATEMENT.fullmatch(path)
    return None if match is None else int(match[1])


def receipt_path(agency: str, stage: str) -> str:
    """Return where a receipt's statement is, below its message's folder."""
    return f"{RECEIPTS}{agency}.{stage}.json"


def receipt_of(path: str) -> tuple[str, str] | None:
    """Return (agency, stage) of a receipt's path below its message's folder, or None where it is no such path."""
    match = _RECEIPT.fullmatch(path)
    return None if match is None else (match[1], match[2])


def silence_path(agency: str, silent: str) -> str:
    """Return where an agency's statement of a silence is, below its message's folder."""
    return f"{SILENCE}{agency}.{silent}.json"


def silence_of(path: str) -> tuple[str, str] | None:
    """Return (agency, silent agency) of a silence's path below its message's folder, or None where it is none."""
    match = _SILENCE.fullmatch(path)
    return None if match is None else (match[1], match[2])


def signature_path(statement: str) -> str:
    """Return where the signature of a receipt or silence is, by the path of its statement."""
    return f"{statement.removesuffix('.json')}.signature.json"


def logged_path(statement: str) -> str:
    """Return where the way to the root of its hour is."""
    return f"{statement.removesuffix('.json')}.logged.json"


def logged_proof_path(statement: str) -> str:
    """Return where the notary's proof of that root is."""
    return f"{statement.removesuffix('.json')}.logged.tlog-proof"


def bag_fields(case: CaseFile) -> dict[str, str]:
    """Return what `bag-info.txt` says of a bundle, in its order."""
    training = {"Landfall-Training": "yes: every person in it is invented"} if case.training else {}
    return {
        "Source-Organization": case.agency,
        "Bagging-Date": f"{case.exported_at:%Y-%m-%d}",
        "External-Identifier": case.case,
        "Landfall-Format": case.format,
        "Landfall-Network": case.network,
        **training,
    }


def write_case(case: CaseFile) -> bytes:
    """Return the bytes of `case.json`, indented for people."""
    value = {
        "agency": case.agency,
        "case": case.case,
        "exported_at": instant_text(case.exported_at),
        "format": case.format,
        "messages": [
            {
                "id": one.id,
                "kind": one.kind,
                "recorded_at": instant_text(one.recorded_at),
                "sender": one.sender,
                "sent_at": instant_text(one.sent_at),
            }
            for one in case.messages
        ],
        "network": case.network,
        "procedure": dict(case.procedure),
        "training": case.training,
    }
    if case.section:
        return _write(value | {"section": case.section})
    standing = {"digest": case.digest, "document": case.document}
    return _write(value | {"left_out": list(case.left_out), "standing": standing})


def read_case(raw: bytes) -> CaseFile:
    """Return what `case.json` says, of a bundle or of a disclosure, or raise `FormatRefused`."""
    value = _parsed(raw, CASE_FORMAT, DISCLOSURE_FORMAT)
    disclosure = value["format"] == DISCLOSURE_FORMAT
    found = shape.record(value, {**_ABOUT, **(_ONE_SECTION if disclosure else _STANDING)}, closed=True)
    del found["format"]
    if disclosure:
        return CaseFile(**found)
    standing = found.pop("standing")
    return CaseFile(digest=standing["digest"], document=standing["document"], **found)


def write_signature(signature: SignatureFile) -> bytes:
    """Return the bytes of a signature file."""
    return _write({"format": SIGNATURE_FORMAT, "signature": b64(signature.signature), "skid": signature.skid})


def read_signature(raw: bytes) -> SignatureFile:
    """Return what a signature file says, or raise `FormatRefused`."""
    found = shape.record(_parsed(raw, SIGNATURE_FORMAT), _SIGNATURE, closed=True)
    return SignatureFile(found["skid"], found["signature"])


def write_logged(found: LoggedFile) -> bytes:
    """Return the bytes of the way from a statement to the root of its hour."""
    way = {"hashes": [b64(one) for one in found.hashes], "index": found.index}
    return _write({"format": LOGGED_FORMAT, "root": b64(found.root), "size": found.size} | way)


def read_logged(raw: bytes) -> LoggedFile:
    """Return that way, or raise `FormatRefused`; nothing is computed here."""
    found = shape.record(_parsed(raw, LOGGED_FORMAT), _LOGGED, closed=True)
    del found["format"]
    return LoggedFile(**found)


def write_sections(found: SectionsFile) -> bytes:
    """Return the bytes of a sections file; each body stands as the text that was committed to."""
    return _write(
        {
            "erased": [
                {"commitment": one.commitment}
                | ({"ground": one.ground} if one.ground else {})
                | ({"at": instant_text(one.at)} if one.at is not None else {})
                for one in found.erased
            ],
            "format": SECTIONS_FORMAT,
            "sections": [
                {
                    "body": one.section.body.decode(),
                    "commitment": one.commitment,
                    "key": b64(one.section.key),
                    "name": one.section.name,
                    "readers": list(one.section.readers),
                }
                for one in found.sections
            ],
        }
    )


def read_sections(raw: bytes) -> SectionsFile:
    """Return what a sections file says, or raise `FormatRefused`; no commitment is computed here."""
    found = shape.record(_parsed(raw, SECTIONS_FORMAT), _SECTIONS, closed=True)
    return SectionsFile(found["erased"], found["sections"])


def _write(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _parsed(raw: bytes, *forms: str) -> dict[str, Any]:
    value = parse(raw, MAX_JSON)
    if value.get("format") not in forms:
        raise FormatRefused(f"`format`: It is not {' or '.join(forms)}.")
    return value


def _listed(value: object) -> Listed:
    return Listed(**shape.record(value, _LISTED, closed=True))


def _erased(value: object) -> ErasedSection:
    return ErasedSection(
        **shape.record(value, {"commitment": shape.ID}, {"ground": shape.CODE, "at": instant}, closed=True)
    )


def _readable(value: object) -> ReadableSection:
    found = shape.record(value, _READABLE, closed=True)
    section = Section(found["name"], found["readers"], found["body"].encode(), found["key"])
    return ReadableSection(found["commitment"], section)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise FormatRefused("Here stands a text.")
    return value


_DIGEST = shape.word(r"[0-9a-f]{64}", 64, "A digest is 64 hex digits.")
_KIND = shape.word(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*(?:\.v[1-9][0-9]{0,3})?", 80, "A kind is lower-case words.")
_PROCEDURE_NAME = shape.word(r"[a-z0-9]+(?:[.-][a-z0-9]+)*", 64, "A procedure is named by lower-case words.")
_LISTED: Final[Mapping[str, shape.Reader[Any]]] = {
    "id": shape.ID,
    "kind": _KIND,
    "sender": agency_name,
    "sent_at": instant,
    "recorded_at": instant,
}
_ABOUT: Final[Mapping[str, shape.Reader[Any]]] = {
    "format": shape.anything,
    "network": shape.NETWORK,
    "training": shape.truth,
    "case": shape.CASE,
    "agency": agency_name,
    "exported_at": instant,
    "procedure": lambda value: shape.record(value, {"hash": shape.ID, "name": _PROCEDURE_NAME}, closed=True),
    "messages": shape.array(_listed, most=MAX_MESSAGES),
}
_STANDING: Final[Mapping[str, shape.Reader[Any]]] = {
    "standing": lambda value: shape.record(value, {"digest": _DIGEST, "document": shape.mapping}, closed=True),
    "left_out": shape.array(shape.ID, most=MAX_MESSAGES),
}
_ONE_SECTION: Final[Mapping[str, shape.Reader[Any]]] = {
    "messages": shape.array(_listed, least=1, most=1),
    "section": shape.CODE,
}
_SIGNATURE: Final[Mapping[str, shape.Reader[Any]]] = {
    "format": shape.anything,
    "skid": shape.ID,
    "signature": shape.exactly(SIGNATURE_SIZE),
}
_LOGGED: Final[Mapping[str, shape.Reader[Any]]] = {
    "format": shape.anything,
    "root": shape.exactly(32),
    "size": shape.whole(1),
    "index": shape.whole(),
    "hashes": shape.array(shape.exactly(32), most=64, distinct=False),
}
_READABLE: Final[Mapping[str, shape.Reader[Any]]] = {
    "body": _text,
    "commitment": shape.ID,
    "key": shape.exactly(32),
    "name": shape.CODE,
    "readers": shape.array(agency_name, least=1, most=64),
}
_SECTIONS: Final[Mapping[str, shape.Reader[Any]]] = {
    "format": shape.anything,
    "erased": shape.array(_erased, most=64),
    "sections": shape.array(_readable, most=64, distinct=False),
}
