//! What the README promises, held against the program.

use std::fs;
use std::path::Path;

use rounds::tui::keymap::{Keymap, markdown_table};

const OPEN: &str = "<!-- keys: made from assets/keymap.toml, compared by a test -->\n";
const CLOSE: &str = "<!-- /keys -->";

fn project(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The table of keys is written here when `INSTA_UPDATE=always`, like any snapshot.
#[test]
fn the_keys_are_those_of_the_key_table() {
    let readme = fs::read_to_string(project("README.md")).expect("the README");
    let (before, rest) = readme.split_once(OPEN).expect("the mark before the keys");
    let (keys, after) = rest.split_once(CLOSE).expect("the mark after the keys");
    let table = format!("\n{}\n", markdown_table(&Keymap::built_in()).trim());
    #[expect(clippy::disallowed_methods, reason = "a test is told by its environment whether to write")]
    let update = std::env::var("INSTA_UPDATE").is_ok_and(|how| how == "always");
    if update && keys.trim() != table.trim() {
        fs::write(project("README.md"), format!("{before}{OPEN}{table}\n{CLOSE}{after}")).expect("the README");
        return;
    }
    assert_eq!(keys.trim(), table.trim(), "INSTA_UPDATE=always writes the new table");
}

#[test]
fn every_picture_and_file_it_names_is_there() {
    let readme = fs::read_to_string(project("README.md")).expect("the README");
    let named = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    for name in named.filter(|name| !name.starts_with("http")) {
        assert!(project(name).exists(), "the README names {name}");
    }
}
