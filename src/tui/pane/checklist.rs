//! Today's lists: what ticked itself, what failed, and what waits for the operator's eyes.

mod lines;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::checklist::{ItemState, ItemView, ListView, MarkKind};
use crate::domain::humanize;
use crate::domain::status::Status;
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::pane::cursor::Cursor;
use crate::tui::pane::{Pane, Request, Selection, Snapshot, rows};
use crate::tui::widget::list::{self, Window};
use crate::tui::widget::mark::Marks;
use crate::tui::widget::{empty, hint, text};
use lines::{Drawn, draw_lines, drawn, signature};

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
        if let Some((list, item)) = window.line_at(row, banner.height).and_then(|line| drawn[line].about()) {
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
