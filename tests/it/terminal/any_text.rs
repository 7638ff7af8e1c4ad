//! Any size, any text: hostile strings as every name, finding, output and configured text there
//! is; the bytes that reach the terminal hold nothing but ours, and columns stay where they are.

#![expect(clippy::print_stdout, reason = "how much was tried is part of the answer")]

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Rect, Size};
use ratatui::{TerminalOptions, Viewport};
use rounds::domain::action_name::ActionName;
use rounds::domain::audit::{Actor, AuditEntry, AuditRecord, Phase};
use rounds::domain::board::{Board, Change, Watch};
use rounds::domain::checklist::{Checklist, Evidence, Item, Period};
use rounds::domain::finding::Finding;
use rounds::domain::host::Host;
use rounds::domain::inventory::{ActionCard, Inventory, Target};
use rounds::domain::job::{JobEvent, JobId, JobResult, Outcome};
use rounds::domain::observation::{Detail, Observation, ProbeError, ProbeId, Reading};
use rounds::domain::plan::{Invocation, Risk};
use rounds::domain::sample::Sample;
use rounds::domain::status::Status;
use rounds::domain::time::{Timestamp, Zone};
use rounds::domain::update::{Memory, Update};
use rounds::tui::app::{App, Event, Setup};
use rounds::tui::backend::Careful;
use rounds::tui::keymap::{Chord, Keymap};
use rounds::tui::theme::{ColorDepth, Theme, ThemeName};
use rounds::tui::view;

use super::bytes;
use super::corpus::corpus;
use super::pty::{Terminal, dashboard, folder};
use crate::stories::world;

/// Keys that show everything there is to show.
const WALK: [&str; 24] = [
    "0", "Enter", "Esc", "x", "Esc", "2", "z", "G", "z", "3", "z", "z", "4", "5", "z", "z", "6", "Enter", "Esc", "7",
    "8", "Ctrl-p", "Esc", ":",
];

fn now() -> Timestamp {
    world::at("2026-03-02T09:04:12Z")
}

/// A morning on which every text is hostile, as it would be if nothing had been sanitized
/// before: the screen is the second line of defence.
fn hostile(texts: &[String]) -> App {
    let mut watches = Vec::new();
    let mut observed = Vec::new();
    for text in texts {
        for kind in ["disk", "database", "backup", "task", "command"] {
            let id = ProbeId::new(kind, text);
            let mut watch = Watch::new(id.clone(), "rota", Duration::from_mins(1), Duration::from_secs(5));
            watch.target = (kind == "backup").then(|| Target::backup(text));
            watches.push(watch);
            let mut reading = Reading::of(vec![Sample::text("note", text.clone()), Sample::percent("free", 3.0)]);
            reading.findings.push(Finding::new(Status::Critical, "plugin", text.clone()).advice(text.clone()));
            let outcome = match kind {
                "task" => Err(ProbeError::Unreachable(text.clone())),
                _ => Ok(reading.with(Detail::Lines(vec![text.clone()]))),
            };
            observed.push(Observation { probe: id, at: now(), took: Duration::from_millis(3), outcome });
        }
    }
    let all = texts.join(" ");
    let host = ProbeId::from("host");
    watches.push(Watch::new(host.clone(), "rota", Duration::from_secs(2), Duration::from_secs(5)));
    let facts = Host { name: all.clone(), os: all.clone(), cores: 2, busiest: texts.to_vec(), ..Host::default() };
    let reading = Reading::of(vec![Sample::percent("cpu", 99.0)]).with(Detail::Host(facts));
    observed.push(Observation { probe: host, at: now(), took: Duration::from_millis(3), outcome: Ok(reading) });
    let mut app = App::new(setup(texts, watches), now());
    for observation in observed {
        drop(app.update(now(), Event::Update(Update::Observed(observation))));
    }
    for update in told(texts) {
        drop(app.update(now(), Event::Update(update)));
    }
    drop(app.settle(now()));
    app
}

fn setup(texts: &[String], watches: Vec<Watch>) -> Setup {
    let text = texts.first().cloned().unwrap_or_default();
    let items = texts.iter().map(|text| Item { text: text.clone(), evidence: Evidence::Manual }).collect();
    let list = Checklist {
        id: text.clone(),
        title: text.clone(),
        every: Period::Day,
        due: None,
        sign_by: None,
        owner: Some(text.clone()),
        items,
    };
    let action = ActionCard {
        name: ActionName::custom(&text),
        title: text.clone(),
        risk: Risk::Disruptive,
        command: Invocation::new(texts.to_vec()),
        params: Vec::new(),
        timeout: Duration::from_secs(1),
        guards: Vec::new(),
        verify: None,
        undo: Some(text.clone()),
    };
    let mut inventory = Inventory { host: text.clone(), ..Inventory::default() };
    inventory.system.title.clone_from(&text);
    inventory.system.environment.clone_from(&text);
    inventory.actions.insert(text.clone(), action);
    Setup {
        board: Board::new(watches, now()),
        checklists: vec![list],
        inventory,
        zone: Zone::utc(),
        theme: Theme::built_in(ThemeName::Dark, ColorDepth::TrueColor, false),
        keymap: Keymap::built_in(),
        operator: text,
        read_only: false,
    }
}

/// What jobs print and what the logs remember.
fn told(texts: &[String]) -> Vec<Update> {
    let mut updates = Vec::new();
    let mut memory = Memory::default();
    for (index, text) in texts.iter().enumerate() {
        let (job, action, target) = (JobId(format!("job-{index}")), ActionName::BACKUP, Target::backup(text));
        let started = JobEvent::Started { job: job.clone(), action, title: text.clone(), target, at: now(), log: None };
        updates.push(Update::Job(started));
        updates.push(Update::Job(JobEvent::Line { job: job.clone(), line: text.clone() }));
        if index > 0 {
            let outcome = Outcome { result: JobResult::Failed, detail: text.clone(), exit_code: Some(1) };
            updates.push(Update::Job(JobEvent::Finished { job, at: now(), outcome }));
        }
        let entry = AuditEntry {
            at: now(),
            phase: Phase::Outcome,
            correlation: text.clone(),
            actor: Actor { operator: text.clone(), ..Actor::default() },
            action: text.clone(),
            target: text.clone(),
            risk: text.clone(),
            reason: text.clone(),
            plan: text.clone(),
            outcome: Some(JobResult::Failed),
            detail: text.clone(),
            took_s: None,
        };
        memory.audit.push(AuditRecord { seq: index as u64 + 1, entry, prev: String::new(), hash: text.clone() });
        let probe = ProbeId::new("command", text);
        let change = Change { probe, at: now(), from: Some(Status::Ok), to: Status::Critical, text: text.clone() };
        memory.changes.push(change);
    }
    updates.push(Update::Loaded(Box::new(memory)));
    updates.push(Update::StoreFailed(texts.last().cloned()));
    updates
}

/// A terminal that keeps the bytes.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody else writes").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Draws the app in that size and holds the bytes against what may be; gives back how many.
fn frame(app: &mut App, size: (u16, u16), whose: &str) -> usize {
    let area = Rect::new(0, 0, size.0, size.1);
    drop(app.update(now(), Event::Resize(Size::new(size.0, size.1))));
    let kept = Kept::default();
    let options = TerminalOptions { viewport: Viewport::Fixed(area) };
    let mut terminal = ratatui::Terminal::with_options(Careful::new(kept.clone()), options).expect("a terminal");
    let drawn = terminal.draw(|frame| view::draw(app, frame)).expect("a frame").buffer.clone();
    let written = kept.0.lock().expect("nobody else writes").clone();
    let offences = bytes::offences(&written);
    assert!(offences.is_empty(), "{whose} in {size:?}: {:?}", &offences[..offences.len().min(5)]);
    if size.0 < 3 || size.1 < 3 {
        return written.len();
    }
    // The frame stands where it was drawn: no text before it took another width than it was given.
    let cells = |count: u16| std::num::NonZeroU16::new(count).expect("a size");
    let mut shown = vt100::Parser::new(cells(size.1), cells(size.0), 0);
    shown.process(&written);
    for y in 0..size.1 {
        for x in [0, size.0 / 2, size.0 - 1] {
            let symbol = drawn[(x, y)].symbol();
            if symbol == "│" {
                let there = |x| shown.screen().cell(y, x).map_or("", |cell| cell.contents());
                let moved = || {
                    // The parser leaves out the sign for what was no text; it is placed after all the same.
                    let same = |x: u16| {
                        let symbol = drawn[(x, y)].symbol();
                        matches!(symbol, "\u{fffd}" | " ") || there(x) == symbol
                    };
                    let first = (0..x).find(|x| !same(*x)).unwrap_or(x);
                    format!("{first} is {:?} and was drawn as {:?}", there(first), drawn[(first, y)].symbol())
                };
                assert!(there(x) == "│", "{whose} in {size:?}: the frame has moved in row {y}: cell {}", moved());
            }
        }
    }
    written.len()
}

/// Shows strings in groups, in these sizes, through the whole walk.
fn try_all(strings: &[Vec<u8>], group: usize, sizes: &[(u16, u16)]) {
    let mut frames = 0;
    let mut written = 0;
    for (index, group) in strings.chunks(group).enumerate() {
        let texts: Vec<String> = group.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
        let mut app = hostile(&texts);
        for (step, key) in WALK.iter().enumerate() {
            let chord: Chord = key.parse().unwrap_or_else(|_| panic!("`{key}` is no key"));
            drop(app.update(now(), Event::Key(chord.event())));
            // Every view in one size, every size in some view.
            let size = sizes[(index + step) % sizes.len()];
            written += frame(&mut app, size, &format!("group {index} after `{key}`"));
            frames += 1;
        }
        drop(app.update(now(), Event::Key(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE))));
    }
    println!("n = {} strings, {frames} frames, {written} bytes", strings.len());
}

const SIZES: [(u16, u16); 13] = [
    (120, 40),
    (80, 24),
    (160, 50),
    (1, 1),
    (500, 200),
    (59, 17),
    (2, 90),
    (110, 32),
    (300, 3),
    (24, 5),
    (149, 33),
    (60, 18),
    (7, 7),
];

#[test]
fn no_text_reaches_the_terminal_as_a_command() {
    try_all(&corpus(60), 5, &SIZES);
}

#[test]
#[ignore = "two thousand strings in hundreds of sizes take minutes"]
fn long_no_text_of_two_thousand_reaches_the_terminal_as_a_command() {
    try_all(&corpus(2000), 5, &SIZES);
    let sizes: Vec<(u16, u16)> =
        (1..=500).step_by(7).flat_map(|x| [1, 2, 5, 18, 32, 61, 200].map(|y| (x, y))).collect();
    try_all(&corpus(sizes.len()), 5, &sizes);
}

/// The same through the doors text really comes in by: a plugin, the name of a file, a
/// database and a folder, the output of a task, and the configuration.
#[test]
fn hostile_text_from_real_sources_is_only_text() {
    let folder = folder("");
    let root = folder.path().to_owned();
    let strings = corpus(60);
    let printed: Vec<u8> = strings.iter().flat_map(|text| [text.as_slice(), b"\n"].concat()).collect();
    std::fs::write(root.join("printed"), &printed).expect("what the plugin prints");
    std::fs::create_dir(root.join("files")).expect("a folder");
    for text in strings.iter().filter(|text| text.len() < 200) {
        let name: Vec<u8> = text.iter().copied().filter(|byte| !b"/\0".contains(byte)).collect();
        let _ = std::fs::write(root.join("files").join(std::ffi::OsStr::from_bytes(&name)), "x");
    }
    let burner = root.join("\u{1b}[31mred");
    std::fs::copy("/bin/sleep", &burner).expect("a program with a hostile name");
    std::fs::set_permissions(&burner, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    let config = format!(
        r#"
version = 1
[system]
name = "pty"
title = "evil title: データ 👩‍👩‍👧‍👦 e\u0301\u0302"
timezone = "UTC"
[[check]]
id = "plugin"
command = ["/bin/sh", "-c", "cat {root}/printed; exit 2"]
[[check]]
id = "file"
file = {{ newest = "{root}/files/*" }}
age = {{ crit = "> 0s" }}
[[check]]
id = "named"
command = ["{root}/\u001b[31mred", "\u001b[2J"]
[[database]]
id = "rota"
url = "sqlite:{root}/\u001b]0;owned\u0007.sqlite3"
[[backup]]
id = "left"
files = "{root}/files/%Y\u001b[2J%m%d"
[[task]]
id = "alerts"
source = "exec"
run = {{ command = ["/bin/cat", "{root}/printed"] }}
[[action]]
id = "evil"
title = "red │ ข้อความ title"
risk = "routine"
command = ["/bin/cat", "{root}/printed"]
[[checklist]]
id = "daily"
title = "list ☎️"
every = "day"
items = [{{ text = "blink ❤️ next" }}]
"#,
        root = root.display()
    );
    std::fs::write(root.join("config.toml"), config).expect("the configuration");
    let command = dashboard(&root);
    let mut terminal = Terminal::sized(command, Some(folder), 50, 160);
    terminal.wait_for("plugin");
    terminal.wait_for("CRIT");
    // The task is run, its output opens; then everything is looked at.
    for keys in ["6", "R", "\r", "\u{1b}", "1", "j", "\r", "G", "\u{1b}", "x", "\u{1b}", "2", "z", "z", "3", "z", "z"] {
        terminal.type_keys(keys);
        for _ in 0..8 {
            terminal.look();
        }
    }
    for keys in ["5", "z", "z", "7", "z", "z", "8", "\r", "\u{1b}", "\u{10}", "evil", "\u{1b}", "\u{1b}", "0"] {
        terminal.type_keys(keys);
        for _ in 0..8 {
            terminal.look();
        }
    }
    terminal.wait_for("1 Needs attention");
    terminal.quit();
    println!("n = {} strings, {} bytes to the terminal", strings.len(), terminal.written.len());
}
