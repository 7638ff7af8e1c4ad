//! Everything that can be done, in one list that a few letters narrow down.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::field::Field;
use super::text::{self, pad};
use super::{Reply, leaves};
use crate::tui::app::entries::{self, Does, Entry};
use crate::tui::command::Command;
use crate::tui::pane::Snapshot;

/// The list and what it is narrowed by.
#[derive(Clone, Debug, Default)]
pub struct Palette {
    field: Field,
    cursor: usize,
}

impl Palette {
    pub fn update(&mut self, see: &Snapshot<'_>, screen: Rect, key: KeyEvent) -> Reply {
        if leaves(key) {
            return Reply::Close;
        }
        let found = self.found(see);
        let last = found.len().saturating_sub(1);
        let page = usize::from(area(screen).height.saturating_sub(4)).max(1);
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => {
                return found.into_iter().nth(self.cursor.min(last)).map_or(Reply::Stay, |entry| match entry.does {
                    Does::Command(command) => Reply::Command(command),
                    Does::Act(action, target) => Reply::Propose(action, target),
                    Does::Explain(probe) => Reply::Explain(probe),
                    Does::Look(look) => Reply::Look(look),
                });
            }
            KeyCode::Down => self.cursor = (self.cursor + 1).min(last),
            KeyCode::Up => self.cursor = self.cursor.min(last).saturating_sub(1),
            KeyCode::Char('n') if ctrl => self.cursor = (self.cursor + 1).min(last),
            KeyCode::Char('p') if ctrl => self.cursor = self.cursor.min(last).saturating_sub(1),
            KeyCode::PageDown => self.cursor = (self.cursor + page).min(last),
            KeyCode::PageUp => self.cursor = self.cursor.min(last).saturating_sub(page),
            _ if self.field.key(key) => self.cursor = 0,
            _ => {}
        }
        Reply::Stay
    }

    pub fn paste(&mut self, text: &str) {
        self.field.paste(text);
        self.cursor = 0;
    }

    /// What matches, best first.
    fn found(&self, see: &Snapshot<'_>) -> Vec<Entry> {
        let mut found: Vec<(usize, Entry)> = entries::entries(see)
            .into_iter()
            .filter(|entry| !matches!(entry.does, Does::Command(command) if is_said_otherwise(command)))
            .filter_map(|entry| Some((distance(self.field.text(), &entry)?, entry)))
            .collect();
        found.sort_by_key(|(distance, _)| *distance);
        found.into_iter().map(|(_, entry)| entry).collect()
    }

    pub fn draw(&self, see: &Snapshot<'_>, screen: Rect, buffer: &mut Buffer) {
        let theme = see.theme;
        let found = self.found(see);
        let caption = Line::styled(format!("{} found", found.len()), theme.dim);
        let inner = text::frame(area(screen), "Do", caption, theme, buffer);
        let mut rows = inner.rows();
        if let Some(row) = rows.next() {
            Line::styled("> ", theme.accent).render(row, buffer);
            let indent = row.width.min(2);
            self.field.draw(true, Rect { x: row.x + indent, width: row.width - indent, ..row }, theme, buffer);
        }
        rows.next();
        let shown = usize::from(inner.height.saturating_sub(2)).max(1);
        let cursor = self.cursor.min(found.len().saturating_sub(1));
        let top = (cursor + 1).saturating_sub(shown);
        let names = found.iter().map(|entry| entry.name.chars().count()).max().unwrap_or(0).clamp(12, 34);
        let docs = usize::from(inner.width).saturating_sub(names + 12);
        for ((index, entry), row) in found.iter().enumerate().skip(top).zip(rows) {
            let look = if index == cursor { theme.selected } else { theme.text };
            let cut = theme.ellipsis();
            Line::from(vec![
                Span::styled(format!(" {} ", pad(&entry.name, names, cut)), look),
                Span::styled(pad(&entry.doc, docs, cut), theme.dim),
                Span::styled(format!(" {:>8}", entry.key.as_deref().unwrap_or("")), theme.accent),
            ])
            .render(row, buffer);
        }
    }
}

fn area(screen: Rect) -> Rect {
    text::window(screen, screen.width.saturating_sub(12).min(86), screen.height.saturating_sub(8).min(22))
}

/// Moving about is for the keys, and an act is listed with its target.
fn is_said_otherwise(command: Command) -> bool {
    command.act().is_some()
        || (Command::Up..=Command::HalfPageDown).contains(&command)
        || matches!(command, Command::NextMatch | Command::PreviousMatch | Command::Palette | Command::Back)
}

/// How far an entry is from what was typed; `None` when its letters are not all there in this
/// order. Beginnings of words are near, gaps are far, and the name is nearer than its doc.
fn distance(typed: &str, entry: &Entry) -> Option<usize> {
    let typed = typed.trim().to_lowercase();
    let within = |text: &str| {
        let text = text.to_lowercase();
        if let Some(place) = text.find(&typed) {
            let begins = place == 0 || text[..place].ends_with(|c: char| !c.is_alphanumeric());
            return Some(if begins { place.min(9) } else { 10 + place });
        }
        let mut chars = text.chars().enumerate();
        let mut last = 0;
        for wanted in typed.chars().filter(|c| !c.is_whitespace()) {
            last = chars.find(|(_, c)| *c == wanted)?.0;
        }
        Some(40 + last)
    };
    within(&entry.name).or_else(|| within(&entry.doc).filter(|distance| *distance < 40).map(|distance| 100 + distance))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(typed: &str, names: &[&str]) -> Vec<String> {
        let mut found: Vec<(usize, &str)> = names
            .iter()
            .filter_map(|name| {
                let does = Does::Command(Command::Read);
                let entry = Entry { name: (*name).to_owned(), doc: String::new(), key: None, does };
                Some((distance(typed, &entry)?, *name))
            })
            .collect();
        found.sort_by_key(|(distance, _)| *distance);
        found.into_iter().map(|(_, name)| name.to_owned()).collect()
    }

    #[test]
    fn a_few_letters_find_it_and_the_nearest_comes_first() {
        let names = ["read-all", "vacuum rota", "show backup:rota-db", "backup rota-db"];
        assert_eq!(rank("backup", &names), ["backup rota-db", "show backup:rota-db"]);
        assert_eq!(rank("vr", &names), ["vacuum rota"]);
        assert_eq!(rank("", &names).len(), 4);
        assert!(rank("xyz", &names).is_empty());
    }
}
