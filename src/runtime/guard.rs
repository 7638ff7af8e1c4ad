//! Guards: what must hold before an act may start, looked at freshly and told in a sentence.

use std::path::Path;
use std::time::Duration;

use crate::config::Config;
use crate::domain::board::{Assessment, Board};
use crate::domain::humanize;
use crate::domain::inventory::Target;
use crate::domain::observation::{Detail, ProbeId};
use crate::domain::plan::Guard;
use crate::domain::sample::Value;
use crate::domain::task::TaskFacts;
use crate::domain::time::{Timestamp, seconds_between};
use crate::platform;
use crate::probe::Context;
use crate::runtime::clock::Clock;
use crate::runtime::lease::Lease;
use crate::runtime::round::probes_for;
use crate::runtime::sweep::sweep;

/// How long a guard may look.
const LOOK: Duration = Duration::from_secs(15);

/// Whether a guard lets an act start; the error says why not.
pub(super) async fn check(
    guard: &Guard,
    reason: &str,
    config: &Config,
    context: &Context,
    clock: &Clock,
) -> Result<(), String> {
    let now = clock.now();
    match guard {
        Guard::BackupWithin { backup, within } => {
            let (assessment, _) = look(&Target::backup(backup).probe(), config, context, clock).await?;
            match assessment.sample("age").map(|judged| &judged.sample.value) {
                Some(Value::Time(at)) => fresh(backup, seconds_between(*at, now), *within),
                Some(Value::Gauge(age, _)) => fresh(backup, *age, *within),
                _ => Err(format!("there is no usable backup of `{backup}`; make one first")),
            }
        }
        Guard::Idle { target } => {
            let locks = context.state_dir.join("locks");
            Lease::take(&locks, std::slice::from_ref(target), &crate::domain::audit::Actor::default(), "look", now)
                .map(drop)
                .map_err(|error| error.to_string())
        }
        Guard::RoomFor { file, at } => {
            let (file, at) = (file.clone(), at.clone());
            tokio::task::spawn_blocking(move || room(&file, &at)).await.map_err(|error| error.to_string())?
        }
        Guard::NotRunning { task } => match runs(task, config, context, clock).await? {
            facts if facts.runs.first().is_some_and(|run| run.ended.is_none() && run.alive) => {
                Err(format!("`{task}` is running already"))
            }
            _ => Ok(()),
        },
        Guard::NotRunToday { task } => {
            let facts = runs(task, config, context, clock).await?;
            let today = facts.runs.iter().find(|run| context.zone.date(run.started_at) == context.zone.date(now));
            match today {
                Some(run) if reason.trim().is_empty() => Err(format!(
                    "`{task}` already ran today at {}; give a reason to run it again",
                    context.zone.local(run.started_at).format("%H:%M")
                )),
                _ => Ok(()),
            }
        }
    }
}

fn fresh(backup: &str, age: f64, within: Duration) -> Result<(), String> {
    if age <= within.as_secs_f64() {
        return Ok(());
    }
    Err(format!(
        "the newest backup of `{backup}` is {} old, and this act wants one within {}; make one first",
        humanize::seconds(age),
        humanize::duration(within)
    ))
}

/// Reads one probe now.
pub(super) async fn look(
    probe: &ProbeId,
    config: &Config,
    context: &Context,
    clock: &Clock,
) -> Result<(Assessment, Detail), String> {
    let mut watched = probes_for(config, context, &|watch| watch.id == *probe);
    // One look has no past in which a bound could have been passed for long enough.
    for rule in watched.iter_mut().flat_map(|one| &mut one.watch.rules) {
        rule.hold = Duration::ZERO;
    }
    let board = Board::new(watched.iter().map(|one| one.watch.clone()).collect(), clock.now());
    let board = sweep(watched, LOOK, clock, board).await;
    let detail = board.detail(probe).cloned().unwrap_or_default();
    let assessment = board.assess(clock.now()).into_iter().find(|one| one.id == *probe);
    assessment.map(|assessment| (assessment, detail)).ok_or_else(|| format!("nothing here reads `{probe}`"))
}

async fn runs(task: &str, config: &Config, context: &Context, clock: &Clock) -> Result<TaskFacts, String> {
    match look(&Target::task(task).probe(), config, context, clock).await? {
        (_, Detail::Task(facts)) => Ok(facts),
        (assessment, _) => Err(crate::domain::report::headline(&assessment, clock.now())),
    }
}

/// Whether another `file`, and a fifth more, fits at `at`.
fn room(file: &Path, at: &Path) -> Result<(), String> {
    let size = std::fs::metadata(file).map_err(|error| format!("{}: {error}", file.display()))?.len();
    let needed = size + size / 5;
    let Some(place) = at.ancestors().find(|place| place.exists()) else { return Ok(()) };
    let Ok(free) = platform::room::at(place).map(|room| room.available) else { return Ok(()) };
    if free >= needed {
        return Ok(());
    }
    Err(format!(
        "{} has {} free, and this needs {}; make room first",
        place.display(),
        humanize::bytes(free as f64),
        humanize::bytes(needed as f64)
    ))
}

/// What changed for the better is seen by looking at the clock, not by trusting exit 0.
pub(super) fn newest_taken_at(detail: &Detail, now: Timestamp) -> Option<Timestamp> {
    match detail {
        Detail::Backups(catalogue) => catalogue.newest(now).map(|backup| backup.taken_at),
        _ => None,
    }
}
