//! The list as it is drawn: a row to whatever needs attention, its sentence to the end where
//! there is room, and its consequences folded under it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::humanize;
use crate::domain::report::{Attention, Subject};
use crate::tui::pane::{Snapshot, rows};
use crate::tui::widget::grid::{Cells, Column, Grid};
use crate::tui::widget::list::{self, Window};
use crate::tui::widget::mark::Marks;
use crate::tui::widget::{age, tally, text};

use super::{Listed, calm};

const COLUMNS: [Column; 7] = [
    Column::right("").rank(5),
    Column::left(""),
    Column::left("").rank(6),
    Column::left("").at_most(24),
    Column::left("").grows(26).rank(1),
    Column::right("").rank(2),
    Column::right("").rank(4),
];

/// From this width on a row says of what kind its target is.
const ROOM_FOR_KINDS: u16 = 96;

/// Which of the columns is the sentence.
const SENTENCE: usize = 4;
/// No sentence takes more lines than this from the others.
const MOST_LINES: usize = 3;

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Drawn {
    /// With what is said in it when that is less than the whole sentence.
    Row(usize, Option<String>),
    /// The rest of that row's sentence, line by line.
    Rest(usize, String),
    /// The consequences of that row.
    Folded(usize),
}

/// The lines of the list: every sentence to its end where `room` is enough for that, or else a
/// line to a sentence.
pub(super) fn fitting(see: &Snapshot<'_>, listed: &Listed<'_>, width: u16, room: usize) -> Vec<Drawn> {
    wrapped(see, listed, width, room).unwrap_or_else(|| cut(listed))
}

/// A line to a sentence.
fn cut(listed: &Listed<'_>) -> Vec<Drawn> {
    let lines = listed.rows.iter().enumerate().flat_map(|(index, row)| {
        let folded = (!row.folded.is_empty()).then_some(Drawn::Folded(index));
        std::iter::once(Drawn::Row(index, None)).chain(folded)
    });
    lines.collect()
}

/// The lines of the list with every sentence to its end, when no more than `room` of them are
/// needed for that.
fn wrapped(see: &Snapshot<'_>, listed: &Listed<'_>, width: u16, room: usize) -> Option<Vec<Drawn>> {
    if listed.rows.len() > room {
        return None;
    }
    let cells: Vec<Cells<'_>> = listed.rows.iter().enumerate().map(|(index, row)| cells(see, index, row)).collect();
    let grid = Grid::of(&COLUMNS, &cells, width, false);
    let sentence = grid.cell(SENTENCE, Rect::new(0, 0, width, 1))?;
    let under = usize::from(width - sentence.x);
    let lines = listed.rows.iter().enumerate().flat_map(|(index, row)| {
        let first = text::wrap(&row.text, usize::from(sentence.width), 2).into_iter().next().unwrap_or_default();
        let rest = row.text.strip_prefix(&*first).unwrap_or_default().trim_start();
        let rest = text::wrap(rest, under, MOST_LINES - 1).into_iter().map(move |line| Drawn::Rest(index, line));
        let folded = (!row.folded.is_empty()).then_some(Drawn::Folded(index));
        std::iter::once(Drawn::Row(index, Some(first))).chain(rest).chain(folded)
    });
    let lines: Vec<Drawn> = lines.take(room + 1).collect();
    (lines.len() <= room).then_some(lines)
}

pub(super) fn window(drawn: &[Drawn], at: usize, area: Rect) -> Window {
    let cursor = drawn.iter().position(|line| matches!(line, Drawn::Row(index, _) if *index == at)).unwrap_or(0);
    Window::on(drawn.len(), cursor, area.height)
}

/// Draws what of `drawn` there is room for, the row at `at` among it, and says what is beyond.
pub(super) fn draw(
    see: &Snapshot<'_>,
    listed: &Listed<'_>,
    drawn: &[Drawn],
    at: usize,
    area: Rect,
    buffer: &mut Buffer,
) {
    let marks = Marks::of(see.theme);
    let window = window(drawn, at, area);
    let shown = &drawn[window.shown.clone()];
    let measured = window.measured(drawn.len());
    let cells: Vec<Cells<'_>> = drawn[measured.clone()]
        .iter()
        .map(|line| match line {
            Drawn::Row(index, _) => cells(see, *index, &listed.rows[*index]),
            Drawn::Rest(..) | Drawn::Folded(_) => Cells::new(),
        })
        .collect();
    let grid = Grid::of(&COLUMNS, &cells, list::body(area).width, false);
    let mut lines = text::rows(area);
    for ((line, cells), row) in shown.iter().zip(&cells[window.shown.start - measured.start..]).zip(lines.by_ref()) {
        match line {
            Drawn::Row(index, said) => {
                match said {
                    Some(said) => grid.draw(buffer, list::body(row), &saying(cells, said), marks),
                    None => grid.draw(buffer, list::body(row), cells, marks),
                }
                if *index == at {
                    list::select(buffer, row, see.focused, see.theme);
                }
            }
            Drawn::Rest(index, said) => {
                let cells = self::cells(see, *index, &listed.rows[*index]);
                if let Some(place) = grid.cell(SENTENCE, list::body(row)) {
                    let place = Rect { width: row.right() - place.x, ..place };
                    text::put(buffer, place, &saying(&cells, said)[SENTENCE], marks);
                }
            }
            Drawn::Folded(index) => {
                let names: Vec<&str> = listed.rows[*index].folded.iter().map(|one| one.id.as_str()).collect();
                let line = format!("{} because of it: {}", marks.branch, names.join(", "));
                // Under the name of its cause.
                let place =
                    grid.cell(3, list::body(row)).map_or(row, |cell| Rect { width: row.right() - cell.x, ..cell });
                text::put(buffer, place, &text::styled(line, see.theme.dim), marks);
            }
        }
    }
    let Some(row) = lines.next() else { return };
    if window.tells {
        let rows = |lines: &[Drawn]| lines.iter().filter(|line| matches!(line, Drawn::Row(..))).count();
        let mut says = list::beyond(rows(&drawn[..window.shown.start]), rows(&drawn[window.shown.end..]));
        let below = drawn[window.shown.end..].iter().filter_map(|line| match line {
            Drawn::Row(index, _) => Some(listed.rows[*index].status),
            Drawn::Rest(..) | Drawn::Folded(_) => None,
        });
        let below = tally::line(below, see.theme).to_string();
        if !below.is_empty() {
            says = format!("{says}: {below}");
        }
        list::tell(buffer, row, says, see.theme);
    } else if listed.waiting > 0 {
        list::tell(buffer, row, calm::waiting(listed.waiting, see), see.theme);
    }
}

/// The same row with a part of its sentence.
fn saying<'a>(cells: &[Line<'a>], said: &'a str) -> Cells<'a> {
    let mut cells = cells.to_vec();
    let style = cells[SENTENCE].spans.first().map_or(Style::new(), |span| span.style);
    cells[SENTENCE] = text::styled(said, style);
    cells
}

fn cells<'a>(see: &Snapshot<'_>, index: usize, row: &Attention<'a>) -> Cells<'a> {
    let theme = see.theme;
    let (kind, name) = match row.subject {
        Subject::Probe(one) if one.id.kind() == one.id.as_str() => ("", one.id.kind()),
        Subject::Probe(one) => (one.id.kind(), one.id.name()),
        Subject::Checklist(list) => ("checklist", list.id.as_str()),
    };
    // What is wrong is worth more than what kind of thing it is; the name and the rule below tell.
    let kind = if see.columns < ROOM_FOR_KINDS { "" } else { kind };
    let since = row.since.map_or_else(String::new, |at| humanize::clock(at, see.now, see.zone));
    let (style, age) = match row.subject {
        Subject::Probe(one) => (age::fresh(one, theme.text, theme), age::cell(one, theme)),
        Subject::Checklist(_) => (theme.text, Span::raw("")),
    };
    vec![
        text::styled((index + 1).to_string(), theme.dim),
        rows::status(row.status, theme).into(),
        text::styled(kind, theme.dim),
        text::styled(name, theme.text),
        text::styled(row.text.clone(), style),
        text::styled(since, theme.dim),
        age.into(),
    ]
}
