//! Which keys there are: one table is the truth, for the refusals, the suggestions and the
//! example alike.
//!
//! Keys of the contract that this version does not have yet are listed too. They are refused
//! by name, for a limit that is silently ignored is worse than none.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::error::Fault;
use super::nearest::{listed, nearest};
use super::source::Source;
use crate::domain::engine;

/// What is known of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Exists,
    /// Exists, and takes the keys of [`BOUNDS`].
    Bounds,
    /// Part of the contract, but not of this version.
    Later,
}

use Stage::{Bounds, Exists, Later};

/// Every key by its full path, but for the gauges of a database, which [`engine`] lists. The
/// sections in [`LISTS`] may occur several times.
pub(super) const KEYS: &[(&str, Stage)] = &[
    ("version", Exists),
    ("include", Exists),
    ("system", Exists),
    ("system.name", Exists),
    ("system.title", Exists),
    ("system.environment", Exists),
    ("system.timezone", Exists),
    ("system.owner", Exists),
    ("store", Exists),
    ("store.url", Exists),
    ("store.keep_observations", Exists),
    ("store.keep_audit", Exists),
    ("actions", Exists),
    ("actions.read_only", Exists),
    ("actions.log_directory", Exists),
    ("host", Exists),
    ("host.every", Exists),
    ("host.cpu", Bounds),
    ("host.memory", Bounds),
    ("host.swap", Bounds),
    ("host.load", Bounds),
    ("host.tasks", Exists),
    ("host.disk", Exists),
    ("host.disk.free", Bounds),
    ("host.disk.inodes_free", Bounds),
    ("host.disk.full_in", Bounds),
    ("host.disk.exclude", Exists),
    ("database", Exists),
    ("database.id", Exists),
    ("database.url", Exists),
    ("database.password", Exists),
    ("database.every", Exists),
    ("database.timeout", Exists),
    ("database.integrity", Exists),
    ("database.integrity.every", Exists),
    ("database.operations_table", Exists),
    ("backup", Exists),
    ("backup.id", Exists),
    ("backup.database", Exists),
    ("backup.command", Exists),
    ("backup.files", Exists),
    ("backup.compress", Exists),
    ("backup.pair", Exists),
    ("backup.manifest", Exists),
    ("backup.schedule", Exists),
    ("backup.grace", Exists),
    ("backup.rpo", Exists),
    ("backup.min_size", Exists),
    ("backup.size_change", Bounds),
    ("backup.verify", Exists),
    ("backup.verify.every", Exists),
    ("backup.verify.rows", Exists),
    ("backup.keep", Exists),
    ("backup.keep.last", Exists),
    ("backup.keep.hourly", Exists),
    ("backup.keep.daily", Exists),
    ("backup.keep.weekly", Exists),
    ("backup.keep.monthly", Exists),
    ("backup.keep.yearly", Exists),
    ("backup.keep.within", Exists),
    ("backup.keep.pick", Exists),
    ("backup.keep.min", Exists),
    ("backup.keep.week_start", Exists),
    ("backup.tool", Exists),
    ("backup.repository", Exists),
    ("backup.stanza", Exists),
    ("backup.password", Exists),
    ("backup.match", Exists),
    ("backup.rto", Exists),
    ("backup.drill", Exists),
    ("backup.drill.every", Exists),
    ("backup.drill.queries", Exists),
    ("backup.copy", Exists),
    ("backup.copy.to", Exists),
    ("backup.copy.command", Exists),
    ("backup.copy.hash", Exists),
    ("backup.copy.max_age", Exists),
    ("backup.restore", Exists),
    ("backup.restore.stop", Exists),
    ("backup.restore.start", Exists),
    ("backup.restore.verify", Exists),
    ("task", Exists),
    ("task.id", Exists),
    ("task.source", Exists),
    ("task.match", Exists),
    ("task.path", Exists),
    ("task.database", Exists),
    ("task.schedule", Exists),
    ("task.timezone", Exists),
    ("task.grace", Exists),
    ("task.min_duration", Exists),
    ("task.max_duration", Exists),
    ("task.run", Exists),
    ("task.run.command", Exists),
    ("task.run.directory", Exists),
    ("task.run.repeat", Exists),
    ("task.export", Exists),
    ("check", Exists),
    ("check.id", Exists),
    ("check.command", Exists),
    ("check.file", Exists),
    ("check.file.newest", Exists),
    ("check.age", Bounds),
    ("check.every", Exists),
    ("check.timeout", Exists),
    ("check.depends_on", Exists),
    ("check.http", Later),
    ("check.tcp", Later),
    ("check.process", Later),
    ("check.log", Later),
    ("check.sql", Later),
    ("check.promql", Later),
    ("check.unit", Later),
    ("check.expect", Later),
    ("check.latency", Later),
    ("check.value", Later),
    ("check.count", Later),
    ("check.fails", Later),
    ("check.clears", Later),
    ("check.runbook", Later),
    ("action", Exists),
    ("action.id", Exists),
    ("action.title", Exists),
    ("action.risk", Exists),
    ("action.command", Exists),
    ("action.timeout", Exists),
    ("action.params", Exists),
    ("action.params.name", Exists),
    ("action.params.kind", Exists),
    ("action.params.default", Exists),
    ("action.guards", Exists),
    ("action.guards.backup", Exists),
    ("action.guards.within", Exists),
    ("action.guards.idle", Exists),
    ("action.verify", Exists),
    ("action.verify.check", Exists),
    ("action.verify.within", Exists),
    ("action.undo", Exists),
    ("checklist", Exists),
    ("checklist.id", Exists),
    ("checklist.title", Exists),
    ("checklist.every", Exists),
    ("checklist.due", Exists),
    ("checklist.sign_by", Exists),
    ("checklist.owner", Exists),
    ("checklist.items", Exists),
    ("checklist.items.text", Exists),
    ("checklist.items.check", Exists),
    ("checklist.items.confirm", Exists),
    ("checklist.items.runbook", Later),
    ("severity", Later),
    ("contact", Later),
    ("window", Later),
    ("notify", Later),
    ("runbooks", Later),
    ("keys", Later),
];

/// What a table of bounds may say.
pub(super) const BOUNDS: [&str; 4] = ["warn", "crit", "for", "hint"];

/// Sections that are written `[[like this]]`.
const LISTS: [&str; 6] = ["database", "backup", "task", "check", "action", "checklist"];

/// Everything in `file` that no key of this version is.
pub(super) fn check(file: &DeTable<'_>, source: &Source) -> Vec<Fault> {
    let mut walk = Walk::default();
    walk.table(file, "");
    walk.faults.sort_by_key(|(span, _)| span.start);
    walk.faults.into_iter().map(|(span, message)| source.fault(&span, message)).collect()
}

#[derive(Default)]
struct Walk {
    faults: Vec<(Range<usize>, String)>,
}

impl Walk {
    /// Holds the keys of one table against the schema below `place`.
    fn table(&mut self, table: &DeTable<'_>, place: &str) {
        for (key, value) in table {
            let name: &str = key.get_ref();
            let path = if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
            match stage(&path) {
                Some(Exists) if LISTS.contains(&&*path) && value.get_ref().is_table() => {
                    self.fault(key.span(), format!("write `[[{path}]]`: there may be several"));
                }
                Some(Exists) if has_below(&path) => {
                    for inner in tables(value.get_ref()) {
                        self.table(inner, &path);
                    }
                }
                Some(Exists) => {}
                Some(Bounds) => {
                    for inner in tables(value.get_ref()) {
                        self.bounds(inner, &path);
                    }
                }
                Some(Later) => self.fault(key.span(), format!("`{name}` is not yet supported by this version")),
                None => {
                    let known: Vec<&str> = below(place).collect();
                    self.unknown(key.span(), name, place, &known);
                }
            }
        }
    }

    fn bounds(&mut self, table: &DeTable<'_>, place: &str) {
        for key in table.keys().filter(|key| !BOUNDS.contains(&key.get_ref().as_ref())) {
            self.unknown(key.span(), key.get_ref(), place, &BOUNDS);
        }
    }

    fn unknown(&mut self, span: Range<usize>, name: &str, place: &str, known: &[&str]) {
        let advice = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if place == "database" => {
                // Forty gauges would hide the keys one looks for.
                let keys: Vec<&str> = known.iter().copied().filter(|key| !engine::is_gauge(key)).collect();
                format!("known here are {}, and the gauges that `rounds database show` names", listed(&keys))
            }
            None => format!("known here are {}", listed(known)),
        };
        self.fault(span, format!("unknown key `{}`{}; {advice}", name.escape_debug(), within(place)));
    }

    fn fault(&mut self, span: Range<usize>, message: String) {
        self.faults.push((span, message));
    }
}

fn stage(path: &str) -> Option<Stage> {
    let listed = KEYS.iter().find(|(known, _)| *known == path).map(|(_, stage)| *stage);
    listed.or_else(|| path.strip_prefix("database.").filter(|key| engine::is_gauge(key)).map(|_| Bounds))
}

/// Whether any key stands below `place`: asked of every key of a file, so it builds no list.
fn has_below(place: &str) -> bool {
    let mut known = KEYS.iter().filter(|(_, stage)| *stage != Later);
    known.any(|(path, _)| path.strip_prefix(place).is_some_and(|rest| rest.starts_with('.')))
}

/// The names of the keys that exist directly below `place`.
fn below(place: &str) -> impl Iterator<Item = &'static str> {
    let gauges = (place == "database").then(engine::keys).into_iter().flatten();
    let listed = KEYS.iter().filter(|(_, stage)| *stage != Later);
    let listed = listed.filter_map(move |(path, _)| match path.rsplit_once('.') {
        Some((parent, name)) => (parent == place).then_some(name),
        None => place.is_empty().then_some(*path),
    });
    listed.chain(gauges)
}

/// The tables a value holds: itself, or the tables of a list.
fn tables<'v, 'i>(value: &'v DeValue<'i>) -> Vec<&'v DeTable<'i>> {
    match value {
        DeValue::Table(table) => vec![table],
        DeValue::Array(array) => array.iter().filter_map(|item| item.get_ref().as_table()).collect(),
        _ => Vec::new(),
    }
}

/// ` in [[database]]`, ` in disk.free of [host]`; nothing at the top.
fn within(place: &str) -> String {
    let (section, inner) = place.split_once('.').unwrap_or((place, ""));
    let title = if LISTS.contains(&section) { format!("[[{section}]]") } else { format!("[{section}]") };
    match (section, inner) {
        ("", _) => String::new(),
        (_, "") => format!(" in {title}"),
        _ => format!(" in `{inner}` of {title}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let source = Source { name: "a.toml".into(), directory: "/".into(), text: text.to_owned() };
        let table = DeTable::parse(text).expect("TOML");
        check(table.get_ref(), &source).iter().map(|fault| format!("{}: {}", fault.place, fault.message)).collect()
    }

    #[test]
    fn every_fault_of_a_file_is_told_in_its_order() {
        let text =
            "[[database]]\nsizee = 1\nrto = 1\n[[check]]\nhttp = 'x'\n[[backup]]\nverify = { evry = 1 }\n[keys]\n";
        assert_eq!(
            faults(text),
            [
                "a.toml:2:1: unknown key `sizee` in [[database]]; did you mean `size`?",
                "a.toml:3:1: unknown key `rto` in [[database]]; known here are `id`, `url`, `password`, `every`, `timeout`, `integrity` and `operations_table`, and the gauges that `rounds database show` names",
                "a.toml:5:1: `http` is not yet supported by this version",
                "a.toml:7:12: unknown key `evry` in `verify` of [[backup]]; did you mean `every`?",
                "a.toml:8:2: `keys` is not yet supported by this version",
            ]
        );
    }

    #[test]
    fn one_bracket_is_not_two() {
        assert_eq!(faults("[database]\nid = 'a'"), ["a.toml:1:2: write `[[database]]`: there may be several"]);
    }

    #[test]
    fn bounds_know_their_four_keys_wherever_they_stand() {
        assert_eq!(
            faults("[host]\ndisk = { free = { warm = '< 20 %', hint = '' } }"),
            ["a.toml:2:19: unknown key `warm` in `disk.free` of [host]; did you mean `warn`?"]
        );
    }

    #[test]
    fn the_table_has_no_key_twice_and_no_orphan() {
        for (index, (path, _)) in KEYS.iter().enumerate() {
            assert!(KEYS[index + 1..].iter().all(|(other, _)| other != path), "{path} twice");
            if let Some((parent, _)) = path.rsplit_once('.') {
                assert_eq!(stage(parent), Some(Exists), "{path}");
            }
        }
    }

    #[test]
    fn the_example_shows_every_key_there_is() {
        fn collect(table: &DeTable<'_>, place: &str, found: &mut Vec<String>) {
            for (key, value) in table {
                let name: &str = key.get_ref();
                let path = if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
                for inner in tables(value.get_ref()) {
                    collect(inner, &path, found);
                }
                found.push(path);
            }
        }
        let text = include_str!("../../config.example.toml");
        let mut found = Vec::new();
        collect(DeTable::parse(text).expect("TOML").get_ref(), "", &mut found);
        let listed = KEYS.iter().filter(|(_, stage)| *stage != Later).map(|(path, _)| (*path).to_owned());
        let gauges = engine::keys().map(|key| format!("database.{key}"));
        let missing: Vec<String> = listed.chain(gauges).filter(|path| !found.contains(path)).collect();
        assert!(missing.is_empty(), "not in config.example.toml: {missing:?}");
        for word in BOUNDS {
            assert!(found.iter().any(|key| key.ends_with(&format!(".{word}"))), "no example of `{word}`");
        }
    }
}
