//! The acts of this session: what runs, how far it is, what it says; and how it ended.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::humanize;
use crate::domain::job::{Job, JobId, JobResult};
use crate::domain::status::Status;
use crate::domain::time::seconds_between;
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::pane::cursor::Cursor;
use crate::tui::pane::{Pane, Request, Selection, Snapshot, rows, why};
use crate::tui::widget::bar::Bar;
use crate::tui::widget::grid::{Cells, Column};
use crate::tui::widget::mark::Marks;
use crate::tui::widget::table::Table;
use crate::tui::widget::under::{self, Explanation};
use crate::tui::widget::{empty, hint, text};

/// The jobs of this session.
#[derive(Debug, Default)]
pub struct JobList {
    cursor: Cursor<JobId>,
}

pub fn pane() -> Box<dyn Pane> {
    Box::<JobList>::default()
}

const COLUMNS: [Column; 7] = [
    Column::left("STATE"),
    Column::left("ACT").rank(1),
    Column::left("TARGET").at_most(28).at_least(12),
    Column::left("STARTED").rank(4),
    Column::right("TOOK"),
    Column::left("").rank(3),
    Column::left("SAYS").grows(12).rank(2),
];

/// From how wide a bar on there is room beside it for how fast it goes.
const WIDE: u16 = 18;

/// Newest first; what runs before what ended.
fn listed<'a>(see: &Snapshot<'a>) -> Vec<&'a Job> {
    let jobs = see.jobs;
    let mut all: Vec<&Job> = jobs
        .all()
        .iter()
        .rev()
        .filter(|job| rows::matches(see.filter, [job.action.as_str(), &job.title, &job.target.id]))
        .collect();
    all.sort_by_key(|job| job.ended.is_some());
    all
}

fn keys<'a>(jobs: &[&'a Job]) -> Vec<&'a JobId> {
    jobs.iter().map(|job| &job.id).collect()
}

impl Pane for JobList {
    fn title(&self) -> &'static str {
        "Jobs"
    }

    fn context(&self) -> Context {
        Context::Jobs
    }

    fn caption(&self, see: &Snapshot<'_>) -> Line<'static> {
        let running = see.jobs.running().count();
        if running == 0 {
            return Line::default();
        }
        text::styled(format!("{} {running} running", Marks::of(see.theme).running), see.theme.accent)
    }

    fn summary(&self, see: &Snapshot<'_>) -> Line<'static> {
        let all = listed(see);
        let Some(job) = all.first() else { return text::styled("no act in this session", see.theme.dim) };
        let (mark, word, style) = state(see, job);
        let mut spans = vec![
            Span::styled(format!("{mark} {word} "), style),
            Span::styled(format!("{} {}  {}", job.action, job.target.id, elapsed(see, job)), see.theme.text),
        ];
        if all.len() > 1 {
            spans.push(Span::styled(format!("  and {} more", all.len() - 1), see.theme.dim));
        }
        Line::from(spans)
    }

    fn selected(&self, see: &Snapshot<'_>) -> Option<Selection> {
        let all = listed(see);
        Some(Selection::Job(all[self.cursor.place(&keys(&all))?].id.clone()))
    }

    fn update(&mut self, see: &Snapshot<'_>, command: Command) -> Option<Request> {
        let all = listed(see);
        let keys = keys(&all);
        if self.cursor.follow(command, &keys, see.rows) {
            return None;
        }
        let job = all[self.cursor.place(&keys)?];
        matches!(command, Command::Why | Command::LastOutput).then(|| Request::Output(job.id.clone()))
    }

    fn click(&mut self, see: &Snapshot<'_>, row: u16) {
        let all = listed(see);
        let keys = keys(&all);
        let Some(at) = self.cursor.place(&keys) else { return };
        let (above, ..) = split(see, &all, at, rows::inner(see));
        if let Some(line) = table(see, &all, at).line_at(above, row) {
            self.cursor.go(&keys, line);
        }
    }

    fn draw(&self, see: &Snapshot<'_>, area: Rect, buffer: &mut Buffer) {
        let all = listed(see);
        let Some(at) = self.cursor.place(&keys(&all)) else {
            let says = rows::nothing_matches(see).unwrap_or_else(|| "Nothing was started in this session.".to_owned());
            return empty::draw(buffer, area, &[&says, "What was done earlier stands in the activity."], see.theme);
        };
        let (above, below, explanation) = split(see, &all, at, area);
        draw_list(see, &all, at, above, buffer);
        explanation.draw(buffer, below, see.theme);
    }
}

/// The list's part of the area, and what stands under it.
fn split(see: &Snapshot<'_>, all: &[&Job], at: usize, area: Rect) -> (Rect, Rect, Explanation) {
    if !see.zoomed {
        return (area, Rect::ZERO, Explanation::default());
    }
    let explanation = explain(see, all[at], area.height);
    let (above, below) = under::split(area, all.len() + 1, explanation.rows());
    (above, below, explanation)
}

fn table<'a>(see: &Snapshot<'a>, all: &[&Job], at: usize) -> Table<'a> {
    let titled = see.zoomed;
    Table { columns: &COLUMNS, titled, lines: all.len(), cursor: at, focused: see.focused, theme: see.theme }
}

fn draw_list(see: &Snapshot<'_>, all: &[&Job], at: usize, area: Rect, buffer: &mut Buffer) {
    let bar = (area.width / 6).clamp(8, 24);
    table(see, all, at).draw_rows(buffer, area, |line| cells(see, all[line], bar));
}

fn cells<'a>(see: &Snapshot<'_>, job: &'a Job, bar: u16) -> Cells<'a> {
    let theme = see.theme;
    let (mark, word, style) = state(see, job);
    let says = match &job.ended {
        Some((_, outcome)) => outcome.detail.as_str(),
        None => job.tail.back().map_or("", String::as_str),
    };
    vec![
        text::styled(format!("{mark} {word}"), style),
        text::styled(job.action.as_str(), theme.text),
        text::styled(job.target.id.as_str(), theme.text),
        text::styled(humanize::clock(job.started_at, see.now, see.zone), theme.dim),
        text::styled(elapsed(see, job), theme.text),
        progress(see, job, bar),
        text::styled(says, theme.dim),
    ]
}

/// How far a running job is, where it says so.
fn progress(see: &Snapshot<'_>, job: &Job, width: u16) -> Line<'static> {
    let Some(progress) = job.progress.filter(|_| job.ended.is_none()) else { return Line::default() };
    let bar = |share| Bar { share, limit: None, style: see.theme.bar }.line(width, see.theme);
    let mut line = progress.share().map(bar).unwrap_or_default();
    let words = progress.words(see.now);
    // Where there is little room, how fast it goes stands at the foot of the screen only.
    let words = if width < WIDE { words.split(", ").next().unwrap_or_default() } else { &words };
    line.spans.push(Span::styled(format!(" {words:>5}"), see.theme.text));
    line
}

fn elapsed(see: &Snapshot<'_>, job: &Job) -> String {
    let until = job.ended.as_ref().map_or(see.now, |(at, _)| *at);
    humanize::seconds(seconds_between(job.started_at, until))
}

/// Mark, word and style of a job's state.
fn state(see: &Snapshot<'_>, job: &Job) -> (&'static str, &'static str, Style) {
    let theme = see.theme;
    let with = |status: Status, word| (theme.glyph(status), word, theme.status(status));
    match job.ended.as_ref().map(|(_, outcome)| outcome.result) {
        None if job.begun => (Marks::of(theme).running, "running", theme.accent),
        None => (Marks::of(theme).running, "checking", theme.accent),
        Some(JobResult::Succeeded) => with(Status::Ok, "succeeded"),
        Some(JobResult::NotEffective) => with(Status::Warning, "not effective"),
        Some(JobResult::Cancelled) => with(Status::Warning, "cancelled"),
        Some(JobResult::Lost) => with(Status::Unknown, "lost"),
        Some(JobResult::TimedOut) => with(Status::Critical, "timed out"),
        Some(JobResult::Failed) => with(Status::Critical, "failed"),
    }
}

/// The end of what the selected job printed.
fn explain(see: &Snapshot<'_>, job: &Job, height: u16) -> Explanation {
    let theme = see.theme;
    let (mark, word, style) = state(see, job);
    let room = usize::from(height / 2);
    let last = job.tail.len().saturating_sub(room);
    let body = job.tail.iter().skip(last).map(|line| text::styled(format!("  {line}"), theme.text)).collect();
    let log = job.log.as_ref().map_or_else(String::new, |path| {
        format!("whole output in {}", crate::domain::sanitize::bytes(path.as_os_str().as_encoded_bytes()))
    });
    let mut keys = vec![(Command::LastOutput, "output".into())];
    if job.ended.is_none() {
        keys.push((Command::CancelJob, Command::CancelJob.doc().into()));
    }
    Explanation {
        title: Line::from(vec![
            Span::styled(job.title.clone(), theme.title),
            Span::styled(format!(" {mark} {word}"), style),
        ]),
        right: text::styled(log, theme.dim),
        body,
        keys: why::labelled("keys", vec![hint::keys(keys, see.keymap, theme)], see),
    }
}
