//! The rows in a dump, told from what `pg_restore` makes of it: a `COPY` for each table, and a
//! line for each row.

use std::collections::BTreeMap;

use crate::archive::manifest::Counts;
use crate::domain::ident;

/// Longer than any `COPY` line; of a longer line only its beginning is looked at.
const LONGEST: usize = 64 * 1024;

/// Counts rows as the text comes by, in pieces of any size.
#[derive(Debug, Default)]
pub(in crate::archive) struct Counter {
    line: Vec<u8>,
    /// The table whose rows come by now.
    table: Option<String>,
    rows: u64,
    tables: BTreeMap<String, Option<u64>>,
}

impl Counter {
    pub(in crate::archive) fn take(&mut self, text: &[u8]) {
        for piece in text.split_inclusive(|byte| *byte == b'\n') {
            let room = LONGEST - self.line.len();
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.end_line();
                self.line.clear();
            }
        }
    }

    fn end_line(&mut self) {
        match &self.table {
            // A row that begins like this has its backslash doubled.
            Some(table) if self.line == b"\\.\n" => {
                self.tables.insert(table.clone(), Some(self.rows));
                self.table = None;
            }
            Some(_) => self.rows += 1,
            None => {
                self.table = std::str::from_utf8(&self.line).ok().and_then(copied);
                self.rows = 0;
            }
        }
    }

    /// Every table that came to its end.
    pub(in crate::archive) fn counts(self) -> Counts {
        Counts { tables: self.tables }
    }
}

/// The table of a line that begins its rows: `COPY public.staff (id, name) FROM stdin;`
fn copied(line: &str) -> Option<String> {
    let rest = line.strip_prefix("COPY ")?;
    if !line.trim_end().ends_with(" FROM stdin;") {
        return None;
    }
    let name = |text| ident::leading(text, &['.', ' ', '(']);
    let (schema, rest) = name(rest)?;
    let (table, _) = name(rest.strip_prefix('.')?)?;
    Some(format!("{schema}.{table}"))
}

/// The first table that a table of contents has no rows of.
pub(super) fn unlisted<'a>(contents: &str, counts: &'a Counts) -> Option<&'a String> {
    let listed: Vec<&str> = contents.lines().filter_map(|line| Some(line.split_once(" TABLE DATA ")?.1)).collect();
    counts.tables.keys().find(|table| {
        // Names are not quoted there, and their ends not told.
        let shown = table.replacen('.', " ", 1).replace(['\n', '\r'], " ") + " ";
        !listed.iter().any(|line| line.starts_with(&shown))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(tables: &[(&str, u64)]) -> Counts {
        Counts { tables: tables.iter().map(|(table, rows)| ((*table).to_owned(), Some(*rows))).collect() }
    }

    #[test]
    fn rows_are_counted_whatever_the_pieces_and_the_names() {
        let text = "--\n-- Data\n--\nCOPY public.staff (id, name) FROM stdin;\n1\ta\\nb\n2\t\\\\.\n\\.\n\n\
                    COPY \"My Sch\".\"a\"\"b.c\" (\"x y\") FROM stdin;\n\\.\n\nSELECT 1;\nCOPY public.cut (id) FROM stdin;\n1\n";
        for size in [1, 2, 7, 1000] {
            let mut counter = Counter::default();
            text.as_bytes().chunks(size).for_each(|piece| counter.take(piece));
            assert_eq!(counter.counts(), counts(&[("public.staff", 2), ("My Sch.a\"b.c", 0)]), "{size}");
        }
        let mut counter = Counter::default();
        counter.take(b"COPY public.t (x) FROM stdin;\n");
        counter.take(&vec![b'x'; 300_000]);
        counter.take(b"\n\\.\n");
        assert_eq!(counter.counts(), counts(&[("public.t", 1)]));
    }

    #[test]
    fn a_table_that_the_dump_does_not_list_is_named() {
        let contents = ";\n; Archive created at 2026-03-02\n215; 1259 16389 TABLE public staff postgres\n\
                        3341; 0 16389 TABLE DATA public staff postgres\n3342; 0 16390 TABLE DATA public the rota postgres\n";
        assert_eq!(unlisted(contents, &counts(&[("public.staff", 1), ("public.the rota", 1)])), None);
        let unlisted = unlisted(contents, &counts(&[("public.staf", 1)])).cloned();
        assert_eq!(unlisted.as_deref(), Some("public.staf"));
    }
}
