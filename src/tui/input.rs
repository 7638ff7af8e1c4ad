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

/// What came in.
#[derive(Debug)]
pub enum Incoming {
    Event(Event),
    /// The terminal is gone, and the dashboard with it.
    TerminalGone,
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

    /// The next event. Cancel-safe: whatever is not returned comes with the next call.
    pub async fn next(&mut self) -> Result<Incoming> {
        loop {
            tokio::select! {
                biased;
                () = self.watchdog.terminal_gone() => return Ok(Incoming::TerminalGone),
                signal = self.signals.next() => return Ok(Incoming::Event(Event::Signal(signal))),
                event = self.terminal.next() => match event {
                    None => return Ok(Incoming::TerminalGone),
                    Some(event) => {
                        let event = event.wrap_err("failed to read from the terminal")?;
                        if let Some(event) = self.translate(event) {
                            return Ok(Incoming::Event(event));
                        }
                    }
                },
                _ = self.tick.tick() => return Ok(Incoming::Event(Event::Tick)),
            }
        }
    }

    fn translate(&mut self, event: TerminalEvent) -> Option<Event> {
        match event {
            TerminalEvent::Key(key) => Some(Event::Key(key)),
            TerminalEvent::Paste(text) => Some(Event::Paste(text)),
            TerminalEvent::Mouse(mouse) => Some(Event::Mouse(mouse)),
            TerminalEvent::Resize(width, height) => Some(Event::Resize(Size::new(width, height))),
            TerminalEvent::FocusGained => {
                self.tick = ticking(TICK);
                Some(Event::Focus(true))
            }
            TerminalEvent::FocusLost => {
                self.tick = ticking(TICK_UNFOCUSED);
                Some(Event::Focus(false))
            }
        }
    }
}

fn ticking(every: Duration) -> Interval {
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}
