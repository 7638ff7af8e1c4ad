//! The past of the demo, staged as files and records of the days before: backups of the rota as
//! it grew, runs of its tasks, its log, its exports, and the ticks of yesterday's checklist.
//!
//! When something was due is read from the configuration, so that the story is the same at every
//! hour of the day. Nothing here says how anything *is*: that is measured later, as anywhere.

use std::fs::{self, OpenOptions};
use std::iter::successors;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{NaiveTime, TimeDelta};
use color_eyre::eyre::{OptionExt, Result, WrapErr};
use tokio_util::sync::CancellationToken;

use super::{rota, work};
use crate::archive::{Request, make, manifest};
use crate::config::spec::{BackupSpec, TaskSpec};
use crate::config::{Address, Config};
use crate::domain::audit::Actor;
use crate::domain::checklist::{Evidence, Mark, MarkKind};
use crate::domain::schedule::Schedule;
use crate::domain::task::RunEnd;
use crate::domain::time::{Timestamp, span};
use crate::runtime::sign;
use crate::scheduler::spool;
use crate::store::Store;

/// Which backups there are, by their slot, counted back from the newest that was due: that one is
/// missing.
const BACKUPS: [usize; 5] = [5, 4, 3, 2, 1];
/// The slot whose backup is cut off.
const CUT_OFF: usize = 3;
/// When the demo was set up, as far as its files tell: before everything else in it.
const FOUNDED: TimeDelta = TimeDelta::days(40);

pub(super) fn database(directory: &Path) -> PathBuf {
    directory.join("rota.sqlite3")
}

pub(super) fn log(directory: &Path) -> PathBuf {
    directory.join("logs/rota.log")
}

/// A line of the rota's log.
pub(super) fn line(at: Timestamp, level: &str, text: &str) -> String {
    format!("{} {level} {text}\n", at.format("%Y-%m-%dT%H:%M:%SZ"))
}

/// Stages everything in `directory`, as it should be at `now`.
pub(super) async fn stage(directory: &Path, config: &Config, now: Timestamp) -> Result<()> {
    let backup = config.backups.first().ok_or_eyre("the demo has no backup")?;
    grow(directory, config, backup, now).await.wrap_err("the demo's database and its backups")?;
    runs(config, now).wrap_err("the runs of the demo's tasks")?;
    errors(directory, config, now).wrap_err("the demo's log")?;
    exports(directory, config, now).wrap_err("the demo's exports")?;
    marks(config, now).await.wrap_err("yesterday's checklist")?;
    // A slot is missed only if the task was known by then.
    for file in &config.files {
        date(file, now - FOUNDED)?;
    }
    Ok(())
}

/// The slots that are decided at `now`, newest first.
fn slots(schedule: &Schedule, grace: Duration, now: Timestamp) -> impl Iterator<Item = Timestamp> {
    successors(schedule.prev(now - span(grace)), |at| schedule.prev(*at))
}

/// The same for what ran: what is decided while the demo is being made has its run by then, or it
/// would be missed in place of the fault that is promised.
fn ran(task: &TaskSpec, now: Timestamp) -> Option<impl Iterator<Item = Timestamp>> {
    let ahead = if task.id == MISSED { TimeDelta::zero() } else { TimeDelta::minutes(2) };
    Some(slots(task.schedule.as_ref()?, task.grace, now + ahead))
}

/// Makes the database, and its backups on the way: each holds the rota as it was that night.
async fn grow(directory: &Path, config: &Config, backup: &BackupSpec, now: Timestamp) -> Result<()> {
    let schedule = backup.schedule.as_ref().ok_or_eyre("the demo's backup has no schedule")?;
    let nights: Vec<Timestamp> = slots(schedule, backup.grace, now).take(BACKUPS.len() + 1).collect();
    let oldest = *nights.last().ok_or_eyre("the demo's backup was never due")?;
    let mut connection = rota::open(&database(directory))?;
    let first = config.zone.date(oldest) - TimeDelta::days(rota::HISTORY);
    rota::found(&mut connection, config.zone.date(now))?;
    rota::plan(&mut connection, first, rota::HISTORY + rota::PLANNED)?;
    for slot in BACKUPS {
        let at = nights.get(slot).copied().unwrap_or(oldest);
        let path = backup.name_for(at + TimeDelta::seconds(3));
        let request = Request {
            backup: backup.id.clone(),
            source: Address::File(database(directory)),
            password: None,
            destination: path.clone(),
            compress: backup.compress,
            rows: Vec::new(),
            at: at + TimeDelta::seconds(3),
            host: config.host_name.clone(),
            by: "rounds demo".to_owned(),
            why: "staged for the demo".to_owned(),
            log: None,
        };
        make(request, |_, _| {}, CancellationToken::new()).await?;
        if slot == CUT_OFF {
            let file = OpenOptions::new().write(true).open(&path)?;
            file.set_len(file.metadata()?.len() * 2 / 5)?;
        }
        for file in [&path, &manifest::path_for(&path)] {
            date(file, at + TimeDelta::seconds(4))?;
        }
        let next = config.zone.date(at) + TimeDelta::days(rota::PLANNED);
        rota::plan(&mut connection, next, 1)?;
    }
    rota::leave_room(&connection)?;
    Ok(())
}

/// One recorded run.
struct Told {
    task: &'static str,
    /// Counted back from the newest slot that is decided.
    slot: usize,
    took_s: f64,
    exit_code: i32,
    output: &'static str,
}

/// What went wrong with the newest runs; before them all went well. `leave-export` was missed.
const WRONG: [Told; 2] = [
    Told {
        task: "shift-reminders",
        slot: 0,
        took_s: 5.03,
        exit_code: 1,
        output: "reading the shifts of the next 24 hours\nshift-reminders: database is locked (waited 5 s)\n",
    },
    Told { task: "staffing-report", slot: 0, took_s: 0.04, exit_code: 0, output: "0 wards in the report\n" },
];
const MISSED: &str = "leave-export";
/// How long the good runs took, newest first, and so on back to when the demo was set up.
const WELL: [f64; 6] = [1.42, 1.38, 1.51, 1.44, 1.47, 1.40];

/// Leaves records as `rounds exec` does, to be imported as its are.
fn runs(config: &Config, now: Timestamp) -> Result<()> {
    let spool = spool::directory(&config.store.state_dir());
    for task in &config.tasks {
        let Some(slots) = ran(task, now) else { continue };
        let known = slots.take_while(|at| *at > now - FOUNDED);
        for (slot, (at, well)) in known.zip(WELL.into_iter().cycle()).enumerate() {
            if slot == 0 && task.id == MISSED {
                continue;
            }
            let wrong = WRONG.iter().find(|told| told.task == task.id && told.slot == slot);
            let (took_s, exit_code, output) =
                wrong.map_or((well, 0, "done\n"), |told| (told.took_s, told.exit_code, told.output));
            let started_at = at + TimeDelta::seconds(1);
            let clock = uuid::Timestamp::from_unix(uuid::NoContext, started_at.timestamp().unsigned_abs(), 0);
            let start = spool::Start {
                id: uuid::Uuid::new_v7(clock).to_string(),
                task: task.id.clone(),
                started_at,
                holder: spool::Holder::this(),
            };
            let ended = started_at + span(Duration::from_secs_f64(took_s));
            let run = RunEnd { at: ended, took_s, exit_code: Some(exit_code), ..RunEnd::default() };
            spool::Entry::begin(&spool, start)?.end(spool::End { run, output: output.to_owned() })?;
        }
    }
    Ok(())
}

/// Writes the log of the last hours.
fn errors(directory: &Path, config: &Config, now: Timestamp) -> Result<()> {
    let before = |minutes: i64| now - TimeDelta::minutes(minutes);
    let mut lines: Vec<(Timestamp, String)> =
        (1..80).map(|turn| (before(turn * 9), line(before(turn * 9), "INFO", "60 clockings"))).collect();
    for (minutes, text) in [
        (552, "attendance: no answer from the badge reader of Elm ward"),
        (53, "attendance: no answer from the badge reader of Elm ward"),
        (24, "leave: request 2881 refused, its staff member has left"),
        (7, "attendance: no answer from the badge reader of Elm ward"),
    ] {
        lines.push((before(minutes), line(before(minutes), "ERROR", text)));
    }
    let reminders = config.tasks.iter().find(|task| task.id == "shift-reminders");
    let failed = reminders.and_then(|task| ran(task, now)?.next());
    if let Some(at) = failed {
        lines.push((at, line(at, "ERROR", "shift-reminders: database is locked (waited 5 s)")));
    }
    lines.sort();
    let path = log(directory);
    make_folder_of(&path)?;
    fs::write(&path, lines.into_iter().map(|(_, line)| line).collect::<String>())?;
    Ok(())
}

/// Writes the exports of the days on which the task ran.
fn exports(directory: &Path, config: &Config, now: Timestamp) -> Result<()> {
    let task = config.tasks.iter().find(|task| task.id == MISSED).ok_or_eyre("the demo exports nothing")?;
    let schedule = task.schedule.as_ref().ok_or_eyre("the demo's export has no schedule")?;
    for at in slots(schedule, task.grace, now).skip(1).take(3) {
        let (path, _) = work::export(directory, config.zone.date(at))?;
        date(&path, at + TimeDelta::seconds(2))?;
    }
    Ok(())
}

/// Marks some items of yesterday's list, which nobody signed.
async fn marks(config: &Config, now: Timestamp) -> Result<()> {
    let list = config.checklists.first().ok_or_eyre("the demo has no checklist")?;
    let yesterday = list.every.shifted(now, -1, &config.zone);
    let by_hand = list.items.iter().filter(|item| !matches!(item.evidence, Evidence::Auto(_)));
    let done = [(MarkKind::Tick, ""), (MarkKind::Skip, "the wards were short of staff, no time to read it")];
    let nine = NaiveTime::from_hms_opt(8, 51, 0).unwrap_or_default();
    let begun = config.zone.at(yesterday.last_day, nine);
    let actor = Actor {
        operator: "sam".to_owned(),
        os_user: "rounds demo".to_owned(),
        host: config.host_name.clone(),
        origin: "staged".to_owned(),
    };
    let store = Store::open(&config.store.path, now).await?;
    for ((item, (kind, note)), minutes) in by_hand.zip(done).zip([0, 4]) {
        let mark = Mark {
            checklist: list.id.clone(),
            period: yesterday.key.clone(),
            item: item.text.clone(),
            kind,
            at: begun + TimeDelta::minutes(minutes),
            operator: actor.operator.clone(),
            note: note.to_owned(),
        };
        sign::mark(&store, &actor, &mark).await?;
    }
    store.close().await;
    Ok(())
}

/// Gives a file the time of the past it stands for.
fn date(path: &Path, at: Timestamp) -> Result<()> {
    OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|file| file.set_modified(SystemTime::from(at)))
        .wrap_err_with(|| format!("cannot date {}", path.display()))
}

pub(super) fn make_folder_of(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}
