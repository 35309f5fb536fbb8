-- What the metrics count. Only counts and times leave these statements: no id, no agency.

-- name: waiting
-- How many deliveries have no receipt, and since when the oldest waits.
SELECT COUNT(*), MIN(made_at) FROM deliveries WHERE state = 'waiting';

-- name: overdue
-- Open cases in which something was due before now.
SELECT COUNT(*) FROM caseload WHERE due_at <= :now AND state <> 'closed';

-- name: contested
-- Open cases in which decisions contradict each other.
SELECT COUNT(*) FROM caseload WHERE contested <> '[]' AND state <> 'closed';

-- name: incomplete
-- Open cases of which a message is named that is not held.
SELECT COUNT(*) FROM caseload WHERE missing > 0 AND state <> 'closed';

-- name: overtaken
-- Open cases in which messages are overtaken.
SELECT COUNT(*) FROM overtaken WHERE messages > 0
AND case_id IN (SELECT case_id FROM caseload WHERE state <> 'closed');

-- name: arrivals
-- Journeys that somebody has to meet or look for, by their state.
SELECT state, COUNT(*) FROM arrivals GROUP BY state;

-- name: alarms
-- What a person must look at, by its code.
SELECT code, COUNT(*) FROM alarms WHERE ended_at IS NULL GROUP BY code;

-- name: parked_envelopes
-- Envelopes that cannot be judged yet, by why.
SELECT reason, COUNT(*) FROM parked GROUP BY reason;

-- name: quarantined
-- Envelopes that were refused, by why.
SELECT reason, COUNT(*) FROM quarantine GROUP BY reason;

-- name: set_aside
-- Cases that a follower could not apply.
SELECT follower, COUNT(*) FROM set_aside GROUP BY follower;
