//! Escape sequences of programs: how long they are, so that they can be taken out whole.
//!
//! The grammar is that of ECMA-48. A sequence that does not end is none: what follows its
//! first byte is text, and stays visible.

/// The length in bytes of the escape sequence at the start of `text`, if there is one.
pub(super) fn sequence(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    match *bytes.first()? {
        0x1b => match *bytes.get(1)? {
            b'[' => control(bytes, 2),
            b']' | b'P' | b'X' | b'^' | b'_' => string(bytes, 2),
            b' '..=b'/' => short(bytes),
            b'0'..=b'~' => Some(2),
            _ => None,
        },
        // The same introducers as one character: U+0080 to U+009F, two bytes in UTF-8.
        0xc2 => match *bytes.get(1)? {
            0x9b => control(bytes, 2),
            0x90 | 0x98 | 0x9d..=0x9f => string(bytes, 2),
            _ => None,
        },
        _ => None,
    }
}

/// `CSI`: parameters, intermediates, one final byte.
fn control(bytes: &[u8], start: usize) -> Option<usize> {
    let parameters = run(bytes, start, |byte| matches!(byte, 0x30..=0x3f));
    let intermediates = run(bytes, parameters, |byte| matches!(byte, 0x20..=0x2f));
    matches!(bytes.get(intermediates)?, 0x40..=0x7e).then_some(intermediates + 1)
}

/// `OSC`, `DCS`, `SOS`, `PM`, `APC`: anything printable up to `BEL` or `ST`.
fn string(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        match (*bytes.get(at)?, bytes.get(at + 1)) {
            (0x07, _) => return Some(at + 1),
            (0x1b, Some(b'\\')) | (0xc2, Some(0x9c)) => return Some(at + 2),
            (0x00..=0x1f | 0x7f, _) | (0xc2, Some(0x80..=0x9f)) => return None,
            _ => at += 1,
        }
    }
}

/// `ESC`, intermediates, one final byte: `ESC ( B`.
fn short(bytes: &[u8]) -> Option<usize> {
    let intermediates = run(bytes, 1, |byte| matches!(byte, 0x20..=0x2f));
    matches!(bytes.get(intermediates)?, 0x30..=0x7e).then_some(intermediates + 1)
}

/// The first place at or after `start` where `belongs` fails.
fn run(bytes: &[u8], start: usize, belongs: fn(u8) -> bool) -> usize {
    bytes[start..].iter().position(|byte| !belongs(*byte)).map_or(bytes.len(), |length| start + length)
}
