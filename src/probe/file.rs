//! The newest file of a pattern: how old it is, how large, and whether there is one at all.

pub(super) mod walk;

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use self::walk::Walk;
use super::blocking::Blocking;
use super::{BoxFuture, Context, Kind, Probe, Watched};
use crate::config::Config;
use crate::config::spec::{CheckForm, CheckSpec};
use crate::domain::board::Watch;
use crate::domain::finding::Finding;
use crate::domain::humanize;
use crate::domain::observation::{ProbeError, Reading};
use crate::domain::sample::Sample;
use crate::domain::sanitize;
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, seconds_between, span};

/// The `file` kind.
pub const KIND: Kind = Kind { name: "file", summary: "the newest file of a pattern: its age and its size", build };

/// Clocks of file servers differ from ours by a little.
const CLOCK_SKEW: Duration = Duration::from_mins(1);

fn build(config: &Config, context: &Context) -> Vec<Watched> {
    let file = |check: &CheckSpec| match &check.form {
        CheckForm::File { newest, age, size } => {
            let mut watch = Watch::new(check.probe(), &context.system, check.every, check.timeout);
            watch.folds_under.clone_from(&check.depends_on);
            let rules = [age.rule("age", "age of the newest file"), size.rule("size", "size of the newest file")];
            watch.rules = rules.into_iter().flatten().collect();
            Some(Watched { watch, probe: Box::new(FileProbe::new(newest)) })
        }
        CheckForm::Command(_) => None,
    };
    config.checks.iter().filter_map(file).collect()
}

/// Looks for the newest file of one pattern.
#[derive(Debug)]
pub struct FileProbe {
    pattern: String,
    blocking: Blocking,
}

impl FileProbe {
    /// `*`, `?`, `[…]` within a name and `**` for any folders, as shells read them.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self { pattern: pattern.into(), blocking: Blocking::new() }
    }
}

impl Probe for FileProbe {
    fn read(&mut self, now: Timestamp) -> BoxFuture<'_, Result<Reading, ProbeError>> {
        Box::pin(async move {
            let pattern = self.pattern.clone();
            self.blocking.run(move || look(&pattern, now)).await?
        })
    }
}

/// One file that matched.
#[derive(Clone, Debug)]
struct Found {
    path: PathBuf,
    at: Timestamp,
    size: u64,
}

fn look(pattern: &str, now: Timestamp) -> Result<Reading, ProbeError> {
    let (mut newest, mut ahead): (Option<Found>, Option<Found>) = (None, None);
    let mut count = 0_u32;
    let walk = Walk::new(pattern)?.run(|path, metadata| {
        count += 1;
        let at = metadata.modified().map_or(Timestamp::UNIX_EPOCH, timestamp);
        // One that is dated ahead would look fresh until that day, and hide that no other is.
        let slot = if at > now + span(CLOCK_SKEW) { &mut ahead } else { &mut newest };
        if slot.as_ref().is_none_or(|other| at > other.at) {
            *slot = Some(Found { path: path.to_owned(), at, size: metadata.len() });
        }
    })?;
    if count == 0
        && let Some(trouble) = walk.troubles.first()
    {
        return Err(trouble.clone());
    }
    let mut findings: Vec<Finding> =
        walk.troubles.iter().map(|trouble| Finding::new(Status::Unknown, "readable", trouble.to_string())).collect();
    if count == 0 {
        let place = walk.missing.map_or_else(String::new, |place| format!("; {} does not exist", shown(&place)));
        let text = format!("no file matches {}{place}", sanitize::line(pattern));
        findings.push(Finding::new(Status::Critical, "count", text));
    }
    if let Some(found) = &ahead {
        let by = humanize::seconds(seconds_between(now, found.at));
        let text = format!("{} is dated {by} in the future", shown(&found.path));
        findings.push(Finding::new(Status::Warning, "age", text).advice("its clock or ours is wrong"));
    }
    let mut samples = vec![Sample::count("count", f64::from(count))];
    if let Some(found) = newest.or(ahead) {
        samples.push(Sample::time("age", found.at));
        samples.push(Sample::bytes("size", found.size));
        samples.push(Sample::text("newest", shown(&found.path)));
    }
    Ok(Reading { samples, findings, ..Reading::default() })
}

/// A file's time as ours; one that no calendar reaches is held at its end.
pub(super) fn timestamp(at: std::time::SystemTime) -> Timestamp {
    match at.duration_since(UNIX_EPOCH) {
        Ok(after) => Timestamp::UNIX_EPOCH.checked_add_signed(span(after)).unwrap_or(Timestamp::MAX_UTC),
        Err(before) => Timestamp::UNIX_EPOCH.checked_sub_signed(span(before.duration())).unwrap_or(Timestamp::MIN_UTC),
    }
}

pub(super) fn shown(path: &Path) -> String {
    sanitize::bytes(path.as_os_str().as_encoded_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use std::fs::File;
    use std::time::SystemTime;

    fn now() -> Timestamp {
        Timestamp::from_timestamp(1_772_400_000, 0).expect("instant")
    }

    fn put(folder: &Path, name: &str, seconds_ago: i64, size: u64) {
        let file = File::create(folder.join(name)).expect("scratch");
        file.set_len(size).expect("scratch");
        file.set_modified(SystemTime::from(now() - TimeDelta::seconds(seconds_ago))).expect("scratch");
    }

    async fn read(pattern: &Path) -> Result<Reading, ProbeError> {
        FileProbe::new(pattern.to_str().expect("utf-8")).read(now()).await
    }

    #[tokio::test]
    async fn the_newest_match_is_measured_and_the_others_counted() {
        let folder = tempfile::tempdir().expect("scratch");
        put(folder.path(), "a.csv", 500, 1);
        put(folder.path(), "b.csv", 100, 42);
        put(folder.path(), "c.txt", 1, 7);
        let reading = read(&folder.path().join("*.csv")).await.expect("a reading");
        assert!(reading.findings.is_empty());
        let expected = [
            Sample::count("count", 2.0),
            Sample::time("age", now() - TimeDelta::seconds(100)),
            Sample::bytes("size", 42),
            Sample::text("newest", folder.path().join("b.csv").display().to_string()),
        ];
        assert_eq!(reading.samples, expected);
    }

    #[tokio::test]
    async fn nothing_there_is_critical_and_names_what_is_missing() {
        let folder = tempfile::tempdir().expect("scratch");
        let place = folder.path().display();
        let table = [
            ("*.csv", format!("no file matches {place}/*.csv")),
            ("reports/*.csv", format!("no file matches {place}/reports/*.csv; {place}/reports does not exist")),
            ("one.csv", format!("no file matches {place}/one.csv; {place}/one.csv does not exist")),
        ];
        for (pattern, text) in table {
            let reading = read(&folder.path().join(pattern)).await.expect("a reading");
            assert_eq!(reading.findings, [Finding::new(Status::Critical, "count", text)]);
            assert_eq!(reading.samples, [Sample::count("count", 0.0)]);
        }
    }

    #[tokio::test]
    async fn a_file_from_the_future_does_not_make_an_old_one_fresh() {
        let folder = tempfile::tempdir().expect("scratch");
        put(folder.path(), "old", 9000, 1);
        put(folder.path(), "ahead", -7200, 2);
        let reading = read(&folder.path().join("*")).await.expect("a reading");
        assert!(reading.samples.contains(&Sample::time("age", now() - TimeDelta::seconds(9000))));
        assert!(reading.findings[0].text.ends_with("ahead is dated 2 h in the future"), "{:?}", reading.findings);
        put(folder.path(), "skewed", -30, 3);
        let reading = read(&folder.path().join("skewed")).await.expect("a reading");
        assert!(reading.findings.is_empty(), "half a minute is the file server's clock");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn names_that_are_no_text_are_seen_and_shown_clean() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().expect("scratch");
        let name = std::ffi::OsStr::from_bytes(b"r\xe9port\x1b[31m.csv");
        File::create(folder.path().join(name))
            .expect("scratch")
            .set_modified(SystemTime::from(now()))
            .expect("scratch");
        let reading = read(&folder.path().join("*.csv")).await.expect("a reading");
        let shown = format!("{}/r\\xe9port.csv", folder.path().display());
        assert!(reading.samples.contains(&Sample::text("newest", shown)), "{:?}", reading.samples);
    }

    #[test]
    fn no_time_of_a_file_is_too_far_away() {
        let far = Duration::from_secs(1 << 62);
        assert_eq!(UNIX_EPOCH.checked_add(far).map(timestamp), Some(Timestamp::MAX_UTC));
        assert_eq!(UNIX_EPOCH.checked_sub(far).map(timestamp), Some(Timestamp::MIN_UTC));
    }
}
