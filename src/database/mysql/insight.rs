//! What somebody sees who looks by hand: the largest tables, and the statements that take the
//! most time. Both go through the connection for what may wait.

use super::Mysql;
use super::activity::shown;
use super::check::tables;
use super::server::Server;
use crate::database::DatabaseError;
use crate::database::check::{Past, Question};
use crate::database::lane::Answer;
use crate::database::row::Row;
use crate::domain::insight::{Insight, Statement, Statements, Table, Tables, Veil};

/// Nobody reads further down.
const MOST: usize = 50;

/// Sizes and rows as the server's own statistics have them.
const TABLES: &str = "
    SELECT table_schema, table_name, data_length + index_length, table_rows, data_free
      FROM information_schema.tables
     WHERE table_schema = DATABASE() AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
     ORDER BY data_length + index_length DESC LIMIT 50";

/// What ran in this database, its constants taken out: text, calls, seconds, rows.
const STATEMENTS: &str = "
    SELECT digest_text, count_star, sum_timer_wait / 1e12, sum_rows_sent + sum_rows_affected,
           sum_timer_wait / NULLIF((SELECT SUM(sum_timer_wait)
                                      FROM performance_schema.events_statements_summary_by_digest), 0) * 100
      FROM performance_schema.events_statements_summary_by_digest
     WHERE schema_name = DATABASE() AND digest_text IS NOT NULL
     ORDER BY sum_timer_wait DESC LIMIT 50";

impl Mysql {
    async fn by_hand(&self, choose: &(dyn Fn(&Server) -> Question + Sync)) -> Result<Answer<Server>, DatabaseError> {
        self.slow.ask(&self.dialer, choose, self.deadline).await
    }

    pub(super) async fn look_at_tables(&self) -> Result<Tables, DatabaseError> {
        let answer = self.by_hand(&|server| server.with_tables(TABLES)).await?;
        let mut insight = opened(&answer);
        let Ok(rows) = answer.rows else { return Ok(insight) };
        let past = self.slow.past(tables::CHECK.name());
        insight.rows = rows.iter().map(|row| table(row, &past)).collect();
        insight.notes.push("sizes and rows are as the server's statistics have them; analyze renews them".to_owned());
        if rows.len() >= MOST {
            insight.notes.push(format!("the {MOST} largest of them"));
        }
        Ok(insight)
    }

    pub(super) async fn look_at_statements(&self) -> Result<Statements, DatabaseError> {
        let answer = self.by_hand(&|_| Question::Ask(STATEMENTS)).await?;
        let mut insight = opened(&answer);
        let Ok(rows) = answer.rows else { return Ok(insight) };
        if rows.is_empty() {
            // Our own questions are counted, too: so nothing is.
            insight.hidden = Some(Veil {
                why: "the server counts no statements of this database".to_owned(),
                grant: Some("performance_schema = ON in the server's configuration, and a restart".to_owned()),
            });
        }
        insight.notes.push("told since the server counts; the share is of all its databases".to_owned());
        insight.rows = rows.iter().map(statement).collect();
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

fn table(row: &Row, past: &[Past]) -> Table {
    let grown = row.number(2).and_then(|bytes| tables::grown(row.text(1), bytes, past));
    Table {
        schema: row.text(0).to_owned(),
        name: row.text(1).to_owned(),
        size_bytes: row.whole(2),
        estimated: true,
        grown_bytes: grown.map(|(bytes, _)| bytes as i64),
        grown_in_s: grown.map(|(_, within)| within),
        rows: row.whole(3),
        bloat_bytes: row.whole(4),
        ..Table::default()
    }
}

fn statement(row: &Row) -> Statement {
    let (calls, total_s) = (row.number(1).unwrap_or(0.0), row.number(2).unwrap_or(0.0));
    Statement {
        // It cannot be asked about any more: only its shape is kept.
        id: String::new(),
        text: shown(row.text(0)),
        role: None,
        calls,
        total_s,
        mean_s: if calls > 0.0 { total_s / calls } else { 0.0 },
        rows: row.number(3),
        share: row.number(4),
        within_s: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_table_is_told_with_its_growth_and_what_is_empty_in_it() {
        let row = Row::new(["rota", "shift", "3000", "10", "500"].map(Some));
        let then = Row::new([Some("table"), Some("9"), Some("1000"), None, Some("shift")]);
        let past = [Past { ago: Duration::from_mins(10), rows: vec![then] }];
        let told = table(&row, &past);
        assert_eq!((told.grown_bytes, told.grown_in_s, told.bloat_bytes), (Some(2000), Some(600.0), Some(500)));
        assert_eq!((told.rows, told.size_bytes, told.vacuumed_s), (Some(10), Some(3000), None));
    }

    #[test]
    fn a_statement_is_told_with_its_mean() {
        let told = statement(&Row::new(["SELECT * FROM `shift` WHERE `id` = ?", "4", "2.0", "8", "12.5"].map(Some)));
        assert_eq!((told.mean_s, told.share, told.calls), (0.5, Some(12.5), 4.0));
    }
}
