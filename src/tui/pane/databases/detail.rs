//! What stands under the list of databases: what the selected one is, and every figure that was
//! measured with its limits and its past.

use ratatui::text::{Line, Span};

use crate::domain::board::Assessment;
use crate::domain::engine::EngineCard;
use crate::domain::humanize;
use crate::domain::sample::Unit;
use crate::domain::status::Status;
use crate::domain::vitals::Vitals;
use crate::tui::overlay::text::clip;
use crate::tui::pane::{Snapshot, why};
use crate::tui::widget::{age, beside, spark, text};

/// From this width on the figures stand beside the facts.
const WIDE: u16 = 110;
/// The word in front of the lines.
const WORD: usize = 7;
/// The most room of the past behind a figure, and the least that is worth drawing.
const PAST: std::ops::RangeInclusive<usize> = 6..=16;
/// The longest name of a fact.
const FACT: usize = 20;
/// The longest name of a figure, where there is little room and where there is enough.
const FIGURE: std::ops::RangeInclusive<usize> = 24..=36;
/// The longest figure.
const VALUE: usize = 16;

/// Everything that is known of one database.
pub(super) fn lines(see: &Snapshot<'_>, one: &Assessment, vitals: Option<&Vitals>, room: u16) -> Vec<Line<'static>> {
    let (wide, room) = (room >= WIDE, usize::from(room));
    // Facts are few and long, figures are many and have limits.
    let (left, right) = if wide { (room * 2 / 5, room - room * 2 / 5 - 2) } else { (room, room) };
    let facts = facts(see, vitals, left);
    let figures = why::labelled("read", figures(see, one, vitals, right.saturating_sub(WORD)), see);
    if wide {
        return beside::lines(facts, &figures, left, &Span::raw("  "));
    }
    facts.into_iter().chain(figures).collect()
}

/// What it is and where, and what else its checks say, in lines of so many cells.
pub(super) fn facts(see: &Snapshot<'_>, vitals: Option<&Vitals>, room: usize) -> Vec<Line<'static>> {
    let told = vitals.map_or_else(Vec::new, |vitals| told(see, vitals, room.saturating_sub(WORD)));
    why::labelled("facts", told, see)
}

fn told(see: &Snapshot<'_>, vitals: &Vitals, room: usize) -> Vec<Vec<Span<'static>>> {
    let theme = see.theme;
    let number = |value: Option<u64>| value.map(|value| humanize::number(value as f64));
    let free = vitals.free_bytes().map(|bytes| humanize::bytes(bytes as f64));
    let share = vitals.free_pages.zip(vitals.pages).filter(|(_, pages)| *pages > 0);
    let share = share.map_or_else(String::new, |(free, pages)| {
        format!(", {} of it", humanize::quantity(free as f64 / pages as f64 * 100.0, Unit::Percent))
    });
    let check =
        vitals.integrity.as_ref().map(|proof| format!("{}, took {}", proof.detail, humanize::seconds(proof.took_s)));
    let own = [
        ("where", Some(vitals.location.clone())),
        ("engine", Some(format!("{} {}", vitals.engine, vitals.version))),
        ("journal", vitals.journal_mode.clone()),
        ("log", vitals.wal_bytes.map(|wal| format!("{} in the write-ahead log", humanize::bytes(wal as f64)))),
        ("tables", number(vitals.tables)),
        ("pages", number(vitals.pages)),
        ("free", free.map(|free| format!("{free} inside the file{share}"))),
        ("check", check),
    ];
    let own = own.into_iter().filter_map(|(label, says)| Some((label.to_owned(), says?)));
    let told = vitals.measured.facts.iter().map(|(label, says)| (label.to_string(), says.clone()));
    let all: Vec<(String, String)> = own.chain(told).filter(|(_, says)| !says.trim().is_empty()).collect();
    let widest = all.iter().map(|(label, _)| text::width(label)).max().unwrap_or(0).min(FACT);
    let cut = theme.ellipsis();
    let line = |(label, says): &(String, String)| -> Vec<Vec<Span<'static>>> {
        let room = room.saturating_sub(widest + 2);
        let says = text::wrap(says, room, 3).into_iter().enumerate().map(|(index, says)| {
            let label = if index == 0 { clip(label, widest, cut) } else { String::new() };
            let says = clip(&says, room, cut);
            vec![Span::styled(format!("{}  ", padded(label, widest)), theme.dim), Span::styled(says, theme.text)]
        });
        says.collect()
    };
    all.iter().flat_map(line).collect()
}

/// A text that is as wide as its column.
fn padded(text: String, width: usize) -> String {
    let blank = width.saturating_sub(text::width(&text));
    text + &" ".repeat(blank)
}

/// Every figure, in the words of its engine.
fn figures(see: &Snapshot<'_>, one: &Assessment, vitals: Option<&Vitals>, room: usize) -> Vec<Vec<Span<'static>>> {
    let (theme, cut) = (see.theme, see.theme.ellipsis());
    let card = vitals.and_then(|vitals| EngineCard::of_name(vitals.engine));
    let rows: Vec<_> = one
        .samples
        .iter()
        .map(|judged| {
            let key = &judged.sample.key;
            let gauge = card.and_then(|card| card.gauge(key));
            let label = gauge.map_or_else(|| key.replace('_', " "), |gauge| gauge.label.to_owned());
            let limits = [(Status::Warning, judged.warning), (Status::Critical, judged.critical)];
            let limits = limits.iter().filter_map(|(status, limit)| Some((theme.glyph(*status), (*limit)?)));
            let limits: Vec<String> = limits.map(|(glyph, limit)| format!("{glyph} {limit}")).collect();
            (label, humanize::value(&judged.sample.value, see.now, see.zone), limits.join("  "), judged)
        })
        .collect();
    let widest = |of: &dyn Fn(usize) -> usize| (0..rows.len()).map(of).max().unwrap_or(0);
    let values = widest(&|row| text::width(&rows[row].1)).min(VALUE);
    let limits = widest(&|row| text::width(&rows[row].2));
    // What it is held against goes before what it was, and before the last words of a long name.
    let room_for_labels = room.saturating_sub(values + limits + 8).clamp(*FIGURE.start(), *FIGURE.end());
    let labels = widest(&|row| text::width(&rows[row].0)).min(room_for_labels);
    let past = room.saturating_sub(labels + values + limits + 8).min(*PAST.end());
    let line = |(label, value, limits, judged): &(String, String, String, &crate::domain::board::JudgedSample)| {
        let status = judged.status;
        let style = if status.is_ok() { theme.text } else { theme.status(status) };
        let mark = if status.is_ok() { " " } else { theme.glyph(status) };
        let mut spans = vec![
            Span::styled(mark, theme.status(status)),
            Span::styled(format!(" {}  ", padded(clip(label, labels, cut), labels)), theme.dim),
            Span::styled(format!("{value:>values$}  "), age::fresh(one, style, theme)),
        ];
        if let Some(series) = see.board.series(&one.id, &judged.sample.key).filter(|_| PAST.contains(&past)) {
            let drawn = spark::span(series, None, see.now, past as u16, theme);
            let blank = past.saturating_sub(text::width(&drawn.content));
            spans.extend([drawn, Span::raw(" ".repeat(blank + 2))]);
        } else if PAST.contains(&past) && !limits.is_empty() {
            spans.push(Span::raw(" ".repeat(past + 2)));
        }
        spans.push(Span::styled(limits.clone(), theme.dim));
        spans
    };
    rows.iter().map(line).collect()
}
