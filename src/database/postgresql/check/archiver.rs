//! The archiver: while it fails or hangs, no backup can be brought further than where it stopped.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::postgresql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["archiver"],
    lane: LaneKind::Fast,
    remembers: false,
    ask: |server| Question::Ask(if server.lists_archive { QUESTION } else { WITHOUT_LIST }),
    read,
};

/// A command that hangs has not failed: only the logs that wait for it tell. A standby archives
/// only where it always does.
const QUESTION: &str = "
    SELECT archives, last_failed_time > coalesce(last_archived_time, '-infinity'),
           extract(epoch FROM clock_timestamp() - coalesce(last_archived_time, stats_reset)),
           last_failed_wal, last_archived_time IS NULL, count, extract(epoch FROM clock_timestamp() - oldest), first
      FROM pg_stat_archiver
     CROSS JOIN (SELECT current_setting('archive_mode') = 'always'
                     OR (current_setting('archive_mode') = 'on' AND NOT pg_is_in_recovery()) AS archives) AS mode
      LEFT JOIN LATERAL (SELECT count(*) AS count, min(modification) AS oldest, min(name) AS first
                           FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready') AS ready ON archives";

const WITHOUT_LIST: &str = "
    SELECT archives, last_failed_time > coalesce(last_archived_time, '-infinity'),
           extract(epoch FROM clock_timestamp() - coalesce(last_archived_time, stats_reset)),
           last_failed_wal, last_archived_time IS NULL, NULL, NULL, NULL
      FROM pg_stat_archiver
     CROSS JOIN (SELECT current_setting('archive_mode') = 'always'
                     OR (current_setting('archive_mode') = 'on' AND NOT pg_is_in_recovery()) AS archives) AS mode";

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let Some(row) = look.first().filter(|row| row.flag(0)) else { return measured };
    let (fails, waits) = (row.flag(1), row.number(6).unwrap_or(0.0).max(0.0));
    if fails {
        let since = row.number(2).unwrap_or(0.0).max(waits);
        measured.sample(Sample::seconds("archiver", since));
        let never = if row.flag(4) { "has never archived anything, for" } else { "has archived nothing for" };
        let text = format!("the archiver {never} {}, and fails at {}", humanize::seconds(since), row.text(3));
        let advice = "look at archive_command and the server's log; until then its log fills the disk";
        measured.remark(Remark::new("archiver", text).advice(advice));
        return measured;
    }
    if !look.server.lists_archive {
        let why = format!("the role {} may not see which logs wait for the archiver", look.server.role);
        measured.hide("archiver", why, Some(look.server.grant_monitor()));
        return measured;
    }
    measured.sample(Sample::seconds("archiver", waits));
    if let Some(first) = row.get(7) {
        let logs = humanize::count(row.number(5).unwrap_or(1.0) as usize, "log");
        let text = format!(
            "{} has waited {} for the archiver, which does not fail, {logs} in all",
            first.trim_end_matches(".ready"),
            humanize::seconds(waits)
        );
        let advice = "archive_command hangs, is empty, or is too slow: look for its process on the server";
        measured.remark(Remark::new("archiver", text).advice(advice));
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    const LOG: &str = "00000001000000000000000A";

    fn of(server: &Server, values: [Option<&str>; 8]) -> Measured {
        read(&Look { server, rows: &[Row::new(values)], past: &[] })
    }

    #[test]
    fn an_archiver_that_fails_says_since_when() {
        let row = ["t", "t", "400", LOG, "f", "2", "300", "x.ready"].map(Some);
        let failing = of(&server(), row);
        assert_eq!(failing.samples, [Sample::seconds("archiver", 400.0)]);
        let text = "the archiver has archived nothing for 6 m 40 s, and fails at 00000001000000000000000A";
        assert_eq!(failing.remarks[0].text, text);
        let blind = Server { lists_archive: false, ..server() };
        assert_eq!(of(&blind, row).samples.len(), 1, "that it fails, everybody sees");
    }

    #[test]
    fn one_that_hangs_is_known_by_what_waits_for_it() {
        let hanging = of(&server(), ["t", "f", "40", "x", "f", "34", "720", &format!("{LOG}.ready")].map(Some));
        assert_eq!(hanging.samples, [Sample::seconds("archiver", 720.0)]);
        let text = "00000001000000000000000A has waited 12 m for the archiver, which does not fail, 34 logs in all";
        assert_eq!(hanging.remarks[0].text, text);
    }

    #[test]
    fn one_that_recovered_is_well_and_one_that_is_off_is_not_there() {
        let well = [Some("t"), Some("f"), Some("40000"), Some("x"), Some("f"), Some("0"), None, None];
        assert_eq!(of(&server(), well).samples, [Sample::seconds("archiver", 0.0)]);
        let blind = Server { lists_archive: false, ..server() };
        let hidden = of(&blind, well);
        assert_eq!((hidden.samples.len(), hidden.hidden.len()), (0, 1), "it may hang");
        let off = [Some("f"), Some("t"), Some("9"), Some("x"), Some("f"), None, None, None];
        assert_eq!(of(&blind, off), Measured::default());
    }
}
