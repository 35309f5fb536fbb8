-- What only PostgreSQL needs beside the tables that SQLite has too.

-- name: make_form
-- Whose tables these are, and in which form; it takes the place of what SQLite keeps in the head of its file.
CREATE TABLE landfall (
    mark BIGINT PRIMARY KEY,
    form BIGINT NOT NULL
);

-- name: keep_form
-- These tables are made now.
INSERT INTO landfall (mark, form) VALUES (?, ?);

-- name: form
-- Whose they are, and in which form.
SELECT mark, form FROM landfall;

-- name: is_made
-- Whether there are tables of ours.
SELECT to_regclass('landfall') IS NOT NULL AND to_regclass('events') IS NOT NULL;

-- name: make_last_event
-- The position that was given last: counted in a row and not by a sequence, which leaves gaps and gives out of order;
-- and the name of the transaction that gave it, as `begun` returns it.
CREATE TABLE last_event (
    "only" BIGINT PRIMARY KEY CHECK ("only" = 1),
    position BIGINT NOT NULL,
    written_by TEXT NOT NULL DEFAULT ''
);

-- name: begin_positions
-- The first event is 1.
INSERT INTO last_event ("only", position) VALUES (1, 0);

-- name: keep_states_plain
-- What is sealed does not get smaller: nobody tries; and what fits into a page stays with its row.
ALTER TABLE events ALTER COLUMN state SET STORAGE EXTERNAL, SET (toast_tuple_target = 8160);

-- name: take_the_pen
-- The right to write in this schema, held by the session and gone with it.
SELECT pg_try_advisory_lock(1279677233, hashtext(current_schema()));

-- name: one_makes
-- Who makes the tables does so alone, until the transaction ends.
SELECT pg_advisory_xact_lock(1279677233);

-- name: begun
-- The name of this transaction. A number alone is no name: after a crash it is given again.
SELECT concat_ws(' ', pg_current_xact_id(), pg_backend_pid(), now());

-- name: written_by
-- Which transaction wrote the newest events.
SELECT written_by FROM last_event;

-- name: what_happened
-- How the transaction of a number ended.
SELECT pg_xact_status(CAST(CAST(? AS TEXT) AS xid8));

-- name: fit
-- The encoding of the database, and whether a commit waits for the disk.
SELECT current_setting('server_encoding'), current_setting('synchronous_commit');
