-- The hourly roots of receipts, and which signed statements wait for the next. The anchors themselves are files.

-- name: create_logged_statements
-- A receipt or a silence that this node issued or took in, by the id of its signed statement; `tree` is empty until the
-- hour's root is made, `place` is its place among the leaves.
CREATE TABLE IF NOT EXISTS logged_statements (
    statement TEXT PRIMARY KEY,
    tree INTEGER,
    place INTEGER
) WITHOUT ROWID;

-- name: create_logged_statements_of_tree
-- Finds the leaves of a tree, and what waits for one.
CREATE INDEX IF NOT EXISTS logged_statements_of_tree ON logged_statements (tree, place);

-- name: create_receipt_trees
-- One root of an hour's receipts.
CREATE TABLE IF NOT EXISTS receipt_trees (
    number INTEGER PRIMARY KEY,
    root BLOB NOT NULL,
    size INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    proven_at INTEGER
);

-- name: create_anchoring
-- When roots and anchors were made last, or when this node began to make them.
CREATE TABLE IF NOT EXISTS anchoring (
    "only" INTEGER PRIMARY KEY CHECK ("only" = 1),
    made_at INTEGER NOT NULL
);

-- name: has_receipt_trees
-- Whether the tables are there: a store that only readers opened since an upgrade has none.
SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'receipt_trees';

-- name: add_logged_statement
-- A signed statement is to be logged with the next root; once.
INSERT INTO logged_statements (statement) VALUES (:statement) ON CONFLICT DO NOTHING;

-- name: waiting_statements
-- What the next root is made over.
SELECT statement FROM logged_statements WHERE tree IS NULL ORDER BY statement;

-- name: any_waiting_statement
-- Whether there is any.
SELECT 1 FROM logged_statements WHERE tree IS NULL LIMIT 1;

-- name: add_tree
-- A root is made.
INSERT INTO receipt_trees (root, size, made_at) VALUES (:root, :size, :made_at);

-- name: last_tree
-- Its number.
SELECT MAX(number) FROM receipt_trees;

-- name: place_statement
-- The place of a statement under a root.
UPDATE logged_statements SET tree = :tree, place = :place WHERE statement = :statement;

-- name: unproven_trees
-- Roots whose proof is not kept yet, the oldest first.
SELECT number, root FROM receipt_trees WHERE proven_at IS NULL ORDER BY number LIMIT :limit;

-- name: tree_proven
-- The proof of a root is kept.
UPDATE receipt_trees SET proven_at = :at WHERE number = :number;

-- name: place_of
-- Under which root a statement is, and where.
SELECT t.number, t.root, t.size, s.place FROM logged_statements s JOIN receipt_trees t ON t.number = s.tree
WHERE s.statement = :statement;

-- name: leaves
-- What a root is made over, in its order.
SELECT statement FROM logged_statements WHERE tree = :tree ORDER BY place;

-- name: made_at
-- When roots and anchors were made last.
SELECT made_at FROM anchoring;

-- name: keep_made_at
-- They are made now.
INSERT INTO anchoring ("only", made_at) VALUES (1, :at) ON CONFLICT ("only") DO UPDATE SET made_at = excluded.made_at;

-- name: rows
-- Every stored row of a stretch of the sequence, in its order, as it is sealed.
SELECT position, originator_id, originator_version, topic, state FROM events
WHERE position > :after AND position <= :upto ORDER BY position LIMIT :limit;
