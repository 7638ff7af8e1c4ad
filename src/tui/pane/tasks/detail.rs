//! What stands under the list of tasks: when the selected one is due, how long it takes, what it
//! said last, and its month as a calendar.

use chrono::{NaiveDate, TimeDelta, Weekday};
use ratatui::text::{Line, Span};

use super::tick;
use crate::domain::humanize;
use crate::domain::slot::TaskState;
use crate::domain::task::TaskFacts;
use crate::tui::command::Command;
use crate::tui::pane::{Snapshot, why};
use crate::tui::widget::calendar::Day;
use crate::tui::widget::mark::Marks;
use crate::tui::widget::strip::{Stretch, Tick};
use crate::tui::widget::{beside, calendar, hint, spark};

/// From this width on the calendar stands beside the rest.
const WIDE: u16 = 110;
/// How many weeks it shows, and how far back they can reach.
const WEEKS: u16 = 5;
const REACH: TimeDelta = TimeDelta::days(35);

/// Everything else that is known of one task.
pub(super) fn lines(see: &Snapshot<'_>, facts: &TaskFacts, room: u16) -> Vec<Line<'static>> {
    let mut left = due(see, facts);
    left.extend(why::labelled("took", took(see, facts), see));
    left.extend(tally(see, facts));
    let said = said(see, facts);
    let days = days(see, facts);
    if room < WIDE || days.is_empty() {
        left.extend(said);
        left.extend(why::labelled("days", days.iter().map(beside::styled).collect(), see));
        return left;
    }
    left.extend(said);
    let width = usize::from(room) - calendar::WIDTH - 6;
    beside::lines(left, &days, width, &Span::raw("  "))
}

fn due(see: &Snapshot<'_>, facts: &TaskFacts) -> Vec<Line<'static>> {
    let theme = see.theme;
    let view = facts.view(see.now);
    let Some(schedule) = &view.schedule else { return Vec::new() };
    let words = view.words.clone().unwrap_or_default();
    let says = if words == *schedule { words } else { format!("{words} ({schedule})") };
    let next = view.next_due.map_or_else(String::new, |at| {
        let left = humanize::seconds(crate::domain::time::seconds_between(see.now, at));
        format!(", next {} in {left}", humanize::clock(at, see.now, see.zone))
    });
    let line = vec![Span::styled(format!("{says}, {}{next}", view.timezone), theme.text)];
    why::labelled("due", vec![line], see)
}

/// How long the runs took, oldest first, and what is usual.
fn took(see: &Snapshot<'_>, facts: &TaskFacts) -> Vec<Vec<Span<'static>>> {
    let mut took: Vec<f64> = facts.runs.iter().filter_map(|run| Some(run.ended.as_ref()?.took_s)).take(30).collect();
    took.reverse();
    let Some(last) = took.last().filter(|_| took.len() > 1) else { return Vec::new() };
    let usual = facts.view(see.now).usual_s;
    let usual = usual.map_or_else(String::new, |usual| format!(", usually {}", humanize::seconds(usual)));
    let says = format!("  {} the last time{usual}", humanize::seconds(*last));
    vec![vec![spark::of(&took, see.theme), Span::styled(says, see.theme.dim)]]
}

/// The end of what it printed last.
fn said(see: &Snapshot<'_>, facts: &TaskFacts) -> Vec<Line<'static>> {
    let tail = facts.runs.first().map_or("", |run| run.tail.trim_end());
    let tail: Vec<&str> = tail.lines().rev().take(6).collect();
    let lines = tail.into_iter().rev().map(|line| vec![Span::styled(line.to_owned(), see.theme.dim)]);
    why::labelled("said", lines.collect(), see)
}

/// The last weeks: what became of the slots of each day, the worst of a day for all of it.
fn days(see: &Snapshot<'_>, facts: &TaskFacts) -> Vec<Line<'static>> {
    if facts.policy.schedule.is_none() && facts.told.is_none() {
        return Vec::new();
    }
    let past = facts.past(see.now, REACH);
    let mark = |day: NaiveDate| {
        let of_day = past.slots.iter().filter(|slot| see.zone.date(slot.at) == day);
        match of_day.filter_map(|slot| tick(slot.state)).max() {
            Some(tick) => Day::Was(tick),
            None if day < see.zone.date(past.since) => Day::Unknown,
            None => Day::Idle,
        }
    };
    calendar::lines(see.zone.date(see.now), WEEKS, Weekday::Mon, mark, see.theme)
}

/// How many of the slots that are known went wrong.
fn tally(see: &Snapshot<'_>, facts: &TaskFacts) -> Vec<Line<'static>> {
    let past = facts.past(see.now, REACH);
    if past.slots.is_empty() {
        return Vec::new();
    }
    let count = |wanted: TaskState| past.slots.iter().filter(|slot| slot.state == wanted).count();
    let failed = count(TaskState::Failed) + count(TaskState::Lost);
    let says = format!(
        "{} in {}: {} missed, {failed} failed",
        humanize::count(past.slots.len(), "slot"),
        humanize::seconds(crate::domain::time::seconds_between(past.since, see.now)),
        count(TaskState::Missed),
    );
    why::labelled("known", vec![vec![Span::styled(says, see.theme.dim)]], see)
}

/// What the marks in the strips mean, and how far they go back.
pub(super) fn legend(see: &Snapshot<'_>, stretch: Stretch) -> Line<'static> {
    let theme = see.theme;
    let mut spans = vec![Span::styled(format!("{:>5}  ", stretch.word()), theme.dim)];
    let any_frozen = see.board.tasks().any(|facts| facts.held.is_some() || !facts.freezes.is_empty());
    for (tick, word) in Tick::LEGEND.into_iter().filter(|(tick, _)| *tick != Tick::Frozen || any_frozen) {
        spans.push(tick.span(theme));
        spans.push(Span::styled(format!(" {word}   "), theme.dim));
    }
    spans.push(Span::styled(format!("{} nothing due   ", Marks::of(theme).idle), theme.dim));
    let longer = match stretch {
        Stretch::Day => "7 days",
        Stretch::Week => "30 days",
        Stretch::Month => "24 hours",
    };
    spans.extend(hint::key(Command::Right, longer, see.keymap, theme));
    Line::from(spans)
}
