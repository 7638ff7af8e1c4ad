//! How many colours a terminal has, from what it and its operator say of it, and the nearest
//! of 256 to a colour that it cannot show.

use ratatui::style;

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColorDepth {
    /// None are wanted, or there are none: bold, dim and reverse carry everything.
    None,
    /// The sixteen every terminal has, in the shades its owner chose.
    #[default]
    Sixteen,
    /// The 256 of xterm.
    Indexed,
    TrueColor,
}

/// Whether colour is wanted, as `--color` says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// What is said of the terminal; what is not set is `None`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said<'a> {
    pub color: Color,
    pub no_color: bool,
    /// `COLORTERM`.
    pub colorterm: Option<&'a str>,
    /// `TERM`.
    pub term: Option<&'a str>,
}

impl ColorDepth {
    pub const ALL: [ColorDepth; 4] =
        [ColorDepth::None, ColorDepth::Sixteen, ColorDepth::Indexed, ColorDepth::TrueColor];

    /// The depth of a terminal. The operator's word comes first, then what `TERM` rules out, then
    /// what `COLORTERM` promises: that one is inherited by consoles it is not true of.
    pub fn of(said: Said<'_>) -> Self {
        let term = said.term.unwrap_or_default();
        let colorless = term == "dumb" || term.starts_with("vt1") || term.starts_with("vt2") || term.ends_with("-mono");
        match said.color {
            Color::Never => return ColorDepth::None,
            Color::Auto if said.no_color || colorless => return ColorDepth::None,
            Color::Auto | Color::Always => {}
        }
        let promised = matches!(said.colorterm, Some("truecolor" | "24bit"));
        match term {
            _ if colorless => ColorDepth::Sixteen,
            "linux" => ColorDepth::Sixteen,
            term if promised || term.ends_with("-direct") => ColorDepth::TrueColor,
            term if term.ends_with("256color") => ColorDepth::Indexed,
            _ => ColorDepth::Sixteen,
        }
    }

    /// The nearest colour that this many colours have to one that is given in red, green and blue.
    pub(super) fn nearest(self, color: style::Color) -> style::Color {
        match (self, color) {
            (ColorDepth::Indexed, style::Color::Rgb(red, green, blue)) => nearest([red, green, blue]),
            _ => color,
        }
    }
}

/// The steps of xterm's cube of 6 × 6 × 6 colours, which begin at 16.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The colour of an index from 16 on; below, it is what its owner chose.
pub(super) fn of_index(index: u8) -> Option<[u8; 3]> {
    match index {
        0..16 => None,
        16..232 => {
            let place = usize::from(index - 16);
            Some([STEPS[place / 36], STEPS[place / 6 % 6], STEPS[place % 6]])
        }
        232.. => Some([8 + 10 * (index - 232); 3]),
    }
}

fn nearest(wanted: [u8; 3]) -> style::Color {
    let far = |index: &u8| {
        let found = of_index(*index).unwrap_or_default();
        wanted.iter().zip(found).map(|(one, other)| u32::from(one.abs_diff(other)).pow(2)).sum::<u32>()
    };
    style::Color::Indexed((16..=u8::MAX).min_by_key(far).unwrap_or(16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_depth_is_what_the_terminal_and_its_operator_say() {
        use Color::{Always, Auto, Never};
        use ColorDepth::{Indexed, None as NoColor, Sixteen, TrueColor};
        let table = [
            (Auto, false, Some("truecolor"), Some("xterm-256color"), TrueColor),
            (Auto, false, Some("24bit"), Some("screen"), TrueColor),
            (Auto, false, Some("yes"), Some("xterm-256color"), Indexed),
            (Auto, false, None, Some("tmux-256color"), Indexed),
            (Auto, false, None, Some("xterm-direct"), TrueColor),
            (Auto, false, None, Some("xterm"), Sixteen),
            (Auto, false, None, None, Sixteen),
            (Auto, false, Some("truecolor"), Some("linux"), Sixteen),
            (Auto, false, Some("truecolor"), Some("dumb"), NoColor),
            (Auto, false, None, Some("vt100"), NoColor),
            (Auto, true, Some("truecolor"), Some("xterm-256color"), NoColor),
            (Never, false, Some("truecolor"), Some("xterm-256color"), NoColor),
            (Always, true, Some("truecolor"), Some("xterm-256color"), TrueColor),
            (Always, true, None, Some("dumb"), Sixteen),
        ];
        for (color, no_color, colorterm, term, depth) in table {
            let said = Said { color, no_color, colorterm, term };
            assert_eq!(ColorDepth::of(said), depth, "{said:?}");
        }
    }

    #[test]
    fn the_nearest_of_256_is_one_of_the_cube_or_a_grey() {
        let rgb = |red, green, blue| ColorDepth::Indexed.nearest(style::Color::Rgb(red, green, blue));
        assert_eq!(rgb(0, 0, 0), style::Color::Indexed(16));
        assert_eq!(rgb(255, 255, 255), style::Color::Indexed(231));
        assert_eq!(rgb(0xb3, 0x20, 0x1b), style::Color::Indexed(124));
        assert_eq!(rgb(0x7d, 0x85, 0x90), style::Color::Indexed(102));
        assert_eq!(rgb(0x12, 0x12, 0x12), style::Color::Indexed(233));
        assert_eq!(ColorDepth::Indexed.nearest(style::Color::Red), style::Color::Red);
    }
}
