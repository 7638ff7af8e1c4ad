//! Whether the backups of one target are good enough at `now`: fresh, plausible, proven.

use std::time::Duration;

use crate::domain::action_name::ActionName;
use crate::domain::backup::{Backup, BackupState, Catalogue, RecoveryPolicy};
use crate::domain::board::{Judge, JudgedSample, Verdict};
use crate::domain::finding::Finding;
use crate::domain::humanize;
use crate::domain::limit::Limit;
use crate::domain::observation::{Detail, Reading};
use crate::domain::sample::{Sample, Unit};
use crate::domain::sanitize;
use crate::domain::schedule::Schedule;
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, Zone, seconds_between, span};

/// How far a stamp may be ahead of our clock, and how early a job may start, before either
/// means something: two machines' clocks are never quite equal.
pub(super) const CLOCK_TOLERANCE: chrono::Duration = chrono::Duration::seconds(60);
/// How long a backup takes while no manifest has told it yet.
const USUAL_UNTIL_KNOWN: Duration = Duration::from_mins(1);
/// How many backups before the newest say what is usual.
const HISTORY: usize = 10;
/// A median of fewer is no evidence.
const MIN_HISTORY: usize = 3;

/// What is expected of the backups of one target.
#[derive(Clone, Debug, Default)]
pub struct BackupPolicy {
    /// When a backup is due.
    pub schedule: Option<Schedule>,
    /// How much later than due and done it may be.
    pub grace: Duration,
    /// How much work may be lost at most.
    pub rpo: Option<Duration>,
    pub min_size: Option<u64>,
    /// Change against the median of the ten before, in percent either way.
    pub size_warning: Option<Limit>,
    pub size_critical: Option<Limit>,
    /// How old the last verification may be.
    pub verify_every: Option<Duration>,
    pub recovery: RecoveryPolicy,
    /// Whether an act of ours can make one; else nothing is named as the mend.
    pub can_run: bool,
    pub zone: Zone,
}

/// The ages from which the newest backup is too old.
#[derive(Clone, Copy, Debug, PartialEq)]
struct AgeLimits {
    /// Its successor should be there: the next slot, the usual duration, and the grace.
    due: Option<Duration>,
    /// More work may be lost than was agreed.
    objective: Option<Duration>,
}

impl Judge for BackupPolicy {
    fn judge(&self, reading: &Reading, now: Timestamp) -> Verdict {
        let Detail::Backups(catalogue) = &reading.detail else { return Verdict::default() };
        let mut verdict = Verdict::default();
        match catalogue.newest(now) {
            Some(newest) => {
                self.judge_age(newest, catalogue, now, &mut verdict);
                self.judge_size(newest, catalogue, now, &mut verdict);
            }
            None => verdict.findings.push(self.nothing_yet(catalogue, now)),
        }
        self.judge_verification(catalogue, now, &mut verdict);
        self.recovery.judge(catalogue, now, &mut verdict);
        judge_damage(catalogue, now, &mut verdict);
        judge_clock(catalogue, now, &mut verdict);
        verdict
    }
}

impl BackupPolicy {
    fn judge_age(&self, newest: &Backup, catalogue: &Catalogue, now: Timestamp, verdict: &mut Verdict) {
        let age = seconds_between(newest.taken_at, now);
        let limits = self.age_limits(newest, usual_duration(catalogue, now));
        let (warning, critical) = limits.bounds();
        let rpo = self.rpo.map_or(String::new(), |rpo| format!(" (RPO {})", humanize::duration(rpo)));
        let passed = [(Status::Critical, critical), (Status::Warning, warning)]
            .into_iter()
            .find_map(|(status, limit)| limit.filter(|limit| age > limit.as_secs_f64()).map(|limit| (status, limit)));
        if let Some((status, limit)) = passed {
            let text = format!("last backup {} ago, limit {}{rpo}", humanize::seconds(age), humanize::duration(limit));
            verdict
                .findings
                .push(self.mended(Finding::new(status, "fresh", text).since(newest.taken_at + span(limit))));
        }
        let over = |limit: Duration| Limit::over(limit.as_secs_f64(), Unit::Seconds);
        verdict.samples.push(JudgedSample {
            sample: Sample::seconds("age", age),
            status: passed.map_or(Status::Ok, |(status, _)| status),
            warning: warning.map(over),
            critical: critical.map(over),
            pending: None,
        });
        if let Some(rpo) = self.rpo {
            verdict.samples.push(JudgedSample::plain(Sample::seconds("rpo", rpo.as_secs_f64())));
        }
    }

    /// The limits on the age of the newest backup. The slot it answers may have been up to a
    /// minute away from its stamp.
    fn age_limits(&self, newest: &Backup, usual: Duration) -> AgeLimits {
        let late = usual + self.grace;
        let due = self.schedule.as_ref().and_then(|schedule| {
            let successor = schedule.next(newest.taken_at + CLOCK_TOLERANCE)?;
            (successor - newest.taken_at).to_std().ok()
        });
        // Without a schedule the objective says how often; a copy in time still takes its time.
        AgeLimits { due: due.map(|due| due + late), objective: self.rpo.map(|rpo| rpo + late) }
    }

    fn judge_size(&self, newest: &Backup, catalogue: &Catalogue, now: Timestamp, verdict: &mut Verdict) {
        let Some(bytes) = newest.size_bytes else {
            if self.min_size.is_some() || self.size_warning.is_some() || self.size_critical.is_some() {
                let text = "the size of the newest backup is not told";
                verdict.findings.push(Finding::new(Status::Unknown, "size", text).advice("look whether it is whole"));
            }
            return;
        };
        let (size, mut status) = (bytes as f64, Status::Ok);
        if let Some(least) = self.min_size.filter(|least| bytes < *least) {
            status = Status::Critical;
            let text =
                format!("newest backup {}, at least {} expected", humanize::bytes(size), humanize::bytes(least as f64));
            verdict.findings.push(self.mended(Finding::new(status, "size", text)));
        }
        if let Some((changed, usual)) = size_change(catalogue, now) {
            let passed =
                [(Status::Critical, self.size_critical), (Status::Warning, self.size_warning)].into_iter().find_map(
                    |(status, limit)| limit.filter(|limit| limit.is_passed_by(changed.abs())).map(|l| (status, l)),
                );
            if let Some((worse, limit)) = passed {
                status = status.max(worse);
                let text = format!(
                    "newest backup {}, {} {} than the median of those before ({}), limit {}",
                    humanize::bytes(size),
                    humanize::quantity(changed.abs(), Unit::Percent),
                    if changed < 0.0 { "smaller" } else { "larger" },
                    humanize::bytes(usual),
                    humanize::quantity(limit.value, limit.unit),
                );
                verdict.findings.push(Finding::new(worse, "size", text));
            }
        }
        verdict.samples.push(JudgedSample {
            sample: Sample::bytes("size", bytes),
            status,
            warning: None,
            critical: self.min_size.map(|least| Limit::under(least as f64, Unit::Bytes)),
            pending: None,
        });
    }

    /// Why there is no backup: a fault, unless none could have been made yet.
    fn nothing_yet(&self, catalogue: &Catalogue, now: Timestamp) -> Finding {
        if catalogue.files.iter().any(|file| file.state == BackupState::Growing) {
            return Finding::new(Status::Warning, "fresh", "no backup yet; the first one is being written");
        }
        let gone = catalogue.shelf_missing.as_ref();
        let gone = gone.map(|dir| format!(", and {} is not there", sanitize::line(&dir.display().to_string())));
        let gone = gone.unwrap_or_default();
        let late = span(USUAL_UNTIL_KNOWN + self.grace);
        let first =
            catalogue.source_since.zip(self.schedule.as_ref()).and_then(|(since, schedule)| schedule.next(since));
        let finding = match first {
            Some(first) if now <= first + late => {
                let due = humanize::clock(first, now, &self.zone);
                Finding::new(Status::Warning, "fresh", format!("no backup yet{gone}; the first is due {due}"))
            }
            Some(first) => {
                let due = humanize::clock(first, now, &self.zone);
                Finding::new(Status::Critical, "fresh", format!("no backup at all{gone}; the first was due {due}"))
                    .since(first + late)
            }
            None => Finding::new(Status::Critical, "fresh", format!("no backup at all{gone}")),
        };
        self.mended(finding)
    }

    fn judge_verification(&self, catalogue: &Catalogue, now: Timestamp, verdict: &mut Verdict) {
        let last = catalogue.usable(now).filter_map(|file| file.verified_at).max();
        let every = self.verify_every;
        let since = last.or_else(|| catalogue.usable(now).map(|file| file.taken_at).min());
        let passed = since.zip(every).filter(|(since, every)| seconds_between(*since, now) > every.as_secs_f64());
        let finding = match (&catalogue.proofs_unknown, passed) {
            (Some(why), _) if every.is_some() => {
                Some(Finding::new(Status::Unknown, "verified", format!("the last verification cannot be told: {why}")))
            }
            (None, Some((since, every))) => {
                let age = humanize::seconds(seconds_between(since, now));
                let limit = humanize::duration(every);
                let text = match last {
                    Some(_) => format!("last verification {age} ago, limit {limit}"),
                    None => format!("no backup verified, the oldest is of {age} ago; limit {limit}"),
                };
                Some(
                    Finding::new(Status::Warning, "verified", text).since(since + span(every)).mend(ActionName::VERIFY),
                )
            }
            _ => None,
        };
        if let Some(at) = last {
            verdict.samples.push(JudgedSample {
                sample: Sample::time("verified", at),
                status: finding.as_ref().map_or(Status::Ok, |finding| finding.status),
                warning: every.map(|every| Limit::over(every.as_secs_f64(), Unit::Seconds)),
                critical: None,
                pending: None,
            });
        }
        verdict.findings.extend(finding);
    }

    fn mended(&self, finding: Finding) -> Finding {
        if self.can_run {
            finding.mend(ActionName::BACKUP)
        } else {
            finding.advice("look at what makes these files; nothing here does")
        }
    }
}

impl AgeLimits {
    /// Warning and critical. A missed slot is a warning while the objective still holds; where
    /// both are passed, or there is only one of them, it is critical.
    fn bounds(self) -> (Option<Duration>, Option<Duration>) {
        match (self.due, self.objective) {
            (Some(due), Some(objective)) if due < objective => (Some(due), Some(objective)),
            // The slots are further apart than the objective allows: known from the first one on.
            (Some(due), Some(objective)) if objective < due => (Some(objective), Some(due)),
            (due, objective) => (None, due.or(objective)),
        }
    }
}

/// Damaged files: critical when it is the latest, because then the last backup is not one.
fn judge_damage(catalogue: &Catalogue, now: Timestamp, verdict: &mut Verdict) {
    let damaged: Vec<(&Backup, &str)> = catalogue
        .files
        .iter()
        .filter_map(|file| match &file.state {
            BackupState::Damaged(why) => Some((file, why.as_str())),
            _ => None,
        })
        .collect();
    let Some((file, why)) = damaged.first() else { return };
    let latest = catalogue.newest(now).is_none_or(|newest| newest.taken_at < file.taken_at);
    let status = if latest { Status::Critical } else { Status::Warning };
    let text = match damaged.len() {
        1 => format!("{} is damaged: {why}", file.name()),
        more => format!("{more} damaged backups; the latest, {}: {why}", file.name()),
    };
    verdict.findings.push(
        Finding::new(status, "damaged", text)
            .advice("it counts as no backup; keep it until you know why, then remove it by hand"),
    );
}

/// Stamps from the future: somebody's clock or zone is wrong, and ages cannot be believed.
fn judge_clock(catalogue: &Catalogue, now: Timestamp, verdict: &mut Verdict) {
    let ahead = catalogue.files.iter().filter(|file| file.taken_at > now + CLOCK_TOLERANCE);
    let Some(file) = ahead.max_by_key(|file| file.taken_at) else { return };
    let text =
        format!("{} is stamped {} in the future", file.name(), humanize::seconds(seconds_between(now, file.taken_at)));
    verdict.findings.push(
        Finding::new(Status::Warning, "clock", text)
            .advice("compare the clock and the time zone of this machine with those of what wrote it"),
    );
}

/// How long a backup takes: the median of what the manifests of the last ten say.
fn usual_duration(catalogue: &Catalogue, now: Timestamp) -> Duration {
    median(catalogue.usable(now).take(HISTORY).filter_map(|file| file.took_s))
        .and_then(|took| Duration::try_from_secs_f64(took).ok())
        .unwrap_or(USUAL_UNTIL_KNOWN)
}

/// The newest size against the median of the ten before: percent of change, and that median.
pub(super) fn size_change(catalogue: &Catalogue, now: Timestamp) -> Option<(f64, f64)> {
    let mut files = catalogue.usable(now).map(|file| file.size_bytes.map(|bytes| bytes as f64));
    let newest = files.next()??;
    let before: Vec<f64> = files.flatten().take(HISTORY).collect();
    let usual = median(before.iter().copied()).filter(|usual| before.len() >= MIN_HISTORY && *usual > 0.0)?;
    Some(((newest - usual) / usual * 100.0, usual))
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len().is_multiple_of(2) { f64::midpoint(values[middle - 1], upper) } else { upper })
}

#[cfg(test)]
mod tests;
