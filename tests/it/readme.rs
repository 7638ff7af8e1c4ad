//! What the README promises, held against the program.

use std::fs;
use std::path::Path;

use rounds::domain::engine::ENGINES;
use rounds::domain::limit::Limit;
use rounds::tui::keymap::{Keymap, markdown_table};

const OPEN: &str = "<!-- keys: made from assets/keymap.toml, compared by a test -->\n";
const CLOSE: &str = "<!-- /keys -->";
const GAUGES_OPEN: &str = "<!-- gauges: made from src/domain/engine, compared by a test -->\n";
const GAUGES_CLOSE: &str = "<!-- /gauges -->";

fn project(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// What stands between two marks is written here when `INSTA_UPDATE=always`, like any snapshot.
fn assert_between(open: &str, close: &str, table: &str) {
    let readme = fs::read_to_string(project("README.md")).expect("the README");
    let (before, rest) = readme.split_once(open).expect("the mark before the table");
    let (written, after) = rest.split_once(close).expect("the mark after the table");
    let table = format!("\n{}\n", table.trim());
    #[expect(clippy::disallowed_methods, reason = "a test is told by its environment whether to write")]
    let update = std::env::var("INSTA_UPDATE").is_ok_and(|how| how == "always");
    if update && written.trim() != table.trim() {
        fs::write(project("README.md"), format!("{before}{open}{table}\n{close}{after}")).expect("the README");
        return;
    }
    assert_eq!(written.trim(), table.trim(), "INSTA_UPDATE=always writes the new table");
}

/// Both tables in one test: two would write the same file at the same time.
#[test]
fn the_keys_and_the_limits_are_those_of_the_program() {
    assert_between(OPEN, CLOSE, &markdown_table(&Keymap::built_in()));
    let mut table =
        "| engine | gauge | what it is | warning | critical | after |\n|---|---|---|---|---|---|\n".to_owned();
    for engine in ENGINES {
        for gauge in engine.gauges {
            let limit = |limit: Option<Limit>| limit.map_or_else(|| "–".to_owned(), |limit| limit.to_string());
            let source = if gauge.source.is_empty() { "–" } else { gauge.source };
            table += &format!(
                "| {} | `{}` | {} | {} | {} | {source} |\n",
                engine.name,
                gauge.key,
                gauge.label,
                limit(gauge.warning),
                limit(gauge.critical),
            );
        }
    }
    assert_between(GAUGES_OPEN, GAUGES_CLOSE, &table);
}

#[test]
fn every_picture_and_file_it_names_is_there() {
    let readme = fs::read_to_string(project("README.md")).expect("the README");
    let named = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    for name in named.filter(|name| !name.starts_with("http")) {
        assert!(project(name).exists(), "the README names {name}");
    }
}
