//! Three whole years, as the daemon lives them: it looks at the clock once in every minute, and
//! starts what is due by what the clock shows. Next and previous are held against that.

use std::ops::Range;

use super::*;

/// Which jobs one look of the daemon starts.
#[derive(Clone, Copy)]
struct Look {
    /// The minute it really is, counted from the beginning.
    at: u32,
    /// The minute that is looked up, as a clock counts.
    wall: i64,
    wild: bool,
    fixed: bool,
}

/// Every look of three years in one zone. What the clock shows does not depend on a job, so all
/// jobs share them.
struct Years {
    zone: Zone,
    start: Timestamp,
    minutes: u32,
    /// Runs of looks whose clock goes on minute by minute within one hour.
    stretches: Vec<(Look, u32)>,
    /// The days that are looked up, one after the other, each with its stretches.
    days: Vec<(NaiveDate, Range<usize>)>,
    /// Minutes at which the clock jumped.
    jumps: Vec<u32>,
}

impl Years {
    fn live(name: &str) -> Self {
        let zone = zone(name);
        let start = wall("2025-01-01 00:00").and_utc();
        let minutes = 3 * 365 * 24 * 60;
        // Every change of these years falls on a quarter of an hour.
        let quarter = |at: u32| start + Duration::minutes(i64::from(at) * 15);
        let offsets: Vec<i64> =
            (0..minutes / 15).map(|at| i64::from(zone.local(quarter(at)).offset().local_minus_utc()) / 60).collect();
        let shown = |at: u32| start.timestamp() / 60 + i64::from(at) + offsets[at as usize / 15];
        let mut years =
            Self { start, minutes, stretches: Vec::new(), days: Vec::new(), jumps: Vec::new(), zone: zone.clone() };
        let mut before = shown(0);
        // What the daemon has served so far, as its clock counts.
        let mut served = before;
        for at in 1..minutes {
            let clock = shown(at);
            if clock != before + 1 {
                years.jumps.push(at);
            }
            before = clock;
            match clock - served {
                // A forward jump of the size of daylight saving: jobs that follow the clock go by
                // what it shows, and each fixed time that was jumped over is made up for now.
                2.. => {
                    years.look(Look { at, wall: clock, wild: true, fixed: false });
                    for wall in served + 1..=clock {
                        years.look(Look { at, wall, wild: false, fixed: true });
                    }
                    served = clock;
                }
                1 => {
                    years.look(Look { at, wall: clock, wild: true, fixed: true });
                    served = clock;
                }
                // Set back: what was served is not served again, but for jobs that follow it.
                _ => years.look(Look { at, wall: clock, wild: true, fixed: false }),
            }
        }
        years.sort_into_days();
        years
    }

    fn sort_into_days(&mut self) {
        for (index, (first, _)) in self.stretches.iter().enumerate() {
            let date = chrono::DateTime::from_timestamp(first.wall * 60, 0).expect("minute").date_naive();
            match self.days.last_mut() {
                Some((last, stretches)) if *last == date => stretches.end = index + 1,
                _ => self.days.push((date, index..index + 1)),
            }
        }
    }

    fn look(&mut self, look: Look) {
        if let Some((first, length)) = self.stretches.last_mut() {
            let along = i64::from(*length);
            let goes_on = look.at == first.at + *length && look.wall == first.wall + along;
            let alike = (look.wild, look.fixed) == (first.wild, first.fixed);
            if goes_on && alike && look.wall % 60 != 0 {
                *length += 1;
                return;
            }
        }
        self.stretches.push((look, 1));
    }

    /// The minutes in which a job starts.
    fn starts(&self, job: &Expression) -> Vec<u32> {
        let bits = |index: usize| job.sets[index].iter().fold(0_u64, |bits, value| bits | 1 << value);
        let (minutes, hours) = (bits(0), bits(1));
        let mut starts = Vec::new();
        for (_, stretches) in self.days.iter().filter(|(date, _)| job.matches_day(*date)) {
            for (first, length) in &self.stretches[stretches.clone()] {
                let looked_at = if job.is_wild() { first.wild } else { first.fixed };
                if !looked_at || hours >> (first.wall / 60 % 24) & 1 == 0 {
                    continue;
                }
                let from = (first.wall % 60) as u32;
                let mut due = minutes & (u64::MAX >> (64 - length)) << from;
                while due != 0 {
                    starts.push(first.at + due.trailing_zeros() - from);
                    due &= due - 1;
                }
            }
        }
        // Several that were made up for in one minute are one start.
        starts.dedup();
        starts
    }

    fn instant(&self, minute: u32) -> Timestamp {
        self.start + Duration::minutes(i64::from(minute))
    }

    /// Asks for the next and the previous at `asked` instants, and around every jump.
    fn compare(&self, expression: &Expression, random: &mut Random, asked: usize) {
        let schedule = Schedule::parse(&expression.text, self.zone.clone()).expect(&expression.text);
        let starts = self.starts(expression);
        let near = |minute: u32| self.jumps.iter().any(|jump| minute.abs_diff(*jump) < 300);
        let mut instants: Vec<(u32, u64)> = starts.iter().filter(|at| near(**at)).map(|at| (*at, 0)).collect();
        for jump in &self.jumps {
            instants.extend([(jump - 61, 0), (jump - 1, 59), (*jump, 0), (jump + 61, 1)]);
        }
        for _ in 0..asked {
            instants.push((1 + random.below(u64::from(self.minutes - 2)) as u32, random.below(60)));
            if !starts.is_empty() {
                instants.push((starts[random.below(starts.len() as u64) as usize], 0));
            }
        }
        for (minute, seconds) in instants {
            let at = self.instant(minute) + Duration::seconds(seconds.cast_signed());
            let whole = u32::from(seconds > 0);
            let next = starts.partition_point(|start| *start <= minute);
            let before = starts.partition_point(|start| *start < minute + whole);
            let name = || format!("`{}` in {} at {at}", expression.text, self.zone.name());
            match starts.get(next) {
                Some(next) => assert_eq!(schedule.next(at), Some(self.instant(*next)), "after {}", name()),
                None => assert!(schedule.next(at).is_none_or(|next| next >= self.instant(self.minutes)), "{}", name()),
            }
            match before.checked_sub(1).map(|index| starts[index]) {
                Some(last) => assert_eq!(schedule.prev(at), Some(self.instant(last)), "before {}", name()),
                None => assert!(schedule.prev(at).is_none_or(|last| last <= self.start), "before {}", name()),
            }
        }
    }
}

/// Each expression in as many of the zones as are asked for; the zones beside each other.
fn live_through(expressions: usize, zones_each: usize, asked: usize) {
    let mut random = Random(18);
    let expressions: Vec<Expression> = (0..expressions).map(|_| Expression::random(&mut random)).collect();
    let changing = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for (zone, name) in ZONES.iter().enumerate() {
            let (expressions, changing) = (&expressions, &changing);
            scope.spawn(move || {
                let years = Years::live(name);
                changing.fetch_add(usize::from(years.jumps.len() >= 4), std::sync::atomic::Ordering::Relaxed);
                let mut random = Random(18 + zone as u64);
                let is_here = |round: usize| (zone + ZONES.len() - round % ZONES.len()) % ZONES.len() < zones_each;
                for (_, expression) in expressions.iter().enumerate().filter(|(round, _)| is_here(*round)) {
                    years.compare(expression, &mut random, asked);
                }
            });
        }
    });
    assert!(changing.into_inner() >= 4, "the years hold clock changes");
}

#[test]
fn three_years_lived_minute_by_minute_agree() {
    live_through(500, 1, 20);
}

#[test]
#[ignore = "takes many minutes: every expression in every zone"]
fn twenty_thousand_schedules_in_eight_zones_agree() {
    live_through(20_000, 8, 40);
}
