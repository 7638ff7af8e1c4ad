//! What needs attention: worst first, then longest; the row under the cursor explains itself
//! and names the keys that mend it.

mod calm;
mod lines;

use lines::Drawn;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::humanize;
use crate::domain::observation::ProbeId;
use crate::domain::report::{Attention, Subject};
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::pane::cursor::Cursor;
use crate::tui::pane::{Pane, Request, Selection, Snapshot, rows, why};
use crate::tui::widget::list;
use crate::tui::widget::under::{self, Explanation};
use crate::tui::widget::{empty, hint, tally, text};

/// The list of what is not ok.
#[derive(Debug, Default)]
pub struct NeedsAttention {
    cursor: Cursor<ProbeId>,
}

pub fn pane() -> Box<dyn Pane> {
    Box::<NeedsAttention>::default()
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
        let Some(first) = listed.rows.first() else { return calm::calm(see).remove(0).into() };
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
        let line = lines::window(&drawn, at, above).line_at(row, 0);
        if let Some(Drawn::Row(index, _) | Drawn::Rest(index, _) | Drawn::Folded(index)) = line.map(|at| &drawn[at]) {
            self.cursor.go(&listed.keys, *index);
        }
    }

    fn draw(&self, see: &Snapshot<'_>, area: Rect, buffer: &mut Buffer) {
        let listed = listed(see);
        let Some(at) = self.cursor.place(&listed.keys) else {
            let says = calm::calm(see);
            empty::draw(buffer, area, &says.iter().map(String::as_str).collect::<Vec<_>>(), see.theme);
            return;
        };
        let (drawn, above, below, explanation) = split(see, &listed, at, area);
        lines::draw(see, &listed, &drawn, at, above, buffer);
        explanation.draw(buffer, below, see.theme);
    }
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
    let drawn = lines::fitting(see, listed, list::body(area).width, room);
    let (above, below) = under::split(area, drawn.len() + waiting, under);
    (drawn, above, below, explanation)
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
