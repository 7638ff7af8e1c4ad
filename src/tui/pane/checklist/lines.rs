//! The lines of the lists: which there are, and how each of them looks.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::elsewhere;
use crate::domain::checklist::{ItemState, ItemView, ListView};
use crate::domain::humanize;
use crate::domain::status::Status;
use crate::tui::pane::{Snapshot, rows};
use crate::tui::theme::Theme;
use crate::tui::widget::grid::{Cells, Column, Grid};
use crate::tui::widget::list::{self, Window};
use crate::tui::widget::mark::Marks;
use crate::tui::widget::text;

const COLUMNS: [Column; 4] = [
    Column::right("").rank(2),
    Column::left(""),
    Column::left("").at_most(60).at_least(20),
    Column::right("").grows(14).rank(1),
];

/// A drawn line, in the order of the screen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Drawn<'a> {
    Heading(&'a ListView),
    Item(&'a ListView, &'a ItemView),
    /// What speaks for the item above, or against it, where that is too long to stand beside it.
    Evidence(&'a ListView, &'a ItemView),
    /// So many items of this list that need nothing more are not shown.
    More(usize),
}

impl<'a> Drawn<'a> {
    /// The item whose line this is.
    pub(super) fn item(self) -> Option<(&'a ListView, &'a ItemView)> {
        match self {
            Drawn::Item(list, item) => Some((list, item)),
            _ => None,
        }
    }

    /// The item this line belongs to.
    pub(super) fn about(self) -> Option<(&'a ListView, &'a ItemView)> {
        match self {
            Drawn::Item(list, item) | Drawn::Evidence(list, item) => Some((list, item)),
            Drawn::Heading(_) | Drawn::More(_) => None,
        }
    }
}

fn is_finished(item: &ItemView) -> bool {
    matches!(item.state, ItemState::Done | ItemState::Skipped)
}

/// All lines. Where they do not fit and the pane is not zoomed, finished items are counted
/// instead of listed.
pub(super) fn drawn<'a>(see: &Snapshot<'a>) -> Vec<Drawn<'a>> {
    let lists = &see.report.checklists;
    let lines = lists.iter().map(|list| 1 + list.items.len()).sum::<usize>();
    let mut drawn = Vec::new();
    let short = !see.zoomed && lines + usize::from(elsewhere(see)) > usize::from(see.rows);
    for list in lists {
        let found =
            |item: &&ItemView| rows::matches(see.filter, [item.text.as_str(), &item.evidence, item.state.word()]);
        drawn.push(Drawn::Heading(list));
        let items = list.items.iter().filter(found);
        let listed = items.clone().filter(|item| !(short && is_finished(item)));
        drawn.extend(listed.map(|item| Drawn::Item(list, item)));
        let finished = items.filter(|item| short && is_finished(item)).count();
        if finished > 0 {
            drawn.push(Drawn::More(finished));
        }
    }
    apart(see, drawn)
}

/// The cells of a line that are neither an item's text nor its evidence.
const AROUND: usize = 12;

/// The same lines with the evidence under its item wherever both do not fit into one, when there
/// are rows for all of it.
fn apart<'a>(see: &Snapshot<'a>, drawn: Vec<Drawn<'a>>) -> Vec<Drawn<'a>> {
    let rows = usize::from(see.rows).saturating_sub(usize::from(elsewhere(see)));
    let is_cut = |list: &ListView, item: &ItemView| {
        let evidence = evidence(see, list, item);
        text::width(&item.text) + text::line_width(&evidence) + AROUND > usize::from(see.columns)
    };
    let cut = |line: &&Drawn<'a>| line.item().is_some_and(|(list, item)| is_cut(list, item));
    // Too many to be looked at one by one have no room either.
    if drawn.len() >= rows || drawn.len() + drawn.iter().filter(cut).count() > rows {
        return drawn;
    }
    let under = |line: Drawn<'a>| {
        let (list, item) = line.item().filter(|(list, item)| is_cut(list, item))?;
        Some(Drawn::Evidence(list, item))
    };
    drawn.into_iter().flat_map(|line| std::iter::once(line).chain(under(line))).collect()
}

pub(super) fn draw_lines(
    see: &Snapshot<'_>,
    drawn: &[Drawn<'_>],
    window: &Window,
    at: usize,
    area: Rect,
    buffer: &mut Buffer,
) {
    let (marks, theme) = (Marks::of(see.theme), see.theme);
    let shown = &drawn[window.shown.clone()];
    let measured = window.measured(drawn.len());
    let cells: Vec<Cells<'_>> = drawn[measured.clone()]
        .iter()
        .zip(drawn[measured.clone()].iter().skip(1).map(Some).chain([None]))
        .map(|(line, next)| {
            let Some((list, item)) = line.item() else { return Cells::new() };
            cells(see, list, item, matches!(next, Some(Drawn::Evidence(..))))
        })
        .collect();
    let grid = Grid::of(&COLUMNS, &cells, list::body(area).width, false);
    let mut lines = text::rows(area);
    for (((index, line), cells), row) in
        (window.shown.start..).zip(shown).zip(&cells[window.shown.start - measured.start..]).zip(lines.by_ref())
    {
        match line {
            Drawn::Heading(list) => heading(see, list, row, buffer),
            Drawn::Item(..) => {
                grid.draw(buffer, list::body(row), cells, marks);
                // What it says has the room of an evidence that stands apart.
                if let [_, _, says, evidence] = &cells[..]
                    && evidence.spans.is_empty()
                {
                    text::put(buffer, from(&grid, 2, row), says, marks);
                }
                if index == at {
                    list::select(buffer, row, see.focused, theme);
                }
            }
            Drawn::Evidence(list, item) => {
                text::put(buffer, from(&grid, 2, row), &evidence(see, list, item), marks);
            }
            Drawn::More(count) => {
                let says = format!("{} {count} more done", theme.glyph(Status::Ok));
                text::put(buffer, from(&grid, 1, row), &text::styled(says, theme.dim), marks);
            }
        }
    }
    if let Some(row) = lines.next().filter(|_| window.tells) {
        let items = |lines: &[Drawn<'_>]| lines.iter().filter(|line| line.item().is_some()).count();
        let (above, below) = (items(&drawn[..window.shown.start]), items(&drawn[window.shown.end..]));
        let says = match drawn.first() {
            Some(Drawn::Heading(list)) if above + below == 0 => format!("of {}", list.title),
            _ => list::beyond(above, below),
        };
        list::tell(buffer, row, says, theme);
    }
}

/// From a column to the end of its row.
fn from(grid: &Grid<'_>, column: usize, row: Rect) -> Rect {
    grid.cell(column, list::body(row)).map_or(row, |cell| Rect { width: row.right() - cell.x, ..cell })
}

/// `Daily · 2026-03-02` and, at the right, how far it is and until when.
fn heading(see: &Snapshot<'_>, list: &ListView, row: Rect, buffer: &mut Buffer) {
    let marks = Marks::of(see.theme);
    let (says, style) = signature(see, list);
    let mut right = Vec::new();
    // Of a single list the caption of the pane already tells.
    if see.report.checklists.len() > 1 {
        right.push(Span::styled(format!("{}/{}  ", list.done(), list.items.len()), see.theme.text));
    }
    right.push(Span::styled(says, style));
    let right = Line::from(right);
    let mut left = Line::styled(list.title.clone(), see.theme.title);
    // Half a date says nothing.
    let period = Span::styled(format!("  {}", list.period.key), see.theme.dim);
    if text::line_width(&left) + period.width() + text::line_width(&right) + 3 <= usize::from(row.width) {
        left.push_span(period.style(Style::reset().patch(see.theme.dim)));
    }
    let row = Rect { x: row.x + 1.min(row.width), width: row.width.saturating_sub(1), ..row };
    text::put_both(buffer, row, &left, &right, marks);
}

/// Whether a list is signed, or until when it wants to be.
pub(super) fn signature(see: &Snapshot<'_>, list: &ListView) -> (String, Style) {
    let clock = |at| humanize::clock(at, see.now, see.zone);
    match (&list.signed, list.sign_by, list.due) {
        (Some(signature), ..) => {
            let exceptions = if signature.exceptions.is_empty() { "" } else { ", with exceptions" };
            (format!("signed {} by {}{exceptions}", clock(signature.at), signature.operator), see.theme.ok)
        }
        (None, Some(by), _) if list.overdue => {
            (format!("{} unsigned, was due {}", see.theme.glyph(Status::Warning), clock(by)), see.theme.warning)
        }
        (None, Some(by), _) => (format!("sign by {}", clock(by)), see.theme.dim),
        (None, None, Some(due)) => (format!("due {}", clock(due)), see.theme.dim),
        (None, None, None) => ("not signed".to_owned(), see.theme.dim),
    }
}

/// The columns of an item; its evidence may stand `apart`.
fn cells<'a>(see: &Snapshot<'_>, list: &ListView, item: &'a ItemView, apart: bool) -> Cells<'a> {
    let theme = see.theme;
    let (sign, style) = sign(item.state, theme);
    vec![
        text::styled(item.number.to_string(), theme.dim),
        text::styled(sign, style),
        text::styled(item.text.as_str(), if is_finished(item) { theme.dim } else { theme.text }),
        if apart { Line::default() } else { evidence(see, list, item) },
    ]
}

/// What speaks for an item or against it, and whether somebody has to look.
fn evidence<'a>(see: &Snapshot<'_>, list: &ListView, item: &'a ItemView) -> Line<'a> {
    let theme = see.theme;
    let yours = item.state == ItemState::Open && item.form != "auto" && list.signed.is_none();
    let mut spans = Vec::new();
    if yours {
        spans.push(Span::styled("you", theme.accent));
    }
    if item.state == ItemState::Regressed {
        spans.push(Span::styled("since signed", theme.warning));
    }
    if !item.evidence.is_empty() {
        if !spans.is_empty() {
            spans.push(Span::styled(": ", theme.dim));
        }
        let loud = matches!(item.state, ItemState::Failed | ItemState::Regressed);
        let style = if loud { sign(item.state, theme).1 } else { theme.dim };
        spans.push(Span::styled(item.evidence.as_str(), style));
    }
    Line::from(spans)
}

/// The box in front of an item.
fn sign(state: ItemState, theme: &Theme) -> (&'static str, Style) {
    match state {
        ItemState::Done => ("[x]", theme.ok),
        ItemState::Open => ("[ ]", theme.text),
        ItemState::Failed => ("[!]", theme.critical),
        ItemState::Skipped => ("[-]", theme.dim),
        ItemState::Regressed => ("[~]", theme.warning),
    }
}
