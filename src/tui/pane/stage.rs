//! The stage the panes are tested on: whole mornings, from a quiet one to a hostile one.

mod kept;
pub(super) mod watched;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::kept::{audit, changes, daily, inventory, jobs, mark};
use self::watched::{backup, check, database, disk, host, task};
use crate::domain::action_name::ActionName;
use crate::domain::audit::AuditRecord;
use crate::domain::board::{Board, Change, Watch};
use crate::domain::checklist::{Checklist, Evidence, Item, Mark, MarkKind};
use crate::domain::finding::Finding;
use crate::domain::inventory::Inventory;
use crate::domain::job::{JobEvent, JobId, Jobs, Progress};
use crate::domain::observation::{Detail, Observation, ProbeError, ProbeId, Reading};
use crate::domain::report::Report;
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, Zone};
use crate::tui::keymap::Keymap;
use crate::tui::looks::Looks;
use crate::tui::pane::{Pane, Snapshot};
use crate::tui::theme::Theme;
use crate::tui::widget::look;

/// Everything a snapshot borrows from.
pub(super) struct Stage {
    pub(super) board: Board,
    pub(super) report: Report,
    pub(super) inventory: Inventory,
    pub(super) jobs: Jobs,
    pub(super) looks: Looks,
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
    pub(super) fn of(watches: Vec<(Watch, Option<Reading>)>, age: TimeDelta) -> Self {
        let now = now();
        let read_at = now - age;
        let mut board =
            Board::new(watches.iter().map(|(watch, _)| watch.clone()).collect(), now - TimeDelta::seconds(3));
        // A sparkline's worth of past; of thousands of probes only the present.
        let past = if watches.len() < 100 { 40 } else { 1 };
        for (watch, reading) in watches {
            let Some(reading) = reading else { continue };
            for step in (0..past).rev() {
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
            looks: Looks::default(),
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
    fn failing(mut self, probe: &str, error: &ProbeError, since: Timestamp) -> Self {
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
            looks: &self.looks,
            audit: &self.audit,
            incidents: &[],
            changes: &self.changes,
            now: self.now,
            zone: &self.zone,
            theme: &self.theme,
            keymap: &self.keymap,
            filter: &self.filter,
            focused: true,
            zoomed,
            explained: false,
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
        let policy = Arc::make_mut(&mut Arc::make_mut(facts).policy);
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
        .failing("database:rounds", &ProbeError::Timeout(Duration::from_secs(5)), at("02T08:58:14"))
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
    let progress = Progress { done: u64::MAX, of: 0, bytes: true, since: stage.now };
    stage.jobs.apply(&JobEvent::Progress { job, progress });
    stage
}
