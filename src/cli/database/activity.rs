//! `rounds database activity`, and what is done to one of its sessions.

use std::process::ExitCode;

use serde_json::json;

use crate::cli::act::act;
use crate::cli::output::{self, Usage};
use crate::cli::{ActFlags, Format, Session};
use crate::database::Engine;
use crate::domain::humanize;
use crate::domain::inventory::Target;
use crate::domain::session::{self, Activity};
use crate::domain::upkeep::Verb;
use crate::runtime::runner::Refused;

/// How much of a statement a table for people shows.
const SHOWN: usize = 80;

pub(super) async fn show(session: &Session, id: &str, format: Format) -> color_eyre::Result<ExitCode> {
    let activity = look(session, id).await?;
    match format {
        Format::Json => output::document(&json!({
            "schema": 1, "id": id, "sessions": activity.sessions, "hidden": activity.hidden, "operations": activity.operations,
        }))?,
        Format::Text => {
            let rows: Vec<Vec<String>> = activity.tree().into_iter().map(|(depth, one)| row(depth, one)).collect();
            let header =
                ["PID", "STATE", "FOR", "TRANSACTION", "ROLE", "APPLICATION", "FROM", "WAITS FOR", "STATEMENT"];
            output::answer(&output::table(&header, &rows))?;
            for one in &activity.operations {
                let (of, by) = (one.table.as_ref(), one.by.as_ref());
                let of = of.map_or_else(String::new, |table| format!(" of {table}"));
                let by = by.map_or_else(String::new, |by| format!(" by {by}"));
                let age = one.running_s.map_or_else(|| "an unknown time".to_owned(), humanize::seconds);
                output::answer(&format!(
                    "{}{of}{by} has been running for {age}, its table of operations says",
                    one.kind
                ))?;
            }
            if let Some(hidden) = &activity.hidden {
                output::progress(&format!("rounds: not all of it can be seen: {hidden}"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(depth: usize, one: &session::Session) -> Vec<String> {
    let age = |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), humanize::seconds);
    let text = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let below = if depth == 0 { String::new() } else { format!("{}└ ", "  ".repeat(depth - 1)) };
    let behind: Vec<String> = one.blocked_by.iter().map(|pid| format!("pid {pid}")).collect();
    let waits = match (behind.is_empty(), &one.waits_for) {
        (false, _) => behind.join(", "),
        (true, Some(event)) => event.clone(),
        (true, None) => "-".to_owned(),
    };
    let statement = one.statement.as_deref().unwrap_or("(hidden)");
    let cut = statement.char_indices().nth(SHOWN).map(|(end, _)| format!("{}…", &statement[..end]));
    vec![
        format!("{below}{}", one.pid),
        one.state.word().to_owned(),
        age(one.state_s),
        age(one.transaction_s),
        text(&one.role),
        text(&one.application),
        text(&one.client),
        waits,
        cut.unwrap_or_else(|| statement.to_owned()),
    ]
}

/// Looks at the session first: the plan says who it is, and the act reaches nobody else.
pub(super) async fn signal(
    session: &Session,
    id: &str,
    pid: u64,
    verb: Verb,
    flags: &ActFlags,
) -> color_eyre::Result<ExitCode> {
    let activity = look(session, id).await?;
    let Some(found) = activity.find(pid) else {
        if let Some(why) = &activity.hidden {
            return Err(Refused(format!("which session pid {pid} is cannot be told: {why}")).into());
        }
        return Err(
            Usage(format!("{id} has no session with pid {pid}; `rounds database activity {id}` lists them")).into()
        );
    };
    if found.started.is_empty() {
        let why = activity.hidden.as_deref().unwrap_or("the server does not say when it began");
        return Err(Refused(format!("which session pid {pid} is cannot be told: {why}")).into());
    }
    act(session, &verb.action(), &Target::database(id), &found.params(), flags).await
}

async fn look(session: &Session, id: &str) -> color_eyre::Result<Activity> {
    let spec = session.round.config.databases.iter().find(|spec| spec.id == id);
    let spec = spec.ok_or_else(|| Usage(format!("there is no database called `{id}`")))?;
    Ok((Engine::of(spec).open)(spec).activity().await?)
}
