//! One file from bytes to sections, and the files it includes.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::environment::Environment;
use super::error::{ConfigError, Fault};
use super::source::Source;
use super::{raw, schema, trust};

/// A file that was read.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) source: Source,
    pub(super) sections: raw::File,
}

/// Reads these files and all they include, each once, however often it is named.
pub(super) fn read_all(paths: Vec<PathBuf>, env: &Environment) -> Result<(Vec<PathBuf>, Vec<Document>), ConfigError> {
    let mut ahead = paths;
    ahead.reverse();
    let (mut read, mut documents, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(path) = ahead.pop() {
        let absolute = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
        let real = absolute.canonicalize().unwrap_or_else(|_| absolute.clone());
        if read.iter().any(|(_, known)| *known == real) {
            continue;
        }
        let opened = open(&path, &absolute, env).map_err(|fault| vec![fault]).and_then(Document::parse);
        read.push((absolute, real));
        match opened.and_then(|document| Ok((document.includes()?, document))) {
            Ok((included, document)) => {
                ahead.extend(included.into_iter().rev());
                documents.push(document);
            }
            // A directory that anybody can write is one fault, however many files lie in it.
            Err(found) => faults.extend(found.into_iter().filter(|fault| !faults.contains(fault)).collect::<Vec<_>>()),
        }
    }
    ConfigError::unless_empty(faults)?;
    Ok((read.into_iter().map(|(absolute, _)| absolute).collect(), documents))
}

fn open(path: &Path, absolute: &Path, env: &Environment) -> Result<Source, Fault> {
    let name = path.display().to_string();
    let bytes = trust::read(absolute, env.user)?;
    let directory = absolute.parent().unwrap_or(absolute).to_owned();
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source { name, directory, text }),
        Err(why) => {
            let at = why.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(why.as_bytes()).into_owned();
            Err(Source { name, directory, text }.fault(&(at..at + 1), "this is not UTF-8"))
        }
    }
}

impl Document {
    /// Syntax, then version, then keys, then values: each makes sense only after the last.
    pub(super) fn parse(source: Source) -> Result<Self, Vec<Fault>> {
        let sections = Self::sections(&source)?;
        Ok(Self { source, sections })
    }

    fn sections(source: &Source) -> Result<raw::File, Vec<Fault>> {
        let fault = |why: &toml::de::Error| {
            let message = why.message().trim_end().replace('\n', "; ");
            vec![source.fault(&why.span().unwrap_or_default(), message)]
        };
        let mut table = DeTable::parse(&source.text).map_err(|why| fault(&why))?;
        version(table.get_ref(), source).map_err(|fault| vec![fault])?;
        let unknown = schema::check(table.get_ref(), source);
        if !unknown.is_empty() {
            return Err(unknown);
        }
        table.get_mut().remove("version");
        raw::File::deserialize(toml::Deserializer::from(table)).map_err(|why| fault(&why))
    }

    /// The files that `include` names. A pattern may match nothing; a plain name must exist.
    fn includes(&self) -> Result<Vec<PathBuf>, Vec<Fault>> {
        let mut files = Vec::new();
        for pattern in &self.sections.include {
            let found = self.matching(pattern).map_err(|why| vec![self.source.fault_at(pattern, why)])?;
            if found.is_empty() && !pattern.get_ref().contains(['*', '?', '[']) {
                return Err(vec![self.source.fault_at(pattern, format!("there is no file `{}`", pattern.get_ref()))]);
            }
            files.extend(found);
        }
        Ok(files)
    }

    fn matching(&self, pattern: &Spanned<String>) -> Result<Vec<PathBuf>, String> {
        let full = self.source.glob(pattern).map_err(|fault| fault.message)?;
        let found = glob::glob(&full).map_err(|why| format!("`{}` is not a pattern: {why}", pattern.get_ref()))?;
        found.map(|path| path.map_err(|why| why.to_string())).collect()
    }
}

/// Refuses every version but ours, before its keys are held against ours.
fn version(table: &DeTable<'_>, source: &Source) -> Result<(), Fault> {
    let Some(version) = table.get("version") else {
        return Err(source.fault(&(0..0), "the version is missing; begin the file with `version = 1`"));
    };
    match version.get_ref() {
        DeValue::Integer(number) if number.as_str() == "1" => Ok(()),
        DeValue::Integer(number) => {
            Err(source.fault_at(version, format!("version {number} is not known; this program reads version 1")))
        }
        _ => Err(source.fault_at(version, "the version is a number: `version = 1`")),
    }
}
