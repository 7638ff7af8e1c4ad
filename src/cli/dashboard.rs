//! `rounds` without a command: the dashboard.

use std::process::ExitCode;
use std::time::Duration;

use crate::cli::output::Usage;
use crate::cli::session::FOR_THE_CONFIGURATION;
use crate::cli::world::Behind;
use crate::cli::{Color, Global, Session, environment};
use crate::domain::board::Board;
use crate::domain::sanitize::line;
use crate::domain::update::Update;
use crate::runtime::{Runtime, memory};
use crate::scheduler;
use crate::tui;
use crate::tui::app::{App, Event, Setup};
use crate::tui::keymap::Keymap;
use crate::tui::screen::Screen;
use crate::tui::theme::{self, ColorDepth, Said, Theme, ThemeName};

pub(super) async fn run(global: &Global) -> color_eyre::Result<ExitCode> {
    let theme = theme(global)?;
    let session = Session::begin(global, FOR_THE_CONFIGURATION, scheduler::ask_soon)?;
    let now = session.clock.now();
    let setup = Setup {
        board: Board::new(session.round.watches(), now),
        checklists: session.round.config.checklists.clone(),
        inventory: (*session.round.inventory).clone(),
        zone: session.zone.clone(),
        theme,
        keymap: Keymap::built_in(),
        operator: session.actor.operator.clone(),
        read_only: session.read_only,
    };
    let mut app = App::new(setup, now);
    // What is known from before comes first, or every start would tell all of it as news. A
    // store that takes its time is not waited for: it is asked again in the background.
    let remembered = tokio::time::timeout(Duration::from_millis(300), memory::load(&session.round, now)).await;
    if let Ok(Some(remembered)) = remembered {
        // Nothing can be asked of a world that does not run yet.
        drop(app.update(now, Event::Update(Update::Loaded(Box::new(remembered)))));
    }
    let mut screen = Screen::enter()?;
    let runner = session.runner();
    let clock = session.clock.clone();
    let mut world = Behind { runtime: Runtime::start(session.round, runner, &clock), actor: session.actor, clock };
    let left = tui::run(app, &mut world, &mut screen).await;
    screen.restore();
    if world.runtime.running() > 0 {
        super::output::progress("ending what still runs, this may take a few seconds");
    }
    let lost = world.runtime.shutdown(Duration::from_millis(200)).await;
    for act in &lost {
        super::output::progress(act);
    }
    left?;
    Ok(super::output::done(lost.is_empty()))
}

/// How it looks, as the terminal, the environment and `--color` say. A name that is none is told
/// before anything is opened.
fn theme(global: &Global) -> Result<Theme, Usage> {
    let name = match environment::variable("ROUNDS_THEME") {
        None => ThemeName::default(),
        Some(name) => ThemeName::named(&name).ok_or_else(|| {
            let names = ThemeName::ALL.map(ThemeName::word).join(", ");
            Usage(format!("ROUNDS_THEME is `{}`, and there is no such theme; write one of {names}", line(&name)))
        })?,
    };
    let ascii = match environment::variable("ROUNDS_ASCII").as_deref() {
        None => environment::locale().is_some_and(|locale| locale == "C" || locale == "POSIX"),
        Some("1") => true,
        Some("0") => false,
        Some(other) => {
            let text = format!("ROUNDS_ASCII is `{}`; write 1 for plain signs, 0 for lines and marks", line(other));
            return Err(Usage(text));
        }
    };
    let (colorterm, term) = (environment::variable("COLORTERM"), environment::variable("TERM"));
    let depth = ColorDepth::of(Said {
        color: match global.color {
            Color::Auto => theme::Color::Auto,
            Color::Always => theme::Color::Always,
            Color::Never => theme::Color::Never,
        },
        no_color: environment::no_color(),
        colorterm: colorterm.as_deref(),
        term: term.as_deref(),
    });
    Ok(Theme::built_in(name, depth, ascii))
}
