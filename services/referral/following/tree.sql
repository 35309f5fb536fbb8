-- The tree over the mirrored log: the hashes of its tiles, level 0 those of the entries.

-- name: create_log_tiles
-- A tile as far as it has grown. Hashes beyond the mirrored size count for nothing and are written over.
CREATE TABLE IF NOT EXISTS log_tiles (
    level INTEGER NOT NULL,
    number INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (level, number)
);

-- name: tile
-- One tile.
SELECT hashes FROM log_tiles WHERE level = :level AND number = :number;

-- name: keep_tile
-- A tile has grown.
INSERT INTO log_tiles (level, number, hashes) VALUES (:level, :number, :hashes)
ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes;

-- name: last_tile
-- The last tile of the entries, and how many bytes it has.
SELECT number, length(hashes) FROM log_tiles WHERE level = 0 ORDER BY number DESC LIMIT 1;

-- name: has_tiles
-- Whether the table is there: a store that only readers opened since an upgrade has none.
SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'log_tiles';
