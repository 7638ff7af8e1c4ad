//! Backups: how old, how large, how long proven; and, zoomed, every file that is there.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::backup::{Backup, BackupState, Catalogue};
use crate::domain::board::Assessment;
use crate::domain::humanize;
use crate::domain::observation::{Detail, ProbeId};
use crate::domain::sanitize;
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, seconds_between};
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::pane::cursor::Cursor;
use crate::tui::pane::{Pane, Request, Selection, Snapshot, rows, why};
use crate::tui::widget::grid::{Cells, Column, Grid};
use crate::tui::widget::list::{self, Window};
use crate::tui::widget::mark::Marks;
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

const COLUMNS: [Column; 10] = [
    Column::left(""),
    Column::left("BACKUP").at_most(24).at_least(16),
    Column::right("NEWEST"),
    Column::right("SIZE").rank(1),
    Column::right("CHANGE").rank(6),
    Column::left("PROVEN").rank(3),
    Column::left("FILES").rank(5),
    Column::left("RPO").rank(4),
    Column::left("").grows(0),
    Column::right("AGE").rank(2),
];
const NAME: usize = 1;

const FILE_COLUMNS: [Column; 6] = [
    Column::left("TAKEN"),
    Column::right("OLD"),
    Column::right("SIZE").rank(1),
    Column::left("SHA-256").rank(3),
    Column::left("PROVEN").rank(2),
    Column::left("STATE").grows(10),
];
/// How far files stand in from their backup.
const INDENT: u16 = 4;

/// One drawn line.
#[derive(Clone, Copy, Debug)]
enum Drawn<'a> {
    Backup(&'a Assessment),
    /// What is wrong with it.
    Note(&'a Assessment),
    /// What the columns had no room for.
    Facts(&'a Assessment),
    Titles,
    File(&'a Assessment, &'a Backup),
    Debris(&'a std::path::Path),
}

impl<'a> Drawn<'a> {
    fn key(self) -> Option<RowKey> {
        match self {
            Drawn::Backup(one) => Some((one.id.clone(), None)),
            Drawn::File(one, file) => Some((one.id.clone(), Some(file.taken_at))),
            _ => None,
        }
    }

    fn probe(self) -> Option<&'a Assessment> {
        match self {
            Drawn::Backup(one) | Drawn::File(one, _) => Some(one),
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

fn drawn<'a>(see: &Snapshot<'a>) -> Vec<Drawn<'a>> {
    let all = rows::of_kind(see, "backup");
    let notes = all.iter().filter(|one| !one.findings.is_empty()).count();
    // A second line for each, where the columns are narrow and the rows are there.
    let facts = !see.zoomed && see.columns < 70 && all.len() * 2 + notes <= usize::from(see.rows);
    let mut drawn = Vec::new();
    for one in all {
        drawn.push(Drawn::Backup(one));
        if !one.findings.is_empty() && !see.zoomed {
            drawn.push(Drawn::Note(one));
        }
        if facts {
            drawn.push(Drawn::Facts(one));
        }
        let Some(catalogue) = catalogue(see, one).filter(|_| see.zoomed) else { continue };
        if !catalogue.files.is_empty() {
            drawn.push(Drawn::Titles);
        }
        drawn.extend(catalogue.files.iter().map(|file| Drawn::File(one, file)));
        drawn.extend(catalogue.debris.iter().map(|path| Drawn::Debris(path)));
    }
    drawn
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
                format!("{old} old, {}", humanize::bytes(newest.size_bytes as f64))
            }
            None => rows::finding(one).to_owned(),
        })
    }

    fn selected(&self, see: &Snapshot<'_>) -> Option<Selection> {
        Some(Selection::Probe(self.on(&drawn(see))?.id.clone()))
    }

    fn update(&mut self, see: &Snapshot<'_>, command: Command) -> Option<Request> {
        let drawn = drawn(see);
        if self.cursor.follow(command, &keys(&drawn), see.rows) {
            return None;
        }
        rows::request(self.on(&drawn)?, command)
    }

    fn click(&mut self, see: &Snapshot<'_>, row: u16) {
        let drawn = drawn(see);
        let Some(one) = self.on(&drawn) else { return };
        let (above, ..) = split(see, &drawn, one, rows::inner(see));
        let window = Window::on(drawn.len(), self.line(&drawn).unwrap_or(0), above.height);
        if let Some(key) = window.line_at(row, 0).and_then(|line| drawn[line].key()) {
            self.cursor.go(&[key], 0);
        }
    }

    fn draw(&self, see: &Snapshot<'_>, area: Rect, buffer: &mut Buffer) {
        let drawn = drawn(see);
        let Some(one) = self.on(&drawn) else {
            let says = rows::nothing_matches(see).unwrap_or_else(|| "No backup is configured.".to_owned());
            let more = "A [[backup]] says which files are backups, how often one is due and how old it may be.";
            return empty::draw(buffer, area, &[&says, more], see.theme);
        };
        let (above, below, explanation) = split(see, &drawn, one, area);
        self.draw_list(see, &drawn, above, buffer);
        explanation.draw(buffer, below, see.theme);
    }
}

/// The list's part of the area, and what stands under it.
fn split(see: &Snapshot<'_>, drawn: &[Drawn<'_>], one: &Assessment, area: Rect) -> (Rect, Rect, Explanation) {
    if !see.zoomed {
        return (area, Rect::ZERO, Explanation::default());
    }
    let explanation = why::explain(see, one, &[Command::Backup, Command::Verify], area.width);
    let (above, below) = under::split(area, drawn.len(), explanation.rows());
    (above, below, explanation)
}

impl Backups {
    /// The line the cursor is on.
    fn line(&self, drawn: &[Drawn<'_>]) -> Option<usize> {
        let at = self.cursor.place(&keys(drawn))?;
        let rows = drawn.iter().enumerate().filter(|(_, line)| line.probe().is_some());
        rows.map(|(line, _)| line).nth(at)
    }

    /// The backup the cursor is on, or on a file of.
    fn on<'a>(&self, drawn: &[Drawn<'a>]) -> Option<&'a Assessment> {
        let at = self.cursor.place(&keys(drawn))?;
        drawn.iter().filter_map(|line| line.probe()).nth(at)
    }

    fn draw_list(&self, see: &Snapshot<'_>, drawn: &[Drawn<'_>], area: Rect, buffer: &mut Buffer) {
        let (theme, marks) = (see.theme, Marks::of(see.theme));
        let on = self.line(drawn);
        let window = Window::on(drawn.len(), on.unwrap_or(0), area.height);
        let shown = &drawn[window.shown.clone()];
        let measured = window.measured(drawn.len());
        let (mut backups, mut files) = (Vec::new(), Vec::new());
        for line in &drawn[measured.clone()] {
            match line {
                Drawn::Backup(one) => backups.push(cells(see, one)),
                Drawn::File(_, file) => files.push(file_cells(see, file)),
                _ => {}
            }
        }
        let body = list::body(area);
        let indented = |row: Rect| {
            let body = list::body(row);
            let by = INDENT.min(body.width);
            Rect { x: body.x + by, width: body.width - by, ..body }
        };
        let grid = Grid::of(&COLUMNS, &backups, body.width, false);
        let file_grid = Grid::of(&FILE_COLUMNS, &files, indented(body).width, true);
        let before = &drawn[measured.start..window.shown.start];
        let mut backups = backups.iter().skip(before.iter().filter(|line| matches!(line, Drawn::Backup(_))).count());
        let mut files = files.iter().skip(before.iter().filter(|line| matches!(line, Drawn::File(..))).count());
        let mut free = text::rows(area);
        for ((index, line), row) in (window.shown.start..).zip(shown).zip(free.by_ref()) {
            let name = grid.cell(NAME, list::body(row)).unwrap_or(row);
            match line {
                Drawn::Backup(_) => {
                    if let Some(cells) = backups.next() {
                        grid.draw(buffer, list::body(row), cells, marks);
                    }
                }
                Drawn::File(..) => {
                    if let Some(cells) = files.next() {
                        file_grid.draw(buffer, indented(row), cells, marks);
                    }
                }
                Drawn::Note(one) => rows::draw_note(buffer, see, one, name, row),
                Drawn::Facts(one) => {
                    let place = Rect { width: row.right().saturating_sub(name.x), ..name };
                    text::put(buffer, place, &text::styled(facts(see, one), theme.dim), marks);
                }
                Drawn::Titles => file_grid.draw_titles(buffer, indented(row), theme.dim, marks),
                Drawn::Debris(path) => {
                    let name =
                        path.file_name().map(|name| sanitize::bytes(name.as_encoded_bytes())).unwrap_or_default();
                    let says = format!("left over from an interrupted copy: {name}");
                    text::put(buffer, indented(row), &text::styled(says, theme.warning), marks);
                }
            }
            if on == Some(index) {
                list::select(buffer, row, see.focused, theme);
            }
        }
        if window.tells
            && let Some(row) = free.next()
        {
            let rows = |lines: &[Drawn<'_>]| lines.iter().filter(|line| line.probe().is_some()).count();
            let says = list::beyond(rows(&drawn[..window.shown.start]), rows(&drawn[window.shown.end..]));
            list::tell(buffer, row, says, theme);
        }
    }
}

fn cells<'a>(see: &Snapshot<'_>, one: &'a Assessment) -> Cells<'a> {
    let theme = see.theme;
    let catalogue = catalogue(see, one);
    let newest = catalogue.and_then(|catalogue| catalogue.newest(see.now));
    let judged = |key: &str, otherwise| {
        let status = one.sample(key).map_or(Status::Ok, |judged| judged.status);
        age::fresh(one, if status.is_ok() { otherwise } else { theme.status(status) }, theme)
    };
    let spelled = if see.columns < 60 { humanize::short_seconds } else { humanize::seconds };
    let old = newest.map(|newest| spelled(seconds_between(newest.taken_at, see.now)));
    let size = newest.map(|newest| humanize::bytes(newest.size_bytes as f64));
    let change = catalogue.and_then(|catalogue| catalogue.size_change(see.now)).map(|change| format!("{change:+.0} %"));
    let rpo = one.gauge("rpo").map(|rpo| format!("RPO {}", humanize::seconds(rpo)));
    let none = if one.waiting { "waiting" } else { "none" };
    vec![
        rows::status(one.status, theme).into(),
        text::styled(one.id.name(), theme.text),
        text::styled(old.map_or_else(|| none.to_owned(), |old| format!("{old} old")), judged("age", theme.text)),
        text::styled(size.unwrap_or_default(), judged("size", theme.text)),
        text::styled(change.unwrap_or_default(), judged("size", theme.dim)),
        text::styled(proven(see, catalogue), judged("verified", theme.dim)),
        text::styled(files(see, catalogue), theme.dim),
        text::styled(rpo.unwrap_or_default(), theme.dim),
        Line::default(),
        age::cell(one, theme).into(),
    ]
}

/// When a backup was last proven, by a copy that was read back.
fn proven(see: &Snapshot<'_>, catalogue: Option<&Catalogue>) -> String {
    let Some(catalogue) = catalogue.filter(|catalogue| !catalogue.files.is_empty()) else { return String::new() };
    match catalogue.usable(see.now).filter_map(|file| file.verified_at).max() {
        Some(at) => format!("verified {} ago", humanize::seconds(seconds_between(at, see.now))),
        None => "never verified".to_owned(),
    }
}

fn files(see: &Snapshot<'_>, catalogue: Option<&Catalogue>) -> String {
    catalogue.map_or_else(String::new, |catalogue| humanize::count(catalogue.usable(see.now).count(), "file"))
}

/// What a narrow pane says in a second line.
fn facts(see: &Snapshot<'_>, one: &Assessment) -> String {
    let catalogue = catalogue(see, one);
    let rpo = one.gauge("rpo").map_or_else(String::new, |rpo| format!("RPO {}", humanize::seconds(rpo)));
    let parts = [proven(see, catalogue), files(see, catalogue), rpo];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(&format!(" {} ", Marks::of(see.theme).dot))
}

fn file_cells(see: &Snapshot<'_>, file: &Backup) -> Cells<'static> {
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
    vec![
        text::styled(humanize::clock(file.taken_at, see.now, see.zone), theme.text),
        text::styled(old, theme.dim),
        text::styled(humanize::bytes(file.size_bytes as f64), theme.text),
        text::styled(sha, theme.dim),
        Line::from(proven),
        text::styled(state, style),
    ]
}
