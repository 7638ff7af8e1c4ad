//! What somebody sees who looks by hand: the largest tables, and the statements that take the
//! most time. Both go through the connection for what may wait.

use super::Mysql;
use super::activity::shown;
use super::check::{digests, tables};
use super::server::Server;
use crate::database::DatabaseError;
use crate::database::check::{Past, Question};
use crate::database::lane::Answer;
use crate::database::row::Row;
use crate::database::statements;
use crate::domain::insight::{Insight, Statements, Table, Tables, Veil};

/// Sizes and rows as the server's own statistics have them.
const TABLES: &str = "
    SELECT table_schema, table_name, data_length + index_length, table_rows, data_free
      FROM information_schema.tables
     WHERE table_schema = DATABASE() AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
     ORDER BY data_length + index_length DESC LIMIT 50";

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
        if rows.len() >= statements::LISTED {
            insight.notes.push(format!("the {} largest of them", statements::LISTED));
        }
        Ok(insight)
    }

    pub(super) async fn look_at_statements(&self) -> Result<Statements, DatabaseError> {
        let answer = self.by_hand(&digests::CHECK.ask).await?;
        let mut insight = opened(&answer);
        let Ok(rows) = answer.rows else { return Ok(insight) };
        match digests::counted(rows) {
            Some(rows) => {
                let past = self.slow.past(digests::CHECK.name());
                statements::list(&rows, &past, shown, &mut insight);
                insight.notes.push("what asks the server about itself is left out".to_owned());
            }
            None => {
                insight.hidden = Some(Veil { why: digests::OFF.to_owned(), grant: Some(digests::SWITCH.to_owned()) });
            }
        }
        for one in &mut insight.rows {
            // It cannot be asked about any more: only its shape is kept.
            one.id.clear();
        }
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
}
