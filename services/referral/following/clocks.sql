-- When something has to happen in a case if nobody speaks first. Disposable: computed from the history of each case.

-- name: create_clocks
-- What rings, about what, when.
CREATE TABLE IF NOT EXISTS clocks (
    case_id TEXT NOT NULL,
    what TEXT NOT NULL,
    subject TEXT NOT NULL,
    until INTEGER NOT NULL,
    rung INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (case_id, what, subject, until)
) WITHOUT ROWID;

-- name: of_case
-- The clocks of a case.
SELECT what, subject, until, rung FROM clocks WHERE case_id = :case_id;

-- name: set_clock
-- Set a clock; one that is set already stays as it is.
INSERT INTO clocks (case_id, what, subject, until) VALUES (:case_id, :what, :subject, :until) ON CONFLICT DO NOTHING;

-- name: stop_clock
-- Nobody waits for this any more.
DELETE FROM clocks WHERE case_id = :case_id AND what = :what AND subject = :subject AND until = :until;

-- name: due
-- What rings now, the earliest first.
SELECT case_id, what, subject, until FROM clocks WHERE rung = 0 AND until <= :now AND not_before <= :now
ORDER BY until, case_id, what, subject LIMIT 64;

-- name: rung
-- It has rung, and what it asked for is done.
UPDATE clocks SET rung = 1 WHERE case_id = :case_id AND what = :what AND subject = :subject AND until = :until;

-- name: later
-- It could not be carried out; not before then it is tried again.
UPDATE clocks SET not_before = :later
WHERE case_id = :case_id AND what = :what AND subject = :subject AND until = :until;

-- name: next
-- When the next one rings.
SELECT MIN(MAX(until, not_before)) FROM clocks WHERE rung = 0;

-- name: forget
-- Before a rebuild.
DELETE FROM clocks;
