//! A text the operator is asked for: the filter and the command line at the bottom of the
//! screen, reasons and parameters in a small window. While it is open every key is text.

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::field::Field;
use super::text::{self, labelled};
use super::{Reply, leaves};
use crate::domain::action_name::ActionName;
use crate::domain::inventory::Target;
use crate::tui::app::entries;
use crate::tui::pane::Snapshot;

/// A question and the text so far.
#[derive(Clone, Debug)]
pub struct Prompt {
    purpose: Purpose,
    title: String,
    about: Vec<String>,
    field: Field,
    /// Why the last text was not taken.
    message: Option<String>,
    /// Earlier command lines, oldest first, and which one is shown.
    history: Vec<String>,
    recalled: Option<usize>,
}

/// What the text is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    Filter,
    Command,
    /// The reason of a skip.
    Skip {
        checklist: String,
        period: String,
        item: String,
    },
    /// The reason, if one is wanted, of a signature.
    Sign {
        checklist: String,
        period: String,
    },
    /// A value of a configured action.
    Parameter {
        action: ActionName,
        target: Target,
        given: BTreeMap<String, String>,
        name: String,
    },
}

impl Prompt {
    fn new(purpose: Purpose, title: impl Into<String>, field: Field) -> Self {
        let (title, about) = (title.into(), Vec::new());
        Self { purpose, title, about, field, message: None, history: Vec::new(), recalled: None }
    }

    pub fn filter(text: &str) -> Self {
        Self::new(Purpose::Filter, "/", Field::of(text))
    }

    pub fn command(history: Vec<String>) -> Self {
        Self { history, ..Self::new(Purpose::Command, ":", Field::default()) }
    }

    /// Asks for something in a window; `about` says what is at stake.
    pub fn window(purpose: Purpose, title: impl Into<String>, about: Vec<String>, text: &str) -> Self {
        Self { about, ..Self::new(purpose, title, Field::of(text)) }
    }

    /// What is typed so far.
    pub fn text(&self) -> &str {
        self.field.text()
    }

    pub fn purpose(&self) -> &Purpose {
        &self.purpose
    }

    /// Says why the text was not taken.
    pub fn complain(&mut self, message: String) {
        self.message = Some(message);
    }

    /// It is typed in the last line of the screen.
    pub fn is_line(&self) -> bool {
        matches!(self.purpose, Purpose::Filter | Purpose::Command)
    }

    pub fn hints(&self) -> &'static [(&'static str, &'static str)] {
        match self.purpose {
            Purpose::Filter => &[("Enter", "keep the filter"), ("Esc", "clear it")],
            Purpose::Command => &[("Enter", "do it"), ("Tab", "complete"), ("Up", "earlier"), ("Esc", "back")],
            _ => &[("Enter", "done"), ("Esc", "cancel")],
        }
    }

    pub fn update(&mut self, see: &Snapshot<'_>, key: KeyEvent) -> Reply {
        if leaves(key) {
            return Reply::Close;
        }
        self.message = None;
        match (key.code, &self.purpose) {
            (KeyCode::Enter, _) => return Reply::Given(self.field.text().to_owned()),
            (KeyCode::Tab, Purpose::Command) => self.complete(see),
            (KeyCode::Up, Purpose::Command) => self.recall(true),
            (KeyCode::Down, Purpose::Command) => self.recall(false),
            (KeyCode::Backspace, Purpose::Command | Purpose::Filter) if self.field.text().is_empty() => {
                return Reply::Close;
            }
            _ => {
                self.field.key(key);
            }
        }
        self.typed()
    }

    pub fn paste(&mut self, text: &str) -> Reply {
        self.field.paste(text);
        self.typed()
    }

    fn typed(&self) -> Reply {
        match self.purpose {
            Purpose::Filter => Reply::Filter(self.field.text().to_owned()),
            _ => Reply::Stay,
        }
    }

    /// Extends the text by what all names that begin with it have in common.
    fn complete(&mut self, see: &Snapshot<'_>) {
        let names: Vec<String> = self.candidates(see).into_iter().map(|entry| entry.name).collect();
        let Some(first) = names.first() else { return };
        let common = first
            .char_indices()
            .map(|(index, c)| index + c.len_utf8())
            .take_while(|end| names.iter().all(|name| name.get(..*end) == first.get(..*end)))
            .last();
        if let Some(common) = common.filter(|end| *end > self.field.text().len()) {
            self.field = Field::of(&first[..common]);
        }
    }

    fn recall(&mut self, earlier: bool) {
        let last = self.history.len();
        let at = self.recalled.unwrap_or(last);
        let at = if earlier { at.saturating_sub(1) } else { (at + 1).min(last) };
        self.recalled = Some(at);
        self.field = Field::of(self.history.get(at).map_or("", String::as_str));
    }

    fn candidates(&self, see: &Snapshot<'_>) -> Vec<entries::Entry> {
        let begin = self.field.text().trim_start();
        entries::entries(see).into_iter().filter(|entry| entry.name.starts_with(begin)).collect()
    }

    pub fn draw(&self, see: &Snapshot<'_>, screen: Rect, buffer: &mut Buffer) {
        let theme = see.theme;
        let width = usize::from(screen.width.saturating_sub(8).min(76));
        let look = (theme.dim, theme.text);
        let mut lines: Vec<Line<'_>> =
            self.about.iter().flat_map(|text| labelled("", text, width, look)).chain([Line::default()]).collect();
        let message = self.message.iter().flat_map(|text| labelled("", text, width, (theme.critical, theme.critical)));
        let message: Vec<Line<'_>> = message.collect();
        let area = text::window(screen, width as u16, (lines.len() + 1 + message.len()) as u16);
        let inner = text::frame(area, &self.title, Line::default(), theme, buffer);
        let room = usize::from(inner.height).saturating_sub(1 + message.len());
        lines.drain(..lines.len().saturating_sub(room));
        text::draw_lines(&lines, 0, inner, theme, buffer);
        let mut rows = inner.rows().skip(lines.len());
        if let Some(row) = rows.next() {
            Line::styled("> ", theme.accent).render(row, buffer);
            let indent = row.width.min(2);
            self.field.draw(true, Rect { x: row.x + indent, width: row.width - indent, ..row }, theme, buffer);
        }
        for (line, row) in message.iter().zip(rows) {
            line.render(row, buffer);
        }
    }

    /// Draws it as the last line of the screen, with what it could become to the right.
    pub fn draw_line(&self, see: &Snapshot<'_>, row: Rect, buffer: &mut Buffer) {
        let theme = see.theme;
        let text = self.field.text();
        Line::styled(format!(" {}", self.title), theme.accent).render(row, buffer);
        let indent = row.width.min(2);
        let rest = Rect { x: row.x + indent, width: row.width - indent, ..row };
        self.field.draw(true, rest, theme, buffer);
        if self.purpose == Purpose::Command {
            let used = text.chars().count() as u16 + 4;
            if used < rest.width {
                let spans = self
                    .candidates(see)
                    .into_iter()
                    .take(8)
                    .flat_map(|entry| [Span::styled(entry.name, theme.dim), Span::raw("   ")]);
                let place = Rect { x: rest.x + used, width: rest.width - used, ..rest };
                Line::from(spans.collect::<Vec<_>>()).render(place, buffer);
            }
        }
    }
}
