//! `rounds database`: health and upkeep.

mod activity;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::action::TABLE;
use crate::cli::act::act;
use crate::cli::{ActFlags, Format, Global, Session, check, output};
use crate::domain::humanize;
use crate::domain::inventory::{Inventory, Target};
use crate::domain::report::{self, headline};
use crate::domain::upkeep::Verb;

#[derive(Debug, Subcommand)]
pub enum DatabaseCommand {
    /// Every database, one line each
    List {
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// One database with everything that was measured
    Show {
        id: Option<String>,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// What its sessions do: who runs, who waits for whom, who holds a transaction open
    Activity {
        id: Option<String>,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Give unused space back
    Vacuum {
        id: Option<String>,
        #[command(flatten)]
        table: TableFlag,
        /// Count anew what queries are planned by, too
        #[arg(long, conflicts_with = "full")]
        analyze: bool,
        /// Rewrite the whole: everybody is locked out meanwhile
        #[arg(long)]
        full: bool,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Count anew what queries are planned by
    Analyze {
        id: Option<String>,
        #[command(flatten)]
        table: TableFlag,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Build indexes anew
    Reindex {
        id: Option<String>,
        #[command(flatten)]
        table: TableFlag,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Bring the write-ahead log into the file, and empty it
    Checkpoint {
        id: Option<String>,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Cancel what a session runs; the session stays
    Cancel {
        id: Option<String>,
        #[command(flatten)]
        session: PidFlag,
        #[command(flatten)]
        act: ActFlags,
    },
    /// End a session; its transaction is rolled back
    Terminate {
        id: Option<String>,
        #[command(flatten)]
        session: PidFlag,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Check the structure, read-only, and remember the answer
    Integrity {
        id: Option<String>,
        #[command(flatten)]
        act: ActFlags,
    },
}

/// Which table is meant.
#[derive(Clone, Debug, Default, Args)]
pub struct TableFlag {
    /// One table instead of the whole database: NAME, SCHEMA.NAME, or "ODD NAME" in double quotes
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
}

/// Which session is meant.
#[derive(Clone, Debug, Args)]
pub struct PidFlag {
    /// The session's pid on the server, as `activity` shows it
    #[arg(long, value_name = "PID")]
    pid: u64,
}

impl TableFlag {
    fn params(&self) -> BTreeMap<String, String> {
        self.table.iter().map(|table| (TABLE.to_owned(), table.clone())).collect()
    }
}

pub(super) async fn run(command: &DatabaseCommand, global: &Global) -> color_eyre::Result<ExitCode> {
    let mut session = Session::open(global).await?;
    let none = TableFlag::default();
    let (verb, id, table, flags) = match command {
        DatabaseCommand::List { format } => return list(&mut session, None, *format).await,
        DatabaseCommand::Show { id, format } => {
            let id = one_of(id.as_deref(), &session.round.inventory)?;
            return list(&mut session, Some(&id), *format).await;
        }
        DatabaseCommand::Activity { id, format } => {
            let id = one_of(id.as_deref(), &session.round.inventory)?;
            return activity::show(&session, &id, *format).await;
        }
        DatabaseCommand::Cancel { id, session: which, act } => {
            let id = one_of(id.as_deref(), &session.round.inventory)?;
            return activity::signal(&session, &id, which.pid, Verb::Cancel, act).await;
        }
        DatabaseCommand::Terminate { id, session: which, act } => {
            let id = one_of(id.as_deref(), &session.round.inventory)?;
            return activity::signal(&session, &id, which.pid, Verb::Terminate, act).await;
        }
        DatabaseCommand::Vacuum { id, table, analyze, full, act } => {
            let verb = match (full, analyze) {
                (true, _) => Verb::VacuumFull,
                (false, true) => Verb::VacuumAnalyze,
                (false, false) => Verb::Vacuum,
            };
            (verb, id, table, act)
        }
        DatabaseCommand::Analyze { id, table, act } => (Verb::Analyze, id, table, act),
        DatabaseCommand::Reindex { id, table, act } => (Verb::Reindex, id, table, act),
        DatabaseCommand::Checkpoint { id, act } => (Verb::Checkpoint, id, &none, act),
        DatabaseCommand::Integrity { id, act } => (Verb::Integrity, id, &none, act),
    };
    let id = one_of(id.as_deref(), &session.round.inventory)?;
    act(&session, &verb.action(), &Target::database(id), &table.params(), flags).await
}

fn one_of(id: Option<&str>, inventory: &Inventory) -> color_eyre::Result<String> {
    super::show::one_of("database", id, inventory.databases.keys())
}

async fn list(session: &mut Session, only: Option<&str>, format: Format) -> color_eyre::Result<ExitCode> {
    session
        .round
        .watched
        .retain(|one| one.watch.id.kind() == "database" && only.is_none_or(|id| one.watch.id.name() == id));
    let report = check::look(session, check::DEADLINE).await;
    let now = report.at;
    let databases = report.assessments.iter().filter(|one| one.id.kind() == "database");
    match format {
        Format::Json => {
            let databases: Vec<_> = databases
                .map(|one| {
                    let card = session.round.inventory.databases.get(one.id.name());
                    let mut value = report::check(one, now);
                    value["id"] = json!(one.id.name());
                    value["engine"] = json!(card.map(|card| card.engine));
                    value["location"] = json!(card.map(|card| &card.location));
                    value
                })
                .collect();
            output::document(&json!({ "schema": 1, "databases": databases }))?;
        }
        Format::Text if only.is_some() => {
            for one in databases {
                output::answer(&super::show::details(one, now, &session.zone))?;
            }
        }
        Format::Text => {
            let rows: Vec<Vec<String>> = databases
                .map(|one| {
                    let size = one.gauge("size").map_or_else(|| "-".into(), humanize::bytes);
                    vec![one.id.name().to_owned(), one.status.to_string(), size, headline(one, now)]
                })
                .collect();
            output::answer(&output::table(&["ID", "STATUS", "SIZE", ""], &rows))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
