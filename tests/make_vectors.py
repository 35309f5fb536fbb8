"""Write the known answers of the wire into contracts/vectors: `python tests/make_vectors.py` (`--check` only compares).

Seeds, keys, salts and ephemeral secrets stand in the files, so that another implementation can make the same bytes and
not only open them. Everything follows from names, so the files change only when a format or the procedure does.
"""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import contracts
from contracts import encoding, receipts
from contracts.content import Erased, Section, case_id, content_id
from contracts.encoding import b64
from contracts.envelope import key_id, seal
from contracts.network import write_network
from contracts.node_statement import (
    Body,
    ErasureAnswer,
    ErasureRequest,
    GapRequest,
    Held,
    LogView,
    Returned,
    ReturnedContent,
    Silence,
    Sync,
    compose,
    ids_hash,
    statement_id,
)
from contracts.signing import MESSAGE, NODE_STATEMENT, fingerprint, public_epoch, public_signing, sign, signed_bytes
from contracts.spoken import spoken_reference
from contracts.statements import entry_value, read_statement
from small_network import (
    AGENCIES,
    FIRST_ACT,
    GOVERNORS,
    NAME,
    NOW,
    SALT,
    TODAY,
    epoch,
    first_step,
    identity,
    network,
    profile,
    seed,
    signature,
    skid,
)

FOLDER: Final = Path(contracts.__file__).parent / "vectors"
GONE: Final = Section("measures", ("hu-fp",), b"[]", seed("section", "measures"))
ACCENTED: Final = Section("profile", ("hu-fp", "hu-iom"), '{"language":"magyar, română"}'.encode(), seed("accented"))


def contents() -> list[dict[str, str]]:
    """Return contents with their ids: the smallest, and one with every optional field."""
    both = ("hu-fp", "hu-iom")
    full = first_step(
        [ACCENTED, GONE],
        audience=both,
        act=FIRST_ACT | {"offers": ["profile"]},
        priority="urgent",
        after=[b64(seed("after", str(n))) for n in range(3)],
        in_reply_to=b64(seed("question")),
        supersedes=b64(seed("before")),
        occurred_at=datetime(2026, 3, 1, 22, 15, 7, tzinfo=UTC),
        respond_by=datetime(2026, 3, 5, 12, tzinfo=UTC),
        consents=[b64(seed("consent"))],
        guards=[
            {"rule": "B1", "result": "passed"},
            {"rule": "B2", "result": "attested", "function": "guardian", "date": "2026-03-01"},
            {"rule": "M3", "result": "overridden", "reason": "name_of_a_place", "second": "case-manager"},
        ],
    )
    raws = {"a first step": first_step([profile("hu-fp")]), "every field": full}
    return [{"name": name, "content": raw.decode(), "id": content_id(raw)} for name, raw in raws.items()]


def refused_contents() -> list[dict[str, str]]:
    """Return bytes that a reader refuses, in base64url, each with what is wrong with it."""
    good = first_step([profile("hu-fp")])
    value = json.loads(good)
    changed = {
        "a key stands twice": good.replace(b'"basis"', b'"act":{},"basis"'),
        "a byte order mark": b"\xef\xbb\xbf" + good,
        "another format": encoding.compact(value | {"format": "landfall/2"}),
        "nested deeper than 16": good.replace(b'"basis"', b'"x":' + b"[" * 16 + b"]" * 16 + b',"basis"'),
        "a number with a fraction": good.replace(b'"size":0', b'"size":0.0'),
        "an integer beyond 2^53": encoding.compact(value | {"x": 2**53 + 1}),
        "an unknown field in the act": encoding.compact(value | {"act": FIRST_ACT | {"name": "x"}}),
        "the sender in its own audience": good.replace(b'"agency":"hu-fp"', b'"agency":"be-fp"'),
        "33 ids in after": encoding.compact(value | {"after": sorted(b64(seed(str(n))) for n in range(33))}),
        "five commitments": encoding.compact(value | {"sections": [*value["sections"], b64(seed("fifth"))]}),
        "text that is not NFC": encoding.compact(value | {"x": "e\u0301"}),
        "a control character": encoding.compact(value | {"x": "a\u0007"}),
        "a time with an offset": encoding.compact(value | {"sent_at": "2026-03-02T10:00:00+01:00"}),
        "padded base64": encoding.compact(value | {"salt": b64(SALT) + "="}),
        "cut off": good[:-1],
    }
    return [{"why": why, "bytes": b64(raw)} for why, raw in changed.items()]


def cases() -> list[dict[str, str]]:
    """Return cases, what makes them, and what people say for them."""
    found = []
    for agency in AGENCIES:
        salt = seed(agency, "case")
        case = case_id(identity(agency), salt)
        key = public_signing(seed(agency, "identity"))
        found.append(
            {
                "identity_key": b64(key),
                "fingerprint": identity(agency),
                "salt": b64(salt),
                "case": case,
                "spoken_reference": spoken_reference(case),
            }
        )
    return found


def section_value(section: Section) -> dict[str, Any]:
    """Return a section as its readers hold it."""
    readers = list(section.readers)
    return {"name": section.name, "readers": readers, "key": b64(section.key), "body": b64(section.body)}


def sections() -> list[dict[str, Any]]:
    """Return sections and their commitments."""
    return [
        section_value(section) | {"commitment": b64(section.commitment)}
        for section in (profile("hu-fp"), GONE, ACCENTED, Section("note", ("be-fp",), b"", bytes(32)))
    ]


def signatures() -> list[dict[str, Any]]:
    """Return signatures of both types, with the bytes that they cover."""
    secret, found = seed("be-fp", "signing"), []
    for kind, raw in ((MESSAGE, first_step()), (NODE_STATEMENT, statements()["receipts R1"])):
        found.append(
            {
                "seed": b64(secret),
                "public": b64(public_signing(secret)),
                "type": kind,
                "network": NAME,
                "skid": skid("be-fp"),
                "content": raw.decode(),
                "covered": b64(signed_bytes(kind, NAME, skid("be-fp"), raw)),
                "signature": b64(sign(secret, kind, NAME, skid("be-fp"), raw)),
            }
        )
    return found


def envelopes() -> list[dict[str, Any]]:
    """Return envelopes with everything that makes them; of the large one the hash alone."""
    raw = first_step([profile("hu-fp"), GONE])
    large = Section("note", ("hu-fp",), b"x" * 20_000, seed("large"))
    said = statements()["gap-request"]
    return [
        _envelope("a message with one section", MESSAGE, raw, [profile("hu-fp")]),
        _envelope(
            "a message with a section and an erased one", MESSAGE, raw, [profile("hu-fp"), Erased(GONE.commitment)]
        ),
        _envelope("a message with statements riding along", MESSAGE, raw, [], b'{"riders":[]}'),
        _envelope("a node statement", NODE_STATEMENT, said, []),
        _envelope("a message of the larger size", MESSAGE, first_step([large]), [large]),
    ]


def _envelope(name: str, kind: int, raw: bytes, parts: list[Section | Erased], riders: bytes = b"") -> dict[str, Any]:
    secret, pair = seed("ephemeral", name), epoch("hu-fp")
    sealed = seal(
        network=NAME,
        recipient="hu-fp",
        epoch_public=pair.public,
        kind=kind,
        skid=skid("be-fp"),
        signature=signature("be-fp", raw, kind),
        content=raw,
        sections=parts,
        riders=riders,
        draw=lambda _size: secret,
    )
    value = {
        "name": name,
        "network": NAME,
        "recipient": "hu-fp",
        "epoch_secret": b64(pair.secret),
        "epoch_public": b64(pair.public),
        "kid": b64(key_id(pair.public)),
        "ephemeral_secret": b64(secret),
        "ephemeral_public": b64(public_epoch(secret)),
        "type": kind,
        "skid": skid("be-fp"),
        "signature": b64(signature("be-fp", raw, kind)),
        "content": raw.decode(),
        "sections": [
            {"commitment": b64(one.commitment)} if isinstance(one, Erased) else section_value(one) for one in parts
        ],
        "riders": b64(riders),
        "sha256": hashlib.sha256(sealed).hexdigest(),
    }
    return value | ({"envelope": b64(sealed)} if len(sealed) < 20_000 else {})


def refused_envelopes() -> list[dict[str, Any]]:
    """Return single changes to the first envelope, each of which makes it one to refuse: offset, and bits to turn."""
    places = {
        "magic": 0,
        "suite": 5,
        "flags": 7,
        "ephemeral key": 16,
        "ephemeral key, its highest bit": 47,
        "commitment": 48,
        "first byte sealed": 80,
        "last byte of the seal": 16_479,
    }
    return [{"why": why, "at": at, "xor": 128 if "highest" in why else 1} for why, at in places.items()]


def statements() -> dict[str, bytes]:
    """Return one node statement of each type, and receipts of each stage."""
    ids = sorted(b64(seed("content", str(n))) for n in range(3))
    raw = first_step([profile("hu-fp"), GONE])
    case = case_id(identity("be-fp"), SALT)
    parts = (profile("hu-fp"), Erased(GONE.commitment))
    bodies: dict[str, Body] = {
        "receipts R1": receipts.Receipts("R1", tuple((one, None) for one in ids), NOW),
        "receipts R3": receipts.Receipts("R3", ((ids[0], None),), NOW),
        "receipts F": receipts.Receipts("F", ((ids[0], "format"), (ids[1], "not-member")), NOW),
        "gap-request": GapRequest(case, tuple(ids)),
        "returned": Returned((ReturnedContent(raw, skid("be-fp"), signature("be-fp", raw), parts),)),
        "sync": Sync((Held(case, (ids[0],), 3, ids_hash(ids), b64(seed("digest"))),)),
        "log-view": LogView(f"{network().log.origin}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n".encode()),
        "erasure-request": ErasureRequest(case, tuple(ids), "consent_withdrawn"),
        "erasure-answer done": ErasureAnswer(b64(seed("request")), "done"),
        "erasure-answer retained": ErasureAnswer(b64(seed("request")), "retained", "legal_claim"),
        "silence": Silence(case, ids[0], NOW, datetime(2026, 3, 3, 9, tzinfo=UTC)),
    }
    return {
        name: compose(network=NAME, sender="be-fp", recipient="hu-fp", body=body, sent_at=NOW, salt=seed("salt", name))
        for name, body in bodies.items()
    }


def node_statements() -> list[dict[str, str]]:
    """Return node statements with their ids and signatures."""
    return [
        {
            "name": name,
            "statement": raw.decode(),
            "id": statement_id(raw),
            "skid": skid("be-fp"),
            "signature": b64(signature("be-fp", raw, NODE_STATEMENT)),
        }
        for name, raw in statements().items()
    ]


def directory() -> dict[str, Any]:
    """Return the statements of a small network, who signed them by which key, and what they come to."""
    seeds = [seed("governor", str(n)) for n in range(3)]
    seeds += [seed(agency, use) for agency in AGENCIES for use in ("identity", "signing")]
    keys = [
        {"seed": b64(one), "public": b64(public_signing(one)), "key": fingerprint(public_signing(one))} for one in seeds
    ]
    return {
        "governors": {"m": GOVERNORS.m, "keys": [b64(key) for key in GOVERNORS.keys]},
        "keys": keys,
        "entries": [
            entry_value(entry)
            | {"id": entry.id, "type": read_statement(entry.statement).type, "text": entry.statement.decode()}
            for entry in network().statements
        ],
        "agencies": {
            agency: {
                "fingerprint": identity(agency),
                "skid": skid(agency),
                "signing_key": b64(public_signing(seed(agency, "signing"))),
                "epoch_key": {"day": TODAY.isoformat(), "key": b64(epoch(agency).public)},
            }
            for agency in AGENCIES
        },
    }


def files() -> dict[str, bytes]:
    """Return every file of vectors: its name and its bytes."""
    values: dict[str, Any] = {
        "content.json": {"contents": contents(), "refused": refused_contents()},
        "case.json": {"cases": cases()},
        "section.json": {"sections": sections()},
        "signature.json": {"signatures": signatures()},
        "envelope.json": {"envelopes": envelopes(), "refused": refused_envelopes()},
        "node_statement.json": {"statements": node_statements()},
        "directory.json": directory(),
    }
    found = {name: (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode() for name, value in values.items()}
    return found | {"network.json": write_network(network())}


def main() -> int:
    """Write the files, or with `--check` say which are not as they would be written; return 1 if any is not."""
    made = files()
    stale = [name for name, raw in made.items() if not (FOLDER / name).exists() or (FOLDER / name).read_bytes() != raw]
    if "--check" in sys.argv[1:]:
        sys.stdout.writelines(f"{name} is not up to date: run python tests/make_vectors.py\n" for name in stale)
        return 1 if stale else 0
    for name in stale:
        (FOLDER / name).write_bytes(made[name])
    sys.stdout.write(f"wrote {len(stale)} of {len(made)} files\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
