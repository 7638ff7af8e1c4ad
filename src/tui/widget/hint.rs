//! Which keys do something here: the key in the accent, what it does in plain words.

use std::borrow::Cow;

use ratatui::text::Span;

use crate::tui::command::Command;
use crate::tui::keymap::Keymap;
use crate::tui::theme::Theme;

/// One key and what it does. A command no key is bound to is named as it would be typed.
pub fn key(command: Command, does: impl Into<Cow<'static, str>>, keymap: &Keymap, theme: &Theme) -> [Span<'static>; 3] {
    let key = keymap.key_of(command).unwrap_or_else(|| format!(":{}", command.name()));
    [Span::styled(key, theme.accent), Span::raw(" "), Span::styled(does, theme.text)]
}

/// Several keys in one line.
pub fn keys(
    all: impl IntoIterator<Item = (Command, Cow<'static, str>)>,
    keymap: &Keymap,
    theme: &Theme,
) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    for (command, does) in all {
        if !spans.is_empty() {
            spans.push(Span::raw("   "));
        }
        spans.extend(key(command, does, keymap, theme));
    }
    spans
}
