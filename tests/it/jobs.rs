//! Jobs of a running round, without a screen: what is told of them, what stops them, and what is
//! on record whatever happens.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rounds::action::propose;
use rounds::config::{self, Environment};
use rounds::domain::action_name::ActionName;
use rounds::domain::audit::{Actor, AuditEntry, Phase};
use rounds::domain::inventory::Target;
use rounds::domain::job::{JobEvent, JobResult, Outcome};
use rounds::domain::plan::{Answer, Confirmed};
use rounds::domain::task::TaskRun;
use rounds::domain::update::Update;
use rounds::domain::vitals::{Proof, ProofKind};
use rounds::ledger::{BoxFuture, Ledger, LedgerError};
use rounds::runtime::Runtime;
use rounds::runtime::clock::{Clock, id_at};
use rounds::runtime::holder::recover_lost_jobs;
use rounds::runtime::opening::Opening;
use rounds::runtime::round::Round;
use rounds::runtime::runner::Runner;
use rounds::store::{Holder, Store};
use tokio::time::timeout;

use crate::support::World;

const CONFIG: &str = r#"
version = 1
[[database]]
id = "rota"
url = "sqlite:{root}/rota.sqlite3"
[[backup]]
id = "rota-db"
database = "rota"
files = "{root}/backups/rota_%Y%m%d_%H%M%S.sqlite3"
[[task]]
id = "marking"
source = "exec"
run = { command = ["/usr/bin/touch", "{root}/started"] }
[[check]]
id = "marked"
command = ["/usr/bin/test", "-e", "{root}/started"]
every = "1h"
[[action]]
id = "mark"
title = "Leave a mark"
risk = "routine"
command = ["/usr/bin/touch", "{root}/started"]
verify = { check = "marked", within = "10s" }
[[action]]
id = "polite"
title = "Take a while"
risk = "routine"
command = ["/bin/sh", "-c", "trap 'touch {root}/tidied; exit' TERM; touch {root}/started; sleep 60 & wait"]
[[action]]
id = "deaf"
title = "Not hear TERM"
risk = "routine"
command = ["/bin/sh", "-c", "trap '' TERM; touch {root}/started; while :; do sleep 0.1; done"]
[[action]]
id = "guarded"
title = "Want a fresh backup"
risk = "routine"
command = ["/usr/bin/touch", "{root}/started"]
guards = [{ backup = "rota-db", within = "30m" }]
"#;

/// A round that runs, and what is on record of it.
struct Scene {
    world: World,
    runtime: Runtime,
    store: Store,
    clock: Clock,
    inventory: Arc<rounds::domain::inventory::Inventory>,
}

impl Scene {
    async fn new() -> Self {
        Self::with(|_| {}, Clock::system()).await
    }

    async fn with(change: impl FnOnce(&mut Round), clock: Clock) -> Self {
        Self::of(World::new().config(CONFIG).database("rota.sqlite3", 10), change, clock).await
    }

    async fn of(world: World, change: impl FnOnce(&mut Round), clock: Clock) -> Self {
        let environment = Environment {
            home: Some(world.path("home")),
            xdg_state_home: Some(world.path("state")),
            user: rustix::process::geteuid().as_raw(),
            ..Environment::default()
        };
        let config = config::load(&[world.path("config.toml")], &environment).expect("a configuration");
        let store = Store::open(&config.store.path, clock.now()).await.expect("a store");
        let mut round = Round::new(config, "db1", Opening::of(store.clone()), rounds::scheduler::ask);
        change(&mut round);
        let inventory = Arc::clone(&round.inventory);
        let runner = Runner::new(&round, false, &clock);
        let runtime = Runtime::start(round, runner, &clock);
        Self { world, runtime, store, clock, inventory }
    }

    fn start(&mut self, action: &ActionName, target: &Target) -> rounds::domain::job::JobId {
        let plan = {
            let board = rounds::domain::board::Board::new(Vec::new(), self.clock.now());
            let sight = rounds::action::Sight { inventory: &self.inventory, board: &board, now: self.clock.now() };
            propose(action, target, &std::collections::BTreeMap::new(), &sight).expect("a plan")
        };
        self.runtime.start_job(yes(plan), actor(), "a test".into())
    }

    fn run(&mut self, action: &str) -> rounds::domain::job::JobId {
        self.start(&ActionName::custom(action), &Target::action(action))
    }

    /// The first of what is told that `wanted` makes something of.
    async fn told<T>(&mut self, mut wanted: impl FnMut(Update) -> Option<T>) -> T {
        let told = async {
            loop {
                if let Some(found) = wanted(self.runtime.next().await) {
                    return found;
                }
            }
        };
        timeout(Duration::from_mins(1), told).await.expect("it is told within a minute")
    }

    async fn outcome(&mut self) -> Result<Outcome, String> {
        self.told(|update| match update {
            Update::Job(JobEvent::Finished { outcome, .. }) => Some(Ok(outcome)),
            Update::Job(JobEvent::Refused { why, .. }) => Some(Err(why)),
            _ => None,
        })
        .await
    }

    /// Waits until the command of an action runs.
    async fn started(&mut self) {
        let mark = self.world.path("started");
        timeout(Duration::from_mins(1), exists(&mark)).await.expect("the command begins");
    }

    /// The phases on record, oldest first, with the last outcome.
    async fn record(&self) -> (Vec<Phase>, Option<JobResult>) {
        let records = self.store.audit_after(0, 1000).await.expect("the log");
        let outcome = records.iter().rev().find_map(|record| record.entry.outcome);
        (records.iter().map(|record| record.entry.phase).collect(), outcome)
    }
}

fn yes(plan: rounds::domain::plan::Plan) -> Confirmed {
    plan.confirm(Answer::Yes).expect("a yes is enough")
}

/// A record of the action `mark`.
fn entry(correlation: &str, phase: Phase, at: rounds::domain::time::Timestamp) -> AuditEntry {
    AuditEntry {
        at,
        phase,
        correlation: correlation.to_owned(),
        actor: actor(),
        action: "mark".into(),
        target: "action:mark".into(),
        risk: "routine".into(),
        reason: String::new(),
        plan: String::new(),
        outcome: None,
        detail: String::new(),
        took_s: None,
    }
}

fn actor() -> Actor {
    Actor { operator: "asha".into(), host: "db1".into(), ..Actor::default() }
}

async fn exists(path: &Path) {
    while !path.exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A memory that never answers: every probe that asks it hangs until its deadline.
#[derive(Debug)]
struct Dead;

impl Ledger for Dead {
    fn runs<'a>(&'a self, _: &'a str, _: usize) -> BoxFuture<'a, Result<Vec<TaskRun>, LedgerError>> {
        Box::pin(std::future::pending())
    }

    fn proofs<'a>(&'a self, _: ProofKind, _: &'a str) -> BoxFuture<'a, Result<Vec<Proof>, LedgerError>> {
        Box::pin(std::future::pending())
    }
}

const WHOLE: [Phase; 3] = [Phase::Intent, Phase::Started, Phase::Outcome];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_cancels_a_job_and_writes_that_it_did() {
    let mut scene = Scene::new().await;
    scene.run("polite");
    scene.started().await;
    let Scene { runtime, store, world, .. } = scene;
    runtime.shutdown(Duration::from_secs(5)).await;
    let records = store.audit_after(0, 100).await.expect("the log");
    assert_eq!(records.iter().map(|one| one.entry.phase).collect::<Vec<_>>(), WHOLE);
    assert_eq!(records[2].entry.outcome, Some(JobResult::Cancelled));
    assert!(world.path("tidied").exists(), "it was asked before it was made to");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_kills_a_job_that_ignores_term_and_writes_its_outcome() {
    let mut scene = Scene::new().await;
    scene.run("deaf");
    scene.started().await;
    let Scene { runtime, store, world, .. } = scene;
    runtime.shutdown(Duration::from_secs(5)).await;
    let records = store.audit_after(0, 100).await.expect("the log");
    assert_eq!(records.last().and_then(|one| one.entry.outcome), Some(JobResult::Cancelled));
    drop(world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_told_of_before_it_may_begin_and_can_be_cancelled_there() {
    let mut scene = Scene::with(|round| round.context.ledger = Arc::new(Dead), Clock::system()).await;
    let job = scene.run("guarded");
    let asked = scene
        .told(|update| match update {
            Update::Job(JobEvent::Asked { job, .. }) => Some(job),
            Update::Job(_) => panic!("nothing else comes first"),
            _ => None,
        })
        .await;
    assert_eq!(asked, job);
    scene.runtime.cancel(&job);
    assert_eq!(scene.outcome().await, Err("cancelled before it began; nothing was done".to_owned()));
    assert!(!scene.world.path("started").exists());
    assert_eq!(scene.record().await.0, [Phase::Refused]);
    // Nobody holds the target any more.
    scene.run("guarded");
    scene.told(|update| matches!(update, Update::Job(JobEvent::Asked { .. })).then_some(())).await;
    let Scene { runtime, store, .. } = scene;
    runtime.shutdown(Duration::from_secs(5)).await;
    let records = store.audit_after(0, 100).await.expect("the log");
    assert!(records.iter().all(|one| !one.entry.detail.contains("is busy")), "{records:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_refused_or_has_ended_is_no_longer_running() {
    let mut scene = Scene::new().await;
    scene.run("guarded");
    assert_eq!(scene.runtime.running(), 1);
    let why = scene.outcome().await.expect_err("there is no backup");
    assert!(why.contains("no usable backup"), "{why}");
    scene.run("mark");
    assert_eq!(scene.outcome().await.expect("it may").result, JobResult::Succeeded);
    // The next thing that happens is that it is read again what the act was about.
    let wait = async {
        while scene.runtime.running() > 0 {
            scene.runtime.next().await;
        }
    };
    timeout(Duration::from_mins(1), wait).await.expect("none is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_act_was_about_is_read_again_when_it_is_done() {
    let mut scene = Scene::new().await;
    let seen = |update| match update {
        Update::Observed(observation) if observation.probe.as_str() == "command:marked" => Some(observation.at),
        _ => None,
    };
    let first = scene.told(seen).await;
    scene.run("mark");
    // Its own interval is an hour.
    assert!(scene.told(seen).await > first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_a_job_is_a_failure_on_record_and_holds_nothing() {
    let world = World::new().config(CONFIG).database("rota.sqlite3", 10);
    // Asking the time is the first thing that is done once the command has ended.
    let (mark, done) = (world.path("started"), Arc::new(AtomicBool::new(false)));
    let system = Clock::system();
    let clock = Clock::scripted(move || {
        assert!(!mark.exists() || done.swap(true, Ordering::SeqCst), "the clock stands still");
        system.now()
    });
    let mut scene = Scene::of(world, |round| round.watched.clear(), clock).await;
    let marking = Target::task("marking");
    scene.start(&ActionName::RUN_TASK, &marking);
    let outcome = scene.outcome().await.expect("it began");
    assert_eq!(outcome.result, JobResult::Failed);
    assert!(outcome.detail.contains("the clock stands still"), "{}", outcome.detail);
    assert_eq!(scene.record().await, (WHOLE.to_vec(), Some(JobResult::Failed)));
    // Neither its lease nor the belief that the task still runs outlives it.
    scene.start(&ActionName::RUN_TASK, &marking);
    assert_eq!(scene.outcome().await.expect("nothing is in the way").result, JobResult::Succeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_ended_is_recorded_with_its_end_and_not_as_alive() {
    let mut scene = Scene::new().await;
    scene.start(&ActionName::RUN_TASK, &Target::task("marking"));
    assert_eq!(scene.outcome().await.expect("it may").result, JobResult::Succeeded);
    let runs = scene.store.runs("marking", 10).await.expect("runs");
    assert_eq!(runs.len(), 1);
    assert!(!runs[0].alive && runs[0].ended.as_ref().is_some_and(|end| end.exit_code == Some(0)), "{runs:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_another_host_is_left_to_it_and_one_of_ours_says_how_far_it_came() {
    let scene = Scene::new().await;
    let now = scene.clock.now();
    // A process of this number that began then never was.
    let gone = |host: &str| Holder {
        host: host.into(),
        boot_id: "another start".into(),
        pid: std::process::id(),
        pid_start: -1,
        started_at: now,
    };
    let store = &scene.store;
    store.begin(entry("theirs", Phase::Intent, now), &gone("db2")).await.expect("recorded");
    store.begin(entry("idle", Phase::Intent, now), &gone("db1")).await.expect("recorded");
    store.begin(entry("busy", Phase::Intent, now), &gone("db1")).await.expect("recorded");
    store.append(entry("busy", Phase::Started, now)).await.expect("recorded");
    assert_eq!(recover_lost_jobs(store, "db1", now).await.expect("looked"), 2);
    let open: Vec<String> = store.open_jobs().await.expect("open").into_iter().map(|job| job.id.0).collect();
    assert_eq!(open, ["theirs"]);
    let records = store.audit_after(0, 100).await.expect("the log");
    let said =
        |id: &str| records.iter().rev().find(|one| one.entry.correlation == id).expect("it").entry.detail.clone();
    assert!(said("idle").ends_with("nothing was done"), "{}", said("idle"));
    assert!(said("busy").ends_with("look whether it took effect"), "{}", said("busy"));
    assert_eq!(recover_lost_jobs(store, "db1", now).await.expect("looked"), 0, "lost once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_who_is_behind_holds_up_no_job() {
    let mut scene = Scene::new().await;
    // Nobody takes what is told, as with a terminal that was halted; and it is much.
    for _ in 0..150 {
        scene.run("guarded");
    }
    scene.run("mark");
    let done = async {
        loop {
            match scene.record().await {
                (phases, outcome) if phases.contains(&Phase::Outcome) => return outcome,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let outcome = timeout(Duration::from_mins(1), done).await.expect("it does not wait for a listener");
    assert_eq!(outcome, Some(JobResult::Succeeded));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_act_has_ended_is_not_believed_to_go_on_when_its_program_is_gone() {
    let scene = Scene::new().await;
    let (store, now) = (&scene.store, scene.clock.now());
    let run = |id: &str| TaskRun {
        id: id.into(),
        task: "marking".into(),
        started_at: now,
        ended: None,
        alive: true,
        tail: String::new(),
        untold: false,
    };
    for (id, host, pid_start) in [("gone", "db1", -1), ("theirs", "db2", -1)] {
        let holder = Holder { host: host.into(), boot_id: "another start".into(), pid: 1, pid_start, started_at: now };
        store.begin(entry(id, Phase::Intent, now), &holder).await.expect("recorded");
        store.import_runs(&[run(id)]).await.expect("recorded");
        let outcome = AuditEntry { outcome: Some(JobResult::Cancelled), ..entry(id, Phase::Outcome, now) };
        store.append(outcome).await.expect("recorded");
    }
    assert_eq!(recover_lost_jobs(store, "db1", now).await.expect("looked"), 0, "both have their end");
    let alive = |id: &str, runs: &[TaskRun]| runs.iter().find(|run| run.id == id).expect("it").alive;
    let runs = store.runs("marking", 10).await.expect("runs");
    assert_eq!((alive("gone", &runs), alive("theirs", &runs)), (false, true));
}

/// A memory that is well until a file appears, and dead from then on.
#[derive(Debug)]
struct DeadSince(std::path::PathBuf);

impl Ledger for DeadSince {
    fn runs<'a>(&'a self, _: &'a str, _: usize) -> BoxFuture<'a, Result<Vec<TaskRun>, LedgerError>> {
        Box::pin(async { if self.0.exists() { std::future::pending().await } else { Ok(Vec::new()) } })
    }

    fn proofs<'a>(&'a self, _: ProofKind, _: &'a str) -> BoxFuture<'a, Result<Vec<Proof>, LedgerError>> {
        Box::pin(async { if self.0.exists() { std::future::pending().await } else { Ok(Vec::new()) } })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_leaves_waits_for_no_look_at_the_files_before_or_after_a_command() {
    let backup = "[[backup]]\nid = \"made\"\nfiles = \"{root}/made/x_%Y%m%d_%H%M%S.sqlite3\"\n\
        command = [\"/usr/bin/touch\", \"{root}/started\"]\n";
    let table = [
        (ActionName::BACKUP, "never", "cancelled before its program was started", JobResult::Cancelled),
        (ActionName::BACKUP, "started", "there was no time to look", JobResult::NotEffective),
        (ActionName::VERIFY, "never", "cancelled before its files were looked at", JobResult::Cancelled),
    ];
    for (action, dead_since, detail, result) in table {
        let world = World::new().config(&format!("{CONFIG}{backup}")).database("rota.sqlite3", 10);
        std::fs::create_dir(world.path("made")).expect("a folder");
        let mark = if dead_since == "never" { world.path("config.toml") } else { world.path(dead_since) };
        let dies = move |round: &mut Round| {
            round.watched.clear();
            round.context.ledger = Arc::new(DeadSince(mark));
        };
        let mut scene = Scene::of(world, dies, Clock::system()).await;
        scene.start(&action, &Target::backup("made"));
        scene.told(|update| matches!(update, Update::Job(JobEvent::Started { .. })).then_some(())).await;
        if dead_since == "started" {
            scene.started().await;
        }
        let Scene { runtime, store, world, .. } = scene;
        runtime.shutdown(Duration::from_secs(5)).await;
        let records = store.audit_after(0, 100).await.expect("the log");
        let last = &records.last().expect("records").entry;
        assert_eq!(last.outcome, Some(result), "{records:#?}");
        assert!(last.detail.contains(detail), "{}", last.detail);
        drop(world);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs root: mounts a file system that never answers"]
async fn root_what_not_even_kill_ends_keeps_its_target_and_its_run_until_it_is_gone() {
    use crate::support::proc;

    let world = World::new();
    let mut hung = crate::support::hung::Hung::swallowing(&world.path("hung"));
    let asked = hung.path("x").display().to_string();
    let [enter, namespace, rest] = hung.prefix();
    let task = format!(
        "[[task]]\nid = \"stuck\"\nsource = \"exec\"\n\
         run = {{ command = [\"{enter}\", \"{namespace}\", \"{rest}\", \"stat\", \"{asked}\"] }}\n"
    );
    let world = world.config(&format!("{CONFIG}{task}")).database("rota.sqlite3", 10);
    let mut scene = Scene::of(world, |round| round.watched.clear(), Clock::system()).await;
    let target = Target::task("stuck");
    let job = scene.start(&ActionName::RUN_TASK, &target);
    let begun = async {
        // Whoever enters the namespace has it among its arguments before it has become `stat`.
        let is_stat = |pid: &u32| proc::threads(*pid).iter().any(|name| name == "stat");
        while !proc::with_argument(&asked).iter().any(is_stat) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // And that takes a moment to ask.
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    timeout(Duration::from_mins(1), begun).await.expect("the command begins");
    scene.runtime.cancel(&job);
    let outcome = scene.outcome().await.expect("it began");
    assert_eq!(outcome.result, JobResult::Cancelled);
    assert!(outcome.detail.contains("is still there: not even KILL ends it"), "{}", outcome.detail);
    let runs = scene.store.runs("stuck", 10).await.expect("runs");
    assert!(runs[0].alive && runs[0].ended.is_none(), "{runs:?}");
    scene.start(&ActionName::RUN_TASK, &target);
    let refused = scene.outcome().await.expect_err("it is still there");
    assert!(refused.contains("is busy"), "{refused}");

    hung.release();
    let ended = async {
        while scene.store.runs("stuck", 10).await.expect("runs")[0].ended.is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_mins(1), ended).await.expect("its end is written");
    let runs = scene.store.runs("stuck", 10).await.expect("runs");
    assert!(!runs[0].alive, "{runs:?}");
    let again = async {
        loop {
            scene.start(&ActionName::RUN_TASK, &target);
            if let Ok(outcome) = scene.outcome().await {
                return outcome;
            }
        }
    };
    let outcome = timeout(Duration::from_mins(1), again).await.expect("its target is free");
    assert_eq!(outcome.result, JobResult::Failed, "nothing is mounted any more: {}", outcome.detail);
}

#[test]
fn ids_sort_by_time_and_differ() {
    let at = |second: i64| rounds::domain::time::Timestamp::from_timestamp(1_772_442_000 + second, 0).expect("time");
    assert!(id_at(at(0)) < id_at(at(1)));
    assert_ne!(id_at(at(0)), id_at(at(0)));
}
