//! Plans of restarting what failed besides the timers.

use std::collections::BTreeMap;

use super::*;
use crate::action::{Sight, propose};
use crate::domain::board::{Board, Watch};
use crate::domain::inventory::{Inventory, Target};
use crate::domain::observation::{Observation, Reading};
use crate::domain::plan::Invocation;
use crate::domain::task::Together;
use crate::domain::time::Timestamp;

fn planned(target: &str, unit: Option<&str>, failed: &[&str]) -> Result<Plan, PlanError> {
    let now: Timestamp = "2026-03-02T14:00:00Z".parse().expect("test time");
    let service = |name: &&str| Service {
        name: (*name).to_owned(),
        restart: Invocation::new(["systemctl", "restart", "--", name]),
        as_root: !name.starts_with("user/"),
    };
    let together = Together { failed: failed.iter().map(service).collect(), ..Together::default() };
    let (probe, minute) = (ProbeId::new("task", "systemd"), Duration::from_mins(1));
    let mut board = Board::new(vec![Watch::new(probe.clone(), "s", minute, minute)], now);
    let outcome = Ok(Reading::of(Vec::new()).with(Detail::Tasks(Box::new(together))));
    board.apply(&Observation { probe, at: now, took: Duration::ZERO, outcome });
    let params: BTreeMap<String, String> = unit.map(|unit| ("unit".to_owned(), unit.to_owned())).into_iter().collect();
    let inventory = Inventory::default();
    let sight = Sight { inventory: &inventory, board: &board, now };
    propose(&ActionName::RESTART_TASK, &Target::task(target), &params, &sight)
}

fn step(plan: Result<Plan, PlanError>) -> String {
    plan.map_or_else(|error| error.to_string(), |plan| plan.steps[0].to_string())
}

#[test]
fn a_unit_that_failed_is_restarted_by_its_name_or_as_the_only_one() {
    let plan = planned("web.service", None, &["db.service", "web.service"]).expect("a plan");
    assert_eq!((plan.risk, &plan.guards[..]), (Risk::Disruptive, &[Guard::Root][..]));
    let web = "$ systemctl restart -- web.service, and look that it stays or ends well";
    assert_eq!(plan.steps[0].to_string(), web);
    assert_eq!(step(planned("web", None, &["web.service"])), web, "without its ending");
    assert_eq!(step(planned("systemd", None, &["web.service"])), web, "the only one that failed");
    assert_eq!(step(planned("systemd", Some("web"), &["db.service", "web.service"])), web);
    let of_a_user = planned("systemd", None, &["user/web.service"]).expect("a plan");
    assert_eq!(of_a_user.guards, [], "a user's own manager obeys that user");
}

#[test]
fn which_unit_is_asked_for_and_what_did_not_fail_is_not_restarted() {
    let several = planned("systemd", None, &["db.service", "web.service"]).expect_err("which one?");
    let PlanError::Parameter { name, why } = several else { panic!("{several:?}") };
    assert_eq!((name.as_str(), why.as_str()), ("unit", "which unit? These failed: db.service, web.service"));
    let other = planned("systemd", Some("mail"), &["db.service", "web.service"]).expect_err("it did not fail");
    assert!(other.to_string().contains("`mail` did not fail; these did: db.service, web.service"), "{other}");
    assert_eq!(step(planned("systemd", None, &[])), "`systemd`: no unit besides the timers' failed");
    assert!(matches!(planned("mail.service", None, &["web.service"]), Err(PlanError::NoTarget { .. })));
}
