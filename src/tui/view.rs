//! What the app looks like. Drawing takes `&App`, so nothing can be remembered from a frame.
//!
//! ```text
//!  Staff Rota @ db1  production        Mon 2026-03-02 09:04:12 Europe/London   asha   data 2s-6m
//!  NOT READY: 1 critical, 2 warning, 37 ok | daily 11/18: 2 failed, 5 for you
//! ┌ 1 Needs attention ────────── severity, then age ┬ 2 Checklist ──────────────── 11/18 ┐
//! │                                                 │                                    │
//! ├ 3 System ──────────────┬ 4 Databases ───────────┴───┬ 5 Backups ────────────────────┤
//! │                        │                            │                               │
//! ├ 6 Tasks ───────────────┴────────────────────────────┴───────────────────────────────┤
//! │                                                                                     │
//! ├ 7 Activity ─────────────────────────────────────────────────────────────────────────┤
//! │                                                                                     │
//! └─────────────────────────────────────────────────────────────────────────────────────┘
//!  Enter why  x actions  b backup  v verify  / filter  : command  ? help  q quit
//!  Back up rota-db: running 12 s
//! ```

mod footer;
mod header;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::merge::MergeStrategy;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Widget};

use crate::domain::sanitize;
use crate::tui::app::App;
use crate::tui::layout::{Form, Placed, inside, layout};
use crate::tui::overlay::why;
use crate::tui::pane::Selection;
use crate::tui::widget::mark::Marks;
use crate::tui::widget::text;

/// Draws everything.
pub fn draw(app: &App, frame: &mut Frame<'_>) {
    render(app, frame.buffer_mut());
}

/// Draws everything into a buffer.
pub fn render(app: &App, buffer: &mut Buffer) {
    let screen = buffer.area;
    let regions = layout(screen.as_size(), app.ui());
    buffer.set_style(screen, app.theme().text);
    if let Some(row) = regions.identity {
        header::identity(app, row, buffer);
    }
    header::verdict(app, regions.verdict, buffer);
    if let Some(row) = regions.banner {
        header::banner(app, row, buffer);
    }
    if let Some(area) = regions.summaries {
        frame_of(app, area, "Summary", None, Line::default(), buffer);
    }
    if let Some(area) = regions.detail {
        detail(app, area, buffer);
    }
    // The focused pane comes last: its border lies over those of its neighbours. Their titles
    // stay their own, in their own colours, and so are written again.
    let (focused, others): (Vec<&Placed>, Vec<&Placed>) =
        regions.panes.iter().partition(|placed| placed.pane == app.ui().focus);
    for placed in others.iter().chain(&focused) {
        pane(app, placed, buffer);
    }
    for placed in others.iter().filter(|placed| placed.form == Form::Framed) {
        let Some(pane) = app.panes().get(placed.pane) else { continue };
        let caption = pane.caption(&app.see(placed.pane));
        title_of(app, placed.area, pane.title(), Some(placed.pane), caption, buffer);
    }
    if let Some(area) = regions.summaries {
        title_of(app, area, "Summary", None, Line::default(), buffer);
    }
    let last = regions.status.or(regions.keys).unwrap_or(Rect {
        y: screen.bottom().saturating_sub(1),
        height: screen.height.min(1),
        ..screen
    });
    if let Some(row) = regions.keys {
        footer::keys(app, row, buffer);
    }
    if let Some(row) = regions.status {
        footer::status(app, row, buffer);
    } else if app.ui().notice.is_some() && regions.keys.is_some() {
        footer::status(app, last, buffer);
    }
    if let Some(overlay) = app.overlay() {
        match overlay.line() {
            Some(prompt) => {
                ratatui::widgets::Clear.render(last, buffer);
                prompt.draw_line(&app.see_now(), last, buffer);
            }
            None => overlay.draw(&app.see_now(), screen, buffer),
        }
    }
    sweep(buffer);
}

/// The last line of defence: text is cleaned where it comes in, and widgets leave out most of
/// what has no width, but a mark of direction that clings to a letter would go through. What is
/// put in their place must not take more room than its cell has.
fn sweep(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !cell.symbol().is_ascii() {
            let mut clean = sanitize::line(cell.symbol());
            if clean != cell.symbol() {
                let room = text::width(cell.symbol());
                while text::width(&clean) > room {
                    clean.pop();
                }
                cell.set_symbol(&clean);
            }
        }
    }
}

fn pane(app: &App, placed: &Placed, buffer: &mut Buffer) {
    let Some(pane) = app.panes().get(placed.pane) else { return };
    let see = app.see(placed.pane);
    match placed.form {
        Form::Framed => {
            let title = if app.ui().zoomed { format!("{} (zoomed)", pane.title()) } else { pane.title().to_owned() };
            frame_of(app, placed.area, &title, Some(placed.pane), pane.caption(&see), buffer);
            pane.draw(&see, placed.inner(), buffer);
        }
        Form::Bare => pane.draw(&see, placed.area, buffer),
        Form::Line => {
            let theme = app.theme();
            let mut spans = vec![
                Span::styled(format!("{} ", placed.pane + 1), theme.accent),
                Span::styled(format!("{:<11}", pane.title()), theme.dim),
            ];
            spans.extend(pane.summary(&see).spans);
            text::put(buffer, placed.area, &Line::from(spans), Marks::of(theme));
        }
    }
}

/// Title and caption once more, without the frame.
fn title_of(app: &App, area: Rect, title: &str, number: Option<usize>, caption: Line<'static>, buffer: &mut Buffer) {
    let row = Rect { x: area.x + 1, width: area.width.saturating_sub(2), height: area.height.min(1), ..area };
    titles(app, Block::new(), area.width, title, number, caption).render(row, buffer);
}

/// A frame with its number, title and caption. Neighbours share their edges.
fn frame_of(app: &App, area: Rect, title: &str, number: Option<usize>, caption: Line<'static>, buffer: &mut Buffer) {
    let theme = app.theme();
    let focused = number == Some(app.ui().focus);
    let edge = if focused { theme.border_focused } else { theme.border };
    let mut block = Block::bordered().border_set(theme.frame()).border_style(edge);
    if !theme.ascii {
        block = block.merge_borders(MergeStrategy::Exact);
    }
    titles(app, block, area.width, title, number, caption).render(area, buffer);
}

/// Puts number and title to the left of a frame's first row, and the caption to the right where
/// there is room.
fn titles<'a>(
    app: &App,
    mut block: Block<'a>,
    width: u16,
    title: &str,
    number: Option<usize>,
    caption: Line<'static>,
) -> Block<'a> {
    let theme = app.theme();
    let focused = number == Some(app.ui().focus);
    let look = if focused { theme.title.patch(theme.accent) } else { theme.title };
    let mut left = vec![Span::raw(" ")];
    if let Some(number) = number {
        left.push(Span::styled(format!("{} ", number + 1), theme.accent));
    }
    left.extend([Span::styled(title.to_owned(), look), Span::raw(" ")]);
    let left = Line::from(left).style(Style::reset());
    let room = usize::from(width).saturating_sub(left.width() + 6);
    block = block.title_top(left);
    if caption.width() > 0 && caption.width() <= room {
        let mut spans = vec![Span::raw(" ")];
        spans.extend(caption.spans);
        spans.push(Span::raw(" "));
        block = block.title_top(Line::from(spans).style(Style::reset().patch(theme.dim)).right_aligned());
    }
    block
}

/// Why the selected row is as it is, where the screen is wide enough to always show it.
fn detail(app: &App, area: Rect, buffer: &mut Buffer) {
    frame_of(app, area, "Why", None, Line::default(), buffer);
    let inner = inside(area);
    let see = app.see(app.ui().focus);
    let about = match (app.worst_selected(), app.selection()) {
        (Some(probe), _) => Some(why::About::Probe(probe)),
        (None, Some(Selection::List(list))) => Some(why::About::List(list)),
        _ => None,
    };
    let lines = match about {
        Some(about) => why::lines(&see, &about, usize::from(inner.width)),
        None => vec![Line::styled("nothing is read about this row", app.theme().dim)],
    };
    for (line, row) in lines.iter().zip(inner.rows()) {
        text::put(buffer, row, line, Marks::of(app.theme()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Style;

    #[test]
    fn what_clings_to_a_letter_goes_and_the_next_one_stays_where_it_was() {
        for (text, shown) in [("a \u{e0041}\u{e0042}|", "a |"), ("a\u{200f}|", "a|"), ("漢\u{e0041}|", "漢|")] {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
            let (end, _) = buffer.set_stringn(0, 0, text, 6, Style::new());
            sweep(&mut buffer);
            let cells: String = buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect();
            assert_eq!(cells.replace("漢 ", "漢").trim_end(), shown);
            assert_eq!(buffer[(end - 1, 0)].symbol(), "|");
        }
    }
}
