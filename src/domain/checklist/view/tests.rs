//! A list through a morning: ticked, skipped, signed, gone bad.

use super::*;
use crate::domain::board::{Board, Watch};
use crate::domain::checklist::Period;
use crate::domain::checklist::SignRefusal;
use crate::domain::observation::{Observation, Reading};
use crate::domain::sample::{Sample, Unit};
use chrono::NaiveTime;
use std::time::Duration;

fn at(text: &str) -> Timestamp {
    format!("2026-03-02T{text}Z").parse().expect("test time")
}

fn list() -> Checklist {
    let disk = ProbeId::new("disk", "/");
    let item = |text: &str, evidence| Item { text: text.to_owned(), evidence };
    Checklist {
        id: "daily".into(),
        title: "Daily".into(),
        every: Period::Day,
        due: None,
        sign_by: NaiveTime::from_hms_opt(9, 15, 0),
        owner: None,
        items: vec![
            item("Disks", Evidence::Auto(vec![disk.clone()])),
            item("Log reviewed", Evidence::Confirm(vec![disk])),
            item("Login works", Evidence::Manual),
        ],
    }
}

fn assess(read_at: &str, free: f64, now: &str) -> Vec<Assessment> {
    let mut watch = Watch::new(ProbeId::new("disk", "/"), "x", Duration::from_hours(24), Duration::from_secs(5));
    watch.rules = vec![
        crate::domain::limit::Rule::new("free", "free space")
            .warn(crate::domain::limit::Limit::under(20.0, Unit::Percent)),
    ];
    let mut board = Board::new(vec![watch], at(read_at));
    board.apply(&Observation {
        probe: ProbeId::new("disk", "/"),
        at: at(read_at),
        took: Duration::ZERO,
        outcome: Ok(Reading::of(vec![Sample::percent("free", free)])),
    });
    board.assess(at(now))
}

fn view(marks: &[Mark], signatures: &[Signature], assessments: &[Assessment], now: &str) -> ListView {
    let zone = Zone::utc();
    let span = Period::Day.around(at(now), &zone);
    list().view(span, marks, signatures, assessments, at(now), &zone)
}

fn states(view: &ListView) -> Vec<ItemState> {
    view.items.iter().map(|item| item.state).collect()
}

fn mark(item: &str, kind: MarkKind, time: &str, note: &str) -> Mark {
    Mark {
        checklist: "daily".into(),
        period: "2026-03-02".into(),
        item: item.into(),
        kind,
        at: at(time),
        operator: "asha".into(),
        note: note.into(),
    }
}

#[test]
fn items_tick_themselves_only_from_evidence_of_this_period() {
    use ItemState::{Done, Failed, Open};
    assert_eq!(states(&view(&[], &[], &assess("08:00:00", 50.0, "08:01:00"), "08:01:00")), [Done, Open, Open]);
    assert_eq!(states(&view(&[], &[], &assess("08:00:00", 5.0, "08:01:00"), "08:01:00")), [Failed, Open, Open]);
    let yesterday: Vec<Assessment> = assess("08:00:00", 50.0, "08:01:00")
        .into_iter()
        .map(|mut one| {
            one.observed_at = Some(at("08:00:00") - chrono::Duration::days(1));
            one
        })
        .collect();
    assert_eq!(states(&view(&[], &[], &yesterday, "08:01:00")), [Open, Open, Open]);
    assert_eq!(states(&view(&[], &[], &[], "08:01:00")), [Open, Open, Open], "no probe at all is not a pass");
}

#[test]
fn marks_tick_skip_and_undo_in_order() {
    use ItemState::{Done, Open, Skipped};
    let good = assess("08:00:00", 50.0, "08:05:00");
    let mut marks = vec![mark("Login works", MarkKind::Tick, "08:01:00", "")];
    assert_eq!(states(&view(&marks, &[], &good, "08:05:00")), [Done, Open, Done]);
    marks.push(mark("Login works", MarkKind::Undo, "08:02:00", ""));
    assert_eq!(states(&view(&marks, &[], &good, "08:05:00")), [Done, Open, Open]);
    marks.push(mark("Login works", MarkKind::Skip, "08:03:00", "no test account"));
    let list = view(&marks, &[], &good, "08:05:00");
    assert_eq!(states(&list), [Done, Open, Skipped]);
    assert_eq!(list.items[2].evidence, "skipped by asha: no test account");
    // The clock was set back an hour in between: what was done last still counts.
    marks.push(mark("Login works", MarkKind::Undo, "07:03:30", ""));
    assert_eq!(states(&view(&marks, &[], &good, "08:05:00")), [Done, Open, Open]);
}

#[test]
fn signing_with_something_open_wants_a_reason_and_records_it() {
    let list = view(&[], &[], &assess("08:00:00", 5.0, "08:05:00"), "08:05:00");
    let refusal = list.sign("asha", " ", String::new(), at("08:05:00")).expect_err("nothing is done");
    assert!(matches!(refusal, SignRefusal::WantsReason(ref open) if open.contains("1 Disks (failed)")), "{refusal}");
    let signature = list.sign("asha", "disk is being pruned", "7:ab".into(), at("08:05:00")).expect("with a reason");
    assert!(signature.exceptions.starts_with("disk is being pruned — 1 Disks (failed)"));
    assert_eq!(signature.snapshot["items"][0]["state"], "failed");
}

#[test]
fn what_goes_bad_after_the_signature_is_marked_regressed_and_unticks_before_it() {
    use ItemState::{Done, Failed, Regressed};
    let marks =
        [mark("Log reviewed", MarkKind::Tick, "08:01:00", ""), mark("Login works", MarkKind::Tick, "08:02:00", "")];
    let list = view(&marks, &[], &assess("08:00:00", 50.0, "08:05:00"), "08:05:00");
    assert_eq!(states(&view(&marks, &[], &assess("08:06:00", 5.0, "08:07:00"), "08:07:00"))[0], Failed);
    let signature = list.sign("asha", "", String::new(), at("08:05:00")).expect("all done");
    assert!((signature.took_s - 240.0).abs() < 1e-9, "from the first mark on");
    let after = view(&marks, std::slice::from_ref(&signature), &assess("08:06:00", 5.0, "08:07:00"), "08:07:00");
    assert_eq!(states(&after), [Regressed, Regressed, Done]);
    assert!(after.sign("ben", "", String::new(), at("08:08:00")).is_err(), "signed once is signed");
}

#[test]
fn unsigned_after_its_time_is_a_finding_of_its_own() {
    let zone = Zone::utc();
    assert_eq!(view(&[], &[], &[], "09:15:00").finding(&zone), None);
    let late = view(&[], &[], &[], "09:15:01").finding(&zone).expect("a second late");
    assert_eq!(late, "Daily is not signed, it was due by 09:15: 0 of 3 done");
}

#[test]
fn a_list_that_was_begun_yesterday_and_left_is_a_finding_until_either_is_signed() {
    let zone = Zone::utc();
    let of_yesterday = |mut mark: Mark| {
        mark.period = "2026-03-01".into();
        mark
    };
    let begun = [of_yesterday(mark("Log reviewed", MarkKind::Tick, "08:01:00", ""))];
    let list = view(&begun, &[], &[], "08:00:00");
    assert_eq!(list.finding(&zone).expect("a finding"), "Daily of 2026-03-01 was begun and never signed");
    assert_eq!(list.unsigned_since(), Some(at("09:15:00") - chrono::TimeDelta::days(1)));
    let both = view(&begun, &[], &[], "09:16:00").finding(&zone).expect("two of them");
    assert!(both.ends_with("0 of 3 done; that of 2026-03-01 was begun and never signed"), "{both}");

    let today = list.sign("asha", "all three are known", String::new(), at("08:00:00")).expect("with a reason");
    let mut yesterday = today.clone();
    yesterday.period = "2026-03-01".into();
    for signed in [today, yesterday] {
        assert_eq!(view(&begun, &[signed], &[], "08:00:00").finding(&zone), None);
    }
}
