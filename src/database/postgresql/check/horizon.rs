//! How far back somebody still looks: vacuum can remove no row that died after that.

use super::with_sessions;
use crate::database::check::{Check, LaneKind, Look};
use crate::database::postgresql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["xmin_age"],
    lane: LaneKind::Fast,
    remembers: false,
    ask: |server| with_sessions(server, QUESTION),
    read,
};

const QUESTION: &str = "
    SELECT what, name, age FROM (
      SELECT 'session' AS what, 'pid ' || pid AS name, greatest(age(backend_xmin), age(backend_xid)) AS age
        FROM pg_stat_activity WHERE pid <> pg_backend_pid()
      UNION ALL SELECT 'prepared transaction', gid, age(transaction) FROM pg_prepared_xacts
      UNION ALL SELECT 'replication slot', slot_name, greatest(age(xmin), age(catalog_xmin)) FROM pg_replication_slots
      UNION ALL SELECT 'standby', application_name, age(backend_xmin) FROM pg_stat_replication
    ) AS holder WHERE age IS NOT NULL ORDER BY age DESC LIMIT 1";

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let age = look.first().and_then(|row| row.number(2)).unwrap_or(0.0).max(0.0);
    measured.sample(Sample::count("xmin_age", age));
    if let Some(row) = look.first() {
        let text = format!(
            "the {} {} keeps vacuum from removing what died in the last {} transactions",
            row.text(0),
            row.text(1),
            humanize::number(age)
        );
        measured.remark(Remark::new("xmin_age", text).advice("end it, or vacuum can do nothing"));
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    #[test]
    fn whoever_looks_furthest_back_is_named() {
        let rows = [Row::new(["replication slot", "old_standby", "12000000"].map(Some))];
        let measured = read(&Look { server: &server(), rows: &rows, past: &[] });
        assert_eq!(
            measured.remarks[0].text,
            "the replication slot old_standby keeps vacuum from removing what died in the last 12 000 000 transactions"
        );
        assert_eq!(measured.samples, [Sample::count("xmin_age", 12e6)]);
    }
}
