-- What of partners' views of the log is told to PostgreSQL otherwise.

-- name: next_view_at
-- When the next of what is to be compared has waited too long.
SELECT MIN(CASE
    WHEN note IS NULL THEN LEAST(COALESCE(asked_at, since) + :patience, since + :limit) ELSE since + :limit
END) FROM log_views WHERE alarmed_at IS NULL;
