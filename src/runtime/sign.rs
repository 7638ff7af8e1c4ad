//! Signing a checklist: an act like any other, recorded in the audit log before it counts.

use crate::domain::audit::{Actor, AuditEntry, AuditRecord, Phase};
use crate::domain::checklist::Signature;
use crate::runtime::runner::new_job_id;
use crate::store::{Store, StoreError};

/// Records a signature, with the head of the audit log as it stood, and a note of it in the
/// log. The note comes first: a signature nobody can find in the log is none.
pub async fn sign(
    store: &Store,
    actor: &Actor,
    mut signature: Signature,
) -> Result<(Signature, AuditRecord), StoreError> {
    signature.chain_head = store.head().await?.to_string();
    let entry = AuditEntry {
        at: signature.at,
        phase: Phase::Note,
        correlation: new_job_id(signature.at).0,
        actor: actor.clone(),
        action: "sign".to_owned(),
        target: format!("checklist:{}", signature.checklist),
        risk: "routine".to_owned(),
        reason: signature.exceptions.clone(),
        plan: signature.snapshot.to_string(),
        outcome: None,
        detail: format!("{} of {} signed by {}", signature.checklist, signature.period, signature.operator),
        took_s: Some(signature.took_s),
    };
    let record = store.append(entry).await?;
    store.record_signature(&signature).await?;
    Ok((signature, record))
}
