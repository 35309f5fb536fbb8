-- What of the clocks is told to PostgreSQL otherwise.

-- name: next
-- When the next one rings.
SELECT MIN(GREATEST(until, not_before)) FROM clocks WHERE rung = 0;
