//! `rounds task`: what should have run, what did, and once more now.

mod held;
mod log;
mod unconfigured;
mod wrap;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::act::{act, act_on};
use crate::cli::{ActFlags, Format, Global, Session, check, output};
use crate::domain::action_name::ActionName;
use crate::domain::board::{Assessment, Board};
use crate::domain::drift::Drift;
use crate::domain::humanize;
use crate::domain::inventory::{Repeat, Target};
use crate::domain::observation::Detail;
use crate::domain::report::headline;
use crate::domain::task::{EndKind, Other, SORTS, Source, TaskFacts, TaskRun, TaskView};
use crate::domain::time::rfc3339;

#[derive(Debug, Subcommand)]
pub enum TaskCommand {
    /// Every scheduled task, one line each
    List {
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        /// Print what the crontabs would be with `rounds exec` in every line, and change nothing
        #[arg(long, conflicts_with = "format")]
        wrap: bool,
    },
    /// One task with its latest runs
    Show {
        id: String,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Hold all tasks back for an incident, or those that are named; with an end
    ///
    /// Lines of crontabs are commented out behind a mark and restored to the byte; timers of systemd
    /// are stopped and started again. Nothing that is frozen counts as missed.
    Freeze {
        ids: Vec<String>,
        /// When it ends by itself, if a dashboard runs then
        #[arg(long = "for", value_name = "TIME", default_value = crate::action::hold::USUAL)]
        lasts: String,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Let go what is frozen: all of it, or the tasks that are named
    Thaw {
        ids: Vec<String>,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Let one run again that is disabled
    Enable {
        id: String,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Keep one from running until it is enabled again
    Disable {
        id: String,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Accept what is installed as right: of the tasks that are named, or all that is another than it was
    ///
    /// `cron` and `systemd` stand for all crontabs and all timers. What is another later is told: what is
    /// missing, new, edited, disabled, or runs as another user.
    Accept {
        ids: Vec<String>,
        #[command(flatten)]
        act: ActFlags,
    },
    /// What its latest runs printed, newest first; the last run of every task without a name
    Log {
        id: Option<String>,
        /// How many runs of each
        #[arg(long, value_name = "NUMBER")]
        runs: Option<usize>,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// End the run of it that goes on
    ///
    /// A service of systemd by systemd, a run of `rounds exec` by a signal to it. What cron started
    /// without `rounds exec` cannot be stopped from here: nobody tells which process it is.
    Stop {
        id: String,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Restart the service of systemd behind it
    Restart {
        id: String,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Run it now
    Run {
        id: String,
        #[command(flatten)]
        act: ActFlags,
    },
}

pub(super) async fn run(command: &TaskCommand, global: &Global) -> color_eyre::Result<ExitCode> {
    let mut session = Session::open(global).await?;
    match command {
        TaskCommand::List { wrap: true, .. } => wrap::run(&session),
        TaskCommand::List { format, .. } => list(&mut session, None, *format).await,
        TaskCommand::Show { id, format } => list(&mut session, Some(id), *format).await,
        TaskCommand::Freeze { ids, lasts, act: flags } => {
            held::run(&mut session, &ActionName::FREEZE, ids, [("for".to_owned(), lasts.clone())].into(), flags).await
        }
        TaskCommand::Thaw { ids, act: flags } => {
            held::run(&mut session, &ActionName::THAW, ids, BTreeMap::new(), flags).await
        }
        TaskCommand::Accept { ids, act: flags } => {
            held::run(&mut session, &ActionName::ACCEPT, ids, BTreeMap::new(), flags).await
        }
        TaskCommand::Enable { id, act: flags } => {
            let id = std::slice::from_ref(id);
            held::run(&mut session, &ActionName::ENABLE_TASK, id, BTreeMap::new(), flags).await
        }
        TaskCommand::Disable { id, act: flags } => {
            let id = std::slice::from_ref(id);
            held::run(&mut session, &ActionName::DISABLE_TASK, id, BTreeMap::new(), flags).await
        }
        TaskCommand::Stop { id, act: flags } => {
            let id = std::slice::from_ref(id);
            held::run(&mut session, &ActionName::STOP_TASK, id, BTreeMap::new(), flags).await
        }
        TaskCommand::Restart { id, act: flags } => {
            let id = std::slice::from_ref(id);
            held::run(&mut session, &ActionName::RESTART_TASK, id, BTreeMap::new(), flags).await
        }
        TaskCommand::Log { id, runs, format } => log::run(&mut session, id.as_deref(), *runs, *format).await,
        TaskCommand::Run { id, act: flags } => {
            let id = super::show::one_of("task", Some(id), session.round.inventory.tasks.keys())?;
            run_now(&mut session, &id, flags).await
        }
    }
}

/// Runs a task; one that is not to run twice a day is looked at first, so that the plan says so.
async fn run_now(session: &mut Session, id: &str, flags: &ActFlags) -> color_eyre::Result<ExitCode> {
    let target = Target::task(id);
    if session.round.inventory.tasks.get(id).is_none_or(|card| card.repeat == Repeat::Free) {
        return act(session, &ActionName::RUN_TASK, &target, &BTreeMap::new(), flags).await;
    }
    session.round.watched.retain(|one| one.watch.id == target.probe());
    let look = check::read_once(session, check::DEADLINE).await;
    act_on(session, &look.board, &ActionName::RUN_TASK, &target, &BTreeMap::new(), flags).await
}

async fn list(session: &mut Session, only: Option<&str>, format: Format) -> color_eyre::Result<ExitCode> {
    let names: BTreeSet<String> = session.round.watched.iter().map(|one| one.watch.id.name().to_owned()).collect();
    let is_task = |id: &crate::domain::observation::ProbeId| id.kind() == "task";
    session.round.watched.retain(|one| is_task(&one.watch.id) && only.is_none_or(|id| one.watch.id.name() == id));
    let look = check::read_once(session, check::DEADLINE).await;
    // Asked for while what was seen is judged.
    let recorded = unconfigured::names(session);
    let report = look.report(session);
    let now = report.at;
    let others = unconfigured::board(session, recorded, &known(names, &look.board), now).await;
    let other_assessments = others.assess(now);
    let others = (&others, other_assessments.iter().filter(|one| only.is_none_or(|id| one.id.name() == id)));
    let tasks: Vec<(&Board, &Assessment, TaskView)> = (report.assessments.iter().map(|one| (&*look.board, one)))
        .chain(others.1.map(|one| (others.0, one)))
        .filter_map(|(board, one)| match board.detail(&one.id) {
            Some(Detail::Task(facts)) => Some((board, one, facts.view(now))),
            _ => None,
        })
        .collect();
    if let (Some(id), true) = (only, tasks.is_empty() && report.assessments.is_empty()) {
        super::show::one_of("task", Some(id), session.round.inventory.tasks.keys())?;
    }
    // All crontabs and all timers: no task, and where what is installed is told.
    let of_all: Vec<(&Assessment, Option<&Drift>)> = (report.assessments.iter())
        .filter(|one| SORTS.contains(&one.id.name()))
        .map(|one| (one, look.board.detail(&one.id).and_then(Detail::drift)))
        .filter(|(one, _)| tasks.iter().all(|(_, task, _)| task.id != one.id))
        .collect();
    match format {
        Format::Json => {
            let tasks: Vec<Value> = tasks.iter().map(|(board, one, view)| task(board, one, view)).collect();
            let installed =
                of_all.iter().map(|(one, drift)| (one.id.name().to_owned(), installed(&look.board, one, *drift)));
            let installed: serde_json::Map<String, Value> = installed.collect();
            output::document(&json!({ "schema": 1, "tasks": tasks, "installed": installed }))?;
        }
        Format::Text if only.is_some() => {
            for (one, drift) in &of_all {
                let mut text = super::show::details(one, now, &session.zone);
                let clock = |at| humanize::clock(at, now, &session.zone);
                let accepted = drift.and_then(|drift| drift.accepted.as_ref());
                let accepted = accepted.map(|accepted| format!("{}: {}", accepted.when(clock), accepted.reason));
                let accepted = accepted.unwrap_or_else(|| "nobody accepted what is installed".to_owned());
                text.push_str(&format!("  {accepted}\n"));
                for other in others_of(&look.board, one) {
                    let next = other.next_due.map_or_else(String::new, |at| format!(", next {}", clock(at)));
                    text.push_str(&format!("  {:<22} {}{next}: {}\n", other.name, other.schedule, other.command));
                }
                output::answer(&text)?;
            }
            for (board, one, view) in &tasks {
                let mut text = super::show::details(one, now, &session.zone);
                text.push_str(&runs(board, one, session));
                if let (Some(schedule), Some(words)) = (&view.schedule, &view.words) {
                    // A scheduler that tells has one word for both.
                    let words = if words == schedule { String::new() } else { format!(" ({words})") };
                    text.push_str(&format!("  schedule       {schedule}{words}\n"));
                }
                output::answer(&text)?;
            }
        }
        Format::Text => {
            let rows: Vec<Vec<String>> = tasks
                .iter()
                .map(|(board, one, view)| {
                    let clock = |at| humanize::clock(at, now, &session.zone);
                    vec![
                        view.id.clone(),
                        view.state.word().to_owned(),
                        match &view.words {
                            Some(words) => words.clone(),
                            None if std::ptr::eq(*board, others.0) => unconfigured::WORDS.to_owned(),
                            None => "-".to_owned(),
                        },
                        view.last.as_ref().map_or_else(|| "-".into(), |run| clock(run.started_at)),
                        view.next_due.map_or_else(|| "-".into(), clock),
                        if one.status.is_ok() { String::new() } else { headline(one, now) },
                    ]
                })
                .chain(of_all.iter().flat_map(|(one, _)| others_of(&look.board, one)).map(|other| {
                    let next = other.next_due.map_or_else(|| "-".into(), |at| humanize::clock(at, now, &session.zone));
                    let cells = [other.name.as_str(), "-", &other.schedule, "-", &next, "no task of the configuration"];
                    cells.map(str::to_owned).to_vec()
                }))
                .collect();
            output::answer(&output::table(&["TASK", "STATE", "SCHEDULE", "LAST", "NEXT", ""], &rows))?;
            let told = of_all.iter().filter(|(one, _)| !one.status.is_ok());
            let told: Vec<String> = told.flat_map(|(one, _)| beneath(one)).collect();
            if !told.is_empty() {
                output::answer(&format!("\n{}\n", told.join("\n")))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The names under which runs of known tasks are recorded.
fn known(mut names: BTreeSet<String>, board: &Board) -> BTreeSet<String> {
    for watch in board.watches() {
        if let Some(Detail::Task(facts)) = board.detail(&watch.id) {
            names.extend(facts.runs.first().map(|run| run.task.clone()));
        }
    }
    names
}

/// What tells that it ran, where that tells nothing else.
fn witness(facts: &TaskFacts) -> &'static str {
    match facts.policy.source {
        Source::Log => "a log",
        Source::Sql => "a row",
        _ => "a file",
    }
}

/// The latest runs, newest first, each with the last line it printed.
fn runs(board: &Board, one: &Assessment, session: &Session) -> String {
    let Some(Detail::Task(facts)) = board.detail(&one.id) else { return String::new() };
    let mut text = String::new();
    for run in facts.runs.iter().take(10) {
        let end = ending(run, facts);
        let line = run.tail.lines().last().unwrap_or_default();
        let at = session.zone.local(run.started_at).format("%Y-%m-%d %H:%M:%S");
        text.push_str(&format!("  run            {at}  {end}  {line}\n"));
    }
    text
}

/// How a run ended, or why it has not.
fn ending(run: &TaskRun, facts: &TaskFacts) -> String {
    match &run.ended {
        Some(end) if end.kind == EndKind::Proven => {
            "proven; exit code unknown: SOURCE does not say".replace("SOURCE", witness(facts))
        }
        Some(end) if end.kind == EndKind::Skipped => "skipped".to_owned(),
        Some(end) => {
            let code = end.exit_code.map(|code| format!("exit code {code}"));
            let how = code.or_else(|| end.signal.map(|signal| format!("signal {signal}"))).unwrap_or_default();
            format!("{how} after {}", humanize::seconds(end.took_s))
        }
        None if run.untold && facts.policy.known_by_end => "was over; nothing records how it ended".to_owned(),
        None if run.untold => "began; nothing records how it ended".to_owned(),
        None if run.alive => "running".to_owned(),
        None => "lost".to_owned(),
    }
}

fn task(board: &Board, one: &Assessment, view: &TaskView) -> Value {
    let mut value = json!(view);
    value["status"] = json!(one.status);
    value["findings"] = json!(one.findings);
    value["accepted"] = accepted(board.detail(&one.id).and_then(Detail::drift));
    value
}

/// All tasks of one sort, and what differs from what was accepted.
fn installed(board: &Board, one: &Assessment, drift: Option<&Drift>) -> Value {
    let other = |other: &Other| {
        let next_due = other.next_due.map(rfc3339);
        json!({ "id": other.name, "schedule": other.schedule, "next_due": next_due, "command": other.command })
    };
    let others: Vec<Value> = others_of(board, one).iter().map(other).collect();
    json!({ "status": one.status, "findings": one.findings, "accepted": accepted(drift), "others": others })
}

/// Those of one sort that the configuration does not name.
fn others_of<'a>(board: &'a Board, one: &Assessment) -> &'a [Other] {
    match board.detail(&one.id) {
        Some(Detail::Tasks(together)) => &together.others,
        _ => &[],
    }
}

/// Who accepted what is installed, when and why; null where nobody did.
fn accepted(drift: Option<&Drift>) -> Value {
    let accepted = drift.and_then(|drift| drift.accepted.as_ref());
    accepted.map_or(
        Value::Null,
        |accepted| json!({ "at": rfc3339(accepted.at), "operator": accepted.operator, "reason": accepted.reason }),
    )
}

/// What there is to say of all tasks of one sort, a line each.
fn beneath(one: &Assessment) -> Vec<String> {
    let bad = one.findings.iter().filter(|finding| !finding.status.is_ok());
    bad.map(|finding| format!("{}: {}", one.id.name(), finding.text)).collect()
}
