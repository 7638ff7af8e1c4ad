//! Output on its way without the secrets in it. A secret may come in two pieces, so a line waits
//! until it is whole.

use crate::domain::redact::Redactor;

/// A line that is longer than this is not waited for.
const LONGEST: usize = 64 * 1024;

/// One stream, line by line.
#[derive(Debug, Default)]
pub(super) struct Redacted {
    partial: Vec<u8>,
    redactor: Redactor,
}

impl Redacted {
    /// Takes a piece and gives the lines that are whole now, with their ends.
    pub(super) fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        let whole = piece.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
        let (ended, begun) = piece.split_at(whole);
        let mut lines = Vec::new();
        if !ended.is_empty() {
            lines = std::mem::take(&mut self.partial);
            lines.extend_from_slice(ended);
        }
        self.partial.extend_from_slice(begun);
        if self.partial.len() > LONGEST {
            lines.append(&mut self.partial);
        }
        self.clean(&lines)
    }

    /// What no line end came after.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        let rest = std::mem::take(&mut self.partial);
        self.clean(&rest)
    }

    fn clean(&mut self, lines: &[u8]) -> Vec<u8> {
        let mut clean = Vec::with_capacity(lines.len());
        for line in lines.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            if let Some(line) = self.redactor.line(line) {
                clean.extend_from_slice(&line);
            }
        }
        clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_two_pieces_is_found_and_everything_else_comes_in_order() {
        let mut redacted = Redacted::default();
        assert_eq!(redacted.push(b"one\ntwo pass"), b"one\n");
        assert_eq!(redacted.push(b"word=hun"), b"");
        assert_eq!(redacted.push(b"ter2\r\nthree"), b"two password=***\r\n");
        assert_eq!(redacted.rest(), b"three");
    }

    #[test]
    fn a_line_without_an_end_is_not_held_for_ever() {
        let mut redacted = Redacted::default();
        let long = vec![b'x'; LONGEST + 1];
        assert_eq!(redacted.push(&long), long);
    }
}
