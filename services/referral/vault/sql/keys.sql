-- name: make_unlock
-- How the vault is opened: the kind of secret, and the salt and cost if it is a passphrase.
CREATE TABLE unlock (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    kind TEXT NOT NULL,
    salt BLOB NOT NULL,
    opslimit INTEGER NOT NULL,
    memlimit INTEGER NOT NULL
) STRICT;

-- name: make_vault_keys
-- The key that wraps all others, itself wrapped by the unlocking secret; two of them only while keys are re-wrapped.
CREATE TABLE vault_keys (
    generation INTEGER PRIMARY KEY,
    key_id BLOB NOT NULL UNIQUE,
    made_at TEXT NOT NULL,
    wrapped BLOB NOT NULL
) STRICT;

-- name: make_keys
-- Every other key, wrapped: identity and signing seeds by public key, case keys by case, section keys by message and commitment.
CREATE TABLE keys (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    key_id BLOB NOT NULL,
    made_at TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

-- name: make_erased
-- What was erased, so that nobody makes the key again and a start knows it from a loss.
CREATE TABLE erased (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    erased_at TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

-- name: insert_unlock
-- Says once how the vault is opened.
INSERT INTO unlock (one, kind, salt, opslimit, memlimit) VALUES (1, ?, ?, ?, ?);

-- name: unlock
-- How the vault is opened.
SELECT kind, salt, opslimit, memlimit FROM unlock;

-- name: insert_vault_key
-- Adds a generation of the vault key.
INSERT INTO vault_keys (key_id, made_at, wrapped) VALUES (?, ?, ?);

-- name: vault_keys
-- Every generation, oldest first.
SELECT key_id, made_at, wrapped FROM vault_keys ORDER BY generation;

-- name: delete_vault_key
-- Destroys a generation that wraps nothing any more.
DELETE FROM vault_keys WHERE key_id = ?;

-- name: insert_key
-- Keeps one new key.
INSERT INTO keys (kind, name, key_id, made_at, wrapped) VALUES (?, ?, ?, ?, ?);

-- name: key
-- One key.
SELECT key_id, wrapped FROM keys WHERE kind = ? AND name = ?;

-- name: keys_of_kind
-- Every key of one kind, oldest first.
SELECT name, key_id, made_at FROM keys WHERE kind = ? ORDER BY made_at, name;

-- name: all_wrapped
-- Every key as it is wrapped now.
SELECT kind, name, key_id, wrapped FROM keys;

-- name: rewrap
-- Puts one key under the newest vault key.
UPDATE keys SET wrapped = ? WHERE kind = ? AND name = ?;

-- name: delete_key
-- Destroys one key: secure_delete writes zeros over it.
DELETE FROM keys WHERE kind = ? AND name = ?;

-- name: insert_erased
-- Records an erasure; the first date stays.
INSERT INTO erased (kind, name, erased_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING;

-- name: erased
-- Whether a key was erased.
SELECT 1 FROM erased WHERE kind = ? AND name = ?;

-- name: erased_of_kind
-- Every erased name of one kind.
SELECT name FROM erased WHERE kind = ?;

-- name: every_erased
-- Every erased name.
SELECT kind, name, erased_at FROM erased;
