//! What each command does. Those that move or act within a list go to the focused pane; what
//! the pane leaves alone is understood from the row its cursor is on.

use std::collections::BTreeMap;

use super::{App, CHECKLIST, Effect, Which};
use crate::domain::action_name::ActionName;
use crate::domain::inventory::{Target, TargetKind};
use crate::domain::observation::{Detail, ProbeId};
use crate::domain::report::headline;
use crate::domain::status::Status;
use crate::domain::task::TaskRun;
use crate::tui::app::entries;
use crate::tui::command::Command;
use crate::tui::overlay::choice::Choice;
use crate::tui::overlay::help::Help;
use crate::tui::overlay::incident::Incidents;
use crate::tui::overlay::log::Log;
use crate::tui::overlay::menu::Menu;
use crate::tui::overlay::output::Output;
use crate::tui::overlay::palette::Palette;
use crate::tui::overlay::prompt::Prompt;
use crate::tui::overlay::record::Record;
use crate::tui::overlay::why::{About, Why};
use crate::tui::overlay::{Overlay, activity};
use crate::tui::pane::Selection;

impl App {
    pub(super) fn command(&mut self, command: Command) -> Vec<Effect> {
        if let Some(pane) = command.pane() {
            if pane < self.panes.len() {
                self.ui.go(pane);
            }
            return Vec::new();
        }
        if let Some(aspect) = activity::aspect_of(command) {
            return self.look_into(aspect);
        }
        match command {
            Command::Help => {
                let title = self.panes.get(self.ui.focus).map_or("the dashboard", |pane| pane.title());
                self.open(Overlay::Help(Help::new(self.contexts(), title)));
            }
            Command::CommandLine => {
                let history = self.ui.history.clone();
                self.open(Overlay::Prompt(Box::new(Prompt::command(history))));
            }
            Command::Palette => self.open(Overlay::Palette(Palette::default())),
            Command::Filter => {
                let prompt = Prompt::filter(&self.ui.filter);
                self.open(Overlay::Prompt(Box::new(prompt)));
            }
            Command::NextMatch => return self.pane_command(Command::Down),
            Command::PreviousMatch => return self.pane_command(Command::Up),
            Command::Back => {
                if !self.back() {
                    self.ui.go(0);
                }
            }
            Command::Quit => return if self.back() { Vec::new() } else { self.leave() },
            Command::NextPane => self.turn(1),
            Command::PreviousPane => self.turn(self.panes.len().saturating_sub(1)),
            Command::Overview => {
                self.ui.go(0);
                self.ui.filter.clear();
                self.ui.zoomed = false;
            }
            Command::Zoom => self.ui.zoomed = !self.ui.zoomed,
            Command::Read => return self.read(),
            Command::ReadAll => {
                self.ui.tell(Status::Ok, "reading everything now");
                return vec![Effect::Refresh(Which::All)];
            }
            Command::Pause => {
                self.held = if self.held.is_some() { None } else { Some(self.facts.report.clone()) };
            }
            Command::Copy => return self.copy(),
            Command::Log => return self.log(),
            Command::Incident => self.open(Overlay::Incidents(Incidents::default())),
            Command::Actions => self.menu(),
            Command::Vacuum => self.upkeep(),
            Command::CancelStatement | Command::Terminate => {
                self.ui.tell(Status::Warning, "choose the session first, among the connections of its database");
            }
            Command::Explain => {
                self.ui.tell(
                    Status::Warning,
                    "choose the statement first, among the connections or statements of its database",
                );
            }
            Command::FreezeThaw => return self.freeze_or_thaw(),
            Command::EnableDisable => return self.enable_or_disable(),
            Command::Redraw => return vec![Effect::Redraw],
            Command::Suspend => return self.suspend(),
            _ => return self.pane_command(command),
        }
        Vec::new()
    }

    /// Takes one step back; false when there is none left to take.
    fn back(&mut self) -> bool {
        if !self.ui.filter.is_empty() {
            self.ui.filter.clear();
        } else if self.ui.zoomed {
            self.ui.zoomed = false;
        } else if self.ui.focus == CHECKLIST && self.ui.period != 0 {
            self.back_to_this_period();
        } else {
            return false;
        }
        true
    }

    /// Steps as the operator would: the pane counts along.
    fn back_to_this_period(&mut self) {
        while self.ui.period != 0 {
            let before = self.ui.period;
            let step = if before < 0 { Command::LaterPeriod } else { Command::EarlierPeriod };
            let _ = self.pane_command(step);
            if self.ui.period == before {
                return;
            }
        }
    }

    fn turn(&mut self, by: usize) {
        self.ui.go((self.ui.focus + by) % self.panes.len().max(1));
    }

    /// Leaves, or asks what shall become of the jobs.
    fn leave(&mut self) -> Vec<Effect> {
        if self.facts.jobs.running().next().is_none() {
            return vec![Effect::Quit];
        }
        let choice = Choice::leave(self.facts.jobs.running());
        self.open(Overlay::Choice(choice));
        Vec::new()
    }

    fn read(&mut self) -> Vec<Effect> {
        let probes = self.selected_probes();
        if probes.is_empty() {
            self.ui.tell(Status::Warning, "nothing here can be read: no probe is behind this row");
        }
        probes.into_iter().map(|probe| Effect::Refresh(Which::Probe(probe))).collect()
    }

    /// A job is watched over by this very process; it must not stand still while one runs.
    fn suspend(&mut self) -> Vec<Effect> {
        if self.facts.jobs.running().next().is_some() {
            self.ui.tell(Status::Warning, "not to the shell while a job runs: nobody would watch its time limit");
            return Vec::new();
        }
        vec![Effect::Suspend]
    }

    fn copy(&mut self) -> Vec<Effect> {
        let text = match self.selection() {
            Some(Selection::Probe(id)) => {
                let one = self.facts.report.assessments.iter().find(|one| one.id == id);
                one.map(|one| format!("{} {}: {}", one.status.label(), one.id, headline(one, self.now)))
            }
            Some(Selection::Item { item, .. }) => Some(item),
            Some(Selection::List(id)) => {
                let list = self.facts.report.checklists.iter().find(|list| list.id == id);
                list.map(|list| list.finding(&self.zone).unwrap_or_else(|| list.title.clone()))
            }
            Some(Selection::Job(id)) => {
                self.facts.jobs.get(&id).map(|job| format!("{} {} ({})", job.title, job.target, job.id))
            }
            Some(Selection::Record(seq)) => self
                .facts
                .audit
                .iter()
                .find(|record| record.seq == seq)
                .map(|record| format!("{} {} {} {}", seq, record.entry.action, record.entry.target, record.hash)),
            None => None,
        };
        let Some(text) = text else {
            self.ui.tell(Status::Warning, "nothing is selected");
            return Vec::new();
        };
        self.ui.tell(Status::Ok, format!("copied: {text}"));
        vec![Effect::Copy(text)]
    }

    /// The log of what is behind the row.
    fn log(&mut self) -> Vec<Effect> {
        let probe = match self.selection() {
            Some(Selection::Record(seq)) => {
                let record = self.facts.audit.iter().find(|record| record.seq == seq);
                record.map(|record| ProbeId::from(record.entry.target.as_str()))
            }
            _ => self.worst_selected(),
        };
        match probe {
            Some(probe) => {
                // Where there are many tasks, what older runs printed was left in the store at first.
                let unread = match self.facts.board.detail(&probe) {
                    Some(Detail::Task(facts)) => facts.runs.iter().any(|run| run.tail == TaskRun::UNREAD),
                    _ => false,
                };
                self.open(Overlay::Log(Log::new(probe.clone())));
                if unread {
                    return vec![Effect::Refresh(Which::Probe(probe))];
                }
            }
            None => self.ui.tell(Status::Warning, "nothing is selected that has a log"),
        }
        Vec::new()
    }

    fn menu(&mut self) {
        let target = self.selected_target();
        let subject = match (&target, self.selected_probes().first()) {
            (Some(target), _) => target.to_string(),
            (None, Some(probe)) => probe.to_string(),
            (None, None) => "here".to_owned(),
        };
        self.open(Overlay::Menu(Menu::new(subject, target, self.read_only)));
    }

    /// What the pane makes of it, or else what the row under its cursor does.
    fn pane_command(&mut self, command: Command) -> Vec<Effect> {
        match self.ask_pane(command) {
            Some(request) => self.request(request),
            None => self.on_row(command),
        }
    }

    fn on_row(&mut self, command: Command) -> Vec<Effect> {
        if let Some((action, kind)) = command.act() {
            if let Some(target) = self.selected_target().filter(|target| target.kind == kind) {
                let action = if self.is_to_restart(&action, &target) { ActionName::RESTART_TASK } else { action };
                return self.propose(action, target, BTreeMap::new());
            }
            return match entries::only_target(kind, &self.facts.inventory) {
                Ok(only) => self.propose(action, only, BTreeMap::new()),
                Err(why) => {
                    self.ui.tell(Status::Warning, format!("{action}: {why}"));
                    Vec::new()
                }
            };
        }
        match (command, self.selection()) {
            (Command::Why | Command::LastOutput, Some(Selection::Job(job))) => {
                self.open(Overlay::Output(Output::of_job(job)));
            }
            (Command::Why, Some(Selection::Record(seq))) => self.open(Overlay::Record(Record::new(seq))),
            (Command::Why | Command::Evidence, Some(Selection::List(list))) => {
                self.open(Overlay::Why(Why::new(About::List(list))));
            }
            (Command::Tick | Command::Skip | Command::Undo, Some(Selection::List(_))) => {
                self.ui.tell(Status::Warning, "this row is a whole list; its items are marked in the checklist");
            }
            (Command::Why | Command::Evidence, Some(_)) => match self.worst_selected() {
                Some(probe) => self.open(Overlay::Why(Why::new(About::Probe(probe)))),
                None => self.ui.tell(Status::Ok, "nothing here reads this: it is yours to look at"),
            },
            (Command::LastOutput, Some(_)) => match self.selected_target() {
                Some(task) if task.kind == TargetKind::Task => self.last_run(task),
                _ => self.ui.tell(Status::Warning, "only tasks and jobs have an output"),
            },
            (Command::CancelJob, Some(Selection::Job(job))) => self.ask_cancel(&job),
            _ => {}
        }
        Vec::new()
    }

    pub(super) fn last_run(&mut self, task: Target) {
        self.open(Overlay::Output(Output::of_last_run(task)));
    }

    pub(super) fn ask_cancel(&mut self, job: &crate::domain::job::JobId) {
        match self.facts.jobs.get(job) {
            Some(job) if job.ended.is_none() => {
                let choice = Choice::cancel(job);
                self.open(Overlay::Choice(choice));
            }
            _ => self.ui.tell(Status::Ok, "it has already ended"),
        }
    }
}
