-- What partners were asked to erase. Disposable: what is lost here is asked for again when the clock of the withdrawal
-- rings again.

-- name: create_erasures
-- A request without an answer: what it asks (`subject`), and its bytes, because the answer names it by their hash.
CREATE TABLE IF NOT EXISTS erasures (
    statement TEXT PRIMARY KEY,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    raw BLOB NOT NULL,
    copies INTEGER NOT NULL DEFAULT 0,
    last_copy_at INTEGER,
    next_at INTEGER NOT NULL,
    alarm_at INTEGER NOT NULL,
    UNIQUE (recipient, subject)
) WITHOUT ROWID;

-- name: ask_to_erase
-- A partner is to erase this; what it was asked and has not answered stays as it is.
INSERT INTO erasures (statement, recipient, subject, raw, next_at, alarm_at)
VALUES (:statement, :recipient, :subject, :raw, :now, :alarm_at) ON CONFLICT DO NOTHING;

-- name: erasure
-- A request that waits for its answer.
SELECT recipient, subject, raw FROM erasures WHERE statement = :statement;

-- name: erasures_due
-- What is asked now: by its time, or because the partner was heard since the last copy, ten minutes after it or later.
SELECT e.statement, e.recipient, e.subject, e.copies FROM erasures e LEFT JOIN partners p ON p.agency = e.recipient
WHERE e.next_at <= :now OR (p.last_heard_at > e.last_copy_at AND e.last_copy_at <= :now - 600)
ORDER BY e.next_at, e.statement LIMIT 64;

-- name: erasure_asked
-- A copy was handed to the outbox; the next one is due at its time unless the answer comes before.
UPDATE erasures SET copies = copies + 1, last_copy_at = :now, next_at = :next_at WHERE statement = :statement;

-- name: erasure_over
-- It was answered, or it is not meant any more.
DELETE FROM erasures WHERE statement = :statement;

-- name: erasures_late
-- What should have its answer by now.
SELECT statement, recipient, subject FROM erasures WHERE alarm_at <= :now ORDER BY alarm_at, statement;

-- name: erasure_alarmed
-- A person was told; a request is told of once.
UPDATE erasures SET alarm_at = 9223372036854775807 WHERE statement = :statement;

-- name: erasures_of
-- What a partner was told of late and has not answered.
SELECT subject FROM erasures WHERE recipient = :recipient AND alarm_at = 9223372036854775807;

-- name: ask_all_to_erase_again
-- The broker was reset, or our clock was wrong: whatever waits is asked again at once.
UPDATE erasures SET next_at = :now WHERE next_at > :now + :ahead;

-- name: next_erasure_at
-- When the next copy, or telling a person, is due.
SELECT MIN(MIN(next_at, alarm_at)) FROM erasures;
