//! `rounds incident`: what failed, why, what it cost and what was learned; opened by every restore or
//! by hand, and closed when all of it is said.

mod told;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use self::told::{document, markdown, row, text_of, written};
use crate::cli::{Format, Global, Session, output};
use crate::domain::audit::{AuditEntry, AuditRecord, Phase};
use crate::domain::humanize;
use crate::domain::incident::{self, Field, Fields, Incident, Says, Turn};
use crate::runtime::runner::Refused;

#[derive(Debug, Subcommand)]
pub enum IncidentCommand {
    /// Open one; a restore opens its own
    Open {
        /// What happened, in a few words
        #[arg(value_parser = super::line)]
        title: String,
        /// What it is about, such as backup:rota-db
        #[arg(long, value_name = "TARGET", default_value = "", value_parser = super::line)]
        target: String,
        #[command(flatten)]
        says: FieldArgs,
    },
    /// Add to what is known of one
    Note {
        /// What happened or was done
        #[arg(default_value = "", value_parser = super::line)]
        text: String,
        /// Which one, where several are open
        #[arg(long, value_name = "NUMBER")]
        incident: Option<u64>,
        #[command(flatten)]
        says: FieldArgs,
    },
    /// Every incident, newest first
    List {
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// One with all that is known of it, and every record of its act; the open one without a number
    Show {
        number: Option<u64>,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Close one; refused while any of its five questions has no answer
    Close {
        number: Option<u64>,
        #[command(flatten)]
        says: FieldArgs,
    },
    /// One as Markdown, to be filed
    Export { number: Option<u64> },
}

/// What the record of an incident has to say.
#[derive(Debug, Args)]
pub struct FieldArgs {
    /// When it failed, as exactly as anybody knows
    #[arg(long, value_name = "TEXT", value_parser = super::line)]
    failed_at: Option<String>,
    /// Why it failed
    #[arg(long, value_name = "TEXT", value_parser = super::line)]
    cause: Option<String>,
    /// What it was restored from
    #[arg(long, value_name = "TEXT", value_parser = super::line)]
    backup_used: Option<String>,
    /// What did not come back
    #[arg(long, value_name = "TEXT", value_parser = super::line)]
    data_lost: Option<String>,
    /// What will be done otherwise
    #[arg(long, value_name = "TEXT", value_parser = super::line)]
    lessons: Option<String>,
}

impl FieldArgs {
    fn fields(&self) -> Fields {
        let said = [
            (Field::FailedAt, &self.failed_at),
            (Field::Cause, &self.cause),
            (Field::BackupUsed, &self.backup_used),
            (Field::DataLost, &self.data_lost),
            (Field::Lessons, &self.lessons),
        ];
        said.into_iter().filter_map(|(field, text)| Some((field, text.clone()?))).collect()
    }
}

pub(super) async fn run(command: &IncidentCommand, global: &Global) -> color_eyre::Result<ExitCode> {
    let session = Session::open(global).await?;
    match command {
        IncidentCommand::Open { title, target, says } => {
            if title.trim().is_empty() {
                return Err(output::Usage("an incident wants a title: what happened, in a few words".into()).into());
            }
            let says = Says { title: title.clone(), fields: says.fields(), text: String::new() };
            let record = write(&session, Turn::Open, &session.clock.new_id(), target, &says).await?;
            output::answer(&format!("incident {} opened", record.seq))?;
        }
        IncidentCommand::Note { text, incident, says } => {
            let says = Says { title: String::new(), fields: says.fields(), text: text.clone() };
            if says == Says::default() {
                return Err(
                    output::Usage("nothing to note: write a text, or one of --cause, --lessons, …".into()).into()
                );
            }
            let of = chosen(&session, *incident).await?;
            write(&session, Turn::Note, &of.id, &of.target, &says).await?;
            output::answer(&text_of(&again(&session, of.number).await?, &session))?;
        }
        IncidentCommand::List { format } => list(&session, *format).await?,
        IncidentCommand::Show { number, format } => {
            let one = chosen(&session, *number).await?;
            let acts = session.records()?.records_of(&one.id).await?;
            match format {
                Format::Json => {
                    let mut document = document(&one);
                    let acts = acts.iter().map(|record| json!(record.seq)).collect();
                    document.insert("records".to_owned(), Value::Array(acts));
                    output::document(&json!({ "schema": 1, "incidents": [document] }))?;
                }
                Format::Text => {
                    let mut text = text_of(&one, &session);
                    let rows: Vec<Vec<String>> = acts.iter().map(|record| row(record, &session)).collect();
                    if !rows.is_empty() {
                        text.push_str(&output::table(&["", "RECORD", "AT", "WHO", "PHASE", "WHAT"], &rows));
                    }
                    output::answer(&text)?;
                }
            }
        }
        IncidentCommand::Close { number, says } => close(&session, *number, says.fields()).await?,
        IncidentCommand::Export { number } => {
            let one = chosen(&session, *number).await?;
            let acts = session.records()?.records_of(&one.id).await?;
            output::answer(&markdown(&one, &acts, &session))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The one that is meant: the one of that number, or the only one that is open.
async fn chosen(session: &Session, number: Option<u64>) -> color_eyre::Result<Incident> {
    let all = incident::all(&session.records()?.incidents().await?);
    let open: Vec<&Incident> = all.iter().filter(|one| one.is_open()).collect();
    let named = |ones: &[&Incident]| {
        ones.iter().map(|one| format!("{} {}", one.number, one.title)).collect::<Vec<_>>().join(", ")
    };
    let why = match (number, open.as_slice()) {
        (Some(number), _) => match all.iter().find(|one| one.number == number) {
            Some(one) => return Ok(one.clone()),
            None => format!("there is no incident {number}; `rounds incident list` names them"),
        },
        (None, [only]) => return Ok((*only).clone()),
        (None, []) => "no incident is open; `rounds incident list` names those that were".to_owned(),
        (None, several) => format!("which one? open are: {}", named(several)),
    };
    Err(output::Usage(why).into())
}

async fn again(session: &Session, number: u64) -> color_eyre::Result<Incident> {
    chosen(session, Some(number)).await
}

/// Writes a note. Without a record of it there is none.
async fn write(session: &Session, turn: Turn, id: &str, target: &str, says: &Says) -> color_eyre::Result<AuditRecord> {
    let entry = turn.entry(id, target, says, &session.actor, session.clock.now());
    if session.read_only {
        return Err(refused(session, entry, "this is a read-only session; nothing was noted".to_owned()).await);
    }
    let store = session.store().map_err(|error| Refused(error.to_string()))?;
    Ok(store.append(entry).await.map_err(|error| Refused(error.to_string()))?)
}

/// A refusal, which the audit log keeps as it keeps what was done.
async fn refused(session: &Session, entry: AuditEntry, why: String) -> color_eyre::Report {
    let entry = AuditEntry { phase: Phase::Refused, detail: why.clone(), ..entry };
    if let Ok(store) = session.store()
        && let Err(error) = store.append(entry).await
    {
        tracing::warn!(%error, "a refusal was not recorded");
    }
    Refused(why).into()
}

async fn close(session: &Session, number: Option<u64>, fields: Fields) -> color_eyre::Result<()> {
    let one = chosen(session, number).await?;
    let says = Says { fields, ..Says::default() };
    let entry = || Turn::Close.entry(&one.id, &one.target, &says, &session.actor, session.clock.now());
    if let Some(closed) = &one.closed {
        let at = humanize::clock(closed.at, session.clock.now(), &session.zone);
        return Err(
            refused(session, entry(), format!("incident {} was closed by {} at {at}", one.number, closed.by)).await
        );
    }
    let said = |field: &Field| says.fields.get(field).is_some_and(|text| !text.trim().is_empty());
    let missing: Vec<Field> = one.missing().into_iter().filter(|field| !said(field)).collect();
    if !missing.is_empty() {
        let words: Vec<&str> = missing.iter().map(|field| field.label()).collect();
        let flags: Vec<String> = missing.iter().map(|field| format!("{} TEXT", field.flag())).collect();
        let why = format!(
            "incident {} does not say yet: {}; close it with {}",
            one.number,
            words.join(", "),
            flags.join(" ")
        );
        return Err(refused(session, entry(), why).await);
    }
    write(session, Turn::Close, &one.id, &one.target, &says).await?;
    output::answer(&text_of(&again(session, one.number).await?, session))?;
    Ok(())
}

async fn list(session: &Session, format: Format) -> color_eyre::Result<()> {
    let mut all = incident::all(&session.records()?.incidents().await?);
    all.reverse();
    match format {
        Format::Json => {
            let all: Vec<_> = all.iter().map(document).collect();
            output::document(&json!({ "schema": 1, "incidents": all }))?;
        }
        Format::Text if all.is_empty() => {
            output::answer("no incident; a restore opens one, and `rounds incident open`")?;
        }
        Format::Text => {
            let rows: Vec<Vec<String>> = all
                .iter()
                .map(|one| {
                    let missing: Vec<&str> = one.missing().iter().map(|field| field.label()).collect();
                    let missing = if missing.is_empty() { "-".to_owned() } else { missing.join(", ") };
                    vec![
                        one.number.to_string(),
                        if one.is_open() { "open" } else { "closed" }.to_owned(),
                        written(one.opened_at, session),
                        one.opened_by.clone(),
                        one.target.clone(),
                        one.title.clone(),
                        missing,
                    ]
                })
                .collect();
            output::answer(&output::table(
                &["NUMBER", "STATE", "OPENED", "BY", "TARGET", "TITLE", "TO BE SAID"],
                &rows,
            ))?;
        }
    }
    Ok(())
}
