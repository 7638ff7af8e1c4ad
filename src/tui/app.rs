//! The app: everything the screen knows, and the one function that changes it. Events go in,
//! effects come out; nothing here reads a clock or touches the world.

mod asks;
mod commands;
pub mod entries;
mod facts;
mod hands;
mod held;
mod looking;
mod sight;
mod ui;

use crossterm::event::{KeyEvent, KeyEventKind, MouseEvent};
use ratatui::layout::Size;

pub use facts::Facts;
pub use ui::{Notice, Ui};

use crate::domain::board::{Board, Change};
use crate::domain::checklist::{Checklist, Mark, Signature};
use crate::domain::explain::Subject;
use crate::domain::humanize;
use crate::domain::inventory::Inventory;
use crate::domain::job::{JobEvent, JobId, JobResult};
use crate::domain::look::Aspect;
use crate::domain::observation::ProbeId;
use crate::domain::plan::Confirmed;
use crate::domain::report::Report;
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, Zone, seconds_between};
use crate::domain::update::Update;
use crate::tui::command::Command;
use crate::tui::keymap::Keymap;
use crate::tui::overlay::Overlay;
use crate::tui::overlay::output::Output;
use crate::tui::pane::{PANES, Pane, Snapshot};
use crate::tui::theme::Theme;

/// What happened.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "an event lives for one call; a box for each reading would cost more")]
pub enum Event {
    Key(KeyEvent),
    Paste(String),
    Mouse(MouseEvent),
    Resize(Size),
    /// The terminal got or lost the focus.
    Focus(bool),
    /// Time went on.
    Tick,
    Update(Update),
    Signal(Signal),
}

/// What another process asked of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Interrupt,
    Terminate,
    Hangup,
    /// To the shell, as Ctrl-Z.
    Stop,
    /// Back from it.
    Continue,
}

/// What the world shall do.
#[derive(Clone, Debug)]
#[must_use = "an effect that is dropped never happens"]
pub enum Effect {
    Refresh(Which),
    /// Run a plan that was shown and agreed to.
    Start {
        plan: Confirmed,
        /// For the audit log; empty where none was given.
        reason: String,
    },
    Cancel(JobId),
    /// Look into a database; the answer comes as an update.
    Look {
        database: String,
        aspect: Aspect,
    },
    /// Ask how a statement would be run, without running it.
    Explain {
        database: String,
        subject: Subject,
    },
    Mark(Mark),
    Sign(Box<Signature>),
    RecordChanges(Vec<Change>),
    /// Into the terminal's clipboard.
    Copy(String),
    Suspend,
    Redraw,
    Quit,
}

/// Which probes to read now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    Probe(ProbeId),
    All,
}

/// What an app is made of.
#[derive(Debug)]
pub struct Setup {
    pub board: Board,
    pub checklists: Vec<Checklist>,
    pub inventory: Inventory,
    pub zone: Zone,
    pub theme: Theme,
    pub keymap: Keymap,
    /// Who marks and signs.
    pub operator: String,
    /// The executor refuses every plan.
    pub read_only: bool,
}

/// Everything the screen knows.
#[derive(Debug)]
pub struct App {
    facts: Facts,
    ui: Ui,
    panes: Vec<Box<dyn Pane>>,
    overlay: Option<Overlay>,
    /// When the overlay opened.
    opened_at: Timestamp,
    /// What is shown while the picture is held still.
    held: Option<Report>,
    /// The report with the lists of another period, while one is shown.
    other_period: Option<Report>,
    /// Something happened that the report does not know yet.
    outdated: bool,
    now: Timestamp,
    zone: Zone,
    theme: Theme,
    keymap: Keymap,
    operator: String,
    read_only: bool,
}

/// The place of the checklist among the panes.
const CHECKLIST: usize = 1;

impl App {
    pub fn new(setup: Setup, now: Timestamp) -> Self {
        Self::with_panes(setup, PANES.iter().map(|pane| pane()).collect(), now)
    }

    /// An app with panes of one's own; there must be at least one.
    pub fn with_panes(setup: Setup, panes: Vec<Box<dyn Pane>>, now: Timestamp) -> Self {
        let mut app = Self {
            facts: Facts::new(setup.board, setup.checklists, setup.inventory, now),
            ui: Ui { size: Size::new(80, 24), ..Ui::default() },
            panes,
            overlay: None,
            opened_at: now,
            held: None,
            other_period: None,
            outdated: false,
            now,
            zone: setup.zone,
            theme: setup.theme,
            keymap: setup.keymap,
            operator: setup.operator,
            read_only: setup.read_only,
        };
        // Nothing has been read yet, so nothing can have changed.
        app.reassess();
        app
    }

    /// Asks what everything means now, and how much of it there is.
    fn reassess(&mut self) -> Vec<Change> {
        let changes = self.facts.reassess(self.now, &self.zone);
        self.ui.wants = self.panes.iter().map(|pane| pane.wants(&self.facts.report)).collect();
        changes
    }

    /// Takes what happened, and says what shall be done about it.
    pub fn update(&mut self, now: Timestamp, event: Event) -> Vec<Effect> {
        self.now = now;
        match event {
            Event::Update(update) => self.heard(update),
            Event::Tick => {
                self.outdated = true;
                self.look_again()
            }
            Event::Key(key) if key.kind == KeyEventKind::Release => Vec::new(),
            Event::Key(key) => {
                let mut effects = self.settle(now);
                effects.extend(self.key(key));
                effects
            }
            Event::Paste(text) => self.paste(&text),
            Event::Mouse(mouse) => self.mouse(mouse),
            Event::Resize(size) => {
                self.ui.size = size;
                Vec::new()
            }
            Event::Focus(_) => Vec::new(),
            Event::Signal(Signal::Interrupt | Signal::Terminate | Signal::Hangup) => vec![Effect::Quit],
            Event::Signal(Signal::Stop) => vec![Effect::Suspend],
            Event::Signal(Signal::Continue) => vec![Effect::Redraw],
        }
    }

    /// Asks what everything means now, once for a whole batch of updates.
    pub fn settle(&mut self, now: Timestamp) -> Vec<Effect> {
        if !std::mem::take(&mut self.outdated) {
            return Vec::new();
        }
        self.now = now;
        let changes = self.reassess();
        self.show_period();
        if changes.is_empty() { Vec::new() } else { vec![Effect::RecordChanges(changes)] }
    }

    fn heard(&mut self, update: Update) -> Vec<Effect> {
        self.outdated = true;
        match &update {
            Update::StoreFailed(why) => self.ui.store_error.clone_from(why),
            Update::Job(event) => self.tell(event),
            _ => {}
        }
        self.facts.apply(update);
        let done = self.ui.leaving && self.facts.jobs.running().next().is_none();
        if done { vec![Effect::Quit] } else { Vec::new() }
    }

    /// Says in passing what became of an act.
    fn tell(&mut self, event: &JobEvent) {
        match event {
            JobEvent::Started { job, action, target, .. } => {
                let meant = self.ui.awaited.take_if(|(name, on)| name == action && on == target);
                if meant.is_some() && self.overlay.is_none() {
                    self.open(Overlay::Output(Output::of_job(job.clone())));
                }
            }
            JobEvent::Finished { job, at, outcome } => {
                let Some(job) = self.facts.jobs.get(job) else { return };
                let status = match outcome.result {
                    JobResult::Succeeded => Status::Ok,
                    JobResult::Cancelled => Status::Warning,
                    _ => Status::Critical,
                };
                let took = humanize::seconds(seconds_between(job.started_at, *at));
                let detail = &outcome.detail;
                self.ui.tell(status, format!("{}: {} after {took}: {detail}", job.title, outcome.result.word()));
            }
            JobEvent::Refused { action, target, why, .. } => {
                self.ui.awaited = None;
                self.ui.tell(Status::Critical, format!("{action} on {target} was refused: {why}"));
            }
            JobEvent::Asked { .. } | JobEvent::Line { .. } | JobEvent::Progress { .. } => {}
        }
    }

    fn open(&mut self, overlay: Overlay) {
        self.overlay = Some(overlay);
        self.opened_at = self.now;
    }

    /// Lets the focused pane see and change.
    fn with_focused<T>(&mut self, ask: impl FnOnce(&mut dyn Pane, &Snapshot<'_>) -> T) -> Option<T> {
        let index = self.ui.focus;
        let mut panes = std::mem::take(&mut self.panes);
        let answer = panes.get_mut(index).map(|pane| ask(&mut **pane, &self.see(index)));
        self.panes = panes;
        answer
    }

    /// Gives a command to the focused pane.
    fn ask_pane(&mut self, command: Command) -> Option<crate::tui::pane::Request> {
        self.with_focused(|pane, see| pane.update(see, command)).flatten()
    }

    /// The moment of the last event.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    pub fn ui(&self) -> &Ui {
        &self.ui
    }

    pub fn panes(&self) -> &[Box<dyn Pane>] {
        &self.panes
    }

    pub fn overlay(&self) -> Option<&Overlay> {
        self.overlay.as_ref()
    }

    pub fn theme(&self) -> &Theme {
        &self.theme
    }

    pub fn keymap(&self) -> &Keymap {
        &self.keymap
    }

    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    pub fn operator(&self) -> &str {
        &self.operator
    }

    pub fn read_only(&self) -> bool {
        self.read_only
    }

    pub fn paused(&self) -> bool {
        self.held.is_some()
    }

    /// Shows the lists of the chosen period, if it is not this one.
    fn show_period(&mut self) {
        self.other_period = (self.ui.period != 0).then(|| {
            let checklists = self.facts.lists(self.ui.period, self.now, &self.zone);
            Report { checklists, ..self.facts.report.clone() }
        });
    }
}
