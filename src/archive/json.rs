//! JSON: an export, read from end to end without keeping it.

use std::io::BufReader;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::content::Content;
use super::method::{Form, Wanted};
use super::verify::{Verdict, damaged};
use super::{ArchiveError, failed};
use crate::domain::sanitize;

pub(super) const FORM: Form = Form { name: "json", endings: &["json"], magic: b"", examine };

fn examine(content: &Content<'_>, _: &Wanted<'_>) -> Result<String, Verdict> {
    let source = content.reader().map_err(failed("read", content.file()))?;
    let mut document = serde_json::Deserializer::from_reader(BufReader::new(source));
    match IgnoredAny::deserialize(&mut document).and_then(|_| document.end()) {
        Ok(()) => Ok("one whole JSON document".to_owned()),
        Err(_) if content.cancel.is_cancelled() => Err(Verdict::None(ArchiveError::Cancelled)),
        Err(error) => damaged(format!("not one whole JSON document: {}", sanitize::line(&error.to_string()))),
    }
}
