//! This machine: how near each measure is to its limit, what the disks will do, and since
//! when it is up.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::board::{Assessment, JudgedSample, Pending};
use crate::domain::host::Host;
use crate::domain::humanize;
use crate::domain::limit::Limit;
use crate::domain::observation::{Detail, ProbeId};
use crate::domain::report::Report;
use crate::domain::sample::Value;
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, seconds_between};
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::pane::cursor::Cursor;
use crate::tui::pane::{Pane, Request, Selection, Snapshot, rows};
use crate::tui::widget::bar::Bar;
use crate::tui::widget::grid::{Cells, Column, Grid};
use crate::tui::widget::list::{self, Window};
use crate::tui::widget::mark::Marks;
use crate::tui::widget::{age, empty, spark, tally, text};

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

/// One measure against its limit.
struct Gauge<'a> {
    one: &'a Assessment,
    key: &'static str,
    label: &'a str,
    status: Status,
    /// The part of the whole that is used, and where the limit stands in it, 0 to 1.
    share: Option<f64>,
    limit: Option<f64>,
    value: String,
    bound: String,
    note: String,
    /// Its limit is passed, and not yet for long enough to count.
    pending: bool,
}

/// What stands where a status would, while a limit is passed that does not count yet.
const PASSED: &str = "! past";

/// The host's measures: sample, label.
const HOST: [(&str, &str); 4] = [("cpu", "CPU"), ("memory", "MEM"), ("swap", "SWAP"), ("load", "LOAD")];

fn gauges<'a>(see: &Snapshot<'a>) -> Vec<Gauge<'a>> {
    let host = rows::of_kind(see, "host").into_iter().flat_map(|one| {
        let host = host(see, &one.id);
        HOST.into_iter().filter_map(move |measure| of_host(one, host, measure, see.now))
    });
    let disks = rows::of_kind(see, "disk").into_iter().map(of_disk);
    host.chain(disks).collect()
}

/// The facts behind the host's reading.
fn host<'a>(see: &Snapshot<'a>, id: &ProbeId) -> Option<&'a Host> {
    match see.board.detail(id)? {
        Detail::Host(host) => Some(host),
        _ => None,
    }
}

fn of_host<'a>(
    one: &'a Assessment,
    host: Option<&Host>,
    (key, label): (&'static str, &'static str),
    now: Timestamp,
) -> Option<Gauge<'a>> {
    let empty = Gauge {
        one,
        key,
        label,
        status: one.status,
        share: None,
        limit: None,
        value: String::new(),
        bound: String::new(),
        note: String::new(),
        pending: false,
    };
    let Some(judged) = one.sample(key) else {
        // Before the first reading the frame of the picture is already there; a measure this
        // platform does not have is left out.
        return (one.waiting && (key == "cpu" || key == "memory")).then_some(empty);
    };
    let Value::Gauge(value, unit) = judged.sample.value else { return None };
    let bound = judged.warning.or(judged.critical);
    let full = if key == "load" { load_full(judged) } else { 100.0 };
    let note = match (key, host) {
        ("load", Some(Host { load: Some([one, five, fifteen]), cores, .. })) => {
            format!("{one:.1} {five:.1} {fifteen:.1} on {}", humanize::count(*cores, "core"))
        }
        ("memory", Some(host)) if host.memory_bytes > 0 => format!("of {}", humanize::bytes(host.memory_bytes as f64)),
        ("swap", Some(host)) if host.swap_bytes > 0 => format!("of {}", humanize::bytes(host.swap_bytes as f64)),
        _ => String::new(),
    };
    Some(Gauge {
        status: if one.status == Status::Unknown { Status::Unknown } else { judged.status },
        share: Some(value / full),
        limit: bound.map(|limit| limit.value / full),
        value: humanize::quantity(value, unit),
        bound: worst_passed(judged, value).or(bound).map_or_else(String::new, |limit| against(value, limit)),
        note: match judged.pending {
            Some(pending) => passing(pending, now),
            None => said(one, key, note),
        },
        pending: judged.pending.is_some(),
        ..empty
    })
}

/// A load has no whole; the bar ends where it is critical, or at twice what is worth a warning.
fn load_full(judged: &JudgedSample) -> f64 {
    let full = judged.critical.map(|limit| limit.value).or(judged.warning.map(|limit| limit.value * 2.0));
    full.filter(|full| *full > 0.0).unwrap_or(2.0)
}

fn of_disk(one: &Assessment) -> Gauge<'_> {
    let free = one.gauge("free");
    let least = one.sample("free").and_then(|judged| judged.warning.or(judged.critical));
    let used = free.map(|free| 100.0 - free);
    let most = least.map(|limit| Limit::over(100.0 - limit.value, limit.unit));
    let mut notes = Vec::new();
    if one.samples.iter().any(|judged| judged.sample.key == "read_only" && judged.sample.value == Value::Flag(true)) {
        notes.push("read-only".to_owned());
    }
    if let Some(bytes) = one.gauge("free_bytes") {
        notes.push(format!("{} free", humanize::bytes(bytes)));
    }
    if let Some(seconds) = one.gauge("full_in") {
        notes.push(format!("full in {}", humanize::seconds(seconds)));
    }
    let note = match one.findings.first() {
        Some(finding) if !one.waiting => finding.text.clone(),
        _ => notes.join(", "),
    };
    Gauge {
        one,
        key: "free",
        label: one.id.name(),
        status: one.status,
        share: used.map(|used| used / 100.0),
        limit: most.map(|most| most.value / 100.0),
        value: used.map_or_else(String::new, |used| humanize::quantity(used, crate::domain::sample::Unit::Percent)),
        bound: used.zip(most).map_or_else(String::new, |(used, most)| against(used, most)),
        note,
        pending: false,
    }
}

/// `for 2 m of 5 m past 90 %`: what will count when it lasts; the limit stands beside it, too.
fn passing(pending: Pending, now: Timestamp) -> String {
    let limit = humanize::quantity(pending.limit.value, pending.limit.unit);
    let lasted = humanize::seconds(seconds_between(pending.since, now));
    format!("for {lasted} of {} past {limit}", humanize::duration(pending.hold))
}

/// `< 70 %`: on which side of its limit a value is.
fn against(value: f64, limit: Limit) -> String {
    let side = if limit.is_passed_by(value) { '>' } else { '<' };
    format!("{side} {}", humanize::quantity(limit.value, limit.unit))
}

/// The limit that makes a value what it is.
fn worst_passed(judged: &JudgedSample, value: f64) -> Option<Limit> {
    [judged.critical, judged.warning].into_iter().flatten().find(|limit| limit.is_passed_by(value))
}

/// The finding about one of the host's measures, or what else is worth saying.
fn said(one: &Assessment, key: &str, note: String) -> String {
    one.findings.iter().find(|finding| finding.key == key).map_or(note, |finding| finding.text.clone())
}

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
