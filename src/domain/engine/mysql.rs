//! What can be limited of a MySQL or MariaDB database, with the defaults and where they come
//! from, and what upkeep it has. They are tuned to what needs a human.

mod upkeep;

use std::time::Duration;

pub(super) use self::upkeep::CAN;
use super::{Bad, Gauge};
use crate::domain::sample::Unit::{Bytes, BytesPerDay, Count, Percent, Seconds};

const MINUTE: f64 = 60.0;

pub(super) const GAUGES: &[Gauge] = &[
    Gauge::new("size", "size", Bytes, "> 500 MB").bad(Bad::Either),
    Gauge::new("latency", "our questions took", Seconds, "> 500 ms").warn(0.5, "slower than this, people notice"),
    Gauge::new("growth", "growth", BytesPerDay, "> 10 MB/day"),
    Gauge::new("table_growth", "growth of the table that grows fastest", BytesPerDay, "> 1 GB/day"),
    Gauge::new("connections", "connections taken", Percent, "> 80 %")
        .warn(80.0, "MySQLTuner warns at 85, and full is too late")
        .crit(95.0, "MySQLTuner warns at 85, and full is too late"),
    Gauge::new("threads_running", "statements running at once", Count, "> 20")
        .warn(20.0, "Percona's pmp-check-mysql-status")
        .crit(40.0, "Percona's pmp-check-mysql-status")
        .hold(Duration::from_mins(1)),
    Gauge::new("aborted_connects", "connections refused within an hour", Count, "> 60")
        .warn(60.0, "one a minute is a program with a wrong password, or a scan"),
    Gauge::new("idle_in_transaction", "longest idle in transaction", Seconds, "> 5m")
        .warn(5.0 * MINUTE, "as for PostgreSQL, for locks are held meanwhile")
        .crit(30.0 * MINUTE, "as for PostgreSQL, for locks are held meanwhile"),
    Gauge::new("oldest_transaction", "oldest transaction", Seconds, "> 5m")
        .warn(5.0 * MINUTE, "as for PostgreSQL, for old rows are kept meanwhile")
        .crit(30.0 * MINUTE, "as for PostgreSQL, for old rows are kept meanwhile"),
    Gauge::new("blocked", "longest wait for a lock", Seconds, "> 30s")
        .warn(30.0, "innodb_lock_wait_timeout ends most waits after 50 s, with an error")
        .crit(5.0 * MINUTE, "innodb_lock_wait_timeout ends most waits after 50 s, with an error"),
    Gauge::new("row_lock_waits", "waits for a row lock a second", Count, "> 10"),
    Gauge::new("deadlocks", "deadlocks within an hour", Count, "> 0")
        .warn(0.0, "every one of them is a statement that failed")
        .crit(9.0, "every one of them is a statement that failed"),
    Gauge::new("history_list", "old versions of rows not purged yet", Count, "> 1000000")
        .warn(1e6, "Percona: past a million, reads slow down"),
    Gauge::new("cache_hit", "block reads found in memory", Percent, "< 99 %")
        .bad(Bad::Low)
        .warn(99.0, "MySQLTuner warns below 90, pghero below 99")
        .crit(90.0, "MySQLTuner warns below 90, pghero below 99")
        .hold(Duration::from_mins(5)),
    Gauge::new("temp_disk", "temporary tables made on disk", Percent, "> 25 %")
        .warn(25.0, "MySQLTuner")
        .hold(Duration::from_mins(5)),
    Gauge::new("slow_queries", "statements that were slow", Percent, "> 5 %").warn(5.0, "MySQLTuner"),
    Gauge::new("slow_statements", "slowest statement within an hour, on average", Seconds, "> 1s"),
    Gauge::new("uptime", "up since", Seconds, "< 10m").bad(Bad::Low),
    Gauge::new("replication_lag", "replication lag", Seconds, "> 30s")
        .warn(30.0, "as for PostgreSQL")
        .crit(5.0 * MINUTE, "as for PostgreSQL"),
    Gauge::new("replica_writable", "replicas that anybody can write", Count, "> 0")
        .warn(0.0, "a write on a replica stops its replication sooner or later"),
    Gauge::new("auto_increment", "values of an auto_increment used", Percent, "> 75 %")
        .warn(75.0, "as for PostgreSQL's sequences; MySQL's sys schema shows the same ratio")
        .crit(90.0, "as for PostgreSQL's sequences; MySQL's sys schema shows the same ratio"),
    Gauge::new("not_transactional", "tables without transactions", Count, "> 0")
        .warn(0.0, "a backup that is one moment for InnoDB is none for them"),
    Gauge::new("narrow_charset", "tables that cannot hold every character", Count, "> 0"),
];
