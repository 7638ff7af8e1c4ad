-- The store of rounds, version 1. Files in this directory are only ever added: a store
-- that exists was made by exactly these words, and later files bring it up to date.
--
-- Every instant is in microseconds since 1970-01-01 UTC, every duration in microseconds.

PRAGMA application_id = 1919837299;   -- "rnds"
PRAGMA user_version = 1;

-- Which store this is: the first link of the audit chain. One row, for good.
CREATE TABLE store (
    one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    id      TEXT    NOT NULL CHECK (length(id) = 64),
    made_at INTEGER NOT NULL
) STRICT;

CREATE TRIGGER store_no_update BEFORE UPDATE ON store BEGIN
    SELECT raise(ABORT, 'the id of the store does not change');
END;
CREATE TRIGGER store_no_delete BEFORE DELETE ON store BEGIN
    SELECT raise(ABORT, 'the id of the store does not go');
END;
CREATE TRIGGER store_no_second BEFORE INSERT ON store BEGIN
    SELECT raise(ABORT, 'the store has its id') WHERE EXISTS (SELECT 1 FROM store);
END;

-- The audit log: events, each sealed over the one before.
CREATE TABLE audit (
    seq         INTEGER NOT NULL PRIMARY KEY,
    at          INTEGER NOT NULL,
    phase       TEXT    NOT NULL,
    correlation TEXT    NOT NULL,
    operator    TEXT    NOT NULL,
    os_user     TEXT    NOT NULL,
    host        TEXT    NOT NULL,
    origin      TEXT    NOT NULL,
    action      TEXT    NOT NULL,
    target      TEXT    NOT NULL,
    risk        TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    plan        TEXT    NOT NULL,
    outcome     TEXT,
    detail      TEXT    NOT NULL,
    took        INTEGER,
    prev        TEXT    NOT NULL CHECK (length(prev) = 64),
    hash        TEXT    NOT NULL CHECK (length(hash) = 64) UNIQUE
) STRICT;

-- Finds the acts that have an intent and no end.
CREATE INDEX audit_by_correlation ON audit (correlation, phase);

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN
    SELECT raise(ABORT, 'the audit log is append-only: no update');
END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN
    SELECT raise(ABORT, 'the audit log is append-only: no delete');
END;
-- REPLACE and upserts take a row away without asking the triggers above; they need a row to
-- collide with, and here there is room for one row only: the next.
CREATE TRIGGER audit_only_next BEFORE INSERT ON audit BEGIN
    SELECT raise(ABORT, 'the audit log is append-only: not the next number')
     WHERE new.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit);
    SELECT raise(ABORT, 'the audit log is append-only: does not follow the last record')
     WHERE new.prev IS NOT coalesce(
         (SELECT hash FROM audit ORDER BY seq DESC LIMIT 1),
         (SELECT id FROM store));
    SELECT raise(ABORT, 'the audit log is append-only: this record is there already')
     WHERE EXISTS (SELECT 1 FROM audit WHERE hash = new.hash);
END;

-- Who runs an act, written with its intent: enough to see later whether that process is gone.
CREATE TABLE job (
    id         TEXT    NOT NULL PRIMARY KEY,
    host       TEXT    NOT NULL,
    boot_id    TEXT    NOT NULL,
    pid        INTEGER NOT NULL,
    pid_start  INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    action     TEXT    NOT NULL,
    target     TEXT    NOT NULL
) STRICT;

-- What probes saw, thinned. `gauges` is a JSON object; `error` says why there are none.
CREATE TABLE observation (
    probe  TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    took   INTEGER NOT NULL,
    gauges TEXT    NOT NULL,
    error  TEXT,
    PRIMARY KEY (probe, at)
) STRICT, WITHOUT ROWID;

-- Statuses that became other ones.
CREATE TABLE change (
    id     INTEGER NOT NULL PRIMARY KEY,
    probe  TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    was    TEXT,
    became TEXT    NOT NULL,
    text   TEXT    NOT NULL
) STRICT;
CREATE INDEX change_by_probe ON change (probe, id);

-- What was proven, or disproved: structure checks of databases, verified backups.
CREATE TABLE proof (
    kind    TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    ok      INTEGER NOT NULL,
    detail  TEXT    NOT NULL,
    took    INTEGER NOT NULL,
    PRIMARY KEY (kind, subject, at)
) STRICT, WITHOUT ROWID;

-- Runs of tasks. Without `ended_at` the run has not ended, or nobody saw it end.
CREATE TABLE run (
    id         TEXT    NOT NULL PRIMARY KEY,
    task       TEXT    NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,
    took       INTEGER,
    exit_code  INTEGER,
    signal     INTEGER,
    timed_out  INTEGER NOT NULL,
    alive      INTEGER NOT NULL,
    tail       TEXT    NOT NULL
) STRICT;
CREATE INDEX run_by_task ON run (task, started_at);

-- What operators did to items of checklists. An undo is a row of its own.
CREATE TABLE mark (
    id        INTEGER NOT NULL PRIMARY KEY,
    checklist TEXT    NOT NULL,
    period    TEXT    NOT NULL,
    item      TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    operator  TEXT    NOT NULL,
    note      TEXT    NOT NULL
) STRICT;
CREATE INDEX mark_by_period ON mark (checklist, period);

CREATE TRIGGER mark_no_update BEFORE UPDATE ON mark BEGIN
    SELECT raise(ABORT, 'marks are append-only: no update');
END;
CREATE TRIGGER mark_no_delete BEFORE DELETE ON mark BEGIN
    SELECT raise(ABORT, 'marks are append-only: no delete');
END;

-- Signatures under lists, with what was seen at that moment as JSON.
CREATE TABLE signature (
    id         INTEGER NOT NULL PRIMARY KEY,
    checklist  TEXT    NOT NULL,
    period     TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    operator   TEXT    NOT NULL,
    took       INTEGER NOT NULL,
    snapshot   TEXT    NOT NULL,
    exceptions TEXT    NOT NULL,
    chain_head TEXT    NOT NULL
) STRICT;
CREATE INDEX signature_by_period ON signature (checklist, period);

CREATE TRIGGER signature_no_update BEFORE UPDATE ON signature BEGIN
    SELECT raise(ABORT, 'signatures are append-only: no update');
END;
CREATE TRIGGER signature_no_delete BEFORE DELETE ON signature BEGIN
    SELECT raise(ABORT, 'signatures are append-only: no delete');
END;
