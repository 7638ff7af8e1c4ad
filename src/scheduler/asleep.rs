//! When the machine was asleep: nothing was missed then. The journal tells when that was, and where
//! there is none, the clocks of a machine that was looked at before and after.

use std::time::Duration;

use super::journald;
use super::source::Ask;
use crate::domain::plan::Invocation;
use crate::domain::slot::{Gap, TaskState};
use crate::domain::time::{Timestamp, span};
use crate::scheduler::cron_log::LOOK_BACK;

const ASLEEP: &str = "the machine was asleep";

/// What systemd writes down before and after it puts a machine to sleep: `SD_MESSAGE_SLEEP_START` and
/// `SD_MESSAGE_SLEEP_STOP` of `sd-messages.h`.
const BEGINS: &str = "6bbd95ee977941e497c48be27c254128";
const ENDS: &str = "8811e6df2a8e40f58a94cea26f8ebf14";

/// Two clocks that are read one after the other differ by less.
const AWAKE: Duration = Duration::from_secs(1);
/// No more times than these are kept.
const MOST: usize = 100;

/// What is known of it from one look to the next.
#[derive(Clone, Debug, Default)]
pub struct Asleep {
    /// How long it was asleep in sum at the last look, and when that was.
    last: Option<(Timestamp, Duration)>,
    /// The journal was asked and did not answer.
    owed: bool,
    /// As the journal has it.
    told: Vec<Gap>,
    /// As the clocks had it where the journal said nothing.
    seen: Vec<Gap>,
}

impl Asleep {
    /// When it was, oldest first. `slept` is for how long since the machine started; the journal is
    /// asked at the first look and whenever that has grown.
    pub fn gaps(&mut self, slept: Option<Duration>, now: Timestamp, journal: Option<Ask>) -> Vec<Gap> {
        let Some(slept) = slept else { return Vec::new() };
        let last = self.last.replace((now, slept));
        let woke = last.filter(|(_, before)| slept.saturating_sub(*before) > AWAKE);
        if (last.is_none() || woke.is_some() || self.owed)
            && let Some(ask) = journal
        {
            let answer = ask(&question(now));
            self.owed = answer.is_err();
            // What cannot be asked has said nothing new.
            if let Ok(answer) = answer {
                self.told = told(&answer.stdout);
            }
        }
        if let Some((before, at_last)) = woke {
            let slept = span(slept.saturating_sub(at_last));
            let is_told = self.told.iter().any(|gap| gap.until > before && gap.from < now);
            self.seen.extend((!is_told).then(|| gap(before.max(now - slept - LEEWAY), now)));
        }
        let mut gaps: Vec<Gap> = self.told.iter().chain(&self.seen).cloned().collect();
        gaps.sort_by_key(|gap| gap.from);
        let surplus = gaps.len().saturating_sub(MOST);
        gaps.drain(..surplus);
        gaps
    }
}

/// Between two looks it was awake for a while, before and after.
const LEEWAY: chrono::TimeDelta = chrono::TimeDelta::minutes(2);

const fn gap(from: Timestamp, until: Timestamp) -> Gap {
    Gap { from, until, why: ASLEEP, state: TaskState::Skipped }
}

fn question(now: Timestamp) -> Invocation {
    let since = format!("--since=@{}", (now - LOOK_BACK).timestamp());
    let (begins, ends) = (format!("MESSAGE_ID={BEGINS}"), format!("MESSAGE_ID={ENDS}"));
    let fields = "--output-fields=MESSAGE_ID,_SOURCE_REALTIME_TIMESTAMP";
    Invocation::new(["journalctl", "--no-pager", "-o", "json", fields, &since, &begins, &ends])
}

/// Each beginning with the end that follows it. Without one it did not wake: its next start tells.
fn told(printed: &[u8]) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut began = None;
    for entry in journald::entries(printed) {
        match (entry["MESSAGE_ID"].as_str(), journald::instant(&entry)) {
            (Some(BEGINS), at) => began = at,
            (Some(ENDS), Some(at)) => gaps.extend(began.take().filter(|from| *from < at).map(|from| gap(from, at))),
            _ => {}
        }
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::{Captured, Ended};

    fn at(text: &str) -> Timestamp {
        format!("2026-03-02T{text}:00Z").parse().expect("a time")
    }

    /// What `journalctl` prints of a night in which the machine slept twice, and failed to wake once.
    #[expect(clippy::unnecessary_wraps, reason = "the shape of what asks a program")]
    fn journal(asked: &Invocation) -> Result<Captured, String> {
        assert_eq!(asked.argv[0], "journalctl");
        let line = |id: &str, time: &str| {
            let micros = at(time).timestamp_micros();
            format!("{{\"__REALTIME_TIMESTAMP\":\"{micros}\",\"MESSAGE_ID\":\"{id}\"}}\n")
        };
        let all = [
            (ENDS, "00:10"),
            (BEGINS, "01:00"),
            (ENDS, "03:00"),
            (BEGINS, "03:30"),
            (BEGINS, "04:00"),
            (ENDS, "05:00"),
        ];
        let stdout = all.map(|(id, time)| line(id, time)).concat().into_bytes();
        let (exit_code, ended, took) = (Some(0), Ended::Exited, Duration::ZERO);
        Ok(Captured { exit_code, signal: None, ended, took, stdout, stderr: Vec::new(), cut: false, left: None })
    }

    #[test]
    fn the_journal_tells_when_it_slept() {
        let mut asleep = Asleep::default();
        let gaps = asleep.gaps(Some(Duration::ZERO), at("06:00"), Some(journal));
        let night = [gap(at("01:00"), at("03:00")), gap(at("04:00"), at("05:00"))];
        assert_eq!(gaps, night);
        // As long as it does not sleep again the journal is not asked, and what it said stays.
        let nobody: Ask = |_| unreachable!("nobody is asked");
        assert_eq!(asleep.gaps(Some(Duration::from_millis(900)), at("06:01"), Some(nobody)), night);
        let mute: Ask = |_| Err("no journal".to_owned());
        let hour = Some(Duration::from_hours(1));
        assert_eq!(asleep.gaps(hour, at("07:30"), Some(mute)).len(), 3, "and stays when it cannot be asked");
        assert_eq!(asleep.gaps(None, at("07:31"), Some(nobody)), [], "no clock tells");
        let answer: Ask = |asked| journal(asked).map(|told| Captured { stdout: Vec::new(), ..told });
        assert_eq!(asleep.gaps(hour, at("07:32"), Some(answer)).len(), 1, "it is asked again until it answers");
    }

    #[test]
    fn without_a_journal_the_clocks_tell_what_was_between_two_looks() {
        let mut asleep = Asleep::default();
        let minutes = |minutes| Some(Duration::from_mins(minutes));
        assert_eq!(asleep.gaps(minutes(50), at("01:00"), None), [], "before the first look nobody knows when");
        assert_eq!(asleep.gaps(minutes(50), at("01:01"), None), []);
        let hour = gap(at("01:01"), at("02:02"));
        assert_eq!(asleep.gaps(minutes(110), at("02:02"), None), std::slice::from_ref(&hour));
        // Nobody looked for an hour of which it slept ten minutes: no more than those can be told.
        let ten = gap(at("02:48"), at("03:00"));
        assert_eq!(asleep.gaps(minutes(120), at("03:00"), None), [hour, ten]);
    }
}
