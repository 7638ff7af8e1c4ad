//! The log of one row: what it became, what was done about it, and what ran and said something,
//! in the order it happened; with a search that goes through it.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;

use super::field::Field;
use super::text::{self, Scroll, labelled};
use super::{Reply, closes, leaves, meaning};
use crate::domain::humanize;
use crate::domain::observation::{Detail, ProbeId};
use crate::domain::time::{Timestamp, seconds_between};
use crate::tui::command::Command;
use crate::tui::pane::{Snapshot, rows};
use crate::tui::widget::mark::Marks;

/// The log of one probe's target.
#[derive(Clone, Debug)]
pub struct Log {
    probe: ProbeId,
    scroll: Scroll,
    /// The end is kept in view until somebody scrolls.
    follow: bool,
    search: Field,
    typing: bool,
}

/// Something that happened.
struct Entry {
    at: Timestamp,
    says: String,
    look: Style,
}

impl Log {
    pub fn new(probe: ProbeId) -> Self {
        Self { probe, scroll: Scroll::default(), follow: true, search: Field::default(), typing: false }
    }

    pub fn types(&self) -> bool {
        self.typing
    }

    pub fn paste(&mut self, text: &str) {
        if self.typing {
            self.search.paste(text);
        }
    }

    pub fn update(&mut self, see: &Snapshot<'_>, screen: Rect, key: KeyEvent) -> Reply {
        let area = area(screen);
        let lines = self.lines(see, usize::from(area.width.saturating_sub(4)));
        let height = usize::from(area.height.saturating_sub(2));
        if self.follow {
            self.scroll.top = lines.len().saturating_sub(height);
        }
        if self.typing {
            match key.code {
                KeyCode::Enter => {
                    self.typing = false;
                    self.find(&lines, height, false);
                }
                _ if leaves(key) => {
                    self.typing = false;
                    self.search = Field::default();
                }
                _ => {
                    self.search.key(key);
                }
            }
            return Reply::Stay;
        }
        let command = meaning(see, key);
        if self.scroll.update(command, lines.len(), height) {
            self.follow = self.scroll.top >= lines.len().saturating_sub(height);
            return Reply::Stay;
        }
        match command {
            Some(Command::Filter) => {
                self.typing = true;
                self.search = Field::default();
            }
            Some(Command::NextMatch) => self.find(&lines, height, true),
            Some(Command::PreviousMatch) => self.find(&lines, height, false),
            Some(Command::Log) => return Reply::Close,
            _ if leaves(key) && !self.search.text().is_empty() => self.search = Field::default(),
            _ if closes(see, key) => return Reply::Close,
            _ => {}
        }
        Reply::Stay
    }

    /// Brings the next match below, or the one before, to the middle of the window; around the end.
    fn find(&mut self, lines: &[Line<'_>], height: usize, below: bool) {
        let middle = self.scroll.top + height / 2;
        let found: Vec<usize> = lines
            .iter()
            .enumerate()
            .filter(|(_, line)| self.is_match(&line.to_string()))
            .map(|(index, _)| index)
            .collect();
        let next = if below {
            found.iter().find(|index| **index > middle).or(found.first())
        } else {
            found.iter().rev().find(|index| **index < middle).or(found.last())
        };
        if let Some(index) = next {
            self.scroll.top = index.saturating_sub(height / 2);
            self.follow = false;
        }
    }

    fn is_match(&self, text: &str) -> bool {
        !self.search.text().trim().is_empty() && rows::matches(self.search.text(), [text])
    }

    pub fn draw(&self, see: &Snapshot<'_>, screen: Rect, buffer: &mut Buffer) {
        let theme = see.theme;
        let area = area(screen);
        let width = usize::from(area.width.saturating_sub(4));
        let mut lines = self.lines(see, width);
        let found = lines.iter().filter(|line| self.is_match(&line.to_string())).count();
        let caption = match (self.typing, self.search.text()) {
            (true, text) => Line::styled(format!("/{text}_"), theme.accent),
            (false, "") => Line::styled("/ searches, n and N go on", theme.dim),
            (false, text) => Line::styled(format!("/{text}: {}", humanize::count(found, "line")), theme.accent),
        };
        for line in &mut lines {
            if self.is_match(&line.to_string()) {
                // Every match is marked in a way that needs no colour.
                *line = line.clone().patch_style(Style::new().add_modifier(Modifier::UNDERLINED | Modifier::BOLD));
            }
        }
        let inner = text::frame(area, &format!("Log: {}", self.probe), caption, theme, buffer);
        let height = usize::from(inner.height);
        let last = lines.len().saturating_sub(height);
        let top = if self.follow { last } else { self.scroll.top.min(last) };
        text::draw_lines(&lines, top, inner, theme, buffer);
    }

    fn lines(&self, see: &Snapshot<'_>, width: usize) -> Vec<Line<'static>> {
        let mut entries = self.entries(see);
        entries.sort_by_key(|entry| entry.at);
        if entries.is_empty() {
            return vec![Line::styled("nothing has happened to it since it is watched", see.theme.dim)];
        }
        let mut day = None;
        let mut lines = Vec::new();
        for entry in entries {
            let local = see.zone.local(entry.at);
            if day != Some(local.date_naive()) {
                day = Some(local.date_naive());
                lines.push(Line::styled(local.format("%A %-d %B %Y").to_string(), see.theme.title));
            }
            let head = local.format("  %H:%M:%S  ").to_string();
            lines.extend(labelled(&head, &entry.says, width, (see.theme.dim, entry.look)));
        }
        lines
    }

    fn entries(&self, see: &Snapshot<'_>) -> Vec<Entry> {
        let theme = see.theme;
        let arrow = Marks::of(theme).becomes;
        let mut entries = Vec::new();
        let mut tell = |at, says: String, look| entries.push(Entry { at, says, look });
        for change in see.changes.iter().filter(|change| change.probe == self.probe) {
            let from = change.from.map_or_else(String::new, |from| format!("{} {arrow} ", from.label()));
            tell(change.at, format!("{from}{} {}", change.to.label(), change.text), theme.status(change.to));
        }
        for record in see.audit.iter().filter(|record| record.entry.target == self.probe.as_str()) {
            let entry = &record.entry;
            let outcome = entry.outcome.map_or(entry.phase.word(), |outcome| outcome.word());
            let detail = if entry.detail.is_empty() { String::new() } else { format!(": {}", entry.detail) };
            tell(entry.at, format!("{} {}, {outcome}{detail}", entry.actor.operator, entry.action), theme.accent);
        }
        for job in see.jobs.all().iter().filter(|job| job.target.probe() == self.probe) {
            for line in &job.tail {
                tell(job.started_at, format!("{}: {line}", job.action), theme.text);
            }
        }
        match see.board.detail(&self.probe) {
            Some(Detail::Task(facts)) => {
                for run in &facts.runs {
                    tell(run.started_at, "the run began".to_owned(), theme.dim);
                    for line in run.tail.lines() {
                        tell(run.started_at, line.to_owned(), theme.text);
                    }
                    if let Some(end) = &run.ended {
                        let took = humanize::seconds(seconds_between(run.started_at, end.at));
                        let (says, look) = match (end.exit_code, end.signal) {
                            (Some(0), _) => (format!("the run ended well after {took}"), theme.ok),
                            (Some(code), _) => {
                                (format!("the run failed with exit code {code} after {took}"), theme.critical)
                            }
                            (None, Some(signal)) => {
                                (format!("the run was ended by signal {signal} after {took}"), theme.critical)
                            }
                            (None, None) => (format!("the run ended after {took}"), theme.text),
                        };
                        tell(end.at, says, look);
                    }
                }
            }
            Some(Detail::Lines(lines)) => {
                let at = see.report.assessments.iter().find(|one| one.id == self.probe).and_then(|one| one.age);
                let at = at.and_then(|age| chrono::TimeDelta::from_std(age).ok()).map_or(see.now, |age| see.now - age);
                for line in lines {
                    tell(at, line.clone(), theme.text);
                }
            }
            _ => {}
        }
        entries
    }
}

fn area(screen: Rect) -> Rect {
    text::window(screen, screen.width.saturating_sub(8).min(140), screen.height.saturating_sub(6))
}
