-- What of the requests to erase is told to PostgreSQL otherwise.

-- name: next_erasure_at
-- When the next copy, or telling a person, is due.
SELECT MIN(LEAST(next_at, alarm_at)) FROM erasures;
