//! Simple panes, one per place, that list what they are given: enough to test everything
//! around panes without depending on how the real ones look.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use rounds::domain::checklist::MarkKind;
use rounds::domain::humanize;
use rounds::domain::report::{Subject, headline};
use rounds::domain::status::Status;
use rounds::tui::command::Command;
use rounds::tui::keymap::Context;
use rounds::tui::pane::{Pane, Request, Selection, Snapshot};

/// One pane for each of the eight places.
pub(crate) fn panes() -> Vec<Box<dyn Pane>> {
    let place =
        |title, context, kinds| -> Box<dyn Pane> { Box::new(Listed { title, context, kinds, cursor: 0, top: 0 }) };
    vec![
        place("Needs attention", Context::Everywhere, Rows::Attention),
        place("Checklist", Context::Checklist, Rows::Items),
        place("System", Context::Everywhere, Rows::Kinds(&["host", "disk"])),
        place("Databases", Context::Databases, Rows::Kinds(&["database"])),
        place("Backups", Context::Backups, Rows::Kinds(&["backup"])),
        place("Tasks", Context::Tasks, Rows::Kinds(&["task"])),
        place("Activity", Context::Everywhere, Rows::Changes),
        place("Jobs", Context::Jobs, Rows::Jobs),
    ]
}

#[derive(Debug)]
struct Listed {
    title: &'static str,
    context: Context,
    kinds: Rows,
    cursor: usize,
    top: usize,
}

#[derive(Clone, Copy, Debug)]
enum Rows {
    Attention,
    Items,
    Kinds(&'static [&'static str]),
    Changes,
    Jobs,
}

struct Row {
    mark: Span<'static>,
    text: String,
    selection: Selection,
}

impl Listed {
    fn rows(&self, see: &Snapshot<'_>) -> Vec<Row> {
        let theme = see.theme;
        let status = |status: Status| {
            Span::styled(format!("{} {:<4}", theme.glyph(status), status.label()), theme.status(status))
        };
        let rows: Vec<Row> = match self.kinds {
            Rows::Attention => see
                .report
                .attention(see.zone)
                .into_iter()
                .filter_map(|row| match row.subject {
                    Subject::Probe(one) => Some(one),
                    Subject::Checklist(_) => None,
                })
                .map(|one| Row {
                    mark: status(one.status),
                    text: format!("{:<18} {}", one.id.to_string(), headline(one, see.now)),
                    selection: Selection::Probe(one.id.clone()),
                })
                .collect(),
            Rows::Items => see
                .report
                .checklists
                .iter()
                .flat_map(|list| list.items.iter().map(move |item| (list, item)))
                .map(|(list, item)| Row {
                    mark: Span::raw(format!("{:<9}", item.state.word())),
                    text: format!("{}  {}", item.text, item.evidence),
                    selection: Selection::Item {
                        checklist: list.id.clone(),
                        period: list.period.key.clone(),
                        item: item.text.clone(),
                    },
                })
                .collect(),
            Rows::Kinds(kinds) => see
                .report
                .assessments
                .iter()
                .filter(|one| kinds.contains(&one.id.kind()))
                .map(|one| Row {
                    mark: status(one.status),
                    text: format!("{:<10} {}", one.id.name(), headline(one, see.now)),
                    selection: Selection::Probe(one.id.clone()),
                })
                .collect(),
            Rows::Changes => see
                .changes
                .iter()
                .map(|change| Row {
                    mark: status(change.to),
                    text: format!("{} {} {}", humanize::clock(change.at, see.now, see.zone), change.probe, change.text),
                    selection: Selection::Probe(change.probe.clone()),
                })
                .collect(),
            Rows::Jobs => see
                .jobs
                .all()
                .iter()
                .rev()
                .map(|job| Row {
                    mark: Span::raw(job.ended.as_ref().map_or("running", |(_, outcome)| outcome.result.word())),
                    text: job.title.clone(),
                    selection: Selection::Job(job.id.clone()),
                })
                .collect(),
        };
        rows.into_iter().filter(|row| row.text.contains(see.filter)).collect()
    }
}

impl Pane for Listed {
    fn title(&self) -> &'static str {
        self.title
    }

    fn context(&self) -> Context {
        self.context
    }

    fn caption(&self, see: &Snapshot<'_>) -> Line<'static> {
        Line::from(self.rows(see).len().to_string())
    }

    fn summary(&self, see: &Snapshot<'_>) -> Line<'static> {
        Line::from(self.rows(see).into_iter().map(|row| row.text).collect::<Vec<_>>().join("; "))
    }

    fn selected(&self, see: &Snapshot<'_>) -> Option<Selection> {
        let rows = self.rows(see);
        let cursor = self.cursor.min(rows.len().checked_sub(1)?);
        rows.into_iter().nth(cursor).map(|row| row.selection)
    }

    fn update(&mut self, see: &Snapshot<'_>, command: Command) -> Option<Request> {
        let last = self.rows(see).len().saturating_sub(1);
        let here = self.cursor.min(last);
        match command {
            Command::Down => self.cursor = (here + 1).min(last),
            Command::Up => self.cursor = here.saturating_sub(1),
            Command::Top => self.cursor = 0,
            Command::Bottom => self.cursor = last,
            Command::EarlierPeriod => return Some(Request::Period(-1)),
            Command::LaterPeriod => return Some(Request::Period(0)),
            _ => {}
        }
        self.top = self.cursor.saturating_sub(usize::from(see.rows).saturating_sub(1));
        let Some(Selection::Item { checklist, period, item }) = self.selected(see) else { return None };
        let kind = match command {
            Command::Tick => MarkKind::Tick,
            Command::Skip => MarkKind::Skip,
            Command::Undo => MarkKind::Undo,
            Command::Sign => return Some(Request::Sign { checklist, period }),
            _ => return None,
        };
        Some(Request::Mark { checklist, period, item, kind })
    }

    fn click(&mut self, see: &Snapshot<'_>, row: u16) {
        self.cursor = (self.top + usize::from(row)).min(self.rows(see).len().saturating_sub(1));
    }

    fn draw(&self, see: &Snapshot<'_>, area: Rect, buffer: &mut Buffer) {
        for ((index, row), place) in self.rows(see).into_iter().enumerate().skip(self.top).zip(area.rows()) {
            let chosen = see.focused && index == self.cursor;
            let style = if chosen { see.theme.selected } else { Style::default() };
            Line::from(vec![row.mark, Span::raw(" "), Span::styled(row.text, see.theme.text)]).render(place, buffer);
            buffer.set_style(place, style);
        }
    }
}
