//! `rounds database`: health and upkeep.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use crate::cli::act::act;
use crate::cli::{ActFlags, Format, Global, Session, check, output};
use crate::domain::action_name::ActionName;
use crate::domain::humanize;
use crate::domain::inventory::{Inventory, Target};
use crate::domain::report::{self, headline};

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
    /// Give unused space back to the disk
    Vacuum {
        id: Option<String>,
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

pub(super) async fn run(command: &DatabaseCommand, global: &Global) -> color_eyre::Result<ExitCode> {
    let mut session = Session::open(global).await?;
    match command {
        DatabaseCommand::List { format } => list(&mut session, None, *format).await,
        DatabaseCommand::Show { id, format } => {
            let id = one_of(id.as_deref(), &session.round.inventory)?;
            list(&mut session, Some(&id), *format).await
        }
        DatabaseCommand::Vacuum { id, act: flags } => {
            let id = one_of(id.as_deref(), &session.round.inventory)?;
            act(&session, &ActionName::VACUUM, &Target::database(id), &BTreeMap::new(), flags).await
        }
        DatabaseCommand::Integrity { id, act: flags } => {
            let id = one_of(id.as_deref(), &session.round.inventory)?;
            act(&session, &ActionName::INTEGRITY, &Target::database(id), &BTreeMap::new(), flags).await
        }
    }
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
