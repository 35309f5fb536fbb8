-- What screens and lists read. Disposable: rebuilt from the history while the node serves, equal to the byte.
-- Nothing here comes from a section: a page opens sections when it is asked for.

-- name: create_caseload
-- One row for each case: where it stands, what is due next, on whom it waits.
CREATE TABLE IF NOT EXISTS caseload (
    case_id TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    responsible TEXT NOT NULL,
    state TEXT NOT NULL,
    referral TEXT NOT NULL,
    travelling TEXT NOT NULL,
    risk TEXT NOT NULL,
    hold TEXT NOT NULL,
    members TEXT NOT NULL,
    missing INTEGER NOT NULL,
    contested TEXT NOT NULL,
    due_at INTEGER,
    due_what TEXT NOT NULL,
    waiting_on TEXT NOT NULL,
    digest TEXT NOT NULL
) WITHOUT ROWID;

-- name: create_arrivals
-- One row for each journey that is on its way or expected, and the message whose section names the time.
CREATE TABLE IF NOT EXISTS arrivals (
    case_id TEXT NOT NULL,
    itinerary TEXT NOT NULL,
    state TEXT NOT NULL,
    named_by TEXT NOT NULL,
    PRIMARY KEY (case_id, itinerary)
) WITHOUT ROWID;

-- name: create_register
-- One row for each message sent, received or refused.
CREATE TABLE IF NOT EXISTS register (
    content_id TEXT PRIMARY KEY,
    case_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    direction TEXT NOT NULL,
    kind TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    sent_at INTEGER,
    recorded_at INTEGER NOT NULL,
    reason TEXT NOT NULL
) WITHOUT ROWID;

-- name: create_register_receipts
-- What recipients said of our messages.
CREATE TABLE IF NOT EXISTS register_receipts (
    content_id TEXT NOT NULL,
    agency TEXT NOT NULL,
    stage TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (content_id, agency, stage)
) WITHOUT ROWID;

-- name: put_case
-- The row of a case, as it is now.
INSERT INTO caseload (case_id, role, opened_at, changed_at, responsible, state, referral, travelling, risk,
    hold, members, missing, contested, due_at, due_what, waiting_on, digest)
VALUES (:case_id, :role, :opened_at, :changed_at, :responsible, :state, :referral, :travelling, :risk,
    :hold, :members, :missing, :contested, :due_at, :due_what, :waiting_on, :digest)
ON CONFLICT (case_id) DO UPDATE SET
    role = excluded.role, opened_at = excluded.opened_at, changed_at = excluded.changed_at,
    responsible = excluded.responsible, state = excluded.state, referral = excluded.referral,
    travelling = excluded.travelling, risk = excluded.risk, hold = excluded.hold, members = excluded.members,
    missing = excluded.missing, contested = excluded.contested, due_at = excluded.due_at,
    due_what = excluded.due_what, waiting_on = excluded.waiting_on, digest = excluded.digest;

-- name: clear_arrivals_of_case
-- Before the journeys of a case are written anew.
DELETE FROM arrivals WHERE case_id = :case_id;

-- name: put_arrival
-- A journey of a case.
INSERT INTO arrivals (case_id, itinerary, state, named_by) VALUES (:case_id, :itinerary, :state, :named_by);

-- name: put_message
-- A message in the register; what was refused and came again as part of the case takes its place.
INSERT INTO register (content_id, case_id, position, direction, kind, sender, recipients, sent_at,
    recorded_at, reason)
VALUES (:content_id, :case_id, :position, :direction, :kind, :sender, :recipients, :sent_at, :recorded_at, :reason)
ON CONFLICT (content_id) DO UPDATE SET
    case_id = excluded.case_id, position = excluded.position, direction = excluded.direction, kind = excluded.kind,
    sender = excluded.sender, recipients = excluded.recipients, sent_at = excluded.sent_at,
    recorded_at = excluded.recorded_at, reason = excluded.reason;

-- name: put_receipt
-- A receipt in the register.
INSERT INTO register_receipts (content_id, agency, stage, reason, at)
VALUES (:content_id, :agency, :stage, :reason, :at)
ON CONFLICT (content_id, agency, stage) DO UPDATE SET reason = excluded.reason, at = excluded.at;

-- name: cases
-- Every case, by what is due first.
SELECT case_id, role, opened_at, changed_at, responsible, state, referral, travelling, risk, hold, members, missing,
    contested, due_at, due_what, waiting_on, digest
FROM caseload ORDER BY due_at IS NULL, due_at, changed_at DESC, case_id;

-- name: arrivals
-- Every journey that somebody has to meet, or look for.
SELECT case_id, itinerary, state, named_by FROM arrivals ORDER BY case_id, itinerary;

-- name: register
-- Every message, as it came.
SELECT content_id, case_id, direction, kind, sender, recipients, sent_at, recorded_at, reason FROM register
ORDER BY position;

-- name: register_of_case
-- The same for one case.
SELECT content_id, case_id, direction, kind, sender, recipients, sent_at, recorded_at, reason FROM register
WHERE case_id = :case_id ORDER BY position;

-- name: receipts
-- What was said of one message.
SELECT agency, stage, reason, at FROM register_receipts WHERE content_id = :content_id ORDER BY at, agency, stage;

-- name: case_members
-- Which agencies are in which case.
SELECT case_id, members FROM caseload ORDER BY case_id;

-- name: open_case_members
-- Which agencies are in a case in which somebody may still have to write.
SELECT members FROM caseload WHERE state <> 'closed';

-- name: all_caseload
-- Every row, for the digest.
SELECT * FROM caseload ORDER BY case_id;

-- name: all_arrivals
-- The same.
SELECT * FROM arrivals ORDER BY case_id, itinerary;

-- name: all_register
-- The same.
SELECT * FROM register ORDER BY content_id;

-- name: all_register_receipts
-- The same.
SELECT * FROM register_receipts ORDER BY content_id, agency, stage;

-- name: clear_caseload
-- Before a rebuild.
DELETE FROM caseload;

-- name: clear_arrivals
-- Before a rebuild.
DELETE FROM arrivals;

-- name: clear_register
-- Before a rebuild.
DELETE FROM register;

-- name: clear_register_receipts
-- Before a rebuild.
DELETE FROM register_receipts;
