//! The time in a file's name: `db_backup_%Y%m%d_%H%M%S.sqlite3`, read and written alike.

use std::fmt;
use std::path::{Path, PathBuf, is_separator};

use chrono::{Datelike, Duration, NaiveDate, NaiveDateTime, Timelike};

use super::Compression;
use crate::domain::time::{Timestamp, Zone};

/// How the name of a backup ends that is a directory of files.
const DIRECTORY: &str = ".dir";
/// How the name of a copy begins that a restore made of what it replaced, where the name of its time
/// alone is another's, or wants a pair; an id and `_` follow.
const REPLACED: &str = "before-restore-";

/// A path whose file name carries the time the backup was taken, as in
/// `/srv/rota/db_backup_%Y%m%d_%H%M%S.sqlite3`; local to `zone`.
#[derive(Clone, Debug)]
pub struct StampPattern {
    /// As it was written.
    pub text: String,
    pub zone: Zone,
    dir: PathBuf,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Field(Field),
}

/// What a stamp is made of, from the largest to the smallest; each needs all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

const FIELDS: [(char, Field); 6] = [
    ('Y', Field::Year),
    ('m', Field::Month),
    ('d', Field::Day),
    ('H', Field::Hour),
    ('M', Field::Minute),
    ('S', Field::Second),
];

/// Why a stamp pattern could not be read; names the cause and the mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    #[error("`{0}` is not an absolute path; write it from the root, as in /srv/rota/db_%Y%m%d.sqlite3")]
    Relative(String),
    #[error("`{0}` names no file; end it with a file name that carries the stamp, as in db_%Y%m%d.sqlite3")]
    NoFile(String),
    #[error("`{0}` has a % in a directory; only the file name may carry the stamp")]
    StampedDirectory(String),
    #[error("`{0}` is no field of a stamp; there are %Y %m %d %H %M %S, and %% for a percent sign")]
    UnknownField(String),
    #[error("`%{0}` stands there twice; once is enough")]
    Twice(char),
    #[error("`%{0}` is missing; a stamp says at least the day (%Y, %m and %d), and no field without the larger ones")]
    Missing(char),
    #[error("`{0}` would be taken for a leftover, a manifest or a pin of ours; choose another name")]
    Reserved(String),
}

impl StampPattern {
    /// Reads a pattern whose stamps are local to `zone`.
    pub fn parse(text: &str, zone: Zone) -> Result<Self, StampError> {
        let (dir, name) = text.rsplit_once(is_separator).ok_or_else(|| StampError::Relative(text.to_owned()))?;
        if !Path::new(text).is_absolute() {
            return Err(StampError::Relative(text.to_owned()));
        }
        if matches!(name, "" | "." | "..") {
            return Err(StampError::NoFile(text.to_owned()));
        }
        if dir.contains('%') {
            return Err(StampError::StampedDirectory(text.to_owned()));
        }
        let ours = [".partial-", super::PRUNE_NOTE].iter().any(|prefix| name.starts_with(prefix));
        if ours || [".manifest.json", ".pin"].iter().any(|ending| name.ends_with(ending)) {
            return Err(StampError::Reserved(name.to_owned()));
        }
        // The root, or a drive's, is not one without its separator.
        let dir = if Path::new(dir).is_absolute() { dir } else { &text[..=dir.len()] };
        Ok(Self { text: text.to_owned(), zone, dir: PathBuf::from(dir), pieces: pieces(name)? })
    }

    /// The same names in another directory.
    #[must_use]
    pub fn moved_to(&self, dir: &Path) -> Self {
        let name = self.text.rsplit(is_separator).next().unwrap_or_default();
        Self { text: format!("{}/{name}", dir.display()), dir: dir.to_owned(), ..self.clone() }
    }

    /// Whether what is called so is a directory of files, and not one file.
    pub fn is_directory(&self) -> bool {
        self.text.ends_with(DIRECTORY)
    }

    /// What a path of it is called once it is packed like this. A directory is packed inside.
    pub fn packed(&self, packing: Compression, path: &Path) -> PathBuf {
        if self.is_directory() { path.to_owned() } else { packing.name(path) }
    }

    /// The directory the files lie in.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The path of a backup that is taken at `at`.
    pub fn name_for(&self, at: Timestamp) -> PathBuf {
        self.path_of(self.zone.local(at).naive_local())
    }

    /// The path with this reading of the clock in its name; what a pair must be called.
    pub fn path_of(&self, stamp: NaiveDateTime) -> PathBuf {
        self.dir.join(self.pieces.iter().map(|piece| piece.written(stamp)).collect::<String>())
    }

    /// The same as it is called in every packing.
    pub fn paths_of(&self, stamp: NaiveDateTime) -> impl Iterator<Item = PathBuf> {
        let path = self.path_of(stamp);
        Compression::ALL.into_iter().map(move |packing| packing.name(&path))
    }

    /// What a copy of what a restore replaced is called where the name of its time does not do.
    pub fn replaced(path: &Path, id: &str) -> PathBuf {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        path.with_file_name(format!("{REPLACED}{id}_{name}"))
    }

    /// Whether a file is called like that: no other belongs to it by its time.
    pub fn is_replaced(file_name: &str) -> bool {
        own(file_name) != file_name
    }

    /// The reading of the clock in a file's name, packed or not; `None` when it is no file of
    /// this pattern.
    pub fn stamp_of(&self, file_name: &str) -> Option<NaiveDateTime> {
        let file_name = own(file_name);
        let unpacked = Compression::split(file_name);
        self.read(file_name).or_else(|| if unpacked.1 == Compression::None { None } else { self.read(unpacked.0) })
    }

    /// Whether a file is called as one of this pattern, packed or not, but of a time that no calendar has.
    pub fn is_of_no_time(&self, file_name: &str) -> bool {
        let names = [file_name, Compression::split(file_name).0];
        names.iter().any(|name| self.fields(name).is_some()) && self.stamp_of(file_name).is_none()
    }

    fn read(&self, file_name: &str) -> Option<NaiveDateTime> {
        let [year, month, day, hour, minute, second] = self.fields(file_name)?;
        NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?.and_hms_opt(hour, minute, second)
    }

    /// The numbers in a name, whatever they come to.
    fn fields(&self, file_name: &str) -> Option<[u32; 6]> {
        let mut rest = file_name;
        let mut read = [0, 1, 1, 0, 0, 0];
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => rest = rest.strip_prefix(text.as_str())?,
                Piece::Field(field) => {
                    let (digits, after) = rest.split_at_checked(field.width())?;
                    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                        return None;
                    }
                    read[*field as usize] = digits.parse().ok()?;
                    rest = after;
                }
            }
        }
        rest.is_empty().then_some(read)
    }

    /// When the backup of this name was taken; `None` when it is no file of this pattern.
    ///
    /// A reading that a clock going back shows twice counts as the first: a backup is rather
    /// thought too old than too fresh.
    pub fn taken_at(&self, file_name: &str) -> Option<Timestamp> {
        self.stamp_of(file_name).map(|stamp| self.zone.instants(stamp).earliest())
    }

    /// How exactly the stamp tells the time: a day, an hour, a minute or a second.
    pub fn precision(&self) -> Duration {
        let finest = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Field(field) => Some(*field),
            Piece::Literal(_) => None,
        });
        match finest.max() {
            Some(Field::Second) => Duration::seconds(1),
            Some(Field::Minute) => Duration::minutes(1),
            Some(Field::Hour) => Duration::hours(1),
            _ => Duration::days(1),
        }
    }
}

/// The name of its time alone.
fn own(file_name: &str) -> &str {
    let named = file_name.strip_prefix(REPLACED).and_then(|rest| rest.split_once('_'));
    let is_id = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    named.filter(|(id, _)| is_id(id)).map_or(file_name, |(_, own)| own)
}

/// Takes a file name apart.
fn pieces(name: &str) -> Result<Vec<Piece>, StampError> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut seen: Vec<Field> = Vec::new();
    let mut chars = name.chars();
    while let Some(char) = chars.next() {
        if char != '%' {
            literal.push(char);
            continue;
        }
        let letter = chars.next();
        if letter == Some('%') {
            literal.push('%');
            continue;
        }
        let (letter, field) = FIELDS
            .into_iter()
            .find(|(known, _)| Some(*known) == letter)
            .ok_or_else(|| StampError::UnknownField(format!("%{}", letter.map_or(String::new(), String::from))))?;
        if seen.contains(&field) {
            return Err(StampError::Twice(letter));
        }
        seen.push(field);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        pieces.push(Piece::Field(field));
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    let finest = seen.iter().copied().max().unwrap_or(Field::Day).max(Field::Day);
    match FIELDS.iter().find(|(_, field)| *field <= finest && !seen.contains(field)) {
        Some((letter, _)) => Err(StampError::Missing(*letter)),
        None => Ok(pieces),
    }
}

impl Piece {
    fn written(&self, stamp: NaiveDateTime) -> String {
        match self {
            Piece::Literal(text) => text.clone(),
            Piece::Field(Field::Year) => format!("{:04}", stamp.year()),
            Piece::Field(Field::Month) => format!("{:02}", stamp.month()),
            Piece::Field(Field::Day) => format!("{:02}", stamp.day()),
            Piece::Field(Field::Hour) => format!("{:02}", stamp.hour()),
            Piece::Field(Field::Minute) => format!("{:02}", stamp.minute()),
            Piece::Field(Field::Second) => format!("{:02}", stamp.second()),
        }
    }
}

impl Field {
    fn width(self) -> usize {
        if self == Field::Year { 4 } else { 2 }
    }
}

impl fmt::Display for StampPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
