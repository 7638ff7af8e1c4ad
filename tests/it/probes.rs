//! Probes of real things, as the configuration builds them: this machine, its disks, plugins,
//! files; and disks that are full, read-only, gone or dead.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use rounds::config::spec::{ActsSpec, Bounds, CheckForm, CheckSpec, DatabaseSpec, HostSpec, StoreSpec, Unnamed};
use rounds::config::{Address, Config};
use rounds::domain::board::{Assessment, Board};
use rounds::domain::inventory::SystemCard;
use rounds::domain::limit::Limit;
#[cfg(target_os = "linux")]
use rounds::domain::observation::ProbeError;
use rounds::domain::observation::{Observation, Reading};
use rounds::domain::plan::Invocation;
use rounds::domain::sample::Value;
use rounds::domain::status::Status;
use rounds::domain::task::TaskRun;
use rounds::domain::time::{Timestamp, Zone};
use rounds::domain::vitals::{Proof, ProofKind};
use rounds::exec::capture;
#[cfg(target_os = "linux")]
use rounds::exec::{Limits, run};
use rounds::ledger::{BoxFuture, Ledger, LedgerError};
use rounds::probe::disk::DiskProbe;
use rounds::probe::{Context, KINDS, Probe, Watched};
#[cfg(target_os = "linux")]
use tokio::time::sleep;
use tokio::time::timeout;
#[cfg(target_os = "linux")]
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(5);

fn now() -> Timestamp {
    Timestamp::from_timestamp(4_000_000_000, 0).expect("instant")
}

/// A ledger in which nothing was ever written.
#[derive(Debug)]
struct Blank;

impl Ledger for Blank {
    fn runs<'a>(&'a self, _: &'a str, _: usize) -> BoxFuture<'a, Result<Vec<TaskRun>, LedgerError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn proofs<'a>(&'a self, _: ProofKind, _: &'a str) -> BoxFuture<'a, Result<Vec<Proof>, LedgerError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// A ledger that is being made in that file when the first look is taken, and is whole once anybody waits for it.
#[derive(Debug)]
struct Unfinished(PathBuf);

impl Ledger for Unfinished {
    fn runs<'a>(&'a self, _: &'a str, _: usize) -> BoxFuture<'a, Result<Vec<TaskRun>, LedgerError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn proofs<'a>(&'a self, _: ProofKind, _: &'a str) -> BoxFuture<'a, Result<Vec<Proof>, LedgerError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn is_kept_in<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            if path != self.0 {
                return false;
            }
            let store = rusqlite::Connection::open(path).expect("a database");
            store.execute_batch("CREATE TABLE audit (seq INTEGER PRIMARY KEY)").expect("a table");
            true
        })
    }
}

fn bounds(critical: &str) -> Bounds {
    Bounds { critical: Some(Limit::parse(critical).expect("a limit")), ..Bounds::default() }
}

fn check(id: &str, form: CheckForm) -> CheckSpec {
    CheckSpec { id: id.to_owned(), form, every: DEADLINE, timeout: DEADLINE, depends_on: None }
}

fn config(checks: Vec<CheckSpec>) -> Config {
    Config {
        host_name: "db1".to_owned(),
        files: Vec::new(),
        system: SystemCard::default(),
        zone: Zone::utc(),
        store: StoreSpec {
            path: PathBuf::from("/nowhere/rounds.db"),
            keep_observations: Duration::ZERO,
            keep_audit: Duration::ZERO,
        },
        acts: ActsSpec { read_only: true, log_directory: PathBuf::new() },
        host: HostSpec {
            every: Duration::from_secs(2),
            cpu: bounds("> 100 %"),
            memory: bounds("> 0 %"),
            swap: Bounds::default(),
            load: Bounds::default(),
            disk_free: bounds("> 0 %"),
            disk_inodes_free: Bounds::default(),
            disk_full_in: Bounds::default(),
            disk_exclude: vec!["/mnt/*".to_owned()],
        },
        databases: Vec::new(),
        backups: Vec::new(),
        tasks: Vec::new(),
        unnamed: Unnamed::Ignored,
        checks,
        actions: Vec::new(),
        checklists: Vec::new(),
    }
}

fn build(config: &Config, ledger: Arc<dyn Ledger>) -> Vec<Watched> {
    let context = Context {
        ledger,
        system: "here".to_owned(),
        zone: Zone::utc(),
        at_start: rounds::scheduler::ask,
        state_dir: PathBuf::from("/nowhere"),
    };
    KINDS.iter().flat_map(|kind| (kind.build)(config, &context)).collect()
}

/// Reads every probe once and assesses them all.
async fn sweep(config: &Config) -> Vec<Assessment> {
    sweep_with(config, Arc::new(Blank)).await
}

async fn sweep_with(config: &Config, ledger: Arc<dyn Ledger>) -> Vec<Assessment> {
    let mut built = build(config, ledger);
    let mut board = Board::new(built.iter().map(|one| one.watch.clone()).collect(), now());
    for one in &mut built {
        let outcome = timeout(one.watch.timeout, one.probe.read(now())).await.expect("in time");
        let took = Duration::ZERO;
        board.apply(&Observation { probe: one.watch.id.clone(), at: now(), took, outcome });
    }
    board.assess(now())
}

#[test]
fn every_kind_says_what_it_is_and_names_its_probes_after_itself() {
    let names: BTreeSet<&str> = KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(names.len(), KINDS.len());
    assert!(KINDS.iter().all(|kind| !kind.summary.is_empty()));
    for one in build(&config(vec![check("ssh", CheckForm::Command(Invocation::new(["true"])))]), Arc::new(Blank)) {
        assert!(names.contains(one.watch.id.kind()), "{}", one.watch.id);
        assert_eq!(&*one.watch.system, "here");
    }
}

/// However long the disk takes to make it: a test that waits for a slow one would be no test.
#[tokio::test]
async fn a_store_that_is_just_being_made_is_neither_gone_nor_broken() {
    let folder = tempfile::tempdir().expect("scratch");
    let database = |id: &str| DatabaseSpec {
        id: id.to_owned(),
        address: Address::File(folder.path().join(id)),
        password: None,
        every: DEADLINE,
        timeout: DEADLINE,
        operations_table: None,
        limits: BTreeMap::new(),
        integrity_every: None,
    };
    let config = Config { databases: ["store", "other"].map(database).into(), ..config(Vec::new()) };
    for name in ["store", "other"] {
        std::fs::write(folder.path().join(name), "").expect("an empty file");
    }
    let told: Vec<(String, Status)> = sweep_with(&config, Arc::new(Unfinished(folder.path().join("store"))))
        .await
        .into_iter()
        .filter(|one| one.id.kind() == "database")
        .map(|one| (one.id.name().to_owned(), one.status))
        .collect();
    assert_eq!(told, [("store".to_owned(), Status::Ok), ("other".to_owned(), Status::Critical)]);
}

#[tokio::test]
async fn a_round_of_this_machine_judges_each_value_by_its_bounds() {
    let folder = tempfile::tempdir().expect("scratch");
    std::fs::write(folder.path().join("report.csv"), "x").expect("scratch");
    let newest = folder.path().join("*.csv").display().to_string();
    let assessments = sweep(&config(vec![
        check("well", CheckForm::Command(Invocation::new(["sh", "-c", "echo 'fine|time=5ms'"]))),
        check("ill", CheckForm::Command(Invocation::new(["sh", "-c", "echo 'rather slow'; exit 1"]))),
        check("report", CheckForm::File { newest, age: bounds("> 1d"), size: bounds("> 10 B") }),
    ]))
    .await;
    let of = |id: &str| assessments.iter().find(|one| one.id.as_str() == id).expect(id);

    assert_eq!(of("host").status, Status::Critical);
    assert!(of("host").findings[0].text.starts_with("memory "), "{:?}", of("host").findings);
    assert!(of("disk:/").findings[0].text.starts_with("free space "), "{:?}", of("disk:/").findings);
    assert_eq!(of("command:well").status, Status::Ok);
    assert!((of("command:well").gauge("time").expect("perfdata") - 0.005).abs() < 1e-9);
    assert_eq!(
        (of("command:ill").status, of("command:ill").findings[0].text.as_str()),
        (Status::Warning, "rather slow")
    );
    let report = of("file:report");
    assert!(report.findings.len() == 1 && report.findings[0].text.starts_with("age of the newest file "), "{report:?}");
}

/// A scratch mount that goes when the test does.
struct Mounted(tempfile::TempDir);

impl Mounted {
    async fn tmpfs(options: &str) -> Self {
        let folder = tempfile::tempdir().expect("scratch");
        act(&["mount", "-t", "tmpfs", "-o", options, "rounds-test", text(folder.path())]).await;
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    async fn unmount(self) {
        act(&["umount", "-l", text(self.path())]).await;
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("utf-8")
}

async fn act(argv: &[&str]) {
    let done = capture(&Invocation::new(argv.iter().copied()), DEADLINE, 4096).await.expect("it starts");
    assert_eq!(done.exit_code, Some(0), "{argv:?}: {}", String::from_utf8_lossy(&done.stderr));
}

async fn read(probe: &mut DiskProbe, seconds: i64) -> Reading {
    probe.read(now() + TimeDelta::seconds(seconds)).await.expect("a reading")
}

fn gauge(reading: &Reading, key: &str) -> Option<f64> {
    reading.samples.iter().find(|sample| sample.key == key).and_then(|sample| match sample.value {
        Value::Gauge(value, _) => Some(value),
        _ => None,
    })
}

#[tokio::test]
#[ignore = "needs root: mounts a file system"]
async fn root_a_full_disk_has_neither_room_nor_inodes() {
    let disk = Mounted::tmpfs("size=256k,nr_inodes=20").await;
    let mut probe = DiskProbe::at(disk.path());
    let empty = read(&mut probe, 0).await;
    assert_eq!(gauge(&empty, "free"), Some(100.0));
    std::fs::write(disk.path().join("half"), vec![1; 128 * 1024]).expect("room");
    let half = read(&mut probe, 1).await;
    assert_eq!((gauge(&half, "free"), gauge(&half, "free_bytes")), (Some(50.0), Some(131_072.0)));
    assert!(std::fs::write(disk.path().join("rest"), vec![1; 256 * 1024]).is_err(), "more than fits");
    let created = (0..100).take_while(|n| std::fs::File::create(disk.path().join(n.to_string())).is_ok()).count();
    assert!(created < 20, "there are twenty inodes");
    let full = read(&mut probe, 2).await;
    assert_eq!((gauge(&full, "free"), gauge(&full, "inodes_free")), (Some(0.0), Some(0.0)));
    disk.unmount().await;
}

#[tokio::test]
#[ignore = "needs root: mounts a file system"]
async fn root_a_remount_to_read_only_is_critical_until_it_is_mended() {
    let disk = Mounted::tmpfs("size=256k").await;
    let mut probe = DiskProbe::at(disk.path());
    assert!(read(&mut probe, 0).await.findings.is_empty());
    act(&["mount", "-o", "remount,ro", text(disk.path())]).await;
    let finding = read(&mut probe, 1).await.findings.remove(0);
    assert_eq!(finding.status, Status::Critical);
    assert!(finding.text.ends_with(" became read-only"), "{}", finding.text);
    let mut fresh = DiskProbe::at(disk.path());
    assert!(read(&mut fresh, 2).await.findings.is_empty(), "from its start it was meant to be so");
    act(&["mount", "-o", "remount,rw", text(disk.path())]).await;
    assert!(read(&mut probe, 3).await.findings.is_empty());
    disk.unmount().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "needs root: mounts a file system"]
async fn root_a_disk_that_fails_is_critical_though_the_kernel_does_not_call_it_read_only() {
    let scratch = tempfile::tempdir().expect("scratch");
    let place = scratch.path().join("disk");
    let disk = crate::support::disk::Disk::ext4(&place, 16);
    let mut probe = DiskProbe::at(&place);
    assert!(read(&mut probe, 0).await.findings.is_empty());
    disk.fails();
    let refused = std::fs::write(place.join("file"), "x").expect_err("it takes no writes");
    assert_eq!(refused.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    let finding = read(&mut probe, 1).await.findings.remove(0);
    assert_eq!(finding.status, Status::Critical);
    assert!(finding.text.ends_with(" became read-only"), "{}", finding.text);
    disk.again();
    assert!(read(&mut probe, 2).await.findings.is_empty());
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "needs root: mounts a file system that never answers"]
async fn root_a_dead_mount_is_told_and_never_asked_twice() {
    let folder = tempfile::tempdir().expect("scratch");
    let place = text(folder.path());
    // Whoever holds the other end of a FUSE mount and reads nothing is a dead file server.
    let script = r#"exec 3<>/dev/fuse && mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 dead "$1" && echo mounted; exec sleep 600"#;
    let server = Invocation::new(["sh", "-c", script, "server", place]);
    let (said, mut mounted) = tokio::sync::mpsc::unbounded_channel();
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let server = tokio::spawn(async move {
        let tell = |line| said.send(line).unwrap_or_default();
        run(&server, Limits::new(Duration::from_mins(1)), cancel, tell).await
    });
    assert_eq!(mounted.recv().await.as_deref(), Some("mounted"));

    let mut probe = DiskProbe::at(folder.path());
    let patience = Duration::from_millis(300);
    assert!(timeout(patience, probe.read(now())).await.is_err(), "it does not answer");
    for _ in 0..3 {
        let again = timeout(patience, probe.read(now())).await.expect("at once");
        assert!(matches!(again, Err(ProbeError::Stuck(since)) if since >= patience), "{again:?}");
    }

    stop.cancel();
    server.await.expect("no panic").expect("it started");
    let recovered = loop {
        match probe.read(now()).await {
            Err(ProbeError::Stuck(_)) => sleep(Duration::from_millis(10)).await,
            answer => break answer,
        }
    };
    act(&["umount", "-l", place]).await;
    let error = recovered.expect_err("its server is gone");
    assert!(matches!(&error, ProbeError::Unreachable(_)), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "needs root: mounts a file system"]
async fn root_a_disk_that_is_taken_away_does_not_show_the_one_below() {
    let disk = tempfile::tempdir_in("/root").expect("scratch outside of any temporary file system");
    let image = disk.path().join("image");
    let place = disk.path().join("place");
    std::fs::create_dir(&place).expect("scratch");
    std::fs::File::create(&image).and_then(|file| file.set_len(8 << 20)).expect("scratch");
    act(&["mkfs.ext4", "-q", text(&image)]).await;
    act(&["mount", "-o", "loop", text(&image), text(&place)]).await;
    let id = format!("disk:{}", place.display());
    let mut built = build(&config(Vec::new()), Arc::new(Blank));
    let one = built.iter_mut().find(|one| one.watch.id.as_str() == id);
    let before = match one {
        Some(one) => one.probe.read(now()).await,
        None => Err(ProbeError::Unreachable(format!("{id} is not watched"))),
    };
    act(&["umount", text(&place)]).await;
    assert!(gauge(&before.expect("a reading"), "size").is_some_and(|size| size < 9e6));
    let one = built.iter_mut().find(|one| one.watch.id.as_str() == id).expect("watched");
    let after = one.probe.read(now()).await.expect("a reading");
    assert!(after.samples.is_empty());
    assert_eq!(after.findings[0].text, format!("nothing is mounted at {} any more", place.display()));
}
