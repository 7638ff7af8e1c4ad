//! Three whole years, as the daemon lives them: it looks at the clock once in every minute, and
//! starts what is due by what the clock shows. Next and previous are held against that.

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
        let mut years = Self { start, minutes, stretches: Vec::new(), jumps: Vec::new(), zone: zone.clone() };
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
        years
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
        let mut starts = Vec::new();
        let is_due: Vec<bool> = (0..60).map(|minute| job.sets[0].contains(&minute)).collect();
        for (first, length) in &self.stretches {
            let looked_at = if job.is_wild() { first.wild } else { first.fixed };
            if looked_at && job.matches_hour(first.wall) {
                let minute = |along: u32| (first.wall + i64::from(along)).rem_euclid(60) as usize;
                starts.extend((0..*length).filter(|along| is_due[minute(*along)]).map(|along| first.at + along));
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

impl Expression {
    /// Whether it is due in any minute of this hour, were all its minutes open.
    fn matches_hour(&self, wall: i64) -> bool {
        if !self.sets[1].contains(&((wall / 60 % 24) as u32)) {
            return false;
        }
        let hour = self.sets[0].first().copied().unwrap_or_default();
        self.matches(wall - wall % 60 + i64::from(hour))
    }
}

/// Each expression in as many of the zones as are asked for.
fn live_through(expressions: usize, zones_each: usize, asked: usize) {
    let mut random = Random(18);
    let years: Vec<Years> = ZONES.iter().map(|name| Years::live(name)).collect();
    assert!(years.iter().filter(|years| years.jumps.len() >= 4).count() >= 4, "the years hold clock changes");
    for round in 0..expressions {
        let expression = Expression::random(&mut random);
        for zone in 0..zones_each {
            years[(round + zone) % years.len()].compare(&expression, &mut random, asked);
        }
    }
}

#[test]
fn three_years_lived_minute_by_minute_agree() {
    live_through(500, 1, 20);
}

#[test]
#[ignore = "takes an hour: every expression in every zone"]
fn twenty_thousand_schedules_in_eight_zones_agree() {
    live_through(20_000, 8, 40);
}
