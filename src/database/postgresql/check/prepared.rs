//! Prepared transactions: they hold their locks without a session, and through a restart.

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::ident;
use crate::database::postgresql::server::Server;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["prepared_transaction"],
    lane: LaneKind::Fast,
    remembers: false,
    ask: |_| Question::Ask(QUESTION),
    read,
};

const QUESTION: &str = "
    SELECT gid, owner, database, extract(epoch FROM clock_timestamp() - prepared), count(*) OVER ()
      FROM pg_prepared_xacts ORDER BY prepared LIMIT 1";

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let age = look.first().and_then(|row| row.number(3)).unwrap_or(0.0).max(0.0);
    measured.sample(Sample::seconds("prepared_transaction", age));
    if let Some(row) = look.first() {
        let more = if row.number(4).is_some_and(|count| count > 1.0) { ", the oldest of several," } else { "" };
        let text = format!(
            "the prepared transaction {} of {} in {}{more} has waited {} for its end",
            ident::literal(row.text(0)),
            row.text(1),
            row.text(2),
            humanize::seconds(age)
        );
        let advice = format!(
            "ask its transaction manager, then COMMIT PREPARED {0} or ROLLBACK PREPARED {0} in {1}",
            ident::literal(row.text(0)),
            row.text(2)
        );
        measured.remark(Remark::new("prepared_transaction", text).advice(advice));
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::postgresql::server::tests::server;
    use crate::database::row::Row;

    #[test]
    fn the_oldest_is_named_with_both_ways_to_end_it() {
        let rows = [Row::new(["it's", "app", "rota", "61", "2"].map(Some))];
        let measured = read(&Look { server: &server(), rows: &rows, past: &[] });
        let remark = &measured.remarks[0];
        assert_eq!(
            remark.text,
            "the prepared transaction 'it''s' of app in rota, the oldest of several, has waited 1 m 01 s for its end"
        );
        assert!(remark.advice.as_deref().is_some_and(|advice| advice.contains("ROLLBACK PREPARED 'it''s' in rota")));
    }
}
