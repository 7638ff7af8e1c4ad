//! What is frozen is not missed, neither now nor afterwards; what should be thawed is told.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::domain::board::{Judge, Verdict};
use crate::domain::observation::{Detail, Reading};
use crate::domain::schedule::Schedule;
use crate::domain::task::{RunEnd, TaskJudge, TaskPolicy, TaskRun};
use crate::domain::time::Zone;

fn at(time: &str) -> Timestamp {
    format!("2026-03-02T{time}:00Z").parse().expect("test time")
}

/// Due every hour, last run at 09:00 with that exit code.
fn task(exit_code: i32, since: &str) -> TaskFacts {
    let policy = TaskPolicy {
        id: "sync".into(),
        schedule: Schedule::parse("0 * * * *", Zone::utc()).ok(),
        grace: Duration::from_mins(5),
        ..TaskPolicy::default()
    };
    let end = RunEnd { at: at("09:01"), took_s: 60.0, exit_code: Some(exit_code), ..RunEnd::default() };
    let run = TaskRun {
        id: "r".into(),
        task: "sync".into(),
        started_at: at("09:00"),
        ended: Some(end),
        alive: false,
        tail: "no route to host".into(),
        untold: false,
    };
    TaskFacts::new(Arc::new(policy), vec![run], Some(at(since)))
}

fn freeze(thawed_at: Option<Timestamp>) -> Freeze {
    Freeze {
        job: "j".into(),
        task: "sync".into(),
        at: at("09:30"),
        until: at("13:00"),
        operator: "ann".into(),
        reason: "the disk".into(),
        thawed_at,
    }
}

fn frozen() -> Held {
    Held { hold: Hold::Frozen, until: Some(at("13:00")), by: Some("ann: the disk".into()) }
}

fn verdict(facts: &TaskFacts, now: &str) -> Verdict {
    let reading = Reading { detail: Detail::task(facts.clone()), ..Reading::default() };
    TaskJudge.judge(&reading, at(now))
}

#[test]
fn nothing_is_missed_while_a_task_is_frozen() {
    let facts = task(0, "00:00").held(vec![freeze(None)], Some(frozen()), Some(at("09:30")), at("12:30"));
    let view = facts.view(at("12:30"));
    assert_eq!((view.state, view.next_due), (TaskState::Frozen, None));
    let verdict = verdict(&facts, "12:30");
    let told: Vec<(Status, &str)> = verdict.findings.iter().map(|one| (one.status, one.text.as_str())).collect();
    assert_eq!(told, [(Status::Ok, "frozen until 13:00 by ann: the disk")]);
    let slots: Vec<TaskState> = view.slots.iter().map(|slot| slot.state).collect();
    assert_eq!(slots[slots.len() - 4..], [TaskState::Ok, TaskState::Frozen, TaskState::Frozen, TaskState::Frozen]);
}

#[test]
fn a_freeze_that_is_over_and_not_thawed_is_critical() {
    let facts = task(0, "00:00").held(vec![freeze(None)], Some(frozen()), Some(at("09:30")), at("12:30"));
    let finding = verdict(&facts, "13:30").findings.remove(0);
    assert_eq!(finding.status, Status::Critical);
    assert_eq!(finding.text, "its freeze by ann: the disk ended at 13:00, and nobody thawed it: it does not run");
    assert_eq!(finding.advice.as_deref(), Some("run `rounds task thaw`"));
}

#[test]
fn what_failed_before_it_was_frozen_still_failed() {
    let facts = task(3, "00:00").held(vec![freeze(None)], Some(frozen()), None, at("12:30"));
    let findings = verdict(&facts, "12:30").findings;
    assert_eq!((findings.len(), findings[1].status), (2, Status::Critical));
    assert!(findings[1].text.contains("failed with exit code 3"), "{}", findings[1].text);
}

#[test]
fn what_was_due_meanwhile_is_not_missed_after_the_thaw_and_what_is_due_then_is() {
    // The thaw wrote the crontab: nothing before it would be known without the freeze.
    let thawed = at("12:15");
    let facts = task(0, "12:15").held(vec![freeze(Some(thawed))], None, Some(thawed), at("12:30"));
    assert_eq!(facts.view(at("12:30")).state, TaskState::Ok, "how its last run went");
    assert!(verdict(&facts, "12:30").findings.is_empty());
    let slots = facts.view(at("14:30")).slots;
    let seen: Vec<(String, TaskState)> = slots.iter().map(|s| (s.at.format("%H").to_string(), s.state)).collect();
    let expected = [
        ("09", TaskState::Ok),
        ("10", TaskState::Frozen),
        ("11", TaskState::Frozen),
        ("12", TaskState::Frozen),
        ("13", TaskState::Missed),
        ("14", TaskState::Missed),
    ];
    assert_eq!(seen, expected.map(|(hour, state)| (hour.to_owned(), state)));
}

#[test]
fn what_somebody_let_go_by_hand_is_watched_from_then_on() {
    let facts = task(0, "10:30").held(vec![freeze(None)], None, Some(at("10:30")), at("12:30"));
    assert!(facts.has_open_freeze());
    assert_eq!(facts.view(at("12:30")).state, TaskState::Missed);
}
