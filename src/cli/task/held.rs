//! `rounds task freeze|thaw|enable|disable|stop|restart`: every task is read first, and the plan is made of what is
//! there now.

use std::collections::BTreeMap;
use std::process::ExitCode;

use crate::action::hold::ALL;
use crate::cli::act::act_on;
use crate::cli::{ActFlags, Session, check};
use crate::domain::action_name::ActionName;
use crate::domain::board::Board;
use crate::domain::inventory::Target;

/// Plans and carries out one act on the tasks that are named; on all where none is.
pub(super) async fn run(
    session: &mut Session,
    action: &ActionName,
    ids: &[String],
    mut params: BTreeMap<String, String>,
    flags: &ActFlags,
) -> color_eyre::Result<ExitCode> {
    session.round.watched.retain(|one| one.watch.id.kind() == "task");
    let look = check::read_once(session, check::DEADLINE).await;
    let target = match ids {
        [] => Target::task(ALL),
        [only] => Target::task(only),
        many => {
            params.insert("tasks".to_owned(), many.join(","));
            Target::task(ALL)
        }
    };
    if ids.is_empty() && *action == ActionName::THAW {
        params.insert("gone".to_owned(), gone(session, &look.board).await?.join(","));
    }
    act_on(session, &look.board, action, &target, &params, flags).await
}

/// Tasks that are remembered as frozen and are not there any more.
async fn gone(session: &Session, board: &Board) -> color_eyre::Result<Vec<String>> {
    let frozen = session.records()?.open_freezes().await?;
    let known = |task: &str| board.watch(&Target::task(task).probe()).is_some();
    let mut gone: Vec<String> = frozen.into_iter().map(|freeze| freeze.task).filter(|task| !known(task)).collect();
    gone.dedup();
    Ok(gone)
}
