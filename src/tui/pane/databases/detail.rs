//! What stands under the list of databases: what the selected one is, and every figure that was
//! measured with its limits and its past.

use ratatui::text::{Line, Span};

use crate::domain::board::Assessment;
use crate::domain::engine::EngineCard;
use crate::domain::humanize;
use crate::domain::sample::Unit;
use crate::domain::status::Status;
use crate::domain::vitals::Vitals;
use crate::tui::pane::{Snapshot, why};
use crate::tui::widget::{age, beside, spark, text};

/// From this width on the figures stand beside the facts.
const WIDE: u16 = 110;
/// The room of the past behind a figure.
const PAST: u16 = 16;

/// Everything that is known of one database.
pub(super) fn lines(see: &Snapshot<'_>, one: &Assessment, vitals: Option<&Vitals>, room: u16) -> Vec<Line<'static>> {
    let facts = vitals.map_or_else(Vec::new, |vitals| facts(see, vitals));
    let past = if room < WIDE { PAST } else { PAST / 2 };
    let figures = figures(see, one, vitals, past);
    if room < WIDE {
        let mut lines = why::labelled("facts", facts, see);
        lines.extend(why::labelled("read", figures, see));
        return lines;
    }
    let half = usize::from(room) / 2 - 2;
    let right = why::labelled("read", figures, see);
    beside::lines(clipped(why::labelled("facts", facts, see), half, see), &right, half, &Span::raw("  "))
}

/// Lines that are no longer than their half.
fn clipped(lines: Vec<Line<'static>>, width: usize, see: &Snapshot<'_>) -> Vec<Line<'static>> {
    let cut = see.theme.ellipsis();
    let lines = lines.into_iter().map(|line| {
        let Some((last, before)) = line.spans.split_last().filter(|_| text::line_width(&line) > width) else {
            return line;
        };
        let taken: usize = before.iter().map(|span| text::width(&span.content)).sum();
        let says = crate::tui::overlay::text::clip(&last.content, width.saturating_sub(taken), cut);
        let mut spans = before.to_vec();
        spans.push(Span::styled(says, last.style));
        Line::from(spans)
    });
    lines.collect()
}

/// What it is and where, and what else its checks say.
fn facts(see: &Snapshot<'_>, vitals: &Vitals) -> Vec<Vec<Span<'static>>> {
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
    let widest = all.iter().map(|(label, _)| text::width(label)).max().unwrap_or(0).min(20);
    let line = |(label, says): (String, String)| {
        vec![Span::styled(format!("{label:<widest$}  "), theme.dim), Span::styled(says, theme.text)]
    };
    all.into_iter().map(line).collect()
}

/// Every figure, in the words of its engine.
fn figures(see: &Snapshot<'_>, one: &Assessment, vitals: Option<&Vitals>, room: u16) -> Vec<Vec<Span<'static>>> {
    let theme = see.theme;
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
    let labels = rows.iter().map(|row| text::width(&row.0)).max().unwrap_or(0).min(36);
    let values = rows.iter().map(|row| text::width(&row.1)).max().unwrap_or(0).min(16);
    let line = |(label, value, limits, judged): &(String, String, String, &crate::domain::board::JudgedSample)| {
        let status = judged.status;
        let style = if status.is_ok() { theme.text } else { theme.status(status) };
        let mark = if status.is_ok() { " " } else { theme.glyph(status) };
        let past = see.board.series(&one.id, &judged.sample.key);
        let mut spans = vec![
            Span::styled(mark, theme.status(status)),
            Span::styled(format!(" {label:<labels$}  "), theme.dim),
            Span::styled(format!("{value:>values$}  "), age::fresh(one, style, theme)),
        ];
        if let Some(past) = past {
            let drawn = spark::span(past, None, see.now, room, theme);
            let blank = usize::from(room).saturating_sub(text::width(&drawn.content));
            spans.extend([drawn, Span::raw(" ".repeat(blank + 2))]);
        }
        spans.push(Span::styled(limits.clone(), theme.dim));
        spans
    };
    rows.iter().map(line).collect()
}
