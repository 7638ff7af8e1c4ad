//! The age of the oldest transaction and multixact ids: at two thousand million the server stops
//! to write.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::postgresql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["wraparound", "freeze_age"],
    lane: LaneKind::Slow,
    remembers: false,
    ask: |_| Question::Ask(QUESTION),
    read,
};

const QUESTION: &str = "
    SELECT datname, age(datfrozenxid), current_setting('autovacuum_freeze_max_age'),
           mxid_age(datminmxid), current_setting('autovacuum_multixact_freeze_max_age')
      FROM pg_database";

/// Half of all ids there are: older ones would lie in the future.
const HORIZON: f64 = 2_147_483_648.0;

/// The age at which the server stops to write: it keeps some ids back for whoever mends it.
fn stop(server: &Server, kind: &str) -> f64 {
    let reserve = match kind {
        _ if server.is_at_least(14) => 3_000_000.0,
        "transaction" => 1_000_000.0,
        _ => 100.0,
    };
    HORIZON - reserve
}

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let kinds = [("transaction", 1), ("multixact", 3)];
    let ages = look.rows.iter().flat_map(|row| {
        kinds.iter().filter_map(move |(kind, column)| {
            Some((row.text(0), *kind, row.number(*column)?, row.number(column + 1).filter(|most| *most > 0.0)?))
        })
    });
    let ages: Vec<_> = ages.collect();
    let advice = |name: &str| {
        format!(
            "VACUUM in the database {name}, beginning with what holds it up: old transactions, slots, prepared ones"
        )
    };
    if let Some((name, kind, age, _)) = ages.iter().max_by(|one, other| one.2.total_cmp(&other.2)) {
        let stop = stop(look.server, kind);
        measured.sample(Sample::percent("wraparound", age / stop * 100.0));
        let text = format!(
            "{name} has used {:.0} % of its {kind} ids: writes stop in {} more",
            age / stop * 100.0,
            humanize::number((stop - age).max(0.0))
        );
        measured.remark(Remark::new("wraparound", text).advice(advice(name)));
    }
    if let Some((name, kind, age, most)) =
        ages.iter().max_by(|one, other| (one.2 / one.3).total_cmp(&(other.2 / other.3)))
    {
        measured.sample(Sample::percent("freeze_age", age / most * 100.0));
        let text = format!(
            "the oldest {kind} id of {name} is {} old, {:.0} % of where autovacuum must have frozen it",
            humanize::number(*age),
            age / most * 100.0
        );
        measured.remark(Remark::new("freeze_age", text).advice(advice(name)));
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    #[test]
    fn the_older_of_both_sorts_of_ids_counts() {
        let rows = [
            Row::new(["template1", "100000000", "200000000", "5", "400000000"].map(Some)),
            Row::new(["rota", "10", "200000000", "1600000000", "400000000"].map(Some)),
        ];
        let measured = read(&Look { server: &server(), rows: &rows, past: &[] });
        assert_eq!(
            measured.remarks[0].text,
            "rota has used 75 % of its multixact ids: writes stop in 544 483 648 more"
        );
        assert!(measured.remarks[1].text.contains("400 % of where autovacuum"), "{}", measured.remarks[1].text);
    }

    #[test]
    fn writes_stop_before_the_last_id_and_earlier_on_later_servers() {
        let rows = [Row::new(["rota", "2144483648", "200000000", "5", "400000000"].map(Some))];
        let old = Server { number: 130_004, ..server() };
        for (server, left) in
            [(server(), "100 % of its transaction ids: writes stop in 0 more"), (old, "in 2 000 000 more")]
        {
            let measured = read(&Look { server: &server, rows: &rows, past: &[] });
            assert!(measured.remarks[0].text.ends_with(left), "{}", measured.remarks[0].text);
        }
    }
}
