//! Today's lists: what ticked itself, what failed, and what waits for the operator's eyes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::checklist::{ItemState, ItemView, ListView, MarkKind};
use crate::domain::humanize;
use crate::domain::status::Status;
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::pane::cursor::Cursor;
use crate::tui::pane::{Pane, Request, Selection, Snapshot, rows};
use crate::tui::theme::Theme;
use crate::tui::widget::grid::{Cells, Column, Grid};
use crate::tui::widget::list::{self, Window};
use crate::tui::widget::mark::Marks;
use crate::tui::widget::{empty, hint, text};

/// The checklists of one period.
#[derive(Debug, Default)]
pub struct Checklists {
    cursor: Cursor<ItemKey>,
    /// Which period is looked at, in steps from the present one.
    period: i32,
}

pub fn pane() -> Box<dyn Pane> {
    Box::<Checklists>::default()
}

/// What an item is known by: its list and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ItemKey(String, String);

const COLUMNS: [Column; 4] = [
    Column::right("").rank(2),
    Column::left(""),
    Column::left("").at_most(60).at_least(20),
    Column::right("").grows(14).rank(1),
];

/// A drawn line, in the order of the screen.
#[derive(Clone, Copy, Debug)]
enum Drawn<'a> {
    Heading(&'a ListView),
    Item(&'a ListView, &'a ItemView),
    /// So many items of this list that need nothing more are not shown.
    More(usize),
}

impl<'a> Drawn<'a> {
    fn item(self) -> Option<(&'a ListView, &'a ItemView)> {
        match self {
            Drawn::Item(list, item) => Some((list, item)),
            _ => None,
        }
    }
}

fn is_finished(item: &ItemView) -> bool {
    matches!(item.state, ItemState::Done | ItemState::Skipped)
}

/// All lines. Where they do not fit and the pane is not zoomed, finished items are counted
/// instead of listed.
fn drawn<'a>(see: &Snapshot<'a>) -> Vec<Drawn<'a>> {
    let lists = &see.report.checklists;
    let lines = lists.iter().map(|list| 1 + list.items.len()).sum::<usize>();
    let mut drawn = Vec::new();
    let short = !see.zoomed && lines + usize::from(elsewhere(see)) > usize::from(see.rows);
    for list in lists {
        let found =
            |item: &&ItemView| rows::matches(see.filter, [item.text.as_str(), &item.evidence, item.state.word()]);
        drawn.push(Drawn::Heading(list));
        let items = list.items.iter().filter(found);
        let listed = items.clone().filter(|item| !(short && is_finished(item)));
        drawn.extend(listed.map(|item| Drawn::Item(list, item)));
        let finished = items.filter(|item| short && is_finished(item)).count();
        if finished > 0 {
            drawn.push(Drawn::More(finished));
        }
    }
    drawn
}

/// Whether the lists shown are those of another period than the one of now.
fn elsewhere(see: &Snapshot<'_>) -> bool {
    see.report.checklists.iter().any(|list| !list.is_current(see.now))
}

/// `! not now: 2026-03-01, 2026-W09`.
fn not_now(see: &Snapshot<'_>) -> String {
    let mut periods: Vec<&str> = see.report.checklists.iter().map(|list| list.period.key.as_str()).collect();
    periods.dedup();
    format!("{} not now: {}", see.theme.glyph(Status::Warning), periods.join(", "))
}

fn keys(drawn: &[Drawn<'_>]) -> Vec<ItemKey> {
    drawn.iter().filter_map(|line| line.item()).map(|(list, item)| key(list, item)).collect()
}

fn key(list: &ListView, item: &ItemView) -> ItemKey {
    ItemKey(list.id.clone(), item.text.clone())
}

impl Pane for Checklists {
    fn title(&self) -> &'static str {
        "Checklist"
    }

    fn context(&self) -> Context {
        Context::Checklist
    }

    fn caption(&self, see: &Snapshot<'_>) -> Line<'static> {
        let lists = &see.report.checklists;
        let (done, of) = lists.iter().fold((0, 0), |(done, of), list| (done + list.done(), of + list.items.len()));
        if of == 0 {
            return Line::default();
        }
        let failed: usize = lists.iter().map(ListView::failed).sum();
        let mut spans = vec![Span::styled(format!("{done}/{of} done"), see.theme.text)];
        if failed > 0 {
            let mark = see.theme.glyph(Status::Critical);
            spans.push(Span::styled(format!("  {mark} {failed} failed"), see.theme.critical));
        }
        Line::from(spans)
    }

    fn summary(&self, see: &Snapshot<'_>) -> Line<'static> {
        let marks = Marks::of(see.theme);
        let mut spans = Vec::new();
        if elsewhere(see) {
            spans.push(Span::styled(not_now(see), see.theme.warning));
        }
        for list in &see.report.checklists {
            if !spans.is_empty() {
                spans.push(Span::styled(format!("  {}  ", marks.dot), see.theme.dim));
            }
            spans.push(Span::styled(format!("{} {}/{}", list.id, list.done(), list.items.len()), see.theme.text));
            if list.failed() > 0 {
                let mark = see.theme.glyph(Status::Critical);
                spans.push(Span::styled(format!(" {mark} {} failed", list.failed()), see.theme.critical));
            }
            if list.needs_you() > 0 && list.signed.is_none() {
                spans.push(Span::styled(format!(" {} for you", list.needs_you()), see.theme.text));
            }
            let (says, style) = signature(see, list);
            spans.push(Span::styled(format!(" {says}"), style));
        }
        if spans.is_empty() { text::styled("no checklist", see.theme.dim) } else { Line::from(spans) }
    }

    fn selected(&self, see: &Snapshot<'_>) -> Option<Selection> {
        let (list, item) = self.on(&drawn(see))?;
        Some(Selection::Item { checklist: list.id.clone(), period: list.period.key.clone(), item: item.text.clone() })
    }

    fn update(&mut self, see: &Snapshot<'_>, command: Command) -> Option<Request> {
        let drawn = drawn(see);
        if self.cursor.follow(command, &keys(&drawn), see.rows) {
            return None;
        }
        let on = self.on(&drawn);
        let list = on.map(|(list, _)| list).or(see.report.checklists.first());
        match command {
            Command::EarlierPeriod => Some(self.show(self.period.saturating_sub(1))),
            Command::LaterPeriod => Some(self.show(self.period.saturating_add(1).min(0))),
            Command::Sign => {
                list.map(|list| Request::Sign { checklist: list.id.clone(), period: list.period.key.clone() })
            }
            Command::Tick | Command::Skip | Command::Undo => {
                let (list, item) = on?;
                Some(match mark(see, list, item, command) {
                    Ok(kind) => Request::Mark {
                        checklist: list.id.clone(),
                        period: list.period.key.clone(),
                        item: item.text.clone(),
                        kind,
                    },
                    Err(why) => Request::Refuse(why),
                })
            }
            _ => None,
        }
    }

    fn click(&mut self, see: &Snapshot<'_>, row: u16) {
        let drawn = drawn(see);
        let (banner, below) = parts(see, rows::inner(see));
        let window = Window::on(drawn.len(), self.line(&drawn), below.height);
        if let Some((list, item)) = window.line_at(row, banner.height).and_then(|line| drawn[line].item()) {
            self.cursor.go(&[key(list, item)], 0);
        }
    }

    fn draw(&self, see: &Snapshot<'_>, area: Rect, buffer: &mut Buffer) {
        let drawn = drawn(see);
        if drawn.is_empty() {
            let says = ["No checklist is configured.", "A [[checklist]] names what somebody looks at every day."];
            return empty::draw(buffer, area, &says, see.theme);
        }
        let at = self.line(&drawn);
        let (banner, area) = parts(see, area);
        draw_banner(see, banner, buffer);
        let spare = usize::from(area.height).saturating_sub(drawn.len());
        let window = Window::on(drawn.len(), at, area.height);
        draw_lines(see, &drawn, &window, at, area, buffer);
        if spare >= 2 && see.zoomed {
            let row = Rect { y: area.bottom() - 1, height: 1, ..area };
            text::put(buffer, list::body(row), &offers(see), Marks::of(see.theme));
        }
    }
}

impl Checklists {
    /// The item the cursor is on.
    fn on<'a>(&self, drawn: &[Drawn<'a>]) -> Option<(&'a ListView, &'a ItemView)> {
        let at = self.cursor.place(&keys(drawn))?;
        drawn.iter().filter_map(|line| line.item()).nth(at)
    }

    /// The line the cursor is on; the first where there is no item.
    fn line(&self, drawn: &[Drawn<'_>]) -> usize {
        let Some(at) = self.cursor.place(&keys(drawn)) else { return 0 };
        let items = drawn.iter().enumerate().filter(|(_, line)| line.item().is_some());
        items.map(|(line, _)| line).nth(at).unwrap_or(0)
    }

    fn show(&mut self, period: i32) -> Request {
        self.period = period;
        Request::Period(period)
    }
}

/// The row that says that the lists are not those of now, where they are not, and the rest.
fn parts(see: &Snapshot<'_>, area: Rect) -> (Rect, Rect) {
    let banner = u16::from(elsewhere(see) && area.height > 1);
    let below = Rect { y: area.y + banner, height: area.height - banner, ..area };
    (Rect { height: banner, ..area }, below)
}

/// It stays where it is while the list scrolls.
fn draw_banner(see: &Snapshot<'_>, row: Rect, buffer: &mut Buffer) {
    let mut says = vec![Span::styled(format!("{}   ", not_now(see)), see.theme.warning)];
    let keys = [(Command::LaterPeriod, "later".into()), (Command::Back, "now".into())];
    says.extend(hint::keys(keys, see.keymap, see.theme));
    text::put(buffer, list::body(row), &says.into(), Marks::of(see.theme));
}

fn draw_lines(see: &Snapshot<'_>, drawn: &[Drawn<'_>], window: &Window, at: usize, area: Rect, buffer: &mut Buffer) {
    let (marks, theme) = (Marks::of(see.theme), see.theme);
    let shown = &drawn[window.shown.clone()];
    let measured = window.measured(drawn.len());
    let cells: Vec<Cells<'_>> = drawn[measured.clone()]
        .iter()
        .map(|line| line.item().map_or_else(Cells::new, |(list, item)| cells(see, list, item)))
        .collect();
    let grid = Grid::of(&COLUMNS, &cells, list::body(area).width, false);
    let mut lines = text::rows(area);
    for (((index, line), cells), row) in
        (window.shown.start..).zip(shown).zip(&cells[window.shown.start - measured.start..]).zip(lines.by_ref())
    {
        match line {
            Drawn::Heading(list) => heading(see, list, row, buffer),
            Drawn::Item(..) => {
                grid.draw(buffer, list::body(row), cells, marks);
                if index == at {
                    list::select(buffer, row, see.focused, theme);
                }
            }
            Drawn::More(count) => {
                let says = format!("{} {count} more done", theme.glyph(Status::Ok));
                let place =
                    grid.cell(1, list::body(row)).map_or(row, |cell| Rect { width: row.right() - cell.x, ..cell });
                text::put(buffer, place, &text::styled(says, theme.dim), marks);
            }
        }
    }
    if let Some(row) = lines.next().filter(|_| window.tells) {
        let items = |lines: &[Drawn<'_>]| lines.iter().filter(|line| line.item().is_some()).count();
        let (above, below) = (items(&drawn[..window.shown.start]), items(&drawn[window.shown.end..]));
        let says = match drawn.first() {
            Some(Drawn::Heading(list)) if above + below == 0 => format!("of {}", list.title),
            _ => list::beyond(above, below),
        };
        list::tell(buffer, row, says, theme);
    }
}

/// The mark a key puts on an item, or why it puts none: what ticks itself is not ticked by
/// hand, and a signed list is closed.
fn mark(see: &Snapshot<'_>, list: &ListView, item: &ItemView, command: Command) -> Result<MarkKind, String> {
    let key = |command: Command| see.keymap.key_of(command).unwrap_or_else(|| format!(":{}", command.name()));
    if let Some(signature) = &list.signed {
        let at = humanize::clock(signature.at, see.now, see.zone);
        return Err(format!(
            "{} was signed by {} at {at}; nothing changes it any more",
            list.title, signature.operator
        ));
    }
    match (command, item.state, &item.mark) {
        (Command::Tick, ..) if item.form == "auto" => {
            let says = if item.evidence.is_empty() { "there is none yet" } else { &item.evidence };
            let skip = key(Command::Skip);
            Err(format!("this item is ticked by its evidence, not by hand: {says}; {skip} skips it with a reason"))
        }
        (Command::Tick, ItemState::Done, _) => {
            Err(format!("it is ticked already; {} takes the tick back", key(Command::Undo)))
        }
        (Command::Tick, ..) => Ok(MarkKind::Tick),
        (Command::Skip, ItemState::Skipped, _) => {
            Err(format!("it is skipped already; {} takes the skip back", key(Command::Undo)))
        }
        (Command::Skip, ..) => Ok(MarkKind::Skip),
        (_, _, Some(_)) => Ok(MarkKind::Undo),
        (_, _, None) => Err("nobody marked this item, so there is nothing to take back".to_owned()),
    }
}

/// `Daily · 2026-03-02` and, at the right, how far it is and until when.
fn heading(see: &Snapshot<'_>, list: &ListView, row: Rect, buffer: &mut Buffer) {
    let marks = Marks::of(see.theme);
    let (says, style) = signature(see, list);
    let mut right = Vec::new();
    // Of a single list the caption of the pane already tells.
    if see.report.checklists.len() > 1 {
        right.push(Span::styled(format!("{}/{}  ", list.done(), list.items.len()), see.theme.text));
    }
    right.push(Span::styled(says, style));
    let right = Line::from(right);
    let mut left = Line::styled(list.title.clone(), see.theme.title);
    // Half a date says nothing.
    let period = Span::styled(format!("  {}", list.period.key), see.theme.dim);
    if text::line_width(&left) + period.width() + text::line_width(&right) + 3 <= usize::from(row.width) {
        left.push_span(period.style(Style::reset().patch(see.theme.dim)));
    }
    let row = Rect { x: row.x + 1.min(row.width), width: row.width.saturating_sub(1), ..row };
    text::put_both(buffer, row, &left, &right, marks);
}

/// Whether a list is signed, or until when it wants to be.
fn signature(see: &Snapshot<'_>, list: &ListView) -> (String, Style) {
    let clock = |at| humanize::clock(at, see.now, see.zone);
    match (&list.signed, list.sign_by, list.due) {
        (Some(signature), ..) => {
            let exceptions = if signature.exceptions.is_empty() { "" } else { ", with exceptions" };
            (format!("signed {} by {}{exceptions}", clock(signature.at), signature.operator), see.theme.ok)
        }
        (None, Some(by), _) if list.overdue => {
            (format!("{} unsigned, was due {}", see.theme.glyph(Status::Warning), clock(by)), see.theme.warning)
        }
        (None, Some(by), _) => (format!("sign by {}", clock(by)), see.theme.dim),
        (None, None, Some(due)) => (format!("due {}", clock(due)), see.theme.dim),
        (None, None, None) => ("not signed".to_owned(), see.theme.dim),
    }
}

fn cells<'a>(see: &Snapshot<'_>, list: &ListView, item: &'a ItemView) -> Cells<'a> {
    let theme = see.theme;
    let (sign, style) = sign(item.state, theme);
    let quiet = is_finished(item);
    let yours = item.state == ItemState::Open && item.form != "auto" && list.signed.is_none();
    let mut evidence = Vec::new();
    if yours {
        evidence.push(Span::styled("you", theme.accent));
    }
    if item.state == ItemState::Regressed {
        evidence.push(Span::styled("since signed", theme.warning));
    }
    if !item.evidence.is_empty() {
        if !evidence.is_empty() {
            evidence.push(Span::styled(": ", theme.dim));
        }
        let style = if matches!(item.state, ItemState::Failed | ItemState::Regressed) { style } else { theme.dim };
        evidence.push(Span::styled(item.evidence.as_str(), style));
    }
    vec![
        text::styled(item.number.to_string(), theme.dim),
        text::styled(sign, style),
        text::styled(item.text.as_str(), if quiet { theme.dim } else { theme.text }),
        Line::from(evidence),
    ]
}

/// The box in front of an item.
fn sign(state: ItemState, theme: &Theme) -> (&'static str, Style) {
    match state {
        ItemState::Done => ("[x]", theme.ok),
        ItemState::Open => ("[ ]", theme.text),
        ItemState::Failed => ("[!]", theme.critical),
        ItemState::Skipped => ("[-]", theme.dim),
        ItemState::Regressed => ("[~]", theme.warning),
    }
}

/// The keys of this pane, for the zoomed one.
fn offers(see: &Snapshot<'_>) -> Line<'static> {
    let keys = [
        (Command::Tick, "tick"),
        (Command::Skip, "skip with a reason"),
        (Command::Undo, "undo"),
        (Command::Evidence, "evidence"),
        (Command::EarlierPeriod, "period before"),
        (Command::Sign, "sign"),
    ];
    hint::keys(keys.map(|(command, does)| (command, does.into())), see.keymap, see.theme).into()
}
