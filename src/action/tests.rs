//! Plans of every action, against one small inventory.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::domain::backup::StampPattern;
use crate::domain::engine;
use crate::domain::inventory::{
    ActionCard, BackupCard, DatabaseCard, Param, ParamKind, Repeat, RestoreCard, SystemCard, TaskCard,
};
use crate::domain::plan::{Guard, Invocation, Step};
use crate::domain::time::Zone;
use crate::domain::upkeep::Way;

fn inventory(environment: &str) -> Inventory {
    let mut inventory = Inventory {
        host: "db1".into(),
        system: SystemCard { name: "rota".into(), environment: environment.into(), ..SystemCard::default() },
        ..Inventory::default()
    };
    let database = |id: &str, can: &'static [Way]| DatabaseCard {
        id: id.into(),
        engine: "sqlite",
        location: format!("/srv/{id}.db"),
        path: Some(PathBuf::from(format!("/srv/{id}.db"))),
        name: String::new(),
        can,
        timeout: Duration::from_secs(5),
    };
    inventory.databases.insert("rota".into(), database("rota", engine::SQLITE.can));
    inventory.databases.insert("legacy".into(), database("legacy", &[]));
    let backup = |id: &str, database: Option<&str>| BackupCard {
        id: id.into(),
        database: database.map(Into::into),
        command: None,
        files: StampPattern::parse("/srv/backups/rota_%Y%m%d_%H%M%S.sqlite3", Zone::utc()).ok(),
        compress: crate::domain::backup::Compression::None,
        rows: Vec::new(),
        keep: None,
        copy: None,
        drill_queries: Vec::new(),
        schedule: None,
        restore: RestoreCard::default(),
    };
    inventory.backups.insert("rota-db".into(), backup("rota-db", Some("rota")));
    inventory.backups.insert("watched".into(), backup("watched", None));
    inventory.tasks.insert(
        "alerts".into(),
        TaskCard { id: "alerts".into(), run: Ok(Invocation::new(["send-alerts"])), repeat: Repeat::Ask },
    );
    inventory.actions.insert(
        "carryover".into(),
        ActionCard {
            name: ActionName::custom("carryover"),
            title: "Carry leave over".into(),
            risk: Risk::Destructive,
            command: Invocation::new(["manage", "carryover", "--year={year}", "--note", "{note}"]),
            params: vec![
                Param { name: "year".into(), kind: ParamKind::Integer, default: Some("2026".into()) },
                Param { name: "note".into(), kind: ParamKind::Text, default: None },
            ],
            timeout: Duration::from_mins(1),
            guards: vec![Guard::BackupWithin { backup: "rota-db".into(), within: Duration::from_mins(30) }],
            verify: None,
            undo: Some("none".into()),
        },
    );
    inventory
}

/// Nothing has been read yet.
fn unseen() -> Board {
    Board::new(Vec::new(), Timestamp::UNIX_EPOCH)
}

fn propose_in(
    action: &ActionName,
    target: &Target,
    params: &BTreeMap<String, String>,
    inventory: &Inventory,
) -> Result<Plan, PlanError> {
    propose(action, target, params, &Sight { inventory, board: &unseen(), now: Timestamp::UNIX_EPOCH })
}

#[expect(clippy::needless_pass_by_value, reason = "the tables below read better without references")]
fn plan_of(action: ActionName, target: Target, params: &[(&str, &str)]) -> Result<Plan, PlanError> {
    let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    propose_in(&action, &target, &params, &inventory("test"))
}

#[test]
fn a_backup_copies_to_the_name_of_the_second_it_begins() {
    let plan = plan_of(ActionName::BACKUP, Target::backup("rota-db"), &[]).expect("plan");
    assert_eq!(
        plan.to_string(),
        "Back up rota-db
  target       backup:rota-db
  host         db1
  environment  test
  risk         routine
  only if      /srv/backups has room for another /srv/rota.db
  step 1       online copy of /srv/rota.db to /srv/backups/rota_%Y%m%d_%H%M%S.sqlite3
  time limit   1 h
  note         its stamp is the moment it begins; the database stays in use; nothing existing is overwritten
"
    );
}

#[test]
fn files_of_another_tool_cannot_be_backed_up_by_us() {
    let error = plan_of(ActionName::BACKUP, Target::backup("watched"), &[]).expect_err("only watched");
    assert!(error.to_string().contains("only watches files"), "{error}");
}

#[test]
fn an_engine_without_vacuum_is_refused_by_name() {
    let error = plan_of(ActionName::VACUUM, Target::database("legacy"), &[]).expect_err("cannot");
    assert_eq!(error.to_string(), "sqlite has no vacuum");
}

#[test]
fn vacuum_wants_room_and_no_running_backup() {
    let plan = plan_of(ActionName::VACUUM, Target::database("rota"), &[]).expect("plan");
    assert_eq!(plan.risk, Risk::Disruptive);
    assert!(plan.guards.contains(&Guard::Idle { target: "backup:rota-db".into() }));
    assert!(matches!(plan.guards[0], Guard::RoomFor { .. }));
}

#[test]
fn a_name_nearly_right_is_suggested() {
    let error = plan_of(ActionName::VACUUM, Target::database("rotta"), &[]).expect_err("no such database");
    assert_eq!(error.to_string(), "there is no database called `rotta`; did you mean `rota`?");
}

#[test]
fn an_act_aimed_at_the_wrong_kind_is_refused() {
    assert!(plan_of(ActionName::VACUUM, Target::task("alerts"), &[]).is_err());
}

#[test]
fn parameters_fill_arguments_and_are_never_split() {
    let plan = plan_of(ActionName::custom("carryover"), Target::action("carryover"), &[("note", "a b; rm -rf /")])
        .expect("plan");
    let Step::Run { command } = &plan.steps[0] else { unreachable!("a configured action runs a command") };
    assert_eq!(command.argv, ["manage", "carryover", "--year=2026", "--note", "a b; rm -rf /"]);
}

#[test]
fn what_looks_like_a_placeholder_in_a_value_is_text() {
    let given = [("note", "{year} {note} {"), ("year", "2027")];
    let plan = plan_of(ActionName::custom("carryover"), Target::action("carryover"), &given).expect("plan");
    let Step::Run { command } = &plan.steps[0] else { unreachable!("a configured action runs a command") };
    assert_eq!(command.argv, ["manage", "carryover", "--year=2027", "--note", "{year} {note} {"]);
    let mut inventory = inventory("test");
    let card = inventory.actions.get_mut("carryover").expect("it");
    // The other order of the two, and braces around what is no name.
    card.params.reverse();
    card.command = Invocation::new(["awk", "{print {year}}{{note}}", "{", "}{year"]);
    let params = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let plan = propose_in(&ActionName::custom("carryover"), &Target::action("carryover"), &params, &inventory);
    let Step::Run { command } = &plan.expect("plan").steps[0] else { unreachable!("as above") };
    assert_eq!(command.argv, ["awk", "{print 2027}{{year} {note} {}", "{", "}{year"]);
}

#[test]
fn bad_parameters_are_named() {
    let table = [
        (vec![], "parameter `note`: wants a value"),
        (vec![("note", "x"), ("year", "soon")], "parameter `year`: `soon` is not a whole number"),
        (vec![("note", "--force")], "parameter `note`: `--force` begins with a dash"),
        (vec![("note", "x"), ("yaer", "1")], "parameter `yaer`: it takes year, note"),
    ];
    for (params, text) in table {
        let error = plan_of(ActionName::custom("carryover"), Target::action("carryover"), &params).expect_err(text);
        assert!(error.to_string().starts_with(text), "{error}");
    }
}

#[test]
fn production_raises_the_risk_of_everything() {
    let plan = propose_in(&ActionName::VACUUM, &Target::database("rota"), &BTreeMap::new(), &inventory("production"))
        .expect("plan");
    assert_eq!(plan.risk, Risk::Destructive);
}

#[test]
fn a_task_that_must_not_repeat_is_guarded() {
    let plan = plan_of(ActionName::RUN_TASK, Target::task("alerts"), &[]).expect("plan");
    assert!(plan.guards.contains(&Guard::NotRunToday { task: "alerts".into() }));
}

#[test]
fn the_menu_has_what_the_engine_has() {
    let inventory = inventory("test");
    let sight = Sight { inventory: &inventory, board: &unseen(), now: Timestamp::UNIX_EPOCH };
    let offers = offers(&Target::database("legacy"), &sight);
    assert!(offers.iter().all(|offer| offer.action != ActionName::VACUUM), "its engine never has one");
    assert!(offers.iter().any(|offer| offer.action.as_str() == "carryover" && offer.possible.is_ok()));
}

#[test]
fn upkeep_of_one_table_names_it_in_quotes_and_nothing_else_is_taken() {
    let target = || Target::database("rota");
    let plan = plan_of(ActionName::REINDEX, target(), &[("table", r#""Sta""ff;--""#)]).expect("plan");
    assert_eq!(plan.title, r#"Reindex "Sta""ff;--" of rota"#);
    assert_eq!(plan.steps[0].to_string(), r#"SQL on rota: REINDEX "main"."Sta""ff;--""#);
    let table = [
        (ActionName::ANALYZE, ("table", "a.b.c"), "parameter `table`: `a.b.c` has too many parts"),
        (ActionName::ANALYZE, ("tabel", "a"), "parameter `tabel`: it takes table"),
        (ActionName::VACUUM, ("table", "a"), "parameter `table`: vacuum of sqlite is for a whole database"),
    ];
    for (action, param, text) in table {
        let error = plan_of(action, target(), &[param]).expect_err(text);
        assert!(error.to_string().starts_with(text), "{error}");
    }
}
