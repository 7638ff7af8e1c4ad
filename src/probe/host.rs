//! This machine: processor, memory, swap, load, and whether its clock can be trusted.

mod steps;

use std::time::Duration;

use sysinfo::{MINIMUM_CPU_UPDATE_INTERVAL, System};
use tokio::time::Instant;

use self::steps::Steps;
use super::blocking::Blocking;
use super::{BoxFuture, Context, Kind, Probe, Watched, lacking};
use crate::config::Config;
use crate::domain::board::Watch;
use crate::domain::finding::Finding;
use crate::domain::host::Host;
use crate::domain::observation::{Detail, ProbeError, ProbeId, Reading};
use crate::domain::sample::Sample;
use crate::domain::sanitize;
use crate::domain::time::{Timestamp, seconds_between};
use crate::platform::lacks;

/// The `host` kind.
pub const KIND: Kind =
    Kind { name: "host", summary: "this machine: processor, memory, swap, load per core, uptime, clock", build };

const TIMEOUT: Duration = Duration::from_secs(5);
/// What a first reading may take at least: it waits for a difference.
const FIRST_LOOK: Duration = Duration::from_secs(1);
/// For this long after a boot the uptime is worth a word.
const RECENT_BOOT_S: f64 = 3600.0;

fn build(config: &Config, context: &Context) -> Vec<Watched> {
    let spec = &config.host;
    let mut watch =
        Watch::new(ProbeId::new(KIND.name, ""), &context.system, spec.every, TIMEOUT.min(spec.every.max(FIRST_LOOK)));
    let rules = [
        spec.cpu.rule("cpu", "cpu"),
        spec.memory.rule("memory", "memory"),
        spec.swap.rule("swap", "swap"),
        spec.load.rule("load", "load per core"),
    ];
    watch.rules = rules.into_iter().flatten().collect();
    let lacking = lacking::finding("load", "load per core", "[host]", &spec.load, lacks::LOAD);
    let probe = HostProbe { lacking, ..HostProbe::default() };
    vec![Watched { watch, probe: Box::new(probe) }]
}

/// Reads this machine. The processor's figure is the share since the reading before.
#[derive(Debug, Default)]
pub struct HostProbe {
    blocking: Blocking,
    /// `None` before the first reading, and after one that was lost.
    system: Option<System>,
    steps: Steps,
    /// What is limited and cannot be measured here.
    lacking: Option<Finding>,
}

impl Probe for HostProbe {
    fn read(&mut self, now: Timestamp) -> BoxFuture<'_, Result<Reading, ProbeError>> {
        let mono = Instant::now();
        let step = self.steps.note(now, mono);
        Box::pin(async move {
            let system = self.system.take();
            let (system, host, mut samples) =
                self.blocking.run(move || measure(system)).await?.map_err(ProbeError::Unreachable)?;
            self.system = Some(system);
            if let Some(booted) = host.booted_at {
                samples.push(Sample::time("booted", booted));
                samples.push(Sample::flag("recently_booted", seconds_between(booted, now) < RECENT_BOOT_S));
            }
            samples.extend(step.map(|seconds| Sample::seconds("clock_step", seconds)));
            let findings = self.steps.finding(mono).into_iter().chain(self.lacking.clone()).collect();
            Ok(Reading { samples, detail: Detail::Host(host), findings, ..Reading::default() })
        })
    }
}

/// Reads everything but the clock. The processor's usage is a difference, so the first time
/// two readings are taken, as far apart as it needs.
fn measure(system: Option<System>) -> Result<(System, Host, Vec<Sample>), String> {
    let mut system = system.map_or_else(first_look, Ok)?;
    system.refresh_cpu_usage();
    system.refresh_memory();
    let cores = system.cpus().len();
    let load = System::load_average().ok().map(|load| [load.one, load.five, load.fifteen]);
    let host = Host {
        name: System::host_name().map_or_else(|_| String::new(), |name| sanitize::line(&name)),
        os: System::long_os_version().map_or_else(|_| String::new(), |os| sanitize::line(&os)),
        cores,
        memory_bytes: system.total_memory(),
        swap_bytes: system.total_swap(),
        load,
        booted_at: System::boot_time().ok().and_then(|at| Timestamp::from_timestamp(i64::try_from(at).ok()?, 0)),
        busiest: Vec::new(),
    };
    let used_memory = system.total_memory().saturating_sub(system.available_memory());
    let mut samples = Vec::new();
    samples.extend(percent("cpu", f64::from(system.global_cpu_usage()), 100.0));
    samples.extend(percent("memory", used_memory as f64, system.total_memory() as f64));
    samples.extend(percent("swap", system.used_swap() as f64, system.total_swap() as f64));
    samples.extend(loads(load, cores));
    if cores > 0 {
        samples.push(Sample::count("cores", cores as f64));
    }
    Ok((system, host, samples))
}

/// The processor's figures to compare the next ones with.
fn first_look() -> Result<System, String> {
    let mut system = System::new()
        .map_err(|error| format!("this machine cannot be measured: {}", sanitize::line(&error.to_string())))?;
    system.refresh_cpu_usage();
    std::thread::sleep(MINIMUM_CPU_UPDATE_INTERVAL);
    Ok(system)
}

/// `part` of `whole`; nothing when there is no whole, as with a machine without swap.
fn percent(key: &'static str, part: f64, whole: f64) -> Option<Sample> {
    let share = part / whole * 100.0;
    share.is_finite().then(|| Sample::percent(key, share.clamp(0.0, 100.0)))
}

/// The load averages, and the one of five minutes per core.
fn loads(load: Option<[f64; 3]>, cores: usize) -> Vec<Sample> {
    let Some(load) = load.filter(|load| load.iter().all(|value| value.is_finite() && *value >= 0.0)) else {
        return Vec::new();
    };
    let mut samples: Vec<Sample> =
        ["load1", "load5", "load15"].into_iter().zip(load).map(|(key, value)| Sample::count(key, value)).collect();
    if cores > 0 {
        samples.push(Sample::count("load", load[1] / cores as f64));
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::{Unit, Value};

    #[test]
    fn shares_stay_between_nothing_and_all() {
        let table = [
            (0.0, 0.0, None),
            (f64::NAN, 100.0, None),
            (5.0, 0.0, None),
            (1.0, 4.0, Some(25.0)),
            (9.0, 4.0, Some(100.0)),
            (-1.0, 4.0, Some(0.0)),
        ];
        for (part, whole, expected) in table {
            let expected = expected.map(|share| Sample::percent("x", share));
            assert_eq!(percent("x", part, whole), expected, "{part} of {whole}");
        }
    }

    #[test]
    fn load_is_per_core_and_absent_where_there_is_none() {
        let samples = loads(Some([4.0, 3.0, 1.0]), 2);
        assert_eq!(samples.last(), Some(&Sample::count("load", 1.5)));
        assert_eq!(samples.len(), 4);
        assert!(loads(None, 2).is_empty());
        assert!(loads(Some([0.0, f64::NAN, 0.0]), 2).is_empty());
        assert_eq!(loads(Some([1.0; 3]), 0).len(), 3, "no cores are known, so nothing is divided by them");
    }

    #[tokio::test]
    async fn this_machine_has_a_processor_memory_and_an_age() {
        let mut probe = HostProbe::default();
        let now = Timestamp::from_timestamp(4_000_000_000, 0).expect("instant");
        let first = probe.read(now).await.expect("a reading");
        let second = probe.read(now).await.expect("a reading");
        for reading in [&first, &second] {
            for sample in &reading.samples {
                if let Value::Gauge(value, unit) = sample.value {
                    assert!(value.is_finite(), "{sample:?}");
                    assert!(unit != Unit::Percent || (0.0..=100.0).contains(&value), "{sample:?}");
                }
            }
            for key in ["cpu", "memory", "cores", "booted"] {
                assert!(reading.samples.iter().any(|sample| sample.key == key), "{key}");
            }
            assert!(matches!(&reading.detail, Detail::Host(host) if host.cores > 0 && host.memory_bytes > 0));
        }
    }
}
