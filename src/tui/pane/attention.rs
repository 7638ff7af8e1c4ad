//! What needs attention: worst first, then longest; the row under the cursor explains itself
//! and names the keys that mend it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::humanize;
use crate::domain::observation::ProbeId;
use crate::domain::report::{Attention, Subject};
use crate::domain::status::Status;
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::pane::cursor::Cursor;
use crate::tui::pane::{Pane, Request, Selection, Snapshot, rows, why};
use crate::tui::widget::grid::{Cells, Column, Grid};
use crate::tui::widget::list::{self, Window};
use crate::tui::widget::mark::Marks;
use crate::tui::widget::under::{self, Explanation};
use crate::tui::widget::{age, empty, hint, tally, text};

/// The list of what is not ok.
#[derive(Debug, Default)]
pub struct NeedsAttention {
    cursor: Cursor<ProbeId>,
}

pub fn pane() -> Box<dyn Pane> {
    Box::<NeedsAttention>::default()
}

const COLUMNS: [Column; 7] = [
    Column::right("").rank(5),
    Column::left(""),
    Column::left("").rank(6),
    Column::left("").at_most(24),
    Column::left("").grows(26).rank(1),
    Column::right("").rank(2),
    Column::right("").rank(4),
];

/// From this width on a row says of what kind its target is.
const ROOM_FOR_KINDS: u16 = 96;

/// Which of the columns is the sentence.
const SENTENCE: usize = 4;
/// No sentence takes more lines than this from the others.
const MOST_LINES: usize = 3;

/// One drawn line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Drawn {
    /// With what is said in it when that is less than the whole sentence.
    Row(usize, Option<String>),
    /// The rest of that row's sentence, line by line.
    Rest(usize, String),
    /// The consequences of that row.
    Folded(usize),
}

/// The rows, and how many probes have not been heard of yet. Those are one quiet line in the
/// overview: at the start of a round everything waits, and nothing of it is news.
struct Listed<'a> {
    rows: Vec<Attention<'a>>,
    keys: Vec<ProbeId>,
    waiting: usize,
}

fn listed<'a>(see: &Snapshot<'a>) -> Listed<'a> {
    let report = see.report;
    let is_waiting = |row: &Attention<'_>| matches!(row.subject, Subject::Probe(one) if one.waiting);
    let mut rows = report.attention(see.zone);
    rows.retain(|row| {
        let (kind, name) = row.subject.names();
        rows::matches(see.filter, [kind, name, &row.text, row.status.word()])
    });
    let all = rows.len();
    if !see.zoomed {
        rows.retain(|row| !is_waiting(row));
    }
    let keys = rows.iter().map(key).collect();
    Listed { waiting: all - rows.len(), rows, keys }
}

/// What a row is known by; a checklist stands in the list like a probe.
fn key(row: &Attention<'_>) -> ProbeId {
    match row.subject {
        Subject::Probe(one) => one.id.clone(),
        Subject::Checklist(list) => ProbeId::new("checklist", &list.id),
    }
}

impl Pane for NeedsAttention {
    fn title(&self) -> &'static str {
        "Needs attention"
    }

    fn context(&self) -> Context {
        Context::Everywhere
    }

    fn caption(&self, see: &Snapshot<'_>) -> Line<'static> {
        let rows = see.report.attention(see.zone);
        tally::fitted(rows.iter().map(|row| row.status), see.columns / 2, see.theme)
    }

    fn summary(&self, see: &Snapshot<'_>) -> Line<'static> {
        let listed = listed(see);
        let Some(first) = listed.rows.first() else { return calm(see).remove(0).into() };
        let (kind, name) = first.subject.names();
        let named = if name.is_empty() { kind.to_owned() } else { format!("{kind} {name}") };
        let mut spans = vec![rows::status(first.status, see.theme)];
        spans.push(Span::styled(format!(" {named}  {}", first.text), see.theme.text));
        if listed.rows.len() > 1 {
            spans.push(Span::styled(format!("  and {} more", listed.rows.len() - 1), see.theme.dim));
        }
        Line::from(spans)
    }

    fn selected(&self, see: &Snapshot<'_>) -> Option<Selection> {
        let listed = listed(see);
        match listed.rows[self.cursor.place(&listed.keys)?].subject {
            Subject::Probe(one) => Some(Selection::Probe(one.id.clone())),
            Subject::Checklist(list) => Some(Selection::List(list.id.clone())),
        }
    }

    fn update(&mut self, see: &Snapshot<'_>, command: Command) -> Option<Request> {
        let listed = listed(see);
        if self.cursor.follow(command, &listed.keys, see.rows) {
            return None;
        }
        match listed.rows[self.cursor.place(&listed.keys)?].subject {
            Subject::Probe(one) => rows::request(one, command),
            Subject::Checklist(list) => (command == Command::Sign)
                .then(|| Request::Sign { checklist: list.id.clone(), period: list.period.key.clone() }),
        }
    }

    fn click(&mut self, see: &Snapshot<'_>, row: u16) {
        let listed = listed(see);
        let Some(at) = self.cursor.place(&listed.keys) else { return };
        let (drawn, above, ..) = split(see, &listed, at, rows::inner(see));
        let line = window(&drawn, at, above).line_at(row, 0);
        if let Some(Drawn::Row(index, _) | Drawn::Rest(index, _) | Drawn::Folded(index)) = line.map(|at| &drawn[at]) {
            self.cursor.go(&listed.keys, *index);
        }
    }

    fn draw(&self, see: &Snapshot<'_>, area: Rect, buffer: &mut Buffer) {
        let listed = listed(see);
        let Some(at) = self.cursor.place(&listed.keys) else {
            let says = calm(see);
            empty::draw(buffer, area, &says.iter().map(String::as_str).collect::<Vec<_>>(), see.theme);
            return;
        };
        let (drawn, above, below, explanation) = split(see, &listed, at, area);
        draw_list(see, &listed, &drawn, at, above, buffer);
        explanation.draw(buffer, below, see.theme);
    }
}

/// The lines of the list, a line to a sentence.
fn drawn(listed: &Listed<'_>) -> Vec<Drawn> {
    let lines = listed.rows.iter().enumerate().flat_map(|(index, row)| {
        let folded = (!row.folded.is_empty()).then_some(Drawn::Folded(index));
        std::iter::once(Drawn::Row(index, None)).chain(folded)
    });
    lines.collect()
}

/// The lines of the list with every sentence to its end, when no more than `room` of them are
/// needed for that.
fn wrapped(see: &Snapshot<'_>, listed: &Listed<'_>, width: u16, room: usize) -> Option<Vec<Drawn>> {
    if listed.rows.len() > room {
        return None;
    }
    let cells: Vec<Cells<'_>> = listed.rows.iter().enumerate().map(|(index, row)| cells(see, index, row)).collect();
    let grid = Grid::of(&COLUMNS, &cells, width, false);
    let sentence = grid.cell(SENTENCE, Rect::new(0, 0, width, 1))?;
    let under = usize::from(width - sentence.x);
    let lines = listed.rows.iter().enumerate().flat_map(|(index, row)| {
        let first = text::wrap(&row.text, usize::from(sentence.width), 2).into_iter().next().unwrap_or_default();
        let rest = row.text.strip_prefix(&*first).unwrap_or_default().trim_start();
        let rest = text::wrap(rest, under, MOST_LINES - 1).into_iter().map(move |line| Drawn::Rest(index, line));
        let folded = (!row.folded.is_empty()).then_some(Drawn::Folded(index));
        std::iter::once(Drawn::Row(index, Some(first))).chain(rest).chain(folded)
    });
    let lines: Vec<Drawn> = lines.take(room + 1).collect();
    (lines.len() <= room).then_some(lines)
}

/// The lines of the list, its part of the area, and what stands under it. What has a region of
/// its own is not explained twice.
fn split(see: &Snapshot<'_>, listed: &Listed<'_>, at: usize, area: Rect) -> (Vec<Drawn>, Rect, Rect, Explanation) {
    let mut explanation =
        if see.explained { Explanation::default() } else { explain(see, &listed.rows[at], area.width) };
    if let (true, Subject::Probe(one)) = (see.zoomed, listed.rows[at].subject) {
        explanation.body.extend(why::values(see, one));
    }
    let under = if see.explained { 0 } else { explanation.rows() };
    let waiting = usize::from(listed.waiting > 0);
    // With a line of air above what stands under the list.
    let room = usize::from(area.height).saturating_sub(under + usize::from(under > 0) + waiting);
    let drawn = wrapped(see, listed, list::body(area).width, room).unwrap_or_else(|| drawn(listed));
    let (above, below) = under::split(area, drawn.len() + waiting, under);
    (drawn, above, below, explanation)
}

fn window(drawn: &[Drawn], at: usize, area: Rect) -> Window {
    let cursor = drawn.iter().position(|line| matches!(line, Drawn::Row(index, _) if *index == at)).unwrap_or(0);
    Window::on(drawn.len(), cursor, area.height)
}

fn draw_list(see: &Snapshot<'_>, listed: &Listed<'_>, drawn: &[Drawn], at: usize, area: Rect, buffer: &mut Buffer) {
    let marks = Marks::of(see.theme);
    let window = window(drawn, at, area);
    let shown = &drawn[window.shown.clone()];
    let measured = window.measured(drawn.len());
    let cells: Vec<Cells<'_>> = drawn[measured.clone()]
        .iter()
        .map(|line| match line {
            Drawn::Row(index, _) => cells(see, *index, &listed.rows[*index]),
            Drawn::Rest(..) | Drawn::Folded(_) => Cells::new(),
        })
        .collect();
    let grid = Grid::of(&COLUMNS, &cells, list::body(area).width, false);
    let mut lines = text::rows(area);
    for ((line, cells), row) in shown.iter().zip(&cells[window.shown.start - measured.start..]).zip(lines.by_ref()) {
        match line {
            Drawn::Row(index, said) => {
                match said {
                    Some(said) => grid.draw(buffer, list::body(row), &saying(cells, said), marks),
                    None => grid.draw(buffer, list::body(row), cells, marks),
                }
                if *index == at {
                    list::select(buffer, row, see.focused, see.theme);
                }
            }
            Drawn::Rest(index, said) => {
                let cells = self::cells(see, *index, &listed.rows[*index]);
                if let Some(place) = grid.cell(SENTENCE, list::body(row)) {
                    let place = Rect { width: row.right() - place.x, ..place };
                    text::put(buffer, place, &saying(&cells, said)[SENTENCE], marks);
                }
            }
            Drawn::Folded(index) => {
                let names: Vec<&str> = listed.rows[*index].folded.iter().map(|one| one.id.as_str()).collect();
                let line = format!("{} because of it: {}", marks.branch, names.join(", "));
                // Under the name of its cause.
                let place =
                    grid.cell(3, list::body(row)).map_or(row, |cell| Rect { width: row.right() - cell.x, ..cell });
                text::put(buffer, place, &text::styled(line, see.theme.dim), marks);
            }
        }
    }
    let Some(row) = lines.next() else { return };
    if window.tells {
        let rows = |lines: &[Drawn]| lines.iter().filter(|line| matches!(line, Drawn::Row(..))).count();
        let mut says = list::beyond(rows(&drawn[..window.shown.start]), rows(&drawn[window.shown.end..]));
        let below = drawn[window.shown.end..].iter().filter_map(|line| match line {
            Drawn::Row(index, _) => Some(listed.rows[*index].status),
            Drawn::Rest(..) | Drawn::Folded(_) => None,
        });
        let below = tally::line(below, see.theme).to_string();
        if !below.is_empty() {
            says = format!("{says}: {below}");
        }
        list::tell(buffer, row, says, see.theme);
    } else if listed.waiting > 0 {
        list::tell(buffer, row, waiting(listed.waiting, see), see.theme);
    }
}

/// The same row with a part of its sentence.
fn saying<'a>(cells: &[Line<'a>], said: &'a str) -> Cells<'a> {
    let mut cells = cells.to_vec();
    let style = cells[SENTENCE].spans.first().map_or(Style::new(), |span| span.style);
    cells[SENTENCE] = text::styled(said, style);
    cells
}

fn cells<'a>(see: &Snapshot<'_>, index: usize, row: &Attention<'a>) -> Cells<'a> {
    let theme = see.theme;
    let (kind, name) = match row.subject {
        Subject::Probe(one) if one.id.kind() == one.id.as_str() => ("", one.id.kind()),
        Subject::Probe(one) => (one.id.kind(), one.id.name()),
        Subject::Checklist(list) => ("checklist", list.id.as_str()),
    };
    // What is wrong is worth more than what kind of thing it is; the name and the rule below tell.
    let kind = if see.columns < ROOM_FOR_KINDS { "" } else { kind };
    let since = row.since.map_or_else(String::new, |at| humanize::clock(at, see.now, see.zone));
    let (style, age) = match row.subject {
        Subject::Probe(one) => (age::fresh(one, theme.text, theme), age::cell(one, theme)),
        Subject::Checklist(_) => (theme.text, Span::raw("")),
    };
    vec![
        text::styled((index + 1).to_string(), theme.dim),
        rows::status(row.status, theme).into(),
        text::styled(kind, theme.dim),
        text::styled(name, theme.text),
        text::styled(row.text.clone(), style),
        text::styled(since, theme.dim),
        age.into(),
    ]
}

fn explain(see: &Snapshot<'_>, row: &Attention<'_>, room: u16) -> Explanation {
    let Subject::Checklist(list) = row.subject else {
        let Subject::Probe(one) = row.subject else { return Explanation::default() };
        return why::explain(see, one, &[], room);
    };
    let theme = see.theme;
    let open = list.items.len() - list.done();
    let says = match (open, list.failed()) {
        (0, _) => "everything on it is done; it only wants a signature".to_owned(),
        (open, 0) => format!("{} still open", humanize::count(open, "item")),
        (open, failed) => format!("{} not done, {failed} of them failed", humanize::count(open, "item")),
    };
    let keys =
        [(Command::Why, "why".into()), (Command::Sign, "sign it".into()), (Command::Pane2, "tick its items".into())];
    Explanation {
        title: Line::from(vec![
            Span::styled(list.title.clone(), theme.title),
            Span::styled(format!(" {} not signed", theme.glyph(row.status)), theme.status(row.status)),
        ]),
        right: text::styled(list.period.key.clone(), theme.dim),
        body: why::labelled("why", vec![vec![Span::styled(says, theme.text)]], see),
        keys: why::labelled("keys", vec![hint::keys(keys, see.keymap, theme)], see),
    }
}

fn waiting(count: usize, see: &Snapshot<'_>) -> String {
    let checks = if count == 1 { "1 check waits".to_owned() } else { format!("{count} checks wait") };
    format!("{} {checks} for the first reading", see.theme.glyph(Status::Unknown))
}

/// What is said when no row needs anybody.
fn calm(see: &Snapshot<'_>) -> Vec<String> {
    if let Some(says) = rows::nothing_matches(see) {
        return vec![says];
    }
    let (all, counts) = (&see.report.assessments, see.report.counts());
    let waiting = all.iter().filter(|one| one.waiting).count();
    let oldest = age::oldest(all).map_or_else(String::new, |age| format!("; oldest reading {age}"));
    let mut says = match (all.len(), waiting) {
        (0, _) => vec![
            "Nothing is watched.".to_owned(),
            "`rounds init` looks around this machine and writes a configuration.".to_owned(),
        ],
        (_, 0) => vec![match counts.ok {
            1 => format!("{} The only check is ok{oldest}.", see.theme.glyph(Status::Ok)),
            ok => format!("{} All {ok} checks are ok{oldest}.", see.theme.glyph(Status::Ok)),
        }],
        (_, waiting) => {
            let mut says = vec![format!("{}.", self::waiting(waiting, see))];
            if counts.ok > 0 {
                let are = if counts.ok == 1 { "is" } else { "are" };
                says.push(format!("So far {} {are} ok{oldest}.", humanize::count(counts.ok, "check")));
            }
            says
        }
    };
    for list in see.report.checklists.iter().filter(|list| list.signed.is_none()) {
        let you = match list.needs_you() {
            0 => String::new(),
            you => format!(", {you} for you"),
        };
        says.push(format!("{}: {} of {} done{you}.", list.title, list.done(), list.items.len()));
    }
    says
}
