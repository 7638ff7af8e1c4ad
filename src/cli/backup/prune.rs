//! `rounds backup prune`: what the policy keeps and deletes, and why.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::{Value, json};

use super::row::{self, Row};
use crate::cli::act::act_on;
use crate::cli::act::told::{self, Told};
use crate::cli::{ActFlags, Format, Session, check, output};
use crate::domain::action_name::ActionName;
use crate::domain::backup::{Catalogue, KeepPolicy, Moment, Pruning, Retention, ShelfState};
use crate::domain::humanize;
use crate::domain::inventory::Target;
use crate::domain::observation::Detail;
use crate::domain::plan::Plan;
use crate::domain::report::headline;
use crate::domain::time::{Timestamp, Zone};
use crate::runtime::runner::Refused;

/// Judges every file of one backup, and tells it or deletes what is superfluous.
pub(super) async fn run(
    session: &mut Session,
    id: &str,
    meant: Option<&str>,
    flags: &ActFlags,
) -> color_eyre::Result<ExitCode> {
    let policy = session.round.inventory.backups.get(id).and_then(|card| card.keep.clone()).ok_or_else(|| {
        color_eyre::eyre::eyre!("backup `{id}` has no `keep`: nothing says which of its files may go; write one")
    })?;
    session.round.watched.retain(|one| one.watch.id.kind() == "backup" && one.watch.id.name() == id);
    let look = check::read_once(session, check::DEADLINE).await;
    let report = look.report(session);
    let one = report.assessments.iter().find(|one| one.id.kind() == "backup" && one.id.name() == id);
    let catalogue = one.and_then(|one| match look.board.detail(&one.id) {
        Some(Detail::Backups(catalogue)) => Some(catalogue),
        _ => None,
    });
    let Some(catalogue) = catalogue else {
        let why = one.map_or_else(String::new, |one| headline(one, report.at));
        color_eyre::eyre::bail!("what there is of backup `{id}` cannot be told: {why}");
    };
    let retention = decide(&policy, catalogue, report.at, &session.zone);
    let pruning = Pruning::of(catalogue, &retention);
    let target = Target::backup(id);
    if let Some(meant) = meant.filter(|meant| !pruning.state.is_meant_by(meant)) {
        let now = pruning.state.short();
        let why = format!("plan {meant} is not what would be done now ({now}); nothing was deleted, look at it again");
        return Err(Refused(why).into());
    }
    if !flags.dry_run {
        let settled = pruning.doomed.is_empty() && retention.guards.is_empty() && !catalogue.is_half_pruned();
        if settled {
            let all = humanize::count(pruning.kept, "file");
            let says = format!("nothing is superfluous: {all}, each kept by a rule");
            let plan = Plan::new(ActionName::PRUNE, "Nothing to delete", target);
            match flags.format {
                Format::Json => told::outcome(&Told::settled(&plan, &says), Format::Json)?,
                Format::Text => output::answer(&says)?,
            }
            return Ok(ExitCode::SUCCESS);
        }
        return act_on(session, &look.board, &ActionName::PRUNE, &target, &BTreeMap::new(), flags).await;
    }
    match flags.format {
        Format::Json => output::document(&Judged {
            schema: 1,
            id,
            files: row::all(catalogue, Some(&retention)),
            guards: &retention.guards,
            plan: &pruning.state,
        })?,
        Format::Text => output::answer(&text(id, catalogue, &retention, &pruning, &session.zone))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What would become of every file, as a document.
#[derive(Serialize)]
struct Judged<'a> {
    schema: u32,
    id: &'a str,
    files: Vec<Row<'a>>,
    guards: &'a [String],
    plan: &'a ShelfState,
}

pub(super) fn decide(policy: &KeepPolicy, catalogue: &Catalogue, now: Timestamp, zone: &Zone) -> Retention {
    policy.decide(catalogue, Moment { now, zone, last_prune: catalogue.last_prune })
}

/// What the rules ask for and what there is: `{"daily": {"want": 7, "have": 6, …}}`.
pub(super) fn slots(retention: Option<&Retention>) -> Value {
    let slots = retention.map_or(&[][..], |retention| &retention.slots);
    slots
        .iter()
        .map(|one| {
            let value = json!({ "want": one.want, "have": one.have, "missing": one.missing });
            (one.rule.word().to_owned(), value)
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn text(id: &str, catalogue: &Catalogue, retention: &Retention, pruning: &Pruning, zone: &Zone) -> String {
    let both = || catalogue.files.iter().zip(&retention.files);
    let mut text = format!(
        "{id}: {} of {} superfluous, {}; nothing was deleted\n  plan {}\n",
        pruning.doomed.len(),
        humanize::count(catalogue.files.len(), "file"),
        humanize::bytes(pruning.bytes() as f64),
        pruning.state.short(),
    );
    for one in &retention.slots {
        text.push_str(&format!("  {}\n", one.sentence()));
    }
    for guard in &retention.guards {
        text.push_str(&format!("  refused now: {guard}\n"));
    }
    let rows: Vec<Vec<String>> = both()
        .map(|(file, decision)| {
            vec![
                if decision.is_kept() { "keep" } else { "delete" }.to_owned(),
                zone.local(file.taken_at).format("%Y-%m-%d %H:%M:%S").to_string(),
                file.size(),
                decision.words(),
                file.path.display().to_string(),
            ]
        })
        .collect();
    text.push_str(&output::table(&["", "TAKEN", "SIZE", "BECAUSE", "FILE"], &rows));
    text
}
