//! A question with a few answers, each with its letter. The harmless one is in focus.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::text;
use super::{Leave, Reply, leaves, meaning};
use crate::domain::humanize;
use crate::domain::job::{Job, JobId};
use crate::domain::time::{Timestamp, seconds_between};
use crate::tui::command::Command;
use crate::tui::pane::Snapshot;

/// A question with its answers; the first is the harmless one.
#[derive(Clone, Debug)]
pub struct Choice {
    title: &'static str,
    about: Vec<String>,
    options: Vec<(char, &'static str, Reply)>,
    focus: usize,
}

impl Choice {
    /// Leaving while jobs run.
    pub fn leave<'a>(running: impl Iterator<Item = &'a Job>, now: Timestamp) -> Self {
        Self {
            title: "Something still runs",
            about: running.map(|job| described(job, now)).collect(),
            options: vec![
                ('s', "stay", Reply::Close),
                ('f', "finish first: leave when it has ended", Reply::Leave(Leave::WhenDone)),
                ('c', "cancel it and leave", Reply::Leave(Leave::Cancelling)),
            ],
            focus: 0,
        }
    }

    /// Cancelling a job.
    pub fn cancel(job: &Job, now: Timestamp) -> Self {
        Self {
            title: "Cancel this job?",
            about: vec![described(job, now)],
            options: vec![
                ('n', "let it run", Reply::Close),
                ('y', "cancel it: asked to stop, then stopped", Reply::Cancel(job.id.clone())),
            ],
            focus: 0,
        }
    }

    /// The job that one of the answers cancels.
    pub fn cancels(&self) -> Option<&JobId> {
        self.options.iter().find_map(|(_, _, reply)| match reply {
            Reply::Cancel(job) => Some(job),
            _ => None,
        })
    }

    pub fn update(&mut self, see: &Snapshot<'_>, key: KeyEvent) -> Reply {
        if leaves(key) {
            return Reply::Close;
        }
        if let KeyCode::Char(letter) = key.code
            && let Some((_, _, reply)) = self.options.iter().find(|(own, ..)| *own == letter)
        {
            return reply.clone();
        }
        let last = self.options.len() - 1;
        match (meaning(see, key), key.code) {
            (Some(Command::Down | Command::Right | Command::NextPane), _) => self.focus = (self.focus + 1).min(last),
            (Some(Command::Up | Command::Left | Command::PreviousPane), _) => self.focus = self.focus.saturating_sub(1),
            (_, KeyCode::Enter) => return self.options[self.focus.min(last)].2.clone(),
            _ => {}
        }
        Reply::Stay
    }

    pub fn draw(&self, see: &Snapshot<'_>, screen: Rect, buffer: &mut Buffer) {
        let theme = see.theme;
        let mut lines: Vec<Line<'_>> =
            self.about.iter().map(|text| Line::styled(text.as_str(), theme.text)).chain([Line::default()]).collect();
        for (index, (letter, label, _)) in self.options.iter().enumerate() {
            let chosen = if index == self.focus { theme.selected } else { theme.text };
            lines.push(Line::from(vec![
                Span::styled(format!(" {letter} "), theme.accent),
                Span::styled(format!(" {label} "), chosen),
            ]));
        }
        let width = lines.iter().map(Line::width).max().unwrap_or(0).max(self.title.len() + 2);
        let area = text::window(screen, width as u16, lines.len() as u16);
        let inner = text::frame(area, self.title, Line::default(), theme, buffer);
        text::draw_lines(&lines, 0, inner, theme, buffer);
    }
}

fn described(job: &Job, now: Timestamp) -> String {
    format!("{}, running for {}", job.title, humanize::seconds(seconds_between(job.started_at, now)))
}
