//! Hostile text, and what is left of it.

use super::*;

/// Random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// What must hold of every cleaned line, whatever it was made of.
#[track_caller]
fn assert_clean(source: &dyn std::fmt::Debug, cleaned: &str) {
    assert!(cleaned.len() <= MAX, "{} bytes from {source:?}", cleaned.len());
    assert!(!cleaned.chars().any(char::is_control), "{cleaned:?} from {source:?}");
    let hidden = |c: char| matches!(class(c), Class::Invisible | Class::Private | Class::Control) && c != '\u{fffd}';
    assert!(!cleaned.chars().any(hidden), "{cleaned:?} from {source:?}");
    assert_eq!(line(cleaned), cleaned, "cleaning {source:?} twice");
}

#[test]
fn foreign_text_becomes_readable_text() {
    let table = [
        ("plain text", "plain text"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[38;2;1;2;3mx\x1b[K\x1b(By", "xy"),
        ("a\x1b]0;owned\x07b\x1b]8;;http://x\x1b\\c", "abc"),
        ("a\x1bPq#0\x1b\\b\x1b_apc\x1b\\c\u{9b}31md", "abcd"),
        ("\x1b]0;never ends", "␛]0;never ends"),
        ("\x1b\x1b[31m[32m", "␛[32m"),
        ("\x1b]0;a\nb\x07", "␛]0;a↵b␇"),
        ("one\r\ntwo\rthree\n", "one↵two↵three"),
        ("\x1b[1mend\n\x1b[0m", "end"),
        ("a\u{2028}b\u{85}c", "a↵b\\x85c"),
        ("name\tvalue", "name    value"),
        ("zürich\tx", "zürich  x"),
        ("\0\x08\x7f", "␀␈␡"),
        ("invoice\u{202e}fdp.exe", "invoice<U+202E>fdp.exe"),
        ("pass\u{200b}\u{200b}\u{200d}word", "pass<U+200B>word"),
        ("\u{feff}bom", "<U+FEFF>bom"),
        (
            "family 👩\u{200d}👧 heart ❤\u{fe0f} key 1\u{fe0f}\u{20e3}",
            "family 👩\u{200d}👧 heart ❤\u{fe0f} key 1\u{fe0f}\u{20e3}",
        ),
        ("a\u{fe0f}b\u{200d}", "a<U+FE0F>b<U+200D>"),
        ("icon \u{e0b0} tag \u{e0041}", "icon \u{fffd} tag \u{fffd}"),
        ("\u{301}accent", "\u{25cc}\u{301}accent"),
        ("日本語 שלום é", "日本語 שלום é"),
    ];
    for (source, expected) in table {
        assert_eq!(line(source), expected, "{source:?}");
        assert_clean(&source, &line(source));
    }
}

#[test]
fn what_is_not_utf8_is_shown_byte_by_byte() {
    assert_eq!(bytes(b"caf\xe9 \xff\xc3"), "caf\\xe9 \\xff\\xc3");
    assert_eq!(bytes(b"\x9b31m"), "\\x9b31m");
}

#[test]
fn an_accent_is_kept_and_a_tower_of_them_is_cut() {
    assert_eq!(line("e\u{301}"), "e\u{301}");
    let tower = format!("z{}x", "\u{30d}".repeat(10_000));
    assert_eq!(line(&tower), format!("z{}…x", "\u{30d}".repeat(MAX_MARKS)));
}

#[test]
fn long_lines_are_cut_between_characters() {
    let long = line(&"👩\u{200d}👧".repeat(1000));
    assert_clean(&"families", &long);
    assert!(long.ends_with("👧…"), "{}", &long[long.len() - 20..]);
    assert_eq!(line(&"a".repeat(MAX)).len(), MAX, "a line that fits is whole");
    assert!(line(&"a".repeat(MAX + 1)).ends_with('…'));
}

#[test]
fn a_block_keeps_its_lines_apart() {
    assert_eq!(block("a\r\n\x1b[1mb\x1b[0m\n\n\tc"), ["a", "b", "", "        c"]);
    let many = block(&"x\n".repeat(5000));
    assert_eq!((many.len(), many.last().map(String::as_str)), (MAX_LINES + 1, Some("…")));
}

#[test]
fn truncation_counts_cells() {
    let table = [
        ("short", 5, "short"),
        ("shorter", 5, "shor…"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
        ("anything", 1, "…"),
        ("anything", 0, ""),
    ];
    for (source, cells, expected) in table {
        assert_eq!(truncated(source, cells), expected, "{source} in {cells}");
        assert!(truncated(source, cells).width() <= cells);
    }
}

#[test]
fn every_control_character_alone_and_between_others() {
    for code in (0..=0x9f_u32).chain(0x2000..=0x206f).chain(0xfe00..=0xfe0f).chain(0xfff0..=0xffff) {
        let Some(c) = char::from_u32(code) else { continue };
        for source in
            [format!("{c}"), format!("a{c}b"), format!("\x1b{c}"), format!("\x1b[1{c}m"), format!("\x1b]x{c}y")]
        {
            assert_clean(&source, &line(&source));
        }
    }
}

#[test]
fn nothing_random_gets_through() {
    const PIECES: &[&str] = &[
        "\x1b",
        "[",
        "]",
        "P",
        "_",
        "\\",
        "\x07",
        "\u{9b}",
        "\u{9c}",
        "\u{9d}",
        "31m",
        ";",
        "a",
        "\t",
        "\n",
        "\r",
        "\u{301}",
        "\u{200d}",
        "\u{fe0f}",
        "👩",
        "❤",
        "1",
        "\u{20e3}",
        "\u{202e}",
        "\u{2066}",
        "\u{e0041}",
        "\u{e0101}",
        "\u{1f1e9}",
        "\u{1f3fd}",
        "日",
        "\u{1100}",
        "\u{1161}",
        "\u{94d}",
        "\u{915}",
        "\u{600}",
        "\u{d}",
        "\0",
        "\u{3164}",
    ];
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    for _ in 0..20_000 {
        let source: String = (0..dice.roll(24)).map(|_| PIECES[dice.roll(PIECES.len() as u64) as usize]).collect();
        assert_clean(&source, &line(&source));
    }
    for _ in 0..5_000 {
        let source: Vec<u8> = (0..dice.roll(64)).map(|_| dice.roll(256) as u8).collect();
        assert_clean(&source, &bytes(&source));
    }
    for _ in 0..50 {
        let source: Vec<u8> = (0..6000).map(|_| dice.roll(256) as u8).collect();
        assert_clean(&"a long random line", &bytes(&source));
    }
}
