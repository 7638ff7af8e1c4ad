//! How things look: roles, not colours. Panes ask for a role and never name a colour; what a
//! role looks like stands in `assets/theme/*.toml`.

#[cfg(test)]
mod contrast;
mod depth;
mod file;

pub use depth::{Color, ColorDepth, Said};
pub use file::ThemeError;
use ratatui::style::Style;
use ratatui::symbols::border;

use crate::domain::status::Status;

/// The themes that are compiled in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThemeName {
    #[default]
    Dark,
    Light,
    HighContrast,
    Mono,
}

/// The style of every role, and the marks that carry meaning without colour.
#[derive(Clone, Debug, Default)]
pub struct Theme {
    pub text: Style,
    /// Labels, ages, units: what is there and need not be read first.
    pub dim: Style,
    /// The one accent: keys, the focused border, the selected tab.
    pub accent: Style,
    pub border: Style,
    pub border_focused: Style,
    pub title: Style,
    /// The selected row of the focused pane.
    pub selected: Style,
    pub ok: Style,
    pub warning: Style,
    pub unknown: Style,
    pub critical: Style,
    /// Values older than two intervals.
    pub stale: Style,
    /// The filled and the empty part of a bar, and the mark of a limit on it.
    pub bar: Style,
    pub bar_rest: Style,
    pub limit: Style,
    /// Letters and signs that every terminal and font has, and no others.
    pub ascii: bool,
    /// The one that was asked for.
    pub name: ThemeName,
    pub depth: ColorDepth,
}

impl ThemeName {
    pub const ALL: [ThemeName; 4] = [ThemeName::Dark, ThemeName::Light, ThemeName::HighContrast, ThemeName::Mono];

    /// Its name in the configuration and on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            ThemeName::Dark => "dark",
            ThemeName::Light => "light",
            ThemeName::HighContrast => "high-contrast",
            ThemeName::Mono => "mono",
        }
    }

    /// The theme of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.word() == name)
    }

    /// For whom it is, in a few words.
    pub const fn doc(self) -> &'static str {
        match self {
            ThemeName::Dark => "colours for a dark terminal",
            ThemeName::Light => "colours for a light terminal",
            ThemeName::HighContrast => "loud colours for a dark terminal in a bright room",
            ThemeName::Mono => "no colours: bold, dim and reversed",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            ThemeName::Dark => include_str!("../../assets/theme/dark.toml"),
            ThemeName::Light => include_str!("../../assets/theme/light.toml"),
            ThemeName::HighContrast => include_str!("../../assets/theme/high-contrast.toml"),
            ThemeName::Mono => include_str!("../../assets/theme/mono.toml"),
        }
    }
}

impl Theme {
    /// A theme that is compiled in. Without colours every name means mono.
    pub fn built_in(name: ThemeName, depth: ColorDepth, ascii: bool) -> Self {
        let shown = if depth == ColorDepth::None { ThemeName::Mono } else { name };
        let theme = Self::parse(shown.text(), depth, ascii).expect("the built-in themes are valid, a test reads them");
        Self { name, ..theme }
    }

    /// Another theme on the same terminal.
    #[must_use]
    pub fn with_name(&self, name: ThemeName) -> Self {
        Self::built_in(name, self.depth, self.ascii)
    }

    /// The corners and edges of frames.
    pub fn frame(&self) -> border::Set<'static> {
        const ASCII: border::Set<'static> = border::Set {
            top_left: "+",
            top_right: "+",
            bottom_left: "+",
            bottom_right: "+",
            vertical_left: "|",
            vertical_right: "|",
            horizontal_top: "-",
            horizontal_bottom: "-",
        };
        if self.ascii { ASCII } else { border::PLAIN }
    }

    /// What stands for text that was cut off.
    pub fn ellipsis(&self) -> &'static str {
        if self.ascii { ".." } else { "…" }
    }

    pub fn status(&self, status: Status) -> Style {
        match status {
            Status::Ok => self.ok,
            Status::Warning => self.warning,
            Status::Unknown => self.unknown,
            Status::Critical => self.critical,
        }
    }

    /// A mark of one cell that is legible without colour.
    pub fn glyph(&self, status: Status) -> &'static str {
        match (status, self.ascii) {
            (Status::Ok, false) => "✓",
            (Status::Ok, true) => "+",
            (Status::Warning, _) => "!",
            (Status::Unknown, _) => "?",
            (Status::Critical, false) => "✗",
            (Status::Critical, true) => "X",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Color;

    fn roles(theme: &Theme) -> [Style; 4] {
        Status::ALL.map(|status| theme.status(status))
    }

    #[test]
    fn every_theme_is_valid_and_leaves_the_background_alone() {
        for name in ThemeName::ALL {
            for depth in ColorDepth::ALL {
                let theme = Theme::built_in(name, depth, false);
                for style in [theme.text, theme.dim, theme.accent, theme.border].into_iter().chain(roles(&theme)) {
                    assert_eq!(style.bg, None, "{name:?} {depth:?}");
                }
            }
        }
    }

    #[test]
    fn with_colours_no_two_statuses_look_the_same() {
        for name in [ThemeName::Dark, ThemeName::Light, ThemeName::HighContrast] {
            for depth in [ColorDepth::Sixteen, ColorDepth::Indexed, ColorDepth::TrueColor] {
                let roles = roles(&Theme::built_in(name, depth, false));
                for (index, one) in roles.iter().enumerate() {
                    assert!(!roles[index + 1..].contains(one), "{name:?} {depth:?} {one:?}");
                }
            }
        }
    }

    #[test]
    fn without_colour_there_is_none_and_the_glyphs_still_differ() {
        let theme = Theme::built_in(ThemeName::Light, ColorDepth::None, true);
        assert!(roles(&theme).iter().all(|style| style.fg.is_none()));
        let mut glyphs = Status::ALL.map(|status| theme.glyph(status)).to_vec();
        glyphs.sort_unstable();
        glyphs.dedup();
        assert_eq!(glyphs.len(), 4);
        assert!(glyphs.iter().all(|glyph| glyph.is_ascii()));
    }

    #[test]
    fn rgb_appears_only_where_the_terminal_has_it() {
        assert_eq!(Theme::built_in(ThemeName::Dark, ColorDepth::Sixteen, false).warning.fg, Some(Color::Yellow));
        let rich = Theme::built_in(ThemeName::Dark, ColorDepth::TrueColor, false);
        assert_eq!(rich.warning.fg, Some(Color::Rgb(0xd9, 0xa9, 0x4e)));
        for name in ThemeName::ALL {
            for depth in [ColorDepth::None, ColorDepth::Sixteen, ColorDepth::Indexed] {
                let shown = format!("{:?}", Theme::built_in(name, depth, false));
                assert!(!shown.contains("Rgb"), "{shown}");
            }
        }
    }
}
