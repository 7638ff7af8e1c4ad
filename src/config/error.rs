//! What is wrong with a configuration: the place, the cause and the mend, with the line itself
//! and a mark under it.

use std::fmt;

/// Everything that was found wrong. Displays one fault after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    faults: Vec<Fault>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `rota.toml:12:1`, or the path alone where no line is to blame.
    pub place: String,
    /// A fragment: cause and mend.
    pub message: String,
    excerpt: Option<Excerpt>,
}

/// The line of a fault, and which part of it is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// Counted from one.
    pub(super) line: usize,
    pub(super) text: String,
    /// Columns before the mark.
    pub(super) before: usize,
    /// Columns under the mark; at least one is drawn.
    pub(super) width: usize,
}

impl ConfigError {
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    pub(super) fn of(faults: Vec<Fault>) -> Self {
        Self { faults }
    }

    /// `Ok` with nothing wrong, so that a caller can collect faults and then go on.
    pub(super) fn unless_empty(faults: Vec<Fault>) -> Result<(), Self> {
        if faults.is_empty() { Ok(()) } else { Err(Self::of(faults)) }
    }
}

impl Fault {
    /// A fault of a file as a whole, or of a directory.
    pub(super) fn of(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into(), excerpt: None }
    }

    pub(super) fn with(mut self, excerpt: Excerpt) -> Self {
        self.excerpt = Some(excerpt);
        self
    }
}

impl From<Fault> for ConfigError {
    fn from(fault: Fault) -> Self {
        Self::of(vec![fault])
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)?;
        let Some(Excerpt { line, text, before, width }) = &self.excerpt else { return Ok(()) };
        let number = line.to_string();
        let gutter = " ".repeat(number.len());
        let (blank, mark) = (" ".repeat(*before), "^".repeat((*width).max(1)));
        write!(f, "\n{gutter} |\n{number} | {text}\n{gutter} | {blank}{mark}")
    }
}
