//! Guards: what must hold before an act may start, looked at freshly and told in a sentence.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::database::{Engine, Hindrance};
use crate::domain::backup::{Moment, Pruning, ShelfState};
use crate::domain::board::{Assessment, Board};
use crate::domain::humanize;
use crate::domain::inventory::Target;
use crate::domain::observation::{Detail, ProbeId};
use crate::domain::plan::{Guard, Plan};
use crate::domain::report::headline;
use crate::domain::sample::Value;
use crate::domain::task::TaskFacts;
use crate::domain::time::seconds_between;
use crate::platform;
use crate::probe::Context;
use crate::probe::blocking::Blocking;
use crate::runtime::clock::Clock;
use crate::runtime::round::probes_for;
use crate::runtime::runner::hold;
use crate::runtime::sweep::sweep;
use crate::scheduler::spool;

/// How long one look may take.
const LOOK: Duration = Duration::from_secs(15);

/// Whether a guard lets an act start; the error says why not.
pub(super) async fn check(
    guard: &Guard,
    plan: &Plan,
    reason: &str,
    config: &Config,
    context: &Context,
    clock: &Clock,
) -> Result<(), String> {
    let now = clock.now();
    match guard {
        Guard::BackupWithin { backup, within } => {
            let (assessment, detail) = look(&Target::backup(backup).probe(), config, context, clock).await?;
            match assessment.sample("age").map(|judged| &judged.sample.value) {
                Some(Value::Time(at)) => fresh(backup, seconds_between(*at, now), *within),
                Some(Value::Gauge(age, _)) => fresh(backup, *age, *within),
                _ if matches!(detail, Detail::Backups(_)) => {
                    Err(format!("there is no usable backup of `{backup}`; make one first"))
                }
                _ => Err(format!("whether `{backup}` has a backup is not known: {}", headline(&assessment, now))),
            }
        }
        Guard::RoomFor { file, at } => {
            let (file, at, place) = (file.clone(), at.clone(), at.display().to_string());
            in_time(&place, move || room(&file, &at)).await?
        }
        Guard::Unchanged { backup, state } => unchanged(backup, state, config, context, clock).await,
        Guard::Unhindered { database, work } => {
            let spec = config.databases.iter().find(|spec| spec.id == *database);
            let spec = spec.ok_or_else(|| format!("there is no database called `{database}`"))?;
            let handle = (Engine::of(spec).open)(spec);
            let looked = tokio::time::timeout(LOOK, handle.hindrances(work)).await;
            let found =
                looked.map_err(|_elapsed| format!("{database}: no answer within {}", humanize::duration(LOOK)))?;
            unhindered(&found.map_err(|error| error.to_string())?, reason)
        }
        Guard::Reason if reason.trim().is_empty() => {
            Err("it wants a reason, for those who find it so; give one (on the command line: --reason TEXT)".to_owned())
        }
        Guard::Root if platform::user::number() != 0 => Err("systemd obeys root alone here; run it as root".to_owned()),
        // The lease covers what is to be idle: nobody else can act on the target while this act has it.
        Guard::Root | Guard::Reason | Guard::Idle { .. } => Ok(()),
        Guard::Runs { task, run, ours } => {
            let facts = runs(task, config, context, clock).await?;
            if !facts.runs.iter().any(|known| known.id == *run && known.ended.is_none() && known.alive) {
                return Err(format!("that run of `{task}` is over already"));
            }
            let spool = spool::directory(&context.state_dir);
            match spool::holder_of(&spool, run).filter(|_| *ours) {
                _ if !ours => Ok(()),
                Some(holder) if holder.is_here() => Ok(()),
                Some(holder) => Err(format!("`{task}` runs on {}; stop it there", holder.host)),
                None => Err(format!(
                    "`{task}` was begun by a dashboard or by `task run`; cancel it there (`X` among the jobs)"
                )),
            }
        }
        Guard::MayHold { as_root } => {
            let (plan, as_root) = (plan.clone(), *as_root);
            in_time("the crontabs", move || hold::hindrance(&plan, as_root)).await?
        }
        Guard::NotRunning { task } => match runs(task, config, context, clock).await? {
            facts if facts.runs.iter().any(|run| run.ended.is_none() && run.alive) => {
                Err(format!("`{task}` is running already"))
            }
            _ => Ok(()),
        },
        Guard::NotRunToday { task } => {
            let facts = runs(task, config, context, clock).await?;
            match facts.ran_today(now, &context.zone) {
                Some(run) if reason.trim().is_empty() => Err(format!(
                    "`{task}` already ran today at {}; give a reason to run it again",
                    context.zone.local(run.started_at).format("%H:%M")
                )),
                _ => Ok(()),
            }
        }
    }
}

/// Whether a backup's files are those a prune was planned of, and still nothing speaks against it.
async fn unchanged(
    backup: &str,
    state: &ShelfState,
    config: &Config,
    context: &Context,
    clock: &Clock,
) -> Result<(), String> {
    let keep = config.backups.iter().find(|spec| spec.id == backup).and_then(|spec| spec.keep.as_ref());
    let keep = keep.ok_or_else(|| format!("backup `{backup}` has no `keep`"))?;
    let catalogue = match look(&Target::backup(backup).probe(), config, context, clock).await? {
        (_, Detail::Backups(catalogue)) => catalogue,
        (assessment, _) => return Err(headline(&assessment, clock.now())),
    };
    let moment = Moment { now: clock.now(), zone: &context.zone, last_prune: catalogue.last_prune };
    let retention = keep.decide(&catalogue, moment);
    if let Some(guard) = retention.guards.first() {
        return Err(format!("nothing may be deleted now: {guard}"));
    }
    let found = Pruning::of(&catalogue, &retention).state;
    if found == *state {
        return Ok(());
    }
    Err(format!(
        "the files of backup `{backup}` are not what this was planned of ({}, now {}); nothing was deleted, look at the \
         plan again",
        state.short(),
        found.short()
    ))
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

/// Runs a look at `place` that may hang in the kernel, on a thread of its own, for as long as a
/// look may take.
pub(super) async fn in_time<T: Send + 'static>(
    place: &str,
    look: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    match tokio::time::timeout(LOOK, Blocking::new().run(look)).await {
        Ok(looked) => looked.map_err(|error| format!("{place}: {error}")),
        Err(_elapsed) => Err(format!("{place}: no answer within {}", humanize::duration(LOOK))),
    }
}

/// Reads one probe now.
pub(super) async fn look(
    probe: &ProbeId,
    config: &Config,
    context: &Context,
    clock: &Clock,
) -> Result<(Assessment, Detail), String> {
    let board = read(&|id| id == probe, config, context, clock).await;
    let detail = board.detail(probe).cloned().unwrap_or_default();
    let assessment = board.assess(clock.now()).into_iter().find(|one| one.id == *probe);
    assessment.map(|assessment| (assessment, detail)).ok_or_else(|| format!("nothing here reads `{probe}`"))
}

/// Reads some probes now.
pub(super) async fn read(
    wanted: &(dyn Fn(&ProbeId) -> bool + Sync),
    config: &Config,
    context: &Context,
    clock: &Clock,
) -> Board {
    let mut watched = probes_for(config, context, &|watch| wanted(&watch.id));
    // One look has no past in which a bound could have been passed for long enough.
    for rule in watched.iter_mut().flat_map(|one| &mut one.watch.rules) {
        rule.hold = Duration::ZERO;
    }
    let board = Board::new(watched.iter().map(|one| one.watch.clone()).collect(), clock.now());
    sweep(watched, LOOK, clock, board).await
}

async fn runs(task: &str, config: &Config, context: &Context, clock: &Clock) -> Result<Arc<TaskFacts>, String> {
    match look(&Target::task(task).probe(), config, context, clock).await? {
        (_, Detail::Task(facts)) => Ok(facts),
        (assessment, _) => Err(headline(&assessment, clock.now())),
    }
}

/// Whether what was found lets an act start.
fn unhindered(found: &[Hindrance], reason: &str) -> Result<(), String> {
    let hard = found.iter().find(|one| !one.soft);
    match (hard, found.first()) {
        (Some(hard), _) => Err(hard.text.clone()),
        (None, Some(soft)) if reason.trim().is_empty() => {
            let more = match found.len() - 1 {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            };
            Err(format!("{}{more}; give a reason to do it all the same", soft.text))
        }
        _ => Ok(()),
    }
}

/// Whether another `file`, and a fifth more, fits at `at`.
fn room(file: &Path, at: &Path) -> Result<(), String> {
    let size = std::fs::metadata(file).map_err(|error| format!("{}: {error}", file.display()))?.len();
    let needed = size + size / 5;
    let Some(place) = at.ancestors().find(|place| place.exists()) else { return Ok(()) };
    let unknown = |error| format!("how much room {} has is not known: {error}", place.display());
    let free = platform::room::at(place).map_err(unknown)?.available;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_overrides_what_is_only_slow_and_never_what_is_wrong() {
        let (slow, useless) = (Hindrance::soft("a backup runs"), Hindrance::soft("an old transaction"));
        let wrong = Hindrance::hard("it is a standby");
        assert_eq!(unhindered(&[], ""), Ok(()));
        let told = unhindered(&[slow.clone(), useless], " ").expect_err("no reason");
        assert_eq!(told, "a backup runs (and 1 more); give a reason to do it all the same");
        assert_eq!(unhindered(std::slice::from_ref(&slow), "it must be now"), Ok(()));
        assert_eq!(unhindered(&[slow, wrong], "it must be now"), Err("it is a standby".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_never_comes_back_is_not_waited_for() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let looked = in_time("/mnt/dead", move || held.recv().is_ok()).await;
        assert_eq!(looked, Err("/mnt/dead: no answer within 15 s".to_owned()));
        drop(release);
    }
}
