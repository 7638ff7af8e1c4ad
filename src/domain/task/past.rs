//! What was before: the slots of more than a day, for calendars and long strips, and what ran today
//! already.

use chrono::TimeDelta;

use super::{TaskFacts, TaskRun};
use crate::domain::slot::{History, Slot};
use crate::domain::time::{Timestamp, Zone};

/// How many slots are walked at most: a month of hours. What is due more often is told for less.
const MOST: i32 = 750;

/// What became of a task's slots, and how far back that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Oldest first.
    pub slots: Vec<Slot>,
    /// Nothing is said of what was before.
    pub since: Timestamp,
}

impl TaskFacts {
    /// The slots of the last `window`, or of as much of it as can be told.
    pub fn past(&self, now: Timestamp, window: TimeDelta) -> Past {
        let known = self.since.unwrap_or(now);
        let Some(schedule) = self.policy.schedule.as_ref().filter(|_| !self.is_dark()) else {
            let mut slots = self.begun(now, window);
            slots.reverse();
            let since = slots.first().map_or(now, |first| first.at);
            return Past { slots, since };
        };
        let step = schedule.prev(now).and_then(|last| Some(last - schedule.prev(last)?));
        let window = step.and_then(|step| step.checked_mul(MOST)).map_or(window, |most| most.min(window));
        let history = History {
            schedule,
            grace: self.policy.grace,
            band: self.band(),
            runs: &self.runs,
            since: known,
            gaps: &self.gaps,
        };
        let begins = now - window;
        let mut slots = history.slots(now, window).slots;
        slots.retain(|slot| slot.at > begins);
        slots.reverse();
        // A run from before we looked is known all the same.
        let since = slots.first().map_or(known, |first| first.at.min(known));
        Past { slots, since: since.max(begins) }
    }

    /// The newest run that really began on the day of `now`, as a calendar of `zone` has it.
    pub fn ran_today(&self, now: Timestamp, zone: &Zone) -> Option<&TaskRun> {
        let today = zone.date(now);
        self.runs.iter().find(|run| !run.is_skipped() && zone.date(run.started_at) == today)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schedule::Schedule;
    use crate::domain::slot::TaskState;
    use crate::domain::task::{EndKind, RunEnd, TaskPolicy};
    use crate::domain::time::Zone;
    use std::sync::Arc;

    fn at(text: &str) -> Timestamp {
        format!("2026-{text}:00Z").parse().expect("test time")
    }

    fn facts(schedule: &str, since: &str) -> TaskFacts {
        let schedule = Schedule::parse(schedule, Zone::utc()).ok();
        TaskFacts::new(Arc::new(TaskPolicy { schedule, ..TaskPolicy::default() }), Vec::new(), Some(at(since)))
    }

    #[test]
    fn a_month_of_nights_is_told_from_the_day_somebody_looks() {
        let past = facts("0 2 * * *", "02-27T00:00").past(at("03-02T09:00"), TimeDelta::days(30));
        let days: Vec<String> = past.slots.iter().map(|slot| slot.at.format("%m-%d").to_string()).collect();
        assert_eq!(days, ["02-27", "02-28", "03-01", "03-02"]);
        assert!(past.slots.iter().all(|slot| slot.state == TaskState::Missed));
        assert_eq!(past.since, at("02-27T00:00"));
    }

    #[test]
    fn only_what_really_began_today_ran_today() {
        let kind = |kind| Some(RunEnd { kind, ..RunEnd::default() });
        let run = |id: &str, started_at, ended| TaskRun {
            id: id.into(),
            task: "t".into(),
            started_at,
            ended,
            alive: false,
            tail: String::new(),
            untold: false,
        };
        let zone = Zone::named("Europe/Berlin").expect("zone");
        let mut facts = facts("0 2 * * *", "02-27T00:00");
        facts.runs =
            vec![run("3", at("03-02T08:00"), kind(EndKind::Skipped)), run("2", at("03-01T23:30"), kind(EndKind::Seen))];
        let today = facts.ran_today(at("03-02T09:00"), &zone).map(|run| run.id.as_str());
        assert_eq!(today, Some("2"), "half past midnight in Berlin, and what was skipped did not run");
        assert_eq!(facts.ran_today(at("03-02T09:00"), &Zone::utc()), None, "the evening before in London");
    }

    #[test]
    fn what_is_due_every_minute_is_told_for_less_than_a_month() {
        let past = facts("* * * * *", "01-01T00:00").past(at("03-02T09:00"), TimeDelta::days(30));
        assert!(past.slots.len() <= MOST as usize, "{}", past.slots.len());
        assert_eq!(past.since, at("03-01T20:30"), "twelve and a half hours of minutes");
    }
}
