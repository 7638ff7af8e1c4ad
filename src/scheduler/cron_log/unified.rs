//! The lines of cron in the unified log of macOS, as `log show --style ndjson` prints them: an object a
//! line, `{"count":2,"finished":1}` the last. It is kept by its size, often for some hours alone.
//!
//! Source: the manual page log(1) of macOS 14.

use chrono::{DateTime, TimeDelta};
use serde_json::Value;

use super::{CronLog, Lines as _, Told};
use crate::domain::plan::Invocation;
use crate::domain::time::Timestamp;

/// Reading more at once takes minutes.
const AT_FIRST: TimeDelta = TimeDelta::days(1);

/// How far it was read.
#[derive(Clone, Debug, Default)]
pub struct Unified {
    log: CronLog,
}

impl Told for Unified {
    fn invocation(&self, now: Timestamp) -> Invocation {
        // A job that begins in the second of the last one is not left out: what is known is passed over.
        let from = self.log.latest().unwrap_or(now - AT_FIRST);
        let start = from.format("%Y-%m-%d %H:%M:%S+0000").to_string();
        let all = ["--style", "ndjson", "--info", "--predicate", "process == \"cron\"", "--start", &start];
        Invocation::new(["log", "show"].into_iter().chain(all))
    }

    fn take(&mut self, printed: &[u8]) {
        let known = self.log.latest();
        for line in printed.split(|byte| *byte == b'\n').filter(|line| line.first() == Some(&b'{')) {
            let Ok(entry) = serde_json::from_slice::<Value>(line) else {
                self.log.unread += 1;
                continue;
            };
            let Some(message) = entry["eventMessage"].as_str() else { continue };
            match entry["timestamp"].as_str().and_then(instant) {
                Some(at) if known.is_some_and(|known| at <= known) => {}
                Some(at) => self.log.said(at, "cron", message.trim().as_bytes()),
                None => self.log.unread += 1,
            }
        }
    }

    fn log(&mut self) -> &mut CronLog {
        &mut self.log
    }

    fn denied(&self, complaint: &[u8]) -> Option<(&'static str, &'static str)> {
        let complaint = String::from_utf8_lossy(complaint);
        let denied = ["must be admin", "Operation not permitted"].iter().any(|words| complaint.contains(words));
        denied.then_some(("the log of macOS is shown to administrators alone", "run this program as one of them"))
    }
}

/// `2026-11-20 02:00:00.123456+0100`
fn instant(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%z").ok().map(Timestamp::from)
}
