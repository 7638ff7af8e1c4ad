//! A list at one moment: every item with its state and the evidence behind it.

use crate::domain::board::Assessment;
use crate::domain::checklist::{Checklist, Evidence, Item, Mark, MarkKind, PeriodSpan, Signature};
use crate::domain::observation::ProbeId;
use crate::domain::report::headline;
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, Zone};

/// A list of one period at one moment.
#[derive(Clone, Debug)]
pub struct ListView {
    pub id: String,
    pub title: String,
    pub every: super::Period,
    pub owner: Option<String>,
    pub period: PeriodSpan,
    pub due: Option<Timestamp>,
    pub sign_by: Option<Timestamp>,
    pub items: Vec<ItemView>,
    pub signed: Option<Signature>,
    /// Unsigned, and past its time to be signed.
    pub overdue: bool,
    pub left: Option<Left>,
}

/// The period before, when somebody began its list and nobody signed it. It stands until that
/// list or this one is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The key of that period.
    pub period: String,
    /// When it was to be signed.
    pub since: Timestamp,
}

/// One item at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemView {
    /// Counted from 1, as the command line names it.
    pub number: usize,
    pub text: String,
    /// `auto`, `confirm` or `manual`.
    pub form: &'static str,
    pub state: ItemState,
    /// What the evidence says right now, or the reason of a skip.
    pub evidence: String,
    pub probes: Vec<ProbeId>,
    /// The mark that counts, if an operator made one.
    pub mark: Option<Mark>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemState {
    /// Somebody has to look, or the evidence of this period is not in yet.
    Open,
    /// Ticked, by itself or by an operator.
    Done,
    /// The evidence is bad.
    Failed,
    /// Left out, with a reason.
    Skipped,
    /// Was good when it was signed, and is bad now.
    Regressed,
}

impl ItemState {
    pub const fn word(self) -> &'static str {
        match self {
            ItemState::Open => "open",
            ItemState::Done => "done",
            ItemState::Failed => "failed",
            ItemState::Skipped => "skipped",
            ItemState::Regressed => "regressed",
        }
    }
}

impl Checklist {
    /// This list in the period `span`, as seen at `now`. `marks` and `signatures` stand in the
    /// order they were made, and may hold those of other lists and periods.
    pub fn view(
        &self,
        span: PeriodSpan,
        marks: &[Mark],
        signatures: &[Signature],
        assessments: &[Assessment],
        now: Timestamp,
        zone: &Zone,
    ) -> ListView {
        let signature = |key: &str| signatures.iter().rfind(|one| one.checklist == self.id && one.period == key);
        let signed = signature(&span.key).cloned();
        let current = span.starts <= now && now < span.ends;
        let items = self
            .items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                let mark = marks
                    .iter()
                    // The last one made, whatever the clock said then: clocks are set back.
                    .rfind(|mark| mark.checklist == self.id && mark.period == span.key && mark.item == item.text)
                    .filter(|mark| mark.kind != MarkKind::Undo)
                    .cloned();
                let seen = seen_in(item, assessments, &span, now);
                let mut view = item.view(index + 1, mark, &seen);
                if let Some(signature) = &signed {
                    view.after_signature(signature, &seen);
                }
                view
            })
            .collect();
        let at = |time: Option<chrono::NaiveTime>| time.map(|time| zone.at(span.last_day, time));
        let (due, sign_by) = (at(self.due), at(self.sign_by));
        let overdue = signed.is_none() && sign_by.is_some_and(|by| now > by);
        let left = self.sign_by.filter(|_| current && signed.is_none()).and_then(|by| {
            let before = self.every.shifted(now, -1, zone);
            let begun = marks.iter().any(|mark| mark.checklist == self.id && mark.period == before.key);
            let left = begun && before.key != span.key && signature(&before.key).is_none();
            left.then(|| Left { since: zone.at(before.last_day, by), period: before.key })
        });
        ListView {
            id: self.id.clone(),
            title: self.title.clone(),
            every: self.every,
            owner: self.owner.clone(),
            period: span,
            due,
            sign_by,
            items,
            signed,
            overdue,
            left,
        }
    }
}

/// What the evidence of an item says in this period.
struct Seen {
    status: Status,
    /// Every probe was read in this period.
    complete: bool,
    text: String,
}

fn seen_in(item: &Item, assessments: &[Assessment], span: &PeriodSpan, now: Timestamp) -> Seen {
    let current = span.starts <= now && now < span.ends;
    let concerned: Vec<&Assessment> = assessments
        .iter()
        .filter(|one| item.evidence.probes().iter().any(|probe| one.id == *probe || one.id.kind() == probe.as_str()))
        .collect();
    let in_period = |one: &&Assessment| one.observed_at.is_some_and(|at| at >= span.starts && at < span.ends);
    // What has not happened yet is no evidence, unless something else is.
    let happened = concerned.iter().any(|one| !one.premature);
    let complete = current && happened && concerned.iter().all(in_period);
    let status = Status::worst(concerned.iter().map(|one| one.status));
    let worst = concerned.iter().max_by_key(|one| one.status);
    let text = match (worst, concerned.len()) {
        (None, _) if item.evidence == Evidence::Manual => String::new(),
        (None, _) => "nothing here reads it".to_owned(),
        (Some(_), _) if !current => "not of this period".to_owned(),
        (Some(worst), 1) => headline(worst, now),
        (Some(_), count) if status.is_ok() => format!("all {count} ok"),
        (Some(worst), count) => {
            let bad = concerned.iter().filter(|one| !one.status.is_ok()).count();
            format!("{bad} of {count}: {} {}", worst.id.name(), headline(worst, now))
        }
    };
    Seen { status, complete, text }
}

impl Item {
    fn view(&self, number: usize, mark: Option<Mark>, seen: &Seen) -> ItemView {
        let kind = mark.as_ref().map(|mark| mark.kind);
        let state = match (&self.evidence, kind) {
            (_, Some(MarkKind::Skip)) => ItemState::Skipped,
            (Evidence::Auto(_), _) if seen.complete && seen.status.is_ok() => ItemState::Done,
            (Evidence::Auto(_), _) if seen.complete => ItemState::Failed,
            (Evidence::Confirm(_) | Evidence::Manual, Some(MarkKind::Tick)) => ItemState::Done,
            _ => ItemState::Open,
        };
        let evidence = match &mark {
            Some(mark) if mark.kind == MarkKind::Skip => format!("skipped by {}: {}", mark.operator, mark.note),
            Some(mark) if self.evidence == Evidence::Manual => format!("ticked by {}", mark.operator),
            _ => seen.text.clone(),
        };
        ItemView {
            number,
            text: self.text.clone(),
            form: self.evidence.word(),
            state,
            evidence,
            probes: self.evidence.probes().to_vec(),
            mark,
        }
    }
}

impl ItemView {
    /// What was signed stays signed; evidence that has gone bad since is told apart.
    fn after_signature(&mut self, signature: &Signature, seen: &Seen) {
        let frozen = signature.snapshot["items"]
            .as_array()
            .and_then(|items| items.iter().find(|item| item["text"] == self.text.as_str()))
            .and_then(|item| item["state"].as_str());
        let was = match frozen {
            Some("done") => ItemState::Done,
            Some("failed") => ItemState::Failed,
            Some("skipped") => ItemState::Skipped,
            _ => ItemState::Open,
        };
        let gone_bad = was == ItemState::Done && !self.probes.is_empty() && seen.complete && !seen.status.is_ok();
        self.state = if gone_bad { ItemState::Regressed } else { was };
    }
}

impl ListView {
    /// Whether it is the list of the period that holds `now`.
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.period.starts <= now && now < self.period.ends
    }

    pub fn count(&self, state: ItemState) -> usize {
        self.items.iter().filter(|item| item.state == state).count()
    }

    /// Items that need nothing more: done or skipped.
    pub fn done(&self) -> usize {
        self.count(ItemState::Done) + self.count(ItemState::Skipped)
    }

    pub fn failed(&self) -> usize {
        self.count(ItemState::Failed) + self.count(ItemState::Regressed)
    }

    /// Items that wait for the operator's own eyes.
    pub fn needs_you(&self) -> usize {
        self.items.iter().filter(|item| item.state == ItemState::Open && item.form != "auto").count()
    }

    /// Whether it is a finding by itself.
    pub fn wants_signature(&self) -> bool {
        self.overdue || self.left.is_some()
    }

    /// Since when it is one.
    pub fn unsigned_since(&self) -> Option<Timestamp> {
        self.left.as_ref().map_or(self.sign_by, |left| Some(left.since))
    }

    /// The finding this list is by itself: unsigned after its time, or that of the period
    /// before was begun and left.
    pub fn finding(&self, zone: &Zone) -> Option<String> {
        let late = self.sign_by.filter(|_| self.overdue).map(|by| {
            let (by, done, of) = (zone.local(by).format("%H:%M"), self.done(), self.items.len());
            format!("{} is not signed, it was due by {by}: {done} of {of} done", self.title)
        });
        match (late, self.left.as_ref().map(|left| &left.period)) {
            (Some(late), Some(before)) => Some(format!("{late}; that of {before} was begun and never signed")),
            (Some(late), None) => Some(late),
            (None, left) => Some(format!("{} of {} was begun and never signed", self.title, left?)),
        }
    }
}

#[cfg(test)]
mod tests;
