//! What people did to their lists: marks and signatures. Each is written together with its
//! note in the audit log: both are there, or neither.

use crate::domain::audit::{AuditEntry, AuditRecord};
use crate::domain::checklist::{Mark, Signature};
use crate::store::{Store, StoreError, rows, sqlite};

impl Store {
    /// Appends a mark, for good, and `note` of it in the audit log: an undo is a mark of its
    /// own. A period that is signed takes none.
    pub async fn record_mark(&self, mark: &Mark, note: AuditEntry) -> Result<AuditRecord, StoreError> {
        let mark = mark.clone();
        self.durable()?
            .write(|c| {
                Box::pin(async move {
                    if let Some(signature) = sqlite::checklist::signature(c, &mark.checklist, &mark.period).await? {
                        return Ok(Err(signed(signature)));
                    }
                    let record = sqlite::audit::append(c, note).await?;
                    sqlite::checklist::insert_mark(c, mark).await?;
                    Ok(Ok(record))
                })
            })
            .await?
    }

    /// Appends a signature, for good, and `note` of it in the audit log; it names the head of
    /// the log as it stands before the note. A period is signed once, whoever was faster.
    pub async fn record_signature(
        &self,
        signature: &Signature,
        note: AuditEntry,
    ) -> Result<(Signature, AuditRecord), StoreError> {
        let mut signature = signature.clone();
        self.durable()?
            .write(|c| {
                Box::pin(async move {
                    if let Some(first) =
                        sqlite::checklist::signature(c, &signature.checklist, &signature.period).await?
                    {
                        return Ok(Err(signed(first)));
                    }
                    signature.chain_head = sqlite::audit::head(c).await?.to_string();
                    let record = sqlite::audit::append(c, note).await?;
                    sqlite::checklist::insert_signature(c, signature.clone()).await?;
                    Ok(Ok((signature, record)))
                })
            })
            .await?
    }

    /// The marks of one period of a checklist, in the order they were made.
    pub async fn marks(&self, checklist: &str, period: &str) -> Result<Vec<Mark>, StoreError> {
        let (checklist, period) = (checklist.to_owned(), period.to_owned());
        self.read.read(|c| Box::pin(async move { sqlite::checklist::marks(c, &checklist, &period).await })).await
    }

    /// The signatures under one period of a checklist, in the order they were given.
    pub async fn signatures(&self, checklist: &str, period: &str) -> Result<Vec<Signature>, StoreError> {
        let (checklist, period) = (checklist.to_owned(), period.to_owned());
        self.read.read(|c| Box::pin(async move { sqlite::checklist::signatures(c, &checklist, &period).await })).await
    }

    /// The latest signatures of a checklist, newest first.
    pub async fn history(&self, checklist: &str, limit: usize) -> Result<Vec<Signature>, StoreError> {
        let checklist = checklist.to_owned();
        self.read
            .read(move |c| Box::pin(async move { sqlite::checklist::history(c, &checklist, rows(limit)).await }))
            .await
    }
}

fn signed(first: Signature) -> StoreError {
    StoreError::Signed { checklist: first.checklist, period: first.period, by: first.operator, at: first.at }
}
