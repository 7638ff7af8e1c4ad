//! The configuration door from outside: files on disk in, a valid configuration or a fault with
//! its place out.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rounds::config::spec::{CheckForm, TaskSource, Unnamed};
use rounds::config::{self, Config, ConfigError, Environment};
use rounds::domain::checklist::Evidence;
use rounds::domain::plan::Guard;
use rounds::domain::time::Zone;
use rounds::domain::upkeep::Verb;

/// A scratch directory in which files are as private as a configuration must be.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        let scratch = tempfile::tempdir().expect("scratch directory");
        private(scratch.path());
        Self(scratch)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        let folder = path.parent().expect("folder");
        fs::create_dir_all(folder).expect("folder");
        private(folder);
        fs::write(&path, text).expect("file");
        private(&path);
        path
    }

    /// Surroundings that end in this directory, whatever lies elsewhere on the machine.
    fn environment(&self) -> Environment {
        Environment {
            home: Some(self.path("home")),
            system_config: self.path("etc"),
            user: user(),
            host_name: "db1".to_owned(),
            zone: Zone::utc(),
            ..Environment::default()
        }
    }

    fn load(&self, files: &[PathBuf]) -> Result<Config, ConfigError> {
        config::load(files, &self.environment())
    }
}

#[cfg(unix)]
fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = if path.is_dir() { 0o700 } else { 0o600 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode");
}

#[cfg(unix)]
fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn private(_: &Path) {}

#[cfg(not(unix))]
fn user() -> u32 {
    0
}

/// The files of one corpus: name and text.
fn corpus(name: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs").join(name);
    let mut files: Vec<(String, String)> = fs::read_dir(folder)
        .expect("corpus")
        .map(|entry| entry.expect("entry"))
        .map(|entry| {
            let text = fs::read_to_string(entry.path()).expect("text");
            (entry.file_name().into_string().expect("name"), text)
        })
        .collect();
    files.sort();
    files
}

fn example() -> &'static str {
    include_str!("../../config.example.toml")
}

#[test]
fn every_invalid_configuration_is_refused_with_its_reason() {
    let corpus = corpus("invalid");
    assert!(corpus.len() >= 25, "the corpus has shrunk to {}", corpus.len());
    for (name, text) in corpus {
        let wanted = text.lines().next().and_then(|line| line.strip_prefix("# expect: ")).expect(&name);
        let scratch = Scratch::new();
        let said = scratch.load(&[scratch.write(&name, &text)]).expect_err(&name).to_string();
        assert!(said.contains(wanted), "{name}: wanted `{wanted}` in:\n{said}");
        assert!(!said.contains("hunter2"), "{name}: a password is repeated:\n{said}");
    }
}

#[test]
fn every_valid_configuration_is_read_and_shown_as_one_that_says_the_same() {
    let mut corpus = corpus("valid");
    assert!(corpus.len() >= 6, "the corpus has shrunk to {}", corpus.len());
    corpus.push(("config.example.toml".to_owned(), example().to_owned()));
    for (name, text) in corpus {
        let scratch = Scratch::new();
        let config = scratch.load(&[scratch.write(&name, &text)]).unwrap_or_else(|why| panic!("{name}: {why}"));
        let shown = config::show(&config);
        let again = config::parse("shown", scratch.0.path(), &shown, &scratch.environment())
            .unwrap_or_else(|why| panic!("{name}: {why}\n{shown}"));
        let without_origin =
            |text: &str| text.lines().skip_while(|line| line.starts_with('#')).collect::<Vec<_>>().join("\n");
        assert_eq!(without_origin(&config::show(&again)), without_origin(&shown), "{name}");
    }
}

#[test]
fn the_fault_is_shown_in_its_line() {
    let scratch = Scratch::new();
    let path = scratch.write(
        "rota.toml",
        "version = 1\n\n[[database]]\nid = \"rota\"\nurl = \"sqlite:db\"\nsizee = { warn = \"> 1 MB\" }\n",
    );
    let said = scratch.load(std::slice::from_ref(&path)).expect_err("unknown key").to_string();
    let wanted = format!(
        "{}:6:1: unknown key `sizee` in [[database]]; did you mean `size`?\n  |\n6 | sizee = {{ warn = \"> 1 MB\" }}\n  | ^^^^^",
        path.display()
    );
    assert_eq!(said, wanted);
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let scratch = Scratch::new();
    let one = scratch.write("a.toml", "version = 1\n[host]\ncpuu = {}\n[keys]\n");
    let two = scratch.write("b.toml", "version = 1\n[[database]]\n");
    let error = scratch.load(&[one, two]).expect_err("three faults");
    assert_eq!(error.faults().len(), 3, "{error}");
    let three = scratch.write("c.toml", "version = 1\n[[backup]]\nid = 'a'\n[[task]]\nid = 'b'\nsource = 'x'\n");
    assert_eq!(scratch.load(&[three]).expect_err("two faults").faults().len(), 2);
}

#[test]
fn without_a_file_there_is_the_round_of_this_machine() {
    let scratch = Scratch::new();
    let config = scratch.load(&[]).expect("built-in round");
    let state = scratch.path("home/.local/state/rounds");
    assert!(config.files.is_empty() && config.unnamed == Unnamed::Expected);
    assert_eq!((config.system.name.as_str(), config.host_name.as_str()), ("db1", "db1"));
    assert_eq!(config.store.path, state.join("rounds.db"));
    assert_eq!(config.databases[0].address.file(), Some(config.store.path.as_path()));
    assert_eq!(config.databases[0].integrity_every, Some(Duration::from_hours(7 * 24)));
    assert_eq!(config.acts.log_directory, state.join("jobs"));
    let backup = &config.backups[0];
    assert_eq!(backup.files.text, format!("{}/backups/rounds/%Y%m%dT%H%M%SZ.sqlite3", state.display()));
    assert_eq!(backup.files.zone.name(), "UTC");
    assert_eq!((backup.rpo, backup.grace), (Some(Duration::from_hours(24)), Duration::from_mins(30)));
    let evidence: Vec<String> = config.checklists[0]
        .items
        .iter()
        .map(|item| match &item.evidence {
            Evidence::Auto(probes) => probes[0].to_string(),
            Evidence::Confirm(probes) => format!("confirm {}", probes[0]),
            Evidence::Manual => "manual".to_owned(),
        })
        .collect();
    assert_eq!(evidence, ["host", "disk", "database:rounds", "backup:rounds", "task", "manual", "manual"]);

    let bounds = &config.host.cpu;
    assert_eq!(bounds.hold, Duration::from_mins(5));
    assert_eq!(bounds.critical.map(|limit| limit.to_string()), Some("> 90 %".to_owned()));
}

#[test]
fn the_store_that_is_named_on_the_command_line_goes_before_the_file() {
    let scratch = Scratch::new();
    let path = scratch.write("a.toml", "version = 1\n[store]\nurl = \"sqlite:mine.db\"\n");
    assert_eq!(scratch.load(std::slice::from_ref(&path)).expect("config").store.path, scratch.path("mine.db"));
    let given = Environment { store: Some("sqlite:/elsewhere/x.db".to_owned()), ..scratch.environment() };
    assert_eq!(config::load(&[path], &given).expect("config").store.path, Path::new("/elsewhere/x.db"));
    let built_in = config::load(&[], &given).expect("built-in round");
    assert_eq!(built_in.databases[0].address.file(), Some(Path::new("/elsewhere/x.db")));
    assert!(built_in.backups[0].files.text.starts_with("/elsewhere/backups/rounds/"));

    let wrong = Environment { store: Some("postgres://u:hunter2@h/x".to_owned()), ..scratch.environment() };
    let said = config::load(&[], &wrong).expect_err("engine").to_string();
    assert!(said.contains("ROUNDS_STORE") && said.contains("not yet supported") && !said.contains("hunter2"), "{said}");
}

#[test]
fn without_a_home_the_store_has_no_place_and_the_error_says_so() {
    let scratch = Scratch::new();
    let homeless = Environment { home: None, ..scratch.environment() };
    let said = config::load(&[], &homeless).expect_err("no place").to_string();
    assert!(said.contains("--store sqlite:PATH"), "{said}");
}

#[test]
fn included_files_are_read_once_and_keep_their_own_directory() {
    let scratch = Scratch::new();
    let main = scratch.write("main.toml", "version = 1\ninclude = [\"systems/*.toml\", \"none/*.toml\"]\n");
    scratch.write("systems/b.toml", "version = 1\n[[database]]\nid = \"b\"\nurl = \"sqlite:b.db\"\n");
    scratch.write(
        "systems/a.toml",
        "version = 1\ninclude = [\"../main.toml\", \"b.toml\"]\n[[database]]\nid = \"a\"\nurl = \"sqlite:a.db\"\n",
    );
    let config = scratch.load(&[main.clone(), main]).expect("config");
    let databases: Vec<&Path> = config.databases.iter().filter_map(|database| database.address.file()).collect();
    assert_eq!(databases, [scratch.path("systems/a.db"), scratch.path("systems/b.db")]);
    assert_eq!(config.files.len(), 3);
}

#[test]
fn several_files_are_one_configuration() {
    let scratch = Scratch::new();
    scratch.write(
        "etc/config.toml",
        "version = 1\n[system]\nname = \"rota\"\n[[database]]\nid = \"a\"\nurl = \"sqlite:a\"\n",
    );
    scratch.write("etc/conf.d/b.toml", "version = 1\n[[backup]]\nid = \"b\"\ndatabase = \"a\"\n");
    let config = scratch.load(&[]).expect("config");
    assert_eq!((config.system.name.as_str(), config.backups.len()), ("rota", 1));

    scratch.write(
        "etc/conf.d/c.toml",
        "version = 1\n[system]\nname = \"shop\"\n[[database]]\nid = \"a\"\nurl = \"sqlite:c\"\n",
    );
    let error = scratch.load(&[]).expect_err("contradictions").to_string();
    let first = scratch.path("etc/config.toml");
    for wanted in [
        format!("a second [system]; there is one at {}:2:1", first.display()),
        format!("a second [[database]] `a`; the first is at {}:5:6", first.display()),
        "conf.d/c.toml:5:6".to_owned(),
    ] {
        assert!(error.contains(&wanted), "wanted `{wanted}` in:\n{error}");
    }
}

#[test]
fn the_example_says_what_it_seems_to_say() {
    let scratch = Scratch::new();
    let config = scratch.load(&[scratch.write("config.toml", example())]).expect("example");
    assert!(config.system.is_production() && config.unnamed == Unnamed::Extra);
    assert_eq!(config.zone.name(), "Europe/London");
    assert_eq!(config.backups[0].files.zone.name(), "Europe/London");
    assert_eq!(config.store.keep_audit, Duration::from_hours(7 * 8766));
    assert_eq!(config.tasks[0].source, TaskSource::Cron);
    assert!(matches!(&config.checks[1].form, CheckForm::File { newest, .. } if newest.ends_with("staffing_reports/*")));
    assert_eq!(config.checks[1].depends_on.as_ref().map(ToString::to_string), Some("command:server".to_owned()));
    assert_eq!(config.actions[0].guards[1], Guard::Idle { target: "database:rota".to_owned() });

    let inventory = config.inventory();
    assert_eq!(inventory.host, "db1");
    assert!(inventory.databases["rota"].way(Verb::Integrity).is_some());
    assert!(inventory.backups["uploads"].can_run());
    assert!(inventory.tasks["weekly-report"].run.is_ok());
    assert_eq!(inventory.actions["restart-server"].title, "Restart the application server");
}

#[test]
fn the_defaults_of_the_example_are_the_defaults() {
    let scratch = Scratch::new();
    let example = scratch.load(&[scratch.write("example.toml", example())]).expect("example").host;
    let default = scratch.load(&[scratch.write("nothing.toml", "version = 1")]).expect("nothing").host;
    assert_eq!(example.every, default.every);
    let bounds = |host: &config::spec::HostSpec| {
        [&host.cpu, &host.memory, &host.swap, &host.load, &host.disk_free, &host.disk_inodes_free, &host.disk_full_in]
            .map(Clone::clone)
    };
    assert_eq!(bounds(&example), bounds(&default));
}

#[cfg(unix)]
#[test]
fn a_configuration_that_others_can_write_is_refused_wherever_it_is_named() {
    use std::os::unix::fs::PermissionsExt;

    let scratch = Scratch::new();
    let part = scratch.write("systems/a.toml", "version = 1\n");
    let main = scratch.write("main.toml", "version = 1\ninclude = [\"systems/*.toml\"]\n");
    assert!(scratch.load(std::slice::from_ref(&main)).is_ok());
    fs::set_permissions(&part, fs::Permissions::from_mode(0o664)).expect("mode");
    let said = scratch.load(&[main]).expect_err("writable part").to_string();
    assert!(said.contains("a.toml: others can write this (mode 0664)") && said.contains("mend: chmod go-w"), "{said}");
}

#[test]
fn text_that_is_not_utf8_is_refused_where_it_begins() {
    let scratch = Scratch::new();
    let path = scratch.write("a.toml", "");
    fs::write(&path, b"version = 1\n# gr\xfc\xdfe\n").expect("bytes");
    let said = scratch.load(&[path]).expect_err("not UTF-8").to_string();
    assert!(said.contains("a.toml:2:5: this is not UTF-8"), "{said}");
}
