//! What a job prints while it runs, or what a task printed last time. Esc leaves the job
//! running; cancelling asks.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::text::{self, Scroll, labelled};
use super::{Reply, closes, meaning};
use crate::domain::humanize;
use crate::domain::inventory::Target;
use crate::domain::job::{Job, JobId, JobResult};
use crate::domain::observation::Detail;
use crate::domain::task::TaskRun;
use crate::domain::time::{Timestamp, seconds_between};
use crate::tui::command::Command;
use crate::tui::keymap::{Chord, Context};
use crate::tui::pane::Snapshot;
use crate::tui::widget::beside;

/// The output of something.
#[derive(Clone, Debug)]
pub struct Output {
    source: Source,
    scroll: Scroll,
    /// The end is kept in view.
    follow: bool,
}

/// Whose output.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Job(JobId),
    LastRun(Target),
}

impl Output {
    pub fn of_job(job: JobId) -> Self {
        Self { source: Source::Job(job), scroll: Scroll::default(), follow: true }
    }

    pub fn of_last_run(task: Target) -> Self {
        Self { source: Source::LastRun(task), scroll: Scroll::default(), follow: true }
    }

    /// The job that runs while its output is shown, if it does.
    pub fn running(&self, jobs: &crate::domain::job::Jobs) -> bool {
        match &self.source {
            Source::Job(job) => jobs.get(job).is_some_and(|job| job.ended.is_none()),
            Source::LastRun(_) => false,
        }
    }

    pub fn update(&mut self, see: &Snapshot<'_>, screen: Rect, key: KeyEvent) -> Reply {
        let ctrl_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        let in_jobs = see.keymap.command(&[Context::Jobs], Chord::from(key));
        if (ctrl_c || in_jobs == Some(Command::CancelJob))
            && let Some(job) = self.job(see).filter(|job| job.ended.is_none())
        {
            return Reply::AskCancel(job.id.clone());
        }
        let area = area(screen);
        let count = self.lines(see, usize::from(area.width.saturating_sub(4))).len();
        let rows = usize::from(area.height.saturating_sub(2));
        let command = meaning(see, key);
        if self.follow {
            self.scroll.top = count.saturating_sub(rows);
        }
        if self.scroll.update(command, count, rows) {
            self.follow = self.scroll.top >= count.saturating_sub(rows);
            return Reply::Stay;
        }
        if closes(see, key) || matches!(command, Some(Command::Why)) { Reply::Close } else { Reply::Stay }
    }

    fn job<'a>(&self, see: &Snapshot<'a>) -> Option<&'a Job> {
        match &self.source {
            Source::Job(id) => see.jobs.get(id),
            Source::LastRun(_) => None,
        }
    }

    pub fn draw(&self, see: &Snapshot<'_>, screen: Rect, buffer: &mut Buffer) {
        let (title, caption) = self.heading(see);
        let inner = text::frame(area(screen), &title, caption, see.theme, buffer);
        let lines = self.lines(see, usize::from(inner.width));
        let top = if self.follow { lines.len().saturating_sub(usize::from(inner.height)) } else { self.scroll.top };
        text::draw_lines(&lines, top, inner, see.theme, buffer);
    }

    fn heading(&self, see: &Snapshot<'_>) -> (String, Line<'static>) {
        match &self.source {
            Source::LastRun(task) => (format!("Last run of {}, and the one before", task.id), Line::default()),
            Source::Job(id) => {
                let Some(job) = see.jobs.get(id) else { return (format!("Job {id}"), Line::default()) };
                (job.title.clone(), state(see, job))
            }
        }
    }

    fn lines(&self, see: &Snapshot<'_>, width: usize) -> Vec<Line<'static>> {
        let theme = see.theme;
        let plain = |text: &str| labelled("", text, width, (theme.text, theme.text));
        let quiet = |text: &str| labelled("", text, width, (theme.dim, theme.dim));
        match &self.source {
            Source::Job(id) => {
                let Some(job) = see.jobs.get(id) else { return quiet("this job is not of this session") };
                let mut lines = Vec::new();
                if job.dropped > 0 {
                    let rest = humanize::count(job.dropped, "earlier line");
                    lines.extend(quiet(&format!("{rest} no longer in memory")));
                }
                lines.extend(job.tail.iter().flat_map(|line| plain(line)));
                if lines.is_empty() {
                    lines.extend(quiet("nothing printed so far"));
                }
                if let Some((_, outcome)) = &job.ended {
                    lines.push(Line::default());
                    let exit = outcome.exit_code.map_or_else(String::new, |code| format!(" (exit code {code})"));
                    lines.extend(plain(&format!("{}: {}{exit}", outcome.result.word(), outcome.detail)));
                }
                if let Some(log) = &job.log {
                    lines.extend(quiet(&format!("whole output: {}", log.display())));
                }
                lines
            }
            Source::LastRun(task) => match see.board.detail(&task.probe()) {
                Some(Detail::Task(facts)) if !facts.runs.is_empty() => match facts.runs.get(1) {
                    // The run before stands beside it where both can be read, and else below.
                    Some(before) if width >= BESIDE => {
                        let half = (width - 3) / 2;
                        let (left, right) = (run_lines(see, &facts.runs[0], half), run_lines(see, before, half));
                        beside::lines(left, &right, half, &Span::styled(format!(" {} ", bar(see)), theme.border))
                    }
                    before => {
                        let runs = std::iter::once(&facts.runs[0]).chain(before);
                        let blocks: Vec<Vec<Line<'static>>> = runs.map(|run| run_lines(see, run, width)).collect();
                        blocks.join(&Line::default())
                    }
                },
                _ => quiet(&format!(
                    "no run of {0} is recorded; start it through `rounds exec --task {0} -- …` to have one",
                    task.id
                )),
            },
        }
    }
}

/// From this width on two outputs stand beside each other.
const BESIDE: usize = 90;

fn bar(see: &Snapshot<'_>) -> &'static str {
    if see.theme.ascii { "|" } else { "│" }
}

/// When a run began, how it ended, and what it printed.
fn run_lines(see: &Snapshot<'_>, run: &TaskRun, width: usize) -> Vec<Line<'static>> {
    let theme = see.theme;
    let end = match &run.ended {
        Some(end) => {
            let how = match (end.exit_code, end.signal) {
                (Some(code), _) => format!("exit code {code}"),
                (None, Some(signal)) => format!("ended by signal {signal}"),
                (None, None) => "no exit code".to_owned(),
            };
            format!("took {}, {how}", humanize::seconds(end.took_s))
        }
        None if run.alive => "and runs".to_owned(),
        None => "no end recorded".to_owned(),
    };
    let start = humanize::clock(run.started_at, see.now, see.zone);
    let mut lines = labelled("", &format!("started {start}, {end}"), width, (theme.dim, theme.dim));
    lines.push(Line::default());
    lines.extend(run.tail.lines().flat_map(|line| labelled("", line, width, (theme.text, theme.text))));
    lines
}

fn area(screen: Rect) -> Rect {
    text::window(screen, screen.width.saturating_sub(12).min(120), (screen.height / 2).max(8))
}

/// How long a job has been running, in whole seconds.
pub(super) fn running_for(job: &Job, now: Timestamp) -> String {
    let whole = seconds_between(job.started_at, now).floor();
    if whole < 1.0 { "0 s".to_owned() } else { humanize::seconds(whole) }
}

/// How far a job is: a word, how long, how much.
pub fn state(see: &Snapshot<'_>, job: &Job) -> Line<'static> {
    let theme = see.theme;
    if let Some((at, outcome)) = &job.ended {
        let look = match outcome.result {
            JobResult::Succeeded => theme.ok,
            JobResult::Cancelled => theme.warning,
            _ => theme.critical,
        };
        let took = humanize::seconds(seconds_between(job.started_at, *at));
        let after = Span::styled(format!(" after {took}"), theme.dim);
        return Line::from(vec![Span::styled(outcome.result.word(), look), after]);
    }
    let mut spans = vec![Span::styled("running ", theme.accent), Span::styled(running_for(job, see.now), theme.text)];
    if let Some(far) = job.progress.map(|progress| progress.words(see.now)).filter(|far| !far.is_empty()) {
        spans.push(Span::styled(format!("  {far}"), theme.text));
    }
    Line::from(spans)
}
