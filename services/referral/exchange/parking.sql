-- Envelopes that wait to be judged, what is left of those that were refused, and how certain the time is.

-- name: create_parked
-- Envelopes that cannot be judged yet: why, since when, and as far as it is known for which case and message and by whom
-- it was signed. `key_day` is the day of the epoch key that opens it, empty where no key of ours does.
CREATE TABLE IF NOT EXISTS parked (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE,
    envelope BLOB NOT NULL,
    reason TEXT NOT NULL,
    case_id TEXT NOT NULL,
    content_id TEXT NOT NULL,
    sender TEXT NOT NULL,
    key_day TEXT NOT NULL,
    since INTEGER NOT NULL
);

-- name: create_parked_of_case
-- Finds what waits for an invitation into a case.
CREATE INDEX IF NOT EXISTS parked_of_case ON parked (case_id, reason);

-- name: create_quarantine
-- Envelopes that were refused: hash and reason, nothing of them.
CREATE TABLE IF NOT EXISTS quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE,
    reason TEXT NOT NULL,
    since INTEGER NOT NULL
);

-- name: create_outside_time
-- The latest time that somebody outside showed this node; never later than its own clock then.
CREATE TABLE IF NOT EXISTS outside_time (
    witness TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) WITHOUT ROWID;

-- name: create_certain_time
-- How far the time was certain when this node looked last, what its clock said then, and for how long the clock has been
-- ahead of what is certain while the node ran.
CREATE TABLE IF NOT EXISTS certain_time (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    own INTEGER NOT NULL,
    certain INTEGER NOT NULL,
    doubted INTEGER NOT NULL
);

-- name: park
-- An envelope that cannot be judged yet; the same bytes wait once.
INSERT INTO parked (digest, envelope, reason, case_id, content_id, sender, key_day, since)
VALUES (:digest, :envelope, :reason, :case_id, :content_id, :sender, :key_day, :since) ON CONFLICT DO NOTHING;

-- name: park_on
-- It waits for something else now.
UPDATE parked SET reason = :reason, case_id = :case_id, content_id = :content_id, sender = :sender WHERE id = :id;

-- name: parked
-- What is parked behind this row, oldest first; for this reason and in this case, or for any.
SELECT id, envelope, reason, case_id, content_id, sender, key_day, since FROM parked
WHERE id > :after AND :reason IN ('', reason) AND :case_id IN ('', case_id) ORDER BY id LIMIT :limit;

-- name: parked_for_case
-- Whether something waits for this reason in a case.
SELECT 1 FROM parked WHERE case_id = :case_id AND reason = :reason LIMIT 1;

-- name: parked_senders
-- Who has signed what waits for this reason.
SELECT DISTINCT sender FROM parked WHERE reason = :reason;

-- name: parked_ending
-- Who has signed what can be opened only with keys of days before one; where that is not known, why it waits.
SELECT DISTINCT CASE sender WHEN '' THEN reason ELSE sender END FROM parked
WHERE key_day <> '' AND key_day < :before;

-- name: unpark
-- It was judged, or its time is over.
DELETE FROM parked WHERE id = :id;

-- name: quarantine
-- An envelope that was refused, or has waited in vain: its hash and why, nothing of it.
INSERT INTO quarantine (digest, reason, since) VALUES (:digest, :reason, :since) ON CONFLICT DO NOTHING;

-- name: keep_outside_time
-- Somebody outside showed a time.
INSERT INTO outside_time (witness, at) VALUES (:witness, :at)
ON CONFLICT (witness) DO UPDATE SET at = excluded.at WHERE excluded.at > outside_time.at;

-- name: latest_outside_time
-- The latest time that anybody outside showed.
SELECT MAX(at) FROM outside_time;

-- name: certain_time
-- What this node wrote down when it looked last.
SELECT own, certain, doubted FROM certain_time;

-- name: keep_certain_time
-- What this node finds now.
INSERT INTO certain_time (one, own, certain, doubted) VALUES (1, :own, :certain, :doubted)
ON CONFLICT (one) DO UPDATE SET own = excluded.own, certain = excluded.certain, doubted = excluded.doubted;
