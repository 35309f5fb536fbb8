-- What is known of a restore: since when it is recovered from, what partners said since, which cases people opened; and
-- when this store was worked on, by which a copy beside it is told from a restore.

-- name: create_recovery
-- One row while what partners hold has to be compared; times are whole seconds since 1970, UTC.
CREATE TABLE IF NOT EXISTS recovery (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    why TEXT NOT NULL,
    since BIGINT NOT NULL,
    lost_from BIGINT,
    asked_at BIGINT NOT NULL DEFAULT 0
);

-- name: create_recovery_answers
-- What a partner holds of a case, as it last said since: its heads, a JSON array.
CREATE TABLE IF NOT EXISTS recovery_answers (
    case_id TEXT NOT NULL,
    agency TEXT NOT NULL,
    heads TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (case_id, agency)
);

-- name: create_recovery_opened
-- Cases in which something may be sent again: two people have opened them, or (nobody named) they were compared.
CREATE TABLE IF NOT EXISTS recovery_opened (
    case_id TEXT PRIMARY KEY,
    who TEXT NOT NULL,
    function TEXT NOT NULL,
    second TEXT NOT NULL,
    at BIGINT NOT NULL
);

-- name: create_recovery_anchors
-- The newest anchor that was found ahead of the store, so that it is found once.
CREATE TABLE IF NOT EXISTS recovery_anchors (
    number INTEGER PRIMARY KEY
);

-- name: create_stopped
-- One row while a copy of this node was found and nobody has said that it is off.
CREATE TABLE IF NOT EXISTS stopped (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    since BIGINT NOT NULL,
    content_id TEXT NOT NULL
);

-- name: create_runs
-- From when to when this store was worked on, each time.
CREATE TABLE IF NOT EXISTS runs (
    started_at BIGINT PRIMARY KEY,
    alive_at BIGINT NOT NULL
);

-- name: create_given_up
-- Messages whose sections nobody can open: their keys are lost, and who sent them was told so.
CREATE TABLE IF NOT EXISTS given_up (
    content_id TEXT PRIMARY KEY,
    at BIGINT NOT NULL
);

-- name: keep_given_up
-- Nobody looks for its keys any more.
INSERT INTO given_up (content_id, at) VALUES (:content_id, :at) ON CONFLICT (content_id) DO NOTHING;

-- name: is_given_up
-- Whether a message was given up.
SELECT 1 FROM given_up WHERE content_id = :content_id;

-- name: given_up
-- Every message that was given up.
SELECT content_id FROM given_up;

-- name: recovery
-- What is recovered from, if anything.
SELECT why, since, lost_from, asked_at FROM recovery;

-- name: begin_recovery
-- It begins, or begins again.
INSERT INTO recovery (one, why, since, lost_from) VALUES (1, :why, :since, :lost_from)
ON CONFLICT (one) DO UPDATE SET why = excluded.why, since = excluded.since, lost_from = excluded.lost_from, asked_at = 0;

-- name: forget_answers
-- What was said before counts no more.
DELETE FROM recovery_answers;

-- name: forget_opened
-- Nor what was opened.
DELETE FROM recovery_opened;

-- name: end_recovery
-- Everything was compared.
DELETE FROM recovery;

-- name: asked
-- Partners were asked.
UPDATE recovery SET asked_at = :at;

-- name: keep_answer
-- A partner has said what it holds.
INSERT INTO recovery_answers (case_id, agency, heads, at) VALUES (:case_id, :agency, :heads, :at)
ON CONFLICT (case_id, agency) DO UPDATE SET heads = excluded.heads, at = excluded.at;

-- name: answers
-- What partners hold of a case.
SELECT agency, heads FROM recovery_answers WHERE case_id = :case_id;

-- name: keep_opened
-- Two people open a case.
INSERT INTO recovery_opened (case_id, who, function, second, at) VALUES (:case_id, :who, :function, :second, :at)
ON CONFLICT (case_id) DO NOTHING;

-- name: opened
-- Whether people have opened a case.
SELECT 1 FROM recovery_opened WHERE case_id = :case_id;

-- name: anchor_found
-- Whether this anchor, or a later one, was found ahead before.
SELECT 1 FROM recovery_anchors WHERE number >= :number;

-- name: keep_anchor
-- It was found ahead.
INSERT INTO recovery_anchors (number) VALUES (:number) ON CONFLICT (number) DO NOTHING;

-- name: stop
-- A copy was found; the first finding stands.
INSERT INTO stopped (one, since, content_id) VALUES (1, :since, :content_id) ON CONFLICT (one) DO NOTHING;

-- name: stopped
-- Since when nothing goes out, and by which message it was found.
SELECT since, content_id FROM stopped;

-- name: go_on
-- The copy is off.
DELETE FROM stopped;

-- name: run_begins
-- This store is worked on from now.
INSERT INTO runs (started_at, alive_at) VALUES (:at, :at) ON CONFLICT (started_at) DO NOTHING;

-- name: run_goes_on
-- It still is.
UPDATE runs SET alive_at = :at WHERE started_at = :started_at;

-- name: was_at_work
-- Whether this store was worked on at a time, well inside a run; the latest run goes on.
SELECT 1 FROM runs WHERE started_at < :at
  AND (alive_at > :at OR (started_at = (SELECT MAX(started_at) FROM runs) AND :at < :now)) LIMIT 1;
