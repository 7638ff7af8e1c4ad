//! Overlays: temporary layers over the panes, at most one at a time. An overlay takes the keys
//! while it is open, and answers what the app shall do; it never acts itself.

pub mod activity;
pub mod choice;
pub mod confirm;
pub mod field;
pub mod help;
pub mod incident;
pub mod log;
pub mod menu;
pub mod output;
pub mod palette;
pub mod prompt;
pub mod record;
pub mod text;
pub mod why;

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::domain::action_name::ActionName;
use crate::domain::checklist::MarkKind;
use crate::domain::explain::Subject;
use crate::domain::inventory::Target;
use crate::domain::job::JobId;
use crate::domain::observation::ProbeId;
use crate::domain::plan::Confirmed;
use crate::tui::app::entries::Look;
use crate::tui::command::Command;
use crate::tui::keymap::{Chord, Context};
use crate::tui::pane::Snapshot;

/// A temporary layer.
#[derive(Clone, Debug)]
pub enum Overlay {
    Help(help::Help),
    Why(why::Why),
    Menu(menu::Menu),
    Confirm(Box<confirm::Confirm>),
    Prompt(Box<prompt::Prompt>),
    Palette(palette::Palette),
    Output(output::Output),
    Choice(choice::Choice),
    Record(record::Record),
    Incidents(incident::Incidents),
    Log(log::Log),
    Activity(activity::Activity),
}

/// What an overlay answers to a key. All but the first five close it.
#[derive(Clone, Debug)]
pub enum Reply {
    Stay,
    /// The text changed; it filters the list at once.
    Filter(String),
    /// Look into the database that is shown, now.
    Ask,
    /// Ask how this statement of that database would be run; the overlay shows the plan.
    AskPlan(String, Subject),
    /// Into the terminal's clipboard; the overlay stays.
    Copy(String),
    Close,
    Command(Command),
    Propose(ActionName, Target),
    /// The same with what the act wants to know.
    ProposeWith(ActionName, Target, BTreeMap<String, String>),
    Explain(ProbeId),
    Look(Look),
    /// The plan was shown and agreed to.
    Start {
        plan: Box<Confirmed>,
        reason: String,
    },
    /// A text was given for what it was asked for.
    Given(String),
    /// Ask whether this job shall be cancelled.
    AskCancel(JobId),
    Cancel(JobId),
    /// Put a mark on an item of a list that is not the one of now.
    Mark {
        checklist: String,
        period: String,
        item: String,
        kind: MarkKind,
    },
    Leave(Leave),
}

/// How to leave while something runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// When it has ended.
    WhenDone,
    /// Cancel it, and leave when it has ended.
    Cancelling,
}

impl Overlay {
    pub fn update(&mut self, see: &Snapshot<'_>, screen: Rect, key: KeyEvent) -> Reply {
        match self {
            Overlay::Help(help) => help.update(see, screen, key),
            Overlay::Why(why) => why.update(see, screen, key),
            Overlay::Menu(menu) => menu.update(see, key),
            Overlay::Confirm(confirm) => confirm.update(see, screen, key),
            Overlay::Prompt(prompt) => prompt.update(see, key),
            Overlay::Palette(palette) => palette.update(see, screen, key),
            Overlay::Output(output) => output.update(see, screen, key),
            Overlay::Choice(choice) => choice.update(see, key),
            Overlay::Record(record) => record.update(see, screen, key),
            Overlay::Incidents(incidents) => incidents.update(see, screen, key),
            Overlay::Log(log) => log.update(see, screen, key),
            Overlay::Activity(activity) => activity.update(see, screen, key),
        }
    }

    /// Takes pasted text where text is typed; elsewhere it means nothing.
    pub fn paste(&mut self, text: &str) -> Reply {
        match self {
            Overlay::Confirm(confirm) => confirm.paste(text),
            Overlay::Prompt(prompt) => return prompt.paste(text),
            Overlay::Palette(palette) => palette.paste(text),
            Overlay::Log(log) => log.paste(text),
            Overlay::Activity(activity) => activity.paste(text),
            _ => {}
        }
        Reply::Stay
    }

    /// Whether a key in it can lead to an act: keys that were on their way when it opened were
    /// not meant for it.
    pub fn guards_keys(&self) -> bool {
        match self {
            Overlay::Confirm(_) | Overlay::Menu(_) | Overlay::Choice(_) | Overlay::Output(_) | Overlay::Activity(_) => {
                true
            }
            Overlay::Prompt(prompt) => !prompt.is_line(),
            Overlay::Help(_)
            | Overlay::Why(_)
            | Overlay::Palette(_)
            | Overlay::Record(_)
            | Overlay::Incidents(_)
            | Overlay::Log(_) => false,
        }
    }

    /// The line at the bottom of the screen that it is typed in, instead of a window.
    pub fn line(&self) -> Option<&prompt::Prompt> {
        match self {
            Overlay::Prompt(prompt) if prompt.is_line() => Some(prompt),
            _ => None,
        }
    }

    pub fn draw(&self, see: &Snapshot<'_>, screen: Rect, buffer: &mut Buffer) {
        match self {
            Overlay::Help(help) => help.draw(see, screen, buffer),
            Overlay::Why(why) => why.draw(see, screen, buffer),
            Overlay::Menu(menu) => menu.draw(see, screen, buffer),
            Overlay::Confirm(confirm) => confirm.draw(see, screen, buffer),
            Overlay::Prompt(prompt) => prompt.draw(see, screen, buffer),
            Overlay::Palette(palette) => palette.draw(see, screen, buffer),
            Overlay::Output(output) => output.draw(see, screen, buffer),
            Overlay::Choice(choice) => choice.draw(see, screen, buffer),
            Overlay::Record(record) => record.draw(see, screen, buffer),
            Overlay::Incidents(incidents) => incidents.draw(see, screen, buffer),
            Overlay::Log(log) => log.draw(see, screen, buffer),
            Overlay::Activity(activity) => activity.draw(see, screen, buffer),
        }
    }

    /// The keys that work in it now.
    pub fn hints(&self, see: &Snapshot<'_>) -> Vec<(String, &'static str)> {
        let hints: &[(&str, &'static str)] = match self {
            Overlay::Menu(_) => &[("Enter", "show the plan"), ("j k", "choose"), ("Esc", "back")],
            Overlay::Confirm(confirm) => confirm.hints(),
            Overlay::Prompt(prompt) => prompt.hints(),
            Overlay::Activity(activity) => &activity.hints(see),
            Overlay::Log(log) if log.types() => &[("Enter", "search"), ("Esc", "clear")],
            Overlay::Log(_) => &[("j k", "scroll"), ("/", "search"), ("n N", "next, previous"), ("Esc", "back")],
            Overlay::Palette(_) => &[("Enter", "do it"), ("Up Down", "choose"), ("Esc", "back")],
            Overlay::Output(output) if output.running(see.jobs) => {
                &[("j k", "scroll"), ("G", "follow"), ("X", "cancel it"), ("Esc", "leave it running")]
            }
            Overlay::Help(_) | Overlay::Why(_) | Overlay::Record(_) | Overlay::Incidents(_) | Overlay::Output(_) => {
                &[("j k", "scroll"), ("Esc", "back")]
            }
            Overlay::Choice(_) => &[("Enter", "choose"), ("Esc", "stay")],
        };
        hints.iter().map(|(key, doc)| ((*key).to_owned(), *doc)).collect()
    }
}

/// What a key means in an overlay that takes no text: the everywhere keys, such as those that
/// move.
fn meaning(see: &Snapshot<'_>, key: KeyEvent) -> Option<Command> {
    see.keymap.command(&[Context::Everywhere], Chord::from(key))
}

/// Esc, and what operators press when they want out.
fn leaves(key: KeyEvent) -> bool {
    key.code == KeyCode::Esc || (key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL))
}

/// The same, and `q`, where no text is typed.
fn closes(see: &Snapshot<'_>, key: KeyEvent) -> bool {
    leaves(key) || matches!(meaning(see, key), Some(Command::Quit | Command::Back))
}
