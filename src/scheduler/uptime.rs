//! When the machine was off, as its own login records tell: nothing was missed then, for nothing
//! could have run.

use std::path::Path;

use chrono::TimeDelta;

use crate::domain::slot::{Gap, TaskState};
use crate::domain::time::Timestamp;

/// How long one record is, where its fields stand, and what we look for in it: `utmp(5)` as
/// 64-bit Linux on Intel and AMD writes it.
const RECORD: usize = 384;
const USER: std::ops::Range<usize> = 44..76;
const SECONDS: std::ops::Range<usize> = 340..344;
const CHANGE_OF_LEVEL: u8 = 1;
const START: u8 = 2;

/// No more stops than these are looked at.
const MOST: usize = 100;

/// A last sign of life that is older than this does not tell when it stopped.
const FRESH: TimeDelta = TimeDelta::hours(26);

const OFF: &str = "the machine was off";

/// The times between a stop and the start after it, oldest first. Where a stop left no record,
/// as when the power failed, the machine was last known to live at the last of `signs` before the
/// start. `booted_at` is the present start, which the records need not have.
pub fn gaps(records: &[u8], booted_at: Option<Timestamp>, signs: &[Timestamp]) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = Vec::new();
    let mut latest: Option<Timestamp> = None;
    let mut stopped: Option<Timestamp> = None;
    let last_sign = |latest: Option<Timestamp>, before: Timestamp| {
        signs.iter().copied().chain(latest).filter(|sign| *sign < before && before - *sign < FRESH).max()
    };
    let mut close = |stopped: Option<Timestamp>, latest: Option<Timestamp>, started: Timestamp| {
        if let Some(from) = stopped.filter(|at| *at < started).or_else(|| last_sign(latest, started)) {
            gaps.push(Gap { from, until: started, why: OFF, state: TaskState::Skipped });
        }
    };
    let mut last_start = None;
    for record in records.chunks_exact(RECORD) {
        let Some((kind, user, at)) = read(record) else { continue };
        match kind {
            START => {
                close(stopped.take(), latest, at);
                last_start = Some(at);
            }
            CHANGE_OF_LEVEL if user == b"shutdown" => stopped = Some(at),
            _ => {}
        }
        latest = Some(latest.map_or(at, |latest| latest.max(at)));
    }
    // The clock may be set right after a start, and what reckons back from it differs a little.
    let known = |at: Timestamp| last_start.is_some_and(|start: Timestamp| (at - start).num_minutes().abs() <= 5);
    if let Some(at) = booted_at.filter(|at| !known(*at)) {
        close(stopped, latest, at);
    }
    let surplus = gaps.len().saturating_sub(MOST);
    gaps.drain(..surplus);
    gaps
}

/// When a machine, whose files lie below a root, started.
pub fn booted_at(root: &Path) -> Option<Timestamp> {
    let stat = std::fs::read_to_string(root.join("proc/stat")).ok()?;
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    Timestamp::from_timestamp(seconds.trim().parse().ok()?, 0)
}

/// The kind, the user and the instant of one record.
fn read(record: &[u8]) -> Option<(u8, &[u8], Timestamp)> {
    let user = record.get(USER)?;
    let user = &user[..user.iter().position(|byte| *byte == 0).unwrap_or(user.len())];
    let seconds = i32::from_le_bytes(record.get(SECONDS)?.try_into().ok()?);
    let at = Timestamp::from_timestamp(seconds.into(), 0).filter(|_| seconds > 0)?;
    Some((*record.first()?, user, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_timestamp(1_772_000_000 + minute * 60, 0).expect("a time")
    }

    fn record(kind: u8, user: &str, minute: i64) -> Vec<u8> {
        let mut record = vec![0; RECORD];
        record[0] = kind;
        record[44..44 + user.len()].copy_from_slice(user.as_bytes());
        record[SECONDS].copy_from_slice(&i32::try_from(at(minute).timestamp()).expect("seconds").to_le_bytes());
        record
    }

    fn off(from: i64, until: i64) -> Gap {
        Gap { from: at(from), until: at(until), why: OFF, state: TaskState::Skipped }
    }

    #[test]
    fn a_stop_and_the_next_start_are_a_gap() {
        let records =
            [record(2, "reboot", 0), record(7, "ann", 10), record(1, "shutdown", 60), record(2, "reboot", 90)];
        assert_eq!(gaps(&records.concat(), Some(at(91)), &[]), [off(60, 90)]);
    }

    #[test]
    fn without_a_word_it_stopped_after_its_last_sign_of_life() {
        let records = [record(2, "reboot", 0), record(7, "ann", 10), record(2, "reboot", 90)];
        assert_eq!(gaps(&records.concat(), None, &[at(40), at(95)]), [off(40, 90)]);
        assert_eq!(gaps(&records.concat(), None, &[]), [off(10, 90)]);
    }

    #[test]
    fn the_present_start_needs_no_record() {
        assert_eq!(gaps(&[], Some(at(90)), &[at(20), at(100)]), [off(20, 90)]);
        assert_eq!(gaps(&[], Some(at(90)), &[at(100)]), [], "nothing says when it stopped");
        assert_eq!(gaps(&[], Some(at(90)), &[at(90 - 26 * 60)]), [], "it may have lived on without a sign");
        let records = [record(2, "reboot", 0), record(1, "shutdown", 60)];
        assert_eq!(gaps(&records.concat(), Some(at(90)), &[]), [off(60, 90)]);
    }

    #[test]
    fn any_bytes_are_read_or_passed_over() {
        let mut bytes = [record(2, "reboot", 0), record(1, "shutdown", 60), record(2, "reboot", 90)].concat();
        for place in 0..bytes.len() {
            bytes[place] ^= 0x5a;
            let found = gaps(&bytes, Some(at(200)), &[]);
            assert!(found.iter().all(|gap| gap.from < gap.until), "byte {place}");
            assert!(gaps(&bytes[..place], None, &[]).len() <= 2);
        }
    }
}
