-- Which messages are logged with the notary. Disposable: what is lost here is submitted again, and the notary gives the
-- same index; the proofs are files of their own.

-- name: create_witnessing
-- Every message held, and how far its logging is.
CREATE TABLE IF NOT EXISTS witnessing (
    content_id TEXT PRIMARY KEY,
    case_id TEXT NOT NULL,
    since INTEGER NOT NULL,
    ours INTEGER NOT NULL,
    log_index INTEGER,
    proven_at INTEGER
) WITHOUT ROWID;

-- name: create_witnessing_waiting
-- Finds what has no proof yet.
CREATE INDEX IF NOT EXISTS witnessing_waiting ON witnessing (since) WHERE proven_at IS NULL;

-- name: create_witnessing_unproven
-- Finds what is to be submitted next, and what can be proven next.
CREATE INDEX IF NOT EXISTS witnessing_unproven ON witnessing (log_index, since) WHERE proven_at IS NULL;

-- name: create_unwitnessed
-- What is proven under a checkpoint that lacks the quorum that the policy asks for.
CREATE TABLE IF NOT EXISTS unwitnessed (content_id TEXT PRIMARY KEY) WITHOUT ROWID;

-- name: create_checkpoints
-- The latest checkpoint of the log that this node holds.
CREATE TABLE IF NOT EXISTS checkpoints (
    origin TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    note BLOB NOT NULL
) WITHOUT ROWID;

-- name: add_message
-- A message is to be logged.
INSERT INTO witnessing (content_id, case_id, since, ours) VALUES (:content_id, :case_id, :since, :ours) ON CONFLICT DO NOTHING;

-- name: unsubmitted
-- What the notary has not been given by us: our own, and a partner's that was not found in the log for too long.
SELECT content_id FROM witnessing
WHERE log_index IS NULL AND proven_at IS NULL AND (ours = 1 OR since <= :overdue)
ORDER BY since, content_id LIMIT :limit;

-- name: looked_for
-- Whether a partner's message is looked for in the log.
SELECT 1 FROM witnessing WHERE log_index IS NULL AND proven_at IS NULL AND ours = 0 LIMIT 1;

-- name: find_in_log
-- Partners' messages get the index at which the log has them.
UPDATE witnessing SET log_index = (SELECT log_index FROM log_entries WHERE entry = witnessing.content_id)
WHERE log_index IS NULL AND proven_at IS NULL AND content_id IN (SELECT entry FROM log_entries);

-- name: submitted
-- The notary holds it at this index.
UPDATE witnessing SET log_index = :log_index WHERE content_id = :content_id;

-- name: unproven
-- What is in the log below this size and has no proof here.
SELECT content_id, log_index FROM witnessing
WHERE proven_at IS NULL AND log_index IS NOT NULL AND log_index < :size ORDER BY log_index LIMIT :limit;

-- name: forget_index
-- No proof leads from there to the root: the index was wrong, but where a proof was kept already.
UPDATE witnessing SET log_index = NULL WHERE content_id = :content_id AND proven_at IS NULL;

-- name: proven
-- Its proof is kept.
UPDATE witnessing SET proven_at = :at WHERE content_id = :content_id;

-- name: unwitness
-- Its proof says logged, and is to be made again.
INSERT INTO unwitnessed (content_id) VALUES (:content_id) ON CONFLICT DO NOTHING;

-- name: witnessed
-- Its proof says what it can ever say.
DELETE FROM unwitnessed WHERE content_id = :content_id;

-- name: any_unwitnessed
-- Whether any proof is to be made again under the quorum.
SELECT 1 FROM unwitnessed LIMIT 1;

-- name: unwitnessed
-- What is in the log below this size and lacks the quorum.
SELECT content_id, log_index FROM unwitnessed JOIN witnessing USING (content_id)
WHERE log_index IS NOT NULL AND log_index < :size ORDER BY log_index LIMIT :limit;

-- name: any_waiting
-- Whether anything waits for its proof.
SELECT 1 FROM witnessing WHERE proven_at IS NULL LIMIT 1;

-- name: waiting
-- How many messages have no proof, and since when the oldest waits.
SELECT COUNT(*), MIN(since) FROM witnessing WHERE proven_at IS NULL;

-- name: of_case
-- How far the messages of a case are.
SELECT content_id, log_index, proven_at FROM witnessing WHERE case_id = :case_id;

-- name: leaves_of_case
-- The messages of a case as far as the log knows them: their ids, and since when they are held here.
SELECT content_id, since FROM witnessing WHERE case_id = :case_id ORDER BY since, content_id;

-- name: checkpoint
-- The checkpoint held.
SELECT size, root, note FROM checkpoints WHERE origin = :origin;

-- name: keep_checkpoint
-- A later checkpoint takes the place of the one held.
INSERT INTO checkpoints (origin, size, root, note) VALUES (:origin, :size, :root, :note)
ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note
WHERE excluded.size >= checkpoints.size;

-- name: forget_messages
-- Before a rebuild; the proofs stay in their files until they are made again.
DELETE FROM witnessing;
