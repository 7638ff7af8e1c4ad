//! The tables of a database: how large, how fast they grow, how much of them is dead, and when
//! they were last cleaned up.

use super::{Row, lasted};
use crate::domain::humanize;
use crate::domain::insight::Table;
use crate::domain::sample::Unit;
use crate::tui::pane::Snapshot;
use crate::tui::widget::grid::Column;
use crate::tui::widget::text;

pub(super) const COLUMNS: [Column; 8] = [
    Column::left("TABLE").at_most(40).at_least(16),
    Column::right("SIZE"),
    Column::right("GROWS").rank(2),
    Column::right("ROWS").rank(1),
    Column::right("DEAD").rank(3),
    Column::right("EMPTY").rank(6),
    Column::right("VACUUMED").rank(4),
    Column::right("ANALYZED").rank(5),
];

pub(super) fn row<'a>(table: &'a Table, see: &Snapshot<'a>) -> Row<'a> {
    let theme = see.theme;
    let name = if table.schema.is_empty() { table.name.clone() } else { format!("{}.{}", table.schema, table.name) };
    let bytes = |bytes: Option<u64>| bytes.map_or_else(String::new, |bytes| humanize::bytes(bytes as f64));
    let about = if table.estimated { "about " } else { "" };
    let size = table.size_bytes.map_or_else(String::new, |size| format!("{about}{}", humanize::bytes(size as f64)));
    let growth = table.growth_per_day().map(|growth| humanize::quantity(growth, Unit::BytesPerDay));
    let number = |count: Option<u64>| count.map_or_else(String::new, |count| humanize::number(count as f64));
    let share = dead_share(table);
    let dead = match (table.dead_rows, share) {
        (Some(dead), Some(share)) => format!("{} ({share:.0} %)", humanize::number(dead as f64)),
        (dead, _) => number(dead),
    };
    // A fifth of the rows is where the server's own cleaning begins.
    let dead_look = if share.is_some_and(|share| share > 20.0) { theme.warning } else { theme.text };
    // Where nothing is told of rows, nothing is told of cleaning either.
    let ago = |seconds: Option<f64>| match (seconds, table.dead_rows) {
        (Some(_), _) => format!("{} ago", lasted(seconds)),
        (None, Some(_)) => "never".to_owned(),
        (None, None) => String::new(),
    };
    let mut detail = vec![("size", format!("{size}, indexes and all that lies beside it included"))];
    if let (Some(grown), Some(within)) = (table.grown_bytes, table.grown_in_s) {
        let way = if grown < 0 { "shrank" } else { "grew" };
        let much = humanize::bytes(grown.unsigned_abs() as f64);
        detail.push(("growth", format!("{way} by {much} in {}", humanize::seconds(within))));
    }
    if let Some(dead) = table.dead_rows {
        let of = table.rows.map_or_else(String::new, |rows| format!(", {} are alive", humanize::number(rows as f64)));
        detail.push(("rows", format!("{} are dead{of}", humanize::number(dead as f64))));
    }
    if let Some(bloat) = table.bloat_bytes {
        detail.push(("empty", format!("about {} hold nothing", humanize::bytes(bloat as f64))));
    }
    Row {
        cells: vec![
            text::styled(name.clone(), theme.text),
            text::styled(size, theme.text),
            text::styled(growth.unwrap_or_default(), theme.text),
            text::styled(number(table.rows), theme.text),
            text::styled(dead, dead_look),
            text::styled(bytes(table.bloat_bytes), theme.dim),
            text::styled(ago(table.vacuumed_s), theme.dim),
            text::styled(ago(table.analyzed_s), theme.dim),
        ],
        says: name.clone(),
        copies: name.clone(),
        title: name.clone(),
        key: name,
        detail,
        session: None,
        subject: None,
    }
}

/// How many of a hundred rows are dead.
fn dead_share(table: &Table) -> Option<f64> {
    let (alive, dead) = (table.rows? as f64, table.dead_rows? as f64);
    (alive + dead > 0.0).then(|| dead / (alive + dead) * 100.0)
}
