//! Pieces of output to clean lines, bounded in length and in number.

use crate::domain::sanitize;

/// How much of one line is looked at, in bytes.
const LONGEST: usize = 16 * 1024;
/// How many lines of one piece are passed on. A piece is what was read at once, so a program
/// has to print faster than anybody reads for any to be left out.
const PER_PIECE: usize = 256;

/// One output, cut into lines. A bare CR ends a line as LF does: progress bars are seen.
#[derive(Debug)]
pub(super) struct Lines {
    partial: Vec<u8>,
    /// The line goes on beyond what is kept of it.
    cut: bool,
    /// The latest byte was a CR: an LF that follows ends nothing.
    after_cr: bool,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { partial: Vec::new(), cut: false, after_cr: false }
    }

    pub(super) fn push(&mut self, piece: &[u8], emit: &mut impl FnMut(String)) {
        let mut skip = self.count_ends(piece).saturating_sub(PER_PIECE);
        if skip > 0 {
            emit(format!("… {skip} lines are not shown"));
        }
        for part in piece.split_inclusive(|byte| is_end(*byte)) {
            if part == b"\n" && std::mem::take(&mut self.after_cr) {
                continue;
            }
            let (text, end) = match part.split_last() {
                Some((end, text)) if is_end(*end) => (text, Some(*end)),
                _ => (part, None),
            };
            self.after_cr = end == Some(b'\r');
            let kept = text.len().min(LONGEST - self.partial.len());
            self.partial.extend_from_slice(&text[..kept]);
            self.cut |= kept < text.len();
            if end.is_none() {
                continue;
            }
            if skip > 0 {
                skip -= 1;
                self.partial.clear();
                self.cut = false;
            } else {
                self.end_line(emit);
            }
        }
    }

    /// The last line, when nothing ended it.
    pub(super) fn finish(&mut self, emit: &mut impl FnMut(String)) {
        if !self.partial.is_empty() {
            self.end_line(emit);
        }
    }

    fn count_ends(&self, piece: &[u8]) -> usize {
        let mut before = if self.after_cr { b'\r' } else { 0 };
        let mut ends = 0;
        for byte in piece {
            ends += usize::from(is_end(*byte) && (*byte, before) != (b'\n', b'\r'));
            before = *byte;
        }
        ends
    }

    fn end_line(&mut self, emit: &mut impl FnMut(String)) {
        let mut line = sanitize::bytes(&self.partial);
        if std::mem::take(&mut self.cut) && !line.ends_with('…') {
            line.push('…');
        }
        self.partial.clear();
        emit(line);
    }
}

fn is_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut seen) = (Lines::new(), Vec::new());
        for piece in pieces {
            lines.push(piece, &mut |line| seen.push(line));
        }
        lines.finish(&mut |line| seen.push(line));
        seen
    }

    #[test]
    fn output_becomes_lines_however_it_was_cut_into_pieces() {
        let table: [(&[&[u8]], &[&str]); 7] = [
            (&[b"one\ntwo\n"], &["one", "two"]),
            (&[b"on", b"e\nt", b"wo"], &["one", "two"]),
            (&[b"one\r\ntwo\r", b"\n\nthree"], &["one", "two", "", "three"]),
            (&[b"10%\r20%\r", b"done\n"], &["10%", "20%", "done"]),
            (&[b"\x1b[1", b"mbold\x1b[0m\n"], &["bold"]),
            (&[b"z\xc3", b"\xbcri\xff"], &["züri\\xff"]),
            (&[b""], &[]),
        ];
        for (pieces, expected) in table {
            assert_eq!(lines(pieces), expected, "{pieces:?}");
        }
    }

    #[test]
    fn a_line_without_end_costs_no_more_than_its_bound() {
        let mut lines = Lines::new();
        for _ in 0..1000 {
            lines.push(&[b'\xff'; 4096], &mut |line| panic!("no line ended, got {line}"));
        }
        assert_eq!(lines.partial.len(), LONGEST);
        let mut seen = Vec::new();
        lines.finish(&mut |line| seen.push(line));
        assert!(seen.len() == 1 && seen[0].len() <= sanitize::MAX && seen[0].ends_with('…'));
    }

    #[test]
    fn of_a_flood_the_last_lines_are_shown_and_the_rest_counted() {
        let flood = (0..10_000).map(|n| n.to_string()).collect::<Vec<_>>().join("\r\n") + "\r";
        let seen = lines(&[flood.as_bytes(), b"\n"]);
        assert_eq!(seen.len(), PER_PIECE + 1);
        assert_eq!(seen[0], format!("… {} lines are not shown", 10_000 - PER_PIECE));
        assert_eq!(seen.last().map(String::as_str), Some("9999"));
    }
}
