//! `rounds backup`: what there is, one more, whether it is any good, and what may go.

mod prune;
mod row;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Subcommand;
use serde::Serialize;
use serde_json::Value;

use self::row::{File, Row, state};
use crate::cli::act::{act, act_on};
use crate::cli::{ActFlags, Format, Global, Session, check, output};
use crate::domain::action_name::ActionName;
use crate::domain::backup::{Backup, Catalogue, Retention};
use crate::domain::board::Assessment;
use crate::domain::finding::Finding;
use crate::domain::humanize;
use crate::domain::inventory::{Inventory, Target};
use crate::domain::observation::Detail;
use crate::domain::report::headline;
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, rfc3339};

#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Every backup with its newest file
    List {
        id: Option<String>,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Make one now
    Run {
        id: Option<String>,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Check hash, structure and rows of the newest one
    Verify {
        id: Option<String>,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Restore the newest one into a scratch, compare its rows, ask it, and measure how long it takes
    Drill {
        id: Option<String>,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Put a verified one in the place of its database, with a way back
    ///
    /// The application is stopped as `restore.stop` says, what is there is copied first, and put
    /// back when anything fails.
    Restore {
        id: Option<String>,
        /// This file of the backup; the newest verified one without
        #[arg(long, value_name = "NAME")]
        file: Option<String>,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Copy the newest one to its second place and read it back there
    Copy {
        id: Option<String>,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Delete the files that no rule of `keep` keeps
    ///
    /// With --dry-run every file is told with what becomes of it and why, and nothing is deleted.
    /// A file beside which lies one of the same name and `.pin` is never deleted.
    Prune {
        id: Option<String>,
        /// Only the plan that `--dry-run` told; nothing is done when it would be another by now
        #[arg(long, value_name = "HASH")]
        plan: Option<String>,
        #[command(flatten)]
        act: ActFlags,
    },
}

pub(super) async fn run(command: &BackupCommand, global: &Global) -> color_eyre::Result<ExitCode> {
    let mut session = Session::open(global).await?;
    let one_of = |id: &Option<String>, inventory: &Inventory| {
        super::show::one_of("backup", id.as_deref(), inventory.backups.keys())
    };
    match command {
        BackupCommand::List { id: None, format } => list(&mut session, None, *format).await,
        BackupCommand::List { id, format } => {
            let id = one_of(id, &session.round.inventory)?;
            list(&mut session, Some(&id), *format).await
        }
        BackupCommand::Run { id, act: flags } => {
            let id = one_of(id, &session.round.inventory)?;
            act(&session, &ActionName::BACKUP, &Target::backup(id), &BTreeMap::new(), flags).await
        }
        BackupCommand::Verify { id, act: flags } => {
            let id = one_of(id, &session.round.inventory)?;
            // Reading a file is nothing that needs a yes.
            let flags = ActFlags { yes: true, ..flags.clone() };
            act(&session, &ActionName::VERIFY, &Target::backup(id), &BTreeMap::new(), &flags).await
        }
        BackupCommand::Drill { id, act: flags } => {
            let id = one_of(id, &session.round.inventory)?;
            act(&session, &ActionName::DRILL, &Target::backup(id), &BTreeMap::new(), flags).await
        }
        BackupCommand::Restore { id, file, act: flags } => {
            let id = one_of(id, &session.round.inventory)?;
            session.round.watched.retain(|one| one.watch.id.kind() == "backup" && one.watch.id.name() == id);
            let look = check::read_once(&mut session, check::DEADLINE).await;
            let params = file.iter().map(|file| ("file".to_owned(), file.clone())).collect();
            act_on(&session, &look.board, &ActionName::RESTORE, &Target::backup(id), &params, flags).await
        }
        BackupCommand::Copy { id, act: flags } => {
            let id = one_of(id, &session.round.inventory)?;
            act(&session, &ActionName::COPY, &Target::backup(id), &BTreeMap::new(), flags).await
        }
        BackupCommand::Prune { id, plan, act: flags } => {
            let id = one_of(id, &session.round.inventory)?;
            prune::run(&mut session, &id, plan.as_deref(), flags).await
        }
    }
}

async fn list(session: &mut Session, only: Option<&str>, format: Format) -> color_eyre::Result<ExitCode> {
    session
        .round
        .watched
        .retain(|one| one.watch.id.kind() == "backup" && only.is_none_or(|id| one.watch.id.name() == id));
    let look = check::read_once(session, check::DEADLINE).await;
    let report = look.report(session);
    let backups = report.assessments.iter().filter(|one| one.id.kind() == "backup").map(|one| {
        let catalogue = match look.board.detail(&one.id) {
            Some(Detail::Backups(catalogue)) => Some(&**catalogue),
            _ => None,
        };
        (one, catalogue)
    });
    match format {
        Format::Json => {
            let judged = |(one, catalogue): (&Assessment, Option<&Catalogue>)| {
                let policy = session.round.inventory.backups.get(one.id.name()).and_then(|card| card.keep.as_ref());
                policy
                    .zip(catalogue)
                    .map(|(policy, catalogue)| prune::decide(policy, catalogue, report.at, &session.zone))
            };
            let backups: Vec<_> = backups.map(|of| (of, judged(of))).collect();
            let listed = |((one, catalogue), retention)| backup(one, catalogue, Option::as_ref(retention), report.at);
            let backups = backups.iter().map(|(of, retention)| (*of, retention)).map(listed).collect();
            output::document(&List { schema: 1, backups })?;
        }
        Format::Text => {
            let mut text = String::new();
            for (one, catalogue) in backups {
                text.push_str(&format!("{}  {}  {}\n", one.id.name(), one.status, headline(one, report.at)));
                let files = catalogue.map_or(&[][..], |catalogue| &catalogue.files);
                let rows: Vec<Vec<String>> = files
                    .iter()
                    .map(|file| {
                        let verified = file
                            .verified_at
                            .map_or_else(|| "never".into(), |at| humanize::clock(at, report.at, &session.zone));
                        vec![
                            String::new(),
                            session.zone.local(file.taken_at).format("%Y-%m-%d %H:%M:%S").to_string(),
                            file.size(),
                            verified,
                            state(file),
                            named(file, catalogue),
                        ]
                    })
                    .collect();
                if !rows.is_empty() {
                    text.push_str(&output::table(&["", "TAKEN", "SIZE", "VERIFIED", "STATE", "FILE"], &rows));
                }
            }
            output::answer(&text)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Its path, or what it is called where another tool keeps it, and of what it is.
fn named(file: &Backup, catalogue: Option<&Catalogue>) -> String {
    let about = catalogue.and_then(|catalogue| catalogue.about.get(&file.path));
    let path = file.path.display();
    about.map_or_else(|| path.to_string(), |about| format!("{path}  {about}"))
}

/// One backup, as a document.
#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    status: Status,
    findings: &'a [Finding],
    newest: Option<File<'a>>,
    files: Vec<Row<'a>>,
    slots: Value,
    rpo_s: Option<f64>,
    rto_s: Option<f64>,
    drill_took_s: Option<f64>,
    copied_at: Option<String>,
}

#[derive(Serialize)]
struct List<'a> {
    schema: u32,
    backups: Vec<Listed<'a>>,
}

fn backup<'a>(
    one: &'a Assessment,
    catalogue: Option<&'a Catalogue>,
    retention: Option<&'a Retention>,
    now: Timestamp,
) -> Listed<'a> {
    Listed {
        id: one.id.name(),
        status: one.status,
        findings: &one.findings,
        newest: catalogue.and_then(|catalogue| catalogue.newest(now)).map(File::of),
        files: catalogue.map_or_else(Vec::new, |catalogue| row::all(catalogue, retention)),
        slots: prune::slots(retention),
        rpo_s: one.gauge("rpo"),
        rto_s: one.gauge("rto"),
        drill_took_s: one.gauge("drill_took"),
        copied_at: catalogue.and_then(|catalogue| catalogue.copies.as_ref()?.newest).map(rfc3339),
    }
}
