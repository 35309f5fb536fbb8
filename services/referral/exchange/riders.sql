-- Statements that ride in envelopes: ours until a partner has shown that it knows them, partners' until the log brings them.

-- name: create_known_log
-- How many of the log's entries a partner has shown that it knows.
CREATE TABLE IF NOT EXISTS known_log (agency TEXT PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID;

-- name: create_statement_proofs
-- The proofs of our own statements, made once their quorum stood.
CREATE TABLE IF NOT EXISTS statement_proofs (log_index INTEGER PRIMARY KEY, proof BLOB NOT NULL);

-- name: create_riders
-- Statements that came in an envelope before this node read them in the log.
CREATE TABLE IF NOT EXISTS riders (id TEXT PRIMARY KEY, log_index INTEGER NOT NULL, entry BLOB NOT NULL) WITHOUT ROWID;

-- name: knows_log
-- A partner has shown that it knows the log up to a size.
INSERT INTO known_log (agency, size) VALUES (:agency, :size)
ON CONFLICT (agency) DO UPDATE SET size = excluded.size WHERE excluded.size > known_log.size;

-- name: known_size
-- How much of the log a partner is known to know.
SELECT size FROM known_log WHERE agency = :agency;

-- name: statement_proof
-- The proof of one of our statements.
SELECT proof FROM statement_proofs WHERE log_index = :log_index;

-- name: keep_statement_proof
-- A proof of one of our statements was made.
INSERT INTO statement_proofs (log_index, proof) VALUES (:log_index, :proof)
ON CONFLICT (log_index) DO UPDATE SET proof = excluded.proof;

-- name: keep_rider
-- A statement came in an envelope.
INSERT INTO riders (id, log_index, entry) VALUES (:id, :log_index, :entry) ON CONFLICT DO NOTHING;

-- name: riders
-- What came in envelopes.
SELECT log_index, entry FROM riders ORDER BY log_index, id;

-- name: has_riders
-- Whether the tables are there: a store that only readers opened since an upgrade has none.
SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name IN ('riders', 'known_log', 'statement_proofs');
