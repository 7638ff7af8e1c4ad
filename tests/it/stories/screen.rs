//! A screen as a snapshot: its text, and below it the same screen with one letter for every
//! style, because text alone cannot tell a warning from a label.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use rounds::tui::app::App;
use rounds::tui::view;

/// Text, then styles, then what the letters of the styles mean.
pub(crate) fn picture(app: &App) -> String {
    let size = app.ui().size;
    let mut buffer = Buffer::empty(Rect::new(0, 0, size.width, size.height));
    view::render(app, &mut buffer);
    format!("{}\n{}", text(&buffer), styles(&buffer))
}

fn text(buffer: &Buffer) -> String {
    rows(buffer, |row| {
        let mut out = String::new();
        let mut covered = 0;
        for cell in row {
            if covered > 0 {
                covered -= 1;
                continue;
            }
            out.push_str(cell.symbol());
            covered = unicode_width::UnicodeWidthStr::width(cell.symbol()).saturating_sub(1);
        }
        out
    })
}

fn styles(buffer: &Buffer) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut known: Vec<Style> = Vec::new();
    let grid = rows(buffer, |row| {
        row.iter()
            .map(|cell| {
                let style = Style { underline_color: None, ..cell.style() };
                let plain = Buffer::empty(Rect::new(0, 0, 1, 1));
                if style == (Style { underline_color: None, ..plain.content[0].style() }) {
                    return if cell.symbol() == " " { ' ' } else { '.' };
                }
                let place = known.iter().position(|one| *one == style).unwrap_or_else(|| {
                    known.push(style);
                    known.len() - 1
                });
                LETTERS.get(place).map_or('#', |letter| char::from(*letter))
            })
            .collect()
    });
    let meaning =
        known.iter().zip(LETTERS).map(|(style, letter)| format!("{}: {}\n", char::from(*letter), named(*style)));
    format!("{grid}\n{}", meaning.collect::<String>())
}

fn named(style: Style) -> String {
    let color = |word: &str, color: Option<ratatui::style::Color>| {
        color.filter(|color| *color != ratatui::style::Color::Reset).map(|color| format!("{word}{color}"))
    };
    let modifier = (!style.add_modifier.is_empty()).then(|| format!("{:?}", style.add_modifier).to_lowercase());
    [color("", style.fg), color("on ", style.bg), modifier].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn rows(buffer: &Buffer, row: impl FnMut(&[ratatui::buffer::Cell]) -> String) -> String {
    let width = usize::from(buffer.area.width).max(1);
    buffer.content.chunks(width).map(row).map(|line| line.trim_end().to_owned() + "\n").collect()
}
