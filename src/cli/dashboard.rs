//! `rounds` without a command: the dashboard.

use std::process::ExitCode;
use std::time::Duration;

use crate::cli::session::FOR_THE_CONFIGURATION;
use crate::cli::world::Behind;
use crate::cli::{Color, Global, Session, environment};
use crate::domain::board::Board;
use crate::domain::update::Update;
use crate::runtime::{Runtime, memory};
use crate::tui;
use crate::tui::app::{App, Event, Setup};
use crate::tui::keymap::Keymap;
use crate::tui::screen::Screen;
use crate::tui::theme::{ColorDepth, Theme, ThemeName};

pub(super) async fn run(global: &Global) -> color_eyre::Result<ExitCode> {
    let session = Session::begin(global, FOR_THE_CONFIGURATION)?;
    let now = session.clock.now();
    let setup = Setup {
        board: Board::new(session.round.watches(), now),
        checklists: session.round.config.checklists.clone(),
        inventory: (*session.round.inventory).clone(),
        zone: session.zone.clone(),
        theme: theme(global),
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
    world.runtime.shutdown(Duration::from_millis(200)).await;
    left?;
    Ok(ExitCode::SUCCESS)
}

fn theme(global: &Global) -> Theme {
    let mono = match global.color {
        Color::Always => false,
        Color::Never => true,
        Color::Auto => environment::no_color(),
    };
    let name = if mono { ThemeName::Mono } else { ThemeName::Dark };
    let depth = if environment::true_color() { ColorDepth::TrueColor } else { ColorDepth::Sixteen };
    let utf8 = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| environment::variable(name));
    let ascii = utf8.is_some_and(|locale| locale == "C" || locale == "POSIX");
    Theme::built_in(name, depth, ascii)
}
