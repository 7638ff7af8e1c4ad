//! What the panes that list probes have in common: which rows, in which order, and which act
//! a key means on one of them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::board::Assessment;
use crate::domain::observation::{OfKind, ProbeId};
use crate::domain::report::Report;
use crate::domain::status::Status;
use crate::tui::command::Command;
use crate::tui::pane::{Request, Snapshot};
use crate::tui::theme::Theme;
use crate::tui::widget::list::{self, Window};
use crate::tui::widget::mark::Marks;
use crate::tui::widget::text;

/// The probes of a kind that the filter leaves, worst first and otherwise as configured.
pub fn of_kind<'a>(see: &Snapshot<'a>, kind: &str) -> Vec<&'a Assessment> {
    let (of_kind, report, everything) = (OfKind::new(kind), see.report, see.filter.trim().is_empty());
    let mut rows: Vec<&Assessment> = report
        .assessments
        .iter()
        .filter(|one| of_kind.is(&one.id))
        .filter(|one| everything || matches(see.filter, [one.id.name(), one.status.word(), finding(one)]))
        .collect();
    rows.sort_by_key(|one| std::cmp::Reverse(one.status));
    rows
}

/// How many probes of a kind there are, whatever the filter.
pub fn count(report: &Report, kind: &str) -> u16 {
    let of_kind = OfKind::new(kind);
    let count = report.assessments.iter().filter(|one| of_kind.is(&one.id)).count();
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// The first finding of a probe, or nothing.
pub fn finding(one: &Assessment) -> &str {
    one.findings.first().map_or("", |finding| finding.text.as_str())
}

/// Whether one of the texts holds what is filtered for, in whatever case.
pub fn matches<'a>(filter: &str, texts: impl IntoIterator<Item = &'a str>) -> bool {
    let wanted = filter.trim().to_lowercase();
    wanted.is_empty() || texts.into_iter().any(|text| text.to_lowercase().contains(&wanted))
}

/// A status as it stands in a column: mark and word.
pub fn status(status: Status, theme: &Theme) -> Span<'static> {
    Span::styled(format!("{} {}", theme.glyph(status), status.label()), theme.status(status))
}

/// What a key asks for on a row: an act that fits its target, or why it is as it is.
pub fn request(one: &Assessment, command: Command) -> Option<Request> {
    if command == Command::Why {
        return Some(Request::Explain(one.id.clone()));
    }
    let (action, kind) = command.act()?;
    let target = one.target.as_ref().filter(|target| target.kind == kind)?;
    Some(Request::Propose(action, target.clone()))
}

/// What a pane says when the filter leaves nothing.
pub fn nothing_matches(see: &Snapshot<'_>) -> Option<String> {
    (!see.filter.trim().is_empty()).then(|| format!("Nothing here matches \"{}\".", see.filter.trim()))
}

/// The inside of the pane, for what is asked about it while it is not being drawn.
pub fn inner(see: &Snapshot<'_>) -> Rect {
    Rect::new(0, 0, see.columns, see.rows)
}

/// What rows of probes are known by.
pub fn keys<'a>(all: &[&'a Assessment]) -> Vec<&'a ProbeId> {
    all.iter().map(|one| &one.id).collect()
}

/// The lines of a list: each row's index, and again with `true` for the note under it that
/// says what is wrong.
pub fn with_notes(all: &[&Assessment], notes: bool) -> Vec<(usize, bool)> {
    let lines = all.iter().enumerate().flat_map(|(index, one)| {
        let note = (notes && !one.findings.is_empty()).then_some((index, true));
        std::iter::once((index, false)).chain(note)
    });
    lines.collect()
}

/// What is wrong, under the name in the row above.
pub fn draw_note(buffer: &mut Buffer, see: &Snapshot<'_>, one: &Assessment, name: Rect, row: Rect) {
    let place = Rect { width: row.right().saturating_sub(name.x), ..name };
    let more = match one.findings.len() {
        0 | 1 => String::new(),
        more => format!("  +{} more", more - 1),
    };
    let marks = Marks::of(see.theme);
    let line = Line::from(vec![
        Span::styled(format!("{} ", marks.branch), see.theme.dim),
        Span::styled(finding(one).to_owned(), see.theme.status(one.status)),
        Span::styled(more, see.theme.dim),
    ]);
    text::put(buffer, place, &line, marks);
}

/// What the row below a window of probes says: how many more there are, and whether they are
/// well.
pub fn beyond(all: &[&Assessment], lines: &[(usize, bool)], window: &Window) -> String {
    let rows = |lines: &[(usize, bool)]| lines.iter().filter(|(_, note)| !note).count();
    let below = &lines[window.shown.end..];
    let says = list::beyond(rows(&lines[..window.shown.start]), rows(below));
    let well = rows(below) > 0 && below.iter().all(|(index, _)| all[*index].status.is_ok());
    if well { format!("{says}, all ok below") } else { says }
}

/// One line for a whole list. One that is not ok is named with its reason, several by their
/// names under each status; those that are ok are named while they are few, and else counted.
pub fn summary(see: &Snapshot<'_>, all: &[&Assessment], says: impl Fn(&Assessment) -> String) -> Line<'static> {
    let theme = see.theme;
    let mut spans = Vec::new();
    let mut part = |mark: Span<'static>, text: String| {
        if !spans.is_empty() {
            spans.push(Span::styled(format!("  {}  ", Marks::of(theme).dot), theme.dim));
        }
        spans.extend([mark, Span::styled(format!(" {text}"), theme.text)]);
    };
    let alone = all.iter().filter(|one| !one.status.is_ok()).count() == 1;
    for status in Status::ALL.into_iter().rev() {
        let of: Vec<&Assessment> = all.iter().copied().filter(|one| one.status == status).collect();
        let mark = || self::status(status, theme);
        match (status, of.as_slice()) {
            (_, []) => {}
            (Status::Ok, few) if few.len() == all.len() && few.len() <= 2 => {
                for one in few {
                    part(mark(), format!("{} {}", one.id.name(), says(one)));
                }
            }
            (Status::Ok, ok) => part(Span::styled(theme.glyph(status), theme.ok), format!("{} ok", ok.len())),
            (_, [one]) if alone => part(mark(), format!("{} {}", one.id.name(), finding(one))),
            (_, [first, second, third, _, ..]) => {
                let names = [first, second, third].map(|one| one.id.name()).join(", ");
                part(mark(), format!("{names} and {} more", of.len() - 3));
            }
            (_, few) => part(mark(), few.iter().map(|one| one.id.name()).collect::<Vec<_>>().join(", ")),
        }
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_finds_text_in_any_case_anywhere() {
        assert!(matches("", []));
        assert!(matches("ROTA", ["x", "my-rota-db"]));
        assert!(matches("größe", ["GRÖSSE", "Größe"]));
        assert!(!matches("rota", ["backup"]));
    }
}
