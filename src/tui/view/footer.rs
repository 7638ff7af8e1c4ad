//! The last lines: the keys that work now, and what is going on.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use crate::action::{self, Sight};
use crate::domain::humanize;
use crate::domain::inventory::{Target, TargetKind};
use crate::domain::status::Status;
use crate::tui::app::App;
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::overlay::output;
use crate::tui::overlay::text::clip;
use crate::tui::pane::Selection;

/// What is always offered, most useful first.
const ALWAYS: [Command; 10] = [
    Command::Why,
    Command::Actions,
    Command::Help,
    Command::Filter,
    Command::CommandLine,
    Command::Log,
    Command::Read,
    Command::Zoom,
    Command::Pause,
    Command::Quit,
];

/// The keys that work now, as many as there is room for.
pub(super) fn keys(app: &App, row: Rect, buffer: &mut Buffer) {
    let theme = app.theme();
    let hints = match app.overlay() {
        Some(overlay) => overlay.hints(&app.see_now()).into_iter().map(|(key, does)| (key, does.to_owned())).collect(),
        None => live(app),
    };
    let hints: Vec<[Span<'static>; 2]> = hints
        .into_iter()
        .map(|(key, doc)| [Span::styled(format!(" {key}"), theme.accent), Span::styled(format!(" {doc} "), theme.dim)])
        .collect();
    let widths: Vec<usize> = hints.iter().map(|hint| hint.iter().map(Span::width).sum()).collect();
    let shown = shown(&widths, usize::from(row.width));
    let spans = hints.into_iter().zip(shown).filter(|(_, shown)| *shown).flat_map(|(hint, _)| hint);
    Line::from(spans.collect::<Vec<_>>()).render(row, buffer);
}

/// Which hints are shown in `room` cells: the way out, which comes last, before all others, and
/// then from the first on.
fn shown(widths: &[usize], room: usize) -> Vec<bool> {
    let mut left = room;
    let mut shown = vec![false; widths.len()];
    let mut take = |index: usize| {
        let fits = widths[index] <= left;
        if fits {
            left -= widths[index];
        }
        shown[index] = fits;
        fits
    };
    if let Some(last) = widths.len().checked_sub(1) {
        take(last);
        let _ = (0..last).all(take);
    }
    shown
}

/// The keys of this row and this pane, then those of everywhere.
fn live(app: &App) -> Vec<(String, String)> {
    let keymap = app.keymap();
    let here = Here { selection: app.selection(), target: app.selected_target() };
    let near = app.contexts().into_iter().filter(|context| *context != Context::Everywhere);
    let near: Vec<Command> = near
        .flat_map(|context| keymap.entries(context))
        .map(|(command, _)| command)
        .filter(|command| works(app, &here, *command))
        .collect();
    let always = ALWAYS.into_iter().filter(|command| works(app, &here, *command));
    near.into_iter().chain(always).filter_map(|command| Some((keymap.key_of(command)?, command.label()))).collect()
}

/// The selected row, found once for all the keys: the list it is in may be long.
struct Here {
    selection: Option<Selection>,
    target: Option<Target>,
}

/// Whether a command would do something on the selected row.
fn works(app: &App, here: &Here, command: Command) -> bool {
    if let Some((action, kind)) = command.act() {
        let target = here.target.as_ref().filter(|target| target.kind == kind);
        return target.is_some_and(|target| {
            let facts = app.facts();
            let sight = Sight { inventory: &facts.inventory, board: &facts.board, now: facts.report.at };
            action::is_possible(&action, target, &sight)
        });
    }
    match (command, &here.selection) {
        (Command::Sign, Some(Selection::List(_))) => true,
        (Command::Tick | Command::Evidence | Command::Skip | Command::Undo | Command::Sign, selection) => {
            matches!(selection, Some(Selection::Item { .. }))
        }
        (Command::Connections | Command::Tables | Command::Statements, _) => {
            here.target.as_ref().is_some_and(|target| target.kind == TargetKind::Database)
        }
        (Command::CancelJob, Some(Selection::Job(job))) => {
            app.facts().jobs.get(job).is_some_and(|job| job.ended.is_none())
        }
        (
            Command::CancelJob | Command::LastOutput | Command::Why | Command::Actions | Command::Read | Command::Log,
            None,
        )
        | (Command::Read | Command::Actions, Some(Selection::List(_))) => false,
        _ => true,
    }
}

/// What was said last, or else what runs, or else how much is watched.
pub(super) fn status(app: &App, row: Rect, buffer: &mut Buffer) {
    let theme = app.theme();
    let width = usize::from(row.width);
    let cut = theme.ellipsis();
    if let Some(notice) = &app.ui().notice {
        let text = clip(&format!("{} {}", theme.glyph(notice.status), notice.text), width.saturating_sub(1), cut);
        ratatui::widgets::Clear.render(row, buffer);
        Line::from(vec![Span::raw(" "), Span::styled(text, theme.status(notice.status))]).render(row, buffer);
        return;
    }
    let see = app.see_now();
    let mut spans = Vec::new();
    for job in see.jobs.running() {
        let arrow = if theme.ascii { ">" } else { "▶" };
        spans.push(Span::styled(format!(" {arrow} "), theme.accent));
        spans.push(Span::styled(format!("{}: ", job.title), theme.text));
        spans.extend(output::state(&see, job).spans);
        spans.push(Span::raw("  "));
    }
    if app.ui().leaving {
        spans.push(Span::styled(" leaving when it has ended ", theme.warning));
    }
    if !spans.is_empty() {
        Line::from(spans).render(row, buffer);
        return;
    }
    let watched = app.shown_report().assessments.len();
    let waiting = app.shown_report().assessments.iter().filter(|one| one.waiting).count();
    let stale = app.shown_report().assessments.iter().filter(|one| one.stale).count();
    let mut text = format!(" {} watched", humanize::count(watched, "target"));
    for (count, word) in [(waiting, "not read yet"), (stale, "older than two intervals")] {
        if count > 0 {
            let _ = write!(text, ", {count} {word}");
        }
    }
    if !app.ui().filter.is_empty() {
        let line = format!(" /{}", app.ui().filter);
        Line::from(vec![Span::styled(line, theme.accent), Span::styled(format!("  {text}"), theme.dim)])
            .render(row, buffer);
        return;
    }
    let look = if stale > 0 { theme.status(Status::Warning) } else { theme.dim };
    Line::styled(clip(&text, width, cut), look).render(row, buffer);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_out_is_shown_before_anything_else() {
        let table: [(&[usize], usize, &[bool]); 5] = [
            (&[5, 5, 5], 15, &[true, true, true]),
            (&[5, 5, 5], 14, &[true, false, true]),
            (&[5, 9, 2, 5], 14, &[true, false, false, true]),
            (&[5, 5], 4, &[false, false]),
            (&[], 10, &[]),
        ];
        for (widths, room, expected) in table {
            assert_eq!(shown(widths, room), expected, "{widths:?} in {room}");
        }
    }
}
