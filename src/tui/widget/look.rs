//! What a buffer looks like, for tests: its text, and a compact legend of the roles that are
//! not plain. The theme it is drawn with gives each role a colour of its own.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Style};

use crate::tui::theme::Theme;

const ROLES: [&str; 16] = [
    "text",
    "dim",
    "accent",
    "border",
    "border-focused",
    "title",
    "selected",
    "ok",
    "warning",
    "unknown",
    "critical",
    "stale",
    "bar",
    "bar-rest",
    "limit",
    "?",
];

/// A theme in which every role can be told from every other. The selected row is a
/// background, so that the roles on it stay visible.
pub fn theme() -> Theme {
    let role = |index: u8| Style::new().fg(Color::Indexed(index));
    Theme {
        text: role(0),
        dim: role(1),
        accent: role(2),
        border: role(3),
        border_focused: role(4),
        title: role(5),
        selected: Style::new().bg(Color::Indexed(6)),
        ok: role(7),
        warning: role(8),
        unknown: role(9),
        critical: role(10),
        stale: role(11),
        bar: role(12),
        bar_rest: role(13),
        limit: role(14),
        ..Theme::default()
    }
}

/// The rows of a buffer, without the space at their ends.
pub fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let rows = buffer.content.chunks(width).map(|row| {
        let mut line = String::new();
        let mut hidden = 0;
        for cell in row {
            if hidden > 0 {
                hidden -= 1;
                continue;
            }
            line.push_str(cell.symbol());
            hidden = super::text::width(cell.symbol()).saturating_sub(1);
        }
        line.trim_end().to_owned()
    });
    rows.collect::<Vec<_>>().join("\n")
}

/// `row: role‹text›` for every run that is neither plain nor dim; `*` marks a selected one.
pub fn legend(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let mut out = String::new();
    for (y, row) in buffer.content.chunks(width).enumerate() {
        let mut runs: Vec<(String, String)> = Vec::new();
        let mut hidden = 0;
        for cell in row {
            if hidden > 0 {
                hidden -= 1;
                continue;
            }
            hidden = super::text::width(cell.symbol()).saturating_sub(1);
            let role = name(cell.fg, cell.bg);
            match runs.last_mut() {
                Some((last, text)) if *last == role => text.push_str(cell.symbol()),
                _ => runs.push((role, cell.symbol().to_owned())),
            }
        }
        let told: Vec<String> = runs
            .iter()
            .filter(|(role, text)| !["", "text", "dim"].contains(&role.as_str()) && !text.trim().is_empty())
            .map(|(role, text)| format!("{role}‹{}›", text.trim()))
            .collect();
        if !told.is_empty() {
            let _ = writeln!(out, "{y:>3}: {}", told.join(" "));
        }
    }
    out
}

fn name(fg: Color, bg: Color) -> String {
    let role = match fg {
        Color::Indexed(index) => ROLES.get(usize::from(index)).copied().unwrap_or("?"),
        _ => "",
    };
    if bg == Color::Indexed(6) { format!("{role}*") } else { role.to_owned() }
}
