//! Settings that keep data safe and tables small, and that somebody turned off.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::postgresql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["settings_off", "pending_restart"],
    lane: LaneKind::Slow,
    remembers: false,
    ask: |_| Question::Ask(QUESTION),
    read,
};

const QUESTION: &str = "
    SELECT name, setting, pending_restart FROM pg_settings
     WHERE name IN ('fsync', 'full_page_writes', 'autovacuum', 'track_counts', 'data_checksums') OR pending_restart
     ORDER BY name";

/// Without these a crash loses data, or nothing is vacuumed.
const MUST: [&str; 4] = ["autovacuum", "fsync", "full_page_writes", "track_counts"];

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let named = |wanted: &dyn Fn(&crate::database::row::Row) -> bool| -> Vec<&str> {
        look.rows.iter().filter(|row| wanted(row)).map(|row| row.text(0)).collect()
    };
    let off = named(&|row| MUST.contains(&row.text(0)) && !row.flag(1));
    let pending = named(&|row| row.flag(2));
    measured.sample(Sample::count("settings_off", off.len() as f64));
    measured.sample(Sample::count("pending_restart", pending.len() as f64));
    let verb = |names: &[&str]| if names.len() == 1 { "is" } else { "are" };
    if !off.is_empty() {
        let text = format!("{} {} off", humanize::listed(&off), verb(&off));
        let advice =
            "turn it on again: without fsync and full_page_writes a crash corrupts, without autovacuum tables grow";
        measured.remark(Remark::new("settings_off", text).advice(advice));
    }
    if !pending.is_empty() {
        let text =
            format!("{} {} changed, and in force only after a restart", humanize::listed(&pending), verb(&pending));
        measured.remark(Remark::new("pending_restart", text).advice("restart the server in a quiet hour"));
    }
    if let Some(row) = look.rows.iter().find(|row| row.text(0) == "data_checksums") {
        measured.fact("pages", format!("checksums {}", row.text(1)));
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    #[test]
    fn what_is_off_and_what_waits_is_named() {
        let rows = [
            Row::new(["autovacuum", "on", "f"].map(Some)),
            Row::new(["data_checksums", "off", "f"].map(Some)),
            Row::new(["fsync", "off", "f"].map(Some)),
            Row::new(["full_page_writes", "off", "f"].map(Some)),
            Row::new(["max_connections", "100", "t"].map(Some)),
        ];
        let measured = read(&Look { server: &server(), rows: &rows, past: &[] });
        let texts: Vec<&str> = measured.remarks.iter().map(|remark| remark.text.as_str()).collect();
        assert_eq!(
            texts,
            ["fsync and full_page_writes are off", "max_connections is changed, and in force only after a restart"]
        );
        assert_eq!(measured.samples[0], Sample::count("settings_off", 2.0));
    }
}
