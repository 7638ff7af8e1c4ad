//! The chain: every record is sealed by a hash over the one before, so that a log that was
//! changed, cut or rearranged behind our back says where.
//!
//! The seal is SHA-256 over `"rounds-audit/1"`, the store's id, the number (8 bytes, big
//! endian), the seal before, and the fields in the order of [`AuditEntry`], each as its
//! length (4 bytes, big endian) and its bytes. Lengths leave no room for two records that
//! read alike, and no question of how to write JSON. Times and durations are whole
//! microseconds as 8 bytes, what is absent has no bytes.
//!
//! A chain without a secret cannot tell a rewritten log from a true one, nor see that its
//! end was cut off: for that, compare with a [`Head`] that was written down elsewhere.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::domain::audit::{AuditEntry, AuditRecord};

/// The last record of a log: an anchor, when it is written down somewhere else.
/// Number 0 is the empty log, whose hash is the store's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub seq: u64,
    /// In hex, lower case.
    pub hash: String,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

/// A text that is not `seq:hash`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the head of an audit log: a number, a colon and 64 hex digits, as `audit verify` prints it")]
pub struct NotAHead(String);

impl FromStr for Head {
    type Err = NotAHead;

    fn from_str(text: &str) -> Result<Self, NotAHead> {
        let wrong = || NotAHead(text.to_owned());
        let (seq, hash) = text.trim().split_once(':').ok_or_else(wrong)?;
        let hash = hash.to_ascii_lowercase();
        let seq = seq.parse().ok().filter(|_| from_hex(&hash).is_some()).ok_or_else(wrong)?;
        Ok(Self { seq, hash })
    }
}

/// An entry at its place in the chain. `None` when `store_id` or `prev` are not hashes in hex.
pub fn seal(store_id: &str, prev: &Head, entry: AuditEntry) -> Option<AuditRecord> {
    let seq = prev.seq + 1;
    let hash = hash(store_id, seq, &prev.hash, &entry)?;
    Some(AuditRecord { seq, entry, prev: prev.hash.clone(), hash })
}

/// Seconds as the whole microseconds that are stored and sealed.
pub fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}

fn hash(store_id: &str, seq: u64, prev: &str, entry: &AuditEntry) -> Option<String> {
    let mut sha = Sha256::new();
    sha.update(b"rounds-audit/1");
    sha.update(from_hex(store_id)?);
    sha.update(seq.to_be_bytes());
    sha.update(from_hex(prev)?);
    let took = entry.took_s.map(|took| micros(took).to_be_bytes());
    let fields: [&[u8]; 14] = [
        &entry.at.timestamp_micros().to_be_bytes(),
        entry.phase.word().as_bytes(),
        entry.correlation.as_bytes(),
        entry.actor.operator.as_bytes(),
        entry.actor.os_user.as_bytes(),
        entry.actor.host.as_bytes(),
        entry.actor.origin.as_bytes(),
        entry.action.as_bytes(),
        entry.target.as_bytes(),
        entry.risk.as_bytes(),
        entry.reason.as_bytes(),
        entry.plan.as_bytes(),
        entry.outcome.map_or("", |outcome| outcome.word()).as_bytes(),
        entry.detail.as_bytes(),
    ];
    for field in fields.into_iter().chain([took.as_ref().map_or(&[][..], |took| &took[..])]) {
        sha.update(u32::try_from(field.len()).ok()?.to_be_bytes());
        sha.update(field);
    }
    Some(to_hex(&sha.finalize()))
}

fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

/// What is wrong with a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlawKind {
    /// The record's seal does not fit what it says.
    Altered,
    /// A number is missing.
    Gap,
    /// The record is whole, and follows another one than stands before it.
    Fork,
    /// The record is whole, and belongs at another number.
    Reordered,
    /// The log ends before a record that is known to have existed.
    Truncated,
    /// The records belong to another store.
    Foreign,
    /// The records fit; the table or the triggers that guard them are not the ones we made.
    Unguarded,
}

impl FlawKind {
    pub const fn word(self) -> &'static str {
        match self {
            FlawKind::Altered => "altered",
            FlawKind::Gap => "gap",
            FlawKind::Fork => "fork",
            FlawKind::Reordered => "reordered",
            FlawKind::Truncated => "truncated-below-anchor",
            FlawKind::Foreign => "foreign-store",
            FlawKind::Unguarded => "unguarded",
        }
    }
}

/// The first record that is wrong, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flaw {
    pub seq: u64,
    pub kind: FlawKind,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seq = self.seq;
        match self.kind {
            FlawKind::Altered => write!(f, "record {seq} was altered"),
            FlawKind::Gap => write!(f, "record {seq} is missing"),
            FlawKind::Fork => write!(f, "record {seq} does not continue the log that was here before"),
            FlawKind::Reordered => write!(f, "record {seq} stands in a place that is not its own"),
            FlawKind::Truncated => write!(f, "record {seq} and those after it were cut off"),
            FlawKind::Foreign => write!(f, "record {seq} belongs to another store"),
            FlawKind::Unguarded => {
                write!(f, "the table or triggers that keep the log append-only were changed, at record {seq} or before")
            }
        }
    }
}

/// What a walk along the chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    pub store_id: String,
    /// How many records were read and found good.
    pub checked: u64,
    /// The last good record.
    pub head: Head,
    /// Whether the chain was compared with a head that was written down elsewhere.
    pub anchored: bool,
    pub flaw: Option<Flaw>,
}

impl Verification {
    pub fn is_ok(&self) -> bool {
        self.flaw.is_none()
    }
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.flaw {
            Some(flaw) => write!(f, "audit log broken: {flaw} ({}), good up to {}", flaw.kind.word(), self.head),
            None if self.anchored => write!(f, "audit log whole: {} records, head {}", self.checked, self.head),
            None => write!(
                f,
                "audit log whole: {} records, head {}; that its end was not cut off can only be told with --expect",
                self.checked, self.head
            ),
        }
    }
}

/// Walks along a chain, record by record, and remembers only the last.
#[derive(Clone, Debug)]
pub struct Verifier {
    store_id: String,
    expect: Option<Head>,
    /// The highest number in the log: how far to look for a record's true place.
    last: u64,
    head: Head,
    checked: u64,
    flaw: Option<Flaw>,
}

impl Verifier {
    /// A walk from the first record; `last` is the highest number in the log.
    pub fn new(store_id: &str, last: u64, expect: Option<Head>) -> Self {
        let head = Head { seq: 0, hash: store_id.to_owned() };
        Self::after(store_id, head, last, expect)
    }

    /// A walk that takes `head` and everything before it as given.
    pub fn after(store_id: &str, head: Head, last: u64, expect: Option<Head>) -> Self {
        let mut verifier = Self { store_id: store_id.to_owned(), expect, last, head, checked: 0, flaw: None };
        verifier.compare_with_anchor();
        verifier
    }

    /// Takes the next record, in the order of numbers; `Err` is the number of one that cannot
    /// even be read. Answers whether to go on: after the first flaw there is nothing to learn.
    pub fn push(&mut self, record: Result<&AuditRecord, u64>) -> bool {
        if self.flaw.is_some() {
            return false;
        }
        let flaw = match record {
            Err(seq) => Some((seq, FlawKind::Altered)),
            Ok(record) => self.flaw_of(record),
        };
        if let Some((seq, kind)) = flaw {
            self.found(seq, kind);
        } else if let Ok(record) = record {
            self.head = Head { seq: record.seq, hash: record.hash.clone() };
            self.checked += 1;
            self.compare_with_anchor();
        }
        self.flaw.is_none()
    }

    /// What was found, once there are no more records.
    pub fn finish(mut self) -> Verification {
        if self.flaw.is_none() && self.expect.as_ref().is_some_and(|expect| expect.seq > self.head.seq) {
            self.found(self.head.seq + 1, FlawKind::Truncated);
        }
        let anchored = self.expect.is_some();
        Verification { store_id: self.store_id, checked: self.checked, head: self.head, anchored, flaw: self.flaw }
    }

    fn found(&mut self, seq: u64, kind: FlawKind) {
        self.flaw = Some(Flaw { seq, kind });
    }

    fn compare_with_anchor(&mut self) {
        if self.expect.as_ref().is_some_and(|expect| expect.seq == self.head.seq && expect.hash != self.head.hash) {
            let kind = if self.head.seq == 0 { FlawKind::Foreign } else { FlawKind::Fork };
            self.found(self.head.seq, kind);
        }
    }

    fn flaw_of(&self, record: &AuditRecord) -> Option<(u64, FlawKind)> {
        let next = self.head.seq + 1;
        if record.seq > next {
            return Some((next, FlawKind::Gap));
        }
        let kind = if record.seq < next {
            FlawKind::Fork
        } else if !is_sealed(record, &self.store_id, record.seq) {
            self.whose_seal(record)
        } else if record.prev != self.head.hash {
            FlawKind::Fork
        } else {
            return None;
        };
        Some((record.seq, kind))
    }

    /// Why a seal does not fit: the record of another store, of another place, or a changed
    /// one. Tries every place of the log, a second or so for a million, and only once.
    fn whose_seal(&self, record: &AuditRecord) -> FlawKind {
        if record.seq == 1 && is_sealed(record, &record.prev, 1) {
            FlawKind::Foreign
        } else if (1..=self.last).any(|seq| is_sealed(record, &self.store_id, seq)) {
            FlawKind::Reordered
        } else {
            FlawKind::Altered
        }
    }
}

fn is_sealed(record: &AuditRecord, store_id: &str, seq: u64) -> bool {
    hash(store_id, seq, &record.prev, &record.entry).as_ref() == Some(&record.hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit::{Actor, Phase};
    use crate::domain::job::JobResult;
    use crate::domain::time::Timestamp;

    const STORE: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn entry(number: u64) -> AuditEntry {
        let micros = 1_772_000_000_123_456 + i64::try_from(number).expect("small");
        AuditEntry {
            at: Timestamp::from_timestamp_micros(micros).expect("time"),
            phase: Phase::Outcome,
            correlation: format!("job-{number}"),
            actor: Actor {
                operator: "ada".into(),
                os_user: "root".into(),
                host: "db1".into(),
                origin: "tty /dev/pts/3".into(),
            },
            action: "vacuum".into(),
            target: "database:rota".into(),
            risk: "disruptive".into(),
            reason: String::new(),
            plan: "VACUUM".into(),
            outcome: Some(JobResult::Succeeded),
            detail: "12 MB reclaimed".into(),
            took_s: Some(1.25),
        }
    }

    fn chain(store: &str, length: u64) -> Vec<AuditRecord> {
        let mut head = Head { seq: 0, hash: store.to_owned() };
        (1..=length)
            .map(|number| {
                let record = seal(store, &head, entry(number)).expect("sealed");
                head = Head { seq: record.seq, hash: record.hash.clone() };
                record
            })
            .collect()
    }

    fn head_of(records: &[AuditRecord], seq: usize) -> Head {
        Head { seq: seq as u64, hash: records[seq - 1].hash.clone() }
    }

    fn verify(records: &[AuditRecord], expect: Option<Head>) -> Option<(u64, FlawKind)> {
        let last = records.last().map_or(0, |record| record.seq);
        let mut verifier = Verifier::new(STORE, last, expect);
        for record in records {
            if !verifier.push(Ok(record)) {
                break;
            }
        }
        verifier.finish().flaw.map(|flaw| (flaw.seq, flaw.kind))
    }

    /// Computed with Python's hashlib from the description above, not with this code.
    #[test]
    fn the_seal_is_the_one_that_is_written_down() {
        let sealed = seal(STORE, &Head { seq: 0, hash: STORE.to_owned() }, entry(1)).expect("sealed");
        assert_eq!(sealed.hash, "dc592e81f417855f0269690c536034e59c8b1fee9e1e16966cd2945c3be8db2d");
    }

    #[test]
    fn a_whole_chain_verifies_with_and_without_an_anchor() {
        let records = chain(STORE, 9);
        assert_eq!(verify(&records, None), None);
        assert_eq!(verify(&[], None), None);
        for seq in 1..=9 {
            assert_eq!(verify(&records, Some(head_of(&records, seq))), None, "anchor {seq}");
        }
        assert_eq!(verify(&records, Some(Head { seq: 0, hash: STORE.to_owned() })), None);
    }

    #[test]
    fn every_kind_of_flaw_is_named_with_the_first_record_that_has_it() {
        type Attack = fn(&mut Vec<AuditRecord>);
        let table: [(&str, Attack, u64, FlawKind); 9] = [
            ("a field changed", |log| log[4].entry.reason = "none".into(), 5, FlawKind::Altered),
            ("a hash changed", |log| log[4].hash = "0".repeat(64), 5, FlawKind::Altered),
            (
                "a field changed and sealed anew",
                |log| {
                    let prev = head_of(log, 4);
                    let forged = AuditEntry { reason: "because".into(), ..entry(5) };
                    log[4] = seal(STORE, &prev, forged).expect("sealed");
                },
                6,
                FlawKind::Fork,
            ),
            ("a record deleted", |log| drop(log.remove(4)), 5, FlawKind::Gap),
            (
                "a record deleted, the rest moved up",
                |log| {
                    log.remove(4);
                    (1..).zip(log.iter_mut()).for_each(|(seq, record)| record.seq = seq);
                },
                5,
                FlawKind::Reordered,
            ),
            (
                "two records swapped",
                |log| {
                    log.swap(4, 6);
                    (1..).zip(log.iter_mut()).for_each(|(seq, record)| record.seq = seq);
                },
                5,
                FlawKind::Reordered,
            ),
            ("a record twice", |log| log.insert(5, log[4].clone()), 5, FlawKind::Fork),
            ("all from another store", |log| *log = chain(&"ab".repeat(32), 9), 1, FlawKind::Foreign),
            ("one from another store", |log| log[4] = chain(&"ab".repeat(32), 9)[4].clone(), 5, FlawKind::Altered),
        ];
        for (attack, act, seq, kind) in table {
            let mut records = chain(STORE, 9);
            act(&mut records);
            assert_eq!(verify(&records, None), Some((seq, kind)), "{attack}");
        }
    }

    #[test]
    fn a_cut_tail_and_a_rewritten_log_are_found_with_an_anchor_only() {
        let whole = chain(STORE, 9);
        let anchor = Some(head_of(&whole, 8));
        assert_eq!(verify(&whole[..6], None), None);
        assert_eq!(verify(&whole[..6], anchor.clone()), Some((7, FlawKind::Truncated)));

        let mut head = Head { seq: 0, hash: STORE.to_owned() };
        let rewritten: Vec<AuditRecord> = (1..=9)
            .map(|number| {
                let record = seal(STORE, &head, AuditEntry { target: "database:other".into(), ..entry(number) });
                let record = record.expect("sealed");
                head = Head { seq: record.seq, hash: record.hash.clone() };
                record
            })
            .collect();
        assert_eq!(verify(&rewritten, None), None);
        assert_eq!(verify(&rewritten, anchor), Some((8, FlawKind::Fork)));
        let other = Some(Head { seq: 0, hash: "ab".repeat(32) });
        assert_eq!(verify(&whole, other), Some((0, FlawKind::Foreign)));
    }

    #[test]
    fn a_walk_may_begin_in_the_middle() {
        let records = chain(STORE, 9);
        let mut verifier = Verifier::after(STORE, head_of(&records, 4), 9, None);
        assert!(records[4..].iter().all(|record| verifier.push(Ok(record))));
        assert_eq!((verifier.clone().finish().checked, verifier.finish().is_ok()), (5, true));
    }

    #[test]
    fn moving_a_letter_between_fields_breaks_the_seal() {
        let mut records = chain(STORE, 2);
        records[1].entry.action = "vacuumd".into();
        records[1].entry.target = "atabase:rota".into();
        assert_eq!(verify(&records, None), Some((2, FlawKind::Altered)));
    }

    #[test]
    fn a_head_reads_as_it_is_printed() {
        let head = Head { seq: 17, hash: "ab".repeat(32) };
        assert_eq!(head.to_string().parse(), Ok(head));
        for wrong in ["", "17", "17:", "17:abc", "x:ab", ":", &format!("-1:{}", "ab".repeat(32))] {
            assert!(wrong.parse::<Head>().is_err(), "{wrong}");
        }
    }
}
