//! `rounds task log`: what the latest runs printed.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::list::ending;
use crate::cli::{Format, Session, check, output};
use crate::domain::observation::{Detail, ProbeId};
use crate::domain::task::{LastRun, TaskRun};

/// Prints the outputs: of one task the latest and the one before it, of all tasks the latest.
pub(super) async fn run(
    session: &mut Session,
    only: Option<&str>,
    runs: Option<usize>,
    format: Format,
) -> color_eyre::Result<ExitCode> {
    let is_wanted = |id: &ProbeId| id.kind() == "task" && only.is_none_or(|only| id.name() == only);
    session.round.watched.retain(|one| is_wanted(&one.watch.id));
    if let (Some(id), true) = (only, session.round.watched.is_empty()) {
        super::super::show::one_of("task", Some(id), session.round.inventory.tasks.keys())?;
    }
    let look = check::read_once(session, check::DEADLINE).await;
    let most = runs.unwrap_or(if only.is_some() { 2 } else { 1 });
    let mut tasks = Vec::new();
    for watch in look.board.watches() {
        if let Some(Detail::Task(facts)) = look.board.detail(&watch.id) {
            let latest = facts.runs[..most.min(facts.runs.len())].to_vec();
            tasks.push((watch.id.name(), facts, with_output(session, latest).await?));
        }
    }
    match format {
        Format::Json => {
            let all: Vec<Value> = tasks
                .iter()
                .map(|(id, _, runs)| json!({ "id": id, "runs": runs.iter().map(told).collect::<Vec<_>>() }))
                .collect();
            output::document(&json!({ "schema": 1, "tasks": all }))?;
        }
        Format::Text => {
            let mut text = String::new();
            for (id, facts, runs) in &tasks {
                if only.is_some() && runs.is_empty() {
                    text.push_str(&format!(
                        "no run of {id} is recorded; start it through `rounds exec --task {id} -- …` to have one\n"
                    ));
                }
                for run in runs {
                    let at = session.zone.local(run.started_at).format("%Y-%m-%d %H:%M:%S");
                    text.push_str(&format!("{id}  {at}  {}\n", ending(run, facts)));
                    let lines = run.tail.lines().map(|line| format!("  {line}\n"));
                    text.extend(lines);
                }
            }
            output::answer(&text)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// With what each run printed, where that was left in the store.
async fn with_output(session: &Session, mut runs: Vec<TaskRun>) -> color_eyre::Result<Vec<TaskRun>> {
    let recorded_as = runs.iter().find(|run| run.tail == TaskRun::UNREAD).map(|run| run.task.clone());
    if let Some(task) = recorded_as {
        let whole = session.records()?.runs(&task, runs.len()).await?;
        let mut tails: BTreeMap<String, String> = whole.into_iter().map(|run| (run.id, run.tail)).collect();
        for run in &mut runs {
            run.tail = tails.remove(&run.id).unwrap_or_else(|| std::mem::take(&mut run.tail));
        }
    }
    Ok(runs)
}

fn told(run: &TaskRun) -> Value {
    let mut value = json!(LastRun::of(run));
    value["running"] = json!(run.ended.is_none() && run.alive);
    value["output"] = json!(run.tail);
    value
}
