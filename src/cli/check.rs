//! `rounds check`: every probe once, in parallel, then one report.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::{Global, Session, output};
use crate::domain::board::{Assessment, Board};
use crate::domain::checklist::ListView;
use crate::domain::finding::Finding;
use crate::domain::observation::ProbeId;
use crate::domain::report::Report;
use crate::domain::status::Status;
use crate::runtime::sweep::sweep;
use crate::store::StoreError;

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Only checks whose id holds one of these, or fits a pattern: `backup`, `disk:/var`, `task:*`
    patterns: Vec<String>,
    #[arg(long, value_enum, default_value_t)]
    format: CheckFormat,
    /// What has not answered by then is unknown
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = super::duration)]
    deadline: Duration,
    /// The mildest status that fails
    #[arg(long, value_enum, default_value_t = FailOn::Warning)]
    fail_on: FailOn,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum CheckFormat {
    #[default]
    Text,
    Json,
    /// For a build server
    Junit,
    /// As a Monitoring Plugin prints it
    Nagios,
    /// For a textfile collector
    Openmetrics,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Warning,
    Critical,
}

pub(super) async fn run(args: &CheckArgs, global: &Global) -> color_eyre::Result<ExitCode> {
    let mut session = Session::open(global).await?;
    let wanted = |id: &str| args.patterns.is_empty() || args.patterns.iter().any(|pattern| fits(pattern, id));
    session.round.watched.retain(|one| wanted(one.watch.id.as_str()));
    if session.round.watched.is_empty() && !args.patterns.is_empty() {
        // Not 2: that would say critical.
        output::progress(&format!("rounds: no check matches {}", args.patterns.join(", ")));
        return Ok(ExitCode::from(Status::Unknown.exit_code()));
    }
    let started = tokio::time::Instant::now();
    let mut report = look(&mut session, args.deadline).await;
    report.took = started.elapsed();
    if !args.patterns.is_empty() {
        // A part of the round says nothing about the lists.
        report.checklists.clear();
    }
    let told = match args.format {
        CheckFormat::Text => output::answer(&report.text(&session.zone, &output::paint(global))),
        CheckFormat::Json => output::document(&report.json()),
        CheckFormat::Junit => output::answer(&report.junit()),
        CheckFormat::Nagios => output::answer(&report.nagios(&session.zone)),
        CheckFormat::Openmetrics => output::answer(&report.openmetrics()),
    };
    if let Err(error) = told {
        // Not 1: a monitor would read that as a warning.
        output::progress(&format!("rounds: the answer cannot be written: {error}"));
        return Ok(ExitCode::from(Status::Unknown.exit_code()));
    }
    let status = report.status();
    let fails = match args.fail_on {
        FailOn::Warning => !status.is_ok(),
        FailOn::Critical => status == Status::Critical || status == Status::Unknown,
    };
    Ok(ExitCode::from(if fails { status.exit_code() } else { 0 }))
}

/// Whether an id fits: by a pattern with `*` or `?` as a whole, else by holding the text.
fn fits(pattern: &str, id: &str) -> bool {
    match glob::Pattern::new(pattern) {
        Ok(glob) if pattern.contains(['*', '?']) => glob.matches(id),
        _ => id.contains(pattern),
    }
}

/// How long one look of a command may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// Reads everything once and makes the report of it.
pub(super) async fn look(session: &mut Session, deadline: Duration) -> Report {
    let board = read_once(session, deadline).await;
    report(session, &board).await
}

/// Reads everything once; what earlier runs left is on the board too.
pub(super) async fn read_once(session: &mut Session, deadline: Duration) -> Board {
    let watched = std::mem::take(&mut session.round.watched);
    let mut board = Board::new(watched.iter().map(|one| one.watch.clone()).collect(), session.clock.now());
    let memory = match &session.round.store {
        Some(store) => store.memory(session.clock.now(), &[]).await.unwrap_or_default(),
        None => crate::domain::update::Memory::default(),
    };
    memory.series.iter().for_each(|(probe, key, points)| board.load(probe, key, points.iter().copied()));
    memory.statuses.iter().for_each(|(probe, status, since)| board.remember(probe, *status, *since));
    sweep(watched, deadline, &session.clock, board).await
}

pub(super) async fn report(session: &Session, board: &Board) -> Report {
    let now = session.clock.now();
    let mut assessments = board.assess(now);
    if let Some(error) = &session.store_error {
        assessments.push(store_trouble(error, &session.round.config.system.name));
    }
    let mut report = Report {
        host: session.round.inventory.host.clone(),
        at: now,
        took: Duration::ZERO,
        assessments,
        checklists: Vec::new(),
    };
    match lists(session, &report, 0).await {
        Ok(lists) => report.checklists = lists,
        Err(error) => report.assessments.push(lists_trouble(&error, &session.round.config.system.name)),
    }
    report
}

/// Why the lists of a report are not known, if they are not.
pub(super) fn lists_trouble_in(report: &Report) -> Option<&str> {
    let trouble = report.assessments.iter().find(|one| one.id == lists_id())?;
    trouble.findings.first().map(|finding| finding.text.as_str())
}

/// What stands for the lists where what was ticked and signed cannot be read.
fn lists_id() -> ProbeId {
    ProbeId::new("database", "rounds-store-checklists")
}

/// A list that may well be signed must not be shown as one that is not.
fn lists_trouble(error: &StoreError, system: &str) -> Assessment {
    let text = format!("what was ticked and signed cannot be read: {error}");
    trouble(lists_id(), Finding::new(Status::Unknown, "store", text), system)
}

/// A store that is away is something to look at: nothing is remembered and no act is possible.
fn store_trouble(error: &str, system: &str) -> Assessment {
    let text = format!("the store cannot be used, so no act is possible: {error}");
    trouble(ProbeId::new("database", "rounds-store"), Finding::new(Status::Critical, "store", text), system)
}

fn trouble(id: ProbeId, finding: Finding, system: &str) -> Assessment {
    Assessment {
        id,
        system: system.to_owned(),
        status: finding.status,
        since: None,
        observed_at: None,
        age: None,
        took: None,
        stale: false,
        waiting: false,
        premature: false,
        findings: vec![finding],
        samples: Vec::new(),
        folded_under: None,
        target: None,
    }
}

/// Every checklist, `steps` periods from now.
pub(super) async fn lists(session: &Session, report: &Report, steps: i32) -> Result<Vec<ListView>, StoreError> {
    let now = session.clock.now();
    let mut views = Vec::new();
    for list in &session.round.config.checklists {
        let span = list.every.shifted(now, steps, &session.zone);
        let before = list.every.shifted(now, steps - 1, &session.zone);
        let (mut marks, mut signatures) = (Vec::new(), Vec::new());
        if let Some(store) = &session.round.store {
            // Whether the one before was left unsigned belongs to this one.
            for key in [&before.key, &span.key] {
                marks.extend(store.marks(&list.id, key).await?);
                signatures.extend(store.signatures(&list.id, key).await?);
            }
        }
        views.push(list.view(span, &marks, &signatures, &report.assessments, now, &session.zone));
    }
    Ok(views)
}
