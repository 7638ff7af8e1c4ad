//! `rounds backup prune --dry-run`: what the policy would keep and delete, and why.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::row;
use crate::cli::{Format, Session, check, output};
use crate::domain::backup::{Catalogue, Decision, KeepPolicy, Moment, Retention};
use crate::domain::humanize;
use crate::domain::observation::Detail;
use crate::domain::report::headline;
use crate::domain::time::{Timestamp, Zone};

/// Judges every file of one backup and tells it; deletes nothing.
pub(super) async fn dry_run(session: &mut Session, id: &str, format: Format) -> color_eyre::Result<ExitCode> {
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
    match format {
        Format::Json => output::document(&json!({
            "schema": 1,
            "id": id,
            "files": files(catalogue, Some(&retention)),
            "guards": retention.guards,
        }))?,
        Format::Text => output::answer(&text(id, catalogue, &retention, &session.zone))?,
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn decide(policy: &KeepPolicy, catalogue: &Catalogue, now: Timestamp, zone: &Zone) -> Retention {
    policy.decide(catalogue, Moment { now, zone, last_prune: None })
}

/// Every file with what becomes of it; without a policy all are kept, for no rule's sake.
pub(super) fn files(catalogue: &Catalogue, retention: Option<&Retention>) -> Vec<Value> {
    let decision = |index: usize| retention.and_then(|retention| retention.files.get(index));
    let files = catalogue.files.iter().enumerate().map(|(index, file)| {
        let mut value = row(file);
        let reasons: Vec<&str> =
            decision(index).map_or_else(Vec::new, |one| one.reasons.iter().map(|reason| reason.word()).collect());
        value["keep"] = json!(decision(index).is_none_or(Decision::is_kept));
        value["reasons"] = json!(reasons);
        value
    });
    files.collect()
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

fn text(id: &str, catalogue: &Catalogue, retention: &Retention, zone: &Zone) -> String {
    let both = || catalogue.files.iter().zip(&retention.files);
    let spare = || both().filter(|(_, decision)| !decision.is_kept()).map(|(file, _)| file);
    let bytes: u64 = spare().map(|file| file.size_bytes).sum();
    let mut text = format!(
        "{id}: {} of {} superfluous, {}; nothing was deleted\n",
        spare().count(),
        humanize::count(catalogue.files.len(), "file"),
        humanize::bytes(bytes as f64),
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
                humanize::bytes(file.size_bytes as f64),
                decision.words(),
                file.path.display().to_string(),
            ]
        })
        .collect();
    text.push_str(&output::table(&["", "TAKEN", "SIZE", "BECAUSE", "FILE"], &rows));
    text
}
