-- What the events are told to PostgreSQL otherwise.

-- name: make_events
-- The events of every history, in the order of their commits: the position is counted in last_event, without gaps.
CREATE TABLE events (
    position BIGINT PRIMARY KEY,
    originator_id BYTEA NOT NULL,
    originator_version BIGINT NOT NULL,
    topic TEXT COLLATE "C" NOT NULL,
    state BYTEA NOT NULL,
    UNIQUE (originator_id, originator_version)
);

-- name: insert_event
-- Appends events, a column of all of them in each array; fewer are written where one of them is there already.
WITH given AS (
    SELECT * FROM unnest(CAST(? AS BYTEA[]), CAST(? AS BIGINT[]), CAST(? AS TEXT[]), CAST(? AS BYTEA[]))
        WITH ORDINALITY AS one (originator_id, originator_version, topic, state, place)
), counted AS (
    UPDATE last_event
    SET position = position + (SELECT count(*) FROM given),
        written_by = concat_ws(' ', pg_current_xact_id(), pg_backend_pid(), now())
    RETURNING position
)
INSERT INTO events (position, originator_id, originator_version, topic, state)
SELECT counted.position - (SELECT count(*) FROM given) + place, originator_id, originator_version, topic, state
FROM counted, given ORDER BY place
ON CONFLICT DO NOTHING;

-- name: last_insert
-- The position of the last event that this transaction appended; whoever listens hears of it once it is committed.
SELECT position, pg_notify('landfall_events', '') FROM last_event;

-- name: page_of_topics
-- The sequence after one position and up to another, for the topics in a JSON array.
SELECT originator_id, originator_version, topic, state, position FROM events
WHERE position > ? AND position <= ? AND topic IN (SELECT json_array_elements_text(CAST(? AS JSON)))
ORDER BY position LIMIT ?;
