-- The notary's log, mirrored whole: what its entries are is kept, and that they lead to a root which the notary signed.

-- name: create_mirror
-- How far the log is mirrored: under which root, the peaks from which it grows, and where the quorum last stood.
CREATE TABLE IF NOT EXISTS mirror (
    origin TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    peaks BLOB NOT NULL,
    settled INTEGER NOT NULL
) WITHOUT ROWID;

-- name: create_log_entries
-- The message ids of the log: who looks there for a partner's message tells the notary nothing.
CREATE TABLE IF NOT EXISTS log_entries (
    entry TEXT PRIMARY KEY,
    log_index INTEGER NOT NULL UNIQUE
) WITHOUT ROWID;

-- name: create_log_statements
-- The directory statements of the log, in its order, refused ones too.
CREATE TABLE IF NOT EXISTS log_statements (
    log_index INTEGER PRIMARY KEY,
    entry BLOB NOT NULL
);

-- name: has_mirror
-- Whether the tables are there: a store that only readers opened since an upgrade has none.
SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name IN ('mirror', 'log_statements', 'log_entries');

-- name: mirrored
-- What is held of the log.
SELECT size, root, peaks, settled FROM mirror WHERE origin = :origin;

-- name: keep_mirrored
-- The log was read on, and what was read leads to a signed root.
INSERT INTO mirror (origin, size, root, peaks, settled) VALUES (:origin, :size, :root, :peaks, :settled)
ON CONFLICT (origin) DO UPDATE SET
    size = excluded.size, root = excluded.root, peaks = excluded.peaks, settled = excluded.settled;

-- name: add_entry
-- A message id of the log, as it was read; it counts once what was read leads to a signed root.
INSERT INTO log_entries (entry, log_index) VALUES (?, ?) ON CONFLICT DO NOTHING;

-- name: forget_unproven_entries
-- What was read beyond what is held and did not lead to a signed root.
DELETE FROM log_entries WHERE log_index >= :size;

-- name: add_statement
-- A directory statement of the log.
INSERT INTO log_statements (log_index, entry) VALUES (?, ?);

-- name: log_statements
-- Every statement of the log, in its order.
SELECT log_index, entry FROM log_statements ORDER BY log_index;

-- name: leaf_of
-- Where the log holds a message, below what was proven.
SELECT log_index FROM log_entries WHERE entry = :entry AND log_index < (SELECT size FROM mirror WHERE origin = :origin);
