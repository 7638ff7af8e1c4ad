//! Backups: six answers for each, and, zoomed, every file of the one the cursor is on with what
//! becomes of it.

mod answers;
mod detail;
mod files;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::backup::{Backup, Catalogue, Decision};
use crate::domain::board::Assessment;
use crate::domain::humanize;
use crate::domain::observation::{Detail, ProbeId};
use crate::domain::report::Report;
use crate::domain::sanitize;
use crate::domain::time::{Timestamp, seconds_between};
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::pane::cursor::Cursor;
use crate::tui::pane::{Pane, Request, Selection, Snapshot, rows, why};
use crate::tui::widget::grid::{Cells, Column, Grid};
use crate::tui::widget::list::{self, Window};
use crate::tui::widget::mark::Marks;
use crate::tui::widget::table::{Part, Table};
use crate::tui::widget::under::{self, Explanation};
use crate::tui::widget::{age, empty, tally, text};

/// The backups.
#[derive(Debug, Default)]
pub struct Backups {
    cursor: Cursor<RowKey>,
}

pub fn pane() -> Box<dyn Pane> {
    Box::<Backups>::default()
}

/// A backup, or one of its files by the time it was taken.
type RowKey = (ProbeId, Option<Timestamp>);

const COLUMNS: [Column; 13] = [
    Column::left(""),
    Column::left("BACKUP").at_most(24).at_least(16),
    Column::left("FRESH"),
    Column::left("COMPLETE").rank(6),
    Column::left("VERIFIED").rank(2),
    Column::left("DRILLED").rank(3),
    Column::left("RETAINED").at_most(24).rank(5),
    Column::left("COPIED").rank(4),
    Column::right("SIZE").rank(7),
    Column::right("CHANGE").rank(9),
    Column::left("FILES").rank(8),
    Column::left("").grows(0),
    Column::right("AGE").rank(1),
];
const NAME: usize = 1;
/// How far files stand in from their backup.
const INDENT: u16 = 4;

/// One drawn line.
#[derive(Clone, Copy, Debug)]
enum Drawn<'a> {
    Backup(&'a Assessment),
    /// What is wrong with it.
    Note(&'a Assessment),
    /// The answers that the columns have no room for: the first three, or the others.
    Answers(&'a Assessment, usize),
    Titles,
    File(&'a Assessment, &'a Backup, usize),
    Debris(&'a std::path::Path),
}

impl<'a> Drawn<'a> {
    fn key(self) -> Option<RowKey> {
        match self {
            Drawn::Backup(one) => Some((one.id.clone(), None)),
            Drawn::File(one, file, _) => Some((one.id.clone(), Some(file.taken_at))),
            _ => None,
        }
    }

    fn probe(self) -> Option<&'a Assessment> {
        match self {
            Drawn::Backup(one) | Drawn::File(one, ..) => Some(one),
            _ => None,
        }
    }
}

fn catalogue<'a>(see: &Snapshot<'a>, one: &Assessment) -> Option<&'a Catalogue> {
    match see.board.detail(&one.id)? {
        Detail::Backups(catalogue) => Some(catalogue),
        _ => None,
    }
}

/// The six answers, and what they rest on.
pub(super) fn evidence(see: &Snapshot<'_>, one: &Assessment, room: u16) -> Vec<Line<'static>> {
    detail::lines(see, one, catalogue(see, one), room)
}

impl Backups {
    /// Every line there is; where the pane has the whole screen, with the files of the backup the
    /// cursor is on.
    fn drawn<'a>(&self, see: &Snapshot<'a>) -> Vec<Drawn<'a>> {
        let all = rows::of_kind(see, "backup");
        let notes = all.iter().filter(|one| !one.findings.is_empty()).count();
        // Two more lines for each, where the columns are narrow and the rows are there.
        let answers = !see.zoomed && see.columns < 90 && all.len() * 3 + notes <= usize::from(see.rows);
        let open = self.cursor.key().map(|(probe, _)| probe.clone());
        let open = open.filter(|open| all.iter().any(|one| one.id == *open)).or(all.first().map(|one| one.id.clone()));
        let mut drawn = Vec::new();
        for one in all {
            drawn.push(Drawn::Backup(one));
            if !one.findings.is_empty() && !see.zoomed {
                drawn.push(Drawn::Note(one));
            }
            if answers {
                drawn.extend([Drawn::Answers(one, 0), Drawn::Answers(one, 3)]);
            }
            let shows_files = see.zoomed && open.as_ref() == Some(&one.id);
            let Some(catalogue) = catalogue(see, one).filter(|_| shows_files) else { continue };
            if !catalogue.files.is_empty() {
                drawn.push(Drawn::Titles);
            }
            drawn.extend(catalogue.files.iter().enumerate().map(|(index, file)| Drawn::File(one, file, index)));
            drawn.extend(catalogue.debris.iter().map(|path| Drawn::Debris(path)));
        }
        drawn
    }

    /// The line the cursor is on.
    fn line(&self, drawn: &[Drawn<'_>]) -> Option<usize> {
        let at = self.cursor.place(&keys(drawn))?;
        let rows = drawn.iter().enumerate().filter(|(_, line)| line.probe().is_some());
        rows.map(|(line, _)| line).nth(at)
    }

    /// The backup the cursor is on, or on a file of.
    fn on<'a>(&self, drawn: &[Drawn<'a>]) -> Option<&'a Assessment> {
        drawn[self.line(drawn)?].probe()
    }

    fn table<'a>(&self, see: &Snapshot<'a>, drawn: &[Drawn<'_>]) -> Table<'a> {
        let cursor = self.line(drawn).unwrap_or(0);
        let titled = see.zoomed;
        Table { columns: &COLUMNS, titled, lines: drawn.len(), cursor, focused: see.focused, theme: see.theme }
    }

    /// The list's part of the area, and what stands under it.
    fn split(
        &self,
        see: &Snapshot<'_>,
        drawn: &[Drawn<'_>],
        one: &Assessment,
        area: Rect,
    ) -> (Rect, Rect, Explanation) {
        if !see.zoomed {
            return (area, Rect::ZERO, Explanation::default());
        }
        let acts = [Command::Backup, Command::Verify];
        let mut explanation = why::explain(see, one, &acts, area.width);
        explanation.body = evidence(see, one, area.width);
        explanation.body.extend(why::untold(see, one, answers::tells, area.width));
        let (above, below) = under::split(area, self.table(see, drawn).height(), explanation.rows());
        (above, below, explanation)
    }
}

fn keys(drawn: &[Drawn<'_>]) -> Vec<RowKey> {
    drawn.iter().filter_map(|line| line.key()).collect()
}

impl Pane for Backups {
    fn title(&self) -> &'static str {
        "Backups"
    }

    fn context(&self) -> Context {
        Context::Backups
    }

    fn caption(&self, see: &Snapshot<'_>) -> Line<'static> {
        let all: Vec<_> = rows::of_kind(see, "backup").iter().map(|one| one.status).collect();
        tally::fitted(all, see.columns / 2, see.theme)
    }

    fn summary(&self, see: &Snapshot<'_>) -> Line<'static> {
        let all = rows::of_kind(see, "backup");
        if all.is_empty() {
            return text::styled("no backup", see.theme.dim);
        }
        rows::summary(see, &all, |one| match catalogue(see, one).and_then(|files| files.newest(see.now)) {
            Some(newest) => {
                let old = humanize::seconds(seconds_between(newest.taken_at, see.now));
                format!("{old} old, {}", newest.size())
            }
            None => rows::finding(one).to_owned(),
        })
    }

    fn wants(&self, report: &Report) -> Option<u16> {
        // What is wrong, and the six answers in two lines.
        Some(rows::count(report, "backup").saturating_mul(4))
    }

    fn selected(&self, see: &Snapshot<'_>) -> Option<Selection> {
        Some(Selection::Probe(self.on(&self.drawn(see))?.id.clone()))
    }

    fn update(&mut self, see: &Snapshot<'_>, command: Command) -> Option<Request> {
        let drawn = self.drawn(see);
        if self.cursor.follow(command, &keys(&drawn), see.rows) {
            return None;
        }
        rows::request(self.on(&drawn)?, command)
    }

    fn click(&mut self, see: &Snapshot<'_>, row: u16) {
        let drawn = self.drawn(see);
        let Some(one) = self.on(&drawn) else { return };
        let (above, ..) = self.split(see, &drawn, one, rows::inner(see));
        if let Some(key) = self.table(see, &drawn).line_at(above, row).and_then(|line| drawn[line].key()) {
            self.cursor.go(&[key], 0);
        }
    }

    fn draw(&self, see: &Snapshot<'_>, area: Rect, buffer: &mut Buffer) {
        let drawn = self.drawn(see);
        let Some(one) = self.on(&drawn) else {
            let says = rows::nothing_matches(see).unwrap_or_else(|| "No backup is configured.".to_owned());
            let more = "A [[backup]] says which files are backups, how often one is due and how old it may be.";
            return empty::draw(buffer, area, &[&says, more], see.theme);
        };
        let (above, below, explanation) = self.split(see, &drawn, one, area);
        self.draw_list(see, &drawn, above, buffer);
        explanation.draw(buffer, below, see.theme);
    }
}

impl Backups {
    fn draw_list(&self, see: &Snapshot<'_>, drawn: &[Drawn<'_>], area: Rect, buffer: &mut Buffer) {
        let (theme, marks) = (see.theme, Marks::of(see.theme));
        let table = self.table(see, drawn);
        let indented = |row: Rect| {
            let by = INDENT.min(row.width);
            Rect { x: row.x + by, width: row.width - by, ..row }
        };
        let open = drawn.iter().find_map(|line| if let Drawn::File(one, ..) = line { Some(*one) } else { None });
        let kept = open.and_then(|one| answers::retention(see, one, catalogue(see, one)));
        let decided = |index: usize| kept.as_ref().and_then(|kept| kept.files.get(index));
        let shown: Vec<Cells<'_>> = drawn[table.window(area).measured(drawn.len())]
            .iter()
            .filter_map(|line| file_cells(see, line, decided))
            .collect();
        let files = Grid::of(&files::COLUMNS, &shown, indented(list::body(area)).width, true);
        let row = |line: usize| match drawn[line] {
            Drawn::Backup(one) => cells(see, one),
            _ => Cells::new(),
        };
        let beyond = |window: &Window| {
            let rows = |lines: &[Drawn<'_>]| lines.iter().filter(|line| line.probe().is_some()).count();
            list::beyond(rows(&drawn[..window.shown.start]), rows(&drawn[window.shown.end..]))
        };
        table.draw(buffer, area, row, beyond, |part, grid, row, buffer| {
            let Part::Line(line) = part else { return };
            let name = grid.cell(NAME, row).unwrap_or(row);
            match &drawn[line] {
                Drawn::Backup(_) => {}
                Drawn::Note(one) => rows::draw_note(buffer, see, one, name, row),
                Drawn::Answers(one, from) => {
                    let place = Rect { width: row.right().saturating_sub(name.x), ..name };
                    text::put(buffer, place, &few(see, one, *from), marks);
                }
                Drawn::Titles => files.draw_titles(buffer, indented(row), theme.dim, marks),
                Drawn::File(..) => {
                    if let Some(cells) = file_cells(see, &drawn[line], decided) {
                        files.draw(buffer, indented(row), &cells, marks);
                    }
                }
                Drawn::Debris(path) => {
                    let name = path.file_name().map(|name| sanitize::bytes(name.as_encoded_bytes()));
                    let says = format!("left over from an interrupted copy: {}", name.unwrap_or_default());
                    text::put(buffer, indented(row), &text::styled(says, theme.warning), marks);
                }
            }
        });
    }
}

fn file_cells<'d>(
    see: &Snapshot<'_>,
    line: &Drawn<'_>,
    decided: impl Fn(usize) -> Option<&'d Decision>,
) -> Option<Cells<'static>> {
    match line {
        Drawn::File(_, file, index) => Some(files::cells(see, file, decided(*index))),
        _ => None,
    }
}

fn cells<'a>(see: &Snapshot<'_>, one: &'a Assessment) -> Cells<'a> {
    let theme = see.theme;
    let catalogue = catalogue(see, one);
    let answers = answers::answers(see, one, catalogue);
    let [fresh, complete, verified, drilled, retained, copied] = &answers;
    let answer = |answer: &answers::Answer| {
        let says = format!("{} {}", theme.glyph(answer.status), answer.short);
        text::styled(says.trim_end().to_owned(), age::fresh(one, detail::look(answer, theme), theme))
    };
    // Without a title above it such a cell says nothing.
    let titled = |one: &answers::Answer| if see.zoomed { answer(one) } else { Line::default() };
    let newest = catalogue.and_then(|catalogue| catalogue.newest(see.now));
    let size = newest.map_or_else(String::new, crate::domain::backup::Backup::size);
    let change = catalogue.and_then(|catalogue| catalogue.size_change(see.now));
    let files = catalogue.map_or_else(String::new, |all| humanize::count(all.usable(see.now).count(), "file"));
    let quiet = age::fresh(one, theme.dim, theme);
    vec![
        rows::status(one.status, theme).into(),
        text::styled(one.id.name(), theme.text),
        if one.waiting { text::styled("waiting", theme.dim) } else { answer(fresh) },
        titled(complete),
        titled(verified),
        titled(drilled),
        titled(retained),
        titled(copied),
        text::styled(size, age::fresh(one, theme.text, theme)),
        text::styled(change.map_or_else(String::new, |change| format!("{change:+.0} %")), quiet),
        text::styled(files, quiet),
        Line::default(),
        age::cell(one, theme).into(),
    ]
}

/// Three of the answers in one line: `✓ fresh  ✓ complete  ? verified`.
fn few(see: &Snapshot<'_>, one: &Assessment, from: usize) -> Line<'static> {
    let theme = see.theme;
    let answers = answers::answers(see, one, catalogue(see, one));
    let spans = answers.iter().skip(from).take(3).enumerate().map(|(index, answer)| {
        let gap = if index == 0 { "" } else { " " };
        let look = age::fresh(one, detail::look(answer, theme), theme);
        Span::styled(format!("{gap}{} {}", theme.glyph(answer.status), answer.word), look)
    });
    spans.collect()
}
