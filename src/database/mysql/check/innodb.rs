//! The server's counters of connections refused, of reads that found their block in memory, and
//! of waits for row locks; and since when they are counted.

use super::counters::{comparable, counter, grown, share};
use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::mysql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["aborted_connects", "cache_hit", "row_lock_waits", "uptime"],
    lane: LaneKind::Fast,
    remembers: true,
    ask: |_| Question::Ask(QUESTION),
    read,
};

const QUESTION: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN
    ('Uptime', 'Uptime_since_flush_status', 'Aborted_connects', 'Innodb_buffer_pool_read_requests',
     'Innodb_buffer_pool_reads', 'Innodb_row_lock_waits')";

const COUNTED: [&str; 4] =
    ["Aborted_connects", "Innodb_buffer_pool_read_requests", "Innodb_buffer_pool_reads", "Innodb_row_lock_waits"];

/// With fewer blocks than these a share of hits is chance.
const EVIDENCE: f64 = 10_000.0;

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    if let Some(up) = counter(look.rows, "Uptime") {
        measured.sample(Sample::seconds("uptime", up));
        let text = format!("the server was restarted {} ago", humanize::seconds(up));
        measured.remark(Remark::new("uptime", text).advice("its error log says why it stopped"));
        measured.fact("up", format!("for {}", humanize::seconds(up)));
    }
    let past = comparable(look, &COUNTED);
    if let Some((ago, then)) = past.first()
        && let Some(waits) = grown(look.rows, then, "Innodb_row_lock_waits")
    {
        measured.sample(Sample::count("row_lock_waits", waits / ago));
    }
    if let Some((ago, oldest)) = past.last()
        && let Some(aborted) = grown(look.rows, oldest, "Aborted_connects")
    {
        measured.sample(Sample::count("aborted_connects", aborted));
        let text =
            format!("{} refused within {}", humanize::count(aborted as usize, "connection"), humanize::seconds(*ago));
        let advice = "look for a program with a wrong password, or a check that only knocks; log_warnings = 2 \
                      (MySQL: log_error_verbosity = 3) writes who it was into the error log";
        measured.remark(Remark::new("aborted_connects", text).advice(advice));
    }
    let misses = share(look, &past, "Innodb_buffer_pool_reads", "Innodb_buffer_pool_read_requests", EVIDENCE);
    if let Some(misses) = misses {
        let hits = 100.0 - misses.percent;
        measured.sample(Sample::percent("cache_hit", hits));
        let text = format!("{hits:.1} % of block reads found in memory within {}", humanize::seconds(misses.ago));
        let advice = "raise innodb_buffer_pool_size, or find the statement that reads so much";
        measured.remark(Remark::new("cache_hit", text).advice(advice));
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::super::counters::tests::{past, rows};
    use super::*;
    use crate::database::mysql::server::tests::server;

    fn counters(up: u64, aborted: u64, requests: u64, reads: u64, waits: u64) -> [(&'static str, u64); 5] {
        [
            ("Uptime", up),
            ("Aborted_connects", aborted),
            ("Innodb_buffer_pool_read_requests", requests),
            ("Innodb_buffer_pool_reads", reads),
            ("Innodb_row_lock_waits", waits),
        ]
    }

    #[test]
    fn each_is_told_since_we_looked_and_not_since_the_start() {
        let now = rows(&counters(7200, 1070, 120_000, 2000, 90));
        let earlier =
            [past(15, &counters(7185, 1060, 119_999, 2000, 60)), past(3000, &counters(4200, 1000, 100_000, 0, 0))];
        let server = server();
        let measured = read(&Look { server: &server, rows: &now, past: &earlier });
        let expected = [
            Sample::seconds("uptime", 7200.0),
            Sample::count("row_lock_waits", 2.0),
            Sample::count("aborted_connects", 70.0),
            Sample::percent("cache_hit", 90.0),
        ];
        assert_eq!(measured.samples, expected);
        assert_eq!(measured.remarks[1].text, "70 connections refused within 50 m");
        let alone = read(&Look { server: &server, rows: &now, past: &[] });
        assert_eq!(alone.samples.len(), 1, "one reading tells no rate");
    }
}
