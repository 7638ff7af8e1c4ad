//! The terminal, taken and given back. Whatever ends the dashboard, the shell gets its
//! terminal as it was: restoring is idempotent, logs what fails, and never panics.

use std::io::{self, IsTerminal, Stdout, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use color_eyre::Result;
use color_eyre::eyre::{WrapErr, bail};
use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    EnableMouseCapture,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use ratatui::Terminal;
use ratatui::layout::Size;

use crate::platform::terminal::stop_this_process;
use crate::tui::app::App;
use crate::tui::backend::Careful;
use crate::tui::view;

/// The terminal while it is ours.
#[derive(Debug)]
pub struct Screen {
    terminal: Terminal<Careful<Stdout>>,
    taken: Taken,
}

impl Screen {
    /// Takes the terminal: raw mode, alternate screen, mouse, bracketed paste, focus events.
    /// From here on a panic on this thread gives it back before it is reported; a panic on
    /// any other thread is logged and leaves the screen alone.
    ///
    /// # Errors
    /// Standard output is no terminal, or the terminal refuses.
    pub fn enter() -> Result<Self> {
        if !io::stdout().is_terminal() {
            bail!("the dashboard needs a terminal, and standard output is none; `rounds check` reports without one");
        }
        // Whether there is colour is the theme's to say, which has heard NO_COLOR and --color.
        crossterm::style::force_color_output(true);
        let taken = Taken::default();
        taken.take().wrap_err("failed to take the terminal")?;
        taken.restore_on_panic();
        let terminal = Terminal::new(Careful::new(io::stdout())).wrap_err("failed to measure the terminal")?;
        Ok(Self { terminal, taken })
    }

    /// Paints the app, all at once where the terminal can do that.
    pub fn draw(&mut self, app: &App) -> Result<()> {
        queue!(io::stdout(), BeginSynchronizedUpdate)?;
        let drawn = self.terminal.draw(|frame| view::draw(app, frame)).map(|_| ());
        execute!(io::stdout(), EndSynchronizedUpdate)?;
        drawn.wrap_err("failed to draw")
    }

    pub fn size(&self) -> Result<Size> {
        self.terminal.size().wrap_err("failed to measure the terminal")
    }

    /// Forgets what was painted, so that the next frame is painted whole. A new terminal, not
    /// `Terminal::clear`: that one asks where the cursor is, and our reader takes the answer.
    pub fn redraw(&mut self) -> Result<()> {
        execute!(io::stdout(), Clear(ClearType::All)).wrap_err("failed to clear the terminal")?;
        self.terminal = Terminal::new(Careful::new(io::stdout())).wrap_err("failed to measure the terminal")?;
        Ok(())
    }

    /// Takes the terminal anew: somebody else may have changed it meanwhile.
    pub fn resume(&mut self) -> Result<()> {
        self.taken.restore();
        self.taken.take().wrap_err("failed to take the terminal back")?;
        self.redraw()
    }

    /// Gives the terminal back and stops this process; returns when the shell continues it.
    pub fn suspend(&mut self) -> Result<()> {
        self.taken.restore();
        stop_this_process().wrap_err("failed to stop this process")?;
        self.resume()
    }

    /// Puts a text into the terminal's clipboard (OSC 52), also over ssh.
    pub fn copy(&mut self, text: &str) -> Result<()> {
        execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text)).wrap_err("failed to copy")
    }

    /// Gives the terminal back. May be called any number of times.
    pub fn restore(&mut self) {
        self.taken.restore();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.taken.restore();
    }
}

/// Whether the terminal is ours, shared with the panic hook.
#[derive(Clone, Debug, Default)]
struct Taken(Arc<AtomicBool>);

impl Taken {
    fn take(&self) -> io::Result<()> {
        self.0.store(true, Ordering::SeqCst);
        let entered = enable_raw_mode().and_then(|()| {
            execute!(
                io::stdout(),
                EnterAlternateScreen,
                EnableMouseCapture,
                EnableBracketedPaste,
                EnableFocusChange,
                cursor::Hide
            )
        });
        if entered.is_err() {
            self.restore();
        }
        entered
    }

    fn restore(&self) {
        if !self.0.swap(false, Ordering::SeqCst) {
            return;
        }
        let left = execute!(
            io::stdout(),
            EndSynchronizedUpdate,
            DisableFocusChange,
            DisableBracketedPaste,
            DisableMouseCapture,
            LeaveAlternateScreen,
            cursor::Show
        );
        for (what, result) in [("leave the screen", left), ("leave raw mode", disable_raw_mode())] {
            if let Err(error) = result.and_then(|()| io::stdout().flush()) {
                tracing::error!(%error, "failed to {what}");
            }
        }
    }

    fn restore_on_panic(&self) {
        let (taken, ours) = (self.clone(), std::thread::current().id());
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            tracing::error!(%panic, "panicked");
            if std::thread::current().id() == ours {
                taken.restore();
                report(panic);
            }
        }));
    }
}
