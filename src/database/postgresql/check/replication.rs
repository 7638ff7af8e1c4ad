//! Replication: on a primary how far each standby is behind, on a standby how far itself is.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::postgresql::server::Server;
use crate::domain::finding::{Finding, Remark};
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::status::Status;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["replication_lag", "replication_lag_bytes"],
    lane: LaneKind::Fast,
    remembers: false,
    ask: |server| Question::Ask(if server.standby { STANDBY } else { PRIMARY }),
    read: |look| if look.server.standby { standby(look) } else { primary(look) },
};

/// A base backup streams too, and is no standby.
const PRIMARY: &str = "
    SELECT application_name, state, sync_state, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn),
           extract(epoch FROM replay_lag)
      FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup'";

const STANDBY: &str = "
    SELECT pg_last_wal_receive_lsn() IS NOT DISTINCT FROM pg_last_wal_replay_lsn(),
           extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()),
           pg_is_wal_replay_paused(), pg_last_wal_receive_lsn() IS NOT NULL,
           (SELECT count(*) FROM pg_stat_wal_receiver),
           pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())";

fn primary(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    // Everybody sees that a standby is there, but not everybody how it is.
    if look.rows.iter().any(|row| row.get(1).is_none()) {
        for gauge in CHECK.gauges {
            measured.hide(gauge, look.server.blind(), Some(look.server.grant_monitor()));
        }
        return measured;
    }
    for (key, column) in [("replication_lag", 4), ("replication_lag_bytes", 3)] {
        let behind = look.rows.iter().filter_map(|row| Some((row, row.number(column)?)));
        let Some((row, lag)) = behind.max_by(|one, other| one.1.total_cmp(&other.1)) else { continue };
        let figure = if column == 4 { humanize::seconds(lag) } else { humanize::bytes(lag.max(0.0)) };
        measured.sample(if column == 4 { Sample::seconds(key, lag) } else { Sample::bytes(key, lag.max(0.0) as u64) });
        let text = format!("the standby {} ({}) is {figure} behind", row.text(0), row.text(1));
        let advice = "look there whether replay is paused, a query holds it up, or the network is slow";
        measured.remark(Remark::new(key, text).advice(advice));
    }
    for row in look.rows {
        let bytes = row.number(3).map(|lag| humanize::bytes(lag.max(0.0)));
        let lag = bytes.into_iter().chain(row.number(4).map(humanize::seconds)).collect::<Vec<_>>().join(" and ");
        let lag = if lag.is_empty() { lag } else { format!(", {lag} behind") };
        measured.fact("standby", format!("{}: {}, {}{lag}", row.text(0), row.text(1), row.text(2)));
    }
    measured
}

fn standby(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let Some(row) = look.first() else { return measured };
    let (caught_up, paused, streams) = (row.flag(0), row.flag(2), row.flag(3));
    // On a quiet primary the last transaction grows old although nothing is behind.
    let lag = if caught_up { Some(0.0) } else { row.number(1) };
    let why = if paused { ": replay is paused" } else { "" };
    if let Some(lag) = lag {
        measured.sample(Sample::seconds("replication_lag", lag.max(0.0)));
        let text = format!("this standby is {} behind{why}", humanize::seconds(lag.max(0.0)));
        let advice =
            if paused { "SELECT pg_wal_replay_resume()" } else { "look for a long query that holds replay up" };
        measured.remark(Remark::new("replication_lag", text).advice(advice));
    } else {
        measured.hide("replication_lag", "this standby has replayed no transaction since it was started", None);
    }
    if let Some(bytes) = row.number(5) {
        measured.sample(Sample::bytes("replication_lag_bytes", bytes.max(0.0) as u64));
        let text = format!("this standby has {} still to replay{why}", humanize::bytes(bytes.max(0.0)));
        measured.remark(Remark::new("replication_lag_bytes", text));
    }
    if streams && row.number(4) == Some(0.0) {
        let text = "this standby receives nothing: it is not connected to its primary";
        let finding = Finding::new(Status::Warning, "replication_lag", text);
        measured.findings.push(finding.advice("look at primary_conninfo, the primary, and this server's log"));
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    fn read(server: &Server, rows: &[Row]) -> Measured {
        (CHECK.read)(&Look { server, rows, past: &[] })
    }

    #[test]
    fn the_standby_furthest_behind_is_named() {
        let rows = [
            Row::new(["a", "streaming", "async", "100", "0.2"].map(Some)),
            Row::new(["b", "catchup", "async", "90000000", "41"].map(Some)),
        ];
        let measured = read(&server(), &rows);
        let texts: Vec<&str> = measured.remarks.iter().map(|remark| remark.text.as_str()).collect();
        assert_eq!(texts, ["the standby b (catchup) is 41 s behind", "the standby b (catchup) is 90.0 MB behind"]);
        let facts: Vec<&str> = measured.facts.iter().map(|(_, fact)| fact.as_str()).collect();
        assert_eq!(
            facts,
            ["a: streaming, async, 100 B and 200 ms behind", "b: catchup, async, 90.0 MB and 41 s behind"],
            "every standby is told"
        );
    }

    #[test]
    fn a_standby_nobody_shows_us_is_unknown_and_none_is_well() {
        let rows = [Row::new([Some("a"), None, None, None, None])];
        assert_eq!(read(&server(), &rows).hidden.len(), 2);
        assert_eq!(read(&server(), &[]), Measured::default());
    }

    #[test]
    fn a_quiet_primary_leaves_no_standby_behind() {
        let standby = Server { standby: true, ..server() };
        let row =
            |caught_up, paused, receivers| Row::new([caught_up, "900", paused, "t", receivers, "6400000"].map(Some));
        let quiet = read(&standby, &[row("t", "f", "1")]);
        assert_eq!(quiet.samples[0], Sample::seconds("replication_lag", 0.0));
        assert!(quiet.findings.is_empty());
        let never = Row::new([Some("f"), None, Some("f"), Some("t"), Some("1"), Some("0")]);
        assert_eq!(read(&standby, &[never]).hidden[0].key, "replication_lag", "no time is not no lag");
        let paused = read(&standby, &[row("f", "t", "0")]);
        assert_eq!(paused.remarks[0].text, "this standby is 15 m behind: replay is paused");
        assert_eq!(paused.findings[0].status, Status::Warning);
    }
}
