//! The stage the panes are tested on: whole mornings, from a quiet one to a hostile one, and
//! what each pane makes of them in three sizes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::domain::action_name::ActionName;
use crate::domain::audit::{Actor, AuditEntry, AuditRecord, Phase};
use crate::domain::backup::{Backup, BackupPolicy, BackupState, Catalogue};
use crate::domain::board::{Board, Change, Watch};
use crate::domain::checklist::{Checklist, Evidence, Item, Mark, MarkKind, Period};
use crate::domain::finding::Finding;
use crate::domain::host::Host;
use crate::domain::inventory::{DatabaseCard, Inventory, Maintenance, Target};
use crate::domain::job::{JobEvent, JobId, JobResult, Jobs, Outcome};
use crate::domain::limit::{Limit, Rule};
use crate::domain::observation::{Detail, Observation, ProbeError, ProbeId, Reading};
use crate::domain::report::Report;
use crate::domain::sample::{Sample, Unit};
use crate::domain::schedule::Schedule;
use crate::domain::status::Status;
use crate::domain::task::{RunEnd, TaskFacts, TaskJudge, TaskPolicy, TaskRun};
use crate::domain::time::{Timestamp, Zone};
use crate::domain::vitals::{DatabasePolicy, Proof, ProofKind, Vitals};
use crate::tui::command::Command;
use crate::tui::keymap::Keymap;
use crate::tui::pane::{PANES, Pane, Request, Selection, Snapshot};
use crate::tui::theme::Theme;
use crate::tui::widget::look;

/// Everything a snapshot borrows from.
pub(super) struct Stage {
    pub(super) board: Board,
    pub(super) report: Report,
    pub(super) inventory: Inventory,
    pub(super) jobs: Jobs,
    pub(super) audit: Vec<AuditRecord>,
    pub(super) changes: Vec<Change>,
    pub(super) now: Timestamp,
    pub(super) zone: Zone,
    pub(super) theme: Theme,
    pub(super) keymap: Keymap,
    pub(super) filter: String,
}

pub(super) fn at(text: &str) -> Timestamp {
    format!("2026-03-{text}Z").parse().expect("test time")
}

/// Monday morning.
fn now() -> Timestamp {
    at("02T09:04:12")
}

impl Stage {
    fn of(watches: Vec<(Watch, Option<Reading>)>, age: TimeDelta) -> Self {
        let now = now();
        let read_at = now - age;
        let mut board =
            Board::new(watches.iter().map(|(watch, _)| watch.clone()).collect(), now - TimeDelta::seconds(3));
        for (watch, reading) in watches {
            let Some(reading) = reading else { continue };
            for step in (0..40).rev() {
                let mut earlier = reading.clone();
                for sample in &mut earlier.samples {
                    if let crate::domain::sample::Value::Gauge(value, _) = &mut sample.value {
                        *value *= 0.6 + 0.4 * f64::from((step * 7 + 3) % 11) / 10.0;
                    }
                }
                let outcome = Ok(if step == 0 { reading.clone() } else { earlier });
                let at = read_at - TimeDelta::seconds(i64::from(step) * 2);
                board.apply(&Observation { probe: watch.id.clone(), at, took: Duration::from_millis(12), outcome });
            }
        }
        let report = Report {
            host: "mac-mini-01".into(),
            at: now,
            took: Duration::ZERO,
            assessments: board.assess(now),
            checklists: Vec::new(),
        };
        Self {
            board,
            report,
            inventory: Inventory::default(),
            jobs: Jobs::default(),
            audit: Vec::new(),
            changes: Vec::new(),
            now,
            zone: Zone::utc(),
            theme: look::theme(),
            keymap: Keymap::default(),
            filter: String::new(),
        }
    }

    /// Probes that have just failed to answer.
    fn failing(mut self, probe: &str, error: ProbeError, since: Timestamp) -> Self {
        for at in [since, self.now] {
            let probe = ProbeId::from(probe);
            self.board.apply(&Observation { probe, at, took: Duration::from_secs(5), outcome: Err(error.clone()) });
        }
        self.report.assessments = self.board.assess(self.now);
        self
    }

    fn with_lists(mut self, lists: &[Checklist], marks: &[Mark]) -> Self {
        let views = lists.iter().map(|list| {
            let span = list.every.around(self.now, &self.zone);
            list.view(span, marks, &[], &self.report.assessments, self.now, &self.zone)
        });
        self.report.checklists = views.collect();
        self
    }

    fn with_history(mut self) -> Self {
        self.audit = audit();
        self.changes = changes();
        self.jobs = jobs();
        self
    }

    pub(super) fn see(&self, columns: u16, rows: u16, zoomed: bool) -> Snapshot<'_> {
        Snapshot {
            report: &self.report,
            board: &self.board,
            inventory: &self.inventory,
            jobs: &self.jobs,
            audit: &self.audit,
            changes: &self.changes,
            now: self.now,
            zone: &self.zone,
            theme: &self.theme,
            keymap: &self.keymap,
            filter: &self.filter,
            focused: true,
            zoomed,
            rows,
            columns,
        }
    }
}

pub(super) fn draw(pane: &dyn Pane, stage: &Stage, columns: u16, rows: u16, zoomed: bool) -> Buffer {
    let area = Rect::new(0, 0, columns, rows);
    let mut buffer = Buffer::empty(area);
    pane.draw(&stage.see(columns, rows, zoomed), area, &mut buffer);
    buffer
}

/// Nothing is configured.
pub(super) fn empty() -> Stage {
    Stage::of(Vec::new(), TimeDelta::zero())
}

/// A morning on which nothing is wrong.
pub(super) fn full() -> Stage {
    let mut next = at("02T09:30:00");
    let half_hours = [(); 50].map(|()| {
        next -= TimeDelta::minutes(30);
        next.format("%dT%H:%M:%S").to_string()
    });
    let mut stage = Stage::of(
        vec![
            host(28.0, 66.0),
            disk("/", 59.0),
            disk("/Data", 43.0),
            database("rota", 212e6, 6),
            database("rounds", 4.2e6, 6),
            backup("rota-db", &["02T02:00:41", "01T02:00:40", "28T02:00:41", "27T02:00:39", "26T02:00:40"], 48.1e6, 6),
            backup("settings", &["02T03:10:02"], 2.1e9, 6),
            task("backup-database", "0 2 * * *", &[("02T02:00:00", 0, 41.0), ("01T02:00:00", 0, 40.0)]),
            task("careplan-status", "0 8 * * *", &[("02T08:00:00", 0, 4.1), ("01T08:00:00", 0, 4.0)]),
            task("log-shipper", "*/30 * * * *", &half_hours.each_ref().map(|time| (time.as_str(), 0, 0.3))),
            check("command:login-page"),
        ],
        TimeDelta::seconds(2),
    );
    stage.inventory = inventory();
    let marks =
        [mark("Admin login and dashboard", MarkKind::Tick, ""), mark("Security alerts reviewed", MarkKind::Tick, "")];
    stage.with_lists(&[daily()], &marks).with_history()
}

/// A morning with work in it: every status, a fold, a failing probe, a skipped item.
pub(super) fn failing() -> Stage {
    let mut weekly = task("weekly-report", "0 8 * * 1", &[("02T08:00:00", 0, 2.0), ("01T08:00:00", 0, 48.0)]);
    if let Some(Detail::Task(facts)) = weekly.1.as_mut().map(|reading| &mut reading.detail) {
        let policy = Arc::make_mut(&mut facts.policy);
        policy.min_duration = Some(Duration::from_secs(20));
    }
    let mut login = check("command:login-page");
    login.0.folds_under = Some("command:server".into());
    if let Some(reading) = &mut login.1 {
        reading.findings.push(Finding::new(Status::Critical, "plugin", "connection refused on port 8000"));
    }
    let mut server = check("command:server");
    if let Some(reading) = &mut server.1 {
        reading.findings.push(
            Finding::new(Status::Critical, "plugin", "no process `manage.py runserver`")
                .since(at("02T08:41:00"))
                .advice("start it with the restart-server action, then read its log"),
        );
    }
    let mut stage = Stage::of(
        vec![
            host(93.0, 66.0),
            disk("/", 59.0),
            disk("/Data", 17.8),
            database("rota", 512e6, 40),
            database("rounds", 4.2e6, 6),
            backup("rota-db", &["01T02:00:41", "28T02:00:39"], 48.1e6, 31),
            backup("settings", &["02T03:10:02"], 2.1e9, 6),
            task("backup-database", "0 2 * * *", &[("01T02:00:00", 0, 40.0)]),
            task("careplan-status", "0 8 * * *", &[("02T08:00:00", 0, 4.1), ("01T08:00:00", 0, 4.0)]),
            weekly,
            task("send-alerts", "30 8 * * *", &[("02T08:30:00", 1, 6.0)]),
            task("disk-space-report", "0 9 * * *", &[("02T09:00:00", 0, 0.3)]),
            server,
            login,
        ],
        TimeDelta::seconds(2),
    );
    stage.inventory = inventory();
    let marks = [mark("Exports reviewed", MarkKind::Skip, "no exports on Mondays")];
    stage
        .failing("database:rounds", ProbeError::Timeout(Duration::from_secs(5)), at("02T08:58:14"))
        .with_lists(&[daily()], &marks)
        .with_history()
}

/// The first second: nothing has answered yet.
pub(super) fn waiting() -> Stage {
    let full = full();
    let watches = full.board.watches().iter().map(|watch| (watch.clone(), None)).collect();
    let mut stage = Stage::of(watches, TimeDelta::zero()).with_lists(&[daily()], &[]);
    stage.inventory = inventory();
    stage
}

/// Nothing has answered for a while; the values are those of before.
pub(super) fn stale() -> Stage {
    let mut stage = Stage::of(
        vec![
            host(28.0, 66.0),
            disk("/", 59.0),
            database("rota", 212e6, 6),
            backup("rota-db", &["02T02:00:41"], 48.1e6, 6),
            task("backup-database", "0 2 * * *", &[("02T02:00:00", 0, 41.0)]),
        ],
        TimeDelta::minutes(26),
    );
    stage.inventory = inventory();
    stage.with_lists(&[daily()], &[])
}

/// Names and texts from people and machines who never thought of a terminal.
pub(super) fn hostile() -> Stage {
    let long = "x".repeat(400);
    let names = [
        "データベース本番環境",
        "e\u{301}quipe-nui\u{308}t",
        "👩‍👩‍👧‍👦",
        "a\u{202e}gnp.exe",
        &long,
        "\u{1b}[31mred\u{7}",
        "",
    ];
    let mut watches = vec![host(f64::NAN, f64::INFINITY)];
    let mut lists = Vec::new();
    for (index, name) in names.iter().enumerate() {
        watches.push(disk(name, -5.0 + 300.0 * index as f64));
        watches.push(database(name, f64::MAX, 900_000));
        watches.push(backup(name, &["02T02:00:41", "09T02:00:41"], 1e300, -40));
        watches.push(task(name, "*/5 * * * *", &[("02T09:00:00", -1, f64::NAN), ("09T09:00:00", 256, -3.0)]));
        let mut one = check(&format!("command:{name}"));
        if let Some(reading) = &mut one.1 {
            let text = format!("{name}\ttab \u{1b}[2J {long} データ");
            reading.findings.push(
                Finding::new(Status::Warning, "plugin", text.clone()).advice(text).mend(ActionName::custom("no such")),
            );
        }
        watches.push(one);
        lists.push(Checklist {
            id: (*name).to_owned(),
            title: (*name).to_owned(),
            items: names.iter().map(|text| Item { text: (*text).to_owned(), evidence: Evidence::Manual }).collect(),
            ..daily()
        });
    }
    let mut stage = Stage::of(watches, TimeDelta::days(-3)).with_lists(&lists, &[]).with_history();
    for (index, record) in stage.audit.iter_mut().enumerate() {
        let name = names[index % names.len()];
        record.entry.target = name.to_owned();
        record.entry.detail = long.clone();
        record.entry.actor.operator = name.to_owned();
    }
    let job = JobId("job-2".into());
    stage.jobs.apply(&JobEvent::Line { job: job.clone(), line: format!("{}{long}", names[0]) });
    stage.jobs.apply(&JobEvent::Progress { job, done: u64::MAX, of: 0 });
    stage
}

type Watched = (Watch, Option<Reading>);

fn watch(id: &str, every_s: u64) -> Watch {
    Watch::new(ProbeId::from(id), "rota", Duration::from_secs(every_s), Duration::from_secs(5))
}

fn host(cpu: f64, memory: f64) -> Watched {
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

fn disk(mount: &str, free: f64) -> Watched {
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
fn database(id: &str, size: f64, checked_h: i64) -> Watched {
    let mut watch = watch(&format!("database:{id}"), 30);
    watch.rules = vec![Rule::new("size", "size").warn(Limit::over(500e6, Unit::Bytes)).hint("consider PostgreSQL")];
    watch.target = Some(Target::database(id));
    watch.judge = Some(Arc::new(DatabasePolicy { integrity_every: Some(Duration::from_hours(24)), can_vacuum: true }));
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
fn backup(id: &str, taken: &[&str], size: f64, verified_h: i64) -> Watched {
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
            size_bytes: (size * (1.0 - 0.02 * index as f64)) as u64,
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
            size_bytes: 0,
            sha256: None,
            verified_at: None,
            state: damaged,
            ..files[0].clone()
        });
    }
    let debris = if damaged { vec![PathBuf::from("/srv/backup/.partial-4711")] } else { Vec::new() };
    let catalogue = Catalogue { files, debris, ..Catalogue::default() };
    (watch, Some(Reading::of(Vec::new()).with(Detail::Backups(catalogue))))
}

/// A task with runs of those times, exit codes and seconds.
fn task(id: &str, schedule: &str, runs: &[(&str, i32, f64)]) -> Watched {
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
                signal: None,
                timed_out: false,
            }),
            alive: false,
            tail: "reading the roster\n41 mails sent\n".into(),
        }
    });
    let policy = TaskPolicy {
        id: id.to_owned(),
        schedule: Schedule::parse(schedule, Zone::utc()).ok(),
        grace: Duration::from_mins(15),
        runnable: true,
        ..TaskPolicy::default()
    };
    let facts =
        TaskFacts { runs: runs.collect(), policy: Arc::new(policy), since: Some(at("01T00:00:00")), booted_at: None };
    (watch, Some(Reading::of(Vec::new()).with(Detail::Task(facts))))
}

fn check(id: &str) -> Watched {
    (watch(id, 60), Some(Reading::of(vec![Sample::seconds("time", 0.41)])))
}

fn daily() -> Checklist {
    let item = |text: &str, evidence| Item { text: text.to_owned(), evidence };
    let probe = ProbeId::from;
    Checklist {
        id: "daily".into(),
        title: "SOP-007 Morning Health Check".into(),
        every: Period::Day,
        due: chrono::NaiveTime::from_hms_opt(9, 0, 0),
        sign_by: chrono::NaiveTime::from_hms_opt(9, 15, 0),
        owner: None,
        items: vec![
            item("Login page answers", Evidence::Auto(vec![probe("command:login-page")])),
            item("Backup of 02:00, verified", Evidence::Auto(vec![probe("backup:rota-db")])),
            item("Disks have room", Evidence::Auto(vec![probe("disk")])),
            item("Scheduled tasks ran", Evidence::Auto(vec![probe("task")])),
            item("Processor and memory", Evidence::Confirm(vec![probe("host")])),
            item("Admin login and dashboard", Evidence::Manual),
            item("Security alerts reviewed", Evidence::Manual),
            item("Exports reviewed", Evidence::Manual),
        ],
    }
}

fn mark(item: &str, kind: MarkKind, note: &str) -> Mark {
    Mark {
        checklist: "daily".into(),
        period: "2026-03-02".into(),
        item: item.into(),
        kind,
        at: at("02T09:01:00"),
        operator: "asha".into(),
        note: note.into(),
    }
}

fn inventory() -> Inventory {
    let card = |id: &str| DatabaseCard {
        id: id.to_owned(),
        engine: "sqlite",
        location: "/srv/rota/db.sqlite3".into(),
        path: None,
        can: &[Maintenance::Vacuum, Maintenance::Integrity],
        timeout: Duration::from_mins(1),
    };
    let databases = ["rota", "rounds"].map(|id| (id.to_owned(), card(id)));
    Inventory { host: "mac-mini-01".into(), databases: BTreeMap::from(databases), ..Inventory::default() }
}

fn record(seq: u64, time: &str, phase: Phase, job: &str, outcome: Option<JobResult>, detail: &str) -> AuditRecord {
    AuditRecord {
        seq,
        entry: AuditEntry {
            at: at(time),
            phase,
            correlation: job.to_owned(),
            actor: Actor { operator: "asha".into(), ..Actor::default() },
            action: if seq == 1838 { "vacuum" } else { "verify" }.into(),
            target: if seq == 1838 { "database:rota" } else { "backup:rota-db" }.into(),
            risk: "routine".into(),
            reason: "morning round".into(),
            plan: String::new(),
            outcome,
            detail: detail.to_owned(),
            took_s: Some(3.2),
        },
        prev: String::new(),
        hash: String::new(),
    }
}

fn audit() -> Vec<AuditRecord> {
    vec![
        record(
            1841,
            "02T08:41:14",
            Phase::Outcome,
            "job-1",
            Some(JobResult::Succeeded),
            "hash and structure are sound",
        ),
        record(1840, "02T08:41:11", Phase::Started, "job-1", None, ""),
        record(1839, "02T08:41:11", Phase::Intent, "job-1", None, ""),
        record(1838, "01T17:20:00", Phase::Refused, "job-0", None, "read-only"),
    ]
}

fn changes() -> Vec<Change> {
    let change = |probe: &str, time: &str, from, to, text: &str| Change {
        probe: ProbeId::from(probe),
        at: at(time),
        from,
        to,
        text: text.to_owned(),
    };
    vec![
        change("database:rounds", "02T08:58:14", Some(Status::Ok), Status::Unknown, "no answer within 5 s"),
        change("backup:rota-db", "02T02:26:00", Some(Status::Warning), Status::Critical, "last backup 24 h 26 m ago"),
        change("disk:/", "01T09:00:00", Some(Status::Warning), Status::Ok, ""),
        change("host", "01T08:59:00", None, Status::Ok, ""),
    ]
}

fn jobs() -> Jobs {
    let mut jobs = Jobs::default();
    let started = |job: &str, action: ActionName, title: &str, target: Target, time: &str| JobEvent::Started {
        job: JobId(job.into()),
        action,
        title: title.into(),
        target,
        at: at(time),
        log: Some(PathBuf::from("/var/lib/rounds/jobs/1.log")),
    };
    let backup = || Target::backup("rota-db");
    jobs.apply(&started("job-1", ActionName::VERIFY, "Verify rota-db", backup(), "02T08:41:11"));
    let outcome =
        Outcome { result: JobResult::Succeeded, detail: "hash and structure are sound".into(), exit_code: Some(0) };
    jobs.apply(&JobEvent::Finished { job: JobId("job-1".into()), at: at("02T08:41:14"), outcome });
    jobs.apply(&started("job-2", ActionName::BACKUP, "Back up rota-db", backup(), "02T09:04:00"));
    for line in ["copying /srv/rota/db.sqlite3", "page 4608 of 11 750"] {
        jobs.apply(&JobEvent::Line { job: JobId("job-2".into()), line: line.into() });
    }
    jobs.apply(&JobEvent::Progress { job: JobId("job-2".into()), done: 4608, of: 11_750 });
    jobs
}

/// The sizes panes are shown in: a narrow one of the overview, a wide one, and whole screens.
const SIZES: [(u16, u16, bool); 4] = [(38, 10, false), (72, 9, false), (78, 20, true), (138, 36, true)];

/// What one pane makes of a morning, in every size, with its caption and its summary.
fn gallery(pane: &dyn Pane, stage: &Stage) -> String {
    let mut out = String::new();
    for (columns, rows, zoomed) in SIZES {
        let see = stage.see(columns, rows, zoomed);
        let word = if zoomed { ", zoomed" } else { "" };
        let buffer = draw(pane, stage, columns, rows, zoomed);
        let _ = writeln!(out, "── {columns}×{rows}{word} ── {} ── {}", pane.title(), pane.caption(&see));
        let text = look::text(&buffer);
        for line in text.trim_end().lines() {
            let _ = writeln!(out, "│{line}");
        }
        if (columns, zoomed) == (72, false) {
            out.push_str(&look::legend(&buffer));
        }
    }
    let _ = writeln!(out, "── in one line ──\n{}", pane.summary(&stage.see(78, 1, false)));
    out
}

/// A morning by name.
type Morning = (&'static str, fn() -> Stage);

const STAGES: [Morning; 6] = [
    ("empty", empty),
    ("full", full),
    ("failing", failing),
    ("waiting", waiting),
    ("stale", stale),
    ("hostile", hostile),
];

#[test]
fn every_pane_looks_as_it_should_on_every_morning() {
    for (morning, stage) in STAGES {
        let stage = stage();
        for make in PANES {
            let pane = make();
            let name = format!("{}-{morning}", pane.title().to_lowercase().replace(' ', "-"));
            insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "snapshots" }, {
                insta::assert_snapshot!(name, gallery(&*pane, &stage));
            });
        }
    }
}

#[test]
fn the_plain_alphabet_needs_no_unicode() {
    for stage in [full, failing, waiting, stale, empty] {
        let mut stage = stage();
        stage.theme.ascii = true;
        for make in PANES {
            let pane = make();
            for (columns, rows, zoomed) in SIZES {
                let text = look::text(&draw(&*pane, &stage, columns, rows, zoomed));
                assert!(text.is_ascii(), "{}:\n{text}", pane.title());
            }
        }
    }
}

#[test]
fn no_area_and_no_data_make_a_pane_panic() {
    let stages = [empty(), hostile()];
    for make in PANES {
        for stage in &stages {
            let pane = make();
            for columns in (0..=200).step_by(13).chain([1, 2, 3, 4, 5]) {
                for rows in [0, 1, 2, 3, 7, 18, 60] {
                    for zoomed in [false, true] {
                        draw(&*pane, stage, columns, rows, zoomed);
                        let see = stage.see(columns, rows, zoomed);
                        let _ = (pane.caption(&see), pane.summary(&see), pane.selected(&see));
                    }
                }
            }
        }
    }
}

#[test]
fn a_pane_draws_nothing_outside_of_its_area() {
    let stage = hostile();
    for make in PANES {
        for (columns, rows) in [(0, 0), (1, 1), (17, 3), (38, 10), (70, 20)] {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
            let area = Rect::new(3, 2, columns, rows);
            make().draw(&stage.see(columns, rows, true), area, &mut buffer);
            for y in 0..24 {
                for x in 0..80 {
                    let inside = area.contains((x, y).into());
                    assert!(inside || buffer[(x, y)].symbol() == " ", "{x},{y} is {:?}", buffer[(x, y)].symbol());
                }
            }
        }
    }
    // An area the buffer does not have is left alone.
    let mut small = Buffer::empty(Rect::new(0, 0, 10, 4));
    for make in PANES {
        make().draw(&stage.see(60, 20, true), Rect::new(4, 2, 60, 20), &mut small);
    }
}

#[test]
fn every_command_is_taken_by_every_pane_and_the_cursor_stays_within() {
    for stage in STAGES.map(|(_, stage)| stage()) {
        for make in PANES {
            let mut pane = make();
            for command in Command::ALL.iter().chain(Command::ALL.iter().rev()) {
                let before = pane.selected(&stage.see(78, 20, true)).is_some();
                pane.update(&stage.see(78, 20, true), *command);
                assert_eq!(pane.selected(&stage.see(78, 20, true)).is_some(), before, "{command:?}");
            }
        }
    }
}

/// A pane by its title.
pub(super) fn pane(title: &str) -> Box<dyn Pane> {
    PANES.iter().map(|make| make()).find(|pane| pane.title() == title).expect("a pane of that title")
}

#[test]
fn the_keys_that_mend_a_row_propose_the_act_on_its_target() {
    let stage = failing();
    let see = stage.see(72, 20, false);
    let mut attention = pane("Needs attention");
    for _ in 0..20 {
        let selected = attention.selected(&see);
        if selected == Some(Selection::Probe("backup:rota-db".into())) {
            break;
        }
        attention.update(&see, Command::Down);
    }
    let propose = |action, target| Some(Request::Propose(action, target));
    assert_eq!(attention.update(&see, Command::Backup), propose(ActionName::BACKUP, Target::backup("rota-db")));
    assert_eq!(attention.update(&see, Command::Verify), propose(ActionName::VERIFY, Target::backup("rota-db")));
    assert_eq!(attention.update(&see, Command::Vacuum), None, "a backup cannot be vacuumed");
    assert_eq!(attention.update(&see, Command::Why), Some(Request::Explain("backup:rota-db".into())));
}

#[test]
fn the_cursor_stays_on_its_row_when_a_worse_one_appears_above() {
    let mut calm = full();
    let mut databases = pane("Databases");
    databases.update(&calm.see(72, 9, false), Command::Down);
    let on = databases.selected(&calm.see(72, 9, false));
    assert_eq!(on, Some(Selection::Probe("database:rounds".into())));
    calm.report = failing().report;
    assert_eq!(databases.selected(&calm.see(72, 9, false)), on, "now it is the first row");
}

#[test]
fn ten_thousand_tasks_are_drawn_by_making_only_those_that_are_shown() {
    let names: Vec<String> = (0..10_000).map(|index| format!("task-{index:05}")).collect();
    let runs = [("02T02:00:00", 0, 41.0)];
    let stage = Stage::of(names.iter().map(|name| task(name, "0 2 * * *", &runs)).collect(), TimeDelta::seconds(2));
    let mut tasks = pane("Tasks");
    tasks.update(&stage.see(118, 10, false), Command::Bottom);
    let started = tokio::time::Instant::now();
    for _ in 0..10 {
        draw(&*tasks, &stage, 118, 10, false);
    }
    let frame = started.elapsed() / 10;
    // 5 ms where it is optimized; a test build is an order of magnitude slower.
    let budget = if cfg!(debug_assertions) { 80 } else { 5 };
    assert!(frame < Duration::from_millis(budget), "{frame:?} for one frame");
    assert!(look::text(&draw(&*tasks, &stage, 118, 10, false)).contains("task-09999"));
}

#[test]
fn a_click_puts_the_cursor_on_what_is_drawn_in_that_row() {
    for stage in [full(), failing(), hostile()] {
        for make in PANES {
            for (columns, rows, zoomed) in SIZES {
                let see = stage.see(columns, rows, zoomed);
                for row in 0..rows {
                    let mut pane = make();
                    let before = look::text(&draw(&*pane, &stage, columns, rows, zoomed));
                    pane.click(&see, row);
                    let after = look::text(&draw(&*pane, &stage, columns, rows, zoomed));
                    let clicked = before.lines().nth(row.into()).unwrap_or_default().trim_start_matches('›').trim();
                    let marked = after.lines().find_map(|line| line.strip_prefix('›')).unwrap_or_default().trim();
                    let first = before.lines().find_map(|line| line.strip_prefix('›')).unwrap_or_default().trim();
                    // A row that is none leaves the cursor alone; a note belongs to the row above it.
                    assert!(
                        marked == clicked || marked == first || clicked.starts_with('└'),
                        "{} {columns}×{rows} row {row}\n{before}\n---\n{after}",
                        pane.title()
                    );
                }
            }
        }
    }
    let stage = failing();
    let see = stage.see(78, 20, true);
    let mut tasks = pane("Tasks");
    tasks.click(&see, 2);
    assert_eq!(tasks.selected(&see), Some(Selection::Probe("task:send-alerts".into())));
}
