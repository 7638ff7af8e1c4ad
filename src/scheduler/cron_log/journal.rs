//! The lines of cron in the journal, as `journalctl -o json` prints them.

use serde_json::Value;

use super::{CronLog, LOOK_BACK, Told};
use crate::domain::plan::Invocation;
use crate::domain::time::Timestamp;
use crate::scheduler::journald::text;

/// Where in the journal the reading stands.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    log: CronLog,
    /// Of the last entry.
    cursor: Option<String>,
}

impl Told for Journal {
    fn invocation(&self, now: Timestamp) -> Invocation {
        let from = match &self.cursor {
            Some(cursor) => format!("--after-cursor={cursor}"),
            None => format!("--since=@{}", (now - LOOK_BACK).timestamp()),
        };
        let tags = ["-t", "CRON", "-t", "cron", "-t", "CROND", "-t", "crond"];
        let fields = "--output-fields=MESSAGE,SYSLOG_IDENTIFIER";
        Invocation::new(
            ["journalctl", "--no-pager", "-a", "-o", "json", fields].into_iter().chain(tags).chain([&*from]),
        )
    }

    fn take(&mut self, printed: &[u8]) {
        for line in printed.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"-- ")) {
            let Ok(entry) = serde_json::from_slice::<Value>(line) else {
                self.log.unread += 1;
                continue;
            };
            if let Some(cursor) = entry["__CURSOR"].as_str() {
                self.cursor = Some(cursor.to_owned());
            }
            let micros = entry["__REALTIME_TIMESTAMP"].as_str().and_then(|text| text.parse().ok());
            match (micros.and_then(Timestamp::from_timestamp_micros), text(&entry["MESSAGE"])) {
                (Some(at), Some(message)) => {
                    self.log.said(at, entry["SYSLOG_IDENTIFIER"].as_str().unwrap_or_default(), message.trim_ascii());
                }
                _ => self.log.unread += 1,
            }
        }
    }

    fn log(&mut self) -> &mut CronLog {
        &mut self.log
    }

    fn denied(&self, complaint: &[u8]) -> Option<(&'static str, &'static str)> {
        let complaint = String::from_utf8_lossy(complaint);
        complaint
            .contains("not seeing")
            .then_some(("the journal shows this user no messages of others", "join the group adm"))
    }
}
