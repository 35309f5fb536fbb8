-- The signed checkpoints that this node held: the latest, those that its contents named, and those of the last hour.

-- name: create_log_notes
-- A checkpoint under which the log was mirrored; `named` says that a content of ours names it as seen.
CREATE TABLE IF NOT EXISTS log_notes (
    origin TEXT NOT NULL,
    size INTEGER NOT NULL,
    note BLOB NOT NULL,
    kept_at INTEGER NOT NULL,
    named INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (origin, size)
) WITHOUT ROWID;

-- name: keep_note
-- The log is mirrored up to this checkpoint; the same one with more witnesses takes its place.
INSERT INTO log_notes (origin, size, note, kept_at) VALUES (:origin, :size, :note, :at)
ON CONFLICT (origin, size) DO UPDATE SET note = excluded.note;

-- name: forget_notes
-- What nobody can ask for goes.
DELETE FROM log_notes WHERE named = 0 AND kept_at < :before
AND size < (SELECT MAX(size) FROM log_notes AS one WHERE one.origin = log_notes.origin);

-- name: name_note
-- A content of ours names this checkpoint.
UPDATE log_notes SET named = 1 WHERE origin = :origin AND size = :size;

-- name: note_at
-- The checkpoint of one size.
SELECT note FROM log_notes WHERE origin = :origin AND size = :size;

-- name: latest_note
-- The latest checkpoint.
SELECT note FROM log_notes WHERE origin = :origin ORDER BY size DESC LIMIT 1;

-- name: has_notes
-- Whether the table is there: a store that only readers opened since an upgrade has none.
SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'log_notes';
