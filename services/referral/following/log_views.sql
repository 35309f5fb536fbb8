-- What partners name as the log that they see, as far as it is not the one that is mirrored here.

-- name: create_log_views
-- A size and a root that a partner named (in a content) or showed (with `note`, signed by the log), to be compared.
CREATE TABLE IF NOT EXISTS log_views (
    id INTEGER PRIMARY KEY,
    origin TEXT NOT NULL,
    agency TEXT NOT NULL,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    note BLOB,
    since INTEGER NOT NULL,
    asked_at INTEGER,
    alarmed_at INTEGER,
    UNIQUE (origin, agency, size, root)
);

-- name: create_log_view_ends
-- How the last disagreement with a partner ended: a conviction by its name, a claim never proven, a note refused.
CREATE TABLE IF NOT EXISTS log_view_ends (
    origin TEXT NOT NULL,
    agency TEXT NOT NULL,
    "end" TEXT NOT NULL,
    size INTEGER,
    root BLOB,
    detail TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (origin, agency, "end")
) WITHOUT ROWID;

-- name: create_log_view_told
-- Which checkpoint a partner was shown last.
CREATE TABLE IF NOT EXISTS log_view_told (agency TEXT PRIMARY KEY, size INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;

-- name: has_views
-- Whether the tables are there: a store that only readers opened since an upgrade has none.
SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name IN ('log_views', 'log_view_ends');

-- name: claim
-- A partner names what is not known to be so; of one that names too much, the first ones are compared.
INSERT INTO log_views (origin, agency, size, root, since)
SELECT :origin, :agency, :size, :root, :at
WHERE (SELECT COUNT(*) FROM log_views WHERE origin = :origin AND agency = :agency AND note IS NULL) < :most
ON CONFLICT DO NOTHING;

-- name: show
-- A partner shows a checkpoint that the log has signed.
INSERT INTO log_views (origin, agency, size, root, note, since) VALUES (:origin, :agency, :size, :root, :note, :at)
ON CONFLICT (origin, agency, size, root) DO UPDATE SET note = excluded.note;

-- name: views
-- What is to be compared.
SELECT id, agency, size, root, note, since, asked_at, alarmed_at FROM log_views WHERE origin = :origin ORDER BY id;

-- name: signed_beyond
-- Whether a partner has shown a checkpoint of a size or more.
SELECT 1 FROM log_views WHERE origin = :origin AND agency = :agency AND note IS NOT NULL AND size >= :size LIMIT 1;

-- name: asked
-- A partner was asked to show what it named.
UPDATE log_views SET asked_at = :at WHERE id = :id;

-- name: alarmed
-- A person was told, and with it of what was shown beyond.
UPDATE log_views SET alarmed_at = :at
WHERE id = :id OR (origin = :origin AND agency = :agency AND note IS NOT NULL AND size >= :size);

-- name: forget_view
-- It was compared.
DELETE FROM log_views WHERE id = :id;

-- name: forget_views
-- The log is convicted between us and this partner.
DELETE FROM log_views WHERE origin = :origin AND agency = :agency;

-- name: end_view
-- A disagreement ended; of one kind with one partner the last is kept.
INSERT INTO log_view_ends (origin, agency, "end", size, root, detail, at)
VALUES (:origin, :agency, :end, :size, :root, :detail, :at)
ON CONFLICT (origin, agency, "end") DO UPDATE SET
    size = excluded.size, root = excluded.root, detail = excluded.detail, at = excluded.at;

-- name: ended
-- Whether a disagreement with a partner ended in one way.
SELECT 1 FROM log_view_ends WHERE origin = :origin AND agency = :agency AND "end" = :end;

-- name: ends
-- How disagreements ended.
SELECT agency, "end", size, root, detail, at FROM log_view_ends WHERE origin = :origin ORDER BY at, agency, "end";

-- name: withheld
-- Whether growth of the log that is signed is still kept from us.
SELECT 1 FROM log_views WHERE origin = :origin AND note IS NOT NULL AND alarmed_at IS NOT NULL LIMIT 1;

-- name: told
-- What a partner was shown last.
SELECT size, at FROM log_view_told WHERE agency = :agency;

-- name: tell
-- A partner is shown a checkpoint.
INSERT INTO log_view_told (agency, size, at) VALUES (:agency, :size, :at)
ON CONFLICT (agency) DO UPDATE SET size = excluded.size, at = excluded.at;

-- name: next_view_at
-- When the next of what is to be compared has waited too long.
SELECT MIN(CASE
    WHEN note IS NULL THEN MIN(COALESCE(asked_at, since) + :patience, since + :limit) ELSE since + :limit
END) FROM log_views WHERE alarmed_at IS NULL;
