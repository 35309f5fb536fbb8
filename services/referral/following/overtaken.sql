-- How many messages of each case are overtaken. Disposable: counted anew from the history.

-- name: create_overtaken
-- One row for each case that was looked at.
CREATE TABLE IF NOT EXISTS overtaken (
    case_id TEXT PRIMARY KEY,
    messages INTEGER NOT NULL
) WITHOUT ROWID;

-- name: put_overtaken
-- How many there are now.
INSERT INTO overtaken (case_id, messages) VALUES (:case_id, :messages)
ON CONFLICT (case_id) DO UPDATE SET messages = excluded.messages;

-- name: clear_overtaken
-- Before they are counted anew.
DELETE FROM overtaken;
