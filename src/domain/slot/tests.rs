//! Every state at its boundary, and random histories against a classifier that knows no tricks.

use super::*;
use crate::domain::task::RunEnd;
use crate::domain::time::Zone;

fn at(text: &str) -> Timestamp {
    chrono::NaiveDateTime::parse_from_str(&format!("2026-03-02 {text}"), "%Y-%m-%d %H:%M:%S")
        .expect("test time")
        .and_utc()
}

fn run(start: Timestamp, end: Option<(f64, i32)>, alive: bool) -> TaskRun {
    let ended = end.map(|(took_s, code)| RunEnd {
        at: start + TimeDelta::milliseconds((took_s * 1000.0) as i64),
        took_s,
        exit_code: Some(code),
        ..RunEnd::default()
    });
    TaskRun {
        id: start.to_rfc3339(),
        task: "t".into(),
        started_at: start,
        ended,
        alive,
        tail: String::new(),
        untold: false,
    }
}

fn good(start: &str) -> TaskRun {
    run(at(start), Some((5.0, 0)), false)
}

fn schedule(text: &str) -> Schedule {
    Schedule::parse(text, Zone::utc()).expect("schedule")
}

/// The slots of a task due at 02:00 and 14:00, with 15 minutes of grace, newest first.
fn slots(runs: &[TaskRun], now: &str) -> Vec<(String, TaskState)> {
    let schedule = schedule("0 2,14 * * *");
    let history = History {
        schedule: &schedule,
        grace: Duration::from_mins(15),
        band: Band { usual: None, shortest: Some(Bound::Configured(2.0)), longest: Some(Bound::Configured(600.0)) },
        runs,
        since: at("00:00:00"),
        gaps: &[],
    };
    let slots = history.slots(at(now), TimeDelta::hours(24)).slots;
    slots.iter().map(|slot| (slot.at.format("%H").to_string(), slot.state)).collect()
}

fn newest(runs: &[TaskRun], now: &str) -> Option<TaskState> {
    slots(runs, now).first().map(|(_, state)| *state)
}

#[test]
fn every_state_at_its_boundary() {
    use TaskState::{Failed, Late, Lost, Missed, Ok, Overrun, Running, TooShort};
    let two = at("02:00:00");
    let table: [(&str, Vec<TaskRun>, &str, Option<TaskState>); 18] = [
        ("not due yet", vec![], "01:59:59", None),
        ("in its grace", vec![], "02:15:00", None),
        ("past its grace", vec![], "02:15:01", Some(Missed)),
        ("began in its grace", vec![good("02:15:00")], "03:00:00", Some(Ok)),
        ("began after its grace", vec![good("02:15:01")], "03:00:00", Some(Late)),
        ("began early, by a clock", vec![good("01:58:30")], "03:00:00", Some(Ok)),
        ("began too early", vec![good("01:58:29")], "03:00:00", Some(Missed)),
        ("failed", vec![run(two, Some((5.0, 1)), false)], "02:01:00", Some(Failed)),
        ("runs", vec![run(two, None, true)], "02:10:00", Some(Running)),
        ("runs too long", vec![run(two, None, true)], "02:10:01", Some(Overrun)),
        ("ran too long", vec![run(two, Some((600.1, 0)), false)], "03:00:00", Some(Overrun)),
        ("ran as long as it may", vec![run(two, Some((600.0, 0)), false)], "03:00:00", Some(Ok)),
        ("is gone", vec![run(two, None, false)], "02:00:01", Some(Lost)),
        ("too short", vec![run(two, Some((1.9, 0)), false)], "03:00:00", Some(TooShort)),
        ("just long enough", vec![run(two, Some((2.0, 0)), false)], "03:00:00", Some(Ok)),
        ("failed in no time is failed", vec![run(two, Some((0.1, 3)), false)], "03:00:00", Some(Failed)),
        ("mended within its slot", vec![good("03:00:00"), run(two, Some((5.0, 1)), false)], "04:00:00", Some(Ok)),
        (
            "broken within its slot",
            vec![run(at("03:00:00"), Some((5.0, 1)), false), good("02:00:00")],
            "04:00:00",
            Some(Failed),
        ),
    ];
    for (name, runs, now, expected) in table {
        assert_eq!(newest(&runs, now), expected, "{name}");
    }
}

#[test]
fn a_late_success_never_repairs_an_earlier_slot() {
    let found = slots(&[good("14:00:00")], "15:00:00");
    assert_eq!(found, [("14".to_owned(), TaskState::Ok), ("02".to_owned(), TaskState::Missed)]);
}

#[test]
fn a_new_task_has_no_old_slots() {
    let schedule = schedule("0 * * * *");
    let band = Band::default();
    let grace = Duration::from_mins(1);
    let history = |since| History { schedule: &schedule, grace, band, runs: &[], since, gaps: &[] };
    assert_eq!(history(at("17:30:00")).slots(at("17:59:00"), TimeDelta::hours(24)).slots, []);
    assert_eq!(history(at("17:30:00")).slots(at("18:02:00"), TimeDelta::hours(24)).slots.len(), 1);
}

#[test]
fn a_grace_longer_than_the_slot_ends_with_it() {
    let schedule = schedule("*/5 * * * *");
    let grace = Duration::from_mins(15);
    let history =
        History { schedule: &schedule, grace, band: Band::default(), runs: &[], since: at("01:57:00"), gaps: &[] };
    assert_eq!(history.slots(at("02:03:30"), TimeDelta::hours(24)).slots, []);
    // The slot of 02:05 begins a quarter of the gap, 75 s, before its instant.
    let missed = Slot { at: at("02:00:00"), state: TaskState::Missed };
    assert_eq!(history.slots(at("02:03:46"), TimeDelta::hours(24)).slots, [missed]);
}

#[test]
fn missed_slots_are_counted_to_a_hundred() {
    let schedule = schedule("0 8 * * 1");
    let since = at("00:00:00") - TimeDelta::days(365 * 5);
    let grace = Duration::from_mins(1);
    let history = History { schedule: &schedule, grace, band: Band::default(), runs: &[], since, gaps: &[] };
    assert_eq!(history.slots(at("09:00:00"), TimeDelta::hours(24)).slots.len(), MOST_MISSED);
}

#[test]
fn the_latest_slot_with_a_run_is_found_however_long_ago() {
    let schedule = schedule("0 0 1 * *");
    let february = at("00:00:10") - TimeDelta::days(29);
    let runs = [run(february, Some((5.0, 0)), false)];
    let since = at("00:00:00");
    let history = History {
        schedule: &schedule,
        grace: Duration::from_mins(1),
        band: Band::default(),
        runs: &runs,
        since,
        gaps: &[],
    };
    let found = history.slots(at("12:00:00"), TimeDelta::hours(24)).slots;
    assert_eq!(found.len(), 1, "March is before anybody looked: {found:?}");
    assert_eq!(found[0].state, TaskState::Ok);
}

#[test]
fn a_band_is_learnt_from_the_last_twenty_good_runs() {
    let took = |seconds: f64| run(at("02:00:00"), Some((seconds, 0)), false);
    let four: Vec<TaskRun> = (0..4).map(|_| took(300.0)).collect();
    assert_eq!(Band::of(&four, None, None), Band { usual: Some(300.0), shortest: None, longest: None });

    let mut runs: Vec<TaskRun> = (1..=20).map(|n| took(f64::from(n) * 100.0)).collect();
    runs.insert(3, run(at("02:00:00"), Some((1.0, 1)), false));
    runs.extend((0..30).map(|_| took(1.0)));
    let band = Band::of(&runs, None, None);
    assert_eq!(band.usual, Some(1100.0), "failures and older runs teach nothing");
    assert_eq!(band.longest, Some(Bound::Learnt(5700.0)), "three times the 95th percentile");
    assert_eq!(band.shortest, Some(Bound::Learnt(110.0)));
    let configured = Band::of(&runs, None, Some(Duration::from_mins(5)));
    assert_eq!(configured.longest, Some(Bound::Configured(300.0)));

    let quick: Vec<TaskRun> = (0..20).map(|_| took(0.5)).collect();
    let band = Band::of(&quick, None, None);
    assert_eq!((band.shortest, band.longest), (None, Some(Bound::Learnt(600.0))));
}

/// The rules said once more, slot by slot over everything, without order or early ends.
fn brute(due: Timestamp, runs: &[TaskRun], now: Timestamp, since: Timestamp, grace: TimeDelta) -> Option<TaskState> {
    let (begins, ends) = (due - TimeDelta::seconds(90), due + TimeDelta::hours(1) - TimeDelta::seconds(90));
    let own: Vec<&TaskRun> =
        runs.iter().filter(|run| run.started_at >= begins && run.started_at < ends && run.started_at <= now).collect();
    let Some(last) = own.iter().max_by_key(|run| run.started_at) else {
        return (now > due + grace && now > ends.min(due + grace) && due >= since).then_some(TaskState::Missed);
    };
    let first = own.iter().map(|run| run.started_at).min()?;
    Some(match &last.ended {
        None if last.alive && (now - last.started_at).num_seconds() > 600 => TaskState::Overrun,
        None if last.alive => TaskState::Running,
        None => TaskState::Lost,
        Some(end) if end.exit_code != Some(0) => TaskState::Failed,
        Some(end) if end.took_s > 600.0 => TaskState::Overrun,
        Some(_) if first > due + grace => TaskState::Late,
        Some(_) => TaskState::Ok,
    })
}

#[test]
fn random_histories_agree_with_brute_force() {
    let schedule = schedule("0 * * * *");
    let mut seed = 42_u64;
    let mut below = move |bound: i64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::from((seed >> 33) as u32) % bound
    };
    let band = Band { usual: None, shortest: None, longest: Some(Bound::Configured(600.0)) };
    let (mut seen, mut kept) = (std::collections::HashSet::new(), 0);
    for round in 0..10_000 {
        let midnight = at("00:00:00");
        let now = midnight + TimeDelta::hours(24) + TimeDelta::seconds(below(7200));
        let since = midnight + TimeDelta::seconds(below(40_000));
        let grace = TimeDelta::seconds(60 + below(1200));
        let mut runs = Vec::new();
        for hour in 0..26 {
            for _ in 0..[0, 1, 1, 1, 2][below(5) as usize] {
                let start = midnight + TimeDelta::hours(hour) + TimeDelta::seconds(below(2400) - 120);
                if start <= now {
                    let end = (below(8) > 0).then(|| (below(700) as f64, i32::from(below(5) == 0)));
                    runs.push(run(start, end, below(2) == 0));
                }
            }
        }
        runs.sort_by_key(|run| std::cmp::Reverse(run.started_at));
        runs.dedup_by_key(|run| run.started_at);
        let history = History {
            schedule: &schedule,
            grace: grace.to_std().expect("positive"),
            band,
            runs: &runs,
            since,
            gaps: &[],
        };
        let Decided { slots: found, through } = history.slots(now, TimeDelta::hours(24));
        let mut expected = Vec::new();
        for hour in (0..=26).rev() {
            let due = midnight + TimeDelta::hours(hour);
            if due > now - TimeDelta::hours(24) {
                expected.extend(brute(due, &runs, now, since, grace).map(|state| Slot { at: due, state }));
            }
        }
        // What is said to stay does, through its last instant.
        let through = through.expect("an hourly schedule has a next slot");
        for later in [now + (through - now) / 2, through].into_iter().filter(|later| *later > now) {
            assert_eq!(history.slots(later, TimeDelta::hours(24)).slots, found, "history {round}, {now} and {later}");
            kept += 1;
        }
        let recent: Vec<Slot> = found.into_iter().filter(|slot| slot.at > now - TimeDelta::hours(24)).collect();
        assert_eq!(recent, expected, "history {round}");
        seen.extend(expected.iter().map(|slot| slot.state));
    }
    assert!(kept > 19_000, "an answer holds for a while: {kept}");
    assert_eq!(seen.len(), 7, "the histories reach every state a slot can have: {seen:?}");
}
