//! The files of one backup: how old, how large, proven when, and why each of them stays.

use ratatui::text::{Line, Span};

use crate::domain::backup::{Backup, BackupState, Decision};
use crate::domain::humanize;
use crate::domain::status::Status;
use crate::domain::time::seconds_between;
use crate::tui::pane::Snapshot;
use crate::tui::widget::grid::{Cells, Column};
use crate::tui::widget::mark::Marks;
use crate::tui::widget::text;

pub(super) const COLUMNS: [Column; 7] = [
    Column::left("TAKEN"),
    Column::right("OLD"),
    Column::right("SIZE").rank(1),
    Column::left("SHA-256").rank(5),
    Column::left("PROVEN").rank(2),
    Column::left("STATE").grows(10).rank(3),
    Column::left("KEPT FOR").at_least(10).rank(4),
];

pub(super) fn cells(see: &Snapshot<'_>, file: &Backup, decision: Option<&Decision>) -> Cells<'static> {
    let theme = see.theme;
    let ahead = file.taken_at > see.now;
    let old = if ahead { "ahead".to_owned() } else { humanize::short_seconds(seconds_between(file.taken_at, see.now)) };
    let sha = file.sha256.as_deref().map_or_else(String::new, |sha| sha.chars().take(10).collect());
    let (state, style) = match &file.state {
        BackupState::Complete => ("complete".to_owned(), theme.dim),
        BackupState::Growing => (format!("{} being written", Marks::of(theme).running), theme.accent),
        BackupState::Damaged(why) => (format!("{} damaged: {why}", theme.glyph(Status::Critical)), theme.critical),
    };
    let proven = file.verified_at.map_or_else(
        || Span::styled("not verified", theme.dim),
        |at| Span::styled(format!("verified {}", humanize::clock(at, see.now, see.zone)), theme.text),
    );
    let kept = match decision {
        None => Line::default(),
        Some(decision) if decision.is_kept() => text::styled(decision.words(), theme.dim),
        Some(_) => text::styled("nothing: a prune would delete it", theme.warning),
    };
    vec![
        text::styled(humanize::clock(file.taken_at, see.now, see.zone), theme.text),
        text::styled(old, theme.dim),
        text::styled(file.size(), theme.text),
        text::styled(sha, theme.dim),
        Line::from(proven),
        text::styled(state, style),
        kept,
    ]
}
