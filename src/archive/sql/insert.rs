//! The rows in a dump of MySQL's or MariaDB's own tool: what stands in brackets after `VALUES`.

use std::collections::BTreeMap;

use crate::archive::counts::Counts;

/// Of a longer line that is no row only its beginning is looked at.
const LONGEST: usize = 4096;

/// Counts rows as the text comes by, in pieces of any size.
#[derive(Debug, Default)]
pub(super) struct Counter {
    line: Vec<u8>,
    place: Place,
    /// Routines and triggers are text of others: what stands in them is no row of the dump.
    in_routine: bool,
    /// The table that was begun last.
    table: String,
    rows: u64,
    tables: BTreeMap<String, Option<u64>>,
    loose: Vec<String>,
}

/// Where in the text a byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Line,
    /// Between rows, or in one.
    Values { depth: u32 },
    /// In a quoted text of a row.
    Quoted { depth: u32, escaped: bool },
}

impl Counter {
    #[expect(clippy::match_same_arms, reason = "each arm is a step of its own")]
    pub(super) fn take(&mut self, text: &[u8]) {
        for byte in text {
            self.place = match (self.place, byte) {
                (Place::Line, b'\n') => {
                    self.end_line();
                    Place::Line
                }
                (Place::Line, byte) => {
                    if self.line.len() < LONGEST {
                        self.line.push(*byte);
                    }
                    if *byte == b'S' && !self.in_routine && self.begins_rows() {
                        Place::Values { depth: 0 }
                    } else {
                        Place::Line
                    }
                }
                (Place::Values { depth }, b'\'') => Place::Quoted { depth, escaped: false },
                (Place::Values { depth }, b'(') => {
                    self.rows += u64::from(depth == 0);
                    Place::Values { depth: depth + 1 }
                }
                (Place::Values { depth }, b')') => Place::Values { depth: depth.saturating_sub(1) },
                (Place::Values { depth: 0 }, b';') => {
                    *self.tables.entry(self.table.clone()).or_default().get_or_insert(0) += self.rows;
                    self.line.clear();
                    Place::Line
                }
                (Place::Values { depth }, _) => Place::Values { depth },
                (Place::Quoted { depth, escaped: true }, _) => Place::Quoted { depth, escaped: false },
                (Place::Quoted { depth, .. }, b'\\') => Place::Quoted { depth, escaped: true },
                // A doubled quote ends the text and begins it anew.
                (Place::Quoted { depth, .. }, b'\'') => Place::Values { depth },
                (Place::Quoted { depth, .. }, _) => Place::Quoted { depth, escaped: false },
            };
        }
    }

    /// `INSERT INTO `staff` (`id`, `name`) VALUES`
    fn begins_rows(&mut self) -> bool {
        let Some(table) =
            self.line.strip_prefix(b"INSERT INTO ").filter(|_| self.line.ends_with(b" VALUES")).and_then(name)
        else {
            return false;
        };
        self.table = table;
        self.rows = 0;
        true
    }

    fn end_line(&mut self) {
        if self.line.starts_with(b"DELIMITER ") {
            self.in_routine = self.line != b"DELIMITER ;";
        } else if let Some(table) = self.line.strip_prefix(b"CREATE TABLE ").filter(|_| !self.in_routine).and_then(name)
        {
            self.tables.insert(table.clone(), Some(0));
            self.table = table;
        } else if let Some(engine) = self.line.strip_prefix(b") ENGINE=")
            && !engine.starts_with(b"InnoDB")
            && !self.in_routine
        {
            self.loose.push(self.table.clone());
        }
        self.line.clear();
    }

    /// Every table of the dump, and those that no transaction keeps at one moment.
    pub(super) fn counts(self) -> (Counts, Vec<String>) {
        (Counts { tables: self.tables }, self.loose)
    }
}

/// A name in backquotes.
fn name(text: &[u8]) -> Option<String> {
    let mut rest = text.strip_prefix(b"`")?;
    let mut name = Vec::new();
    loop {
        let end = rest.iter().position(|byte| *byte == b'`')?;
        name.extend_from_slice(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix(b"`") {
            Some(more) => {
                name.push(b'`');
                rest = more;
            }
            None => return String::from_utf8(name).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_whatever_stands_in_them_and_however_they_come() {
        let text = r"CREATE TABLE `a` (
  `id` int,
  `VALUES` text
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `a` (`id`, `VALUES`) VALUES
(1,'one'),
(2,'it''s (two); \'),(\\'),
(3,NULL),(4,point(1,2));
INSERT INTO `a` VALUES (5,'INSERT INTO `b` VALUES (1)');
CREATE TABLE `od``d` (
  `x` int
) ENGINE=Aria;
/*!50001 CREATE VIEW `v` AS SELECT
 1 AS `id`*/;
DELIMITER ;;
CREATE TABLE `no` (
INSERT INTO `a` VALUES (6);
DELIMITER ;
INSERT INTO `od``d` VALUES (0x00ff);
";
        for size in [1, 3, 4096] {
            let mut counter = Counter::default();
            text.as_bytes().chunks(size).for_each(|piece| counter.take(piece));
            let (counts, loose) = counter.counts();
            let found: Vec<(&str, Option<u64>)> = counts.tables.iter().map(|(table, rows)| (&**table, *rows)).collect();
            assert_eq!(found, [("a", Some(5)), ("od`d", Some(1))], "{size}");
            assert_eq!(loose, ["od`d"]);
        }
    }
}
