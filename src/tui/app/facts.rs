//! What the world has said so far, and what it means at one moment.

use std::cmp::Reverse;

use crate::domain::audit::AuditRecord;
use crate::domain::board::{Board, Change};
use crate::domain::checklist::{Checklist, ListView, Mark, Signature};
use crate::domain::inventory::Inventory;
use crate::domain::job::Jobs;
use crate::domain::report::Report;
use crate::domain::time::{Timestamp, Zone};
use crate::domain::update::{Memory, Update};

/// How many records and changes stay in memory; the store has them all.
const KEPT: usize = 1000;

/// What is known.
#[derive(Debug)]
pub struct Facts {
    pub board: Board,
    pub checklists: Vec<Checklist>,
    pub marks: Vec<Mark>,
    pub signatures: Vec<Signature>,
    pub jobs: Jobs,
    /// Newest first.
    pub audit: Vec<AuditRecord>,
    /// Newest first.
    pub changes: Vec<Change>,
    pub inventory: Inventory,
    /// What all of it means, as of the last batch of updates.
    pub report: Report,
}

impl Facts {
    pub fn new(board: Board, checklists: Vec<Checklist>, inventory: Inventory, now: Timestamp) -> Self {
        let report = Report {
            host: inventory.host.clone(),
            at: now,
            took: std::time::Duration::ZERO,
            assessments: Vec::new(),
            checklists: Vec::new(),
        };
        Self {
            board,
            checklists,
            marks: Vec::new(),
            signatures: Vec::new(),
            jobs: Jobs::default(),
            audit: Vec::new(),
            changes: Vec::new(),
            inventory,
            report,
        }
    }

    /// Takes what happened. Whether the store can be written is the screen's business.
    pub fn apply(&mut self, update: Update) {
        match update {
            Update::Observed(observation) => self.board.apply(&observation),
            Update::Job(event) => self.jobs.apply(&event),
            Update::Marked(mark) => self.marks.push(mark),
            Update::Signed(signature) => self.signatures.push(*signature),
            Update::Audited(record) => push_first(&mut self.audit, *record),
            Update::Loaded(memory) => self.load(*memory),
            Update::StoreFailed(_) => {}
        }
    }

    /// Takes what the store remembers. It is told again when another instance has written: what
    /// is known already is not taken twice.
    fn load(&mut self, memory: Memory) {
        for (probe, key, points) in memory.series {
            self.board.load(&probe, &key, points);
        }
        for (probe, status, since) in memory.statuses {
            self.board.remember(&probe, status, since);
        }
        merge(&mut self.marks, memory.marks);
        self.marks.sort_by_key(|mark| mark.at);
        merge(&mut self.signatures, memory.signatures);
        self.signatures.sort_by_key(|signature| signature.at);
        merge(&mut self.audit, memory.audit);
        self.audit.sort_by_key(|record| Reverse(record.seq));
        merge(&mut self.changes, memory.changes);
        self.changes.sort_by_key(|change| Reverse(change.at));
    }

    /// Asks what everything means at `now`; gives back the statuses that became others.
    pub fn reassess(&mut self, now: Timestamp, zone: &Zone) -> Vec<Change> {
        let assessments = self.board.assess(now);
        let changes = self.board.changes(&assessments, now);
        for change in &changes {
            push_first(&mut self.changes, change.clone());
        }
        self.report.at = now;
        self.report.assessments = assessments;
        self.report.checklists = self.lists(0, now, zone);
        changes
    }

    /// The lists of the period `steps` from this one.
    pub fn lists(&self, steps: i32, now: Timestamp, zone: &Zone) -> Vec<ListView> {
        self.checklists
            .iter()
            .map(|list| {
                let span = list.every.shifted(now, steps, zone);
                list.view(span, &self.marks, &self.signatures, &self.report.assessments, now, zone)
            })
            .collect()
    }

    /// The head of the audit log, as a signature names it.
    pub fn chain_head(&self) -> String {
        self.audit.first().map_or_else(String::new, |record| format!("{}:{}", record.seq, record.hash))
    }
}

/// Adds what is not there yet.
fn merge<T: PartialEq>(list: &mut Vec<T>, more: Vec<T>) {
    for item in more {
        if !list.contains(&item) {
            list.push(item);
        }
    }
}

fn push_first<T>(list: &mut Vec<T>, item: T) {
    list.insert(0, item);
    list.truncate(KEPT);
}
