//! Aligned columns: as wide as what is shown needs, one of them taking the rest, the least
//! needed ones leaving first where there is no room.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::tui::widget::mark::Marks;
use crate::tui::widget::text;

/// One column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    title: &'static str,
    right: bool,
    /// `None` for a column that is as wide as it needs to be, or not there.
    min: Option<u16>,
    max: u16,
    /// Columns of the highest rank leave first; those of rank 0 stay.
    rank: u8,
    grows: bool,
}

impl Column {
    pub const fn left(title: &'static str) -> Self {
        Self { title, right: false, min: None, max: u16::MAX, rank: 0, grows: false }
    }

    pub const fn right(title: &'static str) -> Self {
        Self { right: true, ..Self::left(title) }
    }

    /// Takes what the others leave, and no less than `min` cells.
    #[must_use]
    pub const fn grows(self, min: u16) -> Self {
        Self { grows: true, min: Some(min), ..self }
    }

    /// Gives way down to `min` cells before any column leaves.
    #[must_use]
    pub const fn at_least(self, min: u16) -> Self {
        Self { min: Some(min), ..self }
    }

    #[must_use]
    pub const fn at_most(self, max: u16) -> Self {
        Self { max, ..self }
    }

    #[must_use]
    pub const fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }
}

/// How wide a column has to be, and how wide it would be with all the room.
#[derive(Clone, Copy, Debug)]
struct Want {
    least: u16,
    full: u16,
}

/// One row: a line per column.
pub type Cells<'a> = Vec<Line<'a>>;

/// Where the columns stand, for rows that are drawn under one another.
#[derive(Clone, Debug)]
pub struct Grid<'a> {
    columns: &'a [Column],
    /// Offset and width; `None` for a column that left.
    places: Vec<Option<(u16, u16)>>,
}

impl<'a> Grid<'a> {
    /// Fits the columns to the rows that will be shown in `width` cells. With `titled`, a
    /// column is at least as wide as its title.
    pub fn of(columns: &'a [Column], rows: &[Cells<'_>], width: u16, titled: bool) -> Self {
        let gap = if width < 60 { 1 } else { 2 };
        let mut wants: Vec<Option<Want>> = columns
            .iter()
            .enumerate()
            .map(|(index, column)| {
                let widest = rows.iter().filter_map(|row| row.get(index)).map(text::line_width).max().unwrap_or(0);
                let title = if titled { text::width(column.title) } else { 0 };
                let full = (widest.max(title) as u16).min(column.max);
                let least = column.min.map_or(full, |min| if column.grows { min } else { min.min(full) });
                (column.grows || widest > 0).then_some(Want { least, full: full.max(least) })
            })
            .collect();
        loop {
            let shown = wants.iter().flatten();
            let gaps = gap * (shown.clone().count() as u16).saturating_sub(1);
            let total = shown.map(|want| want.least).sum::<u16>().saturating_add(gaps);
            let leaves = (0..columns.len())
                .filter(|at| wants[*at].is_some() && columns[*at].rank > 0)
                .max_by_key(|at| columns[*at].rank);
            match leaves {
                Some(at) if total > width => wants[at] = None,
                _ => return Self { columns, places: places(columns, &wants, width, gap, total) },
            }
        }
    }

    /// The part of a row that belongs to a column; `None` when the column left.
    pub fn cell(&self, column: usize, row: Rect) -> Option<Rect> {
        let (x, width) = (*self.places.get(column)?)?;
        Some(Rect { x: row.x.saturating_add(x), width, ..row }.intersection(row))
    }

    /// How wide a column became; 0 when it left.
    pub fn width(&self, column: usize) -> u16 {
        self.places.get(column).copied().flatten().map_or(0, |(_, width)| width)
    }

    pub fn draw(&self, buffer: &mut Buffer, row: Rect, cells: &[Line<'_>], marks: &Marks) {
        for (index, (column, line)) in self.columns.iter().zip(cells).enumerate() {
            let Some(area) = self.cell(index, row).filter(|area| !area.is_empty()) else { continue };
            if column.right {
                text::put_right(buffer, area, line, marks);
            } else {
                text::put(buffer, area, line, marks);
            }
        }
    }

    pub fn draw_titles(&self, buffer: &mut Buffer, row: Rect, style: Style, marks: &Marks) {
        let titles: Vec<_> = self.columns.iter().map(|column| text::styled(column.title, style)).collect();
        self.draw(buffer, row, &titles, marks);
    }
}

/// Shares out what is left over `total`: columns that gave way get theirs back first, the one
/// that grows takes the rest.
fn places(columns: &[Column], wants: &[Option<Want>], width: u16, gap: u16, total: u16) -> Vec<Option<(u16, u16)>> {
    let mut spare = width.saturating_sub(total);
    let mut widths: Vec<Option<u16>> = wants.iter().map(|want| want.map(|want| want.least)).collect();
    for ((wide, want), column) in widths.iter_mut().zip(wants).zip(columns) {
        if let (Some(wide), Some(want), false) = (wide, want, column.grows) {
            let more = (want.full - want.least).min(spare);
            *wide += more;
            spare -= more;
        }
    }
    let mut x = 0;
    let places = columns.iter().zip(widths).map(|(column, wide)| {
        let wide = wide? + if column.grows { std::mem::take(&mut spare) } else { 0 };
        let wide = wide.min(width.saturating_sub(x));
        let place = (x, wide);
        x = x.saturating_add(wide).saturating_add(gap).min(width);
        Some(place)
    });
    places.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::Theme;
    use crate::tui::widget::look;

    const COLUMNS: [Column; 4] = [
        Column::left("TASK").at_most(8),
        Column::left("SAYS").grows(6),
        Column::right("AGE").rank(1),
        Column::right("TOOK").rank(2),
    ];

    fn shown(width: u16) -> String {
        let rows = [["report", "exit 1, twice", "2s", "48s"], ["a-long-name", "ok", "31h", "0.4s"]]
            .map(|row| row.map(Line::from).to_vec());
        let area = Rect::new(0, 0, width, 3);
        let mut buffer = Buffer::empty(area);
        let grid = Grid::of(&COLUMNS, &rows, width, true);
        let marks = Marks::of(&Theme::default());
        grid.draw_titles(&mut buffer, area.rows().next().unwrap_or_default(), Style::new(), marks);
        for (row, cells) in text::rows(area).skip(1).zip(&rows) {
            grid.draw(&mut buffer, row, cells, marks);
        }
        look::text(&buffer)
    }

    #[test]
    fn the_least_needed_column_leaves_first_and_one_takes_the_rest() {
        let wide = "\
TASK     SAYS               AGE TOOK
report   exit 1, twice       2s  48s
a-long-… ok                 31h 0.4s";
        assert_eq!(shown(36), wide);
        let middle = "\
TASK     SAYS    AGE
report   exit 1…  2s
a-long-… ok      31h";
        assert_eq!(shown(20), middle);
        assert_eq!(shown(15), "TASK     SAYS\nreport   exit …\na-long-… ok");
        assert_eq!(shown(4), "TASK\nrep…\na-l…");
        assert_eq!(shown(0), "");
    }
}
