//! What is written down on the stage: the list of the day, the inventory, and what happened
//! before.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::action_name::ActionName;
use crate::domain::audit::{Actor, AuditEntry, AuditRecord, Phase};
use crate::domain::backup::{Compression, KeepPolicy, Rule};
use crate::domain::board::Change;
use crate::domain::checklist::{Checklist, Evidence, Item, Mark, MarkKind, Period};
use crate::domain::inventory::{BackupCard, DatabaseCard, Inventory, Target};
use crate::domain::job::{JobEvent, JobId, JobResult, Jobs, Outcome, Progress};
use crate::domain::observation::ProbeId;
use crate::domain::schedule::Schedule;
use crate::domain::status::Status;
use crate::domain::time::Zone;
use crate::tui::pane::stage::at;

pub(in crate::tui::pane) fn daily() -> Checklist {
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

pub(in crate::tui::pane) fn mark(item: &str, kind: MarkKind, note: &str) -> Mark {
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

pub(in crate::tui::pane) fn inventory() -> Inventory {
    let card = |id: &str| DatabaseCard {
        id: id.to_owned(),
        engine: "sqlite",
        location: "/srv/rota/db.sqlite3".into(),
        path: None,
        name: String::new(),
        can: crate::domain::engine::SQLITE.can,
        timeout: Duration::from_mins(1),
    };
    let databases = ["rota", "rounds"].map(|id| (id.to_owned(), card(id)));
    let keep = KeepPolicy { counts: BTreeMap::from([(Rule::Daily, 7), (Rule::Weekly, 4)]), ..KeepPolicy::default() };
    let backup = BackupCard {
        id: "rota-db".into(),
        database: Some("rota".into()),
        command: None,
        files: None,
        compress: Compression::default(),
        rows: Vec::new(),
        keep: Some(keep),
        copy: None,
        drill_queries: Vec::new(),
        restore: crate::domain::inventory::RestoreCard::default(),
        schedule: Schedule::parse("0 2 * * *", Zone::utc()).ok(),
    };
    Inventory {
        host: "mac-mini-01".into(),
        databases: BTreeMap::from(databases),
        backups: BTreeMap::from([("rota-db".to_owned(), backup)]),
        ..Inventory::default()
    }
}

pub(in crate::tui::pane) fn record(
    seq: u64,
    time: &str,
    phase: Phase,
    job: &str,
    outcome: Option<JobResult>,
    detail: &str,
) -> AuditRecord {
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

pub(in crate::tui::pane) fn audit() -> Vec<AuditRecord> {
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

pub(in crate::tui::pane) fn changes() -> Vec<Change> {
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

pub(in crate::tui::pane) fn jobs() -> Jobs {
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
    let progress = Progress { done: 18_874_368, of: 48_128_000, bytes: true, since: at("02T09:04:00") };
    jobs.apply(&JobEvent::Progress { job: JobId("job-2".into()), progress });
    jobs
}
