//! What may go to a terminal: text, and the few sequences our renderer uses. Everything else
//! came from data, and would be obeyed.

use std::collections::BTreeSet;

/// The mode that shows the cursor; on when nobody has asked for anything.
pub(crate) const CURSOR: u16 = 25;

/// Own screen, cursor, mouse (press, drag, move, two encodings), focus, paste, whole frames.
const MODES: [u16; 10] = [1049, CURSOR, 1000, 1002, 1003, 1015, 1006, 1004, 2004, 2026];

/// The offences in a stream, each as it would be told.
pub(crate) fn offences(stream: &[u8]) -> Vec<String> {
    let text = match std::str::from_utf8(stream) {
        Ok(text) => text,
        Err(error) => return vec![format!("no UTF-8 from byte {}", error.valid_up_to())],
    };
    let mut offences = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\u{1b}' => match sequence(rest) {
                Ok(length) => length,
                Err(what) => {
                    offences.push(what);
                    1
                }
            },
            // The end of a line, before the screen is taken and after it is given back.
            '\r' | '\n' => 1,
            control if control.is_control() => {
                offences.push(format!("the control {control:?}"));
                control.len_utf8()
            }
            hidden if is_hidden(hidden) => {
                offences.push(format!("{hidden:?}, which turns or hides text"));
                hidden.len_utf8()
            }
            plain => plain.len_utf8(),
        };
        rest = &rest[length..];
    }
    offences
}

/// How long the sequence is that the text begins with, if it is one of ours.
fn sequence(text: &str) -> Result<usize, String> {
    let told = || format!("{:?}", text.chars().take(16).collect::<String>());
    if let Some(copied) = text.strip_prefix("\u{1b}]52;c;") {
        let data = copied.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte)).count();
        let end = ["\u{7}", "\u{1b}\\"].into_iter().find(|end| copied[data..].starts_with(end)).ok_or_else(told)?;
        return Ok("\u{1b}]52;c;".len() + data + end.len());
    }
    let body = text.strip_prefix("\u{1b}[").ok_or_else(told)?;
    let parameters = body.bytes().take_while(|byte| byte.is_ascii_digit() || b";:?".contains(byte)).count();
    let (given, after) = body.split_at(parameters);
    let ours = match after.chars().next() {
        Some('H' | 'm' | 'J') => !given.contains('?'),
        Some('h' | 'l') => {
            given.strip_prefix('?').and_then(|mode| mode.parse().ok()).is_some_and(|mode| MODES.contains(&mode))
        }
        _ => false,
    };
    if ours { Ok(2 + parameters + 1) } else { Err(told()) }
}

/// Marks of direction, and those without a width that hide in a name. Joiners and selectors
/// within an emoji are part of a picture.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{2028}' | '\u{2029}')
}

/// Which private modes are on after a stream.
pub(crate) fn modes(stream: &[u8]) -> BTreeSet<u16> {
    let text = String::from_utf8_lossy(stream);
    let mut on = BTreeSet::from([CURSOR]);
    for piece in text.split("\u{1b}[?").skip(1) {
        let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
        let Ok(mode) = piece[..digits].parse() else { continue };
        match piece[digits..].chars().next() {
            Some('h') => on.insert(mode),
            Some('l') => on.remove(&mode),
            _ => false,
        };
    }
    on
}

#[test]
fn the_scanner_knows_ours_from_anybody_elses() {
    let ours = "\u{1b}[?1049h\u{1b}[2J\u{1b}[1;1H\u{1b}[38;5;6;49mrota ✓ データ 👩‍👩‍👧\u{1b}[0m\r\n\u{1b}]52;c;cm90YQ==\u{1b}\\\u{1b}[?1049l";
    assert_eq!(offences(ours.as_bytes()), Vec::<String>::new());
    for theirs in [
        "\u{1b}]0;owned\u{7}",
        "\u{1b}]52;c;?\u{7}",
        "\u{1b}]8;;http://x\u{1b}\\",
        "\u{1b}P1$r\u{1b}\\",
        "\u{1b}_x\u{1b}\\",
        "\u{1b}c",
        "\u{1b}[5n",
        "\u{1b}[>c",
        "\u{1b}[?1000z",
        "\u{1b}[?7l",
        "\u{1b}[1;1f",
        "a\tb",
        "a\u{8}b",
        "\u{7}",
        "\u{7f}",
        "\u{9b}31m",
        "\u{202e}gnp.exe",
        "\u{200b}",
        "\u{1b}",
    ] {
        assert!(!offences(theirs.as_bytes()).is_empty(), "{theirs:?} went through");
    }
    assert!(!offences(b"\xff").is_empty());
    assert_eq!(modes(b"\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[?2004l\x1b[?25h"), BTreeSet::from([CURSOR, 1049]));
}
