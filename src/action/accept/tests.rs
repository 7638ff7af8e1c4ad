//! Plans of accepting what is installed, against a board on which it was read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::action::{Sight, propose};
use crate::domain::board::{Board, Watch};
use crate::domain::drift::{Acceptance, Installed, Set};
use crate::domain::inventory::Inventory;
use crate::domain::observation::{Observation, Reading};
use crate::domain::task::{TaskFacts, TaskPolicy, Together};
use crate::domain::time::Timestamp;

fn now() -> Timestamp {
    "2026-03-02T14:00:00Z".parse().expect("test time")
}

fn together(drift: Drift) -> Box<Together> {
    Box::new(Together::of(drift))
}

fn set(names: &[&str]) -> Set {
    let installed = |name: &&str| Some(Installed { command: format!("/srv/{name}.sh"), ..Installed::default() });
    names.iter().map(|name| ((*name).to_owned(), installed(name))).collect()
}

fn accepted(scope: &str, names: &[&str]) -> Acceptance {
    let (operator, reason) = ("ann".to_owned(), "the new server".to_owned());
    Acceptance { scope: scope.to_owned(), job: "j".to_owned(), at: now(), operator, reason, set: set(names) }
}

fn task(id: &str, drift: Option<Drift>) -> (String, Detail) {
    let policy = TaskPolicy { id: id.to_owned(), ..TaskPolicy::default() };
    let mut facts = TaskFacts::new(Arc::new(policy), Vec::new(), None);
    facts.drift = drift.map(Box::new);
    (id.to_owned(), Detail::task(facts))
}

/// The crontabs have `backup` and `new`, of which the second is news; `report` differs from its
/// configuration; nothing is known to differ of the others.
fn world() -> Vec<(String, Detail)> {
    let cron = Drift {
        told: vec!["new in the crontabs since noon: new".to_owned()],
        ..Drift::new("cron", set(&["backup", "new"]), Some(accepted("cron", &["backup"])))
    };
    let timers = Drift::new("systemd", set(&["rota.timer"]), Some(accepted("systemd", &["rota.timer"])));
    let report = Drift { told: vec!["another hour".to_owned()], ..Drift::new("report", set(&["report"]), None) };
    let settled = Drift::new("settled", set(&["settled"]), Some(accepted("settled", &["settled"])));
    vec![
        task("backup", None),
        task("report", Some(report)),
        task("settled", Some(settled)),
        task("rota", None),
        ("cron".to_owned(), Detail::Tasks(together(cron))),
        ("systemd".to_owned(), Detail::Tasks(together(timers))),
    ]
}

fn planned(target: &str, tasks: &str, all: Vec<(String, Detail)>) -> Result<Plan, String> {
    let minute = Duration::from_mins(1);
    let id = |name: &str| Target::task(name).probe();
    let mut board = Board::new(all.iter().map(|(name, _)| Watch::new(id(name), "s", minute, minute)).collect(), now());
    for (name, detail) in all {
        let outcome = Ok(Reading::of(Vec::new()).with(detail));
        board.apply(&Observation { probe: id(&name), at: now(), took: Duration::ZERO, outcome });
    }
    let inventory = Inventory::default();
    let params = BTreeMap::from([("tasks".to_owned(), tasks.to_owned())]);
    let sight = Sight { inventory: &inventory, board: &board, now: now() };
    propose(&ActionName::ACCEPT, &Target::task(target), &params, &sight).map_err(|error| error.to_string())
}

fn step(plan: &Plan) -> String {
    plan.steps.iter().map(ToString::to_string).collect::<Vec<_>>().join("|")
}

#[test]
fn all_is_what_waits_for_somebody_to_find_it_right() {
    let plan = planned(ALL, "", world()).expect("a plan");
    assert_eq!(step(&plan), "read again, and write down as right what is installed of report (1 task), cron (2 tasks)");
    assert_eq!((plan.risk, &plan.guards[..]), (Risk::Routine, &[Guard::Reason][..]));
    assert_eq!(
        plan.notes[..3],
        [
            "report: another hour",
            "report: nothing of it was accepted before",
            "cron: new in the crontabs since noon: new"
        ]
    );
    // Where nobody ever accepted anything, all crontabs wait although nothing is told of them.
    let fresh = Drift::new("cron", set(&["backup"]), None);
    let plan = planned(ALL, "", vec![("cron".to_owned(), Detail::Tasks(together(fresh)))]).expect("a plan");
    assert_eq!(step(&plan), "read again, and write down as right what is installed of cron (1 task)");
    let settled = Drift::new("cron", set(&["backup"]), Some(accepted("cron", &["backup"])));
    let why = planned(ALL, "", vec![("cron".to_owned(), Detail::Tasks(together(settled)))]).expect_err("nothing to do");
    assert_eq!(
        why,
        "nothing waits to be accepted: what is installed is what was accepted, or is not watched, or cannot be read"
    );
}

#[test]
fn one_is_found_by_its_own_name_among_all_of_its_sort() {
    let plan = planned("new", "", world()).expect("a plan");
    assert_eq!(step(&plan), "read again, and write down as right what is installed of new (1 task)");
    let Step::Accept { found } = &plan.steps[0] else { panic!("{:?}", plan.steps) };
    assert_eq!((found[0].scope.as_str(), found[0].told_by.as_str()), ("new", "cron"));
    let plan = planned(ALL, "report,new", world()).expect("a plan");
    let both = "read again, and write down as right what is installed of report (1 task), new (1 task)";
    assert_eq!(step(&plan), both);
}

#[test]
fn what_was_accepted_already_or_is_not_there_is_said() {
    let why = |target: &str| planned(target, "", world()).expect_err("nothing to accept");
    assert_eq!(why("settled"), "`settled`: what is installed is what ann accepted: the new server");
    assert_eq!(why("backup"), "`backup`: what is installed is what ann accepted: the new server");
    assert_eq!(
        why("rota"),
        "`rota`: what is installed is what ann accepted: the new server",
        "by the name of its timer"
    );
    assert!(why("settld").contains("did you mean `settled`"), "{}", why("settld"));
    let (_, unread) = task("x", None);
    let why = planned("x", "", vec![("x".to_owned(), unread)]).expect_err("nothing to accept");
    assert_eq!(why, "`x`: nothing of it is installed here that could be another");
}
