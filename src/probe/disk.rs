//! Disks: room and inodes of each file system, when they will run out, and whether it still
//! takes writes.
//!
//! Each mount point has a probe of its own, so that a dead network mount holds up nobody else.

mod mounts;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::mounts::Mount;
use super::blocking::Blocking;
use super::{BoxFuture, Context, Kind, Probe, Watched};
use crate::config::Config;
use crate::config::spec::HostSpec;
use crate::domain::board::Watch;
use crate::domain::finding::Finding;
use crate::domain::observation::{ProbeError, ProbeId, Reading};
use crate::domain::sample::Sample;
use crate::domain::sanitize;
use crate::domain::status::Status;
use crate::domain::time::Timestamp;
use crate::domain::trend::Trend;
use crate::platform::lacks;
use crate::platform::room::{self, Room};

/// The `disk` kind.
pub const KIND: Kind =
    Kind { name: "disk", summary: "a file system: free space and inodes, days until full, still writable", build };

const TIMEOUT: Duration = Duration::from_secs(5);
/// Disks fill more slowly than processors do.
const LEAST_INTERVAL: Duration = Duration::from_secs(10);

fn build(config: &Config, context: &Context) -> Vec<Watched> {
    let excluded: Vec<glob::Pattern> =
        config.host.disk_exclude.iter().filter_map(|pattern| glob::Pattern::new(pattern).ok()).collect();
    mounts::discover()
        .into_iter()
        .filter(|mount| !excluded.iter().any(|pattern| pattern.matches_path(&mount.point)))
        .map(|mount| Watched {
            watch: watch(&mount.point, &config.host, &context.system),
            probe: Box::new(DiskProbe { lacking: lacking(&config.host), ..DiskProbe::new(mount) }),
        })
        .collect()
}

fn watch(point: &Path, spec: &HostSpec, system: &str) -> Watch {
    let id = ProbeId::new(KIND.name, &shown(point));
    let mut watch = Watch::new(id, system, spec.every.max(LEAST_INTERVAL), TIMEOUT);
    let rules = [
        spec.disk_free.rule("free", "free space"),
        spec.disk_inodes_free.rule("inodes_free", "free inodes"),
        spec.disk_full_in.rule("full_in", "time until full"),
    ];
    watch.rules = rules.into_iter().flatten().collect();
    watch.trends = vec![Trend::until_zero("free_bytes", "full_in")];
    watch
}

fn lacking(spec: &HostSpec) -> Option<Finding> {
    super::lacking::finding("inodes_free", "free inodes", "[host.disk]", &spec.disk_inodes_free, lacks::INODES)
}

fn shown(path: &Path) -> String {
    sanitize::bytes(path.as_os_str().as_encoded_bytes())
}

/// Reads one file system.
#[derive(Debug)]
pub struct DiskProbe {
    mount: Mount,
    blocking: Blocking,
    /// It took writes at some reading of ours, so that it should still.
    was_writable: bool,
    read_only_since: Option<Timestamp>,
    /// What is limited and cannot be measured here.
    lacking: Option<Finding>,
}

impl DiskProbe {
    /// The file system that holds `path`, which need not be a mount point.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::new(Mount::of(path.into()))
    }

    fn new(mount: Mount) -> Self {
        Self { mount, blocking: Blocking::new(), was_writable: false, read_only_since: None, lacking: None }
    }

    /// What it means, beyond its numbers, that it takes no writes now.
    fn note_writable(&mut self, room: &Room, now: Timestamp) -> Option<Finding> {
        if !room.read_only {
            self.was_writable = true;
            self.read_only_since = None;
            return None;
        }
        let since = *self.read_only_since.get_or_insert(now);
        let place = shown(&self.mount.point);
        let text = match (self.was_writable, room.failed) {
            (true, _) => format!("{place} became read-only"),
            (false, true) => format!("{place} is read-only, as its file system met errors"),
            // One that never took writes is meant to be so.
            (false, false) => return None,
        };
        Some(
            Finding::new(Status::Critical, "read_only", text)
                .since(since)
                .advice("the kernel does this after disk errors; look at `dmesg` before remounting"),
        )
    }

    fn gone(&self) -> Finding {
        let text = format!("nothing is mounted at {} any more", shown(&self.mount.point));
        Finding::new(Status::Critical, "mounted", text).advice("what is written there now lands on another disk")
    }
}

impl Probe for DiskProbe {
    fn read(&mut self, now: Timestamp) -> BoxFuture<'_, Result<Reading, ProbeError>> {
        Box::pin(async move {
            let mount = self.mount.clone();
            let read = move || if mount.is_still_there() { measure(&mount).map(Some) } else { Ok(None) };
            let Some(room) = self.blocking.run(read).await?? else {
                return Ok(Reading { findings: vec![self.gone()], ..Reading::default() });
            };
            let finding = self.note_writable(&room, now);
            let fills = self.was_writable || !room.read_only;
            let mut samples = samples(&room, fills);
            samples.extend(self.mount.kind.as_deref().map(|kind| Sample::text("type", kind)));
            samples.extend(self.mount.source.as_deref().map(|source| Sample::text("device", source)));
            Ok(Reading {
                samples,
                findings: finding.into_iter().chain(self.lacking.clone()).collect(),
                ..Reading::default()
            })
        })
    }
}

/// What is told of a file system's room. `fills` is false for one that never takes writes: it is
/// not running out of anything.
fn samples(room: &Room, fills: bool) -> Vec<Sample> {
    let mut samples = vec![Sample::bytes("size", room.size), Sample::flag("read_only", room.read_only)];
    if fills {
        samples.push(Sample::bytes("free_bytes", room.available));
        // As df counts: what is kept for root is neither used nor available.
        samples.extend(percent("free", room.available, room.used.saturating_add(room.available)));
        samples.extend(percent("inodes_free", room.inodes_free, room.inodes));
    }
    samples
}

/// Nothing when there is no whole: some file systems have no fixed number of inodes.
fn percent(key: &'static str, part: u64, whole: u64) -> Option<Sample> {
    (whole > 0).then(|| Sample::percent(key, (part as f64 / whole as f64 * 100.0).clamp(0.0, 100.0)))
}

fn measure(mount: &Mount) -> Result<Room, ProbeError> {
    room::at(&mount.point).map_err(|error| {
        let text = format!("{} cannot be measured: {error}", shown(&mount.point));
        match error.kind() {
            ErrorKind::PermissionDenied => ProbeError::Denied(text),
            _ => ProbeError::Unreachable(text),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn room() -> Room {
        Room { size: 1000, used: 600, available: 300, inodes: 0, inodes_free: 0, read_only: false, failed: false }
    }

    #[test]
    fn free_space_is_counted_as_df_counts_it() {
        let samples = super::samples(&room(), true);
        assert!(samples.contains(&Sample::percent("free", 300.0 / 900.0 * 100.0)), "{samples:?}");
        assert!(!samples.iter().any(|sample| sample.key == "inodes_free"), "it has no inodes to count");
        let full = Room { used: 1000, available: 0, inodes: 20, inodes_free: 5, ..room() };
        let full = super::samples(&full, true);
        assert!(full.contains(&Sample::percent("free", 0.0)) && full.contains(&Sample::percent("inodes_free", 25.0)));
        let nothing = super::samples(&Room { size: 0, used: 0, available: 0, ..room() }, true);
        assert!(!nothing.iter().any(|sample| sample.key == "free"), "no size, so no share of it");
    }

    #[test]
    fn becoming_read_only_is_critical_and_being_so_from_the_start_is_not() {
        let now = Timestamp::from_timestamp(1_772_400_000, 0).expect("instant");
        let later = now + TimeDelta::seconds(60);
        let (writable, frozen) = (room(), Room { read_only: true, ..room() });
        let mut probe = DiskProbe::at("/data");
        assert_eq!(probe.note_writable(&frozen, now), None);
        let samples = super::samples(&frozen, false);
        assert!(!samples.iter().any(|sample| sample.key == "free"));
        assert_eq!(probe.note_writable(&writable, now), None);
        probe.note_writable(&frozen, now);
        let finding = probe.note_writable(&frozen, later).expect("it took writes before");
        assert_eq!((finding.status, finding.text.as_str()), (Status::Critical, "/data became read-only"));
        assert_eq!(finding.since, Some(now));
        assert_eq!(probe.note_writable(&writable, later), None, "mended");
        let failed = Room { failed: true, ..frozen };
        let finding = DiskProbe::at("/data").note_writable(&failed, now).expect("nobody means it to be so");
        let text = "/data is read-only, as its file system met errors";
        assert_eq!((finding.status, finding.text.as_str()), (Status::Critical, text));
    }

    #[tokio::test]
    async fn a_folder_of_this_machine_has_room() {
        let folder = tempfile::tempdir().expect("scratch");
        let now = Timestamp::from_timestamp(1_772_400_000, 0).expect("instant");
        let reading = DiskProbe::at(folder.path()).read(now).await.expect("a reading");
        for key in ["size", "free_bytes", "free", "read_only"] {
            assert!(reading.samples.iter().any(|sample| sample.key == key), "{key}");
        }
        assert!(reading.findings.is_empty());
        let error = DiskProbe::at("/no/such/place").read(now).await.expect_err("nothing there");
        assert!(error.to_string().starts_with("/no/such/place cannot be measured: "), "{error}");
    }
}
