//! What can be done about a row: each act with its key or its number, its risk, its exact steps, and, if
//! it is not possible now, the reason. Choosing one shows its plan; nothing runs from here.

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::text::{self, labelled, pad};
use super::{Reply, closes, meaning, why};
use crate::action;
use crate::domain::action_name::ActionName;
use crate::domain::inventory::{Target, TargetKind};
use crate::domain::plan::Risk;
use crate::domain::status::Status;
use crate::domain::upkeep::Verb;
use crate::tui::command::Command;
use crate::tui::pane::Snapshot;
use crate::tui::theme::Theme;

/// The acts on a target, and the configured ones.
#[derive(Clone, Debug)]
pub struct Menu {
    /// What the row is called.
    subject: String,
    target: Option<Target>,
    read_only: bool,
    /// Only the upkeep of a database.
    upkeep: bool,
    cursor: usize,
}

/// One act with the letter or the digit that chooses it.
struct Act {
    letter: char,
    offer: action::Offer,
    /// Where it is chosen what to do it to.
    leads_to: Option<Command>,
}

impl Menu {
    pub fn new(subject: String, target: Option<Target>, read_only: bool) -> Self {
        Self { subject, target, read_only, upkeep: false, cursor: 0 }
    }

    /// The upkeep of a database, and nothing else.
    pub fn upkeep(target: Target, read_only: bool) -> Self {
        Self { upkeep: true, ..Self::new(target.to_string(), Some(target), read_only) }
    }

    pub fn update(&mut self, see: &Snapshot<'_>, key: KeyEvent) -> Reply {
        let acts = self.acts(see);
        let last = acts.len().saturating_sub(1);
        if key.code == KeyCode::Enter {
            return choose(acts.get(self.cursor.min(last)));
        }
        if let KeyCode::Char(letter) = key.code
            && key.modifiers.difference(crossterm::event::KeyModifiers::SHIFT).is_empty()
            && let Some(act) = acts.iter().find(|act| act.letter == letter)
        {
            return choose(Some(act));
        }
        match meaning(see, key) {
            Some(Command::Down) => self.cursor = (self.cursor + 1).min(last),
            Some(Command::Up) => self.cursor = self.cursor.min(last).saturating_sub(1),
            Some(Command::Top) => self.cursor = 0,
            Some(Command::Bottom) => self.cursor = last,
            Some(Command::Actions) => return Reply::Close,
            _ if closes(see, key) => return Reply::Close,
            _ => {}
        }
        Reply::Stay
    }

    /// The acts on the row first, under the keys they have anyway; then the configured ones,
    /// numbered.
    fn acts(&self, see: &Snapshot<'_>) -> Vec<Act> {
        // A row without a target still has the configured ones.
        let target = self.target.clone().unwrap_or_else(|| Target::action(""));
        let mut acts: Vec<Act> = Vec::new();
        let offers = action::offers(&target, &see.sight()).into_iter();
        let wanted = |offer: &action::Offer| !offer.moot && (!self.upkeep || Verb::of(&offer.action).is_some());
        for offer in offers.filter(wanted) {
            let key = why::key_of(see, &offer.action).and_then(|key| only_char(&key));
            let free = |letter: &char| !acts.iter().any(|act| act.letter == *letter);
            // A letter of its own would look like a key it is not.
            let letter = key.filter(free).or_else(|| ('1'..='9').find(free));
            acts.push(Act { letter: letter.unwrap_or(' '), offer, leads_to: None });
        }
        acts.extend(self.sessions(see));
        acts
    }

    /// A session is ended where it is seen what else is connected.
    fn sessions(&self, see: &Snapshot<'_>) -> Option<Act> {
        let target = self.target.as_ref().filter(|target| target.kind == TargetKind::Database && !self.upkeep)?;
        let risk = see.inventory.databases.get(&target.id)?.way(Verb::Terminate)?.risk;
        let command = Command::Connections;
        let letter = see.keymap.key_of(command).and_then(|key| only_char(&key)).unwrap_or(' ');
        let title = "End a session, or cancel what it does: whoever holds others up first".to_owned();
        let (action, target) = (ActionName::TERMINATE, target.clone());
        let offer = action::Offer { action, title, target, risk, possible: Ok(()), moot: false };
        Some(Act { letter, offer, leads_to: Some(command) })
    }

    pub fn draw(&self, see: &Snapshot<'_>, screen: Rect, buffer: &mut Buffer) {
        let theme = see.theme;
        let width = usize::from(screen.width.saturating_sub(8).min(88));
        let lines = self.lines(see, width);
        let area = text::window(screen, width as u16, lines.len() as u16);
        let caption = if self.read_only { Line::styled("read-only", theme.warning) } else { Line::default() };
        let inner = text::frame(
            area,
            &format!("{}: {}", if self.upkeep { "Upkeep" } else { "What can be done" }, self.subject),
            caption,
            theme,
            buffer,
        );
        let top = lines.len().saturating_sub(usize::from(inner.height)).min(self.cursor);
        text::draw_lines(&lines, top, inner, theme, buffer);
    }

    fn lines(&self, see: &Snapshot<'_>, width: usize) -> Vec<Line<'static>> {
        let theme = see.theme;
        let acts = self.acts(see);
        if acts.is_empty() {
            let text = "nothing is configured that could be done about this";
            return vec![Line::styled(text, theme.dim)];
        }
        let cursor = self.cursor.min(acts.len() - 1);
        let mut lines = Vec::new();
        for (index, act) in acts.iter().enumerate() {
            let possible = act.offer.possible.is_ok();
            let look = match (index == cursor, possible) {
                (true, _) => theme.selected,
                (false, true) => theme.text,
                (false, false) => theme.dim,
            };
            lines.push(Line::from(vec![
                Span::styled(format!(" {} ", act.letter), if possible { theme.accent } else { theme.dim }),
                Span::styled(pad(&format!(" {}", act.offer.title), width.saturating_sub(17), theme.ellipsis()), look),
                Span::styled(format!("  {:<11}", act.offer.risk.word()), risk(theme, act.offer.risk)),
            ]));
        }
        lines.push(Line::default());
        lines.extend(preview(see, &acts[cursor], width));
        lines
    }
}

fn choose(act: Option<&Act>) -> Reply {
    let Some(act) = act else { return Reply::Stay };
    match act.leads_to {
        Some(command) => Reply::Command(command),
        None => Reply::Propose(act.offer.action.clone(), act.offer.target.clone()),
    }
}

/// What the chosen act would do, or why it cannot be done now.
fn preview(see: &Snapshot<'_>, act: &Act, width: usize) -> Vec<Line<'static>> {
    let theme = see.theme;
    if let Err(reason) = &act.offer.possible {
        return labelled("not now: ", reason, width, (theme.warning, theme.text));
    }
    if act.leads_to.is_some() {
        let keys = [Command::Terminate, Command::CancelStatement]
            .map(|command| see.keymap.key_of(command).unwrap_or_default());
        let text =
            format!("shows who is connected, and who waits for whom; there {} ends one, {} cancels", keys[0], keys[1]);
        return labelled("    ", &text, width, (theme.dim, theme.dim));
    }
    match action::propose(&act.offer.action, &act.offer.target, &BTreeMap::new(), &see.sight()) {
        Ok(plan) => {
            let steps = plan.steps.iter();
            steps.flat_map(|step| labelled("    ", &step.to_string(), width, (theme.dim, theme.dim))).collect()
        }
        Err(error) => labelled("    asks first: ", &error.to_string(), width, (theme.dim, theme.dim)),
    }
}

/// How a risk looks: the louder, the more it can hurt.
pub fn risk(theme: &Theme, risk: Risk) -> Style {
    match risk {
        Risk::Routine => theme.dim,
        Risk::Disruptive => theme.status(Status::Warning),
        Risk::Destructive => theme.status(Status::Critical),
    }
}

fn only_char(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}
