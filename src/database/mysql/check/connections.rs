//! Connections against those that an ordinary user may have, and how many of them are at work.

use super::counters::counter;
use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::mysql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["connections", "threads_running"],
    lane: LaneKind::Fast,
    remembers: false,
    // Everybody may see these counters, whoever the sessions belong to.
    ask: |_| Question::Ask(QUESTION),
    read,
};

const QUESTION: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN
    ('Threads_connected', 'Threads_running', 'Max_used_connections')";

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let usable = look.server.max_connections;
    let Some(taken) = counter(look.rows, "Threads_connected") else { return measured };
    let share = taken / usable * 100.0;
    measured.sample(Sample::percent("connections", share));
    measured.sample(Sample::count("sessions", taken));
    let of = format!("{} of {}", humanize::number(taken), humanize::number(usable));
    measured.remark(
        Remark::new("connections", format!("{of} connections taken, {share:.0} %"))
            .advice("end what sleeps, give the application a smaller pool, or raise max_connections"),
    );
    let peak = counter(look.rows, "Max_used_connections").map(|peak| format!("; {} at most", humanize::number(peak)));
    measured.fact("clients", of + &peak.unwrap_or_default());
    if let Some(running) = counter(look.rows, "Threads_running") {
        measured.sample(Sample::count("threads_running", running));
        let text = format!("{} at once", humanize::count(running as usize, "running statement"));
        measured.remark(
            Remark::new("threads_running", text)
                .advice("`SHOW FULL PROCESSLIST` shows what they are, and what they wait for"),
        );
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::mysql::server::tests::server;
    use crate::database::row::Row;

    #[test]
    fn connections_are_told_against_the_limit() {
        let rows = [("Threads_connected", "140"), ("Threads_running", "30"), ("Max_used_connections", "151")];
        let rows = rows.map(|(name, value)| Row::new([name, value].map(Some)));
        let measured = read(&Look { server: &server(), rows: &rows, past: &[] });
        let texts: Vec<&str> = measured.remarks.iter().map(|remark| remark.text.as_str()).collect();
        assert_eq!(texts, ["140 of 151 connections taken, 93 %", "30 running statements at once"]);
        assert_eq!(measured.facts, [("clients".into(), "140 of 151; 151 at most".to_owned())]);
        assert_eq!(read(&Look { server: &server(), rows: &[], past: &[] }), Measured::default());
    }
}
