//! What statements did between two answers of a server that counts them: differences of the last
//! hour, not means of a year. The columns are the same for every engine: who and what it is, calls,
//! milliseconds, rows, since when it is counted, the text, and the role.

use std::time::Duration;

use crate::database::check::Past;
use crate::database::row::Row;
use crate::domain::finding::Remark;
use crate::domain::humanize;
use crate::domain::insight::{Statement, Statements};
use crate::domain::sample::Sample;
use crate::domain::vitals::Measured;

/// How many are compared: those that are slow on the whole, then those that take most time.
pub(super) const COMPARED: usize = 100;
/// How many are listed: nobody reads further down.
pub(super) const LISTED: usize = 50;
/// A statement that ran less often within the hour is no habit.
const HABIT: f64 = 10.0;

const ID: usize = 0;
const CALLS: usize = 1;
const MILLISECONDS: usize = 2;
const ROWS: usize = 3;
const SINCE: usize = 4;
const TEXT: usize = 5;
const ROLE: usize = 6;

/// What a statement did since an earlier answer.
#[derive(Debug)]
struct Spent {
    calls: f64,
    seconds: f64,
    rows: f64,
    within: f64,
}

/// The difference to the earliest answer that counts from the same beginning.
fn spent(row: &Row, past: &[Past]) -> Option<Spent> {
    past.iter().rev().find_map(|past| {
        let then = past.rows.iter().find(|then| then.get(ID) == row.get(ID) && then.get(SINCE) == row.get(SINCE))?;
        let grown = |column| {
            let grown = row.number(column)? - then.number(column)?;
            (grown >= 0.0).then_some(grown)
        };
        let (calls, seconds, rows) = (grown(CALLS)?, grown(MILLISECONDS)? / 1000.0, grown(ROWS)?);
        Some(Spent { calls, seconds, rows, within: past.ago.as_secs_f64() })
    })
}

/// How an engine shows a text, without what may be a secret in it.
pub(super) type Say = fn(&str) -> String;

/// The statement that was slowest on average, of those that are a habit.
pub(super) fn slowest(rows: &[Row], past: &[Past], say: Say, advice: &str, measured: &mut Measured) {
    let habits = rows.iter().filter_map(|row| Some((row, spent(row, past)?)));
    let habits = habits.filter(|(_, spent)| spent.calls >= HABIT);
    let slowest =
        habits.max_by(|(_, one), (_, other)| (one.seconds / one.calls).total_cmp(&(other.seconds / other.calls)));
    let Some((row, spent)) = slowest else { return };
    let mean = spent.seconds / spent.calls;
    measured.sample(Sample::seconds("slow_statements", mean));
    let said = say(row.text(TEXT));
    let short: String = said.chars().take(80).collect();
    let cut = if short.len() < said.len() { "…" } else { "" };
    let whose = row.get(ROLE).map_or_else(String::new, |role| format!(" of {role}"));
    let text = format!(
        "a statement{whose} took {} on average, {} times within {}: {short}{cut}",
        humanize::seconds(mean),
        humanize::number(spent.calls),
        humanize::seconds(spent.within)
    );
    measured.remark(Remark::new("slow_statements", text).advice(advice));
}

/// Those that took the most time since the earliest look that knows them, with what is to be said
/// of when that was.
pub(super) fn list(rows: &[Row], past: &[Past], say: Say, insight: &mut Statements) {
    let mut told: Vec<Statement> = rows.iter().map(|row| statement(row, past, say)).collect();
    let all: f64 = told.iter().map(|one| one.total_s).sum();
    for one in &mut told {
        one.share = (all > 0.0).then(|| one.total_s / all * 100.0);
    }
    told.retain(|one| one.calls > 0.0);
    told.sort_by(|one, other| other.total_s.total_cmp(&one.total_s));
    told.truncate(LISTED);
    let looked = past.last().map(|past| past.ago).filter(|ago| *ago > Duration::ZERO);
    insight.notes.push(match looked {
        Some(ago) => format!("what was not seen {} ago is told since the server counts", humanize::duration(ago)),
        None => "told since the server counts: there is no earlier look to compare with".to_owned(),
    });
    insight.rows = told;
}

fn statement(row: &Row, past: &[Past], say: Say) -> Statement {
    let spent = spent(row, past);
    let since_it_counts = (row.number(CALLS).unwrap_or(0.0), row.number(MILLISECONDS).unwrap_or(0.0) / 1000.0);
    let (calls, total_s) = spent.as_ref().map_or(since_it_counts, |spent| (spent.calls, spent.seconds));
    Statement {
        id: row.text(ID).to_owned(),
        text: say(row.text(TEXT)),
        role: row.get(ROLE).map(ToOwned::to_owned),
        calls,
        total_s,
        mean_s: if calls > 0.0 { total_s / calls } else { 0.0 },
        rows: spent.as_ref().map_or_else(|| row.number(ROWS), |spent| Some(spent.rows)),
        share: None,
        within_s: spent.map(|spent| spent.within),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(calls: &str, total: &str, since: &str, text: &str) -> Row {
        Row::new(["10:77:true", calls, total, "5", since, text, "rota"].map(Some))
    }

    fn past(ago: u64, row: Row) -> [Past; 1] {
        [Past { ago: Duration::from_secs(ago), rows: vec![row] }]
    }

    #[test]
    fn a_mean_is_of_the_last_hour_and_a_reset_begins_anew() {
        let of = |past: &[Past]| {
            let mut measured = Measured::default();
            let now = row("1100", "61000", "monday", "SELECT * FROM shift WHERE note = $1");
            slowest(&[now], past, str::to_owned, "EXPLAIN it", &mut measured);
            measured
        };
        let measured = of(&past(1800, row("1000", "1000", "monday", "")));
        assert_eq!(measured.samples, [Sample::seconds("slow_statements", 0.6)]);
        let text =
            "a statement of rota took 600 ms on average, 100 times within 30 m: SELECT * FROM shift WHERE note = $1";
        assert_eq!(measured.remarks[0].text, text);
        assert_eq!(of(&past(60, row("1000", "1000", "sunday", ""))), Measured::default());
        assert_eq!(of(&past(60, row("2000", "1000", "monday", ""))), Measured::default());
        assert_eq!(of(&past(60, row("1095", "1000", "monday", ""))), Measured::default(), "no habit");
    }

    #[test]
    fn those_that_took_most_come_first_each_with_its_share() {
        let old = past(600, row("1000", "1000", "monday", ""));
        let mut other = ["11:78:true", "4", "30000", "8", "monday", "SELECT 2"].map(Some).to_vec();
        other.push(None);
        let mut insight = Statements::default();
        list(&[row("1010", "11000", "monday", "SELECT 1"), Row::new(other)], &old, str::to_owned, &mut insight);
        let told: Vec<_> = insight.rows.iter().map(|one| (one.text.as_str(), one.share, one.within_s)).collect();
        assert_eq!(told, [("SELECT 2", Some(75.0), None), ("SELECT 1", Some(25.0), Some(600.0))]);
        assert_eq!((insight.rows[1].calls, insight.rows[1].mean_s, insight.rows[0].rows), (10.0, 1.0, Some(8.0)));
        assert_eq!(insight.notes, ["what was not seen 10 m ago is told since the server counts"]);
    }
}
