-- name: make_commands
-- The answers already given, for ever: the key of the command hashed, who asked what and the answer sealed.
CREATE TABLE commands (
    key_hash BLOB PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- name: insert_command
-- Keeps an answer with the events that it speaks of.
INSERT INTO commands (key_hash, sealed) VALUES (?, ?) ON CONFLICT DO NOTHING;

-- name: command
-- The answer given under a key.
SELECT sealed FROM commands WHERE key_hash = ?;
