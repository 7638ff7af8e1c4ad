//! The README's pictures, made by the program itself: the real binary in a pseudo terminal, on a
//! scratch system with something wrong in it. Nothing of the machine is in them.
//!
//! ```sh
//! cargo test --test it picture -- --ignored     # writes assets/screenshots/*.svg
//! ```

mod svg;

use std::fs;
use std::path::Path;
use std::time::Duration;

use portable_pty::CommandBuilder;

use crate::support::{World, mode};
use crate::terminal::Terminal;

/// The scratch system; it says `{root}` where its folder is.
const CONFIG: &str = r#"
version = 1
[system]
name = "rota"
title = "Staff Rota"
environment = "production"
timezone = "Europe/London"
[host]
cpu = {}
load = {}
[[database]]
id = "rota"
url = "sqlite:{root}/db.sqlite3"
size = { warn = "> 1 MB", hint = "vacuum, or move to PostgreSQL" }
[[backup]]
id = "rota-db"
database = "rota"
files = "{root}/backup/rota_%Y%m%d_%H%M%S.sqlite3"
schedule = "0 2 * * *"
rpo = "24h"
[[task]]
id = "careplan-status"
source = "exec"
run = { command = ["/bin/echo", "updated"] }
[[task]]
id = "weekly-report"
source = "exec"
schedule = "0 8 * * 1"
[[check]]
id = "server"
command = ["/bin/sh", "-c", "echo 'HTTP CRITICAL: connection refused on port 8000'; exit 2"]
[[check]]
id = "login-page"
command = ["/bin/sh", "-c", "echo 'HTTP CRITICAL: no answer'; exit 2"]
depends_on = ["server"]
[[check]]
id = "name-service"
command = ["/bin/sh", "-c", "echo 'DNS OK | time=0.01s;1;2'"]
[[action]]
id = "restart-server"
title = "Restart the application server"
risk = "disruptive"
command = ["/usr/bin/systemctl", "restart", "rota"]
verify = { check = "server", within = "30s" }
[[checklist]]
id = "daily"
title = "Morning health check"
every = "day"
items = [
  { text = "Server answers", check = "server" },
  { text = "Room on every disk", check = "disk" },
  { text = "Last night's backup", check = "rota-db" },
  { text = "Name service answers", check = "name-service" },
  { text = "Admin login loads" },
  { text = "Alerts reviewed" },
]
"#;

/// The system, its folder under a name that says nothing of anybody.
fn system() -> World {
    let world = World::called("staff-rota").config(CONFIG).database("db.sqlite3", 60_000);
    fs::create_dir(world.path("backup")).expect("a folder");
    let before = now() - chrono::Duration::hours(31);
    let old = world.path(&format!("backup/rota_{}.sqlite3", before.format("%Y%m%d_%H%M%S")));
    fs::copy(world.path("db.sqlite3"), &old).expect("an old backup");
    assert_eq!(mode(&world.path("config.toml")), 0o600);
    world.run(&["exec", "--task", "careplan-status", "--", "/bin/echo", "updated"]).exits(0);
    world
}

fn dashboard(world: &World) -> Terminal {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_rounds"));
    command.env_clear();
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.env("HOME", world.path(""));
    command.env("XDG_STATE_HOME", world.path("state"));
    command.env("LANG", "C.UTF-8");
    command.env("COLORTERM", "truecolor");
    command.args(["--operator", "asha", "--config"]);
    command.arg(world.path("config.toml"));
    Terminal::run(command, None)
}

/// Writes what the terminal shows, with a host name of nobody in place of this machine's.
fn keep(terminal: &Terminal, name: &str, title: &str) {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let picture = svg::of(terminal.screen(), title, &[(&host, "db1")]);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/screenshots").join(format!("{name}.svg"));
    fs::write(file, picture).expect("the picture");
}

/// The one look at the clock: what is old in the picture is as old as it says.
#[expect(clippy::disallowed_methods, reason = "the real binary compares it with the real clock")]
fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}

#[test]
#[ignore = "writes the README's pictures"]
fn picture_of_the_overview_the_evidence_and_a_plan() {
    let world = system();
    let mut terminal = dashboard(&world);
    terminal.wait_for("NOT READY");
    terminal.wait_gone("waiting");
    terminal.wait_for("because of it");
    // A little past for the curves.
    for _ in 0..120 {
        terminal.look_for(Duration::from_millis(100));
    }
    keep(&terminal, "overview", "The overview of a system with something wrong");
    terminal.type_keys("5\r");
    terminal.wait_for("Why: backup:rota-db");
    keep(&terminal, "why", "Why a backup is not well, and what mends it");
    terminal.type_keys("\u{1b}");
    terminal.wait_gone("Why: backup:rota-db");
    terminal.type_keys("b");
    terminal.wait_for("Back up rota-db");
    terminal.wait_for("online copy");
    keep(&terminal, "confirm", "The plan of an act, before anything has happened");
    // What comes with the dialog is not meant for it.
    for _ in 0..10 {
        terminal.look_for(Duration::from_millis(100));
    }
    terminal.type_keys("\u{1b}");
    terminal.wait_gone("online copy");
    terminal.quit();
}
