//! What a task's slots mean for its status, in sentences.

use super::{STRIP, TaskFacts, TaskRun, of_extra};
use crate::domain::action_name::ActionName;
use crate::domain::board::{Judge, JudgedSample, Verdict};
use crate::domain::finding::Finding;
use crate::domain::hold::Held;
use crate::domain::humanize;
use crate::domain::observation::{Detail, Reading};
use crate::domain::sample::Sample;
use crate::domain::slot::{Bound, MOST_MISSED, Slot, TaskState};
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, seconds_between, span};

/// Judges a task by its facts, which carry their own policy: a crontab may change under way.
#[derive(Clone, Copy, Debug)]
pub struct TaskJudge;

impl Judge for TaskJudge {
    fn judge(&self, reading: &Reading, now: Timestamp) -> Verdict {
        match &reading.detail {
            Detail::Task(facts) if facts.policy.extra => {
                let verdict = facts.verdict(now);
                // What is not known is nobody's question, and no evidence that all is well either.
                let unknown = verdict.findings.iter().any(|finding| finding.status == Status::Unknown);
                let premature = verdict.premature || unknown;
                Verdict { findings: verdict.findings.into_iter().map(of_extra).collect(), premature, ..verdict }
            }
            Detail::Task(facts) => facts.verdict(now),
            _ => Verdict::default(),
        }
    }
}

impl TaskFacts {
    fn verdict(&self, now: Timestamp) -> Verdict {
        if let Some(held) = &self.held {
            return self.verdict_of_held(held, now);
        }
        if let Some(why) = self.policy.blind.as_ref().filter(|_| self.is_dark()) {
            return Verdict { findings: vec![Finding::new(Status::Unknown, "evidence", why)], ..Verdict::default() };
        }
        let slots = self.slots(now);
        let state = self.state(&slots, now);
        let missed = slots.iter().take_while(|slot| slot.state == TaskState::Missed).count();
        let mut findings: Vec<Finding> = Vec::new();
        findings.extend(self.missed(&slots[..missed], now));
        findings.extend(self.late_by_its_scheduler(now));
        findings.extend(slots.first().and_then(|slot| self.skipped(slot, now)));
        findings.extend(self.held_up(state, now));
        if !state.is_absent() {
            findings.extend(self.runs.first().and_then(|run| self.about(run, state, slots.first(), now)));
        }
        if self.overlap() {
            let text = "the last run began while the one before it was still running";
            findings.push(Finding::new(Status::Warning, "overlap", text));
        }
        // The newest slot has been spoken of.
        findings.extend(self.earlier(&slots, missed.max(1), now));
        if let Some(why) = &self.policy.blind
            && self.runs.first().is_none_or(|run| run.ended.is_none())
        {
            let verb = if self.policy.known_by_end { "was over" } else { "began" };
            let began = self.runs.first().map(|run| format!("it {verb} at {}; ", self.clock(run.started_at, now)));
            findings.push(Finding::new(Status::Unknown, "evidence", format!("{}{why}", began.unwrap_or_default())));
        }
        let premature = state == TaskState::New && self.runs.is_empty();
        Verdict { samples: self.samples(missed, now), findings, premature }
    }

    /// Nothing is missed of what is held back; how its last run went stays what it was.
    fn verdict_of_held(&self, held: &Held, now: Timestamp) -> Verdict {
        let mut findings = vec![self.about_holding(held, now)];
        if let Some(run) = self.runs.first() {
            let state = self.band().judge(run, now);
            findings.extend(self.about(run, state, None, now).filter(|_| state != TaskState::Late));
        }
        Verdict { samples: self.samples(0, now), findings, premature: false }
    }

    fn samples(&self, missed: usize, now: Timestamp) -> Vec<JudgedSample> {
        let newest = self.runs.first();
        let last = newest.map(|run| Sample::time("last", run.started_at));
        let took = newest.map(|run| {
            let took = run.ended.as_ref().map_or_else(|| seconds_between(run.started_at, now), |end| end.took_s);
            Sample::seconds("took", took)
        });
        let told = newest.is_some_and(|run| !run.untold && run.ended.as_ref().is_none_or(|end| end.took_s.is_finite()));
        let took = took.filter(|_| told);
        let usual = self.band().usual.map(|usual| Sample::seconds("usual", usual));
        let missed = Some(Sample::count("missed", missed as f64));
        [last, took, usual, missed].into_iter().flatten().map(JudgedSample::plain).collect()
    }

    /// The missed slots in a row up to now, newest first.
    fn missed(&self, slots: &[Slot], now: Timestamp) -> Option<Finding> {
        let newest = slots.first()?;
        let oldest = slots.last()?;
        let newest_at = self.clock(newest.at, now);
        let ago = humanize::seconds(seconds_between(newest.at, now));
        let grace = humanize::duration(self.policy.grace);
        let row = match slots.len() {
            1 => String::new(),
            MOST_MISSED.. => "; 100 slots or more in a row, check the clock and the scheduler".to_owned(),
            count => format!("; {count} slots in a row since {}", self.clock(oldest.at, now)),
        };
        let booted = self.booted_at.filter(|booted| *booted > newest.at);
        let reason = booted.map_or_else(String::new, |booted| {
            format!("; the machine started at {}, after it", self.clock(booted, now))
        });
        let text = format!("nothing ran for the slot of {newest_at}, {ago} ago (grace {grace}){row}{reason}");
        let finding = Finding::new(Status::Critical, "slot", text).since(oldest.at + span(self.policy.grace));
        Some(self.mended(finding))
    }

    /// What its own scheduler was to start, and did not.
    fn late_by_its_scheduler(&self, now: Timestamp) -> Option<Finding> {
        let due =
            self.overdue(now).filter(|_| self.runs.first().is_none_or(|run| run.ended.is_some() || !run.alive))?;
        let ago = humanize::seconds(seconds_between(due, now));
        let source = self.policy.scheduler.unwrap_or(self.policy.source.word());
        let text = format!("{source} was to start it at {}, {ago} ago, and has not", self.clock(due, now));
        Some(self.mended(Finding::new(Status::Critical, "slot", text).since(due)))
    }

    /// A slot in which nothing could run.
    fn skipped(&self, slot: &Slot, now: Timestamp) -> Option<Finding> {
        let gap = self.gaps.iter().find(|gap| slot.state == TaskState::Skipped && gap.covers(slot.at))?;
        let text = format!(
            "nothing ran for the slot of {}: {} from {} to {}",
            self.clock(slot.at, now),
            gap.why,
            self.clock(gap.from, now),
            self.clock(gap.until, now)
        );
        Some(self.mended(Finding::new(Status::Warning, "slot", text).since(slot.at)))
    }

    /// A run that did not begin because another one was not over.
    fn held_up(&self, state: TaskState, now: Timestamp) -> Option<Finding> {
        let run = self.runs.first().filter(|run| state == TaskState::Skipped && run.is_skipped())?;
        let why = match run.tail.lines().last() {
            // As its scheduler tells it.
            Some(words) if self.told.is_some() => words,
            _ => "another one was not over",
        };
        let text = format!("the run of {} did not begin: {why}", self.clock(run.started_at, now));
        // What never runs on this machine is meant not to; what did, and does not any more, is not.
        let ran_before = self.told.is_none() || self.runs.iter().any(|run| !run.is_skipped());
        let status = if ran_before { Status::Warning } else { Status::Ok };
        Some(Finding::new(status, "slot", text).since(run.started_at))
    }

    /// What there is to say of the newest run.
    fn about(&self, run: &TaskRun, state: TaskState, slot: Option<&Slot>, now: Timestamp) -> Option<Finding> {
        let began = self.clock(run.started_at, now);
        let took = run.ended.as_ref().map_or_else(|| seconds_between(run.started_at, now), |end| end.took_s);
        let (key, text) = match state {
            TaskState::Failed => ("run", format!("the run of {began} {}", ending(run))),
            TaskState::Lost => ("run", format!("the run of {began} never ended: its process is gone")),
            TaskState::Overrun => {
                let verb = if run.ended.is_some() { "took" } else { "has been running for" };
                let limit = self.band().longest.map_or_else(String::new, bound);
                ("duration", format!("the run of {began} {verb} {}, at most {limit}", humanize::seconds(took)))
            }
            TaskState::TooShort => {
                let limit = self.band().shortest.map_or_else(String::new, bound);
                ("duration", format!("the run of {began} took only {}, at least {limit}", humanize::seconds(took)))
            }
            TaskState::Late => {
                let due = slot.map_or(run.started_at, |slot| slot.at);
                let first = self.runs.iter().rev().find(|run| run.started_at >= due).unwrap_or(run);
                let late = humanize::seconds(seconds_between(due, first.started_at));
                let grace = humanize::duration(self.policy.grace);
                ("slot", format!("began {late} after its slot of {}, grace {grace}", self.clock(due, now)))
            }
            _ => return None,
        };
        let since = run.ended.as_ref().map_or(run.started_at, |end| end.at);
        let finding = Finding::new(state.status(), key, text).since(since);
        Some(if state.status() == Status::Critical { self.mended(finding) } else { finding })
    }

    /// Slots of the last day that went wrong before the newest: no later success repairs them.
    fn earlier(&self, slots: &[Slot], spoken_of: usize, now: Timestamp) -> Option<Finding> {
        let day: Vec<&Slot> = slots.iter().skip(spoken_of).filter(|slot| slot.at > now - STRIP).collect();
        let bad: Vec<&&Slot> = day.iter().filter(|slot| slot.state.status() == Status::Critical).collect();
        let newest = bad.first()?;
        let text = format!(
            "{} of the last 24 h went wrong, the last at {} ({})",
            humanize::count(bad.len(), "earlier slot"),
            self.clock(newest.at, now),
            newest.state
        );
        Some(Finding::new(Status::Warning, "earlier", text).since(bad.last()?.at))
    }

    fn mended(&self, finding: Finding) -> Finding {
        if self.policy.runnable { finding.mend(ActionName::RUN_TASK) } else { finding }
    }

    pub(super) fn clock(&self, at: Timestamp, now: Timestamp) -> String {
        humanize::clock(at, now, &self.policy.zone)
    }
}

/// How a run failed, with the last thing it said.
fn ending(run: &TaskRun) -> String {
    const MOST: usize = 120;
    let Some(end) = &run.ended else { return String::new() };
    let took = humanize::seconds(end.took_s);
    let mut text = match (end.timed_out, end.signal, end.exit_code) {
        (true, ..) => format!("was stopped after {took}, its time limit"),
        (_, Some(signal), _) => format!("was ended by signal {signal} after {took}"),
        (_, _, Some(code)) => format!("failed with exit code {code} after {took}"),
        _ => format!("failed after {took}"),
    };
    if !end.took_s.is_finite() {
        // Its scheduler tells of the end and not when that was.
        text = text.replace(&format!(" after {took}"), "");
    }
    if let Some(last) = run.tail.lines().rev().map(str::trim).find(|line| !line.is_empty()) {
        text.push_str(": ");
        text.extend(last.chars().take(MOST));
        if last.chars().count() > MOST {
            text.push('…');
        }
    }
    text
}

fn bound(bound: Bound) -> String {
    match bound {
        Bound::Configured(seconds) => format!("{} allowed", humanize::seconds(seconds)),
        Bound::Learnt(seconds) => format!("{} expected from earlier runs", humanize::seconds(seconds)),
    }
}

#[cfg(test)]
mod tests;
