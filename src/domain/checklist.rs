//! Checklists: what somebody must look at each day, week, month. Items tick themselves from
//! evidence of this period, and a signature freezes what was seen.

mod period;
mod sign;
mod view;

use chrono::NaiveTime;
use serde::{Deserialize, Serialize};

pub use period::{Period, PeriodSpan};
pub use sign::SignRefusal;
pub use view::{ItemState, ItemView, ListView};

use crate::domain::observation::ProbeId;
use crate::domain::time::Timestamp;

/// A recurring list.
#[derive(Clone, Debug)]
pub struct Checklist {
    pub id: String,
    pub title: String,
    pub every: Period,
    /// Local time of day on the last day of the period by which the items should be done.
    pub due: Option<NaiveTime>,
    /// When it must be signed; unsigned after this is a warning of its own.
    pub sign_by: Option<NaiveTime>,
    pub owner: Option<String>,
    pub items: Vec<Item>,
}

/// One line of a checklist.
#[derive(Clone, Debug)]
pub struct Item {
    pub text: String,
    pub evidence: Evidence,
}

/// What ticks an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Ticks itself when all of these are ok. An id without a name (`disk`) means every
    /// probe of that kind.
    Auto(Vec<ProbeId>),
    /// Shows the evidence; the operator ticks.
    Confirm(Vec<ProbeId>),
    /// The operator looks elsewhere.
    Manual,
}

impl Evidence {
    /// The probes it is about; empty for a manual item.
    pub fn probes(&self) -> &[ProbeId] {
        match self {
            Evidence::Auto(probes) | Evidence::Confirm(probes) => probes,
            Evidence::Manual => &[],
        }
    }

    pub const fn word(&self) -> &'static str {
        match self {
            Evidence::Auto(_) => "auto",
            Evidence::Confirm(_) => "confirm",
            Evidence::Manual => "manual",
        }
    }
}

/// Something an operator did to one item. Marks are events: an undo is a mark of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub checklist: String,
    /// The period's key: `2026-03-02`, `2026-W10`, `2026-03`, `2026-Q1`, `2026`.
    pub period: String,
    /// The item's text, which is its identity: an item that now says something else has not
    /// been ticked.
    pub item: String,
    pub kind: MarkKind,
    pub at: Timestamp,
    pub operator: String,
    /// The reason of a skip; a note otherwise.
    pub note: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MarkKind {
    Tick,
    Skip,
    Undo,
}

impl MarkKind {
    pub const ALL: [Self; 3] = [Self::Tick, Self::Skip, Self::Undo];

    pub const fn word(self) -> &'static str {
        match self {
            MarkKind::Tick => "tick",
            MarkKind::Skip => "skip",
            MarkKind::Undo => "undo",
        }
    }
}

/// The signature under one period's list: a frozen snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signature {
    pub checklist: String,
    pub period: String,
    pub at: Timestamp,
    pub operator: String,
    /// From the first mark of the period, or the moment the list was opened, to the signature.
    pub took_s: f64,
    /// Every item with its value, limit, age and mark at that moment, as JSON.
    pub snapshot: serde_json::Value,
    /// Why it was signed although something was open or bad; empty when nothing was.
    pub exceptions: String,
    /// `seq:hash` of the audit log's head.
    pub chain_head: String,
}
