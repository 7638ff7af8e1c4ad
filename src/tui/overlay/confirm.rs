//! A plan, shown whole before it may run. Routine: one key. Disruptive: `y`, and Cancel is in
//! focus. Destructive: the target's name, typed.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::field::Field;
use super::text::{self, Scroll, labelled};
use super::{Reply, leaves, meaning, menu};
use crate::domain::plan::{Answer, Plan, Risk};
use crate::tui::command::Command;
use crate::tui::pane::Snapshot;

/// The width of the labels in a plan's text.
const LABEL: usize = 13;

/// A plan and the answer to it, as far as it has been given.
#[derive(Clone, Debug)]
pub struct Confirm {
    plan: Plan,
    /// The executor would refuse it.
    read_only: bool,
    focus: Stop,
    name: Field,
    reason: Field,
    /// Why the last answer was not enough.
    message: Option<String>,
    scroll: Scroll,
}

/// Where the keys go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Name,
    Reason,
    Cancel,
    Run,
}

impl Confirm {
    pub fn new(plan: Plan, read_only: bool) -> Self {
        let focus = match plan.risk {
            Risk::Routine => Stop::Run,
            Risk::Disruptive => Stop::Cancel,
            Risk::Destructive => Stop::Name,
        };
        let (name, reason) = (Field::default(), Field::default());
        Self { plan, read_only, focus, name, reason, message: None, scroll: Scroll::default() }
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The places Tab goes through.
    fn stops(&self) -> &'static [Stop] {
        match self.plan.risk {
            Risk::Routine => &[Stop::Run, Stop::Cancel],
            Risk::Disruptive => &[Stop::Cancel, Stop::Run, Stop::Reason],
            Risk::Destructive => &[Stop::Name, Stop::Reason, Stop::Cancel],
        }
    }

    pub fn update(&mut self, see: &Snapshot<'_>, screen: Rect, key: KeyEvent) -> Reply {
        if leaves(key) {
            return Reply::Close;
        }
        match key.code {
            KeyCode::Tab => self.step(1),
            KeyCode::BackTab => self.step(self.stops().len() - 1),
            KeyCode::Enter => return self.enter(),
            KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown => self.scroll(see, screen, key),
            // While text is typed every other key is text.
            _ if self.focus == Stop::Name => {
                self.name.key(key);
                self.message = None;
            }
            _ if self.focus == Stop::Reason => {
                self.reason.key(key);
                self.message = None;
            }
            KeyCode::Char('y') if self.plan.risk != Risk::Destructive => return self.answer(),
            KeyCode::Char('n' | 'q') => return Reply::Close,
            KeyCode::Char('r') if self.plan.risk != Risk::Routine => self.focus = Stop::Reason,
            KeyCode::Left | KeyCode::Char('h') => self.step(self.stops().len() - 1),
            KeyCode::Right | KeyCode::Char('l') => self.step(1),
            _ => self.scroll(see, screen, key),
        }
        Reply::Stay
    }

    pub fn paste(&mut self, text: &str) {
        match self.focus {
            Stop::Name => self.name.paste(text),
            Stop::Reason => self.reason.paste(text),
            Stop::Cancel | Stop::Run => {}
        }
    }

    pub fn hints(&self) -> &'static [(&'static str, &'static str)] {
        // What Enter does is what it does where the focus is.
        match (self.plan.risk, self.focus) {
            (Risk::Routine, Stop::Cancel) => {
                &[("Enter", "cancel"), ("y", "run it"), ("Tab", "next"), ("Esc", "cancel")]
            }
            (Risk::Routine, _) => &[("Enter", "run it"), ("Tab", "next"), ("Esc", "cancel")],
            (Risk::Disruptive, Stop::Reason) => &[("Enter", "done"), ("Tab", "next"), ("Esc", "cancel")],
            (Risk::Disruptive, Stop::Run) => {
                &[("Enter", "run it"), ("r", "reason"), ("Tab", "next"), ("Esc", "cancel")]
            }
            (Risk::Disruptive, _) => &[("y", "run it"), ("r", "reason"), ("Tab", "next"), ("Esc", "cancel")],
            (Risk::Destructive, Stop::Cancel) => &[("Enter", "cancel"), ("Tab", "next"), ("Esc", "cancel")],
            (Risk::Destructive, _) => {
                &[("Enter", "run it, once the name is typed"), ("Tab", "next"), ("Esc", "cancel")]
            }
        }
    }

    fn step(&mut self, by: usize) {
        let stops = self.stops();
        let here = stops.iter().position(|stop| *stop == self.focus).unwrap_or(0);
        self.focus = stops[(here + by) % stops.len()];
    }

    fn scroll(&mut self, see: &Snapshot<'_>, screen: Rect, key: KeyEvent) {
        let area = self.area(see, screen);
        let rows = area.height.saturating_sub(2 + self.foot_rows());
        let count = self.plan_lines(see, usize::from(area.width.saturating_sub(4))).len();
        let command = meaning(see, key).filter(|command| !matches!(command, Command::Top | Command::Bottom));
        self.scroll.update(command, count, usize::from(rows));
    }

    fn enter(&mut self) -> Reply {
        match (self.focus, self.plan.risk) {
            (Stop::Cancel, _) => Reply::Close,
            (Stop::Run | Stop::Name, _) | (Stop::Reason, Risk::Destructive) => self.answer(),
            (Stop::Reason, _) => {
                self.focus = Stop::Run;
                Reply::Stay
            }
        }
    }

    fn answer(&mut self) -> Reply {
        let answer = match self.plan.risk {
            Risk::Destructive => Answer::Typed(self.name.text()),
            Risk::Routine | Risk::Disruptive => Answer::Yes,
        };
        if self.plan.wants_reason() && self.reason.text().trim().is_empty() {
            self.message = Some("it wants a reason, for those who find it so".to_owned());
            self.focus = Stop::Reason;
            return Reply::Stay;
        }
        match self.plan.clone().confirm(answer) {
            Ok(plan) => Reply::Start { plan: Box::new(plan), reason: self.reason.text().trim().to_owned() },
            Err(refusal) => {
                self.message = Some(refusal.to_string());
                self.focus = Stop::Name;
                Reply::Stay
            }
        }
    }

    /// The fields and buttons under the plan, with a line of air above them.
    fn foot_rows(&self) -> u16 {
        match self.plan.risk {
            Risk::Routine => 2,
            Risk::Disruptive => 4,
            Risk::Destructive => 6,
        }
    }

    fn area(&self, see: &Snapshot<'_>, screen: Rect) -> Rect {
        let columns = screen.width.saturating_sub(8).min(if self.plan.risk == Risk::Routine { 76 } else { 92 });
        let rows = self.plan_lines(see, usize::from(columns)).len() as u16 + self.foot_rows();
        text::window(screen, columns, rows)
    }

    /// The plan as `--dry-run` prints it, with quiet labels.
    fn plan_lines(&self, see: &Snapshot<'_>, width: usize) -> Vec<Line<'static>> {
        let theme = see.theme;
        let mut lines = Vec::new();
        for line in self.plan.to_string().lines().skip(1) {
            let line = line.strip_prefix("  ").unwrap_or(line);
            let (label, value) = line.split_at_checked(LABEL).unwrap_or((line, ""));
            let look = match label.trim() {
                "risk" => menu::risk(theme, self.plan.risk),
                label if label.starts_with("step") => theme.title,
                "environment" if self.plan.environment == "production" => theme.warning,
                _ => theme.text,
            };
            lines.extend(labelled(label, value, width, (theme.dim, look)));
        }
        if self.read_only {
            let text = "this dashboard is read-only: the act would be refused, and the refusal recorded";
            lines.extend(labelled("note         ", text, width, (theme.dim, theme.warning)));
        }
        lines
    }

    pub fn draw(&self, see: &Snapshot<'_>, screen: Rect, buffer: &mut Buffer) {
        let theme = see.theme;
        let area = self.area(see, screen);
        let place =
            [self.plan.environment.as_str(), self.plan.host.as_str()].into_iter().filter(|part| !part.is_empty());
        let caption = Line::styled(place.collect::<Vec<_>>().join(" @ "), theme.dim);
        let inner = text::frame(area, &self.plan.title, caption, theme, buffer);
        let foot = self.foot_rows().min(inner.height);
        let above = Rect { height: inner.height - foot, ..inner };
        text::draw_lines(&self.plan_lines(see, usize::from(inner.width)), self.scroll.top, above, theme, buffer);
        let mut rows = Rect { y: above.bottom(), height: foot, ..inner }.rows().skip(1);
        if self.plan.risk == Risk::Destructive {
            if let Some(row) = rows.next() {
                let wanted = format!("type {} to run it", self.plan.name_to_type());
                let text = self.message.clone().unwrap_or(wanted);
                let look = if self.message.is_some() { theme.critical } else { theme.text };
                Line::styled(text, look).render(row, buffer);
            }
            self.draw_field("name         ", &self.name, Stop::Name, rows.next(), see, buffer);
        }
        if self.plan.risk != Risk::Routine {
            self.draw_field("reason       ", &self.reason, Stop::Reason, rows.next(), see, buffer);
            if let (Some(row), Some(message), Risk::Disruptive) = (rows.next(), &self.message, self.plan.risk) {
                Line::styled(message.clone(), see.theme.critical).render(row, buffer);
            }
        }
        if let Some(row) = rows.next() {
            self.buttons(see).right_aligned().render(row, buffer);
        }
    }

    fn draw_field(
        &self,
        label: &'static str,
        field: &Field,
        stop: Stop,
        row: Option<Rect>,
        see: &Snapshot<'_>,
        buffer: &mut Buffer,
    ) {
        let Some(row) = row else { return };
        let focused = self.focus == stop;
        Line::styled(label, if focused { see.theme.accent } else { see.theme.dim }).render(row, buffer);
        let width = (LABEL as u16).min(row.width);
        let place = Rect { x: row.x + width, width: row.width - width, ..row };
        if !focused && field.text().is_empty() {
            let needed = if self.plan.wants_reason() { "needed" } else { "optional" };
            Line::styled(format!("{needed}, for the audit log"), see.theme.dim).render(place, buffer);
        } else {
            field.draw(focused, place, see.theme, buffer);
        }
    }

    fn buttons(&self, see: &Snapshot<'_>) -> Line<'static> {
        let look = |stop| if self.focus == stop { see.theme.selected } else { see.theme.text };
        let key = |text: &'static str| Span::styled(text, see.theme.accent);
        let mut spans = vec![key("Esc "), Span::styled("[ Cancel ]", look(Stop::Cancel))];
        match self.plan.risk {
            Risk::Routine => {
                let run = if self.focus == Stop::Run { "Enter " } else { "y " };
                spans.extend([Span::raw("   "), key(run), Span::styled("[ Run ]", look(Stop::Run))]);
            }
            Risk::Disruptive => spans.extend([Span::raw("   "), key("y "), Span::styled("[ Run ]", look(Stop::Run))]),
            Risk::Destructive => {}
        }
        Line::from(spans)
    }
}
