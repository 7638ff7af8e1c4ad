-- Version 3: how the runs of thousands of tasks went is read from an index alone.

PRAGMA user_version = 3;

-- Everything but what a run printed.
DROP INDEX run_by_task;
CREATE INDEX run_by_task ON run (task, started_at, id, ended_at, took, exit_code, signal, timed_out, alive);
-- The few that have no end, among a million that have one.
CREATE INDEX run_without_end ON run (id) WHERE ended_at IS NULL;
