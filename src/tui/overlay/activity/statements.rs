//! The statements that take the most of a server's time, their constants taken out.

use super::Row;
use crate::domain::explain::Subject;
use crate::domain::humanize;
use crate::domain::insight::Statement;
use crate::tui::pane::Snapshot;
use crate::tui::widget::grid::Column;
use crate::tui::widget::text;

pub(super) const COLUMNS: [Column; 6] = [
    Column::right("SHARE").rank(1),
    Column::right("TOTAL").rank(3),
    Column::right("CALLS"),
    Column::right("MEAN"),
    Column::right("ROWS").rank(4),
    Column::left("STATEMENT").grows(30).rank(2),
];

pub(super) fn row<'a>(statement: &'a Statement, see: &Snapshot<'a>) -> Row<'a> {
    let theme = see.theme;
    let share = statement.share.map_or_else(String::new, |share| format!("{share:.1} %"));
    let rows = statement.rows.map_or_else(String::new, humanize::number);
    let within = statement.within_s.map_or_else(
        || "since the server began to count".to_owned(),
        |within| format!("in the last {}", humanize::seconds(within)),
    );
    let mean = mean(statement.mean_s);
    let calls = humanize::number(statement.calls);
    let role = statement.role.as_ref().map_or_else(String::new, |role| format!(", by role {role}"));
    let total = humanize::seconds(statement.total_s);
    let who = if statement.id.is_empty() { &statement.text } else { &statement.id };
    Row {
        key: format!("{who} {}", statement.role.as_deref().unwrap_or_default()),
        title: statement.text.chars().take(60).collect(),
        cells: vec![
            text::styled(share, theme.text),
            text::styled(total.clone(), theme.text),
            text::styled(calls.clone(), theme.text),
            text::styled(mean.clone(), theme.text),
            text::styled(rows, theme.dim),
            text::styled(statement.text.as_str(), theme.text),
        ],
        says: format!("{} {}", statement.text, statement.role.as_deref().unwrap_or_default()),
        copies: statement.text.clone(),
        detail: vec![
            ("counted", counted(&calls, &mean, &total) + &format!(", {within}{role}")),
            ("says", statement.text.clone()),
        ],
        session: None,
        subject: (!statement.id.is_empty()).then(|| Subject::Statement(statement.id.clone())),
    }
}

fn counted(calls: &str, mean: &str, total: &str) -> String {
    match calls {
        "1" => format!("1 call of {total}"),
        calls => format!("{calls} calls of {mean} each, {total} together"),
    }
}

/// Most statements take less than a millisecond, and differ there.
fn mean(seconds: f64) -> String {
    if seconds > 0.0 && seconds < 0.001 { format!("{:.2} ms", seconds * 1000.0) } else { humanize::seconds(seconds) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_call_is_not_told_twice() {
        assert_eq!(counted("1", "84 ms", "84 ms"), "1 call of 84 ms");
        assert_eq!(counted("41 000", "84 ms", "57 m"), "41 000 calls of 84 ms each, 57 m together");
    }

    #[test]
    fn what_takes_less_than_a_millisecond_is_not_called_nothing() {
        let told = [0.0, 0.000_02, 0.000_3, 0.084, 2.6].map(mean);
        assert_eq!(told, ["0 ms", "0.02 ms", "0.30 ms", "84 ms", "2.6 s"]);
    }
}
