//! A theme as it stands in a file: one line per role.

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

use super::{ColorDepth, Theme};

/// Why a theme cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the theme cannot be read: {0}")]
pub struct ThemeError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Roles {
    text: Role,
    dim: Role,
    accent: Role,
    border: Role,
    border_focused: Role,
    title: Role,
    selected: Role,
    ok: Role,
    warning: Role,
    unknown: Role,
    critical: Role,
    stale: Role,
    bar: Role,
    bar_rest: Role,
    limit: Role,
}

/// What one role looks like.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "they are the switches a terminal has")]
struct Role {
    color: Option<Paint>,
    /// Instead of `color`, where there is true colour; with 256 the nearest of them.
    rgb: Option<Paint>,
    /// Instead of `reversed`, where there are as many colours.
    rgb_background: Option<Paint>,
    bold: bool,
    dim: bool,
    italic: bool,
    underlined: bool,
    reversed: bool,
}

/// A colour by its name or as `#rrggbb`.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Paint(Color);

impl TryFrom<String> for Paint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let color = text.parse().ok().map(Paint);
        color.ok_or_else(|| format!("`{text}` is no colour: write one of the sixteen by name, or #rrggbb"))
    }
}

impl Role {
    fn style(&self, depth: ColorDepth) -> Style {
        let rich = depth >= ColorDepth::Indexed;
        let foreground = if rich { self.rgb.or(self.color) } else { self.color };
        let background = self.rgb_background.filter(|_| rich);
        let color = |paint: Option<Paint>| paint.map(|Paint(color)| depth.nearest(color));
        let mut style = Style { fg: color(foreground), bg: color(background), ..Style::default() };
        let modifiers = [
            (self.bold, Modifier::BOLD),
            (self.dim, Modifier::DIM),
            (self.italic, Modifier::ITALIC),
            (self.underlined, Modifier::UNDERLINED),
            (self.reversed && background.is_none(), Modifier::REVERSED),
        ];
        for (on, modifier) in modifiers {
            if on {
                style = style.add_modifier(modifier);
            }
        }
        style
    }
}

impl Theme {
    /// Reads a theme; every role must be there, and nothing else.
    pub fn parse(text: &str, depth: ColorDepth, ascii: bool) -> Result<Self, ThemeError> {
        let roles: Roles = toml::from_str(text).map_err(|error| ThemeError(error.to_string()))?;
        Ok(Self {
            text: roles.text.style(depth),
            dim: roles.dim.style(depth),
            accent: roles.accent.style(depth),
            border: roles.border.style(depth),
            border_focused: roles.border_focused.style(depth),
            title: roles.title.style(depth),
            selected: roles.selected.style(depth),
            ok: roles.ok.style(depth),
            warning: roles.warning.style(depth),
            unknown: roles.unknown.style(depth),
            critical: roles.critical.style(depth),
            stale: roles.stale.style(depth),
            bar: roles.bar.style(depth),
            bar_rest: roles.bar_rest.style(depth),
            limit: roles.limit.style(depth),
            ascii,
            name: super::ThemeName::default(),
            depth,
        })
    }
}
