//! Databases: size, speed, growth and the age of the last structure check, in one line each; zoomed,
//! everything that was measured, in the same words for every engine.

mod detail;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::board::Assessment;
use crate::domain::engine::EngineCard;
use crate::domain::humanize;
use crate::domain::observation::{Detail, ProbeId};
use crate::domain::report::Report;
use crate::domain::sample::Unit;
use crate::domain::time::seconds_between;
use crate::domain::upkeep::Verb;
use crate::domain::vitals::Vitals;
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::pane::cursor::Cursor;
use crate::tui::pane::{Pane, Request, Selection, Snapshot, rows, why};
use crate::tui::widget::grid::{Cells, Column};
use crate::tui::widget::table::{Part, Table};
use crate::tui::widget::under::{self, Explanation};
use crate::tui::widget::{age, empty, tally, text};

/// The databases.
#[derive(Debug, Default)]
pub struct Databases {
    cursor: Cursor<ProbeId>,
}

pub fn pane() -> Box<dyn Pane> {
    Box::<Databases>::default()
}

const COLUMNS: [Column; 9] = [
    Column::left(""),
    Column::left("DATABASE").at_most(24).at_least(16),
    Column::left("ENGINE").rank(5),
    Column::right("SIZE"),
    Column::right("GROWTH").rank(4),
    Column::right("ANSWERS IN").rank(3),
    Column::left("STRUCTURE CHECK").rank(2),
    Column::left("").grows(0).rank(6),
    Column::right("AGE").rank(1),
];
const NAME: usize = 1;

impl Pane for Databases {
    fn title(&self) -> &'static str {
        "Databases"
    }

    fn context(&self) -> Context {
        Context::Databases
    }

    fn caption(&self, see: &Snapshot<'_>) -> Line<'static> {
        let all: Vec<_> = rows::of_kind(see, "database").iter().map(|one| one.status).collect();
        tally::fitted(all, see.columns / 2, see.theme)
    }

    fn summary(&self, see: &Snapshot<'_>) -> Line<'static> {
        let all = rows::of_kind(see, "database");
        if all.is_empty() {
            return text::styled("no database", see.theme.dim);
        }
        rows::summary(see, &all, |one| match (one.gauge("size"), one.gauge("latency")) {
            (Some(size), Some(latency)) => format!("{}, {}", humanize::bytes(size), humanize::seconds(latency)),
            _ => rows::finding(one).to_owned(),
        })
    }

    fn wants(&self, report: &Report) -> Option<u16> {
        // What is wrong stands under it.
        Some(rows::count(report, "database").saturating_mul(2))
    }

    fn selected(&self, see: &Snapshot<'_>) -> Option<Selection> {
        let all = rows::of_kind(see, "database");
        Some(Selection::Probe(all[self.cursor.place(&rows::keys(&all))?].id.clone()))
    }

    fn update(&mut self, see: &Snapshot<'_>, command: Command) -> Option<Request> {
        let all = rows::of_kind(see, "database");
        let keys = rows::keys(&all);
        if self.cursor.follow(command, &keys, see.rows) {
            return None;
        }
        rows::request(all[self.cursor.place(&keys)?], command)
    }

    fn click(&mut self, see: &Snapshot<'_>, row: u16) {
        let all = rows::of_kind(see, "database");
        let keys = rows::keys(&all);
        let Some(at) = self.cursor.place(&keys) else { return };
        let (above, ..) = split(see, &all, at, rows::inner(see));
        let lines = rows::with_notes(&all, !see.zoomed);
        if let Some(line) = table(see, &lines, at).line_at(above, row) {
            self.cursor.go(&keys, lines[line].0);
        }
    }

    fn draw(&self, see: &Snapshot<'_>, area: Rect, buffer: &mut Buffer) {
        let all = rows::of_kind(see, "database");
        let Some(at) = self.cursor.place(&rows::keys(&all)) else {
            let says = rows::nothing_matches(see).unwrap_or_else(|| "No database is configured.".to_owned());
            let more = "A [[database]] with its url is enough for health, growth and structure checks.";
            return empty::draw(buffer, area, &[&says, more], see.theme);
        };
        let (above, below, explanation) = split(see, &all, at, area);
        draw_list(see, &all, at, above, buffer);
        explanation.draw(buffer, below, see.theme);
    }
}

/// The list's part of the area, and what stands under it.
/// What it is, and what its checks say that has no limit.
pub(super) fn evidence(see: &Snapshot<'_>, one: &Assessment, room: u16) -> Vec<Line<'static>> {
    detail::facts(see, vitals(see, one), usize::from(room))
}

fn split(see: &Snapshot<'_>, all: &[&Assessment], at: usize, area: Rect) -> (Rect, Rect, Explanation) {
    if !see.zoomed {
        return (area, Rect::ZERO, Explanation::default());
    }
    let one = all[at];
    // A database that is a file has nobody connected to it, and counts no statements.
    let is_server = see.inventory.databases.get(one.id.name()).is_some_and(|card| card.path.is_none());
    let engine = vitals(see, one).and_then(|vitals| EngineCard::of_name(vitals.engine));
    let can_check = engine.is_none_or(|engine| engine.way(Verb::Integrity).is_some());
    let mut acts = Vec::new();
    // Where ending a session would mend it, that is done from there.
    acts.extend(about_a_session(see, one).then_some(Command::Connections));
    acts.push(Command::Vacuum);
    acts.extend(can_check.then_some(Command::Integrity));
    acts.extend([Command::Connections, Command::Tables, Command::Statements].into_iter().filter(|_| is_server));
    let mut explanation = why::explain(see, one, &acts, area.width);
    explanation.body.extend(detail::lines(see, one, vitals(see, one), area.width));
    let (above, below) = under::split(area, all.len() + 1, explanation.rows());
    (above, below, explanation)
}

/// Whether something is wrong that one session is named for.
fn about_a_session(see: &Snapshot<'_>, one: &Assessment) -> bool {
    let remarks = vitals(see, one).map(|vitals| vitals.measured.remarks.as_slice()).unwrap_or_default();
    let is_told = |key: &str| one.findings.iter().any(|finding| finding.key == key);
    remarks.iter().any(|remark| remark.session.is_some() && is_told(&remark.key))
}

/// In the overview what is wrong stands under each row; zoomed, under the list.
fn table<'a>(see: &Snapshot<'a>, lines: &[(usize, bool)], at: usize) -> Table<'a> {
    let cursor = lines.iter().position(|line| *line == (at, false)).unwrap_or(0);
    let titled = see.zoomed;
    Table { columns: &COLUMNS, titled, lines: lines.len(), cursor, focused: see.focused, theme: see.theme }
}

fn draw_list(see: &Snapshot<'_>, all: &[&Assessment], at: usize, area: Rect, buffer: &mut Buffer) {
    let lines = rows::with_notes(all, !see.zoomed);
    let row = |line: usize| match lines[line] {
        (_, true) => Cells::new(),
        (index, false) => cells(see, all[index]),
    };
    let beyond = |window: &_| rows::beyond(all, &lines, window);
    table(see, &lines, at).draw(buffer, area, row, beyond, |part, grid, row, buffer| {
        if let Part::Line(line) = part
            && let (index, true) = lines[line]
        {
            rows::draw_note(buffer, see, all[index], grid.cell(NAME, row).unwrap_or(row), row);
        }
    });
}

/// The facts behind a database's reading.
fn vitals<'a>(see: &Snapshot<'a>, one: &Assessment) -> Option<&'a Vitals> {
    match see.board.detail(&one.id)? {
        Detail::Vitals(vitals) => Some(vitals),
        _ => None,
    }
}

fn cells<'a>(see: &Snapshot<'a>, one: &'a Assessment) -> Cells<'a> {
    let theme = see.theme;
    let vitals = vitals(see, one);
    let card = see.inventory.databases.get(one.id.name());
    let value = |key: &str, unit: Unit| {
        let judged = one.sample(key);
        let style = match judged.map(|judged| judged.status) {
            Some(status) if !status.is_ok() => theme.status(status),
            _ => theme.text,
        };
        let says = one.gauge(key).map(|value| humanize::quantity(value, unit)).unwrap_or_default();
        Span::styled(says, age::fresh(one, style, theme))
    };
    vec![
        rows::status(one.status, theme).into(),
        text::styled(one.id.name(), theme.text),
        text::styled(vitals.map(|vitals| vitals.engine).or(card.map(|card| card.engine)).unwrap_or(""), theme.dim),
        value("size", Unit::Bytes).into(),
        value("growth", Unit::BytesPerDay).into(),
        value("latency", Unit::Seconds).into(),
        structure(see, one, vitals),
        Line::default(),
        age::cell(one, theme).into(),
    ]
}

/// `✓ sound 6 h ago`.
fn structure(see: &Snapshot<'_>, one: &Assessment, vitals: Option<&Vitals>) -> Line<'static> {
    let theme = see.theme;
    let Some(proof) = vitals.and_then(|vitals| vitals.integrity.as_ref()) else {
        let card = see.inventory.databases.get(one.id.name());
        let could = card.is_none_or(|card| card.way(Verb::Integrity).is_some());
        return text::styled(if one.waiting || !could { "" } else { "never checked" }, theme.dim);
    };
    let ago = humanize::seconds(seconds_between(proof.at, see.now));
    let old = one.sample("integrity").is_some_and(|judged| !judged.status.is_ok());
    match proof.ok {
        true if old => text::styled(format!("! sound {ago} ago"), theme.warning),
        true => text::styled(format!("sound {ago} ago"), theme.dim),
        false => {
            let mark = theme.glyph(crate::domain::status::Status::Critical);
            text::styled(format!("{mark} faulty {ago} ago"), theme.critical)
        }
    }
}
