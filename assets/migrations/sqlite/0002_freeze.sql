-- Version 2: tasks that were frozen.

PRAGMA user_version = 2;

-- Written before the first of them is frozen. Without `thawed_at` nobody has thawed it.
CREATE TABLE freeze (
    job       TEXT    NOT NULL,
    task      TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    until     INTEGER NOT NULL,
    operator  TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    thawed_at INTEGER,
    PRIMARY KEY (job, task)
) STRICT, WITHOUT ROWID;
CREATE INDEX freeze_by_task ON freeze (task, at);
