//! The walk along a chain: every seal recomputed, and what is wrong told with its place.

use std::fmt;

use crate::domain::audit::AuditRecord;
use crate::domain::audit::chain::{Head, hash};

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
