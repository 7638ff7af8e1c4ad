//! Dumps as SQL text: whether such a text came to its end, and how many rows of which table are in
//! it. The end counts: cut off between two statements, such a text restores without a complaint.

mod insert;

use super::ArchiveError;
use super::content::Content;
use super::counts::Counts;
use super::method::{Form, Found, Wanted};
use super::postgresql::Counter as CopyCounter;
use super::verify::{Verdict, damaged};
use crate::domain::{humanize, sanitize};

use insert::Counter as InsertCounter;

pub(super) const FORM: Form = Form { name: "SQL", endings: &["sql"], magic: b"-- M", examine };

/// So much of its beginning says who wrote it, and of its end whether it is there.
const MARGIN: usize = 4096;

/// Who writes such texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writer {
    Mysqldump,
    PgDump,
    Sqlite,
}

impl Writer {
    fn of(head: &str) -> Option<Self> {
        let first = |text: &str| head.lines().take(10).any(|line| line.starts_with(text));
        if first("-- MySQL dump") || first("-- MariaDB dump") {
            Some(Self::Mysqldump)
        } else if first("-- PostgreSQL database") {
            Some(Self::PgDump)
        } else if head.starts_with("PRAGMA foreign_keys=OFF;") {
            Some(Self::Sqlite)
        } else {
            None
        }
    }

    /// What stands in the last lines of a whole one.
    fn end(self) -> &'static str {
        match self {
            Self::Mysqldump => "-- Dump completed",
            Self::PgDump => "-- PostgreSQL database dump complete",
            Self::Sqlite => "COMMIT;",
        }
    }

    fn is_whole(self, tail: &str) -> bool {
        let says = |line: &&str| !line.trim().is_empty() && *line != "--" && !line.starts_with('\\');
        let last = tail.lines().rev().find(says);
        tail.ends_with('\n') && last.is_some_and(|line| line.starts_with(self.end()))
    }
}

/// A text as it comes by.
#[derive(Debug, Default)]
pub(super) struct Text {
    head: Vec<u8>,
    tail: Vec<u8>,
    inserted: InsertCounter,
    copied: CopyCounter,
}

/// What a whole text holds.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) counts: Counts,
    /// Tables that no transaction keeps at one moment.
    pub(super) loose: Vec<String>,
    /// MySQL's or MariaDB's own tool wrote it.
    pub(super) is_of_mysql: bool,
}

impl Text {
    pub(super) fn take(&mut self, bytes: &[u8]) {
        let room = MARGIN - self.head.len();
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(MARGIN)..]);
        self.tail.drain(..self.tail.len().saturating_sub(MARGIN));
        // Which of the two it is, is known by now or never; both together cost too much.
        if self.head.starts_with(b"--\n-- PostgreSQL") {
            self.copied.take(bytes);
        } else {
            self.inserted.take(bytes);
        }
    }

    /// The server's version, as its head tells.
    pub(super) fn server(&self) -> Option<String> {
        let head = String::from_utf8_lossy(&self.head);
        let version = head.lines().find_map(|line| line.strip_prefix("-- Server version"))?;
        Some(sanitize::line(version.trim()))
    }

    /// What is in it, or why it is not whole; `Ok(None)` for a text of somebody unknown.
    pub(super) fn end(self) -> Result<Option<Read>, String> {
        let Some(writer) = end(&self.head, &self.tail)? else { return Ok(None) };
        let is_of_mysql = writer == Writer::Mysqldump;
        Ok(Some(match writer {
            Writer::PgDump => Read { counts: self.copied.counts(), loose: Vec::new(), is_of_mysql },
            Writer::Mysqldump => {
                let (counts, loose) = self.inserted.counts();
                Read { counts, loose, is_of_mysql }
            }
            Writer::Sqlite => Read { counts: Counts::default(), loose: Vec::new(), is_of_mysql },
        }))
    }
}

/// Whose dump begins and ends like this; `None` for nobody's that is known. The error says that it
/// is cut off.
fn end(head: &[u8], tail: &[u8]) -> Result<Option<Writer>, String> {
    let Some(writer) = Writer::of(&String::from_utf8_lossy(head)) else { return Ok(None) };
    if writer.is_whole(&String::from_utf8_lossy(tail)) {
        Ok(Some(writer))
    } else {
        Err(format!("it is cut off: its last line is not `{}`, with which such a dump ends", writer.end()))
    }
}

/// Whether a dump ends as it should, from some hundred bytes of its beginning and its end.
pub fn sql_end(head: &[u8], tail: &[u8]) -> Result<(), String> {
    end(head, tail).map(|_| ())
}

fn examine(content: &Content<'_>, wanted: &Wanted<'_>) -> Result<Found, Verdict> {
    let mut text = Text::default();
    let bytes = content.read(|bytes| {
        text.take(bytes);
        Ok(())
    })?;
    if bytes == 0 {
        return damaged("there is nothing in it");
    }
    let read = match text.end() {
        Ok(Some(read)) => read,
        Ok(None) if wanted.counts.is_some() => {
            let sentence = "its text is of nobody this program knows".to_owned();
            return Ok(Found { sentence, counts: None });
        }
        Ok(None) => {
            return Err(Verdict::None(ArchiveError::Unsupported(format!(
                "{}: nothing in it says who wrote it, so nobody knows how it should end",
                content.file().display()
            ))));
        }
        Err(why) => return damaged(why),
    };
    if let Some(difference) = wanted.counts.and_then(|expected| expected.lacking(&read.counts)) {
        return damaged(format!("it is not what its manifest says: {difference}"));
    }
    let counted = !read.counts.tables.is_empty();
    let mut sentence = format!(
        "whole to its last line, {} with {} rows{}",
        humanize::count(read.counts.tables.len(), "table"),
        humanize::number(read.counts.rows() as f64),
        if wanted.counts.is_some() { " as in the manifest" } else { "" }
    );
    if let [first, ..] = &read.loose[..] {
        let count = humanize::count(read.loose.len(), "table");
        sentence += &format!("; {count} not of InnoDB and perhaps of other moments, as `{}`", sanitize::line(first));
    }
    Ok(Found { sentence, counts: counted.then_some(read.counts) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MYSQL: &str = "-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB\n--\n-- Host: localhost    Database: rota\n\
        CREATE TABLE `a` (\n  `id` int(11)\n) ENGINE=InnoDB;\nINSERT INTO `a` VALUES\n(1),\n(2);\n\
        CREATE TABLE `b` (\n  `id` int(11)\n) ENGINE=MyISAM;\nINSERT INTO `b` VALUES (3);\n\
        -- Dump completed on 2026-03-02  2:00:00\n";

    fn read(text: &str) -> Result<Option<Read>, String> {
        let mut all = Text::default();
        text.as_bytes().chunks(7).for_each(|piece| all.take(piece));
        all.end()
    }

    #[test]
    fn a_text_that_ends_between_two_statements_is_cut_off() {
        let whole = read(MYSQL).expect("whole").expect("known");
        assert_eq!(whole.counts.tables.get("a"), Some(&Some(2)));
        assert_eq!(whole.loose, ["b"]);
        for (at, _) in MYSQL.match_indices('\n').take(MYSQL.matches('\n').count() - 1).filter(|(at, _)| *at > 60) {
            let why = read(&MYSQL[..=at]).expect_err("cut off");
            assert!(why.contains("`-- Dump completed`"), "{why}");
        }
        assert!(read(&MYSQL[..MYSQL.len() - 1]).is_err(), "without the end of its last line");
        assert!(read("INSERT INTO t VALUES (1);\n").expect("no fault").is_none(), "nobody knows how it should end");
    }

    #[test]
    fn the_texts_of_other_writers_have_ends_of_their_own() {
        let postgres = "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\nCOPY public.a (id) FROM stdin;\n1\n2\n\\.\n\n\
            --\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n";
        let whole = read(postgres).expect("whole").expect("known");
        assert_eq!(whole.counts.tables.get("public.a"), Some(&Some(2)));
        let cut = postgres.find("--\n-- PostgreSQL database dump complete").expect("its end");
        assert!(read(&postgres[..cut]).is_err());
        let sqlite = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(x);\nCOMMIT;\n";
        assert!(read(sqlite).expect("whole").is_some());
        assert!(read(&sqlite.replace("COMMIT;", "ROLLBACK; -- due to errors")).is_err());
    }
}
