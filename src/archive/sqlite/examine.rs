//! A finished copy that is looked into: its structure, and what is in it.

use super::tables::{structure_fault, tables};
use crate::archive::content::Content;
use crate::archive::method::{Found, Wanted};
use crate::archive::verify::{Verdict, damaged};
use crate::database::sqlite;
use crate::domain::{humanize, sanitize};

pub(super) fn examine(content: &Content<'_>, wanted: &Wanted<'_>) -> Result<Found, Verdict> {
    let file = content.file();
    let explain = |error: rusqlite::Error| Verdict::from(sqlite::explain(file, &error));
    for suffix in ["-wal", "-journal"] {
        let beside = sqlite::sidecar(file, suffix);
        if beside.metadata().is_ok_and(|meta| meta.len() > 0) {
            return damaged(format!(
                "{} lies beside it: it is not one finished copy, or something has it open",
                sanitize::line(&beside.display().to_string())
            ));
        }
    }
    let copy = sqlite::finished(content.plain()?)?;
    sqlite::cancellable(&copy, content.cancel).map_err(explain)?;
    if let Some(fault) = structure_fault(&copy).map_err(explain)? {
        return damaged(format!("its structure is damaged: {fault}"));
    }
    let found = tables(&copy, wanted.rows).map_err(explain)?;
    let expected = wanted.counts;
    if found.tables.is_empty() && expected.is_none_or(|expected| !expected.tables.is_empty()) {
        // A copy that was killed opens fine, is sound, and has nothing in it.
        return damaged("it has no tables");
    }
    if let Some(difference) = expected.and_then(|expected| expected.difference(&found)) {
        return damaged(format!("it is not what its manifest says: {difference}"));
    }
    let sentence = format!(
        "structure sound, {} with {} rows{}",
        humanize::count(found.tables.len(), "table"),
        humanize::number(found.rows() as f64),
        if expected.is_some() { " as in the manifest" } else { "" }
    );
    Ok(Found { sentence, counts: Some(found) })
}
