//! How old a value is, and what an old value looks like.

use std::time::Duration;

use ratatui::style::Style;
use ratatui::text::Span;

use crate::domain::board::Assessment;
use crate::domain::humanize;
use crate::tui::theme::Theme;

/// The age of a reading in a few cells; an old one says so in a word.
pub fn cell(one: &Assessment, theme: &Theme) -> Span<'static> {
    match one.age.map(short) {
        None => Span::styled("no reading", theme.dim),
        Some(age) if one.stale => Span::styled(format!("stale {age}"), theme.stale),
        Some(age) => Span::styled(age, theme.dim),
    }
}

/// The style of a value: its own, or that of all stale ones.
pub fn fresh(one: &Assessment, style: Style, theme: &Theme) -> Style {
    if one.stale { theme.stale } else { style }
}

/// The age of the oldest of several readings, for a sentence.
pub fn oldest<'a>(all: impl IntoIterator<Item = &'a Assessment>) -> Option<String> {
    all.into_iter().filter_map(|one| one.age).max().map(words)
}

/// An age in a sentence: `2 s`. Nobody needs to know it to the tenth of a second.
pub fn words(age: Duration) -> String {
    if age < Duration::from_secs(10) { format!("{} s", age.as_secs()) } else { humanize::duration(age) }
}

fn short(age: Duration) -> String {
    if age < Duration::from_secs(10) {
        format!("{}s", age.as_secs())
    } else {
        humanize::short_seconds(age.as_secs_f64())
    }
}
