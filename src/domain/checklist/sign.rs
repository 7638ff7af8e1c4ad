//! A signature under a list: who, when, what was still open and why that was accepted, and a
//! frozen snapshot of every item.

use serde_json::json;

use crate::domain::checklist::{ItemState, ListView, Signature};
use crate::domain::time::{Timestamp, rfc3339, seconds_between};

/// Why a list was not signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignRefusal {
    #[error("{title} of {period} is already signed by {by}")]
    AlreadySigned { title: String, period: String, by: String },
    #[error("{0} not done: tick or skip them, or give a reason for signing all the same")]
    WantsReason(String),
}

impl ListView {
    /// The signature an operator would put under this list now.
    pub fn sign(
        &self,
        operator: &str,
        reason: &str,
        chain_head: String,
        now: Timestamp,
    ) -> Result<Signature, SignRefusal> {
        if let Some(signature) = &self.signed {
            return Err(SignRefusal::AlreadySigned {
                title: self.title.clone(),
                period: self.period.key.clone(),
                by: signature.operator.clone(),
            });
        }
        let open: Vec<String> = self
            .items
            .iter()
            .filter(|item| !matches!(item.state, ItemState::Done | ItemState::Skipped))
            .map(|item| format!("{} {} ({})", item.number, item.text, item.state.word()))
            .collect();
        if !open.is_empty() && reason.trim().is_empty() {
            return Err(SignRefusal::WantsReason(open.join(", ")));
        }
        let first = self.items.iter().filter_map(|item| item.mark.as_ref()).map(|mark| mark.at).min();
        Ok(Signature {
            checklist: self.id.clone(),
            period: self.period.key.clone(),
            at: now,
            operator: operator.to_owned(),
            took_s: first.map_or(0.0, |first| seconds_between(first, now)),
            snapshot: self.snapshot(),
            exceptions: if open.is_empty() { String::new() } else { format!("{reason} — {}", open.join(", ")) },
            chain_head,
        })
    }

    /// Every item as it is now, for the record.
    fn snapshot(&self) -> serde_json::Value {
        let items: Vec<_> = self
            .items
            .iter()
            .map(|item| {
                json!({
                    "number": item.number,
                    "text": item.text,
                    "form": item.form,
                    "state": item.state.word(),
                    "evidence": item.evidence,
                    "marked_by": item.mark.as_ref().map(|mark| &mark.operator),
                    "marked_at": item.mark.as_ref().map(|mark| rfc3339(mark.at)),
                    "note": item.mark.as_ref().map(|mark| &mark.note),
                })
            })
            .collect();
        json!({ "title": self.title, "period": self.period.key, "items": items })
    }
}
