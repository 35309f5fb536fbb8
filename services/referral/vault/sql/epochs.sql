-- name: make_epoch_keys
-- One X25519 key for each day, wrapped; the public half in clear, as the directory publishes it.
CREATE TABLE epoch_keys (
    day TEXT PRIMARY KEY,
    kid BLOB NOT NULL UNIQUE,
    public BLOB NOT NULL,
    wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- name: insert_epoch_key
-- Keeps the key of a day.
INSERT INTO epoch_keys (day, kid, public, wrapped) VALUES (?, ?, ?, ?);

-- name: epoch_key_of_day
-- What is published for a day.
SELECT kid, public FROM epoch_keys WHERE day = ?;

-- name: epoch_key
-- The private half that an envelope names.
SELECT wrapped FROM epoch_keys WHERE kid = ?;

-- name: day_of_key
-- The day of the key that an envelope names.
SELECT day FROM epoch_keys WHERE kid = ?;

-- name: days
-- Every day that has a key, oldest first.
SELECT day FROM epoch_keys ORDER BY day;

-- name: all_wrapped
-- Every private half as it is wrapped now.
SELECT kid, wrapped FROM epoch_keys;

-- name: rewrap
-- Puts one private half under the newest vault key.
UPDATE epoch_keys SET wrapped = ? WHERE kid = ?;

-- name: destroy_before
-- Destroys every key of the days before one: secure_delete writes zeros over them.
DELETE FROM epoch_keys WHERE day < ?;
