//! Scheduled tasks: what ran, what should have, and the last 24 hours of each as a strip.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::board::Assessment;
use crate::domain::humanize;
use crate::domain::observation::{Detail, ProbeId};
use crate::domain::slot::TaskState;
use crate::domain::task::{LastRun, TaskFacts, TaskView};
use crate::domain::time::seconds_between;
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::pane::cursor::Cursor;
use crate::tui::pane::{Pane, Request, Selection, Snapshot, rows, why};
use crate::tui::widget::grid::{Cells, Column, Grid};
use crate::tui::widget::list::{self, Window};
use crate::tui::widget::mark::Marks;
use crate::tui::widget::strip::{self, Tick};
use crate::tui::widget::under::{self, Explanation};
use crate::tui::widget::{age, empty, tally, text};

/// The scheduled tasks.
#[derive(Debug, Default)]
pub struct Tasks {
    cursor: Cursor<ProbeId>,
}

pub fn pane() -> Box<dyn Pane> {
    Box::<Tasks>::default()
}

const COLUMNS: [Column; 10] = [
    Column::left(""),
    Column::left("TASK").at_most(28).at_least(18),
    Column::left("STATE").rank(1),
    Column::left("SCHEDULE").at_most(26).rank(7),
    Column::left("LAST RUN").rank(3),
    Column::right("RC").rank(6),
    Column::right("TOOK (USUAL)").rank(5),
    Column::left("NEXT RUN").rank(4),
    Column::left("").grows(24).rank(2),
    Column::right("AGE").rank(8),
];
/// The column of the strip, which is drawn once its width is known.
const STRIP: usize = 8;
/// Twenty minutes to a cell; finer than that nobody reads.
const STRIP_MOST: u16 = 72;

impl Pane for Tasks {
    fn title(&self) -> &'static str {
        "Tasks"
    }

    fn context(&self) -> Context {
        Context::Tasks
    }

    fn caption(&self, see: &Snapshot<'_>) -> Line<'static> {
        let all: Vec<_> = rows::of_kind(see, "task").iter().map(|one| one.status).collect();
        tally::fitted(all, see.columns / 2, see.theme)
    }

    fn summary(&self, see: &Snapshot<'_>) -> Line<'static> {
        let all = rows::of_kind(see, "task");
        if all.is_empty() {
            return text::styled("no task", see.theme.dim);
        }
        rows::summary(see, &all, |one| {
            let last = facts(see, one).and_then(|facts| facts.runs.first());
            last.map_or_else(String::new, |run| format!("ran {}", humanize::clock(run.started_at, see.now, see.zone)))
        })
    }

    fn selected(&self, see: &Snapshot<'_>) -> Option<Selection> {
        let all = rows::of_kind(see, "task");
        Some(Selection::Probe(all[self.cursor.place(&rows::keys(&all))?].id.clone()))
    }

    fn update(&mut self, see: &Snapshot<'_>, command: Command) -> Option<Request> {
        let all = rows::of_kind(see, "task");
        let keys = rows::keys(&all);
        if self.cursor.follow(command, &keys, see.rows) {
            return None;
        }
        let one = all[self.cursor.place(&keys)?];
        match command {
            Command::LastOutput => Some(Request::LastRun(one.target.clone()?)),
            _ => rows::request(one, command),
        }
    }

    fn click(&mut self, see: &Snapshot<'_>, row: u16) {
        let all = rows::of_kind(see, "task");
        let keys = rows::keys(&all);
        let Some(at) = self.cursor.place(&keys) else { return };
        let (above, ..) = split(see, &all, at, rows::inner(see));
        let titles = titles(above);
        if let Some(line) = Window::on(all.len(), at, above.height - titles).line_at(row, titles) {
            self.cursor.go(&keys, line);
        }
    }

    fn draw(&self, see: &Snapshot<'_>, area: Rect, buffer: &mut Buffer) {
        let all = rows::of_kind(see, "task");
        let Some(at) = self.cursor.place(&rows::keys(&all)) else {
            let says = rows::nothing_matches(see).unwrap_or_else(|| "No scheduled task is known.".to_owned());
            let more = "Cron jobs of this machine are found by themselves; a [[task]] names any other.";
            return empty::draw(buffer, area, &[&says, more], see.theme);
        };
        let (above, below, explanation) = split(see, &all, at, area);
        draw_list(see, &all, at, above, buffer);
        explanation.draw(buffer, below, see.theme);
    }
}

/// The list's part of the area, and what stands under it.
fn split(see: &Snapshot<'_>, all: &[&Assessment], at: usize, area: Rect) -> (Rect, Rect, Explanation) {
    if !see.zoomed {
        return (area, Rect::ZERO, Explanation::default());
    }
    let mut explanation = why::explain(see, all[at], &[Command::RunTask, Command::LastOutput], area.width);
    explanation.body.extend(details(see, all[at]));
    explanation.keys.push(legend(see));
    let (above, below) = under::split(area, all.len() + 1, explanation.rows());
    (above, below, explanation)
}

fn titles(area: Rect) -> u16 {
    u16::from(area.height > 2)
}

fn draw_list(see: &Snapshot<'_>, all: &[&Assessment], at: usize, area: Rect, buffer: &mut Buffer) {
    let (theme, marks) = (see.theme, Marks::of(see.theme));
    let titles = titles(area);
    let window = Window::on(all.len(), at, area.height - titles);
    let measured = window.measured(all.len());
    // No more is made than is looked at: a view walks through a day of slots.
    let views: Vec<Option<TaskView>> =
        all[measured.clone()].iter().map(|one| facts(see, one).map(|facts| facts.view(see.now))).collect();
    let cells: Vec<Cells<'_>> =
        all[measured.clone()].iter().zip(&views).map(|(one, view)| cells(see, one, view.as_ref())).collect();
    let grid = Grid::of(&COLUMNS, &cells, list::body(area).width, titles > 0);
    let strip = grid.width(STRIP).min(STRIP_MOST);
    let mut free = text::rows(area);
    if let Some(row) = free.by_ref().take(usize::from(titles)).next() {
        grid.draw_titles(buffer, list::body(row), theme.dim, marks);
        if let Some(cell) = grid.cell(STRIP, list::body(row)) {
            text::put(buffer, cell, &text::styled(strip::axis(see.now, see.zone, strip), theme.dim), marks);
        }
    }
    for (index, row) in window.shown.clone().zip(free.by_ref()) {
        let (one, view, cells) = (all[index], &views[index - measured.start], &cells[index - measured.start]);
        grid.draw(buffer, list::body(row), cells, marks);
        if let (Some(cell), Some(view)) = (grid.cell(STRIP, list::body(row)), view) {
            text::put(buffer, cell, &strip::line(ticks(view), see.now, strip, theme), marks);
        } else if let Some(cell) = grid.cell(STRIP, list::body(row)) {
            text::put(buffer, cell, &text::styled(rows::finding(one), theme.dim), marks);
        }
        if index == at {
            list::select(buffer, row, see.focused, theme);
        }
    }
    if window.tells
        && let Some(row) = free.next()
    {
        let mut says = list::beyond(window.shown.start, all.len() - window.shown.end);
        let below = &all[window.shown.end..];
        if !below.is_empty() && below.iter().all(|one| one.status.is_ok()) {
            says.push_str(", all ok below");
        }
        list::tell(buffer, row, says, theme);
    }
}

fn facts<'a>(see: &Snapshot<'a>, one: &Assessment) -> Option<&'a TaskFacts> {
    match see.board.detail(&one.id)? {
        Detail::Task(facts) => Some(facts),
        _ => None,
    }
}

fn cells<'a>(see: &Snapshot<'_>, one: &'a Assessment, view: Option<&TaskView>) -> Cells<'a> {
    let theme = see.theme;
    let last = view.and_then(|view| view.last.as_ref());
    let clock = |at| humanize::clock(at, see.now, see.zone);
    let state = view.map_or(TaskState::Unknown, |view| view.state);
    let state_style = if state.status().is_ok() { theme.dim } else { theme.status(state.status()) };
    let word = match (one.waiting, state) {
        (true, _) => "waiting",
        (_, TaskState::TooShort) => "too short",
        _ => state.word(),
    };
    let never = if one.waiting { "" } else { "never" };
    let (code, code_style) = last.map_or((String::new(), theme.dim), |last| ending(see, last));
    vec![
        rows::status(one.status, theme).into(),
        text::styled(one.id.name(), theme.text),
        text::styled(word, state_style),
        text::styled(view.and_then(|view| view.words.clone()).unwrap_or_default(), theme.dim),
        text::styled(
            last.map_or_else(|| never.to_owned(), |last| clock(last.started_at)),
            age::fresh(one, theme.text, theme),
        ),
        text::styled(code, code_style),
        took(see, last, view.and_then(|view| view.usual_s)),
        text::styled(view.and_then(|view| view.next_due).map(clock).unwrap_or_default(), theme.dim),
        // Holds the place of the strip.
        Line::from(" "),
        age::cell(one, theme).into(),
    ]
}

/// The exit code, or what ended it otherwise.
fn ending(see: &Snapshot<'_>, last: &LastRun) -> (String, ratatui::style::Style) {
    let theme = see.theme;
    match (last.exit_code, last.signal) {
        (Some(0), _) => ("0".to_owned(), theme.dim),
        (Some(code), _) => (code.to_string(), theme.critical),
        (None, Some(signal)) => (format!("sig {signal}"), theme.critical),
        (None, None) => (Marks::of(theme).none.to_owned(), theme.dim),
    }
}

/// `48s (45s)`: how long the last run took, and how long one usually takes.
fn took(see: &Snapshot<'_>, last: Option<&LastRun>, usual: Option<f64>) -> Line<'static> {
    let theme = see.theme;
    let Some(last) = last else { return Line::default() };
    let took = match (last.took_s, last.ended_at) {
        _ if last.untold => Span::styled(Marks::of(theme).none, theme.dim),
        (Some(took), _) => Span::styled(humanize::short_seconds(took), theme.text),
        (None, Some(_)) => Span::styled(Marks::of(theme).none, theme.dim),
        (None, None) => {
            let elapsed = humanize::short_seconds(seconds_between(last.started_at, see.now));
            Span::styled(format!("{} {elapsed}", Marks::of(theme).running), theme.accent)
        }
    };
    let usual = usual.map_or_else(String::new, |usual| format!(" ({})", humanize::short_seconds(usual)));
    Line::from(vec![took, Span::styled(usual, theme.dim)])
}

/// The marks of a task's strip.
fn ticks(view: &TaskView) -> impl Iterator<Item = (crate::domain::time::Timestamp, Tick)> + '_ {
    view.slots.iter().filter_map(|slot| Some((slot.at, tick(slot.state)?)))
}

const fn tick(state: TaskState) -> Option<Tick> {
    Some(match state {
        TaskState::Ok => Tick::Ok,
        TaskState::Late | TaskState::Overrun | TaskState::TooShort | TaskState::Skipped => Tick::Odd,
        TaskState::Missed => Tick::Missed,
        TaskState::Failed | TaskState::Lost => Tick::Failed,
        TaskState::Running => Tick::Running,
        TaskState::New | TaskState::Unknown | TaskState::Frozen | TaskState::Disabled => return None,
    })
}

/// Everything else that is known of one task, and the end of what it printed.
fn details(see: &Snapshot<'_>, one: &Assessment) -> Vec<Line<'static>> {
    let theme = see.theme;
    let Some(facts) = facts(see, one) else { return Vec::new() };
    let view = facts.view(see.now);
    let mut lines: Vec<Vec<Span<'static>>> = Vec::new();
    if let Some(schedule) = &view.schedule {
        let words = view.words.clone().unwrap_or_default();
        let says = if words == *schedule { words } else { format!("{words} ({schedule})") };
        lines.push(vec![Span::styled(format!("{says}, {}", view.timezone), theme.text)]);
    }
    let mut all = why::labelled("due", lines, see);
    let tail = facts.runs.first().map_or("", |run| run.tail.trim_end());
    let tail: Vec<&str> = tail.lines().rev().take(6).collect();
    let said = tail.into_iter().rev().map(|line| vec![Span::styled(line.to_owned(), theme.dim)]).collect();
    all.extend(why::labelled("said", said, see));
    all
}

/// What the marks in the strips mean.
fn legend(see: &Snapshot<'_>) -> Line<'static> {
    let theme = see.theme;
    let mut spans = vec![Span::styled(format!("{:>5}  ", "24 h"), theme.dim)];
    for (tick, word) in Tick::LEGEND {
        spans.push(tick.span(theme));
        spans.push(Span::styled(format!(" {word}   "), theme.dim));
    }
    spans.push(Span::styled(format!("{} nothing due", Marks::of(theme).idle), theme.dim));
    Line::from(spans)
}
