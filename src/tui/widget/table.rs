//! A list in columns, as every pane and window draws one: titles where there is room for them,
//! the lines that are shown, the cursor on one of them, and how much there is beyond.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::tui::theme::Theme;
use crate::tui::widget::grid::{Cells, Column, Grid};
use crate::tui::widget::list::{self, Window};
use crate::tui::widget::mark::Marks;
use crate::tui::widget::text;

/// What a list is drawn from. Its lines are asked for one by one, and only those that are shown
/// or decide how wide the columns are.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    pub columns: &'a [Column],
    /// Whether the columns have their titles above them.
    pub titled: bool,
    pub lines: usize,
    /// The line the cursor is on.
    pub cursor: usize,
    pub focused: bool,
    pub theme: &'a Theme,
}

/// What has just been drawn, for whoever draws more into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Titles,
    Line(usize),
}

impl Table<'_> {
    /// How many rows stand above the lines.
    fn titles(&self, area: Rect) -> u16 {
        u16::from(self.titled && area.height > 2)
    }

    /// How many rows it would like to have.
    pub fn height(&self) -> usize {
        self.lines + usize::from(self.titled)
    }

    pub fn window(&self, area: Rect) -> Window {
        Window::on(self.lines, self.cursor, area.height - self.titles(area))
    }

    /// The line that is drawn in a row of the area, counted from 0.
    pub fn line_at(&self, area: Rect, row: u16) -> Option<usize> {
        self.window(area).line_at(row, self.titles(area))
    }

    /// Draws it. `beyond` says what is not shown; `over` draws what columns cannot.
    pub fn draw<'c>(
        &self,
        buffer: &mut Buffer,
        area: Rect,
        cells: impl Fn(usize) -> Cells<'c>,
        beyond: impl Fn(&Window) -> String,
        mut over: impl FnMut(Part, &Grid<'_>, Rect, &mut Buffer),
    ) {
        let marks = Marks::of(self.theme);
        let window = self.window(area);
        let measured = window.measured(self.lines);
        let made: Vec<Cells<'c>> = measured.clone().map(cells).collect();
        let titles = self.titles(area);
        let grid = Grid::of(self.columns, &made, list::body(area).width, titles > 0);
        let mut free = text::rows(area);
        if let Some(row) = free.by_ref().take(usize::from(titles)).next() {
            grid.draw_titles(buffer, list::body(row), self.theme.dim, marks);
            over(Part::Titles, &grid, list::body(row), buffer);
        }
        for (line, row) in window.shown.clone().zip(free.by_ref()) {
            grid.draw(buffer, list::body(row), &made[line - measured.start], marks);
            over(Part::Line(line), &grid, list::body(row), buffer);
            if line == self.cursor {
                list::select(buffer, row, self.focused, self.theme);
            }
        }
        if window.tells
            && let Some(row) = free.next()
        {
            list::tell(buffer, row, beyond(&window), self.theme);
        }
    }

    /// The same where every line is a row of columns and nothing else.
    pub fn draw_rows<'c>(&self, buffer: &mut Buffer, area: Rect, cells: impl Fn(usize) -> Cells<'c>) {
        let beyond = |window: &Window| list::beyond(window.shown.start, self.lines - window.shown.end);
        self.draw(buffer, area, cells, beyond, |_, _, _, _| {});
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::widget::look;
    use ratatui::text::Line;

    const COLUMNS: [Column; 2] = [Column::left("NAME"), Column::right("AGE")];

    fn shown(lines: usize, cursor: usize, height: u16) -> String {
        let theme = Theme::default();
        let table = Table { columns: &COLUMNS, titled: true, lines, cursor, focused: true, theme: &theme };
        let area = Rect::new(0, 0, 12, height);
        let mut buffer = Buffer::empty(area);
        table.draw_rows(&mut buffer, area, |line| vec![Line::from(format!("row-{line}")), Line::from("2s")]);
        look::text(&buffer).trim_end().to_owned()
    }

    #[test]
    fn titles_rows_the_cursor_and_what_is_beyond() {
        assert_eq!(shown(2, 1, 5), "  NAME  AGE\n  row-0  2s\n› row-1  2s");
        assert_eq!(shown(9, 4, 4), "  NAME  AGE\n  row-3  2s\n› row-4  2s\n  4 more, 3…");
        assert_eq!(shown(3, 0, 2), "› row-0 2s\n  2 more", "no titles where they would take the list's room");
        assert_eq!(shown(0, 0, 3), "", "columns without a row are not there");
    }

    #[test]
    fn the_line_that_is_drawn_in_a_row_is_the_one_that_is_found_there() {
        let theme = Theme::default();
        let table = Table { columns: &COLUMNS, titled: true, lines: 9, cursor: 4, focused: true, theme: &theme };
        let area = Rect::new(0, 0, 12, 4);
        assert_eq!([0, 1, 2, 3].map(|row| table.line_at(area, row)), [None, Some(3), Some(4), None]);
    }
}
