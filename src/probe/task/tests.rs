//! Task probes over a folder that stands for `/`, with a ledger that is a list.

mod drift;
mod extra;
mod heard;
mod proof;
mod told;

use std::os::unix::fs::PermissionsExt;

use super::line::known_since;
use super::*;
use crate::config::Environment;
use crate::domain::board::Board;
use crate::domain::drift::Acceptance;
use crate::domain::observation::{Detail, Observation};
use crate::domain::slot::TaskState;
use crate::domain::status::Status;
use crate::domain::task::{RunEnd, TaskFacts, TaskRun};
use crate::domain::time::{Timestamp, Zone};
use crate::domain::vitals::{Proof, ProofKind};
use crate::ledger::{Ledger, LedgerError};
use chrono::TimeDelta;
use tempfile::TempDir;

/// How the tasks of a configuration are started.
fn cards_in(config: &Config, scene: &Scene) -> Vec<crate::domain::inventory::TaskCard> {
    let ledger = Arc::new(Runs(Vec::new(), Vec::new()));
    let context = Context {
        ledger,
        system: "rota".into(),
        zone: Zone::utc(),
        at_start: crate::scheduler::ask,
        state_dir: scene.place.root.join("state"),
    };
    watched(config, &context, scene).iter().filter_map(|one| one.probe.card()).collect()
}

#[derive(Debug)]
struct Runs(Vec<TaskRun>, Vec<Acceptance>);

impl Ledger for Runs {
    fn runs<'a>(&'a self, task: &'a str, limit: usize) -> BoxFuture<'a, Result<Vec<TaskRun>, LedgerError>> {
        let found = self.0.iter().filter(|run| run.task == task).take(limit).cloned().collect();
        Box::pin(async move { Ok(found) })
    }

    fn accepted<'a>(&'a self, scope: Option<&'a str>) -> BoxFuture<'a, Result<Vec<Acceptance>, LedgerError>> {
        let found = self.1.iter().filter(|one| scope.is_none_or(|scope| one.scope == scope)).cloned().collect();
        Box::pin(async move { Ok(found) })
    }

    fn proofs<'a>(&'a self, _: ProofKind, _: &'a str) -> BoxFuture<'a, Result<Vec<Proof>, LedgerError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

fn run(id: &str, task: &str, started_at: Timestamp, exit_code: i32) -> TaskRun {
    let end =
        RunEnd { at: started_at + TimeDelta::seconds(5), took_s: 5.0, exit_code: Some(exit_code), ..RunEnd::default() };
    TaskRun {
        id: id.into(),
        task: task.into(),
        started_at,
        ended: Some(end),
        alive: false,
        tail: String::new(),
        untold: false,
    }
}

struct World {
    root: TempDir,
    config: Config,
    runs: Vec<TaskRun>,
    accepted: Vec<Acceptance>,
    now: Timestamp,
}

impl World {
    /// `crontab` is the user's own; the files are of a month ago.
    fn new(crontab: &str, config: &str) -> Self {
        let root = tempfile::tempdir().expect("root");
        let path = root.path();
        let uid = rustix::process::geteuid().as_raw();
        for folder in ["etc", "proc/1", "var/spool/cron/crontabs", "state"] {
            std::fs::create_dir_all(path.join(folder)).expect("folder");
        }
        std::fs::write(path.join("etc/passwd"), format!("ann:x:{uid}:7:Ann:/home/ann:/bin/sh\n")).expect("passwd");
        std::fs::write(path.join("proc/1/comm"), "cron\n").expect("comm");
        std::fs::write(path.join("proc/stat"), "cpu 1 2 3\nbtime 1700000000\n").expect("stat");
        let environment = Environment { home: Some(path.join("home")), ..Environment::default() };
        let config = format!("version = 1\n[system]\ntimezone = \"UTC\"\n{config}");
        let config = crate::config::parse("test.toml", path, &config, &environment).expect("configuration");
        let now = "2026-03-02T09:00:00Z".parse().expect("now");
        let world = Self { root, config, runs: Vec::new(), accepted: Vec::new(), now };
        world.crontab(crontab);
        world
    }

    fn crontab(&self, text: &str) {
        let path = self.root.path().join("var/spool/cron/crontabs/ann");
        std::fs::write(&path, text).expect("crontab");
        let written = self.now - TimeDelta::days(30);
        std::fs::File::options().write(true).open(path).expect("crontab").set_modified(written.into()).expect("mtime");
    }

    /// A log of cron, written last at `now`.
    fn log(&self, path: &str, text: &str) {
        let path = self.root.path().join(path);
        std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        std::fs::write(&path, text).expect("log");
        std::fs::File::options().write(true).open(path).expect("log").set_modified(self.now.into()).expect("mtime");
    }

    fn scene(&self) -> Scene {
        Scene::new(self.root.path(), Zone::utc(), || Err("nobody asked".into()))
    }

    fn watched(&self) -> Vec<Watched> {
        self.watched_in(&self.scene())
    }

    fn watched_in(&self, scene: &Scene) -> Vec<Watched> {
        let context = Context {
            ledger: Arc::new(Runs(self.runs.clone(), self.accepted.clone())),
            system: "rota".into(),
            zone: Zone::utc(),
            at_start: crate::scheduler::ask,
            state_dir: self.root.path().join("state"),
        };
        watched(&self.config, &context, scene)
    }

    /// Reads everything once; each id with its status and its sentences.
    async fn told(&self, watched: &mut [Watched]) -> Vec<(String, Status, Vec<String>)> {
        let watches = watched.iter().map(|one| one.watch.clone()).collect();
        let mut board = Board::new(watches, self.now);
        for one in watched {
            let outcome = one.probe.read(self.now).await;
            board.apply(&Observation { probe: one.watch.id.clone(), at: self.now, took: Duration::ZERO, outcome });
        }
        let assessments = board.assess(self.now).into_iter();
        assessments
            .map(|one| {
                let texts = one.findings.into_iter().map(|finding| finding.text).collect();
                (one.id.to_string(), one.status, texts)
            })
            .collect()
    }

    async fn first(&self) -> (String, Status, Vec<String>) {
        self.told(&mut self.watched()).await.remove(0)
    }
}

/// A ledger that is asked for everything at once, and says how often for one.
#[derive(Debug, Default)]
struct Whole {
    runs: Vec<TaskRun>,
    asked: std::sync::atomic::AtomicUsize,
    asked_for_all: std::sync::atomic::AtomicUsize,
}

impl Ledger for Whole {
    fn runs<'a>(&'a self, task: &'a str, limit: usize) -> BoxFuture<'a, Result<Vec<TaskRun>, LedgerError>> {
        self.asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let found = self.runs.iter().filter(|run| run.task == task).take(limit).cloned().collect();
        Box::pin(async move { Ok(found) })
    }

    fn recorded(&self, _limit: usize) -> BoxFuture<'_, Result<Option<crate::ledger::Recorded>, LedgerError>> {
        self.asked_for_all.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut all = crate::ledger::Recorded::default();
        for run in &self.runs {
            all.runs.entry(run.task.clone()).or_default().push(run.clone());
        }
        Box::pin(async move { Ok(Some(all)) })
    }

    fn proofs<'a>(&'a self, _: ProofKind, _: &'a str) -> BoxFuture<'a, Result<Vec<Proof>, LedgerError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

#[tokio::test]
async fn of_many_tasks_the_store_is_asked_once_and_of_few_or_later_for_each() {
    use std::sync::atomic::Ordering::Relaxed;
    for (count, whole, each) in [(40, 1, 0), (3, 0, 3)] {
        let task = |n| format!("[[task]]\nid = \"t{n}\"\nsource = \"exec\"\nschedule = \"0 2 * * *\"\n");
        let config = (0..count).map(task).collect::<Vec<_>>().concat();
        let world = World::new("", &config);
        let runs = (0..count).map(|n| run(&format!("{n}"), &format!("t{n}"), world.now - TimeDelta::hours(7), n % 2));
        let ledger = Arc::new(Whole { runs: runs.collect(), ..Whole::default() });
        let context = Context {
            ledger: Arc::clone(&ledger) as Arc<dyn Ledger>,
            system: "rota".into(),
            zone: Zone::utc(),
            at_start: crate::scheduler::ask,
            state_dir: world.root.path().join("state"),
        };
        let mut watched = super::watched(&world.config, &context, &world.scene());
        for look in 1..=2 {
            let told = world.told(&mut watched).await.into_iter().filter(|(id, ..)| id != "task:cron");
            for (n, (_, status, texts)) in told.enumerate() {
                let expected = if n % 2 == 0 { Status::Ok } else { Status::Critical };
                assert_eq!(status, expected, "task {n} of {count}, look {look}: {texts:?}");
            }
            let later = if look == 2 { usize::try_from(count).expect("a count") } else { 0 };
            let asked = (ledger.asked_for_all.load(Relaxed), ledger.asked.load(Relaxed));
            assert_eq!(asked, (whole, each + later), "{count} tasks, look {look}");
        }
    }
}

const NIGHTLY: &str = "[[task]]\nid = \"nightly\"\nsource = \"cron\"\nmatch = \"backup.sh\"\ngrace = \"15m\"\n";
const WRAPPED: &str = "0 2 * * * rounds exec --task nightly -- /srv/backup.sh\n";

#[tokio::test]
async fn a_heartbeat_that_nobody_heard_is_told_though_the_run_went_well() {
    let mut world = World::new(WRAPPED, NIGHTLY);
    world.runs = vec![run("1", "nightly", world.now - TimeDelta::hours(7), 0)];
    let spool = spool::directory(&world.root.path().join("state"));
    let at = world.now - TimeDelta::minutes(419);
    let one = spool::Unheard { task: "nightly".into(), run: "1".into(), at, why: "the service answers 404".into() };
    spool::keep_unheard(&spool, "nightly", Some(&one)).expect("kept");
    let told = "the heartbeat of the run that ended at 02:01 was not sent: the service answers 404";
    assert_eq!(world.first().await, ("task:nightly".into(), Status::Warning, vec![told.into()]));
    spool::keep_unheard(&spool, "nightly", None).expect("heard");
    assert_eq!(world.first().await.1, Status::Ok);
}

#[tokio::test]
async fn where_there_are_no_crontabs_a_task_of_theirs_is_unknown_and_nothing_is_looked_for() {
    let world = World::new(WRAPPED, NIGHTLY);
    let scene = Scene { lacks: Some("nobody has any"), ..world.scene() };
    let mut watched = world.watched_in(&scene);
    assert_eq!(watched.len(), 1, "the crontabs themselves are not watched");
    let (id, status, texts) = world.told(&mut watched).await.remove(0);
    assert_eq!((id.as_str(), status), ("task:nightly", Status::Unknown));
    assert!(texts[0].contains("nobody has any") && texts[0].contains("rounds exec"), "{texts:?}");
    let undiscovered = World::new(WRAPPED, "");
    assert!(undiscovered.watched_in(&Scene { lacks: Some("nobody has any"), ..undiscovered.scene() }).is_empty());
}

#[tokio::test]
async fn lines_nobody_records_are_unknown_and_folded_under_the_crontabs() {
    let world = World::new("0 2 * * * /srv/backup.sh\n@daily /srv/report.sh\n", "");
    let mut watched = world.watched();
    let folds: Vec<Option<&str>> =
        watched.iter().map(|one| one.watch.folds_under.as_ref().map(ProbeId::as_str)).collect();
    assert_eq!(folds, [Some("task:cron"), Some("task:cron"), None]);
    let told = world.told(&mut watched).await;
    let text =
        "cron records no result; put `rounds exec --task backup --` before the command in crontab of ann, line 1";
    assert_eq!(told[0], ("task:backup".into(), Status::Unknown, vec![text.into()]));
    assert_eq!(told[2].1, Status::Unknown);
    assert_eq!(told[2].2, ["2 of 2 lines leave no evidence of how they went"]);
}

#[tokio::test]
async fn a_wrapped_line_is_judged_by_its_records() {
    let mut world = World::new(WRAPPED, "");
    let two = "2026-03-02T02:00:00Z".parse().expect("time");
    world.runs = vec![run("b", "nightly", two, 0), run("a", "nightly", two - TimeDelta::days(1), 0)];
    assert_eq!(world.first().await, ("task:nightly".into(), Status::Ok, vec![]));
    world.runs[0] = run("b", "nightly", two, 3);
    let (_, status, texts) = world.first().await;
    assert_eq!((status, &texts[0][..]), (Status::Critical, "the run of 02:00 failed with exit code 3 after 5.0 s"));
    world.runs.remove(0);
    let (_, status, texts) = world.first().await;
    assert_eq!(status, Status::Critical);
    assert_eq!(texts, ["nothing ran for the slot of 02:00, 7 h ago (grace 2 m)"]);
}

#[tokio::test]
async fn a_line_of_another_user_is_not_missed_for_want_of_his_records() {
    let mut world = World::new("", "");
    std::fs::write(world.root.path().join("etc/crontab"), WRAPPED.replace("rounds", "root rounds")).expect("crontab");
    let (_, status, texts) = world.first().await;
    assert_eq!(status, Status::Unknown);
    assert!(texts[0].starts_with("it runs as user root, and no run of it is recorded here"), "{texts:?}");
    world.runs = vec![run("a", "nightly", "2026-03-02T02:00:00Z".parse().expect("time"), 0)];
    assert_eq!(world.first().await.1, Status::Ok, "it shares its store with us");
}

#[tokio::test]
async fn what_is_only_in_the_spool_counts_already() {
    let world = World::new(WRAPPED, "");
    let start = spool::Start {
        id: "x".into(),
        task: "nightly".into(),
        started_at: "2026-03-02T02:00:00Z".parse().expect("time"),
        holder: spool::Holder::this(),
    };
    let spool = spool::directory(&world.root.path().join("state"));
    let entry = spool::Entry::begin(&spool, start).expect("spool");
    let mut watched = world.watched();
    let reading = watched[0].probe.read(world.now).await.expect("reading");
    let Detail::Task(facts) = reading.detail else { panic!("task facts") };
    assert_eq!(facts.view(world.now).state, TaskState::Running);
    drop(entry);
}

#[tokio::test]
async fn a_configured_line_that_is_gone_is_critical() {
    let world = World::new("0 2 * * * /srv/other.sh\n", NIGHTLY);
    let (id, status, texts) = world.first().await;
    assert_eq!((id.as_str(), status), ("task:nightly", Status::Critical));
    assert_eq!(texts, ["its line is gone from the crontab: none contains `backup.sh`"]);
}

#[tokio::test]
async fn a_schedule_that_differs_is_drift() {
    let mut world = World::new(&WRAPPED.replace("0 2", "0 3"), &format!("{NIGHTLY}schedule = \"0 2 * * *\"\n"));
    world.runs = vec![run("a", "nightly", "2026-03-02T03:00:00Z".parse().expect("time"), 0)];
    let since = world.now - TimeDelta::hours(12);
    let path = world.root.path().join("var/spool/cron/crontabs/ann");
    std::fs::File::options().write(true).open(path).expect("crontab").set_modified(since.into()).expect("mtime");
    let (_, status, texts) = world.first().await;
    let text = "the crontab says `0 3 * * *` (daily at 03:00, UTC), the configuration `0 2 * * *` (daily at 02:00, UTC) \
                (crontab of ann, line 1)";
    assert_eq!((status, texts), (Status::Warning, vec![text.to_owned()]));
}

/// What is told of the crontabs as a whole, but that their lines leave no evidence.
async fn of_the_crontabs(world: &World, watched: &mut [Watched]) -> Vec<String> {
    let told = world.told(watched).await;
    let (_, _, texts) = told.into_iter().find(|(id, ..)| id == "task:cron").expect("the crontabs");
    texts.into_iter().filter(|text| !text.contains("no evidence of how")).collect()
}

#[tokio::test]
async fn a_line_that_is_another_now_is_told_with_what_it_was() {
    let world = World::new("0 2 * * * /srv/backup.sh --all\n0 3 * * * /srv/report.sh\n", "");
    let system = world.root.path().join("etc/crontab");
    std::fs::write(&system, "0 4 * * * root /srv/prune.sh\n").expect("crontab");
    let mut watched = world.watched();
    assert_eq!(of_the_crontabs(&world, &mut watched).await, [] as [String; 0]);
    world.crontab("# moved down\n0 3 * * * /srv/report.sh\n30 2 * * * /srv/backup.sh\n");
    std::fs::write(&system, "0 4 * * * ann /srv/prune.sh\n").expect("crontab");
    let told = "edited in the crontabs since this program started: backup (crontab of ann, line 3): due `30 2 * * *`, was \
                `0 2 * * *`; command `/srv/backup.sh`, was `/srv/backup.sh --all`; prune (/etc/crontab, line 1): user \
                `ann`, was `root`";
    assert_eq!(of_the_crontabs(&world, &mut watched).await, [told]);
}

#[tokio::test]
async fn two_lines_with_one_purpose_are_told_and_two_times_of_one_job_are_not() {
    let twice = World::new("0 2 * * * /srv/backup.sh\n0 2 * * * /srv/backup.sh\n", "");
    let told = "2 lines run the same, `/srv/backup.sh`: crontab of ann, line 1 (0 2 * * *); crontab of ann, line 2 (0 2 * * *)";
    assert_eq!(of_the_crontabs(&twice, &mut twice.watched()).await, [told]);
    let both = World::new("0 2 * * * /srv/backup.sh\n", "");
    std::fs::write(both.root.path().join("etc/crontab"), "0 5 * * * root /srv/backup.sh\n").expect("crontab");
    let told =
        "2 lines run the same, `/srv/backup.sh`: crontab of ann, line 1 (0 2 * * *); /etc/crontab, line 1 (0 5 * * *)";
    assert_eq!(of_the_crontabs(&both, &mut both.watched()).await, [told]);
    for fine in
        ["0 2 * * 1-5 /srv/backup.sh\n0 4 * * 6,0 /srv/backup.sh\n", "0 2 * * * /srv/a.sh\n0 2 * * * /srv/b.sh\n"]
    {
        let world = World::new(fine, "");
        assert_eq!(of_the_crontabs(&world, &mut world.watched()).await, [] as [String; 0], "{fine}");
    }
}

#[tokio::test]
async fn lines_that_come_and_go_are_told() {
    let world = World::new(WRAPPED, "");
    let mut watched = world.watched();
    world.crontab("0 5 * * * rounds exec --task other -- /srv/other.sh\n");
    let told = world.told(&mut watched).await;
    assert_eq!(told[0].1, Status::Critical);
    assert_eq!(told[0].2[0], "its line is gone from the crontab; it was crontab of ann, line 1");
    assert_eq!(
        told[1].2,
        [
            "gone from the crontabs since this program started: nightly (crontab of ann, line 1)",
            "new in the crontabs since this program started: other (crontab of ann, line 1)",
        ]
    );
}

#[tokio::test]
async fn broken_lines_open_files_and_a_missing_daemon_are_told() {
    let world = World::new(&format!("{WRAPPED}61 * * * * rounds exec --task x -- /x\n"), "");
    let path = world.root.path().join("etc/cron.d/open");
    std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
    std::fs::write(&path, "0 1 * * * root /bin/evil\n").expect("file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).expect("mode");
    std::fs::write(world.root.path().join("proc/1/comm"), "init\n").expect("comm");
    let told = world.told(&mut world.watched()).await;
    let (_, status, texts) = told.last().expect("the crontabs");
    assert_eq!(*status, Status::Warning);
    let starts = [
        "crontab of ann, line 2: minute, column 1: `61`",
        "cron ignores /etc/cron.d/open",
        "no cron daemon seems to run",
    ];
    for start in starts {
        assert!(texts.iter().any(|text| text.starts_with(start)), "{start}: {texts:?}");
    }
    assert_eq!(told[1].1, Status::Critical, "the broken line itself: {:?}", told[1]);
}

#[tokio::test]
async fn a_task_that_rounds_only_hears_of_needs_no_crontab() {
    let config = "[[task]]\nid = \"sync\"\nsource = \"exec\"\nschedule = \"*/30 * * * *\"\ngrace = \"5m\"\n";
    let mut world = World::new("0 2 * * * /srv/other.sh\n", config);
    assert_eq!(world.first().await, ("task:sync".into(), Status::Ok, vec![]), "it is new");
    world.runs = vec![run("a", "sync", world.now - TimeDelta::minutes(90), 0)];
    let told = world.told(&mut world.watched()).await;
    assert!(told[1..].iter().all(|(_, status, _)| status.is_ok()), "{told:?}");
    assert_eq!(told[0].2, ["nothing ran for the slot of 08:30, 30 m ago (grace 5 m); 2 slots in a row since 08:00"]);
}

#[test]
fn cards_say_how_a_line_is_started_by_hand() {
    let world = World::new("0 2 * * * /srv/backup.sh --all\n", "");
    std::fs::write(world.root.path().join("etc/crontab"), "0 1 * * * bob /srv/bob.sh\n").expect("crontab");
    let cards = cards_in(&world.config, &world.scene());
    assert_eq!(cards[0].run.as_ref().expect("runs").argv, ["/bin/sh", "-c", "/srv/backup.sh --all"]);
    assert_eq!(cards[1].run, Err("it belongs to user bob; start it as that user".to_owned()));

    let elsewhere = World::new("0 2 * * * /srv/backup.sh\n", &format!("{NIGHTLY}export = \"crontab\"\n"));
    let cards = cards_in(&elsewhere.config, &elsewhere.scene());
    assert!(cards.iter().all(|card| card.id != "nightly"), "it runs on another machine: {cards:?}");
    let configured = World::new("0 2 * * * /srv/backup.sh --all\n", NIGHTLY);
    let cards = cards_in(&configured.config, &configured.scene());
    assert_eq!((cards.len(), cards[0].id.as_str(), cards[0].run.is_ok()), (1, "nightly", true));
}

#[test]
fn a_task_is_known_since_its_schedule_was_written() {
    let at = |hour: i64| Timestamp::default() + TimeDelta::hours(hour);
    let one = [run("a", "t", at(5), 0)];
    assert_eq!(known_since(&[], None, at(9)), at(9));
    assert_eq!(known_since(&one, None, at(9)), at(5), "nobody tells when it was written");
    assert_eq!(known_since(&one, Some(at(7)), at(9)), at(7), "the run was under another schedule");
    for count in [RUNS_AT_FIRST, RUNS] {
        let mut many: Vec<TaskRun> = (0..).take(count).map(|hour| run("a", "t", at(hour), 0)).collect();
        many.reverse();
        assert_eq!(known_since(&many, Some(at(-9)), at(99)), at(0), "older runs are not looked at");
    }
}

#[tokio::test]
async fn a_folder_of_scripts_is_told_with_those_that_do_not_run() {
    let world = World::new("25 6 * * * run-parts --report /etc/cron.daily\n", "");
    world.log("etc/debian_version", "12.11\n");
    for script in ["dpkg", "backup.sh"] {
        world.log(&format!("etc/cron.daily/{script}"), "#!/bin/sh\n");
        let path = world.root.path().join("etc/cron.daily").join(script);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("mode");
    }
    let reading = world.watched()[0].probe.read(world.now).await.expect("a reading");
    assert_eq!(reading.samples, [crate::domain::sample::Sample::text("scripts", "dpkg")]);
    // The script that runs is a task of its own, of which its line's start is known.
    world.log(
        "var/log/cron.log",
        "2026-03-02T06:25:01+00:00 db1 CRON[7]: (ann) CMD (run-parts --report /etc/cron.daily)\n",
    );
    let mut watched = world.watched();
    let ids: Vec<&str> = watched.iter().map(|one| one.watch.id.as_str()).collect();
    assert_eq!(ids, ["task:cron-daily", "task:cron-daily/dpkg", "task:cron"]);
    let told = world.told(&mut watched).await;
    assert_eq!(told[1].1, Status::Unknown);
    assert_eq!(
        told[1].2,
        ["it began at 06:25; nothing records how a single script went; put `rounds exec --task cron-daily --` before \
          the command in crontab of ann, line 1, which runs its folder"]
    );
    assert_eq!(told[2].2, ["1 of 1 line leaves no evidence of how it went"]);
    let cards = cards_in(&world.config, &world.scene());
    let card = cards.iter().find(|card| card.id == "cron-daily/dpkg").expect("it can be run alone");
    assert_eq!(card.run.as_ref().map(|run| run.argv.clone()), Ok(vec!["/etc/cron.daily/dpkg".to_owned()]));

    // It is removed while somebody looks, and then its line is wrapped, which tells of all of them.
    std::fs::remove_file(world.root.path().join("etc/cron.daily/dpkg")).expect("removed");
    let later = World { now: world.now + TimeDelta::minutes(1), ..world };
    let told = later.told(&mut watched).await;
    let gone = "nothing runs `/etc/cron.daily/dpkg` any more; crontab of ann, line 1 did";
    assert_eq!((told[1].1, told[1].2.iter().any(|text| text == gone)), (Status::Warning, true), "{told:?}");
    let world = later;
    world.log("etc/cron.daily/dpkg", "#!/bin/sh\n");
    let path = world.root.path().join("etc/cron.daily/dpkg");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("mode");
    world.crontab("25 6 * * * rounds exec --task daily -- run-parts --report /etc/cron.daily\n");
    let ids: Vec<String> = world.watched().iter().map(|one| one.watch.id.to_string()).collect();
    assert_eq!(ids, ["task:daily", "task:cron"]);
    let texts = world.first().await.2;
    let text = "in /etc/cron.daily run-parts passes over backup.sh: its name has a `.`; call it backup";
    assert!(texts.iter().any(|told| told == text), "{texts:?}");
}

#[tokio::test]
async fn what_anacron_runs_is_told_with_the_day_it_last_did_and_is_missed_when_that_is_long_ago() {
    let line = "25 6 * * * test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }\n";
    let world = World::new(line, "");
    world.log("etc/debian_version", "13.1\n");
    world.log("usr/sbin/anacron", "");
    world.log("etc/cron.daily/logrotate", "#!/bin/sh\n");
    let path = world.root.path().join("etc/cron.daily/logrotate");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("mode");
    let ids = |world: &World| -> Vec<String> { world.watched().iter().map(|one| one.watch.id.to_string()).collect() };
    // There is a program, and no table it could run anything by.
    assert_eq!(ids(&world)[1..], ["task:cron-daily/logrotate", "task:cron"]);
    world.log("etc/anacrontab", "1 5 cron.daily run-parts --report /etc/cron.daily\nnonsense\n");
    world.log("var/spool/anacron/cron.daily", "20260302\n");
    assert_eq!(ids(&world), ["task:cron.daily", "task:cron.daily/logrotate", "task:cron"]);
    let mut watched = world.watched();
    let told = world.told(&mut watched).await;
    let (_, status, texts) = &told[0];
    assert_eq!(*status, Status::Unknown);
    let mend = "anacron does not tell how it ended; put `rounds exec --task cron.daily --` before its command in \
                /etc/anacrontab, line 1";
    assert_eq!(*texts, [format!("it was over at 09:00; {mend}")]);
    assert_eq!((told[1].1, watched[1].watch.folds_under.as_ref()), (Status::Unknown, Some(&"task:cron.daily".into())));
    assert!(told[2].2.iter().any(|text| text.starts_with("/etc/anacrontab, line 2: ")), "{told:?}");

    // Two days without it are too many: it was due at midnight, and has a day for it.
    let later = World { now: "2026-03-04T00:10:00Z".parse().expect("now"), ..world };
    let told = later.told(&mut later.watched()).await;
    assert_eq!(told[0].1, Status::Critical, "{told:?}");
    assert!(told[0].2[0].starts_with("anacron was to start it at Tue 00:00, 24 h 10 m ago, and has not"), "{told:?}");
    let in_time = World { now: "2026-03-04T00:00:00Z".parse().expect("now"), ..later };
    assert_eq!(in_time.told(&mut in_time.watched()).await[0].1, Status::Unknown, "not yet");
}
