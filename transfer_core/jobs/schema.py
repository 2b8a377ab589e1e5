"""The agent's database, version by version."""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE job (
        file_id TEXT PRIMARY KEY,
        path TEXT NOT NULL,
        size INTEGER NOT NULL,
        priority INTEGER NOT NULL,
        position REAL NOT NULL,
        status TEXT NOT NULL,
        destination TEXT NOT NULL,
        dest_path TEXT NOT NULL,
        source TEXT NOT NULL,
        created_at TEXT NOT NULL,
        bytes_done INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0,
        idle_attempts INTEGER NOT NULL DEFAULT 0,
        reason TEXT NOT NULL DEFAULT '',
        error TEXT,
        started_at TEXT,
        completed_at TEXT,
        next_try_ns INTEGER NOT NULL DEFAULT 0,
        next_try_at TEXT,
        duration_s REAL,
        resent_bytes INTEGER NOT NULL DEFAULT 0,
        stored_as TEXT NOT NULL DEFAULT '',
        file_hash TEXT NOT NULL DEFAULT '',
        links TEXT NOT NULL DEFAULT '{}',
        listed INTEGER NOT NULL DEFAULT 1,
        lease_owner TEXT,
        claimed_ns INTEGER,
        active_ns INTEGER NOT NULL DEFAULT 0,
        changed INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    CREATE INDEX job_order ON job (listed, priority, position);
    CREATE INDEX job_ready ON job (status, listed, priority, position);
    CREATE INDEX job_ended ON job (completed_at) WHERE completed_at IS NOT NULL;
    CREATE INDEX job_changed ON job (changed);
    CREATE TABLE undo (number INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT NOT NULL);
    CREATE TABLE undo_row (
        number INTEGER NOT NULL REFERENCES undo (number) ON DELETE CASCADE,
        file_id TEXT NOT NULL,
        priority INTEGER NOT NULL,
        position REAL NOT NULL,
        status_before TEXT,
        reason TEXT NOT NULL,
        PRIMARY KEY (number, file_id)
    ) WITHOUT ROWID;
    CREATE INDEX undo_order ON undo_row (priority, position);
    CREATE TABLE destination (
        name TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        addresses TEXT NOT NULL,
        public_key BLOB NOT NULL,
        secret BLOB,
        expires_s INTEGER NOT NULL DEFAULT 0,
        hello_counter INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE command (
        number INTEGER PRIMARY KEY AUTOINCREMENT, verb TEXT NOT NULL, argument TEXT NOT NULL, result TEXT
    );
    CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
    INSERT INTO counter VALUES ('change', 0)
    """,
    """
    ALTER TABLE job ADD COLUMN resume TEXT NOT NULL DEFAULT '';
    ALTER TABLE destination ADD COLUMN options TEXT NOT NULL DEFAULT '{}';
    CREATE INDEX job_claim ON job (destination, priority, position, next_try_ns)
        WHERE status = 'pending' AND listed = 1;
    CREATE TABLE webhook (
        url TEXT PRIMARY KEY,
        secret TEXT NOT NULL,
        created_at TEXT NOT NULL,
        disabled TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID;
    CREATE TABLE outbox (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        url TEXT NOT NULL REFERENCES webhook (url) ON DELETE CASCADE,
        message_id TEXT NOT NULL,
        body TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        next_try_ns INTEGER NOT NULL DEFAULT 0,
        error TEXT NOT NULL DEFAULT ''
    );
    CREATE INDEX outbox_due ON outbox (next_try_ns)
    """,
    """
    ALTER TABLE job ADD COLUMN source_mtime_ns INTEGER;
    ALTER TABLE job ADD COLUMN source_inode INTEGER;
    CREATE TABLE watch (
        name TEXT PRIMARY KEY,
        spec TEXT NOT NULL,
        paused INTEGER NOT NULL DEFAULT 0,
        ended INTEGER NOT NULL DEFAULT 0,
        taken INTEGER NOT NULL DEFAULT 0,
        created_at TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE watch_run (
        run_id TEXT NOT NULL,
        watch TEXT NOT NULL REFERENCES watch (name) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        selection TEXT NOT NULL,
        taken INTEGER NOT NULL DEFAULT 0,
        ended INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (run_id, watch)
    ) WITHOUT ROWID;
    CREATE INDEX watch_run_of ON watch_run (watch, number);
    CREATE TABLE frame (
        watch TEXT NOT NULL REFERENCES watch (name) ON DELETE CASCADE,
        run_id TEXT NOT NULL,
        relative TEXT NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        file_id TEXT NOT NULL,
        settled INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (watch, run_id, relative)
    ) WITHOUT ROWID;
    CREATE INDEX frame_job ON frame (file_id);
    CREATE INDEX frame_open ON frame (watch) WHERE settled = 0;
    CREATE INDEX job_arrived ON job (source, status, listed, completed_at) WHERE source = 'watch';
    INSERT INTO counter VALUES ('watch', 0)
    """,
    """
    ALTER TABLE job ADD COLUMN receipt TEXT NOT NULL DEFAULT '';
    ALTER TABLE outbox ADD COLUMN created_ns INTEGER NOT NULL DEFAULT 0
    """,
    """
    ALTER TABLE watch ADD COLUMN removed INTEGER NOT NULL DEFAULT 0
    """,
    """
    CREATE TABLE leftover (
        number INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice: what is given up again is another one
        file_id TEXT NOT NULL UNIQUE,
        destination TEXT NOT NULL,
        dest_path TEXT NOT NULL,
        size INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE left_upload (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        file_id TEXT NOT NULL,
        destination TEXT NOT NULL,
        kept TEXT NOT NULL,
        spent INTEGER NOT NULL DEFAULT 0, -- its job goes on without it
        refusals INTEGER NOT NULL DEFAULT 0
    );
    CREATE UNIQUE INDEX left_upload_job ON left_upload (file_id) WHERE spent = 0;
    INSERT INTO left_upload (file_id, destination, kept)
        SELECT file_id, destination, resume FROM job WHERE resume <> '' AND status = 'cancelled'
    """,
    """
    CREATE TEMP TABLE capped AS -- two forms set a cap of everything, of which the lower held
        SELECT 1e6 * json_extract(value, '$.rate_cap_mbps') AS bps FROM setting
        WHERE key = 'settings' AND json_valid(value) AND json_type(value, '$.rate_cap_mbps') IN ('integer', 'real');
    INSERT OR IGNORE INTO setting SELECT 'upload_limits', '{}' FROM capped;
    UPDATE setting
        SET value = json_set(
            value, '$.all_bps', (SELECT min(bps, coalesce(json_extract(value, '$.all_bps'), bps)) FROM capped)
        )
        WHERE key = 'upload_limits' AND json_valid(value) AND EXISTS (SELECT 1 FROM capped WHERE bps > 0);
    DROP TABLE capped
    """,
)
