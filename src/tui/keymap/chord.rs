//! One key with its modifiers, as people write it: `g`, `G`, `Ctrl-r`, `Shift-Tab`, `F1`.

use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A key with its modifiers. Shift is part of the character where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chord {
    code: KeyCode,
    modifiers: KeyModifiers,
}

/// The text names no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoKey;

/// Keys with a name; the first name of a key is the one that is shown.
const NAMED: &[(&str, KeyCode)] = &[
    ("Enter", KeyCode::Enter),
    ("Return", KeyCode::Enter),
    ("Esc", KeyCode::Esc),
    ("Tab", KeyCode::Tab),
    ("Space", KeyCode::Char(' ')),
    ("Backspace", KeyCode::Backspace),
    ("Delete", KeyCode::Delete),
    ("Insert", KeyCode::Insert),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("PageUp", KeyCode::PageUp),
    ("PageDown", KeyCode::PageDown),
];

impl From<KeyEvent> for Chord {
    fn from(key: KeyEvent) -> Self {
        Self::normal(key.code, key.modifiers)
    }
}

impl Chord {
    /// Terminals differ in how they report Shift; one form for each key makes them agree.
    fn normal(code: KeyCode, modifiers: KeyModifiers) -> Self {
        let kept = KeyModifiers::CONTROL | KeyModifiers::ALT;
        match code {
            KeyCode::BackTab => Self { code: KeyCode::Tab, modifiers: modifiers & kept | KeyModifiers::SHIFT },
            KeyCode::Char(c) if modifiers.contains(KeyModifiers::CONTROL) => {
                Self { code: KeyCode::Char(c.to_ascii_lowercase()), modifiers: modifiers & kept }
            }
            KeyCode::Char(c) if modifiers.contains(KeyModifiers::SHIFT) && c.is_ascii_lowercase() => {
                Self { code: KeyCode::Char(c.to_ascii_uppercase()), modifiers: modifiers & kept }
            }
            KeyCode::Char(_) => Self { code, modifiers: modifiers & kept },
            _ => Self { code, modifiers: modifiers & (kept | KeyModifiers::SHIFT) },
        }
    }

    /// The key event of this chord, as a terminal would report it.
    pub fn event(self) -> KeyEvent {
        KeyEvent::new(self.code, self.modifiers)
    }
}

impl FromStr for Chord {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Self, NoKey> {
        let (mut rest, mut modifiers) = (text, KeyModifiers::NONE);
        let prefixes = [("Ctrl-", KeyModifiers::CONTROL), ("Alt-", KeyModifiers::ALT), ("Shift-", KeyModifiers::SHIFT)];
        for (prefix, modifier) in prefixes {
            if let Some(after) = rest.strip_prefix(prefix) {
                (rest, modifiers) = (after, modifiers | modifier);
            }
        }
        let mut chars = rest.chars();
        let code = match (chars.next(), chars.next()) {
            (Some(only), None) if !only.is_control() => KeyCode::Char(only),
            (Some('F'), Some('1'..='9')) => KeyCode::F(rest[1..].parse().ok().ok_or(NoKey)?),
            _ => NAMED.iter().find(|(name, _)| *name == rest).map(|(_, code)| *code).ok_or(NoKey)?,
        };
        Ok(Self::normal(code, modifiers))
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (modifier, word) in
            [(KeyModifiers::CONTROL, "Ctrl-"), (KeyModifiers::ALT, "Alt-"), (KeyModifiers::SHIFT, "Shift-")]
        {
            if self.modifiers.contains(modifier) {
                f.write_str(word)?;
            }
        }
        if let Some((name, _)) = NAMED.iter().find(|(_, code)| *code == self.code) {
            return f.write_str(name);
        }
        match self.code {
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::F(number) => write!(f, "F{number}"),
            other => write!(f, "{other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_shown() {
        for text in ["g", "G", "?", "/", "[", "Ctrl-r", "Shift-Tab", "F1", "F12", "Space", "Esc", "PageUp", "Alt-x"] {
            assert_eq!(text.parse::<Chord>().expect(text).to_string(), text);
        }
        for text in ["", "gg", "Ctrl-", "ctrl-r", "F0", "Fx", "Hyper-x"] {
            assert_eq!(text.parse::<Chord>(), Err(NoKey), "{text}");
        }
    }

    #[test]
    fn terminals_that_report_shift_and_those_that_do_not_agree() {
        let table = [
            ("G", KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT)),
            ("G", KeyEvent::new(KeyCode::Char('G'), KeyModifiers::NONE)),
            ("G", KeyEvent::new(KeyCode::Char('g'), KeyModifiers::SHIFT)),
            ("?", KeyEvent::new(KeyCode::Char('?'), KeyModifiers::SHIFT)),
            ("Shift-Tab", KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT)),
            ("Shift-Tab", KeyEvent::new(KeyCode::BackTab, KeyModifiers::NONE)),
            ("Ctrl-r", KeyEvent::new(KeyCode::Char('R'), KeyModifiers::CONTROL | KeyModifiers::SHIFT)),
        ];
        for (text, event) in table {
            assert_eq!(Chord::from(event), text.parse().expect(text), "{event:?}");
        }
    }
}
