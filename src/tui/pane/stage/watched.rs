//! What is watched on the stage: one probe of every kind, with what it read.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use crate::domain::backup::{Backup, BackupPolicy, BackupState, Catalogue};
use crate::domain::board::Watch;
use crate::domain::host::Host;
use crate::domain::inventory::Target;
use crate::domain::limit::{Limit, Rule};
use crate::domain::observation::{Detail, ProbeId, Reading};
use crate::domain::sample::{Sample, Unit};
use crate::domain::schedule::Schedule;
use crate::domain::task::{RunEnd, TaskFacts, TaskJudge, TaskPolicy, TaskRun};
use crate::domain::time::{Timestamp, Zone};
use crate::domain::vitals::{DatabasePolicy, Proof, ProofKind, Vitals};
use crate::tui::pane::stage::{at, now};

pub(in crate::tui::pane) type Watched = (Watch, Option<Reading>);

pub(in crate::tui::pane) fn watch(id: &str, every_s: u64) -> Watch {
    Watch::new(ProbeId::from(id), "rota", Duration::from_secs(every_s), Duration::from_secs(5))
}

pub(in crate::tui::pane) fn host(cpu: f64, memory: f64) -> Watched {
    let mut watch = watch("host", 2);
    let percent = |key: &'static str, warn, crit| {
        Rule::new(key, key).warn(Limit::over(warn, Unit::Percent)).crit(Limit::over(crit, Unit::Percent))
    };
    watch.rules = vec![
        percent("cpu", 70.0, 90.0),
        percent("memory", 80.0, 95.0),
        Rule::new("swap", "swap").warn(Limit::over(25.0, Unit::Percent)),
        Rule::new("load", "load per core").warn(Limit::over(1.5, Unit::Count)).crit(Limit::over(4.0, Unit::Count)),
    ];
    let samples = vec![
        Sample::percent("cpu", cpu),
        Sample::percent("memory", memory),
        Sample::percent("swap", 3.0),
        Sample::count("load", 0.24),
    ];
    let host = Host {
        name: "mac-mini-01".into(),
        os: "Debian 13".into(),
        cores: 8,
        memory_bytes: 16_000_000_000,
        swap_bytes: 4_000_000_000,
        load: Some([1.9, 1.4, 1.1]),
        booted_at: Some(at("02T02:07:00")),
        busiest: vec!["postgres  41 %  2.1 GB".into(), "python3   12 %  310 MB".into()],
    };
    (watch, Some(Reading::of(samples).with(Detail::Host(host))))
}

pub(in crate::tui::pane) fn disk(mount: &str, free: f64) -> Watched {
    let mut watch = watch(&format!("disk:{mount}"), 60);
    watch.rules = vec![
        Rule::new("free", "free space")
            .warn(Limit::under(20.0, Unit::Percent))
            .crit(Limit::under(10.0, Unit::Percent))
            .hint("prune the exports of last year"),
    ];
    let samples = vec![Sample::percent("free", free), Sample::bytes("free_bytes", 89_000_000_000)];
    (watch, Some(Reading::of(samples)))
}

/// A database whose structure was checked that many hours ago.
pub(in crate::tui::pane) fn database(id: &str, size: f64, checked_h: i64) -> Watched {
    let mut watch = watch(&format!("database:{id}"), 30);
    watch.rules = vec![Rule::new("size", "size").warn(Limit::over(500e6, Unit::Bytes)).hint("consider PostgreSQL")];
    watch.target = Some(Target::database(id));
    watch.judge =
        Some(Arc::new(DatabasePolicy { integrity_every: Some(Duration::from_hours(24)), ..DatabasePolicy::default() }));
    let vitals = Vitals {
        engine: "sqlite",
        version: "3.51.3".into(),
        location: "/srv/rota/db.sqlite3".into(),
        size_bytes: Some(size as u64),
        wal_bytes: Some(1_200_000),
        journal_mode: Some("wal".into()),
        page_size: Some(4096),
        pages: Some(51_757),
        free_pages: Some(1200),
        tables: Some(64),
        latency_s: 0.0012,
        integrity: Some(Proof {
            subject: format!("database:{id}"),
            kind: ProofKind::Integrity,
            at: now() - TimeDelta::hours(checked_h),
            ok: true,
            detail: "ok".into(),
            took_s: 1.4,
        }),
        ..Vitals::default()
    };
    let mut samples = vitals.samples();
    samples.push(Sample::gauge("growth", 2.1e6, Unit::BytesPerDay));
    (watch, Some(Reading::of(samples).with(Detail::Vitals(vitals))))
}

/// A backup with files of those times, verified that many hours ago.
pub(in crate::tui::pane) fn backup(id: &str, taken: &[&str], size: f64, verified_h: i64) -> Watched {
    // Where nobody verifies, something lies about.
    let damaged = verified_h > 24;
    let mut watch = watch(&format!("backup:{id}"), 60);
    watch.target = Some(Target::backup(id));
    watch.judge = Some(Arc::new(BackupPolicy {
        rpo: Some(Duration::from_hours(24)),
        grace: Duration::from_mins(30),
        schedule: Schedule::parse("0 2 * * *", Zone::utc()).ok(),
        verify_every: Some(Duration::from_hours(24)),
        can_run: true,
        ..BackupPolicy::default()
    }));
    let files = taken.iter().enumerate().map(|(index, time)| {
        // A time late in the month is of the month before.
        let month = if time.starts_with('2') { 2 } else { 3 };
        let taken_at: Timestamp = format!("2026-{month:02}-{time}Z").parse().expect("test time");
        Backup {
            path: PathBuf::from(format!("/srv/backup/{id}-{time}.sqlite3")),
            taken_at,
            size_bytes: Some((size * (1.0 - 0.02 * index as f64)) as u64),
            sha256: Some("9f3ca1bd22b680aa".repeat(4)),
            took_s: Some(12.0),
            verified_at: (index == 0).then(|| now() - TimeDelta::hours(verified_h)),
            state: BackupState::Complete,
        }
    });
    let mut files: Vec<Backup> = files.collect();
    if damaged {
        let damaged = BackupState::Damaged("0 bytes".into());
        let taken_at = "2026-02-27T02:00:40Z".parse().expect("test time");
        files.push(Backup {
            taken_at,
            size_bytes: Some(0),
            sha256: None,
            verified_at: None,
            state: damaged,
            ..files[0].clone()
        });
    }
    let debris = if damaged { vec![PathBuf::from("/srv/backup/.partial-4711")] } else { Vec::new() };
    let catalogue = Catalogue { files, debris, ..Catalogue::default() };
    (watch, Some(Reading::of(Vec::new()).with(Detail::backups(catalogue))))
}

/// A task with runs of those times, exit codes and seconds.
pub(in crate::tui::pane) fn task(id: &str, schedule: &str, runs: &[(&str, i32, f64)]) -> Watched {
    let mut watch = watch(&format!("task:{id}"), 30);
    watch.target = Some(Target::task(id));
    watch.judge = Some(Arc::new(TaskJudge));
    let runs = runs.iter().map(|(time, code, took_s)| {
        let started_at = at(time);
        TaskRun {
            id: format!("{id}-{time}"),
            task: id.to_owned(),
            started_at,
            ended: Some(RunEnd {
                at: started_at + TimeDelta::milliseconds((took_s * 1000.0) as i64),
                took_s: *took_s,
                exit_code: Some(*code),
                ..RunEnd::default()
            }),
            alive: false,
            tail: "reading the roster\n41 mails sent\n".into(),
            untold: false,
        }
    });
    let policy = TaskPolicy {
        id: id.to_owned(),
        schedule: Schedule::parse(schedule, Zone::utc()).ok(),
        grace: Duration::from_mins(15),
        runnable: true,
        ..TaskPolicy::default()
    };
    let facts = TaskFacts::new(Arc::new(policy), runs.collect(), Some(at("01T00:00:00")));
    (watch, Some(Reading::of(Vec::new()).with(Detail::task(facts))))
}

pub(in crate::tui::pane) fn check(id: &str) -> Watched {
    (watch(id, 60), Some(Reading::of(vec![Sample::seconds("time", 0.41)])))
}
