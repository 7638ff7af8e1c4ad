//! What was done: the audit log, appended to and walked along, and the acts without an end.

use crate::domain::audit::chain::{Flaw, FlawKind, Head, Verification, Verifier};
use crate::domain::audit::{AuditEntry, AuditRecord};
use crate::domain::task::TaskRun;
use crate::domain::time::Timestamp;
use crate::store::{Holder, OpenJob, Store, StoreError, rows, sqlite};

/// How many records are in memory at a time while the audit log is read through.
const PAGE: i64 = 1000;

impl Store {
    /// Appends a record to the audit log. It is on the disk when this returns.
    pub async fn append(&self, entry: AuditEntry) -> Result<AuditRecord, StoreError> {
        self.durable()?.write(|c| Box::pin(sqlite::audit::append(c, entry))).await
    }

    /// Appends the intent of a job together with who holds it: both are there, or neither.
    pub async fn begin(&self, intent: AuditEntry, holder: &Holder) -> Result<AuditRecord, StoreError> {
        let holder = holder.clone();
        self.durable()?
            .write(|c| {
                Box::pin(async move {
                    sqlite::job::insert(c, &intent.correlation, &holder, &intent.action, &intent.target).await?;
                    sqlite::audit::append(c, intent).await
                })
            })
            .await
    }

    /// Appends the outcome of a job together with the end of the run it had: both are there, or
    /// neither.
    pub async fn end(&self, outcome: AuditEntry, run: Option<TaskRun>) -> Result<AuditRecord, StoreError> {
        self.durable()?
            .write(|c| {
                Box::pin(async move {
                    sqlite::run::import(c, run.into_iter().collect()).await?;
                    sqlite::audit::append(c, outcome).await
                })
            })
            .await
    }

    /// The runs that are believed to go on and were begun by a job, each with who holds that.
    pub async fn runs_in_progress(&self) -> Result<Vec<(TaskRun, Holder)>, StoreError> {
        self.read.read(|c| Box::pin(sqlite::run::in_progress(c))).await
    }

    /// The acts that have an intent and no end, oldest first: running, or lost.
    pub async fn open_jobs(&self) -> Result<Vec<OpenJob>, StoreError> {
        self.read.read(|c| Box::pin(sqlite::job::open(c))).await
    }

    /// Ends an act whose holder is gone, unless it has an end by now: of several that find it,
    /// one writes. `run` is what is recorded of the task it ran, if it ran one.
    pub async fn end_lost(&self, end: AuditEntry, run: Option<TaskRun>) -> Result<Option<AuditRecord>, StoreError> {
        self.durable()?
            .write(|c| {
                Box::pin(async move {
                    if !sqlite::job::is_open(c, &end.correlation).await? {
                        return Ok(None);
                    }
                    sqlite::run::import(c, run.into_iter().collect()).await?;
                    sqlite::audit::append(c, end).await.map(Some)
                })
            })
            .await
    }

    /// The latest records since an instant, newest first.
    pub async fn audit(&self, since: Timestamp, limit: usize) -> Result<Vec<AuditRecord>, StoreError> {
        self.read.read(move |c| Box::pin(sqlite::audit::latest(c, since, rows(limit)))).await
    }

    /// What was noted of incidents, oldest first.
    pub async fn incidents(&self) -> Result<Vec<AuditRecord>, StoreError> {
        self.read.read(|c| Box::pin(sqlite::audit::incidents(c))).await
    }

    /// The records of one act, oldest first.
    pub async fn records_of(&self, correlation: &str) -> Result<Vec<AuditRecord>, StoreError> {
        let (from, to) = (correlation.to_owned(), format!("{correlation}\0"));
        self.read.read(|c| Box::pin(sqlite::audit::linked(c, from, to))).await
    }

    /// The records after number `seq`, oldest first: the next page of an export.
    pub async fn audit_after(&self, seq: u64, limit: usize) -> Result<Vec<AuditRecord>, StoreError> {
        let page = self.read.read(move |c| Box::pin(sqlite::audit::following(c, seq, rows(limit)))).await?;
        let unreadable = |seq| StoreError::Damaged {
            path: self.path.to_path_buf(),
            why: format!("audit record {seq} cannot be read, `rounds audit verify` says more"),
        };
        page.into_iter().map(|record| record.map_err(unreadable)).collect()
    }

    /// The last record of the audit log, to be written down elsewhere.
    pub async fn head(&self) -> Result<Head, StoreError> {
        self.read.read(|c| Box::pin(sqlite::audit::head(c))).await
    }

    /// Walks along the audit log from record `from`, taking those before it as given, and
    /// compares it with a head that was written down earlier. Reads page by page: memory stays
    /// flat, and nobody waits for it.
    pub async fn verify(&self, from: u64, expect: Option<Head>) -> Result<Verification, StoreError> {
        let guarded = self.is_guarded().await?;
        match self.walk(from, expect).await {
            Ok(mut found) => {
                if found.flaw.is_none() && !guarded {
                    found.flaw = Some(Flaw { seq: found.head.seq, kind: FlawKind::Unguarded });
                }
                Ok(found)
            }
            // A log that cannot even be asked, because it is no longer the table we made.
            Err(StoreError::Io { .. }) if !guarded => Ok(Verification {
                store_id: String::new(),
                checked: 0,
                head: Head { seq: 0, hash: String::new() },
                anchored: false,
                flaw: Some(Flaw { seq: 1, kind: FlawKind::Unguarded }),
            }),
            Err(error) => Err(error),
        }
    }

    async fn walk(&self, from: u64, expect: Option<Head>) -> Result<Verification, StoreError> {
        // An anchor that lies before `from` is part of what is asked.
        let first = expect.as_ref().map_or(from, |expect| from.min(expect.seq)).max(1);
        let (id, last, start) = self
            .read
            .read(move |c| {
                Box::pin(async move {
                    let (id, last) = (sqlite::audit::store_id(c).await?, sqlite::audit::head(c).await?);
                    let start = sqlite::audit::place(c, first - 1).await?;
                    Ok((id, last, start))
                })
            })
            .await?;
        // Without the record before it there is no place to start from but the beginning.
        let start = start.unwrap_or_else(|| Head { seq: 0, hash: id.clone() });
        let mut next = start.seq;
        let mut verifier = Verifier::after(&id, start, last.seq, expect);
        loop {
            let after = next;
            let page = self.read.read(move |c| Box::pin(sqlite::audit::following(c, after, PAGE))).await?;
            if page.is_empty() {
                return Ok(verifier.finish());
            }
            for record in &page {
                if !verifier.push(record.as_ref().map_err(|seq| *seq)) {
                    return Ok(verifier.finish());
                }
                next = record.as_ref().map_or(next, |record| record.seq);
            }
        }
    }

    async fn is_guarded(&self) -> Result<bool, StoreError> {
        self.read
            .read(|c| {
                Box::pin(
                    async move { Ok(sqlite::schema::guards(c).await? == sqlite::schema::pristine_guards().await?) },
                )
            })
            .await
    }
}
