//! Connections against those that an ordinary role may have.

use super::with_sessions;
use crate::database::check::{Check, LaneKind, Look};
use crate::database::postgresql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["connections"],
    lane: LaneKind::Fast,
    remembers: false,
    ask: |server| with_sessions(server, QUESTION),
    read,
};

const QUESTION: &str = "
    SELECT count(*),
           count(*) FILTER (WHERE state = 'active'),
           count(*) FILTER (WHERE state = 'idle'),
           count(*) FILTER (WHERE state LIKE 'idle in transaction%'),
           current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
             - coalesce(current_setting('reserved_connections', true)::int, 0),
           current_setting('max_connections')::int
      FROM pg_stat_activity WHERE backend_type = 'client backend'";

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let Some(row) = look.first() else { return measured };
    let (Some(taken), Some(usable)) = (row.number(0), row.number(4).filter(|usable| *usable > 0.0)) else {
        return measured;
    };
    let by_state = |column| humanize::number(row.number(column).unwrap_or(0.0));
    let states = format!("{} active, {} idle, {} idle in transaction", by_state(1), by_state(2), by_state(3));
    let share = taken / usable * 100.0;
    measured.sample(Sample::percent("connections", share));
    measured.sample(Sample::count("sessions", taken));
    let (taken, usable) = (humanize::number(taken), humanize::number(usable));
    measured.remark(
        Remark::new("connections", format!("{taken} of {usable} connections taken, {share:.0} % ({states})"))
            .advice("end what idles, give the application a smaller pool, or raise max_connections"),
    );
    measured.fact("clients", format!("{taken} of {usable}: {states}; {} with those reserved", row.text(5)));
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::check::Question;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    #[test]
    fn the_reserved_ones_do_not_count_as_room() {
        let rows = [Row::new(["92", "10", "80", "2", "97", "100"].map(Some))];
        let measured = read(&Look { server: &server(), rows: &rows, past: &[] });
        assert_eq!(measured.samples[0], Sample::percent("connections", 92.0 / 97.0 * 100.0));
        assert_eq!(
            measured.remarks[0].text,
            "92 of 97 connections taken, 95 % (10 active, 80 idle, 2 idle in transaction)"
        );
    }

    #[test]
    fn who_sees_only_its_own_session_is_not_asked() {
        let blind = Server { sees_sessions: false, ..server() };
        let Question::Hidden { why, grant } = (CHECK.ask)(&blind) else { unreachable!("it sees nothing") };
        assert_eq!(why, "the role mon sees only its own sessions");
        assert_eq!(grant.as_deref(), Some(r#"GRANT pg_monitor TO "mon""#));
    }
}
