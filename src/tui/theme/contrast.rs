//! How well the themes can be read, in numbers: the contrast ratio of the Web Content
//! Accessibility Guidelines 2.2 (<https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>), whose
//! criterion 1.4.3 asks 4.5 of text and 1.4.6 asks 7 of enhanced text.

use ratatui::style::{Color, Style};

use super::depth::of_index;
use super::{ColorDepth, Theme, ThemeName};

/// The relative luminance, as <https://www.w3.org/TR/WCAG22/#dfn-relative-luminance> has it.
fn luminance(color: [u8; 3]) -> f64 {
    let [red, green, blue] = color.map(|channel| {
        let share = f64::from(channel) / 255.0;
        if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn ratio(one: [u8; 3], other: [u8; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn shown(color: Color) -> [u8; 3] {
    match color {
        Color::Rgb(red, green, blue) => [red, green, blue],
        Color::Indexed(index) => of_index(index).expect("a colour that is the same on every terminal"),
        other => unreachable!("{other:?} is whatever the terminal's owner chose"),
    }
}

/// The roles that are read; frames and the rest of a bar are not.
fn read(theme: &Theme) -> [(&'static str, Style); 9] {
    [
        ("dim", theme.dim),
        ("accent", theme.accent),
        ("ok", theme.ok),
        ("warning", theme.warning),
        ("unknown", theme.unknown),
        ("critical", theme.critical),
        ("stale", theme.stale),
        ("bar", theme.bar),
        ("limit", theme.limit),
    ]
}

#[test]
fn the_ratio_is_that_of_the_guidelines() {
    assert!((ratio([0; 3], [255; 3]) - 21.0).abs() < 1e-9);
    assert!((ratio([255; 3], [255; 3]) - 1.0).abs() < 1e-9);
    // The guidelines' own example of a grey that just passes on white.
    assert!((ratio([0x76; 3], [255; 3]) - 4.54).abs() < 0.01);
}

#[test]
fn what_is_read_has_the_contrast_the_guidelines_ask_also_on_the_selected_row() {
    let (white, black) = ([255; 3], [0; 3]);
    let asked = [(ThemeName::Light, white, 4.5), (ThemeName::HighContrast, black, 7.0), (ThemeName::Dark, black, 4.5)];
    for (name, ground, least) in asked {
        for depth in [ColorDepth::Indexed, ColorDepth::TrueColor] {
            let theme = Theme::built_in(name, depth, false);
            let selected = theme.selected.bg.map(shown);
            for (role, style) in read(&theme) {
                let color = shown(style.fg.expect("a colour"));
                for ground in [Some(ground), selected].into_iter().flatten() {
                    let found = ratio(color, ground);
                    assert!(found >= least, "{} {depth:?}: {role} on {ground:?} has {found:.2}", name.word());
                }
            }
        }
    }
}
