//! This machine: how near each measure is to its limit, what the disks will do, and since
//! when it is up.

mod gauge;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::humanize;
use crate::domain::observation::ProbeId;
use crate::domain::report::Report;
use crate::domain::status::Status;
use crate::domain::time::seconds_between;
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::pane::cursor::Cursor;
use crate::tui::pane::{Pane, Request, Selection, Snapshot, rows};
use crate::tui::widget::bar::Bar;
use crate::tui::widget::grid::{Cells, Column, Grid};
use crate::tui::widget::list::{self, Window};
use crate::tui::widget::mark::Marks;
use crate::tui::widget::{age, empty, spark, tally, text};
use gauge::{Gauge, HOST, gauges, host};

/// The machine and its disks.
#[derive(Debug, Default)]
pub struct System {
    cursor: Cursor<(ProbeId, &'static str)>,
}

pub fn pane() -> Box<dyn Pane> {
    Box::<System>::default()
}

const COLUMNS: [Column; 8] = [
    Column::left(""),
    Column::left("").at_most(24).at_least(10),
    Column::left(""),
    Column::right(""),
    Column::left("").rank(3),
    Column::left("").rank(4),
    Column::left("").grows(14).rank(2),
    Column::right("").rank(1),
];

/// What stands where a status would, while a limit is passed that does not count yet.
const PASSED: &str = "! past";

impl Pane for System {
    fn title(&self) -> &'static str {
        "System"
    }

    fn context(&self) -> Context {
        Context::Everywhere
    }

    fn caption(&self, see: &Snapshot<'_>) -> Line<'static> {
        let all = rows::of_kind(see, "host").into_iter().chain(rows::of_kind(see, "disk"));
        tally::fitted(all.map(|one| one.status).collect::<Vec<_>>(), see.columns / 2, see.theme)
    }

    fn summary(&self, see: &Snapshot<'_>) -> Line<'static> {
        let theme = see.theme;
        let mut spans: Vec<Span<'static>> = Vec::new();
        for gauge in gauges(see) {
            // A disk with room is counted by its silence; the machine's own measures are said.
            if gauge.one.id.kind() == "disk" && gauge.status.is_ok() {
                continue;
            }
            if !spans.is_empty() {
                spans.push(Span::raw("  "));
            }
            let value = if gauge.value.is_empty() { Marks::of(theme).none } else { &gauge.value };
            let label = if gauge.one.id.kind() == "disk" { gauge.label.to_owned() } else { gauge.label.to_lowercase() };
            spans.push(Span::styled(format!("{label} "), theme.dim));
            let style = if gauge.status.is_ok() { theme.text } else { theme.status(gauge.status) };
            spans.push(Span::styled(value.to_owned(), age::fresh(gauge.one, style, theme)));
            if gauge.pending && gauge.status.is_ok() {
                spans.push(Span::styled(format!(" {PASSED}"), theme.limit));
            }
            if !gauge.status.is_ok() {
                spans.push(Span::styled(
                    format!(" {} {}", theme.glyph(gauge.status), gauge.status.label()),
                    theme.status(gauge.status),
                ));
            }
        }
        let disks = rows::of_kind(see, "disk").iter().filter(|one| one.status.is_ok()).count();
        if disks > 0 {
            spans.push(Span::styled(format!("  {} ok", humanize::count(disks, "disk")), theme.dim));
        }
        if spans.is_empty() { text::styled("nothing measured", theme.dim) } else { Line::from(spans) }
    }

    fn wants(&self, report: &Report) -> Option<u16> {
        let of_a_host = HOST.len() as u16 + 1;
        Some((rows::count(report, "host").saturating_mul(of_a_host)).saturating_add(rows::count(report, "disk")))
    }

    fn selected(&self, see: &Snapshot<'_>) -> Option<Selection> {
        let gauges = gauges(see);
        Some(Selection::Probe(gauges[self.cursor.place(&keys(&gauges))?].one.id.clone()))
    }

    fn update(&mut self, see: &Snapshot<'_>, command: Command) -> Option<Request> {
        let gauges = gauges(see);
        let keys = keys(&gauges);
        if self.cursor.follow(command, &keys, see.rows) {
            return None;
        }
        rows::request(gauges[self.cursor.place(&keys)?].one, command)
    }

    fn click(&mut self, see: &Snapshot<'_>, row: u16) {
        let gauges = gauges(see);
        let keys = keys(&gauges);
        let Some(at) = self.cursor.place(&keys) else { return };
        let spare = spare(see.rows, gauges.len(), facts(see).len());
        if let Some(line) = Window::on(gauges.len(), at, see.rows - spare).line_at(row, 0) {
            self.cursor.go(&keys, line);
        }
    }

    fn draw(&self, see: &Snapshot<'_>, area: Rect, buffer: &mut Buffer) {
        let (theme, marks) = (see.theme, Marks::of(see.theme));
        let gauges = gauges(see);
        let Some(at) = self.cursor.place(&keys(&gauges)) else {
            let says = rows::nothing_matches(see).unwrap_or_else(|| "This machine is not watched.".to_owned());
            return empty::draw(buffer, area, &[&says], theme);
        };
        let facts = facts(see);
        let window = Window::on(gauges.len(), at, area.height - spare(area.height, gauges.len(), facts.len()));
        let body = list::body(area);
        let bar = (body.width / 4).clamp(10, 40);
        let sparks = match body.width {
            0..60 => 0,
            60..100 => 12,
            _ => 30,
        };
        let measured = window.measured(gauges.len());
        let cells: Vec<Cells<'_>> =
            gauges[measured.clone()].iter().map(|gauge| cells(see, gauge, bar, sparks)).collect();
        let grid = Grid::of(&COLUMNS, &cells, body.width, false);
        let mut lines = text::rows(area);
        for ((index, cells), row) in
            window.shown.clone().zip(&cells[window.shown.start - measured.start..]).zip(lines.by_ref())
        {
            grid.draw(buffer, list::body(row), cells, marks);
            if index == at {
                list::select(buffer, row, see.focused, theme);
            }
        }
        if window.tells
            && let Some(row) = lines.next()
        {
            let says = list::beyond(window.shown.start, gauges.len() - window.shown.end);
            list::tell(buffer, row, says, theme);
        }
        for (line, row) in facts.iter().zip(lines) {
            text::put(buffer, list::body(row), line, marks);
        }
    }
}

/// How many rows are left for facts: the measures come first, what is merely good to know
/// takes the rest.
fn spare(height: u16, gauges: usize, facts: usize) -> u16 {
    usize::from(height).saturating_sub(gauges).min(facts) as u16
}

fn keys(gauges: &[Gauge<'_>]) -> Vec<(ProbeId, &'static str)> {
    gauges.iter().map(|gauge| (gauge.one.id.clone(), gauge.key)).collect()
}

fn cells<'a>(see: &Snapshot<'_>, gauge: &Gauge<'a>, bar: u16, sparks: u16) -> Cells<'a> {
    let theme = see.theme;
    let loud = |quiet| {
        let style = match gauge.status {
            Status::Ok if gauge.pending => theme.limit,
            Status::Ok => quiet,
            status => theme.status(status),
        };
        age::fresh(gauge.one, style, theme)
    };
    // Good is a mark; what is not good is also a word.
    let status = match gauge.status {
        Status::Ok if gauge.pending => Span::styled(PASSED, theme.limit),
        Status::Ok => Span::styled(theme.glyph(Status::Ok), theme.ok),
        status => rows::status(status, theme),
    };
    let drawn = Bar { share: gauge.share.unwrap_or(f64::NAN), limit: gauge.limit, style: loud(theme.bar) };
    let series = see.board.series(&gauge.one.id, gauge.key).filter(|_| sparks > 0);
    let ceiling = (gauge.key != "load").then_some(100.0);
    let spark = series.map_or(Span::raw(""), |series| spark::span(series, ceiling, see.now, sparks, theme));
    let value = match (gauge.value.is_empty(), gauge.one.waiting) {
        (false, _) => gauge.value.clone(),
        (true, true) => "waiting".to_owned(),
        (true, false) => Marks::of(theme).none.to_owned(),
    };
    vec![
        status.into(),
        text::styled(gauge.label, theme.text),
        drawn.line(bar, theme),
        text::styled(value, loud(theme.text)),
        text::styled(gauge.bound.clone(), loud(theme.dim)),
        spark.into(),
        text::styled(gauge.note.clone(), loud(theme.dim)),
        age::cell(gauge.one, theme).into(),
    ]
}

/// Since when the machine is up, and what else it says of itself.
fn facts(see: &Snapshot<'_>) -> Vec<Line<'static>> {
    let (theme, marks) = (see.theme, Marks::of(see.theme));
    let mut lines = Vec::new();
    for one in rows::of_kind(see, "host") {
        let measured = |key: &str| HOST.iter().any(|(measure, _)| *measure == key);
        for finding in one.findings.iter().filter(|finding| !measured(&finding.key) && !one.waiting) {
            let says = format!("{} {}", theme.glyph(finding.status), finding.text);
            lines.push(text::styled(says, theme.status(finding.status)));
        }
        let Some(host) = host(see, &one.id) else { continue };
        let mut parts = Vec::new();
        if let Some(booted) = host.booted_at {
            let up = humanize::seconds(seconds_between(booted, see.now));
            parts.push(format!("up {up}, booted {}", humanize::clock(booted, see.now, see.zone)));
        }
        parts.extend([host.name.clone(), host.os.clone()].into_iter().filter(|part| !part.is_empty()));
        lines.push(text::styled(parts.join(&format!(" {} ", marks.dot)), theme.dim));
        if see.zoomed && !host.busiest.is_empty() {
            lines.push(Line::default());
            lines.push(text::styled("busiest processes", theme.title));
            lines.extend(host.busiest.iter().map(|one| text::styled(one.clone(), theme.text)));
        }
    }
    lines
}
