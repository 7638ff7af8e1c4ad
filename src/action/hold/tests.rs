//! Plans of freezing and thawing, against a board on which three tasks were read.

use std::sync::Arc;

use super::*;
use crate::action::{Sight, propose};
use crate::domain::board::{Board, Watch};
use crate::domain::hold::{Freeze, Held, Lever};
use crate::domain::inventory::Inventory;
use crate::domain::observation::{Observation, Reading};
use crate::domain::plan::Invocation;
use crate::domain::task::{TaskPolicy, TaskRun, Together};
use crate::domain::time::Timestamp;

fn now() -> Timestamp {
    "2026-03-02T14:00:00Z".parse().expect("test time")
}

fn line(task: &str, file: &str) -> Handle {
    let bytes = format!("0 2 * * * root /srv/{task}.sh").into_bytes();
    Handle::Line {
        tab: Tab::File { path: file.into() },
        line: TabLine { task: task.into(), bytes, nth: 0 },
        mark: None,
    }
}

fn timer(name: &str, is: &str) -> Handle {
    let systemctl = |verb: &str| Invocation::new(["systemctl", verb, "--", name]);
    Handle::Scheduler(Box::new(Lever {
        source: "systemd",
        name: name.into(),
        freeze: systemctl("stop"),
        thaw: systemctl("start"),
        disable: systemctl("disable"),
        enable: systemctl("enable"),
        stop: systemctl("kill"),
        restart: Some(systemctl("restart")),
        active: is != "stopped",
        fleeting: is == "fleeting",
        catches_up: is == "persistent",
        as_root: true,
    }))
}

fn facts(id: &str, handle: Option<Handle>) -> TaskFacts {
    let policy = TaskPolicy { id: id.into(), ..TaskPolicy::default() };
    let mut facts = TaskFacts::new(Arc::new(policy), Vec::new(), None);
    facts.handle = handle.map(Box::new);
    facts
}

fn frozen(facts: TaskFacts) -> TaskFacts {
    let held = Held { hold: Hold::Frozen, until: Some(now()), by: None };
    facts.held(Vec::new(), Some(held), None, now())
}

fn board(all: Vec<TaskFacts>) -> Board {
    let id = |facts: &TaskFacts| Target::task(&facts.policy.id).probe();
    let minute = Duration::from_mins(1);
    let mut board = Board::new(all.iter().map(|facts| Watch::new(id(facts), "s", minute, minute)).collect(), now());
    for facts in all {
        let probe = id(&facts);
        let outcome = Ok(Reading::of(Vec::new()).with(Detail::task(facts)));
        board.apply(&Observation { probe, at: now(), took: Duration::ZERO, outcome });
    }
    board
}

fn planned(action: &ActionName, target: &str, params: &[(&str, &str)], all: Vec<TaskFacts>) -> Result<Plan, String> {
    planned_on(&board(all), action, target, params)
}

fn planned_on(board: &Board, action: &ActionName, target: &str, params: &[(&str, &str)]) -> Result<Plan, String> {
    let inventory = Inventory::default();
    let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let sight = Sight { inventory: &inventory, board, now: now() };
    propose(action, &Target::task(target), &params, &sight).map_err(|error| error.to_string())
}

fn steps(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(ToString::to_string).collect()
}

#[test]
fn a_task_that_could_not_be_read_is_not_left_out_in_silence() {
    let minute = Duration::from_mins(1);
    let watched = ["backup", "ping", "cron"].map(|id| Watch::new(Target::task(id).probe(), "s", minute, minute));
    let on = |facts: TaskFacts| {
        let mut board = Board::new(watched.to_vec(), now());
        let (probe, outcome) = (Target::task("backup").probe(), Ok(Reading::of(Vec::new()).with(Detail::task(facts))));
        board.apply(&Observation { probe, at: now(), took: Duration::ZERO, outcome });
        board
    };
    let backup = || facts("backup", Some(line("backup", "/etc/crontab")));
    for (action, facts, when) in
        [(ActionName::FREEZE, backup(), "freeze"), (ActionName::THAW, frozen(backup()), "thaw")]
    {
        let plan = planned_on(&on(facts), &action, ALL, &[]).expect("a plan");
        let told: Vec<&String> = plan.notes.iter().filter(|note| note.contains("could not be read")).collect();
        assert_eq!(told.len(), 1, "{:?}", plan.notes);
        assert!(told[0].starts_with("left as it is: ping: ") && told[0].contains(when), "{told:?}");
        assert_eq!(plan.affects.len(), 2, "the one that was read, and cron");
    }
}

#[test]
fn a_scheduler_that_did_not_tell_its_tasks_is_not_left_out_in_silence() {
    let minute = Duration::from_mins(1);
    let watched = ["backup", "systemd"].map(|id| Watch::new(Target::task(id).probe(), "s", minute, minute));
    let read = |unwatched| {
        let mut board = Board::new(watched.to_vec(), now());
        let all = Detail::Tasks(Box::new(Together { unwatched, ..Together::default() }));
        let backup = Detail::task(facts("backup", Some(line("backup", "/etc/crontab"))));
        for (id, detail) in [("backup", backup), ("systemd", all)] {
            let (probe, outcome) = (Target::task(id).probe(), Ok(Reading::of(Vec::new()).with(detail)));
            board.apply(&Observation { probe, at: now(), took: Duration::ZERO, outcome });
        }
        planned_on(&board, &ActionName::FREEZE, ALL, &[]).expect("a plan").notes
    };
    let told =
        |notes: Vec<String>| notes.iter().any(|note| note.starts_with("left as it is: systemd: which tasks it has"));
    assert!(told(read(true)) && !told(read(false)));
}

#[test]
fn a_freeze_ends_at_a_whole_second_and_not_too_soon() {
    let all = vec![facts("backup", Some(line("backup", "/etc/cron.d/rota")))];
    let plan = planned(&ActionName::FREEZE, "backup", &[("for", "1500ms")], all).expect("a plan");
    let ends = plan.steps.iter().filter_map(|step| match step {
        Step::Hold { change: Change::Remember { until, .. } } => Some(*until),
        Step::Hold { change: Change::Mark { until, .. } } => *until,
        _ => None,
    });
    let two_seconds: Timestamp = "2026-03-02T14:00:02Z".parse().expect("test time");
    assert_eq!(ends.collect::<Vec<_>>(), [two_seconds, two_seconds]);
}

#[test]
fn all_tasks_are_frozen_by_one_step_for_each_file_and_each_timer() {
    let all = vec![
        facts("backup", Some(line("backup", "/etc/cron.d/rota"))),
        facts("report", Some(line("report", "/etc/cron.d/rota"))),
        facts("rotate", Some(timer("rotate.timer", "active"))),
        facts("gone-when-stopped", Some(timer("x.timer", "fleeting"))),
        facts("idle", Some(timer("idle.timer", "stopped"))),
        facts("elsewhere", None),
    ];
    let plan = planned(&ActionName::FREEZE, ALL, &[("for", "90m")], all).expect("a plan");
    assert_eq!(plan.title, "Freeze 3 tasks until 15:30");
    let expected = [
        "remember that 3 tasks are frozen, and until when",
        "comment out 2 lines of /etc/cron.d/rota with the word frozen: 0 2 * * * root /srv/backup.sh; 0 2 * * * root /srv/report.sh",
        "$ systemctl stop -- rotate.timer",
        "read the schedulers again: 3 tasks are frozen",
    ];
    assert_eq!(steps(&plan), expected);
    assert_eq!(plan.guards, [Guard::Reason, Guard::MayHold { as_root: true }]);
    assert_eq!(plan.risk, Risk::Disruptive);
    for left in ["gone-when-stopped: systemd would forget it", "idle: it is not active", "elsewhere: nothing here"] {
        assert!(plan.notes.iter().any(|note| note.contains(left)), "{left}: {:?}", plan.notes);
    }
}

#[test]
fn a_freeze_has_an_end_that_is_neither_now_nor_next_year() {
    let one = || vec![facts("backup", Some(line("backup", "/etc/crontab")))];
    for (given, right) in
        [("2h", true), ("31days", true), ("0s", false), ("32days", false), ("2", false), ("-1h", false)]
    {
        let plan = planned(&ActionName::FREEZE, "backup", &[("for", given)], one());
        assert_eq!(plan.is_ok(), right, "{given}: {plan:?}");
    }
    let usual = planned(&ActionName::FREEZE, "backup", &[], one()).expect("a plan");
    assert_eq!(usual.title, "Freeze backup until 16:00");
}

#[test]
fn named_tasks_are_frozen_and_a_name_that_is_none_is_told() {
    let all = || {
        vec![
            facts("backup", Some(line("backup", "/etc/crontab"))),
            facts("report", Some(line("report", "/etc/crontab"))),
            facts("sync", Some(line("sync", "/etc/crontab"))),
        ]
    };
    let plan = planned(&ActionName::FREEZE, ALL, &[("tasks", "backup,sync")], all()).expect("a plan");
    assert_eq!(plan.affects[..2], [Target::task("backup").probe(), Target::task("sync").probe()]);
    assert_eq!(plan.guards, [Guard::Reason, Guard::MayHold { as_root: false }]);
    let why = planned(&ActionName::FREEZE, ALL, &[("tasks", "backup,synk")], all()).expect_err("no such task");
    assert!(why.contains("no task called `synk`; did you mean `sync`?"), "{why}");
}

#[test]
fn a_thaw_lets_go_what_is_frozen_and_closes_what_somebody_let_go() {
    let rotate = frozen(facts("rotate", Some(timer("rotate.timer", "stopped"))));
    let open = Freeze {
        job: "j".into(),
        task: "report".into(),
        at: now(),
        until: now(),
        operator: "ann".into(),
        reason: "disk".into(),
        thawed_at: None,
    };
    let report = facts("report", Some(line("report", "/etc/crontab"))).held(vec![open], None, None, now());
    let all = vec![
        frozen(facts("backup", Some(line("backup", "/etc/crontab")))),
        report,
        rotate,
        facts("other", Some(line("other", "/etc/crontab"))),
    ];
    let plan = planned(&ActionName::THAW, ALL, &[("gone", "lost")], all).expect("a plan");
    let expected = [
        "restore 1 line of /etc/crontab to the byte: 0 2 * * * root /srv/backup.sh",
        "$ systemctl start -- rotate.timer",
        "read the schedulers again: 2 tasks are neither frozen nor disabled",
        "remember that 4 tasks are thawed",
    ];
    assert_eq!(steps(&plan), expected);
    for told in ["report is not frozen any more: somebody let it go", "lost is not there any more"] {
        assert!(plan.notes.iter().any(|note| note.starts_with(told)), "{told}: {:?}", plan.notes);
    }
    let why = planned(&ActionName::THAW, "other", &[], vec![facts("other", None)]).expect_err("nothing");
    assert_eq!(why, "nothing is frozen: other: it is not frozen");
}

#[test]
fn one_is_disabled_with_a_reason_and_enabled_again() {
    let one = || facts("backup", Some(line("backup", "/etc/crontab")));
    let plan = planned(&ActionName::DISABLE_TASK, "backup", &[], vec![one()]).expect("a plan");
    assert!(plan.wants_reason());
    assert_eq!(plan.undo.as_deref(), Some("rounds task enable backup"));
    assert!(steps(&plan)[0].contains("with the word disabled"), "{:?}", steps(&plan));
    let table = [
        (ActionName::DISABLE_TASK, frozen(one()), "`backup`: it is frozen; thaw it first"),
        (ActionName::ENABLE_TASK, frozen(one()), "`backup`: it is frozen; thaw it"),
        (ActionName::ENABLE_TASK, one(), "`backup`: it is enabled"),
        (ActionName::DISABLE_TASK, facts("backup", None), "`backup`: nothing here schedules it"),
    ];
    for (action, facts, why) in table {
        assert_eq!(planned(&action, "backup", &[], vec![facts]).expect_err("impossible"), why);
    }
    let held = facts("t", Some(timer("t.timer", "active")));
    let plan = planned(&ActionName::DISABLE_TASK, "t", &[], vec![held]).expect("a plan");
    assert_eq!(steps(&plan)[0], "$ systemctl disable -- t.timer");
}

fn running(mut facts: TaskFacts, untold: bool) -> TaskFacts {
    let run = TaskRun {
        id: "r1".into(),
        task: facts.policy.id.clone(),
        started_at: now(),
        ended: None,
        alive: !untold,
        tail: String::new(),
        untold,
    };
    facts.runs = vec![run];
    facts
}

#[test]
fn a_run_is_stopped_by_whoever_began_it_and_by_nobody_else() {
    let one = |facts: TaskFacts| planned(&ActionName::STOP_TASK, "rota", &[], vec![facts]);
    let plan = one(running(facts("rota", Some(timer("rota.timer", "active"))), false)).expect("a plan");
    let runs = |ours| Guard::Runs { task: "rota".into(), run: "r1".into(), ours };
    assert_eq!(plan.guards, [Guard::Root, runs(false)]);
    assert_eq!(steps(&plan), ["$ systemctl kill -- rota.timer, and look that it is over"]);
    let plan = one(running(facts("rota", Some(line("rota", "/etc/crontab"))), false)).expect("a plan");
    assert_eq!(plan.guards, [runs(true)]);
    assert!(steps(&plan)[0].starts_with("TERM to the `rounds exec` that began it"));
    let untold = one(running(facts("rota", Some(line("rota", "/etc/crontab"))), true)).expect_err("nobody knows it");
    assert!(untold.contains("cron tells of no process; put `rounds exec --task rota --`"), "{untold}");
    assert_eq!(one(facts("rota", None)), Err("`rota`: it is not running".to_owned()));
}

#[test]
fn a_service_is_restarted_and_a_line_of_a_crontab_has_none() {
    let one = |facts: TaskFacts| planned(&ActionName::RESTART_TASK, "rota", &[], vec![facts]);
    let plan = one(facts("rota", Some(timer("rota.timer", "active")))).expect("a plan");
    assert_eq!(steps(&plan), ["$ systemctl restart -- rota.timer, and look that it began anew and did not fail"]);
    let none = one(facts("rota", Some(line("rota", "/etc/crontab")))).expect_err("no service");
    assert_eq!(none, "`rota`: there is no service behind it");
}

#[test]
fn what_makes_up_for_the_time_it_was_frozen_is_named_before_it_is_thawed() {
    let all = vec![
        frozen(facts("kept", Some(timer("kept.timer", "persistent")))),
        frozen(facts("other", Some(timer("other.timer", "active")))),
    ];
    let plan = planned(&ActionName::THAW, ALL, &[], all).expect("a plan");
    let expected = [
        "kept begins at once if it was due meanwhile: systemd makes up for it",
        "otherwise, what was due meanwhile is not run; run it by hand where it must be",
    ];
    assert_eq!(plan.notes, expected);
}

#[test]
fn what_cannot_apply_is_not_offered() {
    let offered = |facts: TaskFacts| -> Vec<String> {
        let (target, board, inventory) = (Target::task(&facts.policy.id), board(vec![facts]), Inventory::default());
        let sight = Sight { inventory: &inventory, board: &board, now: now() };
        let offers = crate::action::offers(&target, &sight).into_iter().filter(|offer| !offer.moot);
        offers.map(|offer| offer.action.to_string()).collect()
    };
    assert_eq!(offered(facts("rota", None)), ["run-task"]);
    assert_eq!(offered(facts("rota", Some(line("rota", "/etc/crontab")))), ["run-task", "freeze", "disable-task"]);
    let held = frozen(facts("rota", Some(line("rota", "/etc/crontab"))));
    assert_eq!(offered(held), ["run-task", "thaw"]);
    let runs = running(facts("rota", Some(timer("rota.timer", "active"))), false);
    assert_eq!(offered(runs), ["run-task", "stop-task", "restart-task", "freeze", "disable-task"]);
}
