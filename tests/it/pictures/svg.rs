//! A screen as a picture that scales: every letter at its own cell, and lines and bars drawn, so
//! that they join whatever the font.

use std::fmt::Write as _;

use vt100::{Color, Screen};

/// A cell, in pixels, and the size of the letters in it.
const CELL: (f32, f32) = (8.4, 18.0);
const LETTERS: f32 = 14.0;
const MARGIN: f32 = 12.0;

/// The terminal's own colours, where the theme leaves them alone.
const PAPER: &str = "#101418";
const INK: &str = "#d0d4d8";

/// How one cell looks.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    ink: String,
    paper: Option<String>,
    bold: bool,
    italic: bool,
}

/// What one cell holds.
type Cell = (String, Look);

/// The picture; each pair is a text that is shown as another one.
pub(super) fn of(screen: &Screen, title: &str, instead: &[(&str, &str)]) -> String {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let mut svg = String::new();
    let (width, height) = (f32::from(columns) * CELL.0 + 2.0 * MARGIN, f32::from(rows) * CELL.1 + 2.0 * MARGIN);
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" font-size=\"{LETTERS}\" \
         font-family=\"'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace\">\n<title>{}</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{PAPER}\"/>",
        escaped(title)
    );
    for row in 0..rows {
        let mut cells: Vec<Cell> = (0..columns).filter_map(|column| cell(screen, row, column)).collect();
        for (theirs, ours) in instead {
            replace(&mut cells, theirs, ours);
        }
        draw_row(&mut svg, &cells, f32::from(row) * CELL.1 + MARGIN);
    }
    svg.push_str("</svg>\n");
    svg
}

fn cell(screen: &Screen, row: u16, column: u16) -> Option<Cell> {
    let cell = screen.cell(row, column)?;
    let (mut ink, mut paper) = (color(cell.fgcolor()), color(cell.bgcolor()));
    if cell.inverse() {
        (ink, paper) = (Some(paper.unwrap_or_else(|| PAPER.to_owned())), Some(ink.unwrap_or_else(|| INK.to_owned())));
    }
    let look = Look { ink: ink.unwrap_or_else(|| INK.to_owned()), paper, bold: cell.bold(), italic: cell.italic() };
    let text = if cell.contents().is_empty() { " " } else { cell.contents() };
    Some((if cell.is_wide_continuation() { String::new() } else { text.to_owned() }, look))
}

fn color(color: Color) -> Option<String> {
    const SIXTEEN: [&str; 16] = [
        "#101418", "#c94f4f", "#7fb37a", "#d9a94e", "#5a8fd0", "#b48ead", "#5a9aa8", "#d0d4d8", "#7d8590", "#f0716b",
        "#98c793", "#e8c06c", "#7fb0ea", "#cfa9c8", "#6cb6c4", "#ffffff",
    ];
    match color {
        Color::Default => None,
        Color::Idx(index) => Some(SIXTEEN.get(usize::from(index)).unwrap_or(&INK).to_string()),
        Color::Rgb(red, green, blue) => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
    }
}

/// Puts one word in the place of another; what follows moves up to the next gap.
fn replace(cells: &mut Vec<Cell>, theirs: &str, ours: &str) {
    let letters: Vec<String> = theirs.chars().map(String::from).collect();
    let is_word = |cell: Option<&Cell>| cell.is_some_and(|(text, _)| text.chars().all(char::is_alphanumeric));
    let place = (0..cells.len().saturating_sub(letters.len())).find(|at| {
        let here = &cells[*at..at + letters.len()];
        here.iter().zip(&letters).all(|((text, _), letter)| text == letter)
            && !is_word(at.checked_sub(1).and_then(|before| cells.get(before)))
            && !is_word(cells.get(at + letters.len()))
    });
    let Some(at) = place else { return };
    let look = cells[at].1.clone();
    let width = cells.len();
    cells.splice(at..at + letters.len(), ours.chars().map(|letter| (letter.to_string(), look.clone())));
    // A wide gap gives or takes a cell without anybody seeing it.
    let blanks = |from: usize, count: usize| {
        cells.get(from..from + count).is_some_and(|cells| cells.iter().all(|(text, _)| text == " "))
    };
    let after = at + ours.len()..cells.len();
    let gap = [3, 2].into_iter().find_map(|count| after.clone().find(|place| blanks(*place, count)));
    // Where there is none before the frame, the letter before its blank is missed least.
    let frame = after.clone().find(|place| strokes(&cells[*place].0).is_some());
    let inside = frame.map(|frame| frame.saturating_sub(3).max(after.start));
    let gap = gap.into_iter().chain(inside).min().unwrap_or(cells.len());
    while cells.len() > width && gap < cells.len() {
        cells.remove(gap);
    }
    while cells.len() < width {
        let blank = (" ".to_owned(), look.clone());
        cells.insert(gap.min(cells.len()), blank);
    }
}

fn draw_row(svg: &mut String, cells: &[Cell], top: f32) {
    let mut start = 0;
    while start < cells.len() {
        let drawn = strokes(&cells[start].0).is_some();
        let same = |cell: &&Cell| cell.1 == cells[start].1 && strokes(&cell.0).is_some() == drawn;
        let length = cells[start..].iter().take_while(same).count();
        let run = &cells[start..start + length];
        let left = start as f32 * CELL.0 + MARGIN;
        if let Some(paper) = &run[0].1.paper {
            let (width, height) = (length as f32 * CELL.0, CELL.1);
            let _ = writeln!(
                svg,
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height}\" fill=\"{paper}\"/>"
            );
        }
        if drawn {
            draw_lines(svg, run, left, top);
        } else {
            draw_text(svg, run, left, top);
        }
        start += length;
    }
}

/// Every letter stands at its own cell: fonts differ in how wide they are, and a row must not
/// drift apart.
fn draw_text(svg: &mut String, run: &[Cell], left: f32, top: f32) {
    let look = &run[0].1;
    let weight = if look.bold { " font-weight=\"bold\"" } else { "" };
    let slant = if look.italic { " font-style=\"italic\"" } else { "" };
    let mut cells = run.iter().enumerate().filter(|(_, (text, _))| !text.is_empty()).peekable();
    while let Some((index, (text, _))) = cells.next() {
        if text.trim().is_empty() {
            continue;
        }
        let place = |index: usize| format!("{:.1}", left + index as f32 * CELL.0);
        let (mut places, mut word) = (place(index), text.clone());
        // What is put together from several characters is placed as a whole, and ends its word.
        let whole = text.chars().count() > 1;
        while let Some((index, (text, _))) =
            cells.next_if(|(_, (text, _))| !whole && !text.trim().is_empty() && text.chars().count() == 1)
        {
            places.push(' ');
            places.push_str(&place(index));
            word.push_str(text);
        }
        let _ = writeln!(
            svg,
            "<text x=\"{places}\" y=\"{:.1}\" fill=\"{}\"{weight}{slant}>{}</text>",
            top + CELL.1 * 0.75,
            look.ink,
            escaped(&word)
        );
    }
}

/// Which ways a line goes from the middle of its cell (left, right, up, down), thin or thick.
fn strokes(text: &str) -> Option<[u8; 4]> {
    Some(match text {
        "─" => [1, 1, 0, 0],
        "│" => [0, 0, 1, 1],
        "┌" => [0, 1, 0, 1],
        "┐" => [1, 0, 0, 1],
        "└" => [0, 1, 1, 0],
        "┘" => [1, 0, 1, 0],
        "├" => [0, 1, 1, 1],
        "┤" => [1, 0, 1, 1],
        "┬" => [1, 1, 0, 1],
        "┴" => [1, 1, 1, 0],
        "┼" => [1, 1, 1, 1],
        "━" => [2, 2, 0, 0],
        "╸" => [2, 0, 0, 0],
        "╾" => [2, 1, 0, 0],
        "╼" => [1, 2, 0, 0],
        "┃" => [0, 0, 2, 2],
        "╂" => [1, 1, 2, 2],
        "╋" => [2, 2, 2, 2],
        "┿" => [2, 2, 1, 1],
        _ => return None,
    })
}

fn draw_lines(svg: &mut String, run: &[Cell], left: f32, top: f32) {
    for thickness in [1, 2] {
        let mut path = String::new();
        for (index, (text, _)) in run.iter().enumerate() {
            let (x, y) = (left + (index as f32 + 0.5) * CELL.0, top + CELL.1 / 2.0);
            let ends = [(-CELL.0 / 2.0, 0.0), (CELL.0 / 2.0, 0.0), (0.0, -CELL.1 / 2.0), (0.0, CELL.1 / 2.0)];
            for (stroke, (dx, dy)) in strokes(text).into_iter().flatten().zip(ends) {
                if stroke == thickness {
                    let _ = write!(path, "M{x:.1} {y:.1}l{dx:.1} {dy:.1}");
                }
            }
        }
        if !path.is_empty() {
            let width = f32::from(thickness) * 1.2;
            let _ = writeln!(svg, "<path d=\"{path}\" stroke=\"{}\" stroke-width=\"{width:.1}\"/>", run[0].1.ink);
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[test]
fn a_picture_says_nothing_of_the_machine_and_keeps_its_columns() {
    let mut parser = vt100::Parser::new(
        std::num::NonZeroU16::new(2).expect("rows"),
        std::num::NonZeroU16::new(40).expect("columns"),
        0,
    );
    parser.process("Rota @ vm  <prod>   09:04\r\n\u{1b}[31m│\u{1b}[0m vmstat".as_bytes());
    let picture = of(parser.screen(), "a & b", &[("vm", "db1")]);
    let words = [">Rota<", ">@<", ">db1<", ">&lt;prod&gt;<", ">09:04<"];
    assert!(words.iter().all(|word| picture.contains(word)), "{picture}");
    let (first, third) = (12.0, 12.0 + 2.0 * CELL.0);
    assert!(picture.contains(&format!("x=\"{first:.1} {:.1} {third:.1} ", first + CELL.0)), "{picture}");
    assert!(picture.contains("vmstat") && picture.contains("<title>a &amp; b</title>"), "{picture}");
    assert!(picture.contains("stroke=\"#c94f4f\""), "{picture}");
}
