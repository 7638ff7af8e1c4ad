//! A small world for stories: one system with a database, its backup, a task, two disks and a
//! checklist, and everything the store and the executor would answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveTime};
use rounds::domain::action_name::ActionName;
use rounds::domain::backup::StampPattern;
use rounds::domain::board::{Board, Judge, Verdict, Watch};
use rounds::domain::checklist::{Checklist, Evidence, Item, Period};
use rounds::domain::finding::Finding;
use rounds::domain::humanize;
use rounds::domain::inventory::{
    ActionCard, BackupCard, DatabaseCard, Inventory, Param, ParamKind, Repeat, RestoreCard, SystemCard, Target,
    TaskCard,
};
use rounds::domain::limit::{Limit, Rule};
use rounds::domain::observation::{ProbeId, Reading};
use rounds::domain::plan::{Invocation, Risk};
use rounds::domain::sample::{Unit, Value};
use rounds::domain::status::Status;
use rounds::domain::time::{Timestamp, Zone, seconds_between};
use rounds::tui::app::{App, Setup};
use rounds::tui::keymap::Keymap;
use rounds::tui::theme::{ColorDepth, Theme, ThemeName};

/// Reads a time as the stories write it.
pub(crate) fn at(text: &str) -> Timestamp {
    DateTime::parse_from_rfc3339(text).unwrap_or_else(|error| panic!("`{text}`: {error}")).to_utc()
}

/// The dashboard of that world, before anything was read. `production` raises every risk.
pub(crate) fn app(config: &str, start: Timestamp) -> App {
    let (production, read_only) = match config {
        "rota" | "rota-server" => (false, false),
        "rota-production" => (true, false),
        "rota-read-only" => (false, true),
        other => panic!("there is no world called `{other}`"),
    };
    let mut inventory = inventory(production);
    if config == "rota-server"
        && let Some(database) = inventory.databases.get_mut("rota")
    {
        database.engine = rounds::domain::engine::POSTGRESQL.name;
        database.can = rounds::domain::engine::POSTGRESQL.can;
        database.path = None;
    }
    let setup = Setup {
        board: Board::new(watches(), start),
        checklists: vec![checklist()],
        inventory,
        zone: Zone::named("Europe/London").expect("a zone of the database"),
        theme: Theme::built_in(ThemeName::Dark, ColorDepth::Sixteen, false),
        keymap: Keymap::built_in(),
        operator: "asha".to_owned(),
        read_only,
    };
    App::new(setup, start)
}

/// Every probe of the world.
pub(crate) fn watches() -> Vec<Watch> {
    let watch = |kind: &str, name: &str, every: u64| {
        Watch::new(ProbeId::new(kind, name), "rota", Duration::from_secs(every), Duration::from_secs(5))
    };
    let mut host = watch("host", "", 2);
    host.rules = vec![Rule::new("cpu", "cpu").warn(Limit::over(70.0, Unit::Percent))];
    let mut disk = watch("disk", "/Data", 60);
    let free = Rule::new("free", "free space").hint("remove old exports under /Data/exports");
    disk.rules = vec![free.warn(Limit::under(20.0, Unit::Percent)).crit(Limit::under(10.0, Unit::Percent))];
    let mut database = watch("database", "rota", 30);
    database.rules = vec![Rule::new("size", "size").warn(Limit::over(500e6, Unit::Bytes))];
    database.target = Some(Target::database("rota"));
    let mut backup = watch("backup", "rota-db", 60);
    backup.judge = Some(Arc::new(Fresh));
    backup.target = Some(Target::backup("rota-db"));
    let mut task = watch("task", "weekly-report", 60);
    task.target = Some(Target::task("weekly-report"));
    vec![host, disk, database, backup, task, watch("http", "login-page", 60)]
}

/// A backup older than 26 hours is late, and making one mends it.
#[derive(Debug)]
struct Fresh;

impl Judge for Fresh {
    fn judge(&self, reading: &Reading, now: Timestamp) -> Verdict {
        let taken = reading.samples.iter().find_map(|sample| match sample.value {
            Value::Time(at) => Some(at),
            _ => None,
        });
        let mut verdict = Verdict::default();
        let limit = 26.0 * 3600.0;
        if let Some(age) = taken.map(|at| seconds_between(at, now)).filter(|age| *age > limit) {
            let text = format!("last backup {} ago, limit {}", humanize::seconds(age), humanize::seconds(limit));
            verdict.findings.push(Finding::new(Status::Critical, "fresh", text).mend(ActionName::BACKUP));
        }
        verdict
    }
}

fn checklist() -> Checklist {
    let item = |text: &str, evidence| Item { text: text.to_owned(), evidence };
    let time = |hour, minute| NaiveTime::from_hms_opt(hour, minute, 0);
    Checklist {
        id: "daily".to_owned(),
        title: "Morning health check".to_owned(),
        every: Period::Day,
        due: time(9, 0),
        sign_by: time(9, 15),
        owner: None,
        items: vec![
            item("Backup fresh", Evidence::Auto(vec!["backup".into()])),
            item("Disks have room", Evidence::Auto(vec!["disk".into()])),
            item("Server log reviewed", Evidence::Confirm(vec!["http:login-page".into()])),
            item("Dashboard loads", Evidence::Manual),
        ],
    }
}

fn inventory(production: bool) -> Inventory {
    let minute = Duration::from_mins(1);
    let database = DatabaseCard {
        id: "rota".to_owned(),
        engine: "sqlite",
        location: "/srv/rota/db.sqlite3".to_owned(),
        path: Some("/srv/rota/db.sqlite3".into()),
        name: String::new(),
        can: rounds::domain::engine::SQLITE.can,
        timeout: minute,
    };
    let backup = BackupCard {
        id: "rota-db".to_owned(),
        database: Some("rota".to_owned()),
        command: None,
        files: StampPattern::parse("/srv/backups/rota_%Y%m%d_%H%M%S.sqlite3", Zone::utc()).ok(),
        compress: rounds::domain::backup::Compression::None,
        rows: Vec::new(),
        keep: None,
        copy: None,
        drill_queries: Vec::new(),
        schedule: None,
        restore: RestoreCard::default(),
    };
    let task = TaskCard {
        id: "weekly-report".to_owned(),
        run: Ok(Invocation::new(["python3", "manage.py", "send_weekly_report"])),
        repeat: Repeat::Ask,
    };
    let action = |id: &str, title: &str, risk, argv: &[&str], params| ActionCard {
        name: ActionName::custom(id),
        title: title.to_owned(),
        risk,
        command: Invocation::new(argv.iter().copied()),
        params,
        timeout: minute,
        guards: Vec::new(),
        verify: None,
        undo: Some("none".to_owned()),
    };
    let year = Param { name: "year".to_owned(), kind: ParamKind::Integer, default: Some("2025".to_owned()) };
    let restart =
        action("restart-server", "Restart the server", Risk::Disruptive, &["systemctl", "restart", "rota"], vec![]);
    let purge = action(
        "purge-exports",
        "Delete exports of a year",
        Risk::Destructive,
        &["rm", "-r", "/Data/exports/{year}"],
        vec![year],
    );
    Inventory {
        host: "db1".to_owned(),
        zone: Zone::named("Europe/London").expect("a zone of the database"),
        system: SystemCard {
            name: "rota".to_owned(),
            title: "Staff Rota".to_owned(),
            environment: if production { "production" } else { "staging" }.to_owned(),
            owner: None,
        },
        databases: BTreeMap::from([("rota".to_owned(), database)]),
        backups: BTreeMap::from([("rota-db".to_owned(), backup)]),
        tasks: BTreeMap::from([("weekly-report".to_owned(), task)]),
        actions: BTreeMap::from([("restart-server".to_owned(), restart), ("purge-exports".to_owned(), purge)]),
    }
}
