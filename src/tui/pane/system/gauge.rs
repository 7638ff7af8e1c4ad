//! What of this machine stands against a limit: each measure with its bar, its figure and what
//! there is to say of it.

use crate::domain::board::{Assessment, JudgedSample, Pending};
use crate::domain::host::Host;
use crate::domain::humanize;
use crate::domain::limit::Limit;
use crate::domain::observation::{Detail, ProbeId};
use crate::domain::sample::Value;
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, seconds_between};
use crate::tui::pane::{Snapshot, rows};

/// One measure against its limit.
pub(super) struct Gauge<'a> {
    pub(super) one: &'a Assessment,
    pub(super) key: &'static str,
    pub(super) label: &'a str,
    pub(super) status: Status,
    /// The part of the whole that is used, and where the limit stands in it, 0 to 1.
    pub(super) share: Option<f64>,
    pub(super) limit: Option<f64>,
    pub(super) value: String,
    pub(super) bound: String,
    pub(super) note: String,
    /// Its limit is passed, and not yet for long enough to count.
    pub(super) pending: bool,
}

/// The host's measures: sample, label.
pub(super) const HOST: [(&str, &str); 4] = [("cpu", "CPU"), ("memory", "MEM"), ("swap", "SWAP"), ("load", "LOAD")];

pub(super) fn gauges<'a>(see: &Snapshot<'a>) -> Vec<Gauge<'a>> {
    let host = rows::of_kind(see, "host").into_iter().flat_map(|one| {
        let host = host(see, &one.id);
        HOST.into_iter().filter_map(move |measure| of_host(one, host, measure, see.now))
    });
    let disks = rows::of_kind(see, "disk").into_iter().map(of_disk);
    host.chain(disks).collect()
}

/// The facts behind the host's reading.
pub(super) fn host<'a>(see: &Snapshot<'a>, id: &ProbeId) -> Option<&'a Host> {
    match see.board.detail(id)? {
        Detail::Host(host) => Some(host),
        _ => None,
    }
}

fn of_host<'a>(
    one: &'a Assessment,
    host: Option<&Host>,
    (key, label): (&'static str, &'static str),
    now: Timestamp,
) -> Option<Gauge<'a>> {
    let empty = Gauge {
        one,
        key,
        label,
        status: one.status,
        share: None,
        limit: None,
        value: String::new(),
        bound: String::new(),
        note: String::new(),
        pending: false,
    };
    let Some(judged) = one.sample(key) else {
        // Before the first reading the frame of the picture is already there; a measure this
        // platform does not have is left out.
        return (one.waiting && (key == "cpu" || key == "memory")).then_some(empty);
    };
    let Value::Gauge(value, unit) = judged.sample.value else { return None };
    let bound = judged.warning.or(judged.critical);
    let full = if key == "load" { load_full(judged) } else { 100.0 };
    let note = match (key, host) {
        ("load", Some(Host { load: Some([one, five, fifteen]), cores, .. })) => {
            format!("{one:.1} {five:.1} {fifteen:.1} on {}", humanize::count(*cores, "core"))
        }
        ("memory", Some(host)) if host.memory_bytes > 0 => format!("of {}", humanize::bytes(host.memory_bytes as f64)),
        ("swap", Some(host)) if host.swap_bytes > 0 => format!("of {}", humanize::bytes(host.swap_bytes as f64)),
        _ => String::new(),
    };
    Some(Gauge {
        status: if one.status == Status::Unknown { Status::Unknown } else { judged.status },
        share: Some(value / full),
        limit: bound.map(|limit| limit.value / full),
        value: humanize::quantity(value, unit),
        bound: worst_passed(judged, value).or(bound).map_or_else(String::new, |limit| against(value, limit)),
        note: match &judged.pending {
            Some(pending) => passing(pending, now),
            None => said(one, key, note),
        },
        pending: judged.pending.is_some(),
        ..empty
    })
}

/// A load has no whole; the bar ends where it is critical, or at twice what is worth a warning.
fn load_full(judged: &JudgedSample) -> f64 {
    let full = judged.critical.map(|limit| limit.value).or(judged.warning.map(|limit| limit.value * 2.0));
    full.filter(|full| *full > 0.0).unwrap_or(2.0)
}

fn of_disk(one: &Assessment) -> Gauge<'_> {
    let free = one.gauge("free");
    let least = one.sample("free").and_then(|judged| judged.warning.or(judged.critical));
    let used = free.map(|free| 100.0 - free);
    let most = least.map(|limit| Limit::over(100.0 - limit.value, limit.unit));
    let mut notes = Vec::new();
    if one.samples.iter().any(|judged| judged.sample.key == "read_only" && judged.sample.value == Value::Flag(true)) {
        notes.push("read-only".to_owned());
    }
    if let Some(bytes) = one.gauge("free_bytes") {
        notes.push(format!("{} free", humanize::bytes(bytes)));
    }
    if let Some(seconds) = one.gauge("full_in") {
        notes.push(format!("full in {}", humanize::seconds(seconds)));
    }
    let note = match one.findings.first() {
        Some(finding) if !one.waiting => finding.text.clone(),
        _ => notes.join(", "),
    };
    Gauge {
        one,
        key: "free",
        label: one.id.name(),
        status: one.status,
        share: used.map(|used| used / 100.0),
        limit: most.map(|most| most.value / 100.0),
        value: used.map_or_else(String::new, |used| humanize::quantity(used, crate::domain::sample::Unit::Percent)),
        bound: used.zip(most).map_or_else(String::new, |(used, most)| against(used, most)),
        note,
        pending: false,
    }
}

/// `for 2 m of 5 m past 90 %`: what will count when it lasts; the limit stands beside it, too.
fn passing(pending: &Pending, now: Timestamp) -> String {
    let limit = humanize::quantity(pending.limit.value, pending.limit.unit);
    let lasted = humanize::seconds(seconds_between(pending.since, now));
    format!("for {lasted} of {} past {limit}", humanize::duration(pending.hold))
}

/// `< 70 %`: on which side of its limit a value is.
fn against(value: f64, limit: Limit) -> String {
    let side = if limit.is_passed_by(value) { '>' } else { '<' };
    format!("{side} {}", humanize::quantity(limit.value, limit.unit))
}

/// The limit that makes a value what it is.
fn worst_passed(judged: &JudgedSample, value: f64) -> Option<Limit> {
    [judged.critical, judged.warning].into_iter().flatten().find(|limit| limit.is_passed_by(value))
}

/// The finding about one of the host's measures, or what else is worth saying.
fn said(one: &Assessment, key: &str, note: String) -> String {
    one.findings.iter().find(|finding| finding.key == key).map_or(note, |finding| finding.text.clone())
}
