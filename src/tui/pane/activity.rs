//! What happened and who did it: acts and changes of status on one line of time, newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::audit::{AuditRecord, Phase};
use crate::domain::board::Change;
use crate::domain::humanize;
use crate::domain::job::JobResult;
use crate::domain::observation::ProbeId;
use crate::domain::status::Status;
use crate::domain::time::Timestamp;
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::pane::cursor::Cursor;
use crate::tui::pane::{Pane, Request, Selection, Snapshot, rows};
use crate::tui::theme::Theme;
use crate::tui::widget::grid::{Cells, Column};
use crate::tui::widget::mark::Marks;
use crate::tui::widget::table::Table;
use crate::tui::widget::{empty, text};

/// The merged log.
#[derive(Debug, Default)]
pub struct Activity {
    cursor: Cursor<EntryKey>,
}

pub fn pane() -> Box<dyn Pane> {
    Box::<Activity>::default()
}

const COLUMNS: [Column; 7] = [
    Column::left("WHEN"),
    Column::left("WHO").at_most(16).rank(3),
    Column::left("WHAT").at_most(36).at_least(10),
    Column::left("HOW IT WENT").rank(1),
    Column::left("").grows(12).rank(2),
    Column::left("WHY").at_most(30).rank(5),
    Column::right("RECORD").rank(4),
];

/// Something that happened.
#[derive(Clone, Copy, Debug)]
enum Entry<'a> {
    Act(&'a AuditRecord),
    Change(&'a Change),
}

#[derive(Clone, Debug, PartialEq)]
enum EntryKey {
    Act(u64),
    Change(ProbeId, Timestamp),
}

impl Entry<'_> {
    fn at(self) -> Timestamp {
        match self {
            Entry::Act(record) => record.entry.at,
            Entry::Change(change) => change.at,
        }
    }

    fn key(self) -> EntryKey {
        match self {
            Entry::Act(record) => EntryKey::Act(record.seq),
            Entry::Change(change) => EntryKey::Change(change.probe.clone(), change.at),
        }
    }
}

/// Both logs merged. In the overview an act is its latest record; zoomed, every record.
fn entries<'a>(see: &Snapshot<'a>) -> Vec<Entry<'a>> {
    let mut told = std::collections::BTreeSet::new();
    let (audit, changes, filter, zoomed) = (see.audit, see.changes, see.filter, see.zoomed);
    let acts = audit
        .iter()
        .filter(|record| zoomed || record.entry.correlation.is_empty() || told.insert(&record.entry.correlation))
        .filter(|record| {
            let entry = &record.entry;
            rows::matches(filter, [entry.action.as_str(), &entry.target, &entry.actor.operator, &entry.detail])
        });
    // What is heard of for the first time and is well has not changed.
    let changes = changes
        .iter()
        .filter(|change| zoomed || change.from.is_some() || !change.to.is_ok())
        .filter(|change| rows::matches(filter, [change.probe.as_str(), &change.text, change.to.word()]));
    let mut entries: Vec<Entry<'a>> = acts.map(Entry::Act).chain(changes.map(Entry::Change)).collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at()));
    entries
}

fn keys(entries: &[Entry<'_>]) -> Vec<EntryKey> {
    entries.iter().map(|entry| entry.key()).collect()
}

impl Pane for Activity {
    fn title(&self) -> &'static str {
        "Activity"
    }

    fn context(&self) -> Context {
        Context::Everywhere
    }

    fn caption(&self, see: &Snapshot<'_>) -> Line<'static> {
        let Some(newest) = see.audit.first() else { return Line::default() };
        text::styled(format!("{} audit records", humanize::number(newest.seq as f64)), see.theme.dim)
    }

    fn summary(&self, see: &Snapshot<'_>) -> Line<'static> {
        let Some(newest) = entries(see).into_iter().next() else {
            return text::styled("nothing happened yet", see.theme.dim);
        };
        let mut spans = Vec::new();
        for line in cells(see, newest).into_iter().take(5) {
            spans.extend(
                line.spans
                    .into_iter()
                    .map(|span| Span::styled(span.content.into_owned(), line.style.patch(span.style))),
            );
            spans.push(Span::raw("  "));
        }
        Line::from(spans)
    }

    fn selected(&self, see: &Snapshot<'_>) -> Option<Selection> {
        let entries = entries(see);
        Some(match entries[self.cursor.place(&keys(&entries))?] {
            Entry::Act(record) => Selection::Record(record.seq),
            Entry::Change(change) => Selection::Probe(change.probe.clone()),
        })
    }

    fn update(&mut self, see: &Snapshot<'_>, command: Command) -> Option<Request> {
        let entries = entries(see);
        let keys = keys(&entries);
        if self.cursor.follow(command, &keys, see.rows) || command != Command::Why {
            return None;
        }
        let probe = match entries[self.cursor.place(&keys)?] {
            Entry::Act(record) => ProbeId::from(record.entry.target.as_str()),
            Entry::Change(change) => change.probe.clone(),
        };
        see.board.watch(&probe).map(|_| Request::Explain(probe))
    }

    fn click(&mut self, see: &Snapshot<'_>, row: u16) {
        let entries = entries(see);
        let keys = keys(&entries);
        let Some(at) = self.cursor.place(&keys) else { return };
        if let Some(line) = table(see, &entries, at).line_at(rows::inner(see), row) {
            self.cursor.go(&keys, line);
        }
    }

    fn draw(&self, see: &Snapshot<'_>, area: Rect, buffer: &mut Buffer) {
        let theme = see.theme;
        let entries = entries(see);
        let Some(at) = self.cursor.place(&keys(&entries)) else {
            let says = rows::nothing_matches(see).unwrap_or_else(|| "Nothing happened yet.".to_owned());
            return empty::draw(buffer, area, &[&says, "Acts and changes of status are kept here."], theme);
        };
        table(see, &entries, at).draw_rows(buffer, area, |line| cells(see, entries[line]));
    }
}

fn table<'a>(see: &Snapshot<'a>, entries: &[Entry<'_>], at: usize) -> Table<'a> {
    let titled = see.zoomed;
    Table { columns: &COLUMNS, titled, lines: entries.len(), cursor: at, focused: see.focused, theme: see.theme }
}

fn cells<'a>(see: &Snapshot<'_>, entry: Entry<'a>) -> Cells<'a> {
    let theme = see.theme;
    let when = text::styled(humanize::clock(entry.at(), see.now, see.zone), theme.dim);
    match entry {
        Entry::Act(record) => {
            let entry = &record.entry;
            let (reason, number) =
                if see.zoomed { (entry.reason.as_str(), format!("#{}", record.seq)) } else { ("", String::new()) };
            vec![
                when,
                text::styled(entry.actor.operator.as_str(), theme.text),
                text::styled(format!("{} {}", entry.action, entry.target), theme.text),
                outcome(record, theme).into(),
                text::styled(entry.detail.as_str(), theme.dim),
                text::styled(reason, theme.dim),
                text::styled(number, theme.dim),
            ]
        }
        Entry::Change(change) => vec![
            when,
            text::styled(Marks::of(theme).none, theme.dim),
            text::styled(change.probe.as_str(), theme.text),
            became(change, theme),
            text::styled(change.text.as_str(), theme.dim),
            Line::default(),
            Line::default(),
        ],
    }
}

/// `✓ OK → ✗ CRIT`.
fn became(change: &Change, theme: &Theme) -> Line<'static> {
    let mut spans = Vec::new();
    if let Some(from) = change.from {
        spans.push(Span::styled(format!("{} {} ", from.label(), Marks::of(theme).becomes), theme.dim));
    }
    spans.push(rows::status(change.to, theme));
    Line::from(spans)
}

/// How an act stands: its outcome, or the stage it is in.
fn outcome(record: &AuditRecord, theme: &Theme) -> Span<'static> {
    let (mark, word, style): (&str, &str, Style) = match (record.entry.outcome, record.entry.phase) {
        (Some(JobResult::Succeeded), _) => (theme.glyph(Status::Ok), "succeeded", theme.ok),
        (Some(JobResult::NotEffective), _) => (theme.glyph(Status::Warning), "ran, not effective", theme.warning),
        (Some(JobResult::Cancelled), _) => (theme.glyph(Status::Warning), "cancelled", theme.warning),
        (Some(JobResult::Lost), _) => (theme.glyph(Status::Unknown), "lost", theme.unknown),
        (Some(JobResult::TimedOut), _) => (theme.glyph(Status::Critical), "timed out", theme.critical),
        (Some(JobResult::Failed), _) => (theme.glyph(Status::Critical), "failed", theme.critical),
        (None, Phase::Refused) => (theme.glyph(Status::Warning), "refused", theme.warning),
        (None, Phase::Intent | Phase::Started) => (Marks::of(theme).running, record.entry.phase.word(), theme.accent),
        (None, Phase::Outcome | Phase::Note) => (Marks::of(theme).dot, record.entry.phase.word(), theme.dim),
    };
    Span::styled(format!("{mark} {word}"), style)
}
