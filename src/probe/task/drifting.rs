//! What is installed, held against what was found right of it: of one task, and of all of one sort.

use super::ProbeError;
use super::sight::Scene;
use crate::domain::drift::{Acceptance, Differences, Drift, Set, expected};
use crate::domain::finding::Finding;
use crate::domain::humanize;
use crate::domain::status::Status;
use crate::domain::time::Timestamp;
use crate::ledger::Ledger;

/// What is to be told of one task: what was found of it, and what is another since somebody found it
/// right.
pub(super) async fn settled(
    drift: &mut Drift,
    mut findings: Vec<Finding>,
    scene: &Scene,
    ledger: &dyn Ledger,
    first: bool,
    now: Timestamp,
) -> Result<Vec<Finding>, ProbeError> {
    let own = scene.accepted(ledger, &drift.scope, first).await?;
    // One that nobody configured was also found right, or found gone, together with all others.
    let of_all = match drift.within {
        Some(scope) => scene.accepted(ledger, scope, first).await?.map(|all| all.of(&drift.scope)),
        None => None,
    };
    drift.accepted = own.into_iter().chain(of_all).max_by_key(|one| one.at);
    let clock = |at| humanize::clock(at, now, &scene.place.zone);
    if let (Some(accepted), Some(mut differences)) = (&drift.accepted, drift.differences()) {
        // That none is there has been told.
        if findings.iter().any(|finding| finding.key == "line") {
            differences.gone.clear();
        }
        findings.extend(differences.findings("what is installed of it", &accepted.when(clock)));
    }
    Ok(drift.settle(findings, clock))
}

/// All tasks of one sort: what is there, what was before, and how that is told.
pub(super) struct All {
    pub(super) drift: Drift,
    /// What came, went and became another.
    pub(super) changes: Vec<Finding>,
}

/// Holds all tasks of one sort against what was found right of them, or where nobody ever did, against
/// those there were when the program started.
pub(super) async fn all(
    scope: &'static str,
    place: &str,
    now_there: Set,
    at_start: &Set,
    (scene, ledger, now): (&Scene, &dyn Ledger, Timestamp),
) -> Result<All, ProbeError> {
    let found = ledger.accepted(None).await.map_err(|error| ProbeError::Unreachable(error.to_string()))?;
    let accepted = found.iter().find(|one| one.scope == scope);
    let accepted = accepted.map(|of_all| Acceptance { set: expected(of_all, &found), ..of_all.clone() });
    let drift = Drift::new(scope, now_there, accepted);
    let clock = |at| humanize::clock(at, now, &scene.place.zone);
    let (differences, since) = match &drift.accepted {
        Some(accepted) => (Differences::between(&accepted.set, &drift.now), accepted.when(clock)),
        None => (Differences::between(at_start, &drift.now), "this program started".to_owned()),
    };
    let mut changes = differences.findings(place, &since);
    let is_watched = |name: &String| at_start.get(name).is_some_and(Option::is_some);
    let is_news = |(name, installed): (&String, &Option<_>)| installed.is_some() && !is_watched(name);
    if !differences.new.is_empty() && drift.now.iter().any(is_news) {
        let last = changes.pop().map(|finding| finding.advice("start the program again to watch them"));
        changes.extend(last);
    }
    Ok(All { drift, changes })
}

/// That something is installed which the configuration does not name.
pub(super) fn extra<'a>(place: &str, names: impl Iterator<Item = &'a str>) -> Option<Finding> {
    const MOST: usize = 12;
    let names: Vec<&str> = names.collect();
    let count = names.len();
    let more = if count > MOST { format!(" and {} more", count - MOST) } else { String::new() };
    let verb = if count == 1 { "is" } else { "are" };
    let shown = names.iter().take(MOST).copied().collect::<Vec<_>>().join(", ");
    let text = format!("{count} of {place} {verb} no task of the configuration: {shown}{more}");
    let advice = "add a [[task]] for what matters";
    (count > 0).then(|| Finding::new(Status::Warning, "extra", text).advice(advice))
}
