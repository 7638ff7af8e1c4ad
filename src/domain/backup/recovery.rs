//! Whether the backups would be of use one day: a second copy elsewhere that is young enough, and
//! a drill that went well, lately, and within the time that recovery may take.

use std::time::Duration;

use crate::domain::action_name::ActionName;
use crate::domain::backup::Catalogue;
use crate::domain::board::{JudgedSample, Verdict};
use crate::domain::finding::Finding;
use crate::domain::humanize;
use crate::domain::limit::Limit;
use crate::domain::sample::{Sample, Unit};
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, seconds_between, span};

/// What is known of the second place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Copies {
    /// Where that is: `in /mnt/drive`, `by rclone`.
    pub place: String,
    /// When the newest backup that lies there was taken.
    pub newest: Option<Timestamp>,
    /// Why it cannot be looked at; then `newest` is what was copied there last.
    pub away: Option<String>,
    /// It is on the disk the backups are on.
    pub same_disk: bool,
    /// Nobody has read what lies there.
    pub unread: bool,
}

/// The last drill.
#[derive(Clone, Debug, PartialEq)]
pub struct Drill {
    pub at: Timestamp,
    pub ok: bool,
    pub detail: String,
    pub took_s: f64,
}

/// What is asked of the second copy and of drills.
#[derive(Clone, Debug, Default)]
pub struct RecoveryPolicy {
    /// How old the newest copied backup may be.
    pub copy_max_age: Option<Duration>,
    /// How old the last drill may be.
    pub drill_every: Option<Duration>,
    /// How long recovery may take.
    pub rto: Option<Duration>,
}

impl RecoveryPolicy {
    pub(super) fn judge(&self, catalogue: &Catalogue, now: Timestamp, verdict: &mut Verdict) {
        self.judge_copies(catalogue, now, verdict);
        self.judge_drill(catalogue, now, verdict);
    }

    fn judge_copies(&self, catalogue: &Catalogue, now: Timestamp, verdict: &mut Verdict) {
        let Some(copies) = &catalogue.copies else { return };
        let place = &copies.place;
        if copies.same_disk {
            let text = format!("the second copies {place} are on the disk of the first: one fault takes both");
            let finding = Finding::new(Status::Warning, "copied", text);
            verdict.findings.push(finding.advice("let `copy.to` lead to another disk"));
        }
        let away = copies.away.as_ref().map_or_else(String::new, |why| format!("; {why}"));
        let too_old = |at: &Timestamp| self.copy_max_age.filter(|most| seconds_between(*at, now) > most.as_secs_f64());
        let finding = match (copies.newest, &copies.away) {
            // Before there is a first, there is no second.
            _ if catalogue.newest(now).is_none() => None,
            (None, Some(why)) => Some(Finding::new(
                Status::Unknown,
                "copied",
                format!("whether there is a second copy is not known: {why}"),
            )),
            (None, None) => Some(Finding::new(Status::Warning, "copied", format!("no second copy {place} yet"))),
            (Some(at), _) => too_old(&at).map(|most| {
                let age = humanize::seconds(seconds_between(at, now));
                let text = format!("newest second copy is of {age} ago, limit {}{away}", humanize::duration(most));
                Finding::new(Status::Warning, "copied", text).since(at + span(most))
            }),
        };
        if let Some(at) = copies.newest {
            verdict.samples.push(JudgedSample {
                sample: Sample::time("copied", at),
                status: finding.as_ref().map_or(Status::Ok, |finding| finding.status),
                warning: self.copy_max_age.map(|most| Limit::over(most.as_secs_f64(), Unit::Seconds)),
                critical: None,
                pending: None,
            });
        }
        verdict.findings.extend(finding.map(|finding| finding.mend(ActionName::COPY)));
    }

    fn judge_drill(&self, catalogue: &Catalogue, now: Timestamp, verdict: &mut Verdict) {
        let last = catalogue.drill.as_ref();
        let due = last.map(|drill| drill.at).or_else(|| catalogue.usable(now).map(|file| file.taken_at).min());
        let overdue = due.zip(self.drill_every).filter(|(at, every)| seconds_between(*at, now) > every.as_secs_f64());
        let finding = match (last, overdue, &catalogue.proofs_unknown) {
            (Some(Drill { ok: false, at, detail, .. }), ..) => {
                let ago = humanize::seconds(seconds_between(*at, now));
                let text = format!("the drill {ago} ago failed: {detail}");
                Some(Finding::new(Status::Critical, "drilled", text).since(*at))
            }
            (None, _, Some(why)) if self.drill_every.is_some() => {
                Some(Finding::new(Status::Unknown, "drilled", format!("the last drill cannot be told: {why}")))
            }
            (_, Some((at, every)), _) => {
                let (age, limit) = (humanize::seconds(seconds_between(at, now)), humanize::duration(every));
                let text = match last {
                    Some(_) => format!("last drill {age} ago, limit {limit}"),
                    None => format!("no drill was held, the oldest backup is of {age} ago; limit {limit}"),
                };
                Some(Finding::new(Status::Warning, "drilled", text).since(at + span(every)))
            }
            _ => None,
        };
        if let Some(drill) = last {
            verdict.samples.push(JudgedSample {
                sample: Sample::time("drilled", drill.at),
                status: finding.as_ref().map_or(Status::Ok, |finding| finding.status),
                warning: self.drill_every.map(|every| Limit::over(every.as_secs_f64(), Unit::Seconds)),
                critical: None,
                pending: None,
            });
        }
        verdict.findings.extend(finding.map(|finding| finding.mend(ActionName::DRILL)));
        self.judge_time(last.filter(|drill| drill.ok), verdict);
    }

    /// Half of what recovery may take is early enough to think about it.
    fn judge_time(&self, drill: Option<&Drill>, verdict: &mut Verdict) {
        let rto = self.rto.map(|rto| rto.as_secs_f64());
        if let Some(rto) = rto {
            verdict.samples.push(JudgedSample::plain(Sample::seconds("rto", rto)));
        }
        let Some(drill) = drill else { return };
        let bound = |share: f64| rto.map(|rto| Limit::over(rto * share, Unit::Seconds));
        let (warning, critical) = (bound(0.5), bound(1.0));
        let passed = |limit: Option<Limit>| limit.is_some_and(|limit| limit.is_passed_by(drill.took_s));
        let status = match (passed(critical), passed(warning)) {
            (true, _) => Status::Critical,
            (_, true) => Status::Warning,
            _ => Status::Ok,
        };
        if status != Status::Ok {
            let (took, rto) = (humanize::seconds(drill.took_s), humanize::seconds(rto.unwrap_or_default()));
            let text = format!("the last drill took {took}, and recovery may take {rto} (RTO)");
            let finding = Finding::new(status, "drill_took", text);
            verdict
                .findings
                .push(finding.advice("the restore itself takes as long; a faster disk or smaller database helps"));
        }
        verdict.samples.push(JudgedSample {
            sample: Sample::seconds("drill_took", drill.took_s),
            status,
            warning,
            critical,
            pending: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, TimeZone, Utc};

    use super::*;
    use crate::domain::backup::{Backup, BackupState};

    const HOUR: Duration = Duration::from_hours(1);

    fn now() -> Timestamp {
        Utc.with_ymd_and_hms(2026, 3, 2, 9, 0, 0).single().expect("instant")
    }

    fn ago(hours: i64) -> Timestamp {
        now() - TimeDelta::hours(hours)
    }

    fn shelf() -> Catalogue {
        let file = Backup {
            path: "/srv/rota/a".into(),
            taken_at: ago(7),
            size_bytes: Some(1_000),
            sha256: None,
            took_s: None,
            verified_at: None,
            state: BackupState::Complete,
        };
        Catalogue { files: vec![file], ..Catalogue::default() }
    }

    fn said(policy: &RecoveryPolicy, catalogue: &Catalogue) -> Vec<(Status, String)> {
        let mut verdict = Verdict::default();
        policy.judge(catalogue, now(), &mut verdict);
        verdict.findings.into_iter().map(|finding| (finding.status, finding.text)).collect()
    }

    #[test]
    fn a_second_copy_grows_old_and_one_disk_is_no_second_place() {
        let policy = RecoveryPolicy { copy_max_age: Some(26 * HOUR), ..RecoveryPolicy::default() };
        let copies = |newest: Option<i64>, away: Option<&str>| Catalogue {
            copies: Some(Copies {
                place: "in /mnt/drive".into(),
                unread: false,
                newest: newest.map(ago),
                away: away.map(Into::into),
                same_disk: false,
            }),
            ..shelf()
        };
        let warning = |text: &str| vec![(Status::Warning, text.to_owned())];
        assert_eq!(said(&policy, &copies(Some(26), None)), []);
        assert_eq!(said(&policy, &copies(Some(27), None)), warning("newest second copy is of 27 h ago, limit 26 h"));
        assert_eq!(said(&policy, &copies(None, None)), warning("no second copy in /mnt/drive yet"));
        let away = copies(Some(27), Some("not mounted"));
        assert_eq!(said(&policy, &away), warning("newest second copy is of 27 h ago, limit 26 h; not mounted"));
        let unknown = said(&policy, &copies(None, Some("not mounted")));
        assert_eq!(unknown[0].0, Status::Unknown, "{unknown:?}");
        let mut same = copies(Some(1), None);
        same.copies.as_mut().expect("copies").same_disk = true;
        assert!(said(&policy, &same)[0].1.contains("one fault takes both"));
        assert_eq!(said(&policy, &Catalogue { files: Vec::new(), ..copies(None, None) }), []);
    }

    #[test]
    fn a_drill_grows_old_fails_or_takes_too_long() {
        let policy = RecoveryPolicy { drill_every: Some(48 * HOUR), rto: Some(4 * HOUR), ..RecoveryPolicy::default() };
        let drilled = |hours: i64, ok: bool, took_s: f64| Catalogue {
            drill: Some(Drill { at: ago(hours), ok, detail: "table `a` is missing".into(), took_s }),
            ..shelf()
        };
        let told = |status, text: &str| vec![(status, text.to_owned())];
        assert_eq!(said(&policy, &drilled(48, true, 60.0)), []);
        assert_eq!(said(&policy, &drilled(49, true, 60.0)), told(Status::Warning, "last drill 2 d 1 h ago, limit 2 d"));
        let failed = told(Status::Critical, "the drill 1 h ago failed: table `a` is missing");
        assert_eq!(said(&policy, &drilled(1, false, 60.0)), failed);
        let slow = |hours: f64| said(&policy, &drilled(1, true, hours * 3600.0)).first().map(|(status, _)| *status);
        assert_eq!((slow(1.9), slow(2.1), slow(4.1)), (None, Some(Status::Warning), Some(Status::Critical)));
        let mut never = shelf();
        assert_eq!(said(&policy, &never), [], "the first backup is not two days old yet");
        never.files[0].taken_at = ago(49);
        assert_eq!(said(&policy, &never)[0].0, Status::Warning);
        never.proofs_unknown = Some("the store is locked".into());
        assert_eq!(said(&policy, &never)[0].0, Status::Unknown);
    }
}
