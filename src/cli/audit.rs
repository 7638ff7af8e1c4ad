//! `rounds audit`: read the log of every act, prove that nobody changed it, take it elsewhere.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::cli::{Format, Global, Session, output};
use crate::domain::audit::chain::Head;
use crate::domain::audit::{AuditRecord, export};
use crate::domain::time::{Timestamp, span};
use crate::store::Store;

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// The latest records, newest first
    List {
        /// Only records younger than this, such as 24h
        #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
        since: Option<Duration>,
        #[arg(long, default_value_t = 50)]
        limit: usize,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Recompute the chain of hashes; exit 0 whole, 1 broken, 2 unreadable
    Verify {
        /// A head noted earlier, elsewhere: only with one can a cut-off end be seen
        #[arg(long, value_name = "SEQ:HASH")]
        expect: Option<Head>,
        /// Begin at this record
        #[arg(long, value_name = "SEQ", default_value_t = 1)]
        from: u64,
    },
    /// Every record, oldest first, with its proof
    Export {
        #[arg(long, value_enum, default_value_t = ExportFormat::Jsonl)]
        format: ExportFormat,
        #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
        since: Option<Duration>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    Jsonl,
    Csv,
}

pub(super) async fn run(command: &AuditCommand, global: &Global) -> color_eyre::Result<ExitCode> {
    let session = Session::open(global).await?;
    let since = |young: &Option<Duration>| young.map_or(Timestamp::MIN_UTC, |young| session.clock.now() - span(young));
    match command {
        AuditCommand::List { since: young, limit, format } => {
            let records = session.records()?.audit(since(young), *limit).await?;
            match format {
                Format::Json => {
                    let records: Vec<Value> = records.iter().map(record).collect();
                    output::document(&json!({ "schema": 1, "records": records }))?;
                }
                Format::Text => output::answer(&output::table(
                    &["SEQ", "AT", "WHO", "PHASE", "ACTION", "TARGET", "OUTCOME"],
                    &records.iter().map(|one| row(one, &session)).collect::<Vec<_>>(),
                ))?,
            }
            Ok(ExitCode::SUCCESS)
        }
        AuditCommand::Verify { expect, from } => {
            let Ok(store) = session.records().inspect_err(|why| output::progress(&format!("rounds: {why}"))) else {
                return Ok(ExitCode::from(2));
            };
            match store.verify(*from, expect.clone()).await {
                Ok(verification) => {
                    output::answer(&verification.to_string())?;
                    Ok(output::done(verification.is_ok()))
                }
                Err(error) => {
                    output::progress(&format!("rounds: {error}"));
                    Ok(ExitCode::from(2))
                }
            }
        }
        AuditCommand::Export { format, since: young } => {
            export(&session.records()?, *format, since(young)).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Page by page, so that seven years of records need no more memory than a day of them.
async fn export(store: &Store, format: ExportFormat, since: Timestamp) -> color_eyre::Result<()> {
    if format == ExportFormat::Csv {
        output::answer(export::CSV_HEADER)?;
    }
    let mut after = 0;
    loop {
        let page = store.audit_after(after, 1000).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.seq;
        let lines: String = page
            .iter()
            .filter(|record| record.entry.at >= since)
            .map(|record| match format {
                ExportFormat::Jsonl => format!("{}\n", export::jsonl(record)),
                ExportFormat::Csv => export::csv(record),
            })
            .collect();
        if !lines.is_empty() {
            output::answer(&lines)?;
        }
    }
}

/// A record as the contract spells it.
fn record(record: &AuditRecord) -> Value {
    serde_json::from_str(&export::jsonl(record)).unwrap_or(Value::Null)
}

fn row(record: &AuditRecord, session: &Session) -> Vec<String> {
    let entry = &record.entry;
    let outcome = entry.outcome.map_or_else(String::new, |outcome| format!("{}: ", outcome.word()));
    vec![
        record.seq.to_string(),
        session.zone.local(entry.at).format("%Y-%m-%d %H:%M:%S").to_string(),
        entry.actor.operator.clone(),
        entry.phase.word().to_owned(),
        entry.action.clone(),
        entry.target.clone(),
        format!("{outcome}{}", entry.detail),
    ]
}
