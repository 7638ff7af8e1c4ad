//! `rounds task`: what should have run, what did, and once more now.

mod document;
mod held;
mod list;
mod log;
mod unconfigured;
mod wrap;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Subcommand;

use crate::cli::act::{act, act_on};
use crate::cli::{ActFlags, Format, Global, Session, check};
use crate::domain::action_name::ActionName;
use crate::domain::inventory::{Repeat, Target};

#[derive(Debug, Subcommand)]
pub enum TaskCommand {
    /// Every scheduled task, one line each
    List {
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        /// Print what the crontabs would be with `rounds exec` in every line, and change nothing
        #[arg(long, conflicts_with = "format")]
        wrap: bool,
    },
    /// One task with its latest runs
    Show {
        id: String,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Hold all tasks back for an incident, or those that are named; with an end
    ///
    /// Lines of crontabs are commented out behind a mark and restored to the byte; timers of systemd
    /// are stopped and started again. Nothing that is frozen counts as missed.
    Freeze {
        ids: Vec<String>,
        /// When it ends by itself, if a dashboard runs then
        #[arg(long = "for", value_name = "TIME", default_value = crate::action::hold::USUAL)]
        lasts: String,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Let go what is frozen: all of it, or the tasks that are named
    Thaw {
        ids: Vec<String>,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Let one run again that is disabled
    Enable {
        id: String,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Keep one from running until it is enabled again
    Disable {
        id: String,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Accept what is installed as right: of the tasks that are named, or all that is another than it was
    ///
    /// `cron` and `systemd` stand for all crontabs and all timers. What is another later is told: what is
    /// missing, new, edited, disabled, or runs as another user.
    Accept {
        ids: Vec<String>,
        #[command(flatten)]
        act: ActFlags,
    },
    /// What its latest runs printed, newest first; the last run of every task without a name
    Log {
        id: Option<String>,
        /// How many runs of each
        #[arg(long, value_name = "NUMBER")]
        runs: Option<usize>,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// End the run of it that goes on
    ///
    /// A service of systemd by systemd, a run of `rounds exec` by a signal to it. What cron started
    /// without `rounds exec` cannot be stopped from here: nobody tells which process it is.
    Stop {
        id: String,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Restart the service of systemd behind it
    Restart {
        id: String,
        #[command(flatten)]
        act: ActFlags,
    },
    /// Run it now
    Run {
        id: String,
        #[command(flatten)]
        act: ActFlags,
    },
}

pub(super) async fn run(command: &TaskCommand, global: &Global) -> color_eyre::Result<ExitCode> {
    let mut session = Session::open(global).await?;
    match command {
        TaskCommand::List { wrap: true, .. } => wrap::run(&session),
        TaskCommand::List { format, .. } => list::run(&mut session, None, *format).await,
        TaskCommand::Show { id, format } => list::run(&mut session, Some(id), *format).await,
        TaskCommand::Freeze { ids, lasts, act: flags } => {
            held::run(&mut session, &ActionName::FREEZE, ids, [("for".to_owned(), lasts.clone())].into(), flags).await
        }
        TaskCommand::Thaw { ids, act: flags } => {
            held::run(&mut session, &ActionName::THAW, ids, BTreeMap::new(), flags).await
        }
        TaskCommand::Accept { ids, act: flags } => {
            held::run(&mut session, &ActionName::ACCEPT, ids, BTreeMap::new(), flags).await
        }
        TaskCommand::Enable { id, act: flags } => {
            let id = std::slice::from_ref(id);
            held::run(&mut session, &ActionName::ENABLE_TASK, id, BTreeMap::new(), flags).await
        }
        TaskCommand::Disable { id, act: flags } => {
            let id = std::slice::from_ref(id);
            held::run(&mut session, &ActionName::DISABLE_TASK, id, BTreeMap::new(), flags).await
        }
        TaskCommand::Stop { id, act: flags } => {
            let id = std::slice::from_ref(id);
            held::run(&mut session, &ActionName::STOP_TASK, id, BTreeMap::new(), flags).await
        }
        TaskCommand::Restart { id, act: flags } => {
            let id = std::slice::from_ref(id);
            held::run(&mut session, &ActionName::RESTART_TASK, id, BTreeMap::new(), flags).await
        }
        TaskCommand::Log { id, runs, format } => log::run(&mut session, id.as_deref(), *runs, *format).await,
        TaskCommand::Run { id, act: flags } => {
            let id = super::show::one_of("task", Some(id), session.round.inventory.tasks.keys())?;
            run_now(&mut session, &id, flags).await
        }
    }
}

/// Runs a task; one that is not to run twice a day is looked at first, so that the plan says so.
async fn run_now(session: &mut Session, id: &str, flags: &ActFlags) -> color_eyre::Result<ExitCode> {
    let target = Target::task(id);
    if session.round.inventory.tasks.get(id).is_none_or(|card| card.repeat == Repeat::Free) {
        return act(session, &ActionName::RUN_TASK, &target, &BTreeMap::new(), flags).await;
    }
    session.round.watched.retain(|one| one.watch.id == target.probe());
    let look = check::read_once(session, check::DEADLINE).await;
    act_on(session, &look.board, &ActionName::RUN_TASK, &target, &BTreeMap::new(), flags).await
}
