//! What stands under the list of backups: the six answers of the one the cursor is on, its
//! objectives as gauges, its sizes, its days as a calendar, and what runs on it now.

use chrono::{NaiveDate, Weekday};
use ratatui::text::{Line, Span};

use super::answers::{self, Answer};
use crate::domain::backup::{BackupState, Catalogue};
use crate::domain::board::Assessment;
use crate::domain::humanize;
use crate::domain::inventory::Target;
use crate::domain::job::Progress;
use crate::domain::status::Status;
use crate::domain::time::{seconds_between, span};
use crate::tui::pane::{Snapshot, why};
use crate::tui::theme::Theme;
use crate::tui::widget::bar::Bar;
use crate::tui::widget::calendar::Day;
use crate::tui::widget::strip::Tick;
use crate::tui::widget::{beside, calendar, spark, text};

/// From this width on the calendar stands beside the answers.
const WIDE: u16 = 110;
/// How many weeks it shows: a month, wherever it begins.
const WEEKS: u16 = 5;
/// Of a slot that was missed: how long after it somebody may still be at it.
const PATIENCE: std::time::Duration = std::time::Duration::from_hours(1);

/// Everything but the findings that no answer tells.
pub(super) fn lines(
    see: &Snapshot<'_>,
    one: &Assessment,
    catalogue: Option<&Catalogue>,
    room: u16,
) -> Vec<Line<'static>> {
    let wide = room >= WIDE;
    let width = usize::from(room) - if wide { calendar::WIDTH + 6 } else { 0 };
    let mut left = running(see, one, catalogue, width);
    left.extend(answer_lines(see, &answers::answers(see, one, catalogue), width));
    left.extend(objectives(see, one));
    left.extend(catalogue.and_then(|catalogue| sizes(see, catalogue)));
    let days = catalogue.map_or_else(Vec::new, |catalogue| days(see, one, catalogue));
    if wide {
        return beside::lines(left, &days, width, &Span::raw("  "));
    }
    left.extend(why::labelled("days", days.iter().map(beside::styled).collect(), see));
    left
}

/// One line for each answer.
fn answer_lines(see: &Snapshot<'_>, answers: &[Answer], width: usize) -> Vec<Line<'static>> {
    let theme = see.theme;
    let mut lines = Vec::new();
    for answer in answers {
        let look = look(answer, theme);
        let mark = Span::styled(theme.glyph(answer.status), look);
        let word = Span::styled(format!(" {:<9}", answer.word), look);
        let says = if answer.status.is_ok() { theme.dim } else { theme.text };
        for (index, says_line) in text::wrap(&answer.says, width.saturating_sub(20), 3).into_iter().enumerate() {
            let head =
                if index == 0 { [mark.clone(), word.clone()] } else { [Span::raw(" "), Span::raw(" ".repeat(10))] };
            lines.push([&head[..], &[Span::styled(says_line, if answer.quiet { theme.dim } else { says })]].concat());
        }
    }
    why::labelled("is it", lines, see)
}

/// What an answer looks like: that nobody asked is no alarm.
pub(super) fn look(answer: &Answer, theme: &Theme) -> ratatui::style::Style {
    if answer.quiet { theme.dim } else { theme.status(answer.status) }
}

/// How much work may be lost, and how long a restore may take, against what was measured.
fn objectives(see: &Snapshot<'_>, one: &Assessment) -> Vec<Line<'static>> {
    let theme = see.theme;
    let gauge = |label: &'static str, value: Option<f64>, limit: Option<f64>, of: &str, never: &str| {
        let limit = limit.filter(|limit| *limit > 0.0)?;
        let Some(value) = value else {
            let says = format!("{never}, {} allowed", humanize::seconds(limit));
            return Some(why::labelled(label, vec![vec![Span::styled(says, theme.dim)]], see).remove(0));
        };
        // The limit stands at four fifths, so that what passes it is seen to.
        let status = if value > limit { Status::Critical } else { Status::Ok };
        let style = if status.is_ok() { theme.bar } else { theme.critical };
        let mut spans = Bar { share: value / limit * 0.8, limit: Some(0.8), style }.line(20, theme).spans;
        let says = format!("  {} {of}, {} allowed", humanize::seconds(value), humanize::seconds(limit));
        spans.push(Span::styled(says, if status.is_ok() { theme.dim } else { theme.critical }));
        Some(why::labelled(label, vec![spans], see).remove(0))
    };
    let lost = gauge("RPO", one.gauge("age"), one.gauge("rpo"), "of work would be lost", "there is no backup");
    let down = gauge("RTO", one.gauge("drill_took"), one.gauge("rto"), "took the last drill", "never drilled");
    lost.into_iter().chain(down).collect()
}

/// What the files were like, oldest first.
fn sizes(see: &Snapshot<'_>, catalogue: &Catalogue) -> Option<Line<'static>> {
    let mut sizes: Vec<f64> =
        catalogue.usable(see.now).take(30).filter_map(|file| file.size_bytes.map(|size| size as f64)).collect();
    sizes.reverse();
    let (first, last) = (*sizes.first()?, *sizes.last()?);
    if sizes.len() < 2 {
        return None;
    }
    let says =
        format!("  {} to {}, {}", humanize::bytes(first), humanize::bytes(last), humanize::count(sizes.len(), "file"));
    let line = vec![spark::of(&sizes, see.theme), Span::styled(says, see.theme.dim)];
    Some(why::labelled("sizes", vec![line], see).remove(0))
}

/// The last weeks: on which days there is a backup, and on which one is missing.
fn days(see: &Snapshot<'_>, one: &Assessment, catalogue: &Catalogue) -> Vec<Line<'static>> {
    let card = see.inventory.backups.get(one.id.name());
    let first = card.and_then(|card| card.keep.as_ref()).map_or(Weekday::Mon, |keep| keep.week_start);
    let schedule = card.and_then(|card| card.schedule.as_ref());
    let oldest = catalogue.files.iter().map(|file| file.taken_at).min();
    let mark = |day: NaiveDate| {
        let of_day = catalogue.files.iter().filter(|file| see.zone.date(file.taken_at) == day);
        let tick = of_day.map(|file| match file.state {
            BackupState::Complete => Tick::Ok,
            BackupState::Growing => Tick::Running,
            BackupState::Damaged(_) => Tick::Failed,
        });
        // A day is as good as its best file.
        if let Some(tick) = tick.min() {
            return Day::Was(tick);
        }
        // Nothing is missed from before the oldest file there is.
        if oldest.is_none_or(|oldest| see.zone.date(oldest) > day) {
            return Day::Unknown;
        }
        let begins = see.zone.start_of(day);
        let due = schedule.and_then(|schedule| schedule.next(begins - chrono::Duration::seconds(1)));
        let missed = due.is_some_and(|due| see.zone.date(due) == day && due + span(PATIENCE) < see.now);
        if missed { Day::Was(Tick::Missed) } else { Day::Idle }
    };
    let mut lines = calendar::lines(see.zone.date(see.now), WEEKS, first, mark, see.theme);
    lines.push(legend(see.theme));
    lines
}

fn legend(theme: &Theme) -> Line<'static> {
    let words = [(Tick::Ok, "there"), (Tick::Missed, "missing"), (Tick::Failed, "bad")];
    let mut spans = vec![Span::raw(" ")];
    for (tick, word) in words {
        spans.extend([tick.span(theme), Span::styled(format!(" {word}  "), theme.dim)]);
    }
    Line::from(spans)
}

/// What runs on it now: how long already, how long it usually takes, how far and how fast it goes;
/// the last two on a line of their own where `width` is not enough for all.
fn running(see: &Snapshot<'_>, one: &Assessment, catalogue: Option<&Catalogue>, width: usize) -> Vec<Line<'static>> {
    let theme = see.theme;
    let target = Target::backup(one.id.name());
    let lines = see.jobs.running().filter(|job| job.target == target).flat_map(|job| {
        let elapsed = seconds_between(job.started_at, see.now);
        let usual = catalogue
            .and_then(|catalogue| usual(catalogue, see))
            .filter(|_| job.action == crate::domain::action_name::ActionName::BACKUP);
        let share = job.progress.and_then(Progress::share).or_else(|| usual.map(|usual| (elapsed / usual).min(0.99)));
        let mut spans = vec![Span::styled(
            format!("{} {} ", crate::tui::widget::mark::Marks::of(theme).running, job.title),
            theme.accent,
        )];
        spans.extend(
            share.map(|share| Bar { share, limit: None, style: theme.bar }.line(20, theme).spans).unwrap_or_default(),
        );
        let far = job.progress.map(|progress| progress.words(see.now)).filter(|words| !words.is_empty());
        let usual = usual.map_or_else(String::new, |usual| format!(", usually {}", humanize::seconds(usual)));
        spans.push(Span::styled(format!("  {}{usual}", humanize::seconds(elapsed)), theme.text));
        let far = far.map(|words| Span::styled(format!("  {words}"), theme.text));
        let whole: usize = spans.iter().chain(&far).map(Span::width).sum();
        if why::LABEL + whole <= width {
            spans.extend(far);
            return vec![spans];
        }
        std::iter::once(spans).chain(far.map(|far| vec![far])).collect()
    });
    why::labelled("now", lines.collect(), see)
}

/// How long a backup takes, as the manifests tell.
fn usual(catalogue: &Catalogue, see: &Snapshot<'_>) -> Option<f64> {
    let mut took: Vec<f64> = catalogue.usable(see.now).take(10).filter_map(|file| file.took_s).collect();
    took.sort_by(f64::total_cmp);
    took.get(took.len() / 2).copied().filter(|took| *took > 0.0)
}
