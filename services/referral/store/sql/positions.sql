-- name: make_positions
-- Where each follower is, and the digest of what it has made so far if it keeps one.
CREATE TABLE positions (
    follower TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    digest BLOB
) STRICT, WITHOUT ROWID;

-- name: make_tracking
-- What was read last from each outside log: its offset and BLAKE2b of that record.
CREATE TABLE tracking (
    name TEXT PRIMARY KEY,
    record_offset INTEGER NOT NULL,
    digest BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- name: make_set_aside
-- The cases that a follower could not apply: where it stopped, how often it tried, the name of the error.
CREATE TABLE set_aside (
    follower TEXT NOT NULL,
    originator_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (follower, originator_id)
) STRICT, WITHOUT ROWID;

-- name: position
-- Where a follower is.
SELECT position, digest FROM positions WHERE follower = ?;

-- name: set_position
-- Moves a follower, with the rows that it wrote.
INSERT INTO positions (follower, position, digest) VALUES (?, ?, ?)
ON CONFLICT (follower) DO UPDATE SET position = excluded.position, digest = excluded.digest;

-- name: forget_position
-- Sends a follower back to the beginning.
DELETE FROM positions WHERE follower = ?;

-- name: tracking
-- What was read last from an outside log.
SELECT record_offset, digest FROM tracking WHERE name = ?;

-- name: advance_tracking
-- Moves forward only: no row comes back where the offset is not greater than the one that stands.
INSERT INTO tracking (name, record_offset, digest) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET record_offset = excluded.record_offset, digest = excluded.digest
WHERE tracking.record_offset < excluded.record_offset
RETURNING record_offset;

-- name: set_aside
-- Puts a case aside for one follower: from which position on, after how many tries, and why.
INSERT INTO set_aside (follower, originator_id, position, tries, error) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (follower, originator_id) DO UPDATE SET position = excluded.position, tries = excluded.tries, error = excluded.error;

-- name: all_set_aside
-- The cases that a follower has put aside.
SELECT originator_id, position, tries, error FROM set_aside WHERE follower = ? ORDER BY position;

-- name: take_back
-- A case that could be applied after all.
DELETE FROM set_aside WHERE follower = ? AND originator_id = ?;

-- name: try_again
-- Gives parked cases their tries back.
UPDATE set_aside SET tries = 0 WHERE follower = ?;

-- name: forget_set_aside
-- Goes with the rows of a follower that starts from the beginning.
DELETE FROM set_aside WHERE follower = ?;

-- name: all_positions
-- Where every follower is.
SELECT follower, position FROM positions;

-- name: parked
-- The cases that a follower does not try again by itself.
SELECT follower, originator_id FROM set_aside WHERE tries >= :tries;

-- name: to_try_again
-- The followers that have put cases aside which are tried again.
SELECT DISTINCT follower FROM set_aside WHERE tries < :tries;
