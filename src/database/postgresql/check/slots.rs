//! Replication slots: one that nobody reads keeps the log until the disk is full.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::ident;
use crate::database::postgresql::server::Server;
use crate::domain::finding::{Finding, Remark};
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::status::Status;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["slot_wal"],
    lane: LaneKind::Fast,
    remembers: false,
    ask: |server| Question::Ask(if server.is_at_least(13) { QUESTION } else { BEFORE_13 }),
    read,
};

const QUESTION: &str = "
    SELECT slot_name, active, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                                                   ELSE pg_current_wal_lsn() END, restart_lsn), wal_status
      FROM pg_replication_slots WHERE NOT temporary";

const BEFORE_13: &str = "
    SELECT slot_name, active, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                                                   ELSE pg_current_wal_lsn() END, restart_lsn), NULL
      FROM pg_replication_slots WHERE NOT temporary";

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let unread = look.rows.iter().filter(|row| !row.flag(1)).filter_map(|row| Some((row, row.number(2)?.max(0.0))));
    let worst = unread.max_by(|one, other| one.1.total_cmp(&other.1));
    measured.sample(Sample::bytes("slot_wal", worst.map_or(0, |(_, bytes)| bytes as u64)));
    if let Some((row, bytes)) = worst {
        let text = format!("nobody reads the slot {}, and it keeps {} of log", row.text(0), humanize::bytes(bytes));
        let advice =
            format!("bring its reader back, or `SELECT pg_drop_replication_slot({})`", ident::literal(row.text(0)));
        measured.remark(Remark::new("slot_wal", text).advice(advice));
    }
    for row in look.rows {
        let what = match row.text(3) {
            "lost" => "has lost log that its reader needs: the reader must be set up anew",
            "unreserved" => "is about to lose log that its reader needs",
            _ => continue,
        };
        let finding = Finding::new(Status::Critical, "slot_wal", format!("the slot {} {what}", row.text(0)));
        measured.findings.push(finding);
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    #[test]
    fn a_slot_without_a_reader_is_named_with_what_it_keeps() {
        let rows = [
            Row::new(["used", "t", "9000000000", "extended"].map(Some)),
            Row::new(["left", "f", "1300000000", "reserved"].map(Some)),
            Row::new(["gone", "f", "1", "lost"].map(Some)),
        ];
        let measured = read(&Look { server: &server(), rows: &rows, past: &[] });
        assert_eq!(measured.samples, [Sample::bytes("slot_wal", 1_300_000_000)]);
        assert_eq!(measured.remarks[0].text, "nobody reads the slot left, and it keeps 1.3 GB of log");
        assert_eq!(measured.findings[0].status, Status::Critical);
    }
}
