//! Where everything is, as a pure function of the size, of what is focused and of how much there
//! is to be shown of what does not come and go. `update` asks it how many rows a list has, `view`
//! asks it where to draw, so the two cannot disagree.
//!
//! ```text
//!  full, from 110×32                            compact, from 60×18        small, down to 1×1
//!  identity                                     identity                   verdict
//!  verdict                                      verdict                    ┌─ focused ──┐
//!  ┌─ 1 attention ────┬─ 2 checklist ┬─ why ─┐  ┌─ 1 attention ──────────┐ │            │
//!  │                  │              │ from  │  ├─ 2, or the focused ────┤ └────────────┘
//!  ├─ 3 ───┬─ 4 ──────┴┬─ 5 ─────────┤ 150   │  ├─ the others, a line ───┤ keys
//!  ├─ 6 tasks ─────────┴─────────────┤ wide  │  │  3 …                   │
//!  ├─ 7 activity, or 8 jobs ─────────┤       │  │  4 …                   │
//!  └─────────────────────────────────┴───────┘  └────────────────────────┘
//!  keys                                         keys
//!  jobs, notices                                jobs, notices
//! ```

use ratatui::layout::{Constraint, Layout, Rect, Size, Spacing};

use crate::tui::app::Ui;

/// The places of one screen. Absent ones have no room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Regions {
    pub identity: Option<Rect>,
    pub verdict: Rect,
    /// One line for what is wrong with the program itself.
    pub banner: Option<Rect>,
    pub panes: Vec<Placed>,
    /// The frame around the panes that are one line each.
    pub summaries: Option<Rect>,
    /// Why the selected row is as it is.
    pub detail: Option<Rect>,
    pub keys: Option<Rect>,
    pub status: Option<Rect>,
}

/// A pane in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Counted from 0.
    pub pane: usize,
    pub area: Rect,
    pub form: Form,
}

/// How a pane is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Framed,
    /// Where a frame would take the room of the list.
    Bare,
    /// One line that stands for it.
    Line,
}

impl Placed {
    /// Where the pane draws its rows.
    pub fn inner(&self) -> Rect {
        match self.form {
            Form::Framed => inside(self.area),
            Form::Bare | Form::Line => self.area,
        }
    }
}

impl Regions {
    /// The place of a pane, if it is shown as a list.
    pub fn of(&self, pane: usize) -> Option<&Placed> {
        self.panes.iter().find(|placed| placed.pane == pane && placed.form != Form::Line)
    }

    /// Which pane is drawn there.
    pub fn at(&self, column: u16, row: u16) -> Option<&Placed> {
        self.panes.iter().find(|placed| placed.area.contains((column, row).into()))
    }
}

const ATTENTION: usize = 0;
const CHECKLIST: usize = 1;
/// System, databases, backups.
const TRIO: [usize; 3] = [2, 3, 4];
const TASKS: usize = 5;
const ACTIVITY: usize = 6;
const JOBS: usize = 7;

/// Where everything is.
pub fn layout(size: Size, ui: &Ui) -> Regions {
    let screen = Rect::new(0, 0, size.width, size.height);
    let mut regions = Regions::default();
    let body = lines_around(screen, ui, &mut regions);
    if body.is_empty() {
        return regions;
    }
    let compact = size.width >= 60 && size.height >= 18;
    if ui.zoomed || !compact {
        let form = if body.width >= 24 && body.height >= 5 { Form::Framed } else { Form::Bare };
        regions.panes.push(Placed { pane: ui.focus, area: body, form });
    } else if size.width >= 110 && size.height >= 32 {
        full(body, ui, &mut regions);
    } else {
        stacked(body, ui, &mut regions);
    }
    regions
}

/// Places the lines above and below; gives back what is left between them.
fn lines_around(screen: Rect, ui: &Ui, regions: &mut Regions) -> Rect {
    let height = screen.height;
    let line = |wanted: bool| Constraint::Length(u16::from(wanted));
    let (identity, banner) = (height >= 10, ui.store_error.is_some() && height >= 4);
    let (keys, status) = (height >= 5, height >= 12);
    let [first, verdict, warning, body, hints, last] = screen.layout(&Layout::vertical([
        line(identity),
        line(true),
        line(banner),
        Constraint::Fill(1),
        line(keys),
        line(status),
    ]));
    regions.identity = identity.then_some(first);
    regions.verdict = verdict;
    regions.banner = banner.then_some(warning);
    regions.keys = keys.then_some(hints);
    regions.status = status.then_some(last);
    body
}

fn full(body: Rect, ui: &Ui, regions: &mut Regions) {
    let mut body = body;
    if body.width >= 150 {
        let detail = (body.width * 3 / 10).clamp(44, 64);
        let [left, right] = side_by_side(body, [Constraint::Fill(1), Constraint::Length(detail)]);
        regions.detail = Some(right);
        body = left;
    }
    let share = |part: u16, least, most| (body.height * part / 36).clamp(least, most);
    let fills = |panes: &[usize]| panes.iter().filter_map(|pane| ui.rows_of(*pane)).max();
    // Nobody gets more than they can fill: it goes to those who can.
    let fitted = |most: u16, panes: &[usize]| fills(panes).map_or(most, |rows| most.min(rows.max(1).saturating_add(2)));
    let (middle, tasks) = (share(10, 7, 12), share(9, 6, 12));
    let (fits_middle, fits_tasks) = (fitted(middle, &TRIO), fitted(tasks, &[TASKS]));
    let spare = middle - fits_middle + tasks - fits_tasks;
    let [first, second, third, fourth] = body.layout(
        &Layout::vertical([
            Constraint::Fill(1),
            Constraint::Length(fits_middle),
            Constraint::Length(fits_tasks),
            Constraint::Length(share(6, 4, 9) + spare / 2),
        ])
        .spacing(Spacing::Overlap(1)),
    );
    let [attention, checklist] = side_by_side(first, [Constraint::Percentage(60), Constraint::Fill(1)]);
    let trio: [Rect; 3] = side_by_side(second, [Constraint::Fill(1); 3]);
    let last = if ui.focus == JOBS { JOBS } else { ACTIVITY };
    let places = [
        (ATTENTION, attention),
        (CHECKLIST, checklist),
        (TRIO[0], trio[0]),
        (TRIO[1], trio[1]),
        (TRIO[2], trio[2]),
        (TASKS, third),
    ];
    regions.panes = places
        .into_iter()
        .chain([(last, fourth)])
        .map(|(pane, area)| Placed { pane, area, form: Form::Framed })
        .collect();
}

fn stacked(body: Rect, ui: &Ui, regions: &mut Regions) {
    let middle = if ui.focus == ATTENTION { CHECKLIST } else { ui.focus };
    let others: Vec<usize> = (CHECKLIST..ACTIVITY).filter(|pane| *pane != middle).collect();
    let lines = others.len() as u16;
    let left = (body.height + 2).saturating_sub(lines + 2);
    let upper = match ui.focus {
        ATTENTION => left * 3 / 5,
        CHECKLIST => left / 2,
        _ => left * 2 / 5,
    };
    let [attention, list, summaries] = body.layout(
        &Layout::vertical([Constraint::Length(upper), Constraint::Fill(1), Constraint::Length(lines + 2)])
            .spacing(Spacing::Overlap(1)),
    );
    regions.panes = vec![
        Placed { pane: ATTENTION, area: attention, form: Form::Framed },
        Placed { pane: middle, area: list, form: Form::Framed },
    ];
    regions.summaries = Some(summaries);
    regions.panes.extend(others.into_iter().zip(inside(summaries).rows()).map(|(pane, row)| Placed {
        pane,
        area: row,
        form: Form::Line,
    }));
}

fn side_by_side<const N: usize>(area: Rect, widths: [Constraint; N]) -> [Rect; N] {
    area.layout(&Layout::horizontal(widths).spacing(Spacing::Overlap(1)))
}

/// What a frame leaves of an area, with a column of air on both sides.
pub fn inside(area: Rect) -> Rect {
    area.inner(ratatui::layout::Margin::new(2, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ui(focus: usize, zoomed: bool) -> Ui {
        Ui { focus, zoomed, ..Ui::default() }
    }

    #[test]
    fn every_size_has_its_places_inside_the_screen() {
        for width in (0..=200).step_by(7).chain([1, 60, 80, 110, 120, 150, 160]) {
            for height in (0..=70).step_by(3).chain([1, 2, 4, 5, 10, 18, 24, 32, 40, 50]) {
                for focus in 0..8 {
                    for zoomed in [false, true] {
                        let screen = Rect::new(0, 0, width, height);
                        let regions = layout(screen.as_size(), &ui(focus, zoomed));
                        let all = regions.panes.iter().map(|placed| placed.area).chain(regions.detail);
                        for area in all.chain([regions.verdict]).chain(regions.keys).chain(regions.status) {
                            assert_eq!(area.intersection(screen), area, "{width}×{height} focus {focus}");
                        }
                        if height >= 3 && width > 0 {
                            assert!(regions.of(focus).is_some(), "{width}×{height} focus {focus}: not shown");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_four_forms_appear_at_their_sizes() {
        let shown = |width, height, focus| layout(Size::new(width, height), &ui(focus, false));
        let full = shown(120, 40, 0);
        assert_eq!(full.panes.iter().map(|placed| placed.pane).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!((full.detail, full.summaries), (None, None));
        assert!(shown(160, 50, 0).detail.is_some());
        assert_eq!(shown(120, 40, 7).panes.last().map(|placed| placed.pane), Some(7));
        let compact = shown(80, 24, 0);
        let lines: Vec<usize> =
            compact.panes.iter().filter(|placed| placed.form == Form::Line).map(|placed| placed.pane).collect();
        assert_eq!(lines, [2, 3, 4, 5], "system, databases, backups, tasks in one line each");
        let small = shown(20, 5, 0);
        assert_eq!(small.panes.len(), 1);
        assert_eq!(shown(1, 1, 0).verdict.area(), 1);
    }

    #[test]
    fn in_the_compact_form_the_focused_pane_is_a_list() {
        let regions = layout(Size::new(80, 24), &ui(4, false));
        assert!(regions.of(4).is_some_and(|placed| placed.inner().height >= 5));
        assert_eq!(regions.panes.iter().filter(|placed| placed.pane == 4).count(), 1);
        assert!(regions.panes.iter().any(|placed| placed.pane == 1 && placed.form == Form::Line));
    }

    #[test]
    fn what_a_few_targets_do_not_fill_goes_to_the_lists_above_and_below() {
        let height = |wants: &[Option<u16>], pane: usize| {
            let ui = Ui { wants: wants.to_vec(), ..ui(0, false) };
            layout(Size::new(120, 40), &ui).of(pane).map(|placed| placed.area.height)
        };
        let many = [None, None, Some(20), Some(20), Some(20), Some(20)];
        let few = [None, None, Some(6), Some(2), Some(4), Some(5)];
        assert_eq!((height(&many, 2), height(&many, TASKS)), (height(&[], 2), height(&[], TASKS)));
        assert_eq!((height(&few, 2), height(&few, TASKS)), (Some(8), Some(7)), "as much as they fill");
        let more = |pane| height(&few, pane) > height(&many, pane);
        assert!(more(ATTENTION) && more(CHECKLIST) && more(ACTIVITY));
        let none = [None, None, Some(0), Some(0), Some(0), Some(0)];
        assert_eq!(height(&none, TASKS), Some(3), "room to say that there is nothing");
    }

    #[test]
    fn a_banner_takes_a_line_of_its_own() {
        let ui = Ui { store_error: Some("disk full".to_owned()), ..Ui::default() };
        let regions = layout(Size::new(120, 40), &ui);
        assert_eq!(regions.banner.map(|area| area.y), Some(2));
        assert_eq!(regions.panes[0].area.y, 3);
    }
}
