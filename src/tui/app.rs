//! The app: everything the screen knows, and the one function that changes it. Events go in,
//! effects come out; nothing here reads a clock or touches the world.

mod asks;
mod commands;
pub mod entries;
mod facts;
mod ui;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Rect, Size};

pub use facts::Facts;
pub use ui::{Notice, Ui};

use crate::domain::board::{Board, Change};
use crate::domain::checklist::{Checklist, Mark, Signature};
use crate::domain::humanize;
use crate::domain::inventory::{Inventory, Target};
use crate::domain::job::{JobEvent, JobId, JobResult};
use crate::domain::observation::ProbeId;
use crate::domain::plan::Confirmed;
use crate::domain::report::Report;
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, Zone, seconds_between};
use crate::domain::update::Update;
use crate::tui::command::Command;
use crate::tui::keymap::{Chord, Context, Keymap};
use crate::tui::layout::{Regions, layout};
use crate::tui::overlay::Overlay;
use crate::tui::overlay::output::Output;
use crate::tui::pane::{PANES, Pane, Selection, Snapshot};
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

/// Keys that were typed this soon after a dialog opened were not meant for it.
const TYPED_TOO_SOON: chrono::Duration = chrono::Duration::milliseconds(200);

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
        app.facts.reassess(now, &app.zone);
        app
    }

    /// Takes what happened, and says what shall be done about it.
    pub fn update(&mut self, now: Timestamp, event: Event) -> Vec<Effect> {
        self.now = now;
        match event {
            Event::Update(update) => self.heard(update),
            Event::Tick => {
                self.outdated = true;
                Vec::new()
            }
            Event::Key(key) if key.kind == KeyEventKind::Release => Vec::new(),
            Event::Key(key) => {
                let mut effects = self.settle(now);
                effects.extend(self.key(key));
                effects
            }
            Event::Paste(text) => {
                let reply = self.overlay.as_mut().map(|overlay| overlay.paste(&text));
                reply.map_or_else(Vec::new, |reply| self.reply(reply))
            }
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
        let changes = self.facts.reassess(now, &self.zone);
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
            JobEvent::Line { .. } | JobEvent::Progress { .. } => {}
        }
    }

    fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        self.ui.notice = None;
        let chord = Chord::from(key);
        let Some(overlay) = &mut self.overlay else {
            return match self.keymap.command(&self.contexts(), chord) {
                Some(command) => self.command(command),
                None => Vec::new(),
            };
        };
        let anywhere = self.keymap.command(&[Context::Everywhere], chord);
        if let Some(command @ (Command::Suspend | Command::Redraw)) = anywhere
            && key.modifiers.contains(KeyModifiers::CONTROL)
        {
            return self.command(command);
        }
        let since = self.now - self.opened_at;
        let too_soon = chrono::Duration::zero() <= since && since < TYPED_TOO_SOON;
        if too_soon && overlay.guards_keys() {
            return Vec::new();
        }
        let screen = screen(self.ui.size);
        let see = see(&self.facts, &self.ui, (&self.zone, &self.theme, &self.keymap), self.now);
        let reply = overlay.update(&see, screen, key);
        self.reply(reply)
    }

    /// The mouse focuses, scrolls and selects; it never acts.
    fn mouse(&mut self, mouse: MouseEvent) -> Vec<Effect> {
        let motion = match mouse.kind {
            MouseEventKind::ScrollDown => Some(Command::Down),
            MouseEventKind::ScrollUp => Some(Command::Up),
            MouseEventKind::Down(MouseButton::Left) => None,
            _ => return Vec::new(),
        };
        if let Some(overlay) = &mut self.overlay {
            let Some(motion) = motion.filter(|_| overlay.line().is_none()) else { return Vec::new() };
            // The arrow, not the letter: a letter might be text.
            let code = if motion == Command::Up { KeyCode::Up } else { KeyCode::Down };
            let see = see(&self.facts, &self.ui, (&self.zone, &self.theme, &self.keymap), self.now);
            let reply = overlay.update(&see, screen(self.ui.size), KeyEvent::new(code, KeyModifiers::NONE));
            return self.reply(reply);
        }
        let Some(placed) = self.regions().at(mouse.column, mouse.row).copied() else { return Vec::new() };
        self.ui.go(placed.pane);
        match motion {
            Some(command) => {
                for _ in 0..3 {
                    self.ask_pane(command);
                }
            }
            None if placed.inner().contains((mouse.column, mouse.row).into()) => {
                let row = mouse.row - placed.inner().y;
                self.with_focused(|pane, see| pane.click(see, row));
            }
            None => {}
        }
        Vec::new()
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

    /// What the pane sees.
    pub fn see(&self, pane: usize) -> Snapshot<'_> {
        let regions = self.regions();
        let inner = regions.of(pane).map_or(Rect::default(), crate::tui::layout::Placed::inner);
        let focused = pane == self.ui.focus;
        let report = match (&self.other_period, &self.held) {
            (Some(other), _) if pane == CHECKLIST => other,
            (_, Some(held)) => held,
            _ => &self.facts.report,
        };
        Snapshot {
            report,
            now: self.shown_at(),
            filter: if focused { &self.ui.filter } else { "" },
            focused,
            zoomed: focused && self.ui.zoomed,
            rows: inner.height,
            columns: inner.width,
            ..self.see_now()
        }
    }

    /// What an overlay sees: always the latest, also while the picture is held still.
    pub fn see_now(&self) -> Snapshot<'_> {
        see(&self.facts, &self.ui, (&self.zone, &self.theme, &self.keymap), self.now)
    }

    /// The instant of the picture.
    pub fn shown_at(&self) -> Timestamp {
        self.held.as_ref().map_or(self.now, |held| held.at)
    }

    /// The report of the picture.
    pub fn shown_report(&self) -> &Report {
        self.held.as_ref().unwrap_or(&self.facts.report)
    }

    pub fn regions(&self) -> Regions {
        layout(self.ui.size, &self.ui)
    }

    /// The places whose keys are live, nearest first: the pane's, then those of the row's target.
    pub fn contexts(&self) -> Vec<Context> {
        let pane = self.panes.get(self.ui.focus).map(|pane| pane.context());
        let row = self.selected_target().map(|target| Context::of(target.kind));
        let mut contexts: Vec<Context> = Vec::new();
        for context in pane.into_iter().chain(row).filter(|context| *context != Context::Everywhere) {
            if !contexts.contains(&context) {
                contexts.push(context);
            }
        }
        contexts.push(Context::Everywhere);
        contexts
    }

    pub fn selection(&self) -> Option<Selection> {
        self.panes.get(self.ui.focus)?.selected(&self.see(self.ui.focus))
    }

    /// The probes behind the selected row.
    pub fn selected_probes(&self) -> Vec<ProbeId> {
        match self.selection() {
            Some(Selection::Probe(probe)) => vec![probe],
            Some(Selection::Item { checklist, item, .. }) => {
                let lists = self.facts.report.checklists.iter().filter(|list| list.id == checklist);
                let items = lists.flat_map(|list| &list.items).filter(|one| one.text == item);
                let named: Vec<&ProbeId> = items.flat_map(|item| &item.probes).collect();
                let all = self.facts.report.assessments.iter().map(|one| &one.id);
                all.filter(|id| named.iter().any(|name| *name == *id || name.as_str() == id.kind())).cloned().collect()
            }
            Some(Selection::Job(job)) => self.facts.jobs.get(&job).map(|job| job.target.probe()).into_iter().collect(),
            Some(Selection::Record(_)) | None => Vec::new(),
        }
    }

    /// What acts on the selected row are aimed at; an item's only when it is about one thing.
    pub fn selected_target(&self) -> Option<Target> {
        match self.selected_probes()[..] {
            [ref only] => self.facts.report.assessments.iter().find(|one| one.id == *only)?.target.clone(),
            _ => None,
        }
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

fn screen(size: Size) -> Rect {
    Rect::new(0, 0, size.width, size.height)
}

/// The latest of everything, for nobody in particular. Takes the parts one by one so that
/// another part of the app may change meanwhile.
fn see<'a>(facts: &'a Facts, ui: &Ui, look: (&'a Zone, &'a Theme, &'a Keymap), now: Timestamp) -> Snapshot<'a> {
    let (zone, theme, keymap) = look;
    Snapshot {
        report: &facts.report,
        board: &facts.board,
        inventory: &facts.inventory,
        jobs: &facts.jobs,
        audit: &facts.audit,
        changes: &facts.changes,
        now,
        zone,
        theme,
        keymap,
        filter: "",
        focused: true,
        zoomed: false,
        rows: ui.size.height,
        columns: ui.size.width,
    }
}
