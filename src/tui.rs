//! The dashboard: events in, effects out, a frame drawn after each batch. A frame is drawn only
//! when something happened, at most thirty a second for data, at once for keys.

pub mod app;
pub mod backend;
pub mod command;
pub mod input;
pub mod keymap;
pub mod layout;
pub mod looks;
pub mod overlay;
pub mod pane;
pub mod screen;
pub mod theme;
pub mod view;
pub mod widget;

use std::future::Future;
use std::ops::ControlFlow;
use std::time::Duration;

use color_eyre::Result;

use crate::domain::time::Timestamp;
use crate::domain::update::Update;
use crate::tui::app::{App, Effect, Event};
use crate::tui::input::Input;
use crate::tui::screen::Screen;

/// What is outside: probes, jobs, the store and the clock, as the runtime has them.
pub trait World {
    /// The next thing that happened. Cancel-safe; waits for ever when nothing will happen.
    fn next(&mut self) -> impl Future<Output = Update> + Send;

    /// Does what the app asked for, without waiting for it. What is about the screen itself
    /// (copy, suspend, redraw, quit) never comes here.
    fn perform(&mut self, effect: Effect);

    fn now(&self) -> Timestamp;
}

/// A frame at thirty a second.
const FRAME: Duration = Duration::from_millis(33);
/// No batch is longer than this, however fast the world talks.
const BATCH: usize = 256;

/// Runs the dashboard until it is left, the process is asked to end, or the terminal is gone.
pub async fn run(mut app: App, world: &mut impl World, screen: &mut Screen) -> Result<()> {
    let mut input = Input::new()?;
    loop {
        let size = screen.size()?;
        if size != app.ui().size {
            let effects = app.update(world.now(), Event::Resize(size));
            if perform_all(effects, world, screen)?.is_break() {
                return Ok(());
            }
        }
        screen.draw(&app)?;
        let ControlFlow::Continue(batch) = settle(&mut input, world).await? else { return Ok(()) };
        // A terminal that went away and came back to the same size is not what we last painted.
        if batch.iter().any(|event| matches!(event, Event::Resize(_))) {
            screen.redraw()?;
        }
        for event in batch {
            let effects = app.update(world.now(), event);
            if perform_all(effects, world, screen)?.is_break() {
                return Ok(());
            }
        }
        let effects = app.settle(world.now());
        if perform_all(effects, world, screen)?.is_break() {
            return Ok(());
        }
    }
}

/// Waits for something to happen, and takes with it everything that has happened by then. Data
/// may wait out the rest of a frame, a key may not. Breaks when the terminal is gone.
async fn settle(input: &mut Input, world: &mut impl World) -> Result<ControlFlow<(), Vec<Event>>> {
    let mut batch = Vec::new();
    let mut frame_over = None;
    loop {
        let next = async {
            tokio::select! {
                biased;
                incoming = input.next() => incoming,
                update = world.next() => Ok(Some(Event::Update(update))),
            }
        };
        let incoming = match frame_over {
            None => next.await?,
            Some(at) => match tokio::time::timeout_at(at, next).await {
                Ok(incoming) => incoming?,
                Err(_) => return Ok(ControlFlow::Continue(batch)),
            },
        };
        let Some(event) = incoming else { return Ok(ControlFlow::Break(())) };
        let urgent = !matches!(event, Event::Update(_) | Event::Tick);
        batch.push(event);
        if urgent || batch.len() >= BATCH {
            break;
        }
        frame_over.get_or_insert_with(|| tokio::time::Instant::now() + FRAME);
    }
    // What is already there belongs to the same frame. Polled with this task's own waker: the
    // terminal's reader keeps the first waker it is given until a key comes.
    while batch.len() < BATCH {
        let incoming = tokio::select! {
            biased;
            incoming = input.next() => incoming?,
            () = std::future::ready(()) => break,
        };
        let Some(event) = incoming else { return Ok(ControlFlow::Break(())) };
        batch.push(event);
    }
    Ok(ControlFlow::Continue(batch))
}

/// The screen's own effects are done here, the others by the world.
fn perform_all(effects: Vec<Effect>, world: &mut impl World, screen: &mut Screen) -> Result<ControlFlow<()>> {
    for effect in effects {
        match effect {
            Effect::Quit => return Ok(ControlFlow::Break(())),
            Effect::Suspend => screen.suspend()?,
            Effect::Redraw => screen.resume()?,
            Effect::Copy(text) => screen.copy(&text)?,
            effect => world.perform(effect),
        }
    }
    Ok(ControlFlow::Continue(()))
}
