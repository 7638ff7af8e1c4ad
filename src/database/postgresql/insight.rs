//! What somebody sees who looks by hand: the largest tables, and the statements that take the
//! most time. Both go through the connection for what may wait, and compare with what its checks
//! have kept.

use super::Postgresql;
use super::check::{self, bloat, tables};
use super::server::Server;
use crate::database::DatabaseError;
use crate::database::check::{Past, Question};
use crate::database::lane::Answer;
use crate::database::row::Row;
use crate::database::statements;
use crate::domain::insight::{Insight, Statements, Table, Tables, Veil};

/// Sizes as they are now; refused while somebody holds one of the tables.
const MEASURED: &str = "
    SELECT c.oid, n.nspname, c.relname, pg_total_relation_size(c.oid), s.n_live_tup, s.n_dead_tup,
           extract(epoch FROM clock_timestamp() - greatest(s.last_vacuum, s.last_autovacuum)),
           extract(epoch FROM clock_timestamp() - greatest(s.last_analyze, s.last_autoanalyze))
      FROM (SELECT c.oid, c.relname, c.relnamespace FROM pg_class c
             WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
               AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
             ORDER BY c.relpages DESC LIMIT 50) AS c
      JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
     ORDER BY 4 DESC";

/// Sizes as they were when the server last looked, with indexes and what lies beside a table.
const REMEMBERED: &str = "
    SELECT c.oid, n.nspname, c.relname, c.pages * current_setting('block_size')::bigint, s.n_live_tup, s.n_dead_tup,
           extract(epoch FROM clock_timestamp() - greatest(s.last_vacuum, s.last_autovacuum)),
           extract(epoch FROM clock_timestamp() - greatest(s.last_analyze, s.last_autoanalyze))
      FROM (SELECT c.oid, c.relname, c.relnamespace,
                   c.relpages::bigint + coalesce((SELECT t.relpages FROM pg_class t WHERE t.oid = c.reltoastrelid), 0)
                     + coalesce((SELECT sum(x.relpages) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
                                  WHERE i.indrelid = c.oid), 0)::bigint AS pages
              FROM pg_class c
             WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
               AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
             ORDER BY c.relpages DESC LIMIT 50) AS c
      JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
     ORDER BY 4 DESC";

/// Everything that is asked by hand.
#[cfg(test)]
pub(super) const QUESTIONS: [&str; 2] = [MEASURED, REMEMBERED];

impl Postgresql {
    async fn by_hand(&self, choose: &(dyn Fn(&Server) -> Question + Sync)) -> Result<Answer<Server>, DatabaseError> {
        self.slow.ask(&self.dialer, choose, self.deadline).await
    }

    pub(super) async fn look_at_tables(&self) -> Result<Tables, DatabaseError> {
        let mut notes = Vec::new();
        let mut answer = self.by_hand(&|_| Question::Ask(MEASURED)).await?;
        let estimated = answer.rows.is_err();
        if let Err(Question::Hidden { why, .. }) = &answer.rows {
            notes.push(format!("sizes are what the server remembers: {why}"));
            answer = self.by_hand(&|_| Question::Ask(REMEMBERED)).await?;
        }
        let mut insight = Insight { notes, ..opened(&answer) };
        let Ok(rows) = answer.rows else { return Ok(insight) };
        let past = self.slow.past(tables::CHECK.name());
        let bloat = self.by_hand(&|_| Question::Ask(bloat::QUESTION)).await?;
        insight.took_s += bloat.took.as_secs_f64();
        let bloat = bloat.rows.unwrap_or_default();
        insight.rows = rows.iter().map(|row| table(row, &answer.server, estimated, &past, &bloat)).collect();
        if answer.server.standby {
            insight.notes.push("a standby counts no rows; ask its primary".to_owned());
        }
        if rows.len() >= statements::LISTED {
            insight.notes.push(format!("the {} largest of them", statements::LISTED));
        }
        if bloat.iter().any(|row| !row.flag(4)) {
            let why = format!("what some large tables waste is hidden from the role {}", answer.server.role);
            insight.hidden = Some(Veil { why, grant: Some(answer.server.grant_read()) });
        }
        Ok(insight)
    }

    pub(super) async fn look_at_statements(&self) -> Result<Statements, DatabaseError> {
        let answer = self.by_hand(&check::statements::CHECK.ask).await?;
        let mut insight = opened(&answer);
        let Ok(rows) = answer.rows else { return Ok(insight) };
        let past = self.slow.past(check::statements::CHECK.name());
        statements::list(&rows, &past, check::statements::text, &mut insight);
        Ok(insight)
    }
}

/// An answer without its rows: why there are none, where there are none.
fn opened<R>(answer: &Answer<Server>) -> Insight<R> {
    let hidden = match &answer.rows {
        Err(Question::Hidden { why, grant }) => Some(Veil { why: why.clone(), grant: grant.clone() }),
        _ => None,
    };
    Insight { hidden, took_s: answer.took.as_secs_f64(), ..Insight::default() }
}

fn table(row: &Row, server: &Server, estimated: bool, past: &[Past], bloat: &[Row]) -> Table {
    let same = |other: &&Row| (other.text(0), other.text(1)) == (row.text(1), row.text(2));
    // What is remembered is not what was measured then.
    let grown = row.number(3).filter(|_| !estimated).and_then(|bytes| tables::grown(row.text(0), bytes, past));
    Table {
        schema: row.text(1).to_owned(),
        name: row.text(2).to_owned(),
        size_bytes: row.whole(3),
        estimated,
        grown_bytes: grown.map(|(bytes, _)| bytes as i64),
        grown_in_s: grown.map(|(_, within)| within),
        rows: row.whole(4).filter(|_| !server.standby),
        dead_rows: row.whole(5).filter(|_| !server.standby),
        bloat_bytes: bloat.iter().find(same).and_then(|row| row.number(3)).map(|bytes| bytes as u64),
        vacuumed_s: row.number(6),
        analyzed_s: row.number(7),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::database::postgresql::server::tests::server;

    #[test]
    fn a_table_is_told_with_its_growth_and_its_waste() {
        let row = Row::new(["7", "public", "shift", "3000", "10", "2", "60", "61"].map(Some));
        let past =
            [Past { ago: Duration::from_mins(10), rows: vec![Row::new(["7", "public", "shift", "1000"].map(Some))] }];
        let bloat = [Row::new(["public", "shift", "3000", "500", "t"].map(Some))];
        let told = table(&row, &server(), false, &past, &bloat);
        assert_eq!((told.grown_bytes, told.grown_in_s, told.bloat_bytes), (Some(2000), Some(600.0), Some(500)));
        assert_eq!((told.rows, told.vacuumed_s), (Some(10), Some(60.0)));
        assert_eq!(
            table(&row, &Server { standby: true, ..server() }, true, &past, &[]).rows,
            None,
            "a standby counts none"
        );
        assert_eq!(table(&row, &server(), true, &past, &[]).grown_bytes, None);
    }
}
