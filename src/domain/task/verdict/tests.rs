//! The sentences of a task, and the document of the contract.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::*;
use crate::domain::schedule::Schedule;
use crate::domain::task::{RunEnd, TaskPolicy};
use crate::domain::time::Zone;

fn at(text: &str) -> Timestamp {
    chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").expect("test time").and_utc()
}

fn run(start: &str, end: impl Into<Option<RunEnd>>) -> TaskRun {
    TaskRun {
        id: start.into(),
        task: "t".into(),
        started_at: at(start),
        ended: end.into(),
        alive: true,
        tail: String::new(),
        untold: false,
    }
}

fn end(start: &str, took_s: f64, exit_code: i32) -> RunEnd {
    let at = at(start) + TimeDelta::milliseconds((took_s * 1000.0) as i64);
    RunEnd { at, took_s, exit_code: Some(exit_code), ..RunEnd::default() }
}

fn nightly(runs: Vec<TaskRun>) -> TaskFacts {
    let policy = TaskPolicy {
        id: "nightly".into(),
        schedule: Some(Schedule::parse("0 2 * * *", Zone::utc()).expect("schedule")),
        grace: Duration::from_mins(15),
        max_duration: Some(Duration::from_mins(30)),
        runnable: true,
        ..TaskPolicy::default()
    };
    TaskFacts::new(Arc::new(policy), runs, Some(at("2026-02-20 00:00:00")))
}

fn told(facts: &TaskFacts, now: &str) -> Vec<(Status, String)> {
    let reading = Reading::default().with(Detail::task(facts.clone()));
    let verdict = TaskJudge.judge(&reading, at(now));
    verdict.findings.into_iter().map(|finding| (finding.status, finding.text)).collect()
}

#[test]
fn a_good_run_leaves_nothing_to_say() {
    let facts = nightly(vec![
        run("2026-03-02 02:00:01", end("2026-03-02 02:00:01", 12.0, 0)),
        run("2026-03-01 02:00:01", end("2026-03-01 02:00:01", 12.0, 0)),
    ]);
    assert_eq!(told(&facts, "2026-03-02 09:00:00"), []);
    let view = facts.view(at("2026-03-02 09:00:00"));
    assert_eq!((view.state, view.overlap, view.usual_s), (TaskState::Ok, false, Some(12.0)));
    assert_eq!(view.next_due, Some(at("2026-03-03 02:00:00")));
    assert_eq!(view.words.as_deref(), Some("daily at 02:00"));
    assert_eq!(view.slots, [Slot { at: at("2026-03-02 02:00:00"), state: TaskState::Ok }]);
}

#[test]
fn sentences_name_the_number_the_limit_and_the_age() {
    let good = || run("2026-03-01 02:00:01", end("2026-03-01 02:00:01", 12.0, 0));
    let mut failed = run("2026-03-02 02:00:00", end("2026-03-02 02:00:00", 12.0, 3));
    failed.tail = "step one\nno space left on device\n\n".into();
    let mut lost = run("2026-03-02 02:00:00", None);
    lost.alive = false;
    let table = [
        (
            nightly(vec![failed, good()]),
            Status::Critical,
            "the run of 02:00 failed with exit code 3 after 12 s: no space left on device",
        ),
        (nightly(vec![good()]), Status::Critical, "nothing ran for the slot of 02:00, 7 h ago (grace 15 m)"),
        (nightly(vec![lost, good()]), Status::Critical, "the run of 02:00 never ended: its process is gone"),
        (
            nightly(vec![run("2026-03-02 02:00:00", None), good()]),
            Status::Warning,
            "the run of 02:00 has been running for 7 h, at most 30 m allowed",
        ),
        (
            nightly(vec![run("2026-03-02 02:40:00", end("2026-03-02 02:40:00", 12.0, 0)), good()]),
            Status::Warning,
            "began 40 m after its slot of 02:00, grace 15 m",
        ),
    ];
    for (facts, status, text) in table {
        assert_eq!(told(&facts, "2026-03-02 09:00:00"), [(status, text.to_owned())]);
    }
}

#[test]
fn a_machine_that_was_off_is_given_as_the_reason() {
    let mut facts = nightly(vec![]);
    facts.since = Some(at("2026-02-28 03:00:00"));
    facts.booted_at = Some(at("2026-03-02 07:30:00"));
    let text = "nothing ran for the slot of 02:00, 7 h ago (grace 15 m); 2 slots in a row since Sun 02:00; \
                the machine started at 07:30, after it";
    assert_eq!(told(&facts, "2026-03-02 09:00:00"), [(Status::Critical, text.to_owned())]);
    assert_eq!(facts.view(at("2026-03-02 09:00:00")).state, TaskState::Missed);
}

#[test]
fn a_task_that_nobody_records_is_unknown_with_the_mend() {
    let mut facts = nightly(vec![]);
    Arc::make_mut(&mut facts.policy).blind = Some("cron records no result".into());
    assert_eq!(told(&facts, "2026-03-02 09:00:00"), [(Status::Unknown, "cron records no result".to_owned())]);
    let view = facts.view(at("2026-03-02 09:00:00"));
    assert_eq!((view.state, view.slots.len()), (TaskState::Unknown, 0));
    assert!(view.next_due.is_some());
}

#[test]
fn what_is_not_known_of_an_extra_task_is_no_evidence_that_all_is_well() {
    let judged = |facts: TaskFacts| {
        let reading = Reading { detail: crate::domain::observation::Detail::task(facts), ..Reading::default() };
        let verdict = TaskJudge.judge(&reading, at("2026-03-02 09:00:00"));
        (verdict.findings.iter().map(|finding| finding.status).max(), verdict.premature)
    };
    let mut dark = nightly(vec![]);
    let policy = Arc::make_mut(&mut dark.policy);
    (policy.blind, policy.extra) = (Some("cron records no result".into()), true);
    assert_eq!(judged(dark), (Some(Status::Ok), true));
    let mut well = nightly(vec![run("2026-03-02 02:00:00", end("2026-03-02 02:00:00", 12.0, 0))]);
    Arc::make_mut(&mut well.policy).extra = true;
    assert_eq!(judged(well), (None, false));
}

#[test]
fn overlap_is_a_flag_beside_the_state() {
    let facts = nightly(vec![
        run("2026-03-02 02:00:00", end("2026-03-02 02:00:00", 60.0, 0)),
        run("2026-03-02 01:59:50", end("2026-03-02 01:59:50", 30.0, 0)),
    ]);
    let view = facts.view(at("2026-03-02 09:00:00"));
    assert_eq!((view.state, view.overlap), (TaskState::Ok, true));
    assert_eq!(told(&facts, "2026-03-02 09:00:00")[0].0, Status::Warning);
}

#[test]
fn an_earlier_slot_that_went_wrong_is_told_for_a_day() {
    let mut facts = nightly(vec![run("2026-03-02 14:00:00", end("2026-03-02 14:00:00", 12.0, 0))]);
    let policy = Arc::make_mut(&mut facts.policy);
    policy.schedule = Some(Schedule::parse("0 2,14 * * *", Zone::utc()).expect("schedule"));
    facts.since = Some(at("2026-03-02 01:00:00"));
    let text = "1 earlier slot of the last 24 h went wrong, the last at 02:00 (missed)";
    assert_eq!(told(&facts, "2026-03-02 15:00:00"), [(Status::Warning, text.to_owned())]);
    assert_eq!(told(&facts, "2026-03-03 02:10:00"), []);
}

#[test]
fn the_document_of_the_contract() {
    let facts = nightly(vec![run("2026-03-02 02:00:01", end("2026-03-02 02:00:01", 12.0, 0))]);
    let document = serde_json::to_value(facts.view(at("2026-03-02 09:00:00"))).expect("json");
    let expected = serde_json::json!({
        "id": "nightly", "source": "cron", "schedule": "0 2 * * *", "timezone": "UTC", "state": "ok",
        "overlap": false,
        "last": { "started_at": "2026-03-02T02:00:01+00:00", "ended_at": "2026-03-02T02:00:13+00:00", "exit_code": 0,
                  "signal": null, "took_s": 12.0 },
        "next_due": "2026-03-03T02:00:00+00:00", "usual_s": 12.0,
    });
    assert_eq!(document, expected);
}

#[test]
fn a_task_without_a_schedule_is_what_its_last_run_was() {
    let mut facts = nightly(vec![]);
    Arc::make_mut(&mut facts.policy).schedule = None;
    let now = at("2026-03-02 09:00:00");
    assert_eq!(facts.view(now).state, TaskState::New);
    facts.runs = vec![run("2026-03-02 02:00:01", end("2026-03-02 02:00:01", 12.0, 1))];
    assert_eq!(facts.view(now).state, TaskState::Failed);
    assert_eq!(told(&facts, "2026-03-02 09:00:00")[0].0, Status::Critical);
}

#[test]
fn a_day_of_slots_is_walked_once_between_two_of_them_and_every_answer_is_the_same() {
    use chrono::Offset;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let looked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&looked);
    let counted = Zone::new("counted", move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        chrono::Utc.fix()
    });
    let mut facts = nightly(vec![
        run("2026-03-02 07:00:30", None),
        run("2026-03-02 05:00:01", end("2026-03-02 05:00:01", 12.0, 3)),
        run("2026-03-02 04:20:01", end("2026-03-02 04:20:01", 12.0, 0)),
    ]);
    Arc::make_mut(&mut facts.policy).schedule = Some(Schedule::parse("0 * * * *", counted).expect("schedule"));
    facts.since = Some(at("2026-03-02 01:00:00"));
    let reading = Reading::default().with(Detail::task(facts.clone()));
    let (mut walks, mut ticks) = (0, 0);
    let start = at("2026-03-02 06:50:00");
    // Forward, and back again: a clock may be set back.
    for second in (0..4 * 3600).chain((0..600).rev()).step_by(5) {
        let now = start + TimeDelta::seconds(second);
        let before = looked.load(Ordering::Relaxed);
        let kept = TaskJudge.judge(&reading, now);
        walks += usize::from(looked.load(Ordering::Relaxed) > before);
        ticks += 1;
        let anew = TaskJudge.judge(&Reading::default().with(Detail::task(facts.clone())), now);
        assert_eq!(format!("{kept:?}"), format!("{anew:?}"), "at {now}");
    }
    assert!((6..140).contains(&walks), "{walks} walks in {ticks} ticks");
}
