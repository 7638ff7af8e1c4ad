//! The evaluator against cronie's own loop, minute by minute, and the cases that have names.

mod years;

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDateTime, Timelike};

use super::*;

const ZONES: [&str; 8] = [
    "Europe/London",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "America/Santiago",
    "Africa/Casablanca",
    "UTC",
    "Asia/Kathmandu",
];

fn zone(name: &str) -> Zone {
    Zone::named(name).expect("zone")
}

fn schedule(text: &str, zone_name: &str) -> Schedule {
    Schedule::parse(text, zone(zone_name)).expect(text)
}

fn wall(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").expect("test time")
}

/// The readings of the clock at which a schedule is due on one local date.
fn on(text: &str, zone_name: &str, date: &str) -> Vec<String> {
    let schedule = schedule(text, zone_name);
    let date: NaiveDate = date.parse().expect("date");
    let start = schedule.zone.start_of(date);
    schedule
        .after(start - Duration::seconds(1))
        .map(|at| schedule.zone.local(at))
        .take_while(|local| local.date_naive() == date)
        .map(|local| local.format("%H:%M").to_string())
        .collect()
}

#[test]
fn cases_with_a_name() {
    let new_york = "America/New_York";
    let table: [(&str, &str, &str, &[&str]); 20] = [
        ("30 2 * * *", new_york, "2026-03-08", &["03:00"]),
        ("30 1 * * *", new_york, "2026-03-08", &["01:30"]),
        ("15 1,2 * * *", new_york, "2026-03-08", &["01:15", "03:00"]),
        ("*/30 2 * * *", new_york, "2026-03-08", &[]),
        ("7 1 * * *", "America/Santiago", "2026-09-06", &["01:07"]),
        ("7 0 * * *", "America/Santiago", "2026-09-06", &["01:00"]),
        ("30 1 * * *", new_york, "2026-11-01", &["01:30"]),
        ("*/30 1 * * *", new_york, "2026-11-01", &["01:00", "01:30", "01:00", "01:30"]),
        ("16,12 1-2 * * *", new_york, "2026-11-01", &["01:12", "01:16", "02:12", "02:16"]),
        (
            "15 * * * *",
            "Australia/Lord_Howe",
            "2026-10-04",
            &[
                "00:15", "01:15", "03:15", "04:15", "05:15", "06:15", "07:15", "08:15", "09:15", "10:15", "11:15",
                "12:15", "13:15", "14:15", "15:15", "16:15", "17:15", "18:15", "19:15", "20:15", "21:15", "22:15",
                "23:15",
            ],
        ),
        ("0 0 1,15 * 5", "UTC", "2026-05-01", &["00:00"]),
        ("0 0 1,15 * 5", "UTC", "2026-05-08", &["00:00"]),
        ("0 0 */2 * MON", "UTC", "2026-05-04", &[]),
        ("0 0 */2 * MON", "UTC", "2026-05-11", &["00:00"]),
        ("0 0 * * 7", "UTC", "2026-05-03", &["00:00"]),
        ("0 0 * * 5-7", "UTC", "2026-05-03", &["00:00"]),
        ("0 0 * * fri-sun", "UTC", "2026-05-02", &["00:00"]),
        ("0 0 * * 0-0/4", "UTC", "2026-04-30", &[]),
        ("0 0 * * sun-sun", "UTC", "2026-05-03", &["00:00"]),
        ("000 0004 * * *", "UTC", "2026-05-03", &["04:00"]),
    ];
    for (text, zone, date, expected) in table {
        assert_eq!(on(text, zone, date), expected, "{text} in {zone} on {date}");
    }
}

#[test]
fn a_macro_means_its_fields() {
    for (short, long) in [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
    ] {
        assert!(schedule(short, "UTC").agrees_with(&schedule(long, "UTC")), "{short}");
    }
    assert!(!schedule("@daily", "UTC").agrees_with(&schedule("@daily", "Europe/London")));
}

#[test]
fn what_never_comes_is_none_both_ways() {
    let now = wall("2026-05-01 00:00").and_utc();
    for text in ["0 0 31 2 *", "0 0 30 2 *", "@reboot"] {
        assert_eq!((schedule(text, "UTC").next(now), schedule(text, "UTC").prev(now)), (None, None), "{text}");
    }
    let leap = schedule("0 0 29 2 *", "UTC");
    assert_eq!(leap.next(now), Some(wall("2028-02-29 00:00").and_utc()));
    assert_eq!(leap.prev(now), Some(wall("2024-02-29 00:00").and_utc()));
}

#[test]
fn what_cron_refuses_is_refused_with_place_cause_and_mend() {
    let table = [
        ("60 * * * *", "minute, column 1: `60` is not one of its values; use 0-59"),
        ("0 24 * * *", "hour, column 3: `24` is not one of its values; use 0-23"),
        ("0 0 0 * *", "day of month, column 5: `0` is not one of its values; use 1-31"),
        ("0 0 * juni *", "month, column 7: `juni` is not one of its values; use 1-12 or jan-dec"),
        ("0 0 * * 1,8", "day of week, column 11: `8` is not one of its values; use 0-7 or sun-sat"),
        ("5/15 * * * *", "minute, column 1: `5/15` is a step without a range; write 5-59/…"),
        ("*/0 * * * *", "minute, column 3: `0` is no step; write a number from 1"),
        ("0 22-2 * * *", "hour, column 3: the range `22-2` runs backwards, and nothing is due in it; write 22-23,0-2"),
        ("~ * * * *", "minute, column 1: a value is missing; use 0-59"),
        ("30~0 * * * *", "minute, column 1: the range `30~0` runs backwards; write the lower value first"),
        ("0 0 1~9 * *", "day of month, column 5: `1~9` is a random time, which cannot be foretold; use 1-31"),
        ("1,,2 * * * *", "minute, column 3: a value is missing; use 0-59"),
        ("+1 * * * *", "minute, column 1: `+1` is not one of its values; use 0-59"),
        (
            "0 0 * *",
            "schedule, column 8: cron has five fields, here are 4; \
             write minute, hour, day of month, month and day of week, such as `0 2 * * *`",
        ),
        (
            "0 0 * * * 2026",
            "schedule, column 11: cron has five fields, here are 6; \
             write minute, hour, day of month, month and day of week, such as `0 2 * * *`",
        ),
        (
            "@Daily",
            "schedule, column 1: `@Daily` is no macro of cron; cron knows @reboot, @yearly, @annually, @monthly, \
             @weekly, @daily, @midnight and @hourly, in small letters",
        ),
    ];
    for (text, message) in table {
        assert_eq!(Schedule::parse(text, Zone::utc()).expect_err(text).to_string(), message);
    }
}

#[test]
fn what_debian_takes_is_taken_as_debian_takes_it() {
    // A range that runs backwards has no value: what stands beside it is due.
    assert!(schedule("0 5,22-2 * * *", "UTC").agrees_with(&schedule("0 5 * * *", "UTC")));
    // Debian takes the first value of a random one, cronie any up to the last.
    let random = schedule("10~40 2 * * *", "UTC");
    assert_eq!(random.next(wall("2026-05-01 00:00").and_utc()), Some(wall("2026-05-01 02:10").and_utc()));
    let minutes = |text| schedule(text, "UTC").spread().as_secs() / 60;
    assert_eq!((random.spread().as_secs(), minutes("0 1~3 * * *"), minutes("0 2 * * *")), (1800, 120, 0));
}

#[test]
fn what_the_daemons_read_differently_is_read_as_each_does_and_named() {
    let read = |text: &str, dialect| match Schedule::parse_as(text, Zone::utc(), dialect) {
        Ok(schedule) => (Some(schedule.fields), schedule.oddities.join(" | ")),
        Err(error) => (None, error.to_string()),
    };
    // What Debian's cron does was seen; what is the same to both stands in the third column.
    let table = [
        ("0 0 * * 6#2", "0 0 * * 6", "day of week: Debian's cron reads `6#2` as `6`; write what is meant"),
        (
            "0 0 * * 1,sat#3,5",
            "0 0 * * 1,6",
            "day of week: Debian's cron reads `1,sat#3,5` as `1,sat`; write what is meant",
        ),
        ("*/2/3 * * * *", "*/2 * * * *", "minute: Debian's cron reads `*/2/3` as `*/2`; write what is meant"),
        ("** * * * *", "* * * * *", "minute: Debian's cron reads `**` as `*`; write what is meant"),
        ("*-5 * * * *", "* * * * *", "minute: Debian's cron reads `*-5` as `*`; write what is meant"),
        ("0 0 1~9 * *", "0 0 1 * *", "day of month: Debian's cron reads `1~9` as `1`; write what is meant"),
    ];
    for (odd, plain, named) in table {
        assert_eq!(read(odd, Dialect::Debian), (read(plain, Dialect::Debian).0, named.to_owned()), "{odd}");
        let (fields, refused) = read(odd, Dialect::Cronie);
        assert!(fields.is_none() && !refused.is_empty(), "{odd}: {refused}");
    }
    // A week that ends on a Sunday is never due for the one, and as meant for the other.
    let never = "day of week, column 9: the range `fri-sun` runs backwards, and nothing is due in it; write fri-7";
    assert_eq!(read("0 0 * * fri-sun", Dialect::Debian), (None, never.to_owned()));
    assert_eq!(read("0 0 * * fri-sun", Dialect::Cronie), (read("0 0 * * 5-7", Dialect::Cronie).0, String::new()));
    for dialect in [Dialect::Debian, Dialect::Cronie] {
        for never in ["0 0 * * 5-0/2", "0 0 * * 6-1", "0 0 * nov-jan *"] {
            assert!(read(never, dialect).1.contains("nothing is due in it"), "{never}");
        }
        for refused in [
            "0 0 * * 6L",
            "0 0 L * *",
            "0 0 21W * *",
            "5/1 * * * *",
            ",* * * * *",
            "*, * * * *",
            "0-59/ * * * *",
            "6- * * * *",
            "-1 * * * *",
        ] {
            assert!(read(refused, dialect).0.is_none(), "{refused}");
        }
        let (fields, named) = read("0 5,22-2 * * *", dialect);
        assert_eq!(fields, read("0 5 * * *", dialect).0);
        assert!(named.starts_with("hour: the range `22-2` runs backwards"), "{named}");
    }
}

#[test]
fn any_text_is_read_or_refused() {
    let mut random = Random(7);
    let letters: Vec<char> = "*/,-~@ 0123456789monjanJL#?W%\té€\u{0}".chars().collect();
    for _ in 0..20_000 {
        let text: String =
            (0..random.below(24)).map(|_| letters[random.below(letters.len() as u64) as usize]).collect();
        for dialect in [Dialect::Cronie, Dialect::Debian] {
            if let Err(error) = Schedule::parse_as(&text, Zone::utc(), dialect) {
                assert!(error.column >= 1 && !error.mend.is_empty());
            }
        }
    }
}

#[test]
fn words_are_those_of_an_operator() {
    let table = [
        ("0 2 * * *", "daily at 02:00"),
        ("0 8 * * 1", "Mondays at 08:00"),
        ("0 8 * * mon,thu", "Mondays and Thursdays at 08:00"),
        ("30 7 * * 1-5", "on weekdays at 07:30"),
        ("0 9,17 * * 6,7", "at weekends at 09:00 and 17:00"),
        ("*/15 * * * *", "every 15 min"),
        ("0,30 * * * *", "every 30 min"),
        ("* * * * *", "every minute"),
        ("@hourly", "every hour"),
        ("17 * * * *", "every hour at :17"),
        ("0 */2 * * *", "every 2 h"),
        ("*/15 * * * 1", "every 15 min, Mondays"),
        ("0 0 1 * *", "on day 1 of each month at 00:00"),
        ("0 0 1,15 * *", "on days 1 and 15 of each month at 00:00"),
        ("@yearly", "on 1 January at 00:00"),
        ("@reboot", "at every start of the machine"),
        ("0 0 1 * 5", "0 0 1 * 5"),
        ("*/7 3-5 * * *", "*/7 3-5 * * *"),
    ];
    for (text, words) in table {
        assert_eq!(schedule(text, "UTC").describe(), words, "{text}");
    }
}

#[test]
fn clocks_set_back_across_midnight_keep_their_order() {
    // Newfoundland went from 00:01 to 23:01 of the day before.
    let st_johns = zone("America/St_Johns");
    let schedule = Schedule::parse("*/20 * * * *", st_johns).expect("schedule");
    let (from, to) = (wall("2010-11-07 00:00").and_utc(), wall("2010-11-07 06:00").and_utc());
    let found: Vec<_> = schedule.after(from).take_while(|at| *at < to).collect();
    let shown: Vec<_> = (1..360)
        .map(|minute| from + Duration::minutes(minute))
        .filter(|at| schedule.zone.local(*at).minute().is_multiple_of(20))
        .collect();
    assert_eq!(found, shown);
    for pair in found.windows(2) {
        assert_eq!(schedule.prev(pair[1]), Some(pair[0]));
    }
}

#[test]
fn prev_undoes_next() {
    let mut random = Random(11);
    for round in 0..600 {
        let expression = Expression::random(&mut random);
        let schedule = schedule(&expression.text, ZONES[round % ZONES.len()]);
        let start = wall("2026-01-01 00:00").and_utc() + Duration::seconds(random.below(86_400 * 365).cast_signed());
        let Some(first) = schedule.next(start) else { continue };
        assert!(first > start, "{}", expression.text);
        assert!(schedule.prev(first).is_none_or(|earlier| earlier <= start), "{}", expression.text);
        if let Some(second) = schedule.next(first) {
            assert_eq!(schedule.prev(second), Some(first), "{} in {}", expression.text, schedule.zone.name());
            assert_eq!(schedule.prev(first + Duration::milliseconds(1)), Some(first));
        }
    }
}

#[test]
fn cronie_run_minute_by_minute_agrees() {
    let mut random = Random(2026);
    let mut compared = 0;
    for name in ZONES {
        let zone = zone(name);
        for change in changes(&zone) {
            let window = Window::around(&zone, change);
            for _ in 0..9 {
                let expression = Expression::random(&mut random);
                let schedule = Schedule::parse(&expression.text, zone.clone()).expect(&expression.text);
                let expected = window.cronie(&expression);
                let first = window.minutes[0].0;
                let last = window.minutes[window.minutes.len() - 1].0;
                let forwards: Vec<_> = schedule.after(first).take_while(|at| *at <= last).collect();
                assert_eq!(forwards, expected, "{} in {name}, forwards", expression.text);
                let past = last + Duration::seconds(1);
                let mut backwards: Vec<_> = std::iter::successors(schedule.prev(past), |at| schedule.prev(*at))
                    .take_while(|at| *at > first)
                    .collect();
                backwards.reverse();
                assert_eq!(backwards, expected, "{} in {name}, backwards", expression.text);
                compared += 1;
            }
        }
    }
    assert!(compared >= 300, "{compared} comparisons are too few");
}

/// Where the offset changes, from 2016 to 2027: at most seven, or one plain day where it never does.
fn changes(zone: &Zone) -> Vec<Timestamp> {
    let start = wall("2016-01-01 00:00").and_utc();
    let offset = |hour: i64| *zone.local(start + Duration::hours(hour)).offset();
    let all: Vec<Timestamp> = (0..24 * 366 * 11)
        .filter(|hour| offset(*hour) != offset(hour + 1))
        .map(|hour| start + Duration::hours(hour))
        .collect();
    if all.is_empty() { vec![start] } else { all.into_iter().rev().take(7).collect() }
}

/// Some days of real minutes with what the clock shows, in minutes.
struct Window {
    minutes: Vec<(Timestamp, i64)>,
}

impl Window {
    fn around(zone: &Zone, change: Timestamp) -> Self {
        let start = change - Duration::days(2);
        let minutes = (0..4 * MINUTES_PER_DAY).map(|minute| {
            let at = start + Duration::minutes(minute);
            (at, zone.local(at).naive_local().and_utc().timestamp().div_euclid(60))
        });
        Self { minutes: minutes.collect() }
    }

    /// The main loop of cronie's `cron.c`, with its names: a virtual clock that catches up
    /// with the real one, and four kinds of difference between the two.
    fn cronie(&self, job: &Expression) -> Vec<Timestamp> {
        let mut runs = BTreeSet::new();
        let mut virtual_time = self.minutes[0].1;
        for &(at, time_running) in &self.minutes[1..] {
            let difference = time_running - virtual_time;
            let mut find_jobs = |time: i64, wild: bool, fixed: bool| {
                if job.matches(time) && if job.is_wild() { wild } else { fixed } {
                    runs.insert(at);
                }
            };
            match difference {
                1 => {
                    virtual_time = time_running;
                    find_jobs(virtual_time, true, true);
                }
                2..=5 => {
                    while virtual_time < time_running {
                        virtual_time += 1;
                        find_jobs(virtual_time, true, true);
                    }
                }
                6..=180 => {
                    find_jobs(time_running, true, false);
                    while virtual_time < time_running {
                        virtual_time += 1;
                        find_jobs(virtual_time, false, true);
                    }
                }
                -180..=0 => find_jobs(time_running, true, false),
                _ => {
                    virtual_time = time_running;
                    find_jobs(time_running, true, true);
                }
            }
        }
        runs.into_iter().collect()
    }
}

/// A random expression as sets, with the text that says the same: the oracle reads no text.
struct Expression {
    text: String,
    sets: [BTreeSet<u32>; 5],
    stars: [bool; 5],
}

impl Expression {
    fn random(random: &mut Random) -> Self {
        let ranges = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
        let mut sets: [BTreeSet<u32>; 5] = Default::default();
        let mut stars = [false; 5];
        let mut words = Vec::new();
        for (index, (low, high)) in ranges.into_iter().enumerate() {
            let (word, set) = Self::field(random, index, low, high);
            stars[index] = word.starts_with('*');
            sets[index] = set;
            words.push(word);
        }
        Self { text: words.join(" "), sets, stars }
    }

    fn field(random: &mut Random, index: usize, low: u32, high: u32) -> (String, BTreeSet<u32>) {
        // Small hours are where clocks change; days and months are mostly left open.
        let top = if index == 1 && random.below(3) > 0 { 4 } else { high };
        let pick = |random: &mut Random| low + random.below(u64::from(top - low + 1)) as u32;
        let kind = if index >= 2 && random.below(3) > 0 { 0 } else { random.below(6) };
        match kind {
            0 => ("*".to_owned(), (low..=high).collect()),
            1 => {
                let step = 1 + random.below(u64::from(high - low) / 2) as u32;
                (format!("*/{step}"), (low..=high).step_by(step as usize).collect())
            }
            2 => {
                let (a, b) = (pick(random), pick(random));
                let (a, b) = (a.min(b), a.max(b));
                let step = 1 + random.below(5) as u32;
                (format!("{a}-{b}/{step}"), (a..=b).step_by(step as usize).collect())
            }
            3 => {
                let values: Vec<u32> = (0..=random.below(3)).map(|_| pick(random)).collect();
                let words: Vec<String> = values.iter().map(u32::to_string).collect();
                (words.join(","), values.into_iter().collect())
            }
            _ => {
                let value = pick(random);
                (value.to_string(), BTreeSet::from([value]))
            }
        }
    }

    fn is_wild(&self) -> bool {
        self.stars[0] || self.stars[1]
    }

    /// The test of `find_jobs`.
    fn matches(&self, time: i64) -> bool {
        let local = chrono::DateTime::from_timestamp(time * 60, 0).expect("minute");
        self.sets[0].contains(&local.minute())
            && self.sets[1].contains(&local.hour())
            && self.matches_day(local.date_naive())
    }

    fn matches_day(&self, date: NaiveDate) -> bool {
        let weekday = self.sets[4].contains(&date.weekday().num_days_from_sunday());
        let day = self.sets[2].contains(&date.day());
        self.sets[3].contains(&date.month())
            && if self.stars[2] || self.stars[4] { weekday && day } else { weekday || day }
    }
}

/// Splitmix64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound.max(1)
    }
}
