//! Foreign text made harmless: nothing from outside may carry an escape to the terminal, hide
//! a character, or turn the rest of a line around.
//!
//! File names, process output, database content and log lines pass through here before they
//! become part of any value. What is returned holds no control character, only zero-width
//! characters that belong to what they follow, and at most [`MAX`] bytes; cleaning it again
//! changes nothing.

mod escape;

use std::borrow::Cow;
use std::fmt::Write;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The longest line that is kept, in bytes.
pub const MAX: usize = 4096;
/// The most lines [`block`] keeps.
pub const MAX_LINES: usize = 1000;
/// Accents on one letter; written language needs four at most.
const MAX_MARKS: usize = 8;
const TAB_STOP: usize = 8;
const CUT: char = '…';

/// What a panic said, as one line.
pub fn panic(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    line(text.unwrap_or("a panic without a message"))
}

/// One line of foreign text, safe to show. A line end at its end is dropped, one inside it
/// is shown as `↵`; colours and other escape sequences of programs are taken out whole.
pub fn line(text: &str) -> String {
    if text.len() <= MAX && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut cleaned = Cleaned::default();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(length) = escape::sequence(rest) {
            rest = &rest[length..];
            continue;
        }
        rest = &rest[first.len_utf8()..];
        if first == '\r' && rest.starts_with('\n') {
            continue;
        }
        cleaned.push(first, rest.chars().next());
        if cleaned.text.len() > MAX {
            break;
        }
    }
    cleaned.finish()
}

/// Foreign bytes as one safe line; what is not UTF-8 is shown as `\xNN`.
pub fn bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            push_hex(&mut text, u32::from(*byte));
        }
    }
    line(&text)
}

/// Foreign text of several lines, each of them safe; at most [`MAX_LINES`].
pub fn block(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().take(MAX_LINES).map(line).collect();
    if text.lines().nth(MAX_LINES).is_some() {
        lines.push(CUT.to_string());
    }
    lines
}

/// Clean text cut to at most `cells` columns of a terminal, never inside a character as
/// people see it; `…` says that something is missing.
pub fn truncated(text: &str, cells: usize) -> Cow<'_, str> {
    if text.width() <= cells {
        return Cow::Borrowed(text);
    }
    let mut room = cells;
    let mut kept = String::new();
    for grapheme in text.graphemes(true) {
        let width = grapheme.width();
        if width >= room {
            break;
        }
        room -= width;
        kept.push_str(grapheme);
    }
    if cells > 0 {
        kept.push(CUT);
    }
    Cow::Owned(kept)
}

/// A line in the making. Every decision depends on what was already put out and on what
/// comes next as it is, so that a second cleaning decides the same.
#[derive(Default)]
struct Cleaned {
    text: String,
    /// Columns so far, for tab stops.
    column: usize,
    /// Combining marks since the last character that takes a column.
    marks: usize,
    /// The latest character was invisible and has its marker already.
    hidden: bool,
    /// Line ends that are shown if anything follows them.
    ends: usize,
}

impl Cleaned {
    fn push(&mut self, c: char, next: Option<char>) {
        if matches!(c, '\r' | '\n' | '\u{2028}' | '\u{2029}') {
            self.ends = (self.ends + 1).min(MAX);
            return;
        }
        (0..std::mem::take(&mut self.ends)).for_each(|_| self.put('↵'));
        let hidden = std::mem::take(&mut self.hidden);
        match class(c) {
            Class::Control => self.push_control(c),
            Class::Private => self.put('\u{fffd}'),
            Class::Joiner if self.text.chars().next_back().is_some_and(joins) && next.is_some_and(is_emoji) => {
                self.put(c);
            }
            Class::Selector if self.text.chars().next_back().is_some_and(is_styled) => self.put(c),
            Class::Joiner | Class::Selector | Class::Invisible => {
                self.hidden = true;
                if !hidden {
                    // As `less` and `vim` show it: which one matters to whoever is being fooled.
                    let _infallible = write!(self.text, "<U+{:04X}>", u32::from(c));
                    self.column += 8;
                    self.marks = 0;
                }
            }
            Class::Plain => self.push_plain(c),
        }
    }

    fn push_plain(&mut self, c: char) {
        let width = c.width().unwrap_or(0);
        if width > 0 {
            self.marks = 0;
            self.column += width;
            self.text.push(c);
            return;
        }
        if self.text.is_empty() {
            // Otherwise it would sit on whatever the screen shows before this text.
            self.put('\u{25cc}');
        }
        self.marks += 1;
        if self.marks <= MAX_MARKS {
            self.text.push(c);
        } else if self.marks == MAX_MARKS + 1 {
            self.text.push(CUT);
            self.column += 1;
        }
    }

    fn push_control(&mut self, c: char) {
        match c {
            '\t' => {
                let spaces = TAB_STOP - self.column % TAB_STOP;
                (0..spaces).for_each(|_| self.put(' '));
            }
            '\0'..='\x1f' => self.put(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}')),
            '\x7f' => self.put('\u{2421}'),
            _ => {
                push_hex(&mut self.text, u32::from(c));
                self.column += 4;
                self.marks = 0;
            }
        }
    }

    fn put(&mut self, c: char) {
        self.text.push(c);
        let width = c.width().unwrap_or(0);
        if width > 0 {
            self.marks = 0;
        }
        self.column += width;
    }

    fn finish(mut self) -> String {
        if self.text.len() > MAX {
            let room = MAX - CUT.len_utf8();
            let end =
                self.text.grapheme_indices(true).map(|(start, _)| start).take_while(|start| *start <= room).last();
            self.text.truncate(end.unwrap_or(0));
            self.text.push(CUT);
        }
        self.text
    }
}

enum Class {
    Plain,
    Control,
    /// Shown as something: private use, tags, what is no character at all.
    Private,
    Joiner,
    Selector,
    /// Takes no room, or turns the text around it.
    Invisible,
}

/// What Unicode asks displays to ignore, with the fillers that are blank and the marks that
/// turn the direction of text.
const INVISIBLE: &[std::ops::RangeInclusive<char>] = &[
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{202a}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0d}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0100}'..='\u{e01ef}',
];

fn class(c: char) -> Class {
    match c {
        _ if c.is_control() => Class::Control,
        '\u{200d}' => Class::Joiner,
        '\u{fe0e}' | '\u{fe0f}' => Class::Selector,
        _ if INVISIBLE.iter().any(|range| range.contains(&c)) => Class::Invisible,
        '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{e0000}'..='\u{10ffff}' => Class::Private,
        _ if u32::from(c) & 0xfffe == 0xfffe => Class::Private,
        _ => Class::Plain,
    }
}

fn is_emoji(c: char) -> bool {
    matches!(c, '©' | '®' | '‼' | '⁉' | '™' | 'ℹ' | '\u{2190}'..='\u{2bff}' | '〰' | '〽' | '㊗' | '㊙' | '\u{1f000}'..='\u{1faff}')
}

/// Whether a joiner after it makes one picture of two.
fn joins(c: char) -> bool {
    is_emoji(c) || c == '\u{fe0f}'
}

/// Whether it has a text and a picture form for a selector to choose from.
fn is_styled(c: char) -> bool {
    is_emoji(c) || matches!(c, '0'..='9' | '#' | '*')
}

fn push_hex(text: &mut String, code: u32) {
    let _infallible = write!(text, "\\x{code:02x}");
}

#[cfg(test)]
mod tests;
