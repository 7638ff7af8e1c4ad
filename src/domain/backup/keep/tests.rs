//! What is kept, by hand; the histories are judged by chance and by a second reading.

mod histories;
mod oracle;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use std::path::PathBuf;

use super::*;

fn zone(name: &str) -> Zone {
    Zone::named(name).expect("zone")
}

/// An instant by what clocks in London show.
fn london(text: &str) -> Timestamp {
    let wall = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").expect("test time");
    zone("Europe/London").instants(wall).earliest()
}

/// A verified backup, called by its stamp.
fn backup(at: Timestamp) -> Backup {
    Backup {
        path: PathBuf::from(format!("/srv/rota/{}", at.format("%Y%m%dT%H%M%SZ"))),
        taken_at: at,
        size_bytes: Some(1_000),
        sha256: None,
        took_s: None,
        verified_at: Some(at + TimeDelta::minutes(5)),
        state: BackupState::Complete,
    }
}

fn catalogue(files: impl IntoIterator<Item = Backup>) -> Catalogue {
    let mut files: Vec<Backup> = files.into_iter().collect();
    files.sort_by_key(|file| std::cmp::Reverse(file.taken_at));
    Catalogue { files, ..Catalogue::default() }
}

fn policy(counts: &[(Rule, u32)]) -> KeepPolicy {
    KeepPolicy { counts: counts.iter().copied().collect(), ..KeepPolicy::default() }
}

/// The procedure of the rota: a week of nights, four Mondays, the firsts of a year.
fn procedure() -> KeepPolicy {
    policy(&[(Rule::Daily, 7), (Rule::Weekly, 4), (Rule::Monthly, 12)])
}

fn judged(policy: &KeepPolicy, catalogue: &Catalogue, now: &str) -> Retention {
    let zone = zone("Europe/London");
    policy.decide(catalogue, Moment { now: london(now), zone: &zone, last_prune: None })
}

/// What is kept, oldest first: `2026-11-16 daily, weekly`.
fn kept(catalogue: &Catalogue, retention: &Retention) -> Vec<String> {
    let rows = catalogue.files.iter().zip(&retention.files).filter(|(_, decision)| decision.is_kept());
    let zone = zone("Europe/London");
    rows.map(|(file, decision)| format!("{} {}", zone.date(file.taken_at), decision.words())).rev().collect()
}

/// A backup at 02:00 of every day from one to the other, but for those that failed.
fn nights(first: &str, last: &str, failed: &[&str]) -> Catalogue {
    let date = |text: &str| text.parse::<NaiveDate>().expect("test date");
    let two = NaiveTime::from_hms_opt(2, 0, 0).expect("time");
    let days = date(first).iter_days().take_while(|day| *day <= date(last));
    let made = days.filter(|day| !failed.contains(&&*day.to_string()));
    let zone = zone("Europe/London");
    catalogue(made.map(|day| backup(zone.at(day, two))))
}

const FIRSTS: [&str; 11] = [
    "2025-12-01 monthly",
    "2026-01-01 monthly",
    "2026-02-01 monthly",
    "2026-03-01 monthly",
    "2026-04-01 monthly",
    "2026-05-01 monthly",
    "2026-06-01 monthly",
    "2026-07-01 monthly",
    "2026-08-01 monthly",
    "2026-09-01 monthly",
    "2026-10-01 monthly",
];

#[test]
fn seven_hundred_nights_leave_a_week_four_mondays_and_twelve_firsts() {
    let shelf = nights("2024-12-21", "2026-11-20", &[]);
    assert_eq!(shelf.files.len(), 700);
    let retention = judged(&procedure(), &shelf, "2026-11-20 09:00");
    let mut expected = FIRSTS.to_vec();
    expected.extend([
        "2026-10-26 weekly",
        "2026-11-01 monthly",
        "2026-11-02 weekly",
        "2026-11-09 weekly",
        "2026-11-14 daily",
        "2026-11-15 daily",
        "2026-11-16 daily, weekly",
        "2026-11-17 daily",
        "2026-11-18 daily",
        "2026-11-19 daily",
        "2026-11-20 daily, newest, newest verified",
    ]);
    assert_eq!(kept(&shelf, &retention), expected);
    assert_eq!(retention.guards, Vec::<String>::new());
    let slots: Vec<String> = retention.slots.iter().map(Slots::sentence).collect();
    assert_eq!(slots, ["daily: 7 of 7", "weekly: 4 of 4", "monthly: 12 of 12"]);
}

#[test]
fn the_next_good_night_stands_for_one_that_failed() {
    let shelf = nights("2024-12-21", "2026-11-20", &["2026-11-01", "2026-11-09", "2026-11-10", "2026-11-18"]);
    let retention = judged(&procedure(), &shelf, "2026-11-20 09:00");
    let mut expected = FIRSTS.to_vec();
    expected.extend([
        "2026-10-26 weekly",
        "2026-11-02 weekly, monthly",
        "2026-11-11 weekly",
        "2026-11-13 daily",
        "2026-11-14 daily",
        "2026-11-15 daily",
        "2026-11-16 daily, weekly",
        "2026-11-17 daily",
        "2026-11-19 daily",
        "2026-11-20 daily, newest, newest verified",
    ]);
    assert_eq!(kept(&shelf, &retention), expected);
    assert_eq!(retention.slots[0].sentence(), "daily: 6 of 7, Wednesday 18 Nov missing");
}

#[test]
fn the_last_of_a_bucket_is_what_other_tools_keep() {
    let shelf = nights("2026-10-20", "2026-11-20", &[]);
    let last = KeepPolicy { pick: Pick::Last, min: 1, ..policy(&[(Rule::Weekly, 2), (Rule::Monthly, 2)]) };
    let retention = judged(&last, &shelf, "2026-11-20 09:00");
    assert_eq!(
        kept(&shelf, &retention),
        ["2026-10-31 monthly", "2026-11-15 weekly", "2026-11-20 weekly, monthly, newest, newest verified"]
    );
}

#[test]
fn nothing_becomes_superfluous_because_backups_stopped() {
    let before = nights("2025-01-01", "2025-09-15", &[]);
    let then = judged(&procedure(), &before, "2025-09-15 09:00");
    let later = judged(&procedure(), &before, "2026-09-15 09:00");
    assert_eq!(then.files, later.files);
    let slots: Vec<String> = later.slots.iter().map(Slots::sentence).collect();
    assert_eq!(
        slots,
        [
            "daily: 0 of 7, Monday 14 Sep and 6 more missing",
            "weekly: 0 of 4, Monday 7 Sep and 3 more missing",
            "monthly: 1 of 12, August 2026 and 10 more missing"
        ]
    );
}

#[test]
fn a_slot_is_missing_when_its_time_is_over_and_never_from_before_the_first_file() {
    let monday = judged(&procedure(), &nights("2026-01-28", "2026-03-22", &[]), "2026-03-23 01:00");
    assert_eq!(monday.slots[1].sentence(), "weekly: 4 of 4");
    let week = ["2026-02-23", "2026-02-24", "2026-02-25", "2026-02-26", "2026-02-27", "2026-02-28", "2026-03-01"];
    let gap = judged(&procedure(), &nights("2026-01-28", "2026-03-16", &week), "2026-03-16 09:00");
    assert_eq!(gap.slots[1].sentence(), "weekly: 3 of 4, Monday 23 Feb missing");
    let young = judged(&procedure(), &nights("2026-03-14", "2026-03-16", &[]), "2026-03-16 09:00");
    assert_eq!(young.slots[0].sentence(), "daily: 3 of 7");
    assert_eq!(young.slots[0].missing, Vec::<String>::new());
}

#[test]
fn a_half_past_midnight_backup_belongs_to_its_local_day() {
    // 00:30 in summer is the evening before in UTC.
    let shelf = catalogue([london("2026-06-30 00:30"), london("2026-07-01 00:30")].map(backup));
    let retention = judged(&KeepPolicy { min: 0, ..policy(&[(Rule::Monthly, 1)]) }, &shelf, "2026-07-01 09:00");
    assert_eq!(kept(&shelf, &retention), ["2026-07-01 monthly, newest, newest verified"]);
}

#[test]
fn the_hour_that_is_shown_twice_is_two() {
    let first = london("2026-10-25 01:10");
    let shelf = catalogue([first, first + TimeDelta::hours(1), first + TimeDelta::minutes(70)].map(backup));
    let hourly = KeepPolicy { min: 0, ..policy(&[(Rule::Hourly, 5)]) };
    let retention = judged(&hourly, &shelf, "2026-10-25 02:30");
    let words: Vec<String> = retention.files.iter().map(Decision::words).collect();
    assert_eq!(words, ["newest, newest verified", "hourly", "hourly"]);
    assert_eq!(retention.slots[0].sentence(), "hourly: 2 of 5");
}

#[test]
fn a_day_the_zone_skipped_is_not_missing() {
    let apia = zone("Pacific/Apia");
    let day = |text: &str| apia.at(text.parse().expect("date"), NaiveTime::from_hms_opt(12, 0, 0).expect("time"));
    let shelf = catalogue([day("2011-12-28"), day("2011-12-29"), day("2011-12-31")].map(backup));
    let moment = Moment { now: day("2011-12-31"), zone: &apia, last_prune: None };
    let retention = policy(&[(Rule::Daily, 3)]).decide(&shelf, moment);
    assert_eq!(retention.slots[0].sentence(), "daily: 3 of 3");
}

#[test]
fn what_is_held_damaged_growing_or_from_the_future_is_never_deleted() {
    let mut shelf = nights("2026-11-01", "2026-11-20", &[]);
    shelf.files[12].state = BackupState::Damaged("hash differs".to_owned());
    shelf.files[13].state = BackupState::Growing;
    shelf.files.insert(0, backup(london("2026-11-21 02:00")));
    let holds = [(15, Hold::Pinned), (16, Hold::InUse), (17, Hold::NewerFormat), (18, Hold::BeforeRestore)];
    shelf.held = holds.into_iter().map(|(index, hold)| (shelf.files[index].path.clone(), hold)).collect();
    let zone = zone("Europe/London");
    let moment = Moment { now: london("2026-11-20 09:00"), zone: &zone, last_prune: None };
    let retention = KeepPolicy { min: 0, ..policy(&[(Rule::Last, 1)]) }.decide(&shelf, moment);
    assert_eq!(
        kept(&shelf, &retention),
        [
            "2026-11-03 before a restore",
            "2026-11-04 newer format",
            "2026-11-05 in use",
            "2026-11-06 pinned",
            "2026-11-07 being written",
            "2026-11-08 damaged",
            "2026-11-20 last, newest, newest verified",
            "2026-11-21 from the future"
        ]
    );
    assert_eq!(retention.guards, ["20261121T020000Z is stamped 17 h in the future: the clock is suspect"]);
}

#[test]
fn the_newest_verified_stays_and_so_does_a_minimum() {
    let mut shelf = nights("2026-11-01", "2026-11-20", &[]);
    shelf.files[..10].iter_mut().for_each(|file| file.verified_at = None);
    let retention = judged(&KeepPolicy { min: 4, ..policy(&[(Rule::Last, 1)]) }, &shelf, "2026-11-20 09:00");
    assert_eq!(
        kept(&shelf, &retention),
        ["2026-11-10 newest verified", "2026-11-18 min", "2026-11-19 min", "2026-11-20 last, newest"]
    );
    assert_eq!(retention.guards, ["the newest, 20261120T020000Z, was not verified yet"]);
}

#[test]
fn a_span_counts_back_from_the_newest_backup() {
    let shelf = nights("2026-11-01", "2026-11-10", &[]);
    let within = KeepPolicy { within: Some(Duration::from_hours(48)), min: 0, ..KeepPolicy::default() };
    assert_eq!(
        kept(&shelf, &judged(&within, &shelf, "2026-12-24 09:00")),
        ["2026-11-08 within", "2026-11-09 within", "2026-11-10 within, newest, newest verified"]
    );
}

#[test]
fn weeks_begin_when_the_operator_says_and_pass_the_new_year() {
    let shelf = nights("2026-12-24", "2027-01-04", &[]);
    let weekly = |week_start| KeepPolicy { week_start, min: 0, ..policy(&[(Rule::Weekly, 2)]) };
    let kept = |week_start| kept(&shelf, &judged(&weekly(week_start), &shelf, "2027-01-04 09:00"));
    assert_eq!(kept(Weekday::Mon), ["2026-12-28 weekly", "2027-01-04 weekly, newest, newest verified"]);
    assert_eq!(kept(Weekday::Sun), ["2026-12-27 weekly", "2027-01-03 weekly", "2027-01-04 newest, newest verified"]);
}

#[test]
fn every_guard_is_a_sentence_of_its_own() {
    let good = nights("2026-11-01", "2026-11-20", &[]);
    let guards = |shelf: &Catalogue| judged(&procedure(), shelf, "2026-11-20 09:00").guards;
    assert_eq!(guards(&Catalogue::default()), ["there is no usable backup"]);

    let mut damaged = good.clone();
    damaged.files[0].state = BackupState::Damaged("empty".to_owned());
    assert_eq!(guards(&damaged), ["the newest, 20261120T020000Z, is damaged: empty"]);

    let mut growing = good.clone();
    growing.files[0].state = BackupState::Growing;
    assert_eq!(guards(&growing), ["the newest, 20261120T020000Z, is still being written"]);

    let unknown = Catalogue { proofs_unknown: Some("the store is gone".to_owned()), ..good.clone() };
    assert_eq!(guards(&unknown), ["which backups were verified cannot be told: the store is gone"]);

    let empty = judged(&KeepPolicy::default(), &good, "2026-11-20 09:00").guards;
    assert_eq!(empty, ["the policy has no rule: it would keep nothing but the newest"]);

    let late = judged(&procedure(), &good, "2027-12-27 09:00").guards;
    assert_eq!(late, ["the last thing known to have happened here was 402 d ago: the clock is suspect"]);
}
