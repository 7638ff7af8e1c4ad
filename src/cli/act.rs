//! From the command line to the executor: plan, show or confirm, run, and tell.

pub(super) mod told;
mod watcher;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use tokio::sync::mpsc;
use tokio::time::Instant;

use self::told::Told;
use self::watcher::Watcher;
use crate::action::{self, Sight};
use crate::cli::exec::Signals;
use crate::cli::{ActFlags, Format, Session, output};
use crate::domain::action_name::ActionName;
use crate::domain::board::Board;
use crate::domain::inventory::Target;
use crate::domain::job::JobResult;
use crate::domain::plan::{Answer, Confirmed, Plan, PlanError, Refusal, Risk};
use crate::domain::update::Update;
use crate::runtime::runner::Refused;
use crate::runtime::stop::Stop;
use crate::runtime::teller::Teller;

/// Plans and carries out one act that needs to know nothing but what there is.
pub(super) async fn act(
    session: &Session,
    action: &ActionName,
    target: &Target,
    params: &BTreeMap<String, String>,
    flags: &ActFlags,
) -> color_eyre::Result<ExitCode> {
    let nothing_seen = Board::new(Vec::new(), session.clock.now());
    act_on(session, &nothing_seen, action, target, params, flags).await
}

/// Plans an act from what was seen, and carries it out.
pub(super) async fn act_on(
    session: &Session,
    board: &Board,
    action: &ActionName,
    target: &Target,
    params: &BTreeMap<String, String>,
    flags: &ActFlags,
) -> color_eyre::Result<ExitCode> {
    let sight = Sight { inventory: &session.round.inventory, board, now: session.clock.now() };
    let plan = match action::propose(action, target, params, &sight) {
        Ok(plan) => plan,
        Err(error @ (PlanError::NoTarget { .. } | PlanError::Parameter { .. })) => {
            return Err(output::Usage(error.to_string()).into());
        }
        Err(error @ (PlanError::Impossible(_) | PlanError::Moot(_))) => {
            let refused = Refused(error.to_string());
            // There are no steps: what was asked for is all there is to record.
            let wish = Plan::new(action.clone(), "Nothing that could be done", target.clone());
            if !flags.dry_run {
                session.runner().refuse(&wish, &session.actor, &flags.reason, &refused).await;
            }
            return refuse(&wish, refused, flags.format);
        }
    };
    if flags.dry_run {
        told::plan(&plan, flags.format)?;
        return Ok(ExitCode::SUCCESS);
    }
    let confirmed = match confirm(plan.clone(), flags)? {
        Ok(confirmed) => confirmed,
        Err(refused) => {
            session.runner().refuse(&plan, &session.actor, &flags.reason, &refused).await;
            return refuse(&plan, refused, flags.format);
        }
    };
    // Listened to before the act begins, so that nobody who asks is missed.
    let mut signals = Signals::listen();
    let (passing, mut lines) = mpsc::channel(256);
    let (teller, mut told) = Teller::new(passing);
    let (runner, stop) = (session.runner(), Stop::default());
    let (job, began) = (runner.new_job(), Instant::now());
    let (mut recorded, mut watcher) = (None, Watcher::new(&session.clock));
    let work = runner.act(&confirmed, &session.actor, &flags.reason, &job, &stop, &teller);
    let mut work = std::pin::pin!(work);
    let outcome = loop {
        tokio::select! {
            outcome = &mut work => break outcome,
            Some(update) = told.recv() => {
                recorded = recorded.or(took(&update));
                watcher.tell(&update);
            }
            Some(update) = lines.recv() => watcher.tell(&update),
            _ = signals.next() => {
                // Once is asking; twice is a wish to be gone.
                if stop.is_asked() {
                    watcher.say("stopping it now");
                    stop.hurry();
                } else {
                    watcher.say("cancelling, this may take a moment; once more stops it at once");
                    stop.ask();
                }
            }
        }
    };
    while let Ok(update) = lines.try_recv() {
        watcher.tell(&update);
    }
    watcher.end();
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(refused) => return refuse(&plan, refused, flags.format),
    };
    while let Ok(update) = told.try_recv() {
        recorded = recorded.or(took(&update));
    }
    let told = Told {
        plan: &plan,
        outcome: outcome.result.word(),
        detail: &outcome.detail,
        correlation: Some(&job.0),
        exit_code: outcome.exit_code,
        took_s: recorded.unwrap_or_else(|| began.elapsed().as_secs_f64()),
    };
    told::outcome(&told, flags.format)?;
    Ok(output::done(outcome.result == JobResult::Succeeded))
}

/// Nothing was done: a document says so, too, where one is wanted.
fn refuse(plan: &Plan, refused: Refused, format: Format) -> color_eyre::Result<ExitCode> {
    if format == Format::Json {
        told::outcome(&Told::refused(plan, &refused.0), format)?;
    }
    Err(refused.into())
}

/// How long it took, as the audit log has it.
fn took(update: &Update) -> Option<f64> {
    match update {
        Update::Audited(record) if record.entry.outcome.is_some() => record.entry.took_s,
        _ => None,
    }
}

/// A yes that is strong enough for the plan's risk, from a flag or from the terminal.
fn confirm(plan: Plan, flags: &ActFlags) -> std::io::Result<Result<Confirmed, Refused>> {
    let refused = |refusal: Refusal| Refused(refusal.to_string());
    if let Some(name) = &flags.confirm {
        return Ok(plan.confirm(Answer::Typed(name)).map_err(refused));
    }
    if flags.yes {
        return Ok(plan.confirm(Answer::Yes).map_err(refused));
    }
    if !std::io::stdin().is_terminal() {
        let flag = match plan.risk {
            Risk::Destructive => format!("--confirm {}", plan.name_to_type()),
            Risk::Routine | Risk::Disruptive => "--yes".to_owned(),
        };
        return Ok(Err(Refused(format!("not confirmed: this is {}, give {flag}", plan.risk.word()))));
    }
    output::progress(&plan.to_string());
    let destructive = plan.risk == Risk::Destructive;
    let question =
        if destructive { format!("type {} to go on: ", plan.name_to_type()) } else { "go on? [y/N] ".to_owned() };
    let _ = write!(std::io::stderr().lock(), "{question}");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let answer = line.trim();
    match (destructive, answer) {
        (true, typed) => Ok(plan.confirm(Answer::Typed(typed)).map_err(refused)),
        (false, "y" | "Y" | "yes") => Ok(plan.confirm(Answer::Yes).map_err(refused)),
        (false, _) => Ok(Err(Refused("not confirmed".to_owned()))),
    }
}
