//! The first lines: whose screen this is, and whether the round is done.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use crate::domain::humanize;
use crate::domain::task::frozen;
use crate::tui::app::App;
use crate::tui::overlay::text::clip;

/// System, host, environment; the time here; who, in what mode; how old what is shown is.
/// What does not fit goes, the least needed first.
pub(super) fn identity(app: &App, row: Rect, buffer: &mut Buffer) {
    let theme = app.theme();
    let inventory = &app.facts().inventory;
    let card = &inventory.system;
    let name = if card.title.is_empty() { &card.name } else { &card.title };
    let mut left = vec![Span::styled(format!(" {name}"), theme.title)];
    if !inventory.host.is_empty() {
        left.push(Span::styled(format!(" @ {}", inventory.host), theme.text));
    }
    if !card.environment.is_empty() {
        let look = if card.is_production() { theme.warning } else { theme.dim };
        left.push(Span::styled(format!("  {}", card.environment), look));
    }
    let local = app.zone().local(app.shown_at());
    let zone = app.zone().name();
    let mut mode = Vec::new();
    if app.paused() {
        mode.push(Span::styled("PAUSED  ", theme.warning.add_modifier(Modifier::BOLD)));
    }
    if let Some(frozen) = frozen(app.facts().board.tasks(), app.shown_at(), app.zone()) {
        mode.push(Span::styled(format!("{frozen}  "), theme.warning));
    }
    if let Some(open) = open_incidents(app) {
        mode.push(Span::styled(format!("{open}  "), theme.warning));
    }
    if app.read_only() {
        mode.push(Span::styled("READ-ONLY  ", theme.accent));
    }
    let long = Span::styled(format!("{} {zone}  ", local.format("%a %Y-%m-%d %H:%M:%S")), theme.text);
    let short = Span::styled(format!("{} {zone}  ", local.format("%a %H:%M:%S")), theme.text);
    let bare = Span::styled(local.format("%H:%M ").to_string(), theme.text);
    let operator = Span::styled(format!("{}  ", app.operator()), theme.dim);
    let ages = Span::styled(format!("{} ", ages(app)), theme.dim);
    let with = |parts: Vec<Span<'static>>| -> Vec<Span<'static>> {
        let mut parts = parts;
        let place = parts.len().min(2);
        parts.splice(place..place, mode.iter().cloned());
        parts
    };
    let forms = [
        with(vec![long, operator.clone(), ages.clone()]),
        with(vec![short.clone(), operator.clone(), ages]),
        with(vec![short.clone(), operator]),
        with(vec![short]),
        with(vec![bare]),
    ];
    let taken: usize = left.iter().map(Span::width).sum();
    let room = usize::from(row.width).saturating_sub(taken + 2);
    let right = forms.into_iter().find(|form| form.iter().map(Span::width).sum::<usize>() <= room);
    Line::from(left).render(row, buffer);
    if let Some(right) = right {
        Line::from(right).right_aligned().render(row, buffer);
    }
}

/// That something failed and nobody has yet said all of it.
fn open_incidents(app: &App) -> Option<String> {
    let mut open = app.facts().incidents.iter().filter(|one| one.is_open());
    let first = open.next()?;
    let more = open.count();
    Some(if more == 0 { format!("incident {} open", first.number) } else { format!("{} incidents open", more + 1) })
}

/// From the freshest to the oldest reading.
fn ages(app: &App) -> String {
    let ages: Vec<u64> =
        app.shown_report().assessments.iter().filter_map(|one| one.age).map(|age| age.as_secs()).collect();
    let short = |age: u64| if age < 60 { format!("{age}s") } else { humanize::short_seconds(age as f64) };
    match (ages.iter().min(), ages.iter().max()) {
        (Some(low), Some(high)) if low == high => format!("data {}", short(*high)),
        (Some(low), Some(high)) => format!("data {}-{}", short(*low), short(*high)),
        _ => "no data yet".to_owned(),
    }
}

/// The first line of everything, as `rounds check` prints it.
pub(super) fn verdict(app: &App, row: Rect, buffer: &mut Buffer) {
    let theme = app.theme();
    let report = app.shown_report();
    if row.width < 4 {
        Line::styled(theme.glyph(report.status()), theme.status(report.status())).render(row, buffer);
        return;
    }
    let indent = usize::from(row.width >= 20);
    let text = clip(&report.verdict(), usize::from(row.width).saturating_sub(indent), theme.ellipsis());
    let (word, rest) = text.split_once(':').map_or((text.as_str(), ""), |(word, _)| text.split_at(word.len() + 1));
    Line::from(vec![
        Span::raw(" ".repeat(indent)),
        Span::styled(word, theme.status(report.status()).add_modifier(Modifier::BOLD)),
        Span::styled(rest, theme.text),
    ])
    .render(row, buffer);
}

/// What is wrong with the program itself.
pub(super) fn banner(app: &App, row: Rect, buffer: &mut Buffer) {
    let theme = app.theme();
    let Some(why) = &app.ui().store_error else { return };
    let text = format!(
        " {} nothing can be stored, and nothing acted upon: {why}",
        theme.glyph(crate::domain::status::Status::Critical)
    );
    Line::styled(clip(&text, usize::from(row.width), theme.ellipsis()), theme.critical).render(row, buffer);
}
