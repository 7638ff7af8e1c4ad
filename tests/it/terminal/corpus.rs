//! Text from people and machines who never thought of a terminal, or thought of nothing else.

use crate::laws::Dice;

/// What the hostile strings are made of.
const PIECES: [&[u8]; 46] = [
    b"rota",
    b"\x1b[31mred\x1b[0m",
    b"\x1b[2J\x1b[H",
    b"\x1b]0;owned\x07",
    b"\x1b]52;c;cm0gLXJm\x07",
    b"\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    b"\x1b]50;#$(id)\x07",
    b"\x1bP$q\"p\x1b\\",
    b"\x1b_Gi=1;AAAA\x1b\\",
    b"\x1b^private\x1b\\",
    b"\x1bX string\x1b\\",
    b"\x1b[?1049l\x1b[?1000h",
    b"\x1b[6n\x1b[c\x1b[>0q",
    b"\x1b[8;1;1t",
    b"\x1bc",
    b"\x1b#8",
    b"\x1b",
    b"\xc2\x9b31mred",
    b"\xc2\x9d0;owned\xc2\x9c",
    b"\xc2\x90q#0\xc2\x9c",
    b"\xc2\x85next",
    b"\x9b31m",
    b"\x90\x9d\x9c",
    b"\r\nsecond line",
    b"\rover",
    b"\tcolumn",
    b"\x08\x08\x08back",
    b"\x07\x00\x0b\x0c\x0e\x0f\x1c\x7f",
    b"\xe2\x80\xaegnp.exe\xe2\x80\xac",
    b"\xe2\x81\xa6\xe2\x81\xa7\xe2\x81\xa8\xe2\x81\xa9",
    b"\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c",
    b"\xe2\x80\x8b\xe2\x81\xa0\xef\xbb\xbf",
    b"\xe2\x80\xa8\xe2\x80\xa9",
    b"\xf3\xa0\x81\xa5\xf3\xa0\x81\xb6",
    b"\xee\x80\x80\xf4\x8f\xbf\xbf",
    b"\xff\xfe\xc0\xaf\xed\xa0\x80",
    b"\xe2\x82",
    "データベース".as_bytes(),
    "ﾃﾞｰﾀ".as_bytes(),
    "עברית العربية".as_bytes(),
    "👩\u{200d}👩\u{200d}👧\u{200d}👦👍🏽🇬🇧".as_bytes(),
    "❤\u{fe0f}☎\u{fe0e}".as_bytes(),
    "e\u{301}\u{302}\u{303}".as_bytes(),
    "\u{e01}\u{e47}\u{e33} \u{d15}\u{d4d}\u{d37} \u{1100}\u{1161}\u{11a8}".as_bytes(),
    "│┌─┐└┘".as_bytes(),
    b"=cmd|' /C calc'!A0",
];

/// So many strings, the same ones every time: first every piece alone, and one of ten thousand
/// combining marks, then mixtures with random bytes in them.
pub(crate) fn corpus(count: usize) -> Vec<Vec<u8>> {
    let mut strings: Vec<Vec<u8>> = PIECES.iter().map(|piece| piece.to_vec()).collect();
    strings.push([b"Z".to_vec(), "\u{300}".repeat(10_000).into_bytes()].concat());
    strings.push("長".repeat(5_000).into_bytes());
    strings.push((0..=255).collect());
    strings.push((0x80..0xa0_u32).filter_map(char::from_u32).collect::<String>().into_bytes());
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    while strings.len() < count {
        let mut text = Vec::new();
        for _ in 0..=dice.roll(5) {
            text.extend(dice.of(&PIECES));
            if dice.roll(3) == 0 {
                text.push(dice.roll(256) as u8);
            }
        }
        strings.push(text);
    }
    strings.truncate(count);
    strings
}
