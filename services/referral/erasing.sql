-- What the tables say of one case goes with it; what was said to partners about its messages, and their leaves, stay.

-- name: forget_caseload
-- The case is in no list.
DELETE FROM caseload WHERE case_id = :case_id;

-- name: forget_arrivals
-- Nobody of it is met.
DELETE FROM arrivals WHERE case_id = :case_id;

-- name: forget_receipts
-- What partners said of its messages; before the register, which knows the messages.
DELETE FROM register_receipts WHERE content_id IN (SELECT content_id FROM register WHERE case_id = :case_id);

-- name: forget_register
-- Its messages.
DELETE FROM register WHERE case_id = :case_id;

-- name: forget_clocks
-- Nothing of it rings.
DELETE FROM clocks WHERE case_id = :case_id;

-- name: forget_deliveries
-- What had not gone out does not go out.
DELETE FROM deliveries WHERE case_id = :case_id;

-- name: forget_gaps
-- Nothing of it is asked for.
DELETE FROM gaps WHERE case_id = :case_id;

-- name: forget_parked
-- What waited for it.
DELETE FROM parked WHERE case_id = :case_id;

-- name: forget_requests
-- What partners were asked to erase of it.
DELETE FROM erasures WHERE json_extract(subject, '$[0]') = :case_id;

-- name: forget_statements
-- What was to be said about it.
DELETE FROM outgoing_statements WHERE json_extract(subject, '$[0]') = :case_id;

-- name: end_alarms
-- Whatever stood about it.
UPDATE alarms SET ended_at = :at WHERE case_id = :case_id AND ended_at IS NULL;

-- name: forget_answers
-- What partners said to hold of it.
DELETE FROM recovery_answers WHERE case_id = :case_id;
