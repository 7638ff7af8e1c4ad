//! What the world has said so far, and what it means at one moment.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::audit::AuditRecord;
use crate::domain::board::{Board, Change};
use crate::domain::checklist::{Checklist, ListView, Mark, Signature};
use crate::domain::incident::{self, Incident};
use crate::domain::inventory::Inventory;
use crate::domain::job::Jobs;
use crate::domain::report::Report;
use crate::domain::time::{Timestamp, Zone};
use crate::domain::update::{Memory, Update};
use crate::tui::looks::Looks;

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
    /// In the order they were opened.
    pub incidents: Vec<Incident>,
    /// What they are read from, oldest first.
    noted: Vec<AuditRecord>,
    /// Newest first.
    pub changes: Vec<Change>,
    pub inventory: Inventory,
    /// What databases were asked to show.
    pub looks: Looks,
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
            incidents: Vec::new(),
            noted: Vec::new(),
            changes: Vec::new(),
            inventory,
            looks: Looks::default(),
            report,
        }
    }

    /// Takes what happened. Whether the store can be written is the screen's business.
    pub fn apply(&mut self, update: Update) {
        match update {
            Update::Observed(observation) => self.board.apply(&observation),
            Update::Job(event) => self.jobs.apply(&event),
            Update::Looked(looked) => self.looks.take(*looked),
            Update::Explained(explained) => self.looks.take_plan(*explained),
            Update::Marked(mark) => push_new(&mut self.marks, mark),
            Update::Signed(signature) => push_new(&mut self.signatures, *signature),
            Update::Audited(record) => {
                self.note(std::slice::from_ref(&*record));
                if self.audit.iter().all(|known| known.seq != record.seq) {
                    push_first(&mut self.audit, *record);
                }
            }
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
        // Their order is the one they were made in, which the store knows and no clock does:
        // what it tells comes first, then what it had not yet been told.
        let marks = std::mem::replace(&mut self.marks, memory.marks);
        for mark in marks {
            push_new(&mut self.marks, mark);
        }
        let signatures = std::mem::replace(&mut self.signatures, memory.signatures);
        for signature in signatures {
            push_new(&mut self.signatures, signature);
        }
        self.note(&memory.incidents);
        self.audit = newest(memory.audit, std::mem::take(&mut self.audit), |record| record.seq);
        self.changes = newest(memory.changes, std::mem::take(&mut self.changes), |change| {
            (change.at, change.probe.clone(), change.to)
        });
    }

    /// Takes what records say of incidents, each once.
    fn note(&mut self, records: &[AuditRecord]) {
        let known: BTreeSet<u64> = self.noted.iter().map(|record| record.seq).collect();
        let news = records.iter().filter(|record| incident::tells(record) && !known.contains(&record.seq));
        let before = self.noted.len();
        self.noted.extend(news.cloned());
        if self.noted.len() > before {
            self.noted.sort_by_key(|record| record.seq);
            self.incidents = incident::all(&self.noted);
        }
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
fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// Both lists as one, newest first, each item once, no longer than is kept.
fn newest<T, K: Ord>(list: Vec<T>, more: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let both: BTreeMap<K, T> = list.into_iter().chain(more).map(|item| (key(&item), item)).collect();
    both.into_values().rev().take(KEPT).collect()
}

fn push_first<T>(list: &mut Vec<T>, item: T) {
    list.insert(0, item);
    list.truncate(KEPT);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::checklist::MarkKind;

    fn facts() -> Facts {
        let now = Timestamp::UNIX_EPOCH;
        Facts::new(Board::new(Vec::new(), now), Vec::new(), Inventory::default(), now)
    }

    fn mark(kind: MarkKind, second: i64) -> Mark {
        Mark {
            checklist: "daily".into(),
            period: "2026-03-02".into(),
            item: "Login".into(),
            kind,
            at: Timestamp::from_timestamp(second, 0).expect("time"),
            operator: "asha".into(),
            note: String::new(),
        }
    }

    #[test]
    fn marks_stay_in_the_order_they_were_made_whatever_the_clock_said() {
        // The clock was set back between the tick and the undo.
        let (tick, undo, skip) = (mark(MarkKind::Tick, 900), mark(MarkKind::Undo, 100), mark(MarkKind::Skip, 200));
        let mut facts = facts();
        facts.apply(Update::Marked(tick.clone()));
        let memory = Memory { marks: vec![tick.clone(), undo.clone()], ..Memory::default() };
        facts.apply(Update::Loaded(Box::new(memory.clone())));
        assert_eq!(facts.marks, [tick.clone(), undo.clone()]);
        // One that the store told already is not news, one that it did not know yet stays.
        facts.apply(Update::Marked(tick.clone()));
        facts.apply(Update::Marked(skip.clone()));
        facts.apply(Update::Loaded(Box::new(memory)));
        assert_eq!(facts.marks, [tick, undo, skip]);
    }

    #[test]
    fn records_and_changes_are_merged_once_newest_first_and_no_more_than_are_kept() {
        let change = |second: i64| Change {
            probe: "disk:/".into(),
            at: Timestamp::from_timestamp(second, 0).expect("time"),
            from: None,
            to: crate::domain::status::Status::Ok,
            text: String::new(),
        };
        let mut facts = facts();
        let load = |seconds: std::ops::Range<i64>| {
            let changes = seconds.rev().map(change).collect();
            Update::Loaded(Box::new(Memory { changes, ..Memory::default() }))
        };
        facts.apply(load(0..600));
        facts.apply(load(300..1500));
        assert_eq!(facts.changes.len(), KEPT);
        assert!(facts.changes.is_sorted_by(|a, b| a.at > b.at), "each once");
        assert_eq!(facts.changes[0], change(1499));
    }
}
