-- What of the erasure of a case is told to PostgreSQL otherwise.

-- name: forget_requests
-- What partners were asked to erase of it.
DELETE FROM erasures WHERE CAST(subject AS JSON) ->> 0 = :case_id;

-- name: forget_statements
-- What was to be said about it.
DELETE FROM outgoing_statements WHERE CAST(subject AS JSON) ->> 0 = :case_id;
