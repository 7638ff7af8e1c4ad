//! Scheduled tasks: what ran, what should have, and the last hours of each as a strip. Zoomed,
//! `h` and `l` make it a week or a month, and the month of the selected one is a calendar.

mod detail;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::board::Assessment;
use crate::domain::humanize;
use crate::domain::observation::{Detail, ProbeId};
use crate::domain::report::Report;
use crate::domain::slot::TaskState;
use crate::domain::task::{LastRun, Past, TaskFacts, frozen};
use crate::domain::time::seconds_between;
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::pane::cursor::Cursor;
use crate::tui::pane::{Pane, Request, Selection, Snapshot, rows, why};
use crate::tui::widget::grid::{Cells, Column};
use crate::tui::widget::list::{self, Window};
use crate::tui::widget::mark::Marks;
use crate::tui::widget::strip::{self, Stretch, Tick};
use crate::tui::widget::table::{Part, Table};
use crate::tui::widget::under::{self, Explanation};
use crate::tui::widget::{age, empty, tally, text};

/// The scheduled tasks.
#[derive(Debug, Default)]
pub struct Tasks {
    cursor: Cursor<ProbeId>,
    /// How far back the strips go where the pane has the whole screen.
    stretch: Stretch,
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
        let tasks = rows::of_kind(see, "task");
        let says = frozen(see.board.tasks(), see.now, see.zone).map_or_else(String::new, |says| format!("{says}  "));
        let room = (see.columns / 2).saturating_sub(says.len() as u16);
        let mut line = tally::fitted(tasks.iter().map(|one| one.status).collect::<Vec<_>>(), room, see.theme);
        if !says.is_empty() {
            line.spans.insert(0, Span::styled(says, see.theme.warning));
        }
        line
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

    fn wants(&self, report: &Report) -> Option<u16> {
        // With a line of titles.
        Some(rows::count(report, "task").saturating_add(1))
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
            Command::Right if see.zoomed => self.stretch = beside(self.stretch, 1),
            Command::Left if see.zoomed => self.stretch = beside(self.stretch, Stretch::ALL.len() - 1),
            _ => {}
        }
        match command {
            Command::LastOutput => Some(Request::LastRun(one.target.clone()?)),
            _ => rows::request(one, command),
        }
    }

    fn click(&mut self, see: &Snapshot<'_>, row: u16) {
        let all = rows::of_kind(see, "task");
        let keys = rows::keys(&all);
        let Some(at) = self.cursor.place(&keys) else { return };
        let (above, ..) = self.split(see, &all, at, rows::inner(see));
        if let Some(line) = table(see, &all, at).line_at(above, row) {
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
        let (above, below, explanation) = self.split(see, &all, at, area);
        self.draw_list(see, &all, at, above, buffer);
        explanation.draw(buffer, below, see.theme);
    }
}

/// When it is due, how long it takes, and its month.
pub(super) fn evidence(see: &Snapshot<'_>, one: &Assessment, room: u16) -> Vec<Line<'static>> {
    match see.board.detail(&one.id) {
        Some(Detail::Task(facts)) => detail::lines(see, facts, room),
        _ => Vec::new(),
    }
}

fn beside(stretch: Stretch, by: usize) -> Stretch {
    let place = Stretch::ALL.iter().position(|one| *one == stretch).unwrap_or(0);
    Stretch::ALL[(place + by) % Stretch::ALL.len()]
}

fn table<'a>(see: &Snapshot<'a>, all: &[&Assessment], at: usize) -> Table<'a> {
    Table { columns: &COLUMNS, titled: true, lines: all.len(), cursor: at, focused: see.focused, theme: see.theme }
}

impl Tasks {
    /// The list's part of the area, and what stands under it.
    fn split(&self, see: &Snapshot<'_>, all: &[&Assessment], at: usize, area: Rect) -> (Rect, Rect, Explanation) {
        if !see.zoomed {
            return (area, Rect::ZERO, Explanation::default());
        }
        let drift = see.board.detail(&all[at].id).and_then(Detail::drift);
        let acts = match drift.filter(|drift| !drift.told.is_empty()) {
            Some(_) => &[Command::Accept, Command::RunTask, Command::LastOutput][..],
            None => &[Command::RunTask, Command::LastOutput],
        };
        let mut explanation = why::explain(see, all[at], acts, area.width);
        explanation.body.extend(evidence(see, all[at], area.width));
        explanation.keys.push(detail::legend(see, self.stretch));
        let (above, below) = under::split(area, table(see, all, at).height(), explanation.rows());
        (above, below, explanation)
    }

    fn draw_list(&self, see: &Snapshot<'_>, all: &[&Assessment], at: usize, area: Rect, buffer: &mut Buffer) {
        let (theme, marks) = (see.theme, Marks::of(see.theme));
        let stretch = if see.zoomed { self.stretch } else { Stretch::Day };
        let beyond = |window: &Window| {
            let below = &all[window.shown.end..];
            let says = list::beyond(window.shown.start, below.len());
            let well = !below.is_empty() && below.iter().all(|one| one.status.is_ok());
            if well { format!("{says}, all ok below") } else { says }
        };
        // No more is made than is looked at: a view walks through the slots of a day.
        let row = |line: usize| cells(see, all[line], facts(see, all[line]));
        table(see, all, at).draw(buffer, area, row, beyond, |part, grid, row, buffer| {
            let width = grid.width(STRIP).min(STRIP_MOST);
            let Some(cell) = grid.cell(STRIP, row) else { return };
            let line = match part {
                Part::Titles => text::styled(strip::axis(see.now, see.zone, stretch, width), theme.dim),
                Part::Line(line) => match facts(see, all[line]) {
                    Some(facts) => {
                        // A day is at hand, and without a slot it is idle whenever somebody began
                        // to look; more is walked through for those that are shown.
                        let (slots, since) = if stretch == Stretch::Day {
                            (facts.view(see.now).slots, None)
                        } else {
                            let Past { slots, since } = facts.past(see.now, stretch.span());
                            (slots, Some(since))
                        };
                        let ticks = slots.iter().filter_map(|slot| Some((slot.at, tick(slot.state)?)));
                        strip::line(ticks, since, (see.now, stretch), width, theme)
                    }
                    None => text::styled(rows::finding(all[line]), theme.dim),
                },
            };
            text::put(buffer, cell, &line, marks);
        });
    }
}

fn facts<'a>(see: &Snapshot<'a>, one: &Assessment) -> Option<&'a TaskFacts> {
    match see.board.detail(&one.id)? {
        Detail::Task(facts) => Some(facts),
        _ => None,
    }
}

fn cells<'a>(see: &Snapshot<'_>, one: &'a Assessment, facts: Option<&TaskFacts>) -> Cells<'a> {
    let theme = see.theme;
    let view = facts.map(|facts| facts.view(see.now));
    let view = view.as_ref();
    let last = view.and_then(|view| view.last.as_ref());
    let clock = |at| humanize::clock(at, see.now, see.zone);
    let state = view.map_or(TaskState::Unknown, |view| view.state);
    let state_style = if state.status().is_ok() { theme.dim } else { theme.status(state.status()) };
    let word = match (one.waiting, state) {
        (true, _) => "waiting",
        (_, TaskState::TooShort) => "too short",
        _ => state.word(),
    };
    let thaws = facts.and_then(|facts| facts.held.as_ref()?.until).map(|at| format!("thaws {}", clock(at)));
    let next = view.and_then(|view| view.next_due).map(clock).or(thaws).unwrap_or_default();
    let never = if one.waiting { "" } else { "not seen" };
    let (code, code_style) = last.map_or((String::new(), theme.dim), |last| ending(see, last));
    // Of what nobody named nothing is asked; where nothing is known of it either, that is not "ok".
    let extra = view.is_some_and(|view| view.extra);
    let unasked = extra && one.status.is_ok() && state == TaskState::Unknown;
    let state_style = if unasked { theme.dim } else { state_style };
    let status = if unasked { Span::styled(Marks::of(theme).none, theme.dim) } else { rows::status(one.status, theme) };
    vec![
        status.into(),
        text::styled(one.id.name(), if extra { theme.dim } else { theme.text }),
        text::styled(word, state_style),
        text::styled(view.and_then(|view| view.words.clone()).unwrap_or_default(), theme.dim),
        text::styled(
            last.map_or_else(|| never.to_owned(), |last| clock(last.started_at)),
            age::fresh(one, theme.text, theme),
        ),
        text::styled(code, code_style),
        took(see, last, view.and_then(|view| view.usual_s)),
        text::styled(next, theme.dim),
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

/// The mark of a slot; none where nothing can be said of it.
const fn tick(state: TaskState) -> Option<Tick> {
    Some(match state {
        TaskState::Ok => Tick::Ok,
        TaskState::Late | TaskState::Overrun | TaskState::TooShort | TaskState::Skipped => Tick::Odd,
        TaskState::Missed => Tick::Missed,
        TaskState::Failed | TaskState::Lost => Tick::Failed,
        TaskState::Running => Tick::Running,
        TaskState::Frozen => Tick::Frozen,
        TaskState::New | TaskState::Unknown | TaskState::Disabled => return None,
    })
}
