//! Everything that wakes the dashboard beside the world: keys, the terminal's size and focus,
//! the tick, signals, and the end of the terminal itself.

mod signals;
mod watchdog;

use std::time::Duration;

use color_eyre::Result;
use color_eyre::eyre::WrapErr;
use crossterm::event::{Event as TerminalEvent, EventStream};
use futures_util::StreamExt;
use ratatui::layout::Size;
use tokio::time::{Interval, MissedTickBehavior};

use crate::tui::app::Event;
use signals::Signals;
use watchdog::Watchdog;

/// Relative times change once a second; nobody reads them where the terminal is not looked at.
const TICK: Duration = Duration::from_secs(1);
const TICK_UNFOCUSED: Duration = Duration::from_secs(10);

/// The sources of events.
#[derive(Debug)]
pub struct Input {
    terminal: EventStream,
    tick: Interval,
    signals: Signals,
    watchdog: Watchdog,
}

impl Input {
    pub fn new() -> Result<Self> {
        Ok(Self {
            terminal: EventStream::new(),
            tick: ticking(TICK),
            signals: Signals::new().wrap_err("failed to listen for signals")?,
            watchdog: Watchdog::start().wrap_err("failed to start the watch over the terminal")?,
        })
    }

    /// The next event; `None` when the terminal is gone, and the dashboard with it. Cancel-safe:
    /// whatever is not returned comes with the next call.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        Ok(tokio::select! {
            biased;
            () = self.watchdog.terminal_gone() => None,
            signal = self.signals.next() => Some(Event::Signal(signal)),
            event = self.terminal.next() => match event {
                Some(event) => Some(self.translate(event.wrap_err("failed to read from the terminal")?)),
                None => None,
            },
            _ = self.tick.tick() => Some(Event::Tick),
        })
    }

    fn translate(&mut self, event: TerminalEvent) -> Event {
        match event {
            TerminalEvent::Key(key) => Event::Key(key),
            TerminalEvent::Paste(text) => Event::Paste(text),
            TerminalEvent::Mouse(mouse) => Event::Mouse(mouse),
            TerminalEvent::Resize(width, height) => Event::Resize(Size::new(width, height)),
            TerminalEvent::FocusGained => {
                self.tick = ticking(TICK);
                Event::Focus(true)
            }
            TerminalEvent::FocusLost => {
                self.tick = ticking(TICK_UNFOCUSED);
                Event::Focus(false)
            }
        }
    }
}

fn ticking(every: Duration) -> Interval {
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}
