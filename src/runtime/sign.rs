//! Marking and signing a checklist: acts like any other, with a record in the audit log
//! beside what they leave; and a record of each that was refused.

use crate::domain::audit::{Actor, AuditEntry, AuditRecord, Phase};
use crate::domain::checklist::{Mark, MarkKind, Signature};
use crate::domain::time::Timestamp;
use crate::runtime::clock::id_at;
use crate::store::{Store, StoreError};

/// Records a mark and a note of it: both are there, or neither.
pub async fn mark(store: &Store, actor: &Actor, mark: &Mark) -> Result<AuditRecord, StoreError> {
    let done = match mark.kind {
        MarkKind::Tick => "ticked",
        MarkKind::Skip => "skipped",
        MarkKind::Undo => "no longer marked",
    };
    let note = AuditEntry {
        reason: mark.note.clone(),
        plan: mark.item.clone(),
        detail: format!("`{}` of {} {done} by {}", mark.item, mark.period, mark.operator),
        ..entry(Phase::Note, actor, mark.kind.word(), &mark.checklist, mark.at)
    };
    store.record_mark(mark, note).await
}

/// Records a signature, with the head of the audit log as it stood, and a note of it: both are
/// there, or neither. The first signature under a period is the only one.
pub async fn sign(store: &Store, actor: &Actor, signature: &Signature) -> Result<(Signature, AuditRecord), StoreError> {
    let note = AuditEntry {
        reason: signature.exceptions.clone(),
        plan: signature.snapshot.to_string(),
        detail: format!("{} of {} signed by {}", signature.checklist, signature.period, signature.operator),
        took_s: Some(signature.took_s),
        ..entry(Phase::Note, actor, "sign", &signature.checklist, signature.at)
    };
    store.record_signature(signature, note).await
}

/// Records that a mark or a signature was refused, where anything can be recorded at all.
pub async fn refuse(
    store: Option<&Store>,
    actor: &Actor,
    action: &str,
    checklist: &str,
    why: &str,
    now: Timestamp,
) -> Option<AuditRecord> {
    let refusal = AuditEntry { detail: why.to_owned(), ..entry(Phase::Refused, actor, action, checklist, now) };
    let written = store?.append(refusal).await;
    written.inspect_err(|error| tracing::warn!(%error, "a refusal was not recorded")).ok()
}

fn entry(phase: Phase, actor: &Actor, action: &str, checklist: &str, at: Timestamp) -> AuditEntry {
    AuditEntry {
        at,
        phase,
        correlation: id_at(at),
        actor: actor.clone(),
        action: action.to_owned(),
        target: format!("checklist:{checklist}"),
        risk: "routine".to_owned(),
        reason: String::new(),
        plan: String::new(),
        outcome: None,
        detail: String::new(),
        took_s: None,
    }
}
