//! The board through time: what it says, and since when.

use super::*;
use crate::domain::action_name::ActionName;
use crate::domain::finding::Remark;
use crate::domain::limit::{Limit, Rule};
use crate::domain::observation::{ProbeError, Reading};
use crate::domain::sample::{Sample, Unit};
use chrono::{TimeDelta, TimeZone, Utc};

fn at(seconds: i64) -> Timestamp {
    Utc.timestamp_opt(1_772_400_000 + seconds, 0).single().expect("instant")
}

fn watch() -> Watch {
    let mut watch = Watch::new(ProbeId::new("host", ""), "here", Duration::from_secs(2), Duration::from_secs(5));
    watch.rules = vec![
        Rule::new("cpu", "cpu")
            .warn(Limit::over(70.0, Unit::Percent))
            .crit(Limit::over(90.0, Unit::Percent))
            .hold(Duration::from_mins(1)),
        Rule::new("checked", "last check").warn(Limit::over(100.0, Unit::Seconds)),
    ];
    watch
}

fn saw(seconds: i64, samples: Vec<Sample>) -> Observation {
    Observation {
        probe: ProbeId::new("host", ""),
        at: at(seconds),
        took: Duration::from_millis(3),
        outcome: Ok(Reading::of(samples)),
    }
}

fn failed(seconds: i64) -> Observation {
    Observation { outcome: Err(ProbeError::Unreachable("gone".to_owned())), ..saw(seconds, Vec::new()) }
}

fn status(board: &Board, seconds: i64) -> Status {
    board.assess(at(seconds))[0].status
}

#[test]
fn nothing_seen_is_unknown_never_ok() {
    let board = Board::new(vec![watch()], at(0));
    let assessment = &board.assess(at(3))[0];
    assert_eq!(assessment.status, Status::Unknown);
    assert!(assessment.waiting);
    assert_eq!(assessment.findings[0].text, "waiting for the first reading, 3.0 s so far");
}

#[test]
fn a_bound_counts_only_when_it_held_without_a_break() {
    let mut board = Board::new(vec![watch()], at(0));
    for second in (0..=50).step_by(2) {
        board.apply(&saw(second, vec![Sample::percent("cpu", 95.0)]));
    }
    assert_eq!(status(&board, 50), Status::Ok);
    board.apply(&saw(52, vec![Sample::percent("cpu", 10.0)]));
    for second in (54..=113).step_by(2) {
        board.apply(&saw(second, vec![Sample::percent("cpu", 95.0)]));
    }
    assert_eq!(status(&board, 113), Status::Ok, "the dip at 52 s started the count anew");
    board.apply(&saw(114, vec![Sample::percent("cpu", 95.0)]));
    let assessment = &board.assess(at(114))[0];
    assert_eq!(assessment.status, Status::Critical);
    assert_eq!(assessment.since, Some(at(54)));
    assert_eq!(assessment.findings[0].text, "cpu 95 % for 1 m, limit 90 %");
}

#[test]
fn time_alone_makes_a_check_too_old() {
    let mut watch = watch();
    watch.every = Duration::from_secs(1000);
    let mut board = Board::new(vec![watch], at(0));
    board.apply(&saw(0, vec![Sample::time("checked", at(0))]));
    assert_eq!(status(&board, 100), Status::Ok);
    let late = &board.assess(at(150))[0];
    assert_eq!(late.status, Status::Warning);
    assert_eq!(late.since, Some(at(100)), "since the limit was passed, not since it was seen");
}

#[test]
fn a_probe_that_fell_silent_becomes_unknown() {
    let mut board = Board::new(vec![watch()], at(0));
    board.apply(&saw(0, vec![Sample::percent("cpu", 1.0)]));
    assert_eq!((board.assess(at(4))[0].stale, status(&board, 4)), (false, Status::Ok), "two intervals");
    let silent = &board.assess(at(4) + TimeDelta::milliseconds(1))[0];
    assert_eq!((silent.stale, silent.status), (true, Status::Unknown), "older than two intervals");
    assert_eq!((silent.findings[0].text.as_str(), silent.since), ("no reading for 4.0 s", Some(at(0))));
}

#[test]
fn a_single_look_waits_for_whoever_is_slow_and_calls_nobody_else_silent() {
    let mut board = Board::new(vec![watch()], at(0)).for_one_look();
    board.apply(&saw(0, vec![Sample::percent("cpu", 1.0)]));
    let late = &board.assess(at(30))[0];
    assert_eq!((late.stale, late.status), (false, Status::Ok), "it is read once, and another took half a minute");
}

#[test]
fn an_error_keeps_the_old_values_and_says_since_when() {
    let mut board = Board::new(vec![watch()], at(0));
    board.apply(&saw(0, vec![Sample::percent("cpu", 1.0)]));
    board.apply(&failed(2));
    board.apply(&failed(4));
    let assessment = &board.assess(at(5))[0];
    assert_eq!(assessment.status, Status::Unknown);
    assert_eq!(assessment.since, Some(at(2)));
    assert_eq!(assessment.observed_at, Some(at(0)));
    assert!(assessment.sample("cpu").is_some());
}

#[test]
fn consequences_fold_under_a_cause_that_is_bad_itself() {
    let mut child = watch();
    child.id = ProbeId::new("http", "login");
    child.folds_under = Some(ProbeId::new("host", ""));
    let mut board = Board::new(vec![watch(), child], at(0));
    assert_eq!(board.assess(at(1))[1].folded_under, Some(ProbeId::new("host", "")));
    board.apply(&saw(2, vec![Sample::percent("cpu", 1.0)]));
    assert_eq!(board.assess(at(3))[1].folded_under, None);
}

#[test]
fn a_clock_that_was_set_back_makes_nothing_green() {
    let mut watch = watch();
    watch.rules[0].hold = Duration::ZERO;
    let mut board = Board::new(vec![watch], at(0));
    board.apply(&saw(1000, vec![Sample::percent("cpu", 99.0)]));
    board.apply(&saw(10, vec![Sample::percent("cpu", 99.0)]));
    assert_eq!(status(&board, 10), Status::Critical);
}

#[test]
fn a_figure_beyond_its_limit_is_told_with_its_culprit() {
    let mut watch = watch();
    watch.rules[0].hold = Duration::ZERO;
    watch.rules[0].hint = None;
    let mut board = Board::new(vec![watch], at(0));
    let remark = Remark::new("cpu", "pid 7 takes 99 %").mend(ActionName::VACUUM).advice("ask it to stop");
    for (seconds, load) in [(1, 99.0), (2, 1.0)] {
        let mut observation = saw(seconds, vec![Sample::percent("cpu", load)]);
        if let Ok(reading) = &mut observation.outcome {
            reading.remarks = vec![remark.clone()];
        }
        board.apply(&observation);
        let assessment = board.assess(at(seconds)).remove(0);
        match assessment.findings.as_slice() {
            [finding] if load > 90.0 => {
                assert_eq!(finding.text, "pid 7 takes 99 %, limit 90 %");
                assert_eq!(finding.mend, Some(ActionName::VACUUM));
                assert_eq!(finding.advice.as_deref(), Some("ask it to stop"));
            }
            findings => assert!(findings.is_empty() && load < 90.0, "{findings:?}"),
        }
    }
}

#[test]
fn every_change_is_told_once() {
    let mut board = Board::new(vec![watch()], at(0));
    let assessments = board.assess(at(0));
    assert!(board.changes(&assessments, at(0)).is_empty(), "waiting is no event");
    board.apply(&saw(1, vec![Sample::percent("cpu", 1.0)]));
    let assessments = board.assess(at(1));
    assert_eq!(board.changes(&assessments, at(1)).len(), 1);
    assert!(board.changes(&assessments, at(2)).is_empty());
    board.apply(&failed(3));
    let assessments = board.assess(at(3));
    let change = &board.changes(&assessments, at(3))[0];
    assert_eq!((change.from, change.to), (Some(Status::Ok), Status::Unknown));
}

#[test]
fn replaying_the_same_updates_rebuilds_the_same_board() {
    let script: Vec<Observation> = (0..200)
        .map(
            |n: i64| {
                if n % 7 == 3 { failed(n) } else { saw(n, vec![Sample::percent("cpu", ((n * 37) % 100) as f64)]) }
            },
        )
        .collect();
    let run = || {
        let mut board = Board::new(vec![watch()], at(0));
        for observation in &script {
            board.apply(observation);
        }
        format!("{:?}", board.assess(at(200) + TimeDelta::seconds(1)))
    };
    assert_eq!(run(), run());
}

/// A limit that must last five minutes, read every ten seconds and kept every five minutes.
fn lasting() -> Watch {
    let mut watch = watch();
    watch.every = Duration::from_secs(10);
    watch.rules[0].hold = Duration::from_mins(5);
    watch
}

/// What a look at `seconds` says when `past` holds what was recorded before.
fn looked(past: &[(i64, f64)], seconds: i64, cpu: f64) -> (Status, String) {
    let points = || past.iter().map(|(seconds, value)| Point { at: at(*seconds), value: *value });
    let one = |late: bool| {
        let mut board = Board::new(vec![lasting()], at(seconds)).for_one_look();
        if !late {
            board.load(&ProbeId::new("host", ""), &"cpu".into(), points());
        }
        board.apply(&saw(seconds, vec![Sample::percent("cpu", cpu)]));
        if late {
            board.load(&ProbeId::new("host", ""), &"cpu".into(), points());
        }
        let assessment = board.assess(at(seconds)).remove(0);
        (assessment.status, assessment.findings.first().map_or_else(String::new, |finding| finding.text.clone()))
    };
    assert_eq!(one(false), one(true), "whether the past is known before or after the reading");
    one(true)
}

#[test]
fn one_look_takes_what_was_recorded_as_its_past() {
    let lasted = looked(&[(0, 95.0), (300, 96.0), (600, 93.0)], 900, 95.0);
    assert_eq!(lasted, (Status::Critical, "cpu 95 % for 15 m, limit 90 %".to_owned()));
    let only_warning = looked(&[(0, 80.0), (300, 80.0), (600, 93.0)], 700, 95.0);
    assert_eq!(only_warning, (Status::Warning, "cpu 95 % for 11 m 40 s, limit 70 %".to_owned()));
    let began = looked(&[(0, 10.0), (300, 10.0), (600, 10.0)], 700, 95.0);
    assert_eq!(began, (Status::Ok, String::new()), "it was well 100 s ago");
    assert_eq!(looked(&[(0, 95.0), (300, 95.0)], 400, 20.0), (Status::Ok, String::new()));
}

#[test]
fn one_look_without_a_past_is_not_ok_by_ignorance() {
    let unknown = (Status::Warning, "cpu 95 %, past the limit 90 % now; not known whether for 5 m".to_owned());
    assert_eq!(looked(&[], 900, 95.0), unknown);
    assert_eq!(looked(&[(0, 95.0), (300, 95.0)], 900, 95.0), unknown, "ten minutes of which nothing is known");
    assert_eq!(looked(&[(0, 10.0), (300, 10.0)], 900, 95.0), unknown, "it was well too long ago");
    let (status, text) = looked(&[(0, 95.0)], 900, 80.0);
    assert_eq!(
        (status, text.as_str()),
        (Status::Warning, "cpu 80 %, past the limit 70 % now; not known whether for 5 m")
    );
    assert_eq!(looked(&[], 900, 20.0), (Status::Ok, String::new()));
}

#[test]
fn a_dashboard_that_begins_anew_goes_on_counting_and_waits_where_it_knows_nothing() {
    let mut board = Board::new(vec![lasting()], at(900));
    board.apply(&saw(900, vec![Sample::percent("cpu", 95.0)]));
    assert_eq!(status(&board, 900), Status::Ok, "it looks again in a moment");
    let past = [(300, 95.0), (600, 95.0)].map(|(seconds, value)| Point { at: at(seconds), value });
    board.load(&ProbeId::new("host", ""), &"cpu".into(), past);
    assert_eq!(status(&board, 900), Status::Critical);
}
