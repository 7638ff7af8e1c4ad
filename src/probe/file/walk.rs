//! The files a pattern matches. Unlike the `glob` crate's own walk it sees names that are not
//! UTF-8, says what it may not read, and ends.

use std::ffi::OsString;
use std::fs::{self, DirEntry, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};

use crate::domain::observation::ProbeError;
use crate::domain::sanitize;

/// How many directory entries are looked at before the pattern is called too wide.
const MOST_ENTRIES: usize = 200_000;
/// How deep `**` goes.
const MOST_DEPTH: usize = 32;
/// Of what cannot be read, this much is told.
const MOST_TROUBLES: usize = 5;

const AS_SHELLS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// A pattern, ready to be walked.
#[derive(Debug)]
pub(in crate::probe) struct Walk {
    start: PathBuf,
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Literal(OsString),
    Match(Pattern),
    /// `**`
    AnyFolders,
}

/// What a walk met beside files.
#[derive(Debug, Default)]
pub(in crate::probe) struct Walked {
    pub(in crate::probe) troubles: Vec<ProbeError>,
    /// The first place that was named and is not there.
    pub(in crate::probe) missing: Option<PathBuf>,
    entries: usize,
}

impl Walk {
    pub(in crate::probe) fn new(pattern: &str) -> Result<Self, ProbeError> {
        let (mut start, mut parts) = (PathBuf::new(), Vec::new());
        for component in Path::new(pattern).components() {
            match component {
                Component::Normal(name) => {
                    let text = name.to_string_lossy();
                    if text == "**" {
                        if !matches!(parts.last(), Some(Part::AnyFolders)) {
                            parts.push(Part::AnyFolders);
                        }
                    } else if text.contains(['*', '?', '[']) {
                        parts.push(Part::Match(parse(&text)?));
                    } else {
                        parts.push(Part::Literal(name.to_owned()));
                    }
                }
                other if parts.is_empty() => start.push(other),
                other => parts.push(Part::Literal(other.as_os_str().to_owned())),
            }
        }
        if matches!(parts.last(), Some(Part::AnyFolders)) {
            parts.push(Part::Match(parse("*")?));
        }
        Ok(Self { start, parts })
    }

    /// Shows every file that matches, links followed, to `found`.
    pub(in crate::probe) fn run(&self, mut found: impl FnMut(&Path, &Metadata)) -> Result<Walked, ProbeError> {
        let mut walked = Walked::default();
        walked.descend(&self.start, &self.parts, 0, &mut found)?;
        Ok(walked)
    }
}

fn parse(pattern: &str) -> Result<Pattern, ProbeError> {
    Pattern::new(pattern).map_err(|error| {
        ProbeError::Malformed(format!("`{}` is not a file pattern: {}", sanitize::line(pattern), error.msg))
    })
}

impl Walked {
    fn descend(
        &mut self,
        folder: &Path,
        parts: &[Part],
        depth: usize,
        found: &mut impl FnMut(&Path, &Metadata),
    ) -> Result<(), ProbeError> {
        let Some((part, rest)) = parts.split_first() else { return Ok(()) };
        match part {
            Part::Literal(name) if rest.is_empty() => self.look_at(&folder.join(name), true, found),
            Part::Literal(name) => self.descend(&folder.join(name), rest, depth, found)?,
            Part::Match(pattern) => {
                for entry in self.entries_of(folder)? {
                    let name = entry.file_name();
                    if !pattern.matches_with(&name.to_string_lossy(), AS_SHELLS) {
                        continue;
                    }
                    if rest.is_empty() {
                        self.look_at(&entry.path(), false, found);
                    } else if fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir()) {
                        self.descend(&entry.path(), rest, depth, found)?;
                    }
                }
            }
            Part::AnyFolders => {
                self.descend(folder, rest, depth, found)?;
                // Links to folders are not followed: they may lead back here.
                let folders = |entry: &DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
                for entry in self.entries_of(folder)?.into_iter().filter(folders) {
                    if depth < MOST_DEPTH {
                        self.descend(&entry.path(), parts, depth + 1, found)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn look_at(&mut self, path: &Path, named: bool, found: &mut impl FnMut(&Path, &Metadata)) {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => found(path, &metadata),
            Ok(_) => {}
            // One that was listed and is gone was removed meanwhile, or is a link to nowhere.
            Err(error) if is_missing(&error) && !named => {}
            Err(error) => self.note(path, &error),
        }
    }

    fn entries_of(&mut self, folder: &Path) -> Result<Vec<DirEntry>, ProbeError> {
        let place = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let mut entries = Vec::new();
        match fs::read_dir(place) {
            Err(error) => self.note(place, &error),
            Ok(listing) => {
                for entry in listing {
                    self.entries += 1;
                    if self.entries > MOST_ENTRIES {
                        let text = format!("the pattern is too wide: more than {MOST_ENTRIES} entries lie below it");
                        return Err(ProbeError::Malformed(text));
                    }
                    match entry {
                        Ok(entry) => entries.push(entry),
                        Err(error) => {
                            self.note(place, &error);
                            break;
                        }
                    }
                }
            }
        }
        Ok(entries)
    }

    fn note(&mut self, path: &Path, error: &io::Error) {
        if is_missing(error) {
            self.missing.get_or_insert_with(|| path.to_owned());
            return;
        }
        let place = sanitize::bytes(path.as_os_str().as_encoded_bytes());
        let trouble = match error.kind() {
            ErrorKind::PermissionDenied => {
                ProbeError::Denied(format!("{place} may not be read; give this user the right to"))
            }
            _ => ProbeError::Unreachable(format!("{place} cannot be read: {error}")),
        };
        if self.troubles.len() < MOST_TROUBLES && !self.troubles.contains(&trouble) {
            self.troubles.push(trouble);
        }
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these files in it.
    fn tree(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("scratch");
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("scratch");
            fs::write(path, "").expect("scratch");
        }
        folder
    }

    fn matches(folder: &Path, pattern: &str) -> (Vec<String>, Walked) {
        let mut files = Vec::new();
        let walk = Walk::new(folder.join(pattern).to_str().expect("utf-8")).expect("a pattern");
        let walked = walk
            .run(|path, _| files.push(path.strip_prefix(folder).expect("below").to_string_lossy().into_owned()))
            .expect("not too wide");
        files.sort();
        (files, walked)
    }

    #[test]
    fn patterns_match_as_shells_match_them() {
        let folder = tree(&["a.csv", "b.csv", ".hidden.csv", "c.txt", "one/d.csv", "two/deep/e.csv", "sub.csv/f"]);
        let table: [(&str, &[&str]); 8] = [
            ("*.csv", &["a.csv", "b.csv"]),
            (".*.csv", &[".hidden.csv"]),
            ("?.txt", &["c.txt"]),
            ("[ab].csv", &["a.csv", "b.csv"]),
            ("*/*.csv", &["one/d.csv"]),
            ("**/*.csv", &["a.csv", "b.csv", "one/d.csv", "two/deep/e.csv"]),
            ("two/**", &["two/deep/e.csv"]),
            ("one/../c.txt", &["one/../c.txt"]),
        ];
        for (pattern, expected) in table {
            assert_eq!(matches(folder.path(), pattern).0, expected, "{pattern}");
        }
        assert!(matches!(Walk::new("/srv/[x"), Err(ProbeError::Malformed(_))));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_once_and_those_that_lead_nowhere_are_passed_over() {
        let folder = tree(&["real/a.csv"]);
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, folder.path().join(name)).expect("scratch");
        link("real/a.csv", "link.csv");
        link("nowhere", "dead.csv");
        link("..", "real/up");
        assert_eq!(matches(folder.path(), "*.csv").0, ["link.csv"]);
        assert_eq!(matches(folder.path(), "**/a.csv").0, ["real/a.csv"]);
        link("round.csv", "round.csv");
        let (files, walked) = matches(folder.path(), "*.csv");
        assert_eq!(files, ["link.csv"]);
        assert!(walked.troubles[0].to_string().contains("round.csv cannot be read: "), "{:?}", walked.troubles);
    }

    #[cfg(unix)]
    #[test]
    #[ignore = "needs an ordinary user: root may read everything"]
    fn user_what_may_not_be_read_is_named() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tree(&["closed/a.csv", "open/b.csv"]);
        let closed = folder.path().join("closed");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("scratch");
        let (files, walked) = matches(folder.path(), "*/*.csv");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).expect("scratch");
        assert_eq!(files, ["open/b.csv"]);
        let text = format!("{} may not be read; give this user the right to", closed.display());
        assert_eq!(walked.troubles, [ProbeError::Denied(text)]);
    }
}
