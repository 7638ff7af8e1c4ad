//! One audit record, whole.

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{self, Scroll, labelled};
use super::{Reply, closes, meaning};
use crate::domain::humanize;
use crate::tui::command::Command;
use crate::tui::pane::Snapshot;

/// One audit record, by its place in the chain.
#[derive(Clone, Debug)]
pub struct Record {
    seq: u64,
    scroll: Scroll,
}

impl Record {
    pub fn new(seq: u64) -> Self {
        Self { seq, scroll: Scroll::default() }
    }

    pub fn update(&mut self, see: &Snapshot<'_>, screen: Rect, key: KeyEvent) -> Reply {
        let area = self.area(see, screen);
        let lines = self.lines(see, usize::from(area.width.saturating_sub(4))).len();
        let command = meaning(see, key);
        if self.scroll.update(command, lines, usize::from(area.height.saturating_sub(2))) {
            return Reply::Stay;
        }
        if closes(see, key) || command == Some(Command::Why) { Reply::Close } else { Reply::Stay }
    }

    pub fn draw(&self, see: &Snapshot<'_>, screen: Rect, buffer: &mut Buffer) {
        let area = self.area(see, screen);
        let inner = text::frame(area, &format!("Record {}", self.seq), Line::default(), see.theme, buffer);
        text::draw_lines(&self.lines(see, usize::from(inner.width)), self.scroll.top, inner, see.theme, buffer);
    }

    fn area(&self, see: &Snapshot<'_>, screen: Rect) -> Rect {
        let columns = screen.width.saturating_sub(8).min(100);
        let rows = self.lines(see, usize::from(columns)).len();
        text::window(screen, columns, rows as u16)
    }

    fn lines(&self, see: &Snapshot<'_>, width: usize) -> Vec<Line<'static>> {
        let Some(record) = see.audit.iter().find(|record| record.seq == self.seq) else {
            return vec![Line::styled("this record is no longer in memory; `rounds audit list` has it", see.theme.dim)];
        };
        let entry = &record.entry;
        let who = format!(
            "{} (as {} on {}, {})",
            entry.actor.operator, entry.actor.os_user, entry.actor.host, entry.actor.origin
        );
        let rows = [
            ("when", see.zone.local(entry.at).format("%a %Y-%m-%d %H:%M:%S %:z").to_string()),
            ("who", who),
            ("phase", entry.phase.word().to_owned()),
            ("action", entry.action.clone()),
            ("target", entry.target.clone()),
            ("risk", entry.risk.clone()),
            ("reason", entry.reason.clone()),
            ("outcome", entry.outcome.map_or_else(String::new, |outcome| outcome.word().to_owned())),
            ("detail", entry.detail.clone()),
            ("took", entry.took_s.map_or_else(String::new, humanize::seconds)),
            ("job", entry.correlation.clone()),
            ("hash", record.hash.clone()),
            ("before it", record.prev.clone()),
        ];
        let look = (see.theme.dim, see.theme.text);
        let mut lines: Vec<Line<'static>> = rows
            .iter()
            .filter(|(_, text)| !text.is_empty())
            .flat_map(|(label, text)| labelled(&format!("{label:<11}"), text, width, look))
            .collect();
        for (index, line) in entry.plan.lines().enumerate() {
            lines.extend(labelled(if index == 0 { "plan       " } else { "           " }, line, width, look));
        }
        lines
    }
}
