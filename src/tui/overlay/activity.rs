//! What a database is busy with: its sessions and who waits for whom, its tables, its
//! statements. The window asks while it is open, on a connection of its own, and waits for
//! nobody: what it shows has an age.

mod heading;
mod keys;
mod plan;
mod sessions;
mod statements;
mod tables;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

pub use self::keys::aspect_of;
use self::keys::{beside, verb_of};
use self::plan::Plan;
use super::field::Field;
use super::{Reply, closes, leaves, meaning};
use crate::domain::explain::Subject;
use crate::domain::humanize;
use crate::domain::inventory::Target;
use crate::domain::look::{Aspect, Sight};
use crate::domain::session::Session;
use crate::tui::command::Command;
use crate::tui::keymap::{Chord, Context};
use crate::tui::looks::{Answer, Look};
use crate::tui::overlay::text as window;
use crate::tui::pane::cursor::Cursor;
use crate::tui::pane::{Snapshot, rows};
use crate::tui::widget::grid::{Cells, Column};
use crate::tui::widget::mark::Marks;
use crate::tui::widget::table::Table;
use crate::tui::widget::under::{self, Explanation};
use crate::tui::widget::{empty, text};

/// The window on one database.
#[derive(Clone, Debug)]
pub struct Activity {
    database: String,
    aspect: Aspect,
    cursor: Cursor<String>,
    filter: Field,
    /// What is typed goes into the filter.
    typing: bool,
    /// The plan that is shown instead of the list.
    plan: Option<Plan>,
}

/// One line of the list, whatever it is about.
struct Row<'a> {
    /// What it is known by while it moves about.
    key: String,
    /// What stands above everything about it.
    title: String,
    cells: Cells<'a>,
    /// What `/` searches.
    says: String,
    /// What `y` copies.
    copies: String,
    detail: Vec<(&'static str, String)>,
    /// The session it is, for acts upon it.
    session: Option<&'a Session>,
    /// The statement that can be asked about.
    subject: Option<Subject>,
}

impl Activity {
    pub fn new(database: String, aspect: Aspect) -> Self {
        Self { database, aspect, cursor: Cursor::default(), filter: Field::default(), typing: false, plan: None }
    }

    /// What it shows, for whoever asks the database.
    pub fn question(&self) -> (&str, Aspect) {
        (&self.database, self.aspect)
    }

    pub fn paste(&mut self, text: &str) {
        if self.typing {
            self.filter.paste(text);
        }
    }

    pub fn types(&self) -> bool {
        self.typing
    }

    pub fn update(&mut self, see: &Snapshot<'_>, screen: Rect, key: KeyEvent) -> Reply {
        if let Some(plan) = &mut self.plan {
            return match plan.update(see, &self.database, area(screen), key) {
                Reply::Close => {
                    self.plan = None;
                    Reply::Stay
                }
                reply => reply,
            };
        }
        if self.typing {
            match key.code {
                KeyCode::Enter => self.typing = false,
                _ if leaves(key) => {
                    self.typing = false;
                    self.filter = Field::default();
                }
                _ => {
                    self.filter.key(key);
                }
            }
            return Reply::Stay;
        }
        let rows = self.rows(see);
        let keys: Vec<&String> = rows.iter().map(|row| &row.key).collect();
        let command = meaning(see, key);
        let height = area(screen).height;
        if command.is_some_and(|command| self.cursor.follow(command, &keys, height)) {
            return Reply::Stay;
        }
        let on = self.cursor.place(&keys).map(|at| &rows[at]);
        let here = see.keymap.command(&[Context::Sessions, Context::Databases], Chord::from(key));
        if let (Some(verb), Some(session)) = (here.and_then(verb_of), on.and_then(|row| row.session)) {
            return Reply::ProposeWith(verb.action(), self.target(), session.params());
        }
        if here == Some(Command::Explain) {
            let Some(subject) = on.and_then(|row| row.subject.clone()) else { return Reply::Stay };
            self.plan = Some(Plan::new(subject.clone()));
            return Reply::AskPlan(self.database.clone(), subject);
        }
        match (here.and_then(aspect_of), command) {
            (Some(aspect), _) if aspect == self.aspect => return Reply::Close,
            (Some(aspect), _) => return self.turn(aspect),
            (_, Some(Command::NextPane)) => return self.turn(beside(self.aspect, 1)),
            (_, Some(Command::PreviousPane)) => return self.turn(beside(self.aspect, Aspect::ALL.len() - 1)),
            (_, Some(Command::Filter)) => self.typing = true,
            (_, Some(Command::Read)) => return Reply::Ask,
            (_, Some(Command::Copy)) => {
                return on.map_or(Reply::Stay, |row| Reply::Copy(row.copies.clone()));
            }
            _ if leaves(key) && !self.filter.text().is_empty() => self.filter = Field::default(),
            _ if closes(see, key) => return Reply::Close,
            _ => {}
        }
        Reply::Stay
    }

    fn turn(&mut self, aspect: Aspect) -> Reply {
        *self = Self::new(std::mem::take(&mut self.database), aspect);
        Reply::Ask
    }

    fn look<'a>(&self, see: &Snapshot<'a>) -> Option<&'a Look> {
        see.looks.of(&self.database, self.aspect)
    }

    fn answer<'a>(&self, see: &Snapshot<'a>) -> Option<&'a Answer> {
        self.look(see)?.answer.as_ref()
    }

    fn rows<'a>(&self, see: &Snapshot<'a>) -> Vec<Row<'a>> {
        let Some(answer) = self.answer(see) else { return Vec::new() };
        let mut rows: Vec<Row<'a>> = match &answer.sight {
            Sight::Sessions(activity) => sessions::rows(activity, see),
            Sight::Tables(tables) => tables.rows.iter().map(|table| tables::row(table, see)).collect(),
            Sight::Statements(statements) => {
                statements.rows.iter().map(|statement| statements::row(statement, see)).collect()
            }
        };
        rows.retain(|row| rows::matches(self.filter.text(), [row.says.as_str()]));
        rows
    }

    fn columns(&self) -> &'static [Column] {
        match self.aspect {
            Aspect::Sessions => &sessions::COLUMNS,
            Aspect::Tables => &tables::COLUMNS,
            Aspect::Statements => &statements::COLUMNS,
        }
    }

    pub fn draw(&self, see: &Snapshot<'_>, screen: Rect, buffer: &mut Buffer) {
        let theme = see.theme;
        if let Some(plan) = &self.plan {
            return plan.draw(see, &self.database, area(screen), buffer);
        }
        let title = format!("{}: {}", title(self.aspect), self.database);
        let inner = window::frame(area(screen), &title, self.caption(see), theme, buffer);
        let mut free = text::rows(inner);
        let mut taken = 0;
        for line in self.heading(see, usize::from(inner.width)) {
            if let Some(row) = free.next() {
                text::put(buffer, row, &line, Marks::of(theme));
                taken += 1;
            }
        }
        let below = Rect { y: inner.y + taken, height: inner.height.saturating_sub(taken), ..inner };
        let rows = self.rows(see);
        let keys: Vec<&String> = rows.iter().map(|row| &row.key).collect();
        let Some(at) = self.cursor.place(&keys) else {
            return empty::draw(buffer, below, &[&self.nothing(see)], theme);
        };
        let explanation = explain(see, &rows[at], below.width);
        let columns = self.columns();
        let table = Table { columns, titled: true, lines: rows.len(), cursor: at, focused: true, theme };
        let (list, about) = under::split(below, table.height(), explanation.rows());
        table.draw_rows(buffer, list, |line| rows[line].cells.clone());
        explanation.draw(buffer, about, theme);
    }

    /// The database, for the acts on it.
    pub fn target(&self) -> Target {
        Target::database(&self.database)
    }
}

/// Everything about the row the cursor is on.
fn explain(see: &Snapshot<'_>, row: &Row<'_>, width: u16) -> Explanation {
    let theme = see.theme;
    let widest = row.detail.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    let body = row.detail.iter().flat_map(|(label, says)| {
        let label = format!(" {label:>widest$}  ");
        window::labelled(&label, says, usize::from(width.saturating_sub(1)), (theme.dim, theme.text))
    });
    Explanation { title: text::styled(row.title.clone(), theme.title), body: body.collect(), ..Explanation::default() }
}

const fn title(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::Sessions => "Connections",
        Aspect::Tables => "Tables",
        Aspect::Statements => "Statements",
    }
}

fn area(screen: Rect) -> Rect {
    window::window(screen, screen.width.saturating_sub(8), screen.height.saturating_sub(6))
}

/// A duration in a few cells; nothing where it is not told.
fn lasted(seconds: Option<f64>) -> String {
    seconds.map_or_else(String::new, humanize::short_seconds)
}
