-- What of the mirrored log is told to PostgreSQL otherwise: many rows at once, a column in each array.

-- name: add_entry
-- Message ids of the log, as they were read.
INSERT INTO log_entries (entry, log_index) SELECT * FROM unnest(CAST(? AS TEXT[]), CAST(? AS BIGINT[]))
ON CONFLICT DO NOTHING;

-- name: add_statement
-- Directory statements of the log.
INSERT INTO log_statements (log_index, entry) SELECT * FROM unnest(CAST(? AS BIGINT[]), CAST(? AS BYTEA[]));
