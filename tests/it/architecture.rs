//! The source tree tested as such: floors, registries, and what a file must begin with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which modules of the crate each module may use. ARCHITECTURE.md prints the same table.
const FLOORS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("platform", &[]),
    ("ledger", &["domain"]),
    ("config", &["domain", "platform"]),
    ("action", &["domain"]),
    ("exec", &["domain", "platform"]),
    ("database", &["domain", "platform", "ledger", "config", "exec"]),
    ("archive", &["domain", "platform", "ledger", "config", "exec", "database"]),
    ("scheduler", &["domain", "platform", "ledger", "config", "exec"]),
    ("probe", &["domain", "platform", "ledger", "config", "exec", "database", "archive", "scheduler"]),
    ("store", &["domain", "platform", "ledger"]),
    (
        "runtime",
        &[
            "domain",
            "platform",
            "ledger",
            "config",
            "action",
            "exec",
            "database",
            "archive",
            "scheduler",
            "probe",
            "store",
        ],
    ),
    ("tui", &["domain", "platform", "action"]),
    (
        "cli",
        &[
            "domain",
            "platform",
            "ledger",
            "config",
            "action",
            "exec",
            "database",
            "archive",
            "scheduler",
            "probe",
            "store",
            "runtime",
            "tui",
        ],
    ),
];

/// What must not appear below a floor: crates that touch the world.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "domain",
        &["tokio", "sqlx", "rusqlite", "ratatui", "crossterm", "sysinfo", "rustix", "std::fs", "std::env", "std::net"],
    ),
    ("action", &["tokio", "sqlx", "rusqlite", "ratatui", "sysinfo", "rustix", "std::fs", "std::env"]),
    ("config", &["tokio", "sqlx", "rusqlite", "ratatui", "sysinfo"]),
    ("probe", &["ratatui", "crossterm", "sqlx"]),
    ("store", &["ratatui", "crossterm", "rusqlite"]),
    ("runtime", &["ratatui", "crossterm", "sqlx", "rusqlite"]),
    ("tui", &["sqlx", "rusqlite", "sysinfo", "std::fs"]),
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file below a folder, in the order of their paths.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the tree").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The module of the crate root a file belongs to: `probe` for `src/probe/disk.rs`.
fn floor_of(path: &Path) -> String {
    let relative = path.strip_prefix(source()).expect("below src");
    let first = relative.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// The code of a file without its comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source file");
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Every module named behind `crate::` in `code`.
fn used_modules(code: &str) -> Vec<String> {
    code.match_indices("crate::")
        .filter(|(at, _)| !code[..*at].ends_with(|before: char| before.is_alphanumeric() || before == '_'))
        .filter_map(|(at, name)| {
            let rest = &code[at + name.len()..];
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
            (end > 0).then(|| rest[..end].to_owned())
        })
        .collect()
}

#[test]
fn every_module_uses_only_the_floors_below_it() {
    let table: BTreeMap<&str, &[&str]> = FLOORS.iter().copied().collect();
    let mut wrong = Vec::new();
    for path in rust_files(&source()) {
        let floor = floor_of(&path);
        let Some(allowed) = table.get(floor.as_str()) else {
            assert!(floor == "lib" || floor == "main", "{} is on no floor: add it to the table", path.display());
            continue;
        };
        for used in used_modules(&code(&path)) {
            if used != floor && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{} uses crate::{used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_floor_touches_what_belongs_to_another() {
    let mut wrong = Vec::new();
    for path in rust_files(&source()) {
        let floor = floor_of(&path);
        let Some((_, forbidden)) = FORBIDDEN.iter().find(|(name, _)| *name == floor) else { continue };
        // Tests may make scratch files; the code they test may not.
        let code = code(&path);
        let code = code.split("#[cfg(test)]").next().unwrap_or_default();
        let is_test_file = path.file_stem().is_some_and(|stem| stem == "tests");
        for name in forbidden.iter().filter(|_| !is_test_file) {
            if code.contains(&format!("{name}::")) {
                wrong.push(format!("{} uses {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What must ask which system it is, beside the floor that is there for it: each does one thing
/// in two ways from top to bottom.
const ASKS_FOR_THE_SYSTEM: &[&str] = &[
    "cli/demo/signals.rs",
    "cli/exec.rs",
    "cli/exec/",
    "config/trust.rs",
    "database/sqlite/open.rs",
    "platform/",
    "probe/disk/mounts.rs",
    "tui/input/signals.rs",
];

#[test]
fn only_the_platform_asks_which_system_it_is() {
    let marks = [
        "rustix::",
        "std::os::unix",
        "std::os::windows",
        "cfg(unix",
        "cfg(windows",
        "cfg!(unix",
        "cfg!(windows",
        "target_os",
        "not(unix",
    ];
    let mut wrong = Vec::new();
    for path in rust_files(&source()) {
        let name = path.strip_prefix(source()).expect("below src").to_string_lossy().replace('\\', "/");
        let is_test_file = path.file_stem().is_some_and(|stem| stem == "tests");
        if is_test_file || ASKS_FOR_THE_SYSTEM.iter().any(|known| name.starts_with(known)) {
            continue;
        }
        let code = code(&path);
        let code = code.split("#[cfg(test)]").next().unwrap_or_default();
        let code = code.split("#[cfg(all(test, unix))]").next().unwrap_or_default();
        wrong.extend(marks.iter().filter(|mark| code.contains(**mark)).map(|mark| format!("{name} has {mark}")));
    }
    assert!(wrong.is_empty(), "put it into src/platform:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_says_its_one_idea_first() {
    let bare: Vec<String> = rust_files(&source())
        .iter()
        .filter(|path| !fs::read_to_string(path).expect("a source file").starts_with("//! "))
        .map(|path| path.display().to_string())
        .collect();
    assert!(bare.is_empty(), "without a first sentence:\n{}", bare.join("\n"));
}

#[test]
fn nothing_is_left_for_later() {
    let marks = ["TODO", "FIXME", "XXX", "todo!(", "unimplemented!("];
    for path in rust_files(&source()) {
        let text = fs::read_to_string(&path).expect("a source file");
        for mark in marks {
            assert!(!text.contains(mark), "{} holds {mark}", path.display());
        }
    }
}

/// A registry lists every file of its folder that offers an entry.
fn assert_registered(registry: &str, folder: &str, entry_mark: &str, exceptions: &[&str]) {
    let text = code(&source().join(registry));
    for path in rust_files(&source().join(folder)) {
        if path.parent() != Some(&source().join(folder)) {
            continue;
        }
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if exceptions.contains(&name.as_str()) || !code(&path).contains(entry_mark) {
            continue;
        }
        let registered = text.contains(&format!("{name}::")) && text.contains(&format!("mod {name};"));
        assert!(registered, "{} is not in the registry of {registry}", path.display());
    }
}

#[test]
fn what_is_written_is_registered() {
    assert_registered("probe.rs", "probe", "pub const KIND: Kind", &[]);
    assert_registered("action.rs", "action", "const ACTION: Action", &[]);
    assert_registered("tui/pane.rs", "tui/pane", "impl Pane for", &[]);
    assert_registered("database.rs", "database", "pub const ENGINE: Engine", &[]);
}

#[test]
fn the_map_shows_the_same_floors() {
    let map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).expect("the map");
    for (module, allowed) in FLOORS {
        let row = format!("| `{module}` | {} |", if allowed.is_empty() { "–".to_owned() } else { allowed.join(", ") });
        assert!(map.contains(&row), "ARCHITECTURE.md lacks the row:\n{row}");
    }
}
