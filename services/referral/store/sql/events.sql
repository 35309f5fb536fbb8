-- name: make_events
-- The events of every history, in the order of their commits; AUTOINCREMENT never gives a position twice.
CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    originator_id BLOB NOT NULL,
    originator_version INTEGER NOT NULL,
    topic TEXT NOT NULL,
    state BLOB NOT NULL,
    UNIQUE (originator_id, originator_version)
) STRICT;

-- name: insert_event
-- Appends one event; the unique pair of id and version is what two writers of one history collide on.
INSERT INTO events (originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: last_insert
-- The position of the last event that this transaction appended.
SELECT last_insert_rowid();

-- name: last_position
-- The position of the newest event, 0 in an empty store.
SELECT COALESCE(max(position), 0) FROM events;

-- name: history
-- One history between two versions, both inside.
SELECT originator_id, originator_version, topic, state FROM events
WHERE originator_id = ? AND originator_version BETWEEN ? AND ?
ORDER BY originator_version LIMIT ?;

-- name: history_backwards
-- The same, newest first.
SELECT originator_id, originator_version, topic, state FROM events
WHERE originator_id = ? AND originator_version BETWEEN ? AND ?
ORDER BY originator_version DESC LIMIT ?;

-- name: page
-- The sequence after one position and up to another, all topics.
SELECT originator_id, originator_version, topic, state, position FROM events
WHERE position > ? AND position <= ?
ORDER BY position LIMIT ?;

-- name: page_of_topics
-- The same for the topics in a JSON array.
SELECT originator_id, originator_version, topic, state, position FROM events
WHERE position > ? AND position <= ? AND topic IN (SELECT value FROM json_each(?))
ORDER BY position LIMIT ?;

-- name: page_of_history
-- The part of the sequence that belongs to one history, all topics.
SELECT originator_id, originator_version, topic, state, position FROM events
WHERE originator_id = ? AND position > ? AND position <= ?
ORDER BY originator_version LIMIT ?;

-- name: key_of_each_history
-- Every history once, with the key that its first event names (bytes 2 to 9 of the state).
WITH RECURSIVE each_history (id) AS (
    SELECT (SELECT originator_id FROM events ORDER BY originator_id LIMIT 1)
    UNION ALL
    SELECT (SELECT originator_id FROM events WHERE originator_id > id ORDER BY originator_id LIMIT 1)
    FROM each_history WHERE id IS NOT NULL
)
SELECT id, (
    SELECT substr(state, 2, 8) FROM events WHERE originator_id = id ORDER BY originator_version LIMIT 1
) FROM each_history WHERE id IS NOT NULL;

-- name: give_up_history
-- A history whose key is lost opens no more; its place in the sequence stays empty.
DELETE FROM events WHERE originator_id = ?;
