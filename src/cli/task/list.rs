//! `rounds task list` and `rounds task show`: every task that is known, with its latest runs.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

use super::document::{self, Document};
use super::unconfigured;
use crate::cli::{Format, Session, check, output};
use crate::domain::board::{Assessment, Board};
use crate::domain::drift::Drift;
use crate::domain::humanize;
use crate::domain::observation::Detail;
use crate::domain::report::headline;
use crate::domain::task::{EndKind, SORTS, Source, TaskFacts, TaskPolicy, TaskRun, TaskView};

/// What stands beside a task of which nothing is expected.
const EXTRA: &str = "no task of the configuration";

/// Reads every task, or the `only` one, and prints what is known of it.
pub(super) async fn run(session: &mut Session, only: Option<&str>, format: Format) -> color_eyre::Result<ExitCode> {
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
            _ if SORTS.contains(&one.id.name()) => None,
            _ => Some((board, one, unread(one, session).view(now))),
        })
        .collect();
    if let (Some(id), true) = (only, tasks.is_empty() && report.assessments.is_empty()) {
        crate::cli::show::one_of("task", Some(id), session.round.inventory.tasks.keys())?;
    }
    // All crontabs and all timers: no task, and where what is installed is told.
    let of_all: Vec<(&Assessment, Option<&Drift>)> = (report.assessments.iter())
        .filter(|one| SORTS.contains(&one.id.name()))
        .map(|one| (one, look.board.detail(&one.id).and_then(Detail::drift)))
        .filter(|(one, _)| tasks.iter().all(|(_, task, _)| task.id != one.id))
        .collect();
    match format {
        Format::Json => {
            let tasks = tasks.iter().map(|(board, one, view)| {
                let drift = board.detail(&one.id).and_then(Detail::drift);
                document::Task::new(view, one, drift)
            });
            let installed = of_all.iter().map(|(one, drift)| (one.id.name(), document::Told::new(one, *drift)));
            output::document(&Document::new(tasks.collect(), installed.collect()))?;
        }
        Format::Text if only.is_some() => {
            for (one, drift) in &of_all {
                let mut text = crate::cli::show::details(one, now, &session.zone);
                let clock = |at| humanize::clock(at, now, &session.zone);
                let accepted = drift.and_then(|drift| drift.accepted.as_ref());
                let accepted = accepted.map(|accepted| format!("{}: {}", accepted.when(clock), accepted.reason));
                let accepted = accepted.unwrap_or_else(|| "nobody accepted what is installed".to_owned());
                text.push_str(&format!("  {accepted}\n"));
                output::answer(&text)?;
            }
            for (board, one, view) in &tasks {
                let mut text = crate::cli::show::details(one, now, &session.zone);
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
                        match one.status.is_ok() {
                            true if view.extra && view.words.is_some() => EXTRA.to_owned(),
                            true => String::new(),
                            false => headline(one, now),
                        },
                    ]
                })
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

/// What is known of a task that could not be read, or is not there: what the configuration says of it.
fn unread(one: &Assessment, session: &Session) -> TaskFacts {
    let id = one.id.name().to_owned();
    let spec = session.round.config.tasks.iter().find(|spec| spec.id == id);
    let policy = TaskPolicy {
        id,
        source: spec.map_or(Source::Cron, |spec| spec.source),
        schedule: spec.and_then(|spec| spec.schedule.clone()),
        zone: session.zone.clone(),
        blind: Some("it could not be read".to_owned()),
        ..TaskPolicy::default()
    };
    TaskFacts::new(Arc::new(policy), Vec::new(), None)
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
pub(super) fn ending(run: &TaskRun, facts: &TaskFacts) -> String {
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

/// What there is to say of all tasks of one sort, a line each.
fn beneath(one: &Assessment) -> Vec<String> {
    let bad = one.findings.iter().filter(|finding| !finding.status.is_ok());
    bad.map(|finding| format!("{}: {}", one.id.name(), finding.text)).collect()
}
