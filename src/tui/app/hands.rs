//! The operator's hands: what a key, a paste and the mouse do. While a dialog is open they are
//! its own; what was on its way when it opened was not meant for it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;

use super::sight::see;
use super::{App, Effect};
use crate::tui::command::Command;
use crate::tui::keymap::{Chord, Context};
use crate::tui::overlay::Overlay;

/// Keys that were typed this soon after a dialog opened were not meant for it.
const TYPED_TOO_SOON: chrono::Duration = chrono::Duration::milliseconds(200);

impl App {
    pub(super) fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        self.ui.notice = None;
        let chord = Chord::from(key);
        if self.overlay.is_none() {
            return match self.keymap.command(&self.contexts(), chord) {
                Some(command) => self.command(command),
                None => Vec::new(),
            };
        }
        let anywhere = self.keymap.command(&[Context::Everywhere], chord);
        if let Some(command @ (Command::Suspend | Command::Redraw)) = anywhere
            && key.modifiers.contains(KeyModifiers::CONTROL)
        {
            return self.command(command);
        }
        if self.too_soon() {
            return Vec::new();
        }
        self.pass_on(key)
    }

    /// A paste is text and nothing else: where none is taken it means nothing.
    pub(super) fn paste(&mut self, text: &str) -> Vec<Effect> {
        if self.too_soon() {
            return Vec::new();
        }
        let reply = self.overlay.as_mut().map(|overlay| overlay.paste(text));
        reply.map_or_else(Vec::new, |reply| self.reply(reply))
    }

    /// Whether what comes now was on its way before the dialog opened. A clock that was set back
    /// closes no dialog to its keys.
    fn too_soon(&self) -> bool {
        let since = self.now - self.opened_at;
        let fresh = chrono::Duration::zero() <= since && since < TYPED_TOO_SOON;
        fresh && self.overlay.as_ref().is_some_and(Overlay::guards_keys)
    }

    fn pass_on(&mut self, key: KeyEvent) -> Vec<Effect> {
        let screen = Rect::new(0, 0, self.ui.size.width, self.ui.size.height);
        let see = see(&self.facts, &self.ui, (&self.zone, &self.theme, &self.keymap), self.now);
        let reply = self.overlay.as_mut().map(|overlay| overlay.update(&see, screen, key));
        reply.map_or_else(Vec::new, |reply| self.reply(reply))
    }

    /// The mouse focuses, scrolls and selects; it never acts.
    pub(super) fn mouse(&mut self, mouse: MouseEvent) -> Vec<Effect> {
        let motion = match mouse.kind {
            MouseEventKind::ScrollDown => Some(Command::Down),
            MouseEventKind::ScrollUp => Some(Command::Up),
            MouseEventKind::Down(MouseButton::Left) => None,
            _ => return Vec::new(),
        };
        if let Some(overlay) = &self.overlay {
            let Some(motion) = motion.filter(|_| overlay.line().is_none()) else { return Vec::new() };
            // The arrow, not the letter: a letter might be text.
            let code = if motion == Command::Up { KeyCode::Up } else { KeyCode::Down };
            return self.pass_on(KeyEvent::new(code, KeyModifiers::NONE));
        }
        let Some(placed) = self.regions().at(mouse.column, mouse.row).copied() else { return Vec::new() };
        self.ui.go(placed.pane);
        match motion {
            Some(command) => {
                for _ in 0..3 {
                    self.ask_pane(command);
                }
            }
            None if placed.inner().contains((mouse.column, mouse.row).into()) => {
                let row = mouse.row - placed.inner().y;
                self.with_focused(|pane, see| pane.click(see, row));
            }
            None => {}
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::board::Board;
    use crate::domain::inventory::Inventory;
    use crate::domain::time::{Timestamp, Zone};
    use crate::tui::app::Setup;
    use crate::tui::keymap::Keymap;
    use crate::tui::overlay::menu::Menu;
    use crate::tui::overlay::prompt::{Prompt, Purpose};
    use crate::tui::theme::Theme;

    fn app(now: Timestamp) -> App {
        let setup = Setup {
            board: Board::new(Vec::new(), now),
            checklists: Vec::new(),
            inventory: Inventory::default(),
            zone: Zone::utc(),
            theme: Theme::default(),
            keymap: Keymap::built_in(),
            operator: "asha".to_owned(),
            read_only: false,
        };
        App::new(setup, now)
    }

    fn now() -> Timestamp {
        "2026-03-02T09:04:12Z".parse().expect("test time")
    }

    fn reason() -> Overlay {
        let purpose = Purpose::Skip { checklist: "daily".into(), period: "2026-03-02".into(), item: "one".into() };
        Overlay::Prompt(Box::new(Prompt::window(purpose, "Skip", Vec::new(), "")))
    }

    /// What is left of the dialog when this key comes so long after it opened.
    fn left_by_escape(opened: Overlay, after_ms: i64) -> bool {
        let mut app = app(now());
        app.open(opened);
        app.now = now() + chrono::Duration::milliseconds(after_ms);
        let effects = app.key(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE));
        assert!(effects.is_empty());
        app.overlay.is_none()
    }

    #[test]
    fn a_key_counts_two_tenths_of_a_second_after_a_dialog_opened_and_not_before() {
        let menu = || Overlay::Menu(Menu::new("here".to_owned(), None, false));
        for (after_ms, counts) in [(0, false), (1, false), (199, false), (200, true), (5_000, true)] {
            assert_eq!(left_by_escape(menu(), after_ms), counts, "menu after {after_ms} ms");
            assert_eq!(left_by_escape(reason(), after_ms), counts, "reason after {after_ms} ms");
        }
        assert!(left_by_escape(menu(), -60_000), "a clock that was set back locks nobody out");
        let line = Overlay::Prompt(Box::new(Prompt::command(Vec::new())));
        assert!(left_by_escape(line, 0), "what is typed at the command line acts only by Enter");
    }

    #[test]
    fn a_paste_is_held_to_the_same_time() {
        for (after_ms, taken) in [(0, ""), (199, ""), (200, "moved to ben")] {
            let mut app = app(now());
            app.open(reason());
            app.now = now() + chrono::Duration::milliseconds(after_ms);
            assert!(app.paste("moved to ben").is_empty());
            let Some(Overlay::Prompt(prompt)) = &app.overlay else { unreachable!("a paste closes nothing") };
            assert_eq!(prompt.text(), taken, "after {after_ms} ms");
        }
    }
}
