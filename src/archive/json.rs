//! JSON: an export, read from end to end without keeping it. Django writes a list of objects that
//! name their model; those are counted.

use std::collections::BTreeMap;
use std::fmt;
use std::io::BufReader;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::content::Content;
use super::counts::Counts;
use super::method::{Form, Found, Wanted};
use super::verify::{Verdict, damaged};
use super::{ArchiveError, failed};
use crate::domain::{humanize, sanitize};

pub(super) const FORM: Form = Form { name: "JSON", endings: &["json"], magic: b"", examine };

fn examine(content: &Content<'_>, _: &Wanted<'_>) -> Result<Found, Verdict> {
    let source = content.reader().map_err(failed("read", content.file()))?;
    let mut reader = serde_json::Deserializer::from_reader(BufReader::new(source));
    let read = Document::deserialize(&mut reader).and_then(|document| reader.end().map(|()| document));
    match read {
        Ok(document) if document.is_empty => damaged("one whole JSON document with nothing in it"),
        Ok(document) if document.models.is_empty() => {
            Ok(Found { sentence: "one whole JSON document".to_owned(), counts: None })
        }
        Ok(document) => {
            let counts =
                Counts { tables: document.models.into_iter().map(|(model, count)| (model, Some(count))).collect() };
            let sentence = format!(
                "one whole JSON document, {} of {}",
                humanize::count(usize::try_from(counts.rows()).unwrap_or(usize::MAX), "object"),
                humanize::count(counts.tables.len(), "model"),
            );
            Ok(Found { sentence, counts: Some(counts) })
        }
        Err(_) if content.cancel.is_cancelled() => Err(Verdict::None(ArchiveError::Cancelled)),
        Err(error) => damaged(format!("not one whole JSON document: {}", sanitize::line(&error.to_string()))),
    }
}

/// What is kept of a document.
#[derive(Debug, Default)]
struct Document {
    models: BTreeMap<String, u64>,
    is_empty: bool,
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DocumentVisitor)
    }
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Document, A::Error> {
        let mut document = Document { is_empty: true, ..Document::default() };
        while let Some(Record(model)) = list.next_element()? {
            document.is_empty = false;
            if let Some(model) = model {
                *document.models.entry(model).or_default() += 1;
            }
        }
        Ok(document)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut is_empty = true;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            is_empty = false;
        }
        Ok(Document { is_empty, ..Document::default() })
    }
}

/// The model of one element, where it is an object that names one.
#[derive(Debug)]
struct Record(Option<String>);

/// A text, or whatever else stands there.
#[derive(Debug, serde::Deserialize)]
#[serde(untagged)]
enum Name {
    Text(String),
    Other(IgnoredAny),
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RecordVisitor)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record, A::Error> {
        let mut model = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == "model" {
                if let Name::Text(name) = map.next_value()? {
                    model = Some(name);
                }
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Record(model))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Record, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Record(None))
    }

    fn visit_str<E>(self, _: &str) -> Result<Record, E> {
        Ok(Record(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Record, E> {
        Ok(Record(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Record, E> {
        Ok(Record(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Record, E> {
        Ok(Record(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Record, E> {
        Ok(Record(None))
    }

    fn visit_unit<E>(self) -> Result<Record, E> {
        Ok(Record(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> serde_json::Result<Document> {
        serde_json::from_str(text)
    }

    #[test]
    fn objects_are_counted_by_their_model_and_anything_else_is_read_all_the_same() {
        let text = r#"[{"model": "auth.user", "pk": 1, "fields": {"model": "x"}}, {"pk": 2, "model": "auth.user"},
                      {"model": "rota.shift"}, {"model": 7}, 1, -1, 1.5, null, true, "text", [1, [2]], {}]"#;
        let document = read(text).expect("whole");
        let models: Vec<(&str, u64)> = document.models.iter().map(|(model, count)| (&**model, *count)).collect();
        assert_eq!(models, [("auth.user", 2), ("rota.shift", 1)]);
        assert!(!document.is_empty);
        assert!(!read(r#"{"staff": []}"#).expect("whole").is_empty);
        for nothing in ["[]", "{}"] {
            assert!(read(nothing).expect("whole").is_empty, "{nothing}");
        }
        assert!(read("[1] [2]").is_err() && read(r#"[{"model": "a"}"#).is_err() && read("null").is_err());
    }
}
