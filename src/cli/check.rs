//! `rounds check`: every probe once, in parallel, then one report.

use std::mem::ManuallyDrop;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::time::{Instant, timeout_at};

use crate::cli::{Global, Session, output};
use crate::domain::board::{Assessment, Board};
use crate::domain::checklist::{Checklist, ListView};
use crate::domain::finding::Finding;
use crate::domain::observation::ProbeId;
use crate::domain::report::Report;
use crate::domain::status::Status;
use crate::domain::update::Memory;
use crate::runtime::sweep::sweep;

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Only checks whose id holds one of these, or fits a pattern: `backup`, `disk:/var`, `task:*`
    patterns: Vec<String>,
    #[arg(long, value_enum, default_value_t)]
    format: CheckFormat,
    /// What has not answered by then is unknown: targets, the store, and what it remembers. A
    /// limit that must be passed for a time is judged by what a dashboard has recorded
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
    let started = Instant::now();
    let mut session = Session::begin(global, args.deadline, crate::scheduler::ask)?;
    let wanted = |id: &str| args.patterns.is_empty() || args.patterns.iter().any(|pattern| fits(pattern, id));
    session.round.watched.retain(|one| wanted(one.watch.id.as_str()));
    if session.round.watched.is_empty() && !args.patterns.is_empty() {
        // Not 2: that would say critical.
        output::progress(&format!("rounds: no check matches {}", args.patterns.join(", ")));
        return Ok(ExitCode::from(Status::Unknown.exit_code()));
    }
    let mut report = look(&mut session, args.deadline.saturating_sub(started.elapsed())).await;
    report.took = started.elapsed();
    if !args.patterns.is_empty() {
        // A part of the round says nothing about the lists, nor about the store.
        report.checklists.clear();
        report.assessments.retain(|one| wanted(one.id.as_str()));
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
    read_once(session, deadline).await.report(session)
}

/// What was seen, and what the store remembers.
#[derive(Debug)]
pub(super) struct Look {
    /// Never given back piece by piece: the program ends with what it told of thousands of tasks and files.
    pub(super) board: ManuallyDrop<Board>,
    memory: Memory,
    /// What is wrong with the store, if anything is.
    trouble: Option<Assessment>,
}

/// Reads everything once, and meanwhile what earlier runs left; whatever has not answered by
/// the deadline is unknown.
pub(super) async fn read_once(session: &mut Session, deadline: Duration) -> Look {
    let until = Instant::now() + deadline;
    let watched = std::mem::take(&mut session.round.watched);
    let watches = watched.iter().map(|one| one.watch.clone()).collect();
    let board = Board::new(watches, session.clock.now()).for_one_look();
    let (mut board, memory) = tokio::join!(sweep(watched, deadline, &session.clock, board), recall(session, until));
    let (memory, trouble) = match memory {
        Ok(memory) => (memory, lack_of_room(session, until).await),
        Err(trouble) => (Memory::default(), Some(trouble)),
    };
    memory.series.iter().for_each(|(probe, key, points)| board.load(probe, key, points.iter().copied()));
    memory.statuses.iter().for_each(|(probe, status, since)| board.remember(probe, *status, *since));
    Look { board: ManuallyDrop::new(board), memory, trouble }
}

/// What the store remembers, if it says so in time.
async fn recall(session: &Session, until: Instant) -> Result<Memory, Assessment> {
    let lists = session.round.config.checklists.iter();
    let now = session.clock.now();
    // Whether the one before was left unsigned belongs to this one.
    let keys = |list: &Checklist| [-1, 0].map(|steps| list.every.shifted(now, steps, &session.zone).key);
    let periods: Vec<(String, String)> = lists.flat_map(|list| keys(list).map(|key| (list.id.clone(), key))).collect();
    // A store that is away is something to look at: nothing is remembered and no act is
    // possible. One that has said nothing may still be well.
    let opening = &session.round.store;
    let store = opening.within(until.saturating_duration_since(Instant::now())).await.map_err(|why| {
        let status = if opening.is_silent() { Status::Unknown } else { Status::Critical };
        trouble(store_id(), status, format!("the store cannot be used, so no act is possible: {why}"), session)
    })?;
    let unread = |why: String| {
        trouble(lists_id(), Status::Unknown, format!("what was ticked and signed cannot be read: {why}"), session)
    };
    match timeout_at(until, store.memory(now, &periods)).await {
        Ok(memory) => memory.map_err(|error| unread(error.to_string())),
        Err(_) => Err(unread(format!("store {} does not answer", store.path().display()))),
    }
}

/// What is wrong with a store that can be read, and takes no record any more.
async fn lack_of_room(session: &Session, until: Instant) -> Option<Assessment> {
    let store = session.round.store.get().ok()?;
    let why = timeout_at(until, store.has_room()).await.ok()?.err()?;
    Some(trouble(
        store_id(),
        Status::Critical,
        format!("the store cannot be written, so no act is possible: {why}"),
        session,
    ))
}

impl Look {
    pub(super) fn report(&self, session: &Session) -> Report {
        let now = session.clock.now();
        let mut assessments = self.board.assess(now);
        assessments.extend(self.trouble.clone());
        let mut report = Report {
            host: session.round.inventory.host.clone(),
            at: now,
            took: Duration::ZERO,
            assessments,
            checklists: Vec::new(),
        };
        // A list that may well be signed must not be shown as one that is not.
        if lists_trouble_in(&report).is_none() {
            report.checklists = self.lists(session, &report);
        }
        report
    }

    /// Every checklist as it stands now.
    fn lists(&self, session: &Session, report: &Report) -> Vec<ListView> {
        let lists = session.round.config.checklists.iter().map(|list| {
            let span = list.every.shifted(report.at, 0, &session.zone);
            list.view(span, &self.memory.marks, &self.memory.signatures, &report.assessments, report.at, &session.zone)
        });
        lists.collect()
    }
}

/// Why the lists of a report are not known, if they are not.
pub(super) fn lists_trouble_in(report: &Report) -> Option<&str> {
    let silent = |one: &Assessment| one.id == store_id() && one.status == Status::Unknown;
    let trouble = report.assessments.iter().find(|one| one.id == lists_id() || silent(one))?;
    trouble.findings.first().map(|finding| finding.text.as_str())
}

/// What stands for the store where it cannot be used.
fn store_id() -> ProbeId {
    ProbeId::new("database", "rounds-store")
}

/// What stands for the lists where what was ticked and signed cannot be read.
fn lists_id() -> ProbeId {
    ProbeId::new("database", "rounds-store-checklists")
}

fn trouble(id: ProbeId, status: Status, text: String, session: &Session) -> Assessment {
    let finding = Finding::new(status, "store", text);
    Assessment {
        id,
        system: session.round.config.system.name.as_str().into(),
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
