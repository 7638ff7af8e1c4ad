//! Random histories in zones whose calendars are odd, each judged a second time.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{TimeDelta, Weekday};
use chrono_tz::Tz;

use super::oracle::Oracle;
use super::*;

/// Zones, each with instants around which their calendars are odd.
const ODD: [(Tz, &[&str]); 7] = [
    (chrono_tz::Europe::London, &["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2027-01-01T00:00:00Z"]),
    (chrono_tz::America::New_York, &["2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z", "2021-01-03T05:00:00Z"]),
    (chrono_tz::Australia::Lord_Howe, &["2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z"]),
    (chrono_tz::Pacific::Apia, &["2011-12-30T10:00:00Z", "2012-01-01T10:00:00Z"]),
    (chrono_tz::America::Sao_Paulo, &["2018-11-04T03:00:00Z", "2019-02-17T02:00:00Z"]),
    (chrono_tz::Asia::Kathmandu, &["2024-12-31T18:15:00Z", "2020-12-31T18:15:00Z"]),
    (chrono_tz::UTC, &["2026-01-01T00:00:00Z"]),
];

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

    fn minutes(&mut self, bound: u64) -> TimeDelta {
        minutes(self.below(bound))
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.below(sides) == 0
    }
}

fn minutes(count: u64) -> TimeDelta {
    TimeDelta::minutes(i64::try_from(count).expect("small"))
}

struct History {
    policy: KeepPolicy,
    tz: Tz,
    shelf: Catalogue,
    now: Timestamp,
}

impl History {
    fn random(random: &mut Random) -> Self {
        const HOLDS: [Hold; 4] = [Hold::Pinned, Hold::InUse, Hold::NewerFormat, Hold::BeforeRestore];
        let (tz, odd) = ODD[random.below(ODD.len() as u64) as usize];
        let odd: Timestamp = odd[random.below(odd.len() as u64) as usize].parse().expect("test time");
        let step = [15, 60, 360, 1_440, 1_440, 10_080, 43_200][random.below(7) as usize];
        let count = random.below(40);
        // The odd moment is somewhere among them.
        let mut at = odd - minutes(step * random.below(count + 1));
        let mut files = Vec::new();
        for number in 0..count {
            let jitter = if random.one_in(3) { random.below(step) } else { 0 };
            let mut file = backup(at + minutes(jitter));
            file.path = PathBuf::from(format!("/srv/{:03}", (number * 37) % 101));
            file.verified_at = file.verified_at.filter(|_| !random.one_in(3));
            file.state = match random.below(12) {
                0 => BackupState::Damaged("bad".to_owned()),
                1 => BackupState::Growing,
                _ => BackupState::Complete,
            };
            files.push(file);
            // Some were taken twice, some nights nothing was.
            at += minutes(step * [0, 1, 1, 1, 1, 2, 5][random.below(7) as usize]);
        }
        let held = files.iter().filter(|_| random.one_in(15)).map(|file| file.path.clone()).collect::<Vec<_>>();
        let held = held.into_iter().map(|path| (path, HOLDS[random.below(4) as usize])).collect();
        let ahead = minutes([0, 0, 30, 600, 20_000][random.below(5) as usize]);
        let behind = if random.one_in(6) { minutes(step * 3) } else { TimeDelta::zero() };
        Self {
            policy: Self::policy(random),
            tz,
            shelf: Catalogue { held, ..catalogue(files) },
            now: at + ahead - behind,
        }
    }

    fn policy(random: &mut Random) -> KeepPolicy {
        let most = [8, 30, 12, 8, 14, 4];
        let mut counts = BTreeMap::new();
        for (rule, most) in Rule::ALL.into_iter().zip(most) {
            if random.one_in(2) {
                counts.insert(rule, 1 + random.below(most) as u32);
            }
        }
        KeepPolicy {
            counts,
            within: random.one_in(4).then(|| Duration::from_hours(1 + random.below(200))),
            pick: if random.one_in(2) { Pick::First } else { Pick::Last },
            min: random.below(6) as u32,
            week_start: [Weekday::Mon, Weekday::Mon, Weekday::Sun, Weekday::Sat][random.below(4) as usize],
        }
    }

    fn zone(&self) -> Zone {
        zone(self.tz.name())
    }

    fn judged(&self, now: Timestamp) -> Retention {
        let zone = self.zone();
        self.policy.decide(&self.shelf, Moment { now, zone: &zone, last_prune: None })
    }

    fn oracle(&self) -> Oracle<'_> {
        let files = self.shelf.files.iter().map(|file| (file, self.shelf.held.get(&file.path).copied())).collect();
        Oracle::new(&self.policy, self.tz, self.now, files)
    }
}

fn agree_with_a_second_reading(trials: u64, first: u64) {
    let (mut deleted, mut left_by_min, mut slots) = (0, 0, 0);
    for seed in first..first + trials {
        let history = History::random(&mut Random(seed));
        let retention = history.judged(history.now);
        let oracle = history.oracle();
        let usable = &oracle.usable;
        // The newest of what is superfluous stay until the minimum is reached.
        let mut spare: Vec<&Backup> = Vec::new();
        for (file, hold) in &oracle.files {
            if oracle.superfluous(file, *hold) {
                spare.push(*file);
            }
        }
        spare.sort_by(|a, b| a.taken_at.cmp(&b.taken_at).then(a.path.cmp(&b.path)));
        while usable.len() - spare.len() < history.policy.min as usize && spare.pop().is_some() {
            left_by_min += 1;
        }
        for (file, decision) in history.shelf.files.iter().zip(&retention.files) {
            let superfluous = spare.iter().any(|one| one.path == file.path);
            assert_eq!(decision.is_kept(), !superfluous, "seed {seed}: {} {}", file.taken_at, decision.words());
            let is_usable = usable.iter().any(|one| one.path == file.path);
            for rule in Rule::ALL {
                let count = history.policy.counts.get(&rule);
                let by_rule = is_usable && count.is_some_and(|count| oracle.kept_by(rule, *count, file));
                let said = decision.reasons.contains(&Reason::Rule(rule));
                assert_eq!(said, by_rule, "seed {seed}: {} {}", file.taken_at, rule.word());
            }
        }
        if seed.is_multiple_of(20) {
            for one in retention.slots.iter().filter(|one| one.rule != Rule::Last) {
                let found = (one.have as usize, one.missing.len());
                assert_eq!(found, oracle.slots(one.rule, one.want), "seed {seed}: {}", one.sentence());
                slots += 1;
            }
        }
        deleted += spare.len();
    }
    println!(
        "{trials} histories: {deleted} files superfluous, {left_by_min} left by `min`, {slots} tables of slots, 0 differences"
    );
    assert!(deleted > trials as usize && left_by_min > 0 && slots > 0);
}

#[test]
fn random_histories_agree_with_a_second_reading() {
    agree_with_a_second_reading(2_000, 0);
}

#[test]
#[ignore = "takes minutes: a hundred thousand histories"]
fn many_random_histories_agree_with_a_second_reading() {
    agree_with_a_second_reading(100_000, 1_000_000);
}

fn a_wrong_clock_deletes_nothing_more(trials: u64) {
    let (mut behind, mut ahead) = (0, 0);
    for seed in 0..trials {
        let mut random = Random(seed);
        let history = History::random(&mut random);
        let Some(newest) = history.shelf.files.iter().map(|file| file.taken_at).max() else { continue };
        let right = newest + TimeDelta::minutes(1) + random.minutes(1_440);
        let back = right - random.minutes(400 * 1_440);
        if newest > back + TimeDelta::seconds(60) {
            behind += 1;
            assert!(!history.judged(back).guards.is_empty(), "seed {seed}: behind");
        }
        let far = history.judged(right - TimeDelta::days(400));
        assert!(!far.guards.is_empty(), "seed {seed}: far behind");
        let forth = right + random.minutes(400 * 1_440);
        assert_eq!(history.judged(forth).files, history.judged(right).files, "seed {seed}: ahead");
        // What was proven lately tells the time as well.
        let proven = history.shelf.files.iter().filter_map(|file| file.verified_at).max();
        let beyond = proven.map_or(newest, |at| at.max(newest)) + TimeDelta::days(400) + TimeDelta::minutes(1);
        assert!(!history.judged(beyond).guards.is_empty(), "seed {seed}: far ahead");
        ahead += 1;
    }
    println!("{behind} clocks behind, {ahead} ahead, 0 violations");
    assert!(behind > 0 && ahead > 0);
}

#[test]
fn a_clock_that_is_wrong_deletes_nothing_more_and_by_four_hundred_days_nothing() {
    a_wrong_clock_deletes_nothing_more(1_000);
}

#[test]
#[ignore = "takes minutes: a hundred thousand histories"]
fn many_wrong_clocks_delete_nothing_more() {
    a_wrong_clock_deletes_nothing_more(100_000);
}

#[test]
fn pruning_every_time_leaves_what_pruning_once_would() {
    for seed in 0..300 {
        let mut history = History::random(&mut Random(seed));
        history.shelf.held.clear();
        for file in &mut history.shelf.files {
            file.state = BackupState::Complete;
            file.verified_at = Some(file.taken_at);
        }
        let now = history.shelf.files.first().map_or(history.now, |file| file.taken_at);
        let all = history.shelf.files.clone();
        let kept = |history: &History, now| -> Vec<Backup> {
            let retention = history.judged(now);
            let files = history.shelf.files.iter().zip(&retention.files);
            files.filter(|(_, decision)| decision.is_kept()).map(|(file, _)| file.clone()).collect()
        };
        let once = kept(&history, now);
        history.shelf.files.clear();
        for file in all.into_iter().rev() {
            let now = file.taken_at;
            history.shelf = catalogue(std::mem::take(&mut history.shelf.files).into_iter().chain([file]));
            history.shelf.files = kept(&history, now);
        }
        let names =
            |files: &[Backup]| files.iter().map(|file| file.path.clone()).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(names(&history.shelf.files), names(&once), "seed {seed}");
    }
}
