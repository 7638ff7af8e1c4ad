//! A question with a few answers, each with its letter. The harmless one is in focus.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::output::running_for;
use super::text;
use super::{Leave, Reply, leaves, meaning};
use crate::domain::job::{Job, JobId};
use crate::domain::time::Timestamp;
use crate::tui::command::Command;
use crate::tui::pane::Snapshot;

/// What a question is about: a text, or jobs as they are when it is drawn.
#[derive(Clone, Debug)]
enum About {
    Text(Vec<String>),
    Jobs(Vec<JobId>),
}

/// A question with its answers; the first is the harmless one.
#[derive(Clone, Debug)]
pub struct Choice {
    title: &'static str,
    about: About,
    options: Vec<(char, &'static str, Reply)>,
    focus: usize,
}

impl Choice {
    /// Leaving while jobs run.
    pub fn leave<'a>(running: impl Iterator<Item = &'a Job>) -> Self {
        Self {
            title: "Something still runs",
            about: About::Jobs(running.map(|job| job.id.clone()).collect()),
            options: vec![
                ('s', "stay", Reply::Close),
                ('f', "finish first: leave when it has ended", Reply::Leave(Leave::WhenDone)),
                ('c', "cancel it and leave", Reply::Leave(Leave::Cancelling)),
            ],
            focus: 0,
        }
    }

    /// Cancelling a job.
    pub fn cancel(job: &Job) -> Self {
        Self {
            title: "Cancel this job?",
            about: About::Jobs(vec![job.id.clone()]),
            options: vec![
                ('n', "let it run", Reply::Close),
                ('y', "cancel it: asked to stop, then stopped", Reply::Cancel(job.id.clone())),
            ],
            focus: 0,
        }
    }

    /// A mark on a list that is not the one of now.
    pub fn mark(about: Vec<String>, mark: Reply) -> Self {
        Self {
            title: "Another period",
            about: About::Text(about),
            options: vec![('n', "leave it as it is", Reply::Close), ('y', "mark it all the same", mark)],
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
        let about = match &self.about {
            About::Text(lines) => lines.clone(),
            About::Jobs(jobs) => jobs.iter().filter_map(|id| Some(described(see.jobs.get(id)?, see.now))).collect(),
        };
        let about = about.into_iter().map(|text| Line::styled(text, theme.text));
        let mut lines: Vec<Line<'_>> = about.chain([Line::default()]).collect();
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

/// A job as it is now, whatever it was when the question was asked.
fn described(job: &Job, now: Timestamp) -> String {
    match &job.ended {
        Some((_, outcome)) => format!("{}: {} by now", job.title, outcome.result.word()),
        None if !job.begun => format!("{}, looking whether it may begin for {}", job.title, running_for(job, now)),
        None => format!("{}, running for {}", job.title, running_for(job, now)),
    }
}
