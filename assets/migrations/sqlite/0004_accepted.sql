-- Version 4: what operators found right of what is installed.

PRAGMA user_version = 4;

-- The latest of each scope: a task, or all crontabs or timers together. The audit log has every one.
CREATE TABLE accepted (
    scope    TEXT    NOT NULL PRIMARY KEY,
    job      TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    operator TEXT    NOT NULL,
    reason   TEXT    NOT NULL,
    tasks    TEXT    NOT NULL CHECK (json_valid(tasks))
) STRICT, WITHOUT ROWID;
