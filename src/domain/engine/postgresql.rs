//! What can be limited of a PostgreSQL database, with the defaults and where they come from:
//! they are tuned to what needs a human. And what upkeep it has.

mod upkeep;

use std::time::Duration;

pub(super) use self::upkeep::CAN;

use super::{Bad, Gauge};
use crate::domain::sample::Unit::{Bytes, BytesPerDay, Count, Percent, Seconds};

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;
const MIB: f64 = 1024.0 * 1024.0;
const GIB: f64 = 1024.0 * MIB;

pub(super) const GAUGES: &[Gauge] = &[
    Gauge::new("size", "size", Bytes, "> 500 MB").bad(Bad::Either),
    Gauge::new("latency", "our questions took", Seconds, "> 500 ms").warn(0.5, "slower than this, people notice"),
    Gauge::new("growth", "growth", BytesPerDay, "> 10 MB/day"),
    Gauge::new("connections", "connections taken", Percent, "> 80 %")
        .warn(80.0, "pgEdge warns at 80, check_postgres at 90 and 95")
        .crit(95.0, "pgEdge warns at 80, check_postgres at 90 and 95"),
    Gauge::new("idle_in_transaction", "longest idle in transaction", Seconds, "> 5m")
        .warn(5.0 * MINUTE, "half of what pganalyze allows, for locks are held meanwhile")
        .crit(30.0 * MINUTE, "half of what pganalyze allows, for locks are held meanwhile"),
    Gauge::new("oldest_transaction", "oldest transaction", Seconds, "> 5m")
        .warn(5.0 * MINUTE, "between check_postgres and pganalyze")
        .crit(30.0 * MINUTE, "between check_postgres and pganalyze"),
    Gauge::new("blocked", "longest wait for a lock", Seconds, "> 30s")
        .warn(30.0, "pganalyze, made stricter")
        .crit(5.0 * MINUTE, "pganalyze, made stricter"),
    Gauge::new("deadlocks", "deadlocks within an hour", Count, "> 0")
        .warn(0.0, "every one of them is a statement that failed")
        .crit(9.0, "every one of them is a statement that failed"),
    Gauge::new("temp_files", "temporary files within an hour", Bytes, "> 1 GiB")
        .warn(GIB, "as much as a small disk can bear"),
    Gauge::new("cache_hit", "block reads found in memory", Percent, "< 99 %")
        .bad(Bad::Low)
        .warn(99.0, "pghero")
        .crit(90.0, "pghero")
        .hold(Duration::from_mins(5)),
    Gauge::new("commits", "commits a second", Count, "> 1000").bad(Bad::Either),
    Gauge::new("rollbacks", "rollbacks a second", Count, "> 10"),
    Gauge::new("checksum_failures", "checksum failures", Count, "> 0").crit(0.0, "a disk that lies is never well"),
    Gauge::new("prepared_transaction", "oldest prepared transaction", Seconds, "> 1m")
        .warn(MINUTE, "check_postgres, made milder")
        .crit(HOUR, "check_postgres, made milder"),
    Gauge::new("xmin_age", "transactions that vacuum must leave", Count, "> 10000000")
        .warn(10e6, "check_pgactivity, oldest_xmin")
        .crit(100e6, "check_pgactivity, oldest_xmin"),
    Gauge::new("replication_lag", "replication lag", Seconds, "> 30s")
        .warn(30.0, "milder than pghero's 5 s")
        .crit(5.0 * MINUTE, "milder than pghero's 5 s"),
    Gauge::new("replication_lag_bytes", "log not replayed yet", Bytes, "> 64 MiB")
        .warn(64.0 * MIB, "four segments of log, and a small disk of them")
        .crit(GIB, "four segments of log, and a small disk of them"),
    Gauge::new("slot_wal", "log kept by a slot that nobody reads", Bytes, "> 1 GiB")
        .warn(GIB, "it grows until the disk is full"),
    Gauge::new("archiver", "time without an archived log", Seconds, "> 5m")
        .warn(5.0 * MINUTE, "check_pgactivity and check_postgres")
        .crit(30.0 * MINUTE, "check_pgactivity and check_postgres"),
    Gauge::new("dead_rows", "dead rows, in times of what autovacuum waits for", Count, "> 2")
        .warn(2.0, "the formula of supabase inspect")
        .crit(10.0, "the formula of supabase inspect"),
    Gauge::new("vacuum_overdue", "longest that a table waits for autovacuum", Seconds, "> 30m")
        .warn(30.0 * MINUTE, "autovacuum looks every minute; half an hour later it does not get through"),
    Gauge::new("autovacuum_workers", "autovacuum workers that are busy", Percent, "> 99 %")
        .warn(99.0, "while all are busy, every other table waits")
        .hold(Duration::from_mins(15)),
    Gauge::new("checkpoints", "checkpoints before their time within an hour", Percent, "> 50 %")
        .warn(50.0, "the PostgreSQL manual: raise max_wal_size when they are many"),
    Gauge::new("bloat", "room in a table that holds nothing, about", Bytes, "> 1 GiB")
        .warn(GIB, "check_postgres")
        .crit(5.0 * GIB, "check_postgres"),
    Gauge::new("table_growth", "growth of the table that grows fastest", BytesPerDay, "> 1 GB/day"),
    Gauge::new("slow_statements", "slowest statement within an hour, on average", Seconds, "> 1s"),
    Gauge::new("duplicate_indexes", "indexes that are there twice", Count, "> 0"),
    Gauge::new("unused_indexes", "indexes that nothing reads", Bytes, "> 1 GB"),
    Gauge::new("missing_indexes", "tables read from end to end again and again", Count, "> 0"),
    Gauge::new("unindexed_keys", "foreign keys without an index", Count, "> 0"),
    Gauge::new("exposed_tables", "tables open to the network without row-level security", Count, "> 0")
        .warn(0.0, "supabase splinter, lint 0013"),
    Gauge::new("mute_audits", "audit tables whose triggers fail", Count, "> 0")
        .warn(0.0, "whoever changes the table it audits gets an error"),
    Gauge::new("stuck_operations", "oldest row in operations_table that says running", Seconds, "> 6h")
        .warn(6.0 * HOUR, "longer than upkeep runs that somebody waits for"),
    Gauge::new("wraparound", "transaction ids used", Percent, "> 60 %")
        .crit(60.0, "check_postgres: 1300 million, of 2147"),
    // Beyond 100 % is where autovacuum begins; it may be there for a while.
    Gauge::new("freeze_age", "age of the oldest id that is not frozen", Percent, "> 120 %")
        .bad(Bad::Either)
        .warn(120.0, "check_pgactivity: past 100 % autovacuum is at it, past 120 % it does not get through"),
    Gauge::new("sequences", "values of a sequence used", Percent, "> 75 %")
        .warn(75.0, "pghero and check_postgres")
        .crit(90.0, "pghero and check_postgres"),
    Gauge::new("invalid_indexes", "invalid indexes", Count, "> 0").warn(0.0, "check_pgactivity"),
    Gauge::new("settings_off", "settings that must be on", Count, "> 0").crit(0.0, "the PostgreSQL manual"),
    Gauge::new("pending_restart", "settings that wait for a restart", Count, "> 0").warn(0.0, "the PostgreSQL manual"),
];
