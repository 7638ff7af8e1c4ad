//! `rounds checklist`: the same lists, marks and signatures as in the dashboard.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::{Format, Global, Session, check, output};
use crate::domain::checklist::{ItemView, ListView, Mark, MarkKind};
use crate::domain::report;
use crate::domain::time::rfc3339;
use crate::runtime::runner::Refused;
use crate::runtime::sign;
use crate::store::StoreError;

#[derive(Debug, Subcommand)]
pub enum ChecklistCommand {
    /// Every list, one line each
    List {
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// One list with its items and the evidence behind them
    Show {
        id: Option<String>,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Tick an item that asks for your own eyes
    Tick(MarkArgs),
    /// Leave an item out, with a reason
    Skip(MarkArgs),
    /// Take the last mark of an item back
    Undo(MarkArgs),
    /// Sign this period's list
    Sign {
        id: Option<String>,
        /// Why it is signed although something is open or bad
        #[arg(long, value_name = "TEXT", default_value = "", value_parser = super::line)]
        reason: String,
        /// Show what would be signed, and stop there
        #[arg(long)]
        dry_run: bool,
    },
    /// Who signed when, and with which exceptions
    History {
        id: Option<String>,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

#[derive(Debug, Args)]
pub struct MarkArgs {
    /// The item: its number, or part of its text
    item: String,
    /// The list, where there are several
    #[arg(long, value_name = "ID")]
    list: Option<String>,
    /// Why; a skip wants one
    #[arg(long, value_name = "TEXT", default_value = "", value_parser = super::line)]
    reason: String,
}

pub(super) async fn run(command: &ChecklistCommand, global: &Global) -> color_eyre::Result<ExitCode> {
    let mut session = Session::open(global).await?;
    let one_of = |id: &Option<String>, session: &Session| {
        let ids: Vec<String> = session.round.config.checklists.iter().map(|list| list.id.clone()).collect();
        super::show::one_of("checklist", id.as_deref(), ids.iter())
    };
    match command {
        ChecklistCommand::List { format } => {
            let lists = views(&mut session).await?;
            match format {
                Format::Json => {
                    let lists: Vec<Value> = lists.iter().map(report::checklist).collect();
                    output::document(&json!({ "schema": 1, "checklists": lists }))?;
                }
                Format::Text => {
                    let rows: Vec<Vec<String>> = lists.iter().map(row).collect();
                    output::answer(&output::table(&["ID", "PERIOD", "DONE", "FAILED", "SIGNED", ""], &rows))?;
                }
            }
        }
        ChecklistCommand::Show { id, format } => {
            let id = one_of(id, &session)?;
            let list = view(&mut session, &id).await?;
            match format {
                Format::Json => output::document(&json!({ "schema": 1, "checklists": [report::checklist(&list)] }))?,
                Format::Text => output::answer(&text(&list))?,
            }
        }
        ChecklistCommand::Tick(args) => return mark(&mut session, args, MarkKind::Tick).await,
        ChecklistCommand::Skip(args) => return mark(&mut session, args, MarkKind::Skip).await,
        ChecklistCommand::Undo(args) => return mark(&mut session, args, MarkKind::Undo).await,
        ChecklistCommand::Sign { id, reason, dry_run } => {
            let id = one_of(id, &session)?;
            return sign_list(&mut session, &id, reason, *dry_run).await;
        }
        ChecklistCommand::History { id, format } => {
            let id = one_of(id, &session)?;
            return history(&session, &id, *format).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Every list; an error where what was ticked and signed is not known.
async fn views(session: &mut Session) -> color_eyre::Result<Vec<ListView>> {
    let report = check::look(session, check::DEADLINE).await;
    match check::lists_trouble_in(&report) {
        Some(why) => Err(color_eyre::eyre::eyre!("{why}")),
        None => Ok(report.checklists),
    }
}

async fn view(session: &mut Session, id: &str) -> color_eyre::Result<ListView> {
    let found = views(session).await?.into_iter().find(|list| list.id == id);
    found.ok_or_else(|| output::Usage(format!("there is no checklist called `{id}`")).into())
}

/// Marking is an act: without a record of it there is none.
async fn mark(session: &mut Session, args: &MarkArgs, kind: MarkKind) -> color_eyre::Result<ExitCode> {
    let ids: Vec<String> = session.round.config.checklists.iter().map(|list| list.id.clone()).collect();
    let id = super::show::one_of("checklist", args.list.as_deref(), ids.iter())?;
    let list = view(session, &id).await?;
    let item = find(&list, &args.item)?;
    if let Some(why) = unmarkable(&list, item, kind, &args.reason) {
        return Err(refused(session, kind.word(), &id, why).await);
    }
    if session.read_only {
        let why = "this is a read-only session; nothing was marked".to_owned();
        return Err(refused(session, kind.word(), &id, why).await);
    }
    let mark = Mark {
        checklist: list.id.clone(),
        period: list.period.key.clone(),
        item: item.text.clone(),
        kind,
        at: session.clock.now(),
        operator: session.actor.operator.clone(),
        note: args.reason.clone(),
    };
    let store = session.store().map_err(|error| Refused(error.to_string()))?;
    if let Err(error) = sign::mark(&store, &session.actor, &mark).await {
        return Err(not_written(session, kind.word(), &id, &error).await);
    }
    output::answer(&text(&view_again(session, &id).await?))?;
    Ok(ExitCode::SUCCESS)
}

/// A refusal, which the audit log keeps as it keeps what was done.
async fn refused(session: &Session, action: &str, id: &str, why: String) -> color_eyre::Report {
    sign::refuse(session.round.store.get().ok().as_ref(), &session.actor, action, id, &why, session.clock.now()).await;
    Refused(why).into()
}

/// A store that took no mark takes no record of that either.
async fn not_written(session: &Session, action: &str, id: &str, error: &StoreError) -> color_eyre::Report {
    if error.is_about_the_act() {
        return refused(session, action, id, error.to_string()).await;
    }
    Refused(error.to_string()).into()
}

/// Why an item cannot be marked like this.
fn unmarkable(list: &ListView, item: &ItemView, kind: MarkKind, reason: &str) -> Option<String> {
    if let Some(signature) = &list.signed {
        return Some(format!(
            "{} of {} is signed by {}; it does not change any more",
            list.title, list.period.key, signature.operator
        ));
    }
    match kind {
        MarkKind::Tick if item.form == "auto" => Some(format!(
            "`{}` ticks itself from evidence: {}; skip it with a reason if it must be left out",
            item.text, item.evidence
        )),
        MarkKind::Skip if reason.trim().is_empty() => Some("a skip wants a reason: --reason TEXT".to_owned()),
        MarkKind::Undo if item.mark.is_none() => Some(format!("`{}` has no mark to take back", item.text)),
        _ => None,
    }
}

async fn view_again(session: &mut Session, id: &str) -> color_eyre::Result<ListView> {
    session.renew();
    view(session, id).await
}

async fn sign_list(session: &mut Session, id: &str, reason: &str, dry_run: bool) -> color_eyre::Result<ExitCode> {
    let list = view(session, id).await?;
    let now = session.clock.now();
    let store = session.store().map_err(|error| Refused(error.to_string()))?;
    let signature = match list.sign(&session.actor.operator, reason, String::new(), now) {
        Ok(signature) => signature,
        // Nobody tried to sign.
        Err(error) if dry_run => return Err(Refused(error.to_string()).into()),
        Err(error) => return Err(refused(session, "sign", id, error.to_string()).await),
    };
    if dry_run {
        output::answer(&text(&list))?;
        return Ok(ExitCode::SUCCESS);
    }
    if session.read_only {
        let why = "this is a read-only session; nothing was signed".to_owned();
        return Err(refused(session, "sign", id, why).await);
    }
    let signature = match sign::sign(&store, &session.actor, &signature).await {
        Ok((signature, _)) => signature,
        Err(error) => return Err(not_written(session, "sign", id, &error).await),
    };
    let exceptions = if signature.exceptions.is_empty() {
        String::new()
    } else {
        format!(", with exceptions: {}", signature.exceptions)
    };
    output::answer(&format!("{} of {} signed by {}{exceptions}", list.title, list.period.key, signature.operator))?;
    Ok(ExitCode::SUCCESS)
}

async fn history(session: &Session, id: &str, format: Format) -> color_eyre::Result<ExitCode> {
    let signatures = session.records()?.history(id, 100).await?;
    match format {
        Format::Json => {
            let list: Vec<Value> = signatures
                .iter()
                .map(|one| {
                    json!({
                        "id": one.checklist, "period": one.period, "signed_by": one.operator, "signed_at": rfc3339(one.at),
                        "took_s": one.took_s, "exceptions": one.exceptions, "chain_head": one.chain_head,
                        "snapshot": one.snapshot,
                    })
                })
                .collect();
            output::document(&json!({ "schema": 1, "checklists": list }))?;
        }
        Format::Text => {
            let rows: Vec<Vec<String>> = signatures
                .iter()
                .map(|one| {
                    vec![
                        one.period.clone(),
                        session.zone.local(one.at).format("%Y-%m-%d %H:%M").to_string(),
                        one.operator.clone(),
                        one.exceptions.clone(),
                    ]
                })
                .collect();
            output::answer(&output::table(&["PERIOD", "SIGNED", "BY", "EXCEPTIONS"], &rows))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn find<'a>(list: &'a ListView, wanted: &str) -> color_eyre::Result<&'a ItemView> {
    let by_number =
        wanted.parse::<usize>().ok().and_then(|number| list.items.iter().find(|item| item.number == number));
    if let Some(item) = by_number {
        return Ok(item);
    }
    let lower = wanted.to_lowercase();
    let matching: Vec<&ItemView> = list.items.iter().filter(|item| item.text.to_lowercase().contains(&lower)).collect();
    match matching.as_slice() {
        [only] => Ok(only),
        [] => Err(output::Usage(format!("no item of `{}` has the number or text `{wanted}`", list.id)).into()),
        several => {
            let names: Vec<String> = several.iter().map(|item| format!("{} {}", item.number, item.text)).collect();
            Err(output::Usage(format!("`{wanted}` fits several items: {}", names.join(", "))).into())
        }
    }
}

fn row(list: &ListView) -> Vec<String> {
    vec![
        list.id.clone(),
        list.period.key.clone(),
        format!("{}/{}", list.done(), list.items.len()),
        list.failed().to_string(),
        list.signed
            .as_ref()
            .map_or_else(|| if list.overdue { "overdue".into() } else { "-".into() }, |one| one.operator.clone()),
        list.title.clone(),
    ]
}

fn text(list: &ListView) -> String {
    let signed =
        list.signed.as_ref().map_or_else(|| "not signed".to_owned(), |one| format!("signed by {}", one.operator));
    let mut text =
        format!("{}  {}  {}/{} done, {signed}\n", list.title, list.period.key, list.done(), list.items.len());
    let rows: Vec<Vec<String>> = list
        .items
        .iter()
        .map(|item| {
            vec![
                String::new(),
                item.number.to_string(),
                item.state.word().to_owned(),
                item.form.to_owned(),
                item.text.clone(),
                item.evidence.clone(),
            ]
        })
        .collect();
    text.push_str(&output::table(&["", "NO", "STATE", "FORM", "ITEM", "EVIDENCE"], &rows));
    text
}
