//! `rounds task list` and `show` as JSON: section 2 of the interface, written as it is put together,
//! for there may be thousands.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::board::Assessment;
use crate::domain::drift::Drift;
use crate::domain::finding::Finding;
use crate::domain::status::Status;
use crate::domain::task::TaskView;
use crate::domain::time::Timestamp;

#[derive(Debug, Serialize)]
pub(super) struct Document<'a> {
    schema: u8,
    pub(super) tasks: Vec<Task<'a>>,
    /// All tasks of one sort, by its name, and what differs from what was accepted.
    pub(super) installed: BTreeMap<&'a str, Told<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct Task<'a> {
    #[serde(flatten)]
    view: &'a TaskView,
    #[serde(flatten)]
    told: Told<'a>,
}

/// What is said of a task, or of all of one sort.
#[derive(Debug, Serialize)]
pub(super) struct Told<'a> {
    status: Status,
    findings: &'a [Finding],
    /// Who accepted what is installed, when and why; null where nobody did.
    accepted: Option<Accepted<'a>>,
}

#[derive(Debug, Serialize)]
struct Accepted<'a> {
    #[serde(serialize_with = "crate::domain::time::serialize")]
    at: Timestamp,
    operator: &'a str,
    reason: &'a str,
}

impl<'a> Document<'a> {
    pub(super) fn new(tasks: Vec<Task<'a>>, installed: BTreeMap<&'a str, Told<'a>>) -> Self {
        Self { schema: 1, tasks, installed }
    }
}

impl<'a> Task<'a> {
    pub(super) fn new(view: &'a TaskView, one: &'a Assessment, drift: Option<&'a Drift>) -> Self {
        Self { view, told: Told::new(one, drift) }
    }
}

impl<'a> Told<'a> {
    pub(super) fn new(one: &'a Assessment, drift: Option<&'a Drift>) -> Self {
        let accepted = drift.and_then(|drift| drift.accepted.as_ref());
        let accepted = accepted.map(|one| Accepted { at: one.at, operator: &one.operator, reason: &one.reason });
        Self { status: one.status, findings: &one.findings, accepted }
    }
}
