-- What is on its way between this node and its partners. Disposable: what is lost here is sent or asked for
-- again.

-- name: create_deliveries
-- What still has to reach whom, or how it ended; times here and below are whole seconds since 1970, UTC.
-- `held_back`: how many sections consent kept out of the last copy; `again`: it goes out once more with them.
CREATE TABLE IF NOT EXISTS deliveries (
    content_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    case_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    urgency INTEGER NOT NULL,
    alarm_at INTEGER NOT NULL,
    copies INTEGER NOT NULL DEFAULT 0,
    last_copy_at INTEGER,
    held_back INTEGER NOT NULL DEFAULT 0,
    again INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    ended_at INTEGER,
    PRIMARY KEY (content_id, recipient)
) WITHOUT ROWID;

-- name: create_deliveries_due
-- Finds what is due.
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (next_at) WHERE state = 'waiting';

-- name: create_deliveries_late
-- Finds what should have its receipt by now.
CREATE INDEX IF NOT EXISTS deliveries_late ON deliveries (alarm_at) WHERE state = 'waiting';

-- name: create_deliveries_to
-- Finds what a partner that was heard has not acknowledged.
CREATE INDEX IF NOT EXISTS deliveries_waiting_to ON deliveries (recipient) WHERE state = 'waiting';

-- name: create_deliveries_of_case
-- Finds the deliveries of a case, and how new it is.
CREATE INDEX IF NOT EXISTS deliveries_of_case ON deliveries (case_id, made_at);

-- name: create_outgoing_statements
-- Node statements that wait for the broker: what each is about, not its bytes; they are made when they are sent.
CREATE TABLE IF NOT EXISTS outgoing_statements (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    recipient TEXT NOT NULL,
    type TEXT NOT NULL,
    subject TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    asked INTEGER NOT NULL DEFAULT 1,
    UNIQUE (recipient, type, subject)
);

-- name: create_outgoing_statements_to
-- Finds the oldest that waits for each recipient.
CREATE INDEX IF NOT EXISTS outgoing_statements_to ON outgoing_statements (recipient, id);

-- name: create_receipts_issued
-- Our receipts: the first of each stage stands for ever.
CREATE TABLE IF NOT EXISTS receipts_issued (
    content_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    stage TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (content_id, recipient, stage)
) WITHOUT ROWID;

-- name: create_receipts_lost
-- Our receipts for what was lost after them, and that it was: they stand before what is issued for it anew.
CREATE TABLE IF NOT EXISTS receipts_lost (
    content_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    stage TEXT NOT NULL,
    reason TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (content_id, recipient, stage, at)
);

-- name: create_gaps
-- Ids that messages name and this node does not hold.
CREATE TABLE IF NOT EXISTS gaps (
    case_id TEXT NOT NULL,
    content_id TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    asked INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL,
    PRIMARY KEY (case_id, content_id)
) WITHOUT ROWID;

-- name: create_gap_answers
-- How many ids each asker was answered in an hour.
CREATE TABLE IF NOT EXISTS gap_answers (
    asker TEXT NOT NULL,
    hour INTEGER NOT NULL,
    ids INTEGER NOT NULL,
    PRIMARY KEY (asker, hour)
) WITHOUT ROWID;

-- name: create_partners
-- When each partner was last heard, and last told what we hold.
CREATE TABLE IF NOT EXISTS partners (
    agency TEXT PRIMARY KEY,
    last_heard_at INTEGER NOT NULL DEFAULT 0,
    last_sync_at INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- name: create_inboxes
-- Which incarnation of its inbox this node reads: a broker that was reset begins another one.
CREATE TABLE IF NOT EXISTS inboxes (
    topic TEXT PRIMARY KEY,
    incarnation INTEGER NOT NULL
) WITHOUT ROWID;

-- name: create_alarms
-- What a person must look at.
CREATE TABLE IF NOT EXISTS alarms (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL,
    case_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    since INTEGER NOT NULL,
    ended_at INTEGER,
    UNIQUE (code, case_id, subject)
);

-- name: create_acknowledgements
-- Who ended an alarm of which no machine sees the end: as it stood since then, for it may stand again.
CREATE TABLE IF NOT EXISTS acknowledgements (
    alarm INTEGER NOT NULL,
    since INTEGER NOT NULL,
    who TEXT NOT NULL,
    function TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (alarm, since)
) WITHOUT ROWID;

-- name: add_delivery
-- A message of ours has to reach this recipient; a repeat changes nothing.
INSERT INTO deliveries (content_id, recipient, case_id, version, made_at, urgency, alarm_at, next_at)
VALUES (:content_id, :recipient, :case_id, :version, :made_at, :urgency, :alarm_at, :made_at) ON CONFLICT DO NOTHING;

-- name: end_delivery
-- The delivery ends in this state; what has ended stays as it ended, and what has to go out once more goes out first.
UPDATE deliveries SET state = :state, ended_at = :at, again = 0
WHERE content_id = :content_id AND recipient = :recipient AND state = 'waiting'
  AND NOT (again = 1 AND last_copy_at IS NULL);

-- name: end_again
-- What went out once more was receipted once more.
UPDATE deliveries SET state = 'stored', ended_at = :at, again = 0
WHERE content_id = :content_id AND recipient = :recipient AND state = 'waiting' AND again = 1
  AND last_copy_at IS NOT NULL;

-- name: reopen_delivery
-- The recipient lost what it had receipted: send it again, as seldom as any further copy however often it says so.
UPDATE deliveries SET state = 'waiting', ended_at = NULL, next_at = MAX(:at, COALESCE(last_copy_at + :apart, 0)),
    alarm_at = :alarm_at
WHERE content_id = :content_id AND recipient = :recipient;

-- name: send_again
-- Sections that consent held back are open again: send it once more, with them.
UPDATE deliveries SET state = 'waiting', ended_at = NULL, next_at = :at, alarm_at = :alarm_at, again = 1,
    last_copy_at = NULL
WHERE content_id = :content_id AND recipient = :recipient;

-- name: known_deliveries
-- What a case's deliveries are, as far as they are written down.
SELECT content_id, recipient, held_back, again FROM deliveries WHERE case_id = :case_id;

-- name: due_deliveries
-- Copies that are due: urgent cases first, the newest case first, inside a case in the order of our history; and behind
-- all others what goes to recipients whose topic was away (`away`, a JSON array), so that they hold up nobody.
WITH due AS (SELECT * FROM deliveries WHERE state = 'waiting' AND next_at <= :now),
cases AS (
    SELECT case_id, MIN(urgency) AS urgency,
        (SELECT MAX(m.made_at) FROM deliveries m WHERE m.case_id = due.case_id) AS newest
    FROM due GROUP BY case_id
)
SELECT due.content_id, due.recipient, due.case_id, due.version, due.copies
FROM due JOIN cases USING (case_id)
ORDER BY due.recipient IN (SELECT value FROM json_each(:away)), cases.urgency, cases.newest DESC, due.case_id, due.version, due.recipient
LIMIT :limit;

-- name: copy_sent
-- The broker has taken a copy; the next one is due at its time unless a receipt comes before.
UPDATE deliveries SET copies = copies + 1, last_copy_at = :now, next_at = :next_at, held_back = :held_back
WHERE content_id = :content_id AND recipient = :recipient;

-- name: postpone_delivery
-- Nothing can be sent to this recipient now.
UPDATE deliveries SET next_at = :next_at WHERE content_id = :content_id AND recipient = :recipient;

-- name: sign_of_life
-- The partner lives and has not acknowledged our last copy: one more, at most one in ten minutes (`apart`).
UPDATE deliveries SET next_at = :now
WHERE recipient = :agency AND state = 'waiting' AND last_copy_at IS NOT NULL
  AND last_copy_at < :sent_at AND last_copy_at <= :now - :apart AND next_at > :now;

-- name: resend_all
-- The broker was reset: whatever waits goes out again at once.
UPDATE deliveries SET next_at = :now WHERE state = 'waiting' AND next_at > :now;

-- name: unstick_deliveries
-- No pause is longer than a day: what is due later was written down while our clock was wrong.
UPDATE deliveries SET next_at = :now, last_copy_at = MIN(COALESCE(last_copy_at, :now), :now)
WHERE state = 'waiting' AND next_at > :now + 90000;

-- name: unstick_gaps
-- The same for questions.
UPDATE gaps SET next_at = :now WHERE next_at > :now + 90000;

-- name: deliveries_of_case
-- Every delivery of a case, for its register.
SELECT content_id, recipient, state, copies, last_copy_at, next_at, made_at, ended_at FROM deliveries
WHERE case_id = :case_id ORDER BY version, recipient;

-- name: late_deliveries
-- Deliveries whose receipt should have come by now.
SELECT content_id, recipient, case_id FROM deliveries
WHERE state = 'waiting' AND alarm_at <= :now ORDER BY alarm_at, content_id, recipient LIMIT 64;

-- name: alarmed
-- A person was told; a delivery is told of once.
UPDATE deliveries SET alarm_at = 9223372036854775807 WHERE content_id = :content_id AND recipient = :recipient;

-- name: next_alarm_at
-- When the next receipt is late.
SELECT MIN(alarm_at) FROM deliveries WHERE state = 'waiting' AND alarm_at < 9223372036854775807;

-- name: waiting_deliveries
-- Every delivery without a receipt, oldest first.
SELECT content_id, recipient, case_id, made_at, copies FROM deliveries
WHERE state = 'waiting' ORDER BY made_at, content_id, recipient;

-- name: next_delivery_at
-- When the next copy is due.
SELECT MIN(next_at) FROM deliveries WHERE state = 'waiting';

-- name: forget_deliveries
-- Before the deliveries are built again from the history.
DELETE FROM deliveries;

-- name: add_statement
-- A node statement has to go out; an equal one that still waits is not doubled. If that one is being sent just now it
-- may say too little, so it is sent once more (`asked`).
INSERT INTO outgoing_statements (recipient, type, subject, made_at)
VALUES (:recipient, :type, :subject, :made_at)
ON CONFLICT (recipient, type, subject) DO UPDATE SET asked = outgoing_statements.asked + 1;

-- name: due_statements
-- Node statements to send: of each recipient the oldest, then of each the next one, so that however much waits for one
-- holds up no other; recipients whose topic was away (`away`, a JSON array) come last.
WITH RECURSIVE recipients (recipient) AS (
    SELECT MIN(recipient) FROM outgoing_statements
    UNION ALL
    SELECT (SELECT MIN(o.recipient) FROM outgoing_statements o WHERE o.recipient > recipients.recipient)
    FROM recipients WHERE recipients.recipient IS NOT NULL
),
oldest AS (
    SELECT o.*, ROW_NUMBER() OVER (PARTITION BY o.recipient ORDER BY o.id) AS place
    FROM recipients r JOIN outgoing_statements o
        ON o.id IN (SELECT s.id FROM outgoing_statements s WHERE s.recipient = r.recipient ORDER BY s.id LIMIT :limit)
)
SELECT id, asked, recipient, type, subject FROM oldest
ORDER BY recipient IN (SELECT value FROM json_each(:away)), place, id LIMIT :limit;

-- name: statement_sent
-- The broker has taken it as it was asked for then.
DELETE FROM outgoing_statements WHERE id = :id AND asked = :asked;

-- name: issue_receipt
-- Our receipt for this stage: the first one stands for ever.
INSERT INTO receipts_issued (content_id, recipient, stage, reason, at)
VALUES (:content_id, :recipient, :stage, :reason, :at) ON CONFLICT DO NOTHING;

-- name: issued_receipts
-- What was issued for this message to this recipient, first to last.
SELECT stage, reason, at FROM receipts_issued WHERE content_id = :content_id AND recipient = :recipient
UNION ALL
SELECT stage, reason, at FROM receipts_lost WHERE content_id = :content_id AND recipient = :recipient
ORDER BY 3, 1;

-- name: stored_of_case
-- Whom we told that we have stored which message of a case, and when.
SELECT i.content_id, i.recipient, i.at FROM receipts_issued i JOIN register r ON r.content_id = i.content_id
WHERE r.case_id = :case_id AND i.stage = 'R1';

-- name: stored_message
-- Whom we told that we have stored this message, and when.
SELECT content_id, recipient, at FROM receipts_issued WHERE content_id = :content_id AND stage = 'R1';

-- name: move_issued
-- What was issued for a message that was lost stands before its loss.
INSERT INTO receipts_lost (content_id, recipient, stage, reason, at)
SELECT content_id, recipient, stage, reason, at FROM receipts_issued
WHERE content_id = :content_id AND recipient = :recipient
ON CONFLICT (content_id, recipient, stage, at) DO NOTHING;

-- name: forget_issued
-- It is issued anew.
DELETE FROM receipts_issued WHERE content_id = :content_id AND recipient = :recipient;

-- name: keep_loss
-- It was lost.
INSERT INTO receipts_lost (content_id, recipient, stage, reason, at)
VALUES (:content_id, :recipient, 'F', 'lost-after-r1', :at) ON CONFLICT (content_id, recipient, stage, at) DO NOTHING;

-- name: add_gap
-- An id is named and not held.
INSERT INTO gaps (case_id, content_id, first_at, next_at) VALUES (:case_id, :content_id, :now, :now) ON CONFLICT DO NOTHING;

-- name: gaps_of_case
-- The ids that are asked for in a case.
SELECT content_id FROM gaps WHERE case_id = :case_id ORDER BY content_id;

-- name: close_gap
-- The id is held, or settled.
DELETE FROM gaps WHERE case_id = :case_id AND content_id = :content_id;

-- name: due_gaps
-- Ids to ask for now.
SELECT case_id, content_id, asked FROM gaps WHERE next_at <= :now ORDER BY case_id, content_id LIMIT 640;

-- name: gap_asked
-- It was asked for; the next time comes later.
UPDATE gaps SET asked = asked + 1, next_at = :next_at WHERE case_id = :case_id AND content_id = :content_id;

-- name: next_gap_at
-- When the next question is due.
SELECT MIN(next_at) FROM gaps;

-- name: gap_ids_answered
-- How many ids this agency was answered in this hour.
SELECT CAST(COALESCE(SUM(ids), 0) AS BIGINT) FROM gap_answers WHERE asker = :asker AND hour = :hour;

-- name: count_gap_ids
-- Count what this agency was answered in this hour.
INSERT INTO gap_answers (asker, hour, ids) VALUES (:asker, :hour, :ids)
ON CONFLICT (asker, hour) DO UPDATE SET ids = gap_answers.ids + excluded.ids;

-- name: heard
-- An envelope of this agency was opened.
INSERT INTO partners (agency, last_heard_at) VALUES (:agency, :at)
ON CONFLICT (agency) DO UPDATE SET last_heard_at = excluded.last_heard_at
WHERE excluded.last_heard_at > partners.last_heard_at;

-- name: last_sync
-- When this partner was last told what we hold.
SELECT last_sync_at FROM partners WHERE agency = :agency;

-- name: synced
-- This partner was told what we hold.
INSERT INTO partners (agency, last_sync_at) VALUES (:agency, :at)
ON CONFLICT (agency) DO UPDATE SET last_sync_at = excluded.last_sync_at;

-- name: raise_alarm
-- A person must look; an alarm that stands is not raised twice, one that ended stands again.
INSERT INTO alarms (code, case_id, subject, since) VALUES (:code, :case_id, :subject, :since)
ON CONFLICT (code, case_id, subject) DO UPDATE SET ended_at = NULL, since = excluded.since
WHERE alarms.ended_at IS NOT NULL;

-- name: end_alarm
-- The cause is gone.
UPDATE alarms SET ended_at = :at WHERE code = :code AND case_id = :case_id AND subject = :subject
  AND ended_at IS NULL;

-- name: alarms
-- What a person must look at, oldest first.
SELECT id, code, case_id, subject, since FROM alarms WHERE ended_at IS NULL ORDER BY since, code, case_id, subject;

-- name: alarms_of_case
-- The same for one case.
SELECT id, code, case_id, subject, since FROM alarms WHERE ended_at IS NULL AND case_id = :case_id
ORDER BY since, code, subject;

-- name: every_alarm
-- What stands and what has ended, oldest first: each alarm as it stood last, and whenever a person had ended it before.
SELECT a.id, a.code, a.case_id, a.subject, a.since, a.ended_at, k.who, k.function, k.at
FROM alarms a LEFT JOIN acknowledgements k ON k.alarm = a.id AND k.since = a.since AND a.ended_at IS NOT NULL
UNION ALL
SELECT a.id, a.code, a.case_id, a.subject, k.since, k.at, k.who, k.function, k.at
FROM acknowledgements k JOIN alarms a ON a.id = k.alarm
WHERE k.since <> a.since OR a.ended_at IS NULL
ORDER BY 5, 2, 3, 4;

-- name: alarm
-- An alarm that stands, by its number.
SELECT id, code, case_id, subject, since FROM alarms WHERE id = :id AND ended_at IS NULL;

-- name: acknowledge
-- A person ends it; the last word counts where it stands again within the second.
INSERT INTO acknowledgements (alarm, since, who, function, at) VALUES (:alarm, :since, :who, :function, :at)
ON CONFLICT (alarm, since) DO UPDATE SET who = excluded.who, function = excluded.function, at = excluded.at;

-- name: acknowledged
-- Whether a person has ever ended this alarm.
SELECT 1 FROM alarms a JOIN acknowledgements k ON k.alarm = a.id
WHERE a.code = :code AND a.case_id = :case_id AND a.subject = :subject LIMIT 1;

-- name: incarnation
-- Which incarnation of the inbox is read.
SELECT incarnation FROM inboxes WHERE topic = :topic;

-- name: next_incarnation
-- The log is another one: positions begin anew.
INSERT INTO inboxes (topic, incarnation) VALUES (:topic, 1)
ON CONFLICT (topic) DO UPDATE SET incarnation = inboxes.incarnation + 1;

-- name: deliveries_to
-- Which case a message of ours belongs to that went to this recipient.
SELECT case_id FROM deliveries WHERE content_id = :content_id AND recipient = :recipient;

-- name: waiting_recipients
-- Partners that have not acknowledged something.
SELECT DISTINCT recipient FROM deliveries WHERE state = 'waiting' ORDER BY recipient;
