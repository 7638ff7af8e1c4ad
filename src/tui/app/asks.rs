//! What panes ask for and what overlays answer, turned into plans, questions and effects.

use std::collections::BTreeMap;

use super::{App, Effect};
use crate::action::{self, Sight};
use crate::domain::action_name::ActionName;
use crate::domain::checklist::{ListView, Mark, MarkKind};
use crate::domain::inventory::{ParamKind, Target, TargetKind};
use crate::domain::plan::{PlanError, Risk};
use crate::domain::status::Status;
use crate::tui::app::entries::{self, Does};
use crate::tui::overlay::choice::Choice;
use crate::tui::overlay::confirm::Confirm;
use crate::tui::overlay::output::Output;
use crate::tui::overlay::prompt::{Prompt, Purpose};
use crate::tui::overlay::why::{About, Why};
use crate::tui::overlay::{Leave, Overlay, Reply};
use crate::tui::pane::Request;

impl App {
    /// Does what a pane asked for.
    pub(super) fn request(&mut self, request: Request) -> Vec<Effect> {
        match request {
            Request::Propose(action, target) => return self.propose(action, target, BTreeMap::new()),
            Request::Mark { checklist, period, item, kind: MarkKind::Skip } => {
                let mut about = vec![format!("{item}, {period}")];
                about.extend(self.not_of_now(&checklist, &period));
                about.push("Why is it left out? The reason is kept.".to_owned());
                let purpose = Purpose::Skip { checklist, period, item };
                self.open(Overlay::Prompt(Box::new(Prompt::window(purpose, "Skip", about, ""))));
            }
            Request::Mark { checklist, period, item, kind } => match self.not_of_now(&checklist, &period) {
                None => return vec![self.mark(checklist, period, item, kind, String::new())],
                Some(warning) => {
                    let about = vec![item.clone(), warning];
                    let mark = Reply::Mark { checklist, period, item, kind };
                    self.open(Overlay::Choice(Choice::mark(about, mark)));
                }
            },
            Request::Sign { checklist, period } => self.ask_signature(checklist, period),
            Request::Explain(probe) => self.open(Overlay::Why(Why::new(About::Probe(probe)))),
            Request::Output(job) => self.open(Overlay::Output(Output::of_job(job))),
            Request::LastRun(task) => self.last_run(task),
            Request::Period(steps) => {
                self.ui.period = steps;
                self.show_period();
            }
            Request::Refuse(why) => self.ui.tell(Status::Warning, why),
        }
        Vec::new()
    }

    fn mark(&self, checklist: String, period: String, item: String, kind: MarkKind, note: String) -> Effect {
        Effect::Mark(Mark { checklist, period, item, kind, at: self.now, operator: self.operator.clone(), note })
    }

    /// Plans an act and shows the plan; asks for the values a configured action lacks first.
    pub(super) fn propose(
        &mut self,
        action: ActionName,
        target: Target,
        given: BTreeMap<String, String>,
    ) -> Vec<Effect> {
        let card = self.facts.inventory.actions.get(&target.id).filter(|_| target.kind == TargetKind::Action);
        let lacking = card.and_then(|card| card.params.iter().find(|param| !given.contains_key(&param.name)));
        if let (Some(card), Some(param)) = (card, lacking) {
            let form = match param.kind {
                ParamKind::Text => "a text",
                ParamKind::Integer => "a whole number",
                ParamKind::Date => "a date such as 2026-03-02",
            };
            let about = vec![format!("{}: {form}", param.name)];
            let default = param.default.clone().unwrap_or_default();
            let (title, name) = (card.title.clone(), param.name.clone());
            let purpose = Purpose::Parameter { action, target, given, name };
            self.open(Overlay::Prompt(Box::new(Prompt::window(purpose, title, about, &default))));
            return Vec::new();
        }
        let sight = Sight { inventory: &self.facts.inventory, board: &self.facts.board, now: self.now };
        match action::propose(&action, &target, &given, &sight) {
            Ok(plan) => {
                let confirm = Confirm::new(plan, self.read_only);
                self.open(Overlay::Confirm(Box::new(confirm)));
            }
            // What an act wants to know is asked for, once.
            Err(PlanError::Parameter { name, why }) if !given.contains_key(&name) => {
                let (title, about) = (format!("{action} on {target}"), vec![why]);
                let purpose = Purpose::Parameter { action, target, given, name };
                self.open(Overlay::Prompt(Box::new(Prompt::window(purpose, title, about, ""))));
            }
            // It names the target itself, and a line is short.
            Err(error @ PlanError::Moot(_)) => self.ui.tell(Status::Warning, error.to_string()),
            Err(error) => self.ui.tell(Status::Warning, format!("{action} on {target}: {error}")),
        }
        Vec::new()
    }

    /// What is said before a list is touched that is not the one of now.
    fn not_of_now(&self, checklist: &str, period: &str) -> Option<String> {
        let list = self.list(checklist, period).filter(|list| !list.is_current(self.now))?;
        let current = list.every.around(self.now, &self.zone).key;
        Some(format!("This is the list of {period}, not the one of now ({current})."))
    }

    fn list(&self, checklist: &str, period: &str) -> Option<&ListView> {
        let shown = self.other_period.iter().flat_map(|report| &report.checklists);
        let all = self.facts.report.checklists.iter().chain(shown);
        all.into_iter().find(|list| list.id == checklist && list.period.key == period)
    }

    /// Asks for the signature: what is not done is named, and then wants a reason.
    fn ask_signature(&mut self, checklist: String, period: String) {
        let Some(list) = self.list(&checklist, &period) else { return };
        if let Some(signature) = &list.signed {
            let text = format!("{} of {period} is already signed by {}", list.title, signature.operator);
            return self.ui.tell(Status::Warning, text);
        }
        let mut about = vec![format!("{}: {} of {} done, as {}", period, list.done(), list.items.len(), self.operator)];
        about.extend(self.not_of_now(&checklist, &period));
        match list.sign(&self.operator, "", String::new(), self.now) {
            Ok(_) => about.push("All is done. Enter signs; a remark is welcome.".to_owned()),
            Err(refusal) => {
                about.push(refusal.to_string());
                about.push("The reason is frozen into the signature.".to_owned());
            }
        }
        let title = format!("Sign {}", list.title);
        let purpose = Purpose::Sign { checklist, period };
        self.open(Overlay::Prompt(Box::new(Prompt::window(purpose, title, about, ""))));
    }

    /// Does what the overlay answered; every answer but the first five closes it.
    pub(super) fn reply(&mut self, reply: Reply) -> Vec<Effect> {
        match reply {
            Reply::Stay => return Vec::new(),
            Reply::Filter(text) => {
                self.ui.filter = text;
                return Vec::new();
            }
            Reply::Ask => return self.look_now(),
            Reply::AskPlan(database, subject) => {
                self.facts.looks.ask_plan();
                return vec![Effect::Explain { database, subject }];
            }
            Reply::Copy(text) => {
                self.ui.tell(Status::Ok, format!("copied: {text}"));
                return vec![Effect::Copy(text)];
            }
            _ => {}
        }
        let Some(overlay) = self.overlay.take() else { return Vec::new() };
        match reply {
            Reply::Stay | Reply::Filter(_) | Reply::Ask | Reply::AskPlan(..) | Reply::Copy(_) => Vec::new(),
            Reply::Close => {
                if matches!(overlay.line().map(Prompt::purpose), Some(Purpose::Filter)) {
                    self.ui.filter.clear();
                }
                Vec::new()
            }
            Reply::Command(command) => self.command(command),
            Reply::Propose(action, target) => self.propose(action, target, BTreeMap::new()),
            Reply::ProposeWith(action, target, given) => self.propose(action, target, given),
            Reply::Explain(probe) => {
                self.open(Overlay::Why(Why::new(About::Probe(probe))));
                Vec::new()
            }
            Reply::Look(look) => {
                self.look(look);
                Vec::new()
            }
            Reply::Start { plan, reason } => {
                let shown = plan.plan();
                // A routine act is watched from the corner of the eye.
                if shown.risk > Risk::Routine {
                    self.ui.awaited = Some((shown.action.clone(), shown.target.clone()));
                }
                vec![Effect::Start { plan: *plan, reason }]
            }
            Reply::Given(text) => match overlay {
                Overlay::Prompt(prompt) => self.given(*prompt, text),
                _ => Vec::new(),
            },
            Reply::AskCancel(job) => {
                self.ask_cancel(&job);
                Vec::new()
            }
            Reply::Cancel(job) => {
                self.ui.tell(Status::Warning, "asked it to stop");
                vec![Effect::Cancel(job)]
            }
            Reply::Mark { checklist, period, item, kind } => {
                vec![self.mark(checklist, period, item, kind, String::new())]
            }
            Reply::Leave(how) => self.leave_by(how),
        }
    }

    fn leave_by(&mut self, how: Leave) -> Vec<Effect> {
        let running: Vec<_> = self.facts.jobs.running().map(|job| job.id.clone()).collect();
        if running.is_empty() {
            return vec![Effect::Quit];
        }
        self.ui.leaving = true;
        match how {
            Leave::WhenDone => Vec::new(),
            Leave::Cancelling => running.into_iter().map(Effect::Cancel).collect(),
        }
    }

    /// Does what the text was asked for.
    fn given(&mut self, mut prompt: Prompt, text: String) -> Vec<Effect> {
        match prompt.purpose().clone() {
            Purpose::Filter => {
                self.ui.filter = text;
                Vec::new()
            }
            Purpose::Command => self.command_line(&text),
            Purpose::Skip { checklist, period, item } => {
                if text.trim().is_empty() {
                    prompt.complain("a skip wants a reason".to_owned());
                    self.overlay = Some(Overlay::Prompt(Box::new(prompt)));
                    return Vec::new();
                }
                vec![self.mark(checklist, period, item, MarkKind::Skip, text.trim().to_owned())]
            }
            Purpose::Sign { checklist, period } => {
                let Some(list) = self.list(&checklist, &period) else { return Vec::new() };
                match list.sign(&self.operator, text.trim(), self.facts.chain_head(), self.now) {
                    Ok(signature) => vec![Effect::Sign(Box::new(signature))],
                    Err(refusal) => {
                        prompt.complain(refusal.to_string());
                        self.overlay = Some(Overlay::Prompt(Box::new(prompt)));
                        Vec::new()
                    }
                }
            }
            Purpose::Parameter { action, target, mut given, name } => {
                given.insert(name, text);
                self.propose(action, target, given)
            }
        }
    }

    fn command_line(&mut self, line: &str) -> Vec<Effect> {
        if line.trim().is_empty() {
            return Vec::new();
        }
        self.ui.history.push(line.to_owned());
        match entries::meant(&self.see_now(), line) {
            Ok(Does::Command(command)) => self.command(command),
            Ok(Does::Act(action, target)) => self.propose(action, target, BTreeMap::new()),
            Ok(Does::Explain(probe)) => {
                self.open(Overlay::Why(Why::new(About::Probe(probe))));
                Vec::new()
            }
            Ok(Does::Look(look)) => {
                self.look(look);
                Vec::new()
            }
            Err(why) => {
                self.ui.tell(Status::Warning, why);
                Vec::new()
            }
        }
    }
}
