-- When the policy's quorum last stood over the notary's log, as this node was shown it.

-- name: create_log_quorum
-- By its own word (`stated`) over so many entries, and from when that counts here (`at`), in seconds.
CREATE TABLE IF NOT EXISTS log_quorum (
    origin TEXT PRIMARY KEY,
    stated INTEGER NOT NULL,
    size INTEGER NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;

-- name: quorum
-- What was kept of it.
SELECT at, stated, size FROM log_quorum WHERE origin = :origin;

-- name: keep_quorum
-- It stood again, or over more.
INSERT INTO log_quorum (origin, stated, size, at) VALUES (:origin, :stated, :size, :at)
ON CONFLICT (origin) DO UPDATE SET stated = excluded.stated, size = excluded.size, at = excluded.at;
