//! Hold scheduled tasks back: freeze and thaw all or some of them for an incident, disable and enable
//! one for good.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DurationRound, TimeDelta};

use crate::action::{Action, Proposal};
use crate::domain::action_name::ActionName;
use crate::domain::hold::{Change, Handle, Hold, Lever, Tab, TabLine};
use crate::domain::humanize;
use crate::domain::inventory::{Target, TargetKind};
use crate::domain::observation::{Detail, ProbeId};
use crate::domain::plan::{Guard, Invocation, Plan, PlanError, Risk, Step};
use crate::domain::slot::TaskState;
use crate::domain::task::{SORTS, TaskFacts};
use crate::domain::time::span;

/// The target that stands for all tasks.
pub const ALL: &str = "all";
/// How long a freeze lasts where nobody says.
pub const USUAL: &str = "2h";
/// Longer than this is no freeze.
const LONGEST: Duration = Duration::from_hours(24 * 31);

const fn action(name: ActionName, summary: &'static str, plan: fn(&Proposal<'_>) -> Result<Plan, PlanError>) -> Action {
    Action { name, summary, risk: Risk::Disruptive, aims_at: TargetKind::Task, plan }
}

/// Holds tasks back until a moment that is named.
pub(super) const FREEZE: Action = action(ActionName::FREEZE, "Freeze it for an incident", freeze);
/// Lets go what is frozen.
pub(super) const THAW: Action = action(ActionName::THAW, "Thaw it", thaw);
/// Holds one back until somebody enables it again.
pub(super) const DISABLE: Action = action(ActionName::DISABLE_TASK, "Disable it", disable);
/// Lets one go that is disabled.
pub(super) const ENABLE: Action = action(ActionName::ENABLE_TASK, "Enable it", enable);

fn freeze(proposal: &Proposal<'_>) -> Result<Plan, PlanError> {
    let given = proposal.params.get("for").map_or(USUAL, String::as_str);
    let wrong = |why: String| PlanError::Parameter { name: "for".to_owned(), why };
    let lasts = humantime::parse_duration(given).map_err(|why| wrong(format!("{why}; write 90m or 2h")))?;
    if lasts.is_zero() || lasts > LONGEST {
        return Err(wrong(format!("a freeze lasts between a moment and {}", humanize::duration(LONGEST))));
    }
    // A whole second, as it stands in each crontab line: nobody reads the rest.
    let until = (proposal.now + span(lasts)).duration_round_up(TimeDelta::seconds(1));
    let until = until.map_err(|error| wrong(error.to_string()))?;
    let mut work = Work::new(proposal);
    for (task, facts) in chosen(proposal)? {
        match (facts.handle.as_deref(), facts.held.is_some()) {
            (_, true) => work.left(task, "it is held already"),
            (None, _) => work.left(task, "nothing here schedules it"),
            (Some(Handle::Line { tab, line, .. }), _) => work.line(tab, line),
            (Some(Handle::Scheduler(lever)), _) if !lever.active => work.left(task, "it is not active"),
            (Some(Handle::Scheduler(lever)), _) if lever.fleeting => {
                work.left(task, &format!("{} would forget it once it is stopped", lever.source));
            }
            (Some(Handle::Scheduler(lever)), _) => work.tell(task, lever, &lever.freeze),
        }
    }
    for task in unread(proposal) {
        let why = if SORTS.contains(&task.as_str()) {
            "which tasks it has is not known; freeze again once it answers"
        } else {
            "it could not be read; freeze it by its name once it can"
        };
        work.left(&task, why);
    }
    let tasks = work.something("nothing can be frozen")?;
    let zone = &proposal.inventory.zone;
    let clock = humanize::clock(until, proposal.now, zone);
    let mut plan = work.plan(ActionName::FREEZE, &format!("Freeze {} until {clock}", named(&tasks)));
    plan.guards.insert(0, Guard::Reason);
    plan.steps.push(Step::Hold { change: Change::Remember { tasks: tasks.clone(), until } });
    work.steps(&mut plan, |tab, lines| Change::Mark { tab, hold: Hold::Frozen, until: Some(until), lines });
    plan.steps.push(Step::Hold { change: Change::Prove { tasks, held: Some(Hold::Frozen) } });
    plan.notes.push(format!("a dashboard that runs at {clock} thaws by itself; `check` tells when nobody did"));
    plan.notes.push("what runs already goes on".to_owned());
    plan.undo = Some("rounds task thaw".to_owned());
    Ok(plan)
}

fn thaw(proposal: &Proposal<'_>) -> Result<Plan, PlanError> {
    let mut work = Work::new(proposal);
    let mut forgotten: Vec<String> = list(proposal, "gone").collect();
    for task in &forgotten {
        work.notes.push(format!("{task} is not there any more; that its freeze ended is all there is to write"));
    }
    for (task, facts) in chosen(proposal)? {
        let frozen = facts.held.as_ref().is_some_and(|held| held.hold == Hold::Frozen);
        match facts.handle.as_deref().filter(|_| frozen) {
            Some(Handle::Line { tab, line, .. }) => work.line(tab, line),
            Some(Handle::Scheduler(lever)) => {
                let begins = format!("{task} begins at once if it was due meanwhile: {} makes up for it", lever.source);
                work.notes.extend(lever.catches_up.then_some(begins));
                work.tell(task, lever, &lever.thaw);
            }
            None if facts.has_open_freeze() => {
                work.notes.push(format!("{task} is not frozen any more: somebody let it go"));
                forgotten.push(task.to_owned());
            }
            None => work.left(task, "it is not frozen"),
        }
    }
    let tasks = if forgotten.is_empty() { work.something("nothing is frozen")? } else { work.tasks() };
    forgotten.extend(tasks.iter().cloned());
    forgotten.sort();
    // Of all tasks most are not frozen; that is no news.
    work.skipped.clear();
    for task in unread(proposal) {
        work.left(&task, "it could not be read; thaw once more when it can");
    }
    let mut plan = work.plan(ActionName::THAW, &format!("Thaw {}", named(&forgotten)));
    work.steps(&mut plan, |tab, lines| Change::Unmark { tab, hold: Hold::Frozen, lines });
    if !tasks.is_empty() {
        plan.steps.push(Step::Hold { change: Change::Prove { tasks, held: None } });
    }
    plan.steps.push(Step::Hold { change: Change::Forget { tasks: forgotten } });
    let else_ = if plan.notes.is_empty() { "" } else { "otherwise, " };
    plan.notes.push(format!("{else_}what was due meanwhile is not run; run it by hand where it must be"));
    Ok(plan)
}

fn disable(proposal: &Proposal<'_>) -> Result<Plan, PlanError> {
    let mut work = Work::new(proposal);
    let (task, facts) = one(proposal)?;
    match (facts.handle.as_deref(), facts.view(proposal.now).state) {
        (_, TaskState::Frozen) => return Err(moot(task, "it is frozen; thaw it first")),
        (_, TaskState::Disabled) => return Err(moot(task, "it is disabled already")),
        (None, _) => return Err(moot(task, "nothing here schedules it")),
        (Some(Handle::Line { tab, line, .. }), _) => work.line(tab, line),
        (Some(Handle::Scheduler(lever)), _) => work.tell(task, lever, &lever.disable),
    }
    let tasks = vec![task.to_owned()];
    let mut plan = work.plan(ActionName::DISABLE_TASK, &format!("Disable {task}"));
    plan.guards.insert(0, Guard::Reason);
    work.steps(&mut plan, |tab, lines| Change::Mark { tab, hold: Hold::Disabled, until: None, lines });
    plan.steps.push(Step::Hold { change: Change::Prove { tasks, held: Some(Hold::Disabled) } });
    plan.undo = Some(format!("rounds task enable {task}"));
    Ok(plan)
}

fn enable(proposal: &Proposal<'_>) -> Result<Plan, PlanError> {
    let mut work = Work::new(proposal);
    let (task, facts) = one(proposal)?;
    match (facts.handle.as_deref(), facts.view(proposal.now).state) {
        (_, TaskState::Frozen) => return Err(moot(task, "it is frozen; thaw it")),
        (Some(Handle::Line { tab, line, mark: Some(_) }), _) => work.line(tab, line),
        (Some(Handle::Scheduler(lever)), _) if !lever.active => {
            work.tell(task, lever, &lever.enable);
        }
        (None, _) => return Err(moot(task, "nothing here schedules it")),
        _ => return Err(moot(task, "it is enabled")),
    }
    let tasks = vec![task.to_owned()];
    let mut plan = work.plan(ActionName::ENABLE_TASK, &format!("Enable {task}"));
    work.steps(&mut plan, |tab, lines| Change::Unmark { tab, hold: Hold::Disabled, lines });
    plan.steps.push(Step::Hold { change: Change::Prove { tasks, held: None } });
    plan.undo = Some(format!("rounds task disable {task}"));
    Ok(plan)
}

/// The tasks that are meant, each with what was last seen of it.
fn chosen<'a>(proposal: &'a Proposal<'_>) -> Result<Vec<(&'a str, &'a TaskFacts)>, PlanError> {
    if proposal.target.id != ALL {
        return one(proposal).map(|one| vec![one]);
    }
    let mut wanted = list(proposal, "tasks").peekable();
    if wanted.peek().is_some() {
        return wanted.map(|id| facts(proposal, &id)).collect();
    }
    Ok(proposal.board.tasks().map(|facts| (facts.policy.id.as_str(), facts)).collect())
}

/// Where all are meant, those of which nothing is known: they are told, for nobody would miss them.
fn unread(proposal: &Proposal<'_>) -> Vec<String> {
    if proposal.target.id != ALL || list(proposal, "tasks").next().is_some() {
        return Vec::new();
    }
    let is_unread = |id: &&ProbeId| match proposal.board.detail(id) {
        Some(Detail::Tasks(all)) => all.unwatched,
        Some(_) => false,
        // Of those that stand for many, each that was known tells of itself.
        None => !SORTS.contains(&id.name()),
    };
    let tasks = proposal.board.watches().iter().map(|watch| &watch.id).filter(|id| id.kind() == "task");
    tasks.filter(is_unread).map(|id| id.name().to_owned()).collect()
}

pub(super) fn one<'a>(proposal: &'a Proposal<'_>) -> Result<(&'a str, &'a TaskFacts), PlanError> {
    facts(proposal, &proposal.target.id)
}

fn facts<'a>(proposal: &'a Proposal<'_>, id: &str) -> Result<(&'a str, &'a TaskFacts), PlanError> {
    let probe = Target::task(id).probe();
    match proposal.board.detail(&probe) {
        Some(Detail::Task(facts)) => Ok((facts.policy.id.as_str(), facts)),
        Some(Detail::Tasks(_)) => Err(moot(id, "it stands for many tasks; name one of them")),
        _ if proposal.board.watch(&probe).is_some() => Err(impossible(id, "it was not read yet, or could not be")),
        _ => {
            let known: Vec<String> = proposal.board.watches().iter().map(|watch| watch.id.name().to_owned()).collect();
            Err(super::no_target(TargetKind::Task, id, known.iter()))
        }
    }
}

/// The names in a parameter.
pub(super) fn list<'a>(proposal: &'a Proposal<'_>, name: &str) -> impl Iterator<Item = String> + use<'a> {
    let given = proposal.params.get(name).map_or("", String::as_str);
    given.split(',').filter(|id| !id.is_empty()).map(str::to_owned)
}

fn impossible(task: &str, why: &str) -> PlanError {
    PlanError::Impossible(format!("`{task}`: {why}"))
}

/// The task is not what this act is for.
fn moot(task: &str, why: &str) -> PlanError {
    PlanError::Moot(format!("`{task}`: {why}"))
}

/// `backup`, or `12 tasks`.
fn named(tasks: &[String]) -> String {
    match tasks {
        [only] => only.clone(),
        many => humanize::count(many.len(), "task"),
    }
}

/// What is to be changed, by where it stands.
struct Work<'a> {
    proposal: &'a Proposal<'a>,
    lines: BTreeMap<Tab, Vec<TabLine>>,
    tells: Vec<(String, Invocation)>,
    as_root: bool,
    skipped: Vec<String>,
    notes: Vec<String>,
}

impl<'a> Work<'a> {
    fn new(proposal: &'a Proposal<'a>) -> Self {
        let (lines, tells, skipped, notes) = (BTreeMap::new(), Vec::new(), Vec::new(), Vec::new());
        Self { proposal, lines, tells, as_root: false, skipped, notes }
    }

    fn line(&mut self, tab: &Tab, line: &TabLine) {
        self.lines.entry(tab.clone()).or_default().push(line.clone());
    }

    fn tell(&mut self, task: &str, lever: &Lever, command: &Invocation) {
        self.as_root |= lever.as_root;
        self.tells.push((task.to_owned(), command.clone()));
    }

    fn left(&mut self, task: &str, why: &str) {
        self.skipped.push(format!("{task}: {why}"));
    }

    fn tasks(&self) -> Vec<String> {
        let lines = self.lines.values().flatten().map(|line| line.task.clone());
        let mut tasks: Vec<String> = lines.chain(self.tells.iter().map(|(task, _)| task.clone())).collect();
        tasks.sort();
        tasks
    }

    /// What is left to be done; `Err` when that is nothing.
    fn something(&self, otherwise: &str) -> Result<Vec<String>, PlanError> {
        let tasks = self.tasks();
        if !tasks.is_empty() {
            return Ok(tasks);
        }
        let more = match &self.skipped[..] {
            [] => String::new(),
            [only] => format!(": {only}"),
            many => format!(": {} and {} more", many[0], many.len() - 1),
        };
        Err(PlanError::Moot(format!("{otherwise}{more}")))
    }

    fn plan(&self, action: ActionName, title: &str) -> Plan {
        let mut plan = Plan::new(action, title, self.proposal.target.clone());
        plan.risk = Risk::Disruptive;
        plan.timeout = Duration::from_mins(5);
        plan.guards.push(Guard::MayHold { as_root: self.as_root });
        plan.affects = self.tasks().iter().map(|task| Target::task(task).probe()).collect();
        plan.affects.push(ProbeId::new("task", "cron"));
        plan.notes.extend(self.skipped.iter().map(|left| format!("left as it is: {left}")));
        plan.notes.extend(self.notes.iter().cloned());
        plan
    }

    fn steps(&self, plan: &mut Plan, change: impl Fn(Tab, Vec<TabLine>) -> Change) {
        for (tab, lines) in &self.lines {
            plan.steps.push(Step::Hold { change: change(tab.clone(), lines.clone()) });
        }
        for (task, command) in &self.tells {
            let change = Change::Tell { task: task.clone(), command: command.clone() };
            plan.steps.push(Step::Hold { change });
        }
    }
}

#[cfg(test)]
mod tests;
