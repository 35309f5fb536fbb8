"""Every domain-separation string of Landfall, once: no two are equal, and each BLAKE2b person fits 16 bytes.

Sources: sealing.md 2 and standing.md 1; those that begin with LFV1 are this product's own, for bytes at rest.
"""

from __future__ import annotations

from typing import Final

CONTENT: Final = b"LF1/content"
CASE: Final = b"LF1/case"
SECTION: Final = b"LF1/section"
IDENTITY: Final = b"LF1/identity"
STATEMENT: Final = b"LF1/statement"
STANDING: Final = b"LF1/standing"
SIGN: Final = b"LF1/sign"
PROCEDURE: Final = b"LF1/procedure"
NODE_STATEMENT: Final = b"LF1/node"
HELD: Final = b"LF1/held"
ROOT: Final = b"LF1/root"
ENVELOPE_KID: Final = b"LFE1/kid"
ENVELOPE_EXTRACT: Final = b"LFE1/extract"
ENVELOPE_COMMIT: Final = b"LFE1/commit"
ENVELOPE_KEY: Final = b"LFE1/key"
ENVELOPE_NONCE: Final = b"LFE1/nonce"
REST_KEY: Final = b"LFV1/key"
REST_COMMIT: Final = b"LFV1/commit"
REST_NONCE: Final = b"LFV1/nonce"
RECORD: Final = b"LFV1/record"
VIEW: Final = b"LFV1/view"
COMMAND: Final = b"LFV1/command"
READS: Final = b"LFV1/reads"
ERASURE: Final = b"LFV1/erasure"
ANCHOR: Final = b"LFV1/anchor"
ANCHOR_ROWS: Final = b"LFV1/anchor-rows"
ANCHOR_PARTS: Final = b"LFV1/anch-parts"
ERASED: Final = b"LFV1/erased"
BACKUP_EXTRACT: Final = b"LFB1/extract"
BACKUP_COMMIT: Final = b"LFB1/commit"
BACKUP_KEY: Final = b"LFB1/key"
BACKUP_FILE: Final = b"LFB1/file"

SIGNATURE_PREFIX: Final = b"LF1/signature\x00"
REQUEST_PREFIX: Final = b"LF1/request\x00"
STATEMENT_PREFIX: Final = b"LF1/directory\x00"

PERSONS: Final = (
    CONTENT,
    CASE,
    SECTION,
    IDENTITY,
    STATEMENT,
    STANDING,
    SIGN,
    PROCEDURE,
    NODE_STATEMENT,
    HELD,
    ROOT,
    ENVELOPE_KID,
    ENVELOPE_EXTRACT,
    ENVELOPE_COMMIT,
    ENVELOPE_KEY,
    ENVELOPE_NONCE,
    REST_KEY,
    REST_COMMIT,
    REST_NONCE,
    RECORD,
    VIEW,
    COMMAND,
    READS,
    ERASURE,
    ANCHOR,
    ANCHOR_ROWS,
    ANCHOR_PARTS,
    ERASED,
    BACKUP_EXTRACT,
    BACKUP_COMMIT,
    BACKUP_KEY,
    BACKUP_FILE,
)
PREFIXES: Final = (SIGNATURE_PREFIX, REQUEST_PREFIX, STATEMENT_PREFIX)
