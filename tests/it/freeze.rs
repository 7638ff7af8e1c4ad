//! Freezing and thawing real crontabs, in a machine of their own: `/etc` and the spool of cron are private
//! to one mount namespace. Every file is what it was before, to the byte, whatever is killed when.
#![expect(clippy::disallowed_methods, reason = "the binary is started as a stranger would")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use portable_pty::CommandBuilder;
use serde_json::Value;

use crate::support::pty::Pty;
use crate::support::{Answer, World};

/// A mount namespace, held by a program that sleeps.
pub(crate) struct Machine {
    world: World,
    holder: Child,
}

/// `$1` is a folder for the layer over `/etc`. No systemd is seen, whatever runs here.
const HOLDER: &str = r#"PATH=$PATH:/usr/sbin:/sbin
    mount -t tmpfs tmpfs "$1" && mkdir "$1/upper" "$1/work" \
    && mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" /etc \
    && rm -rf /etc/cron.d && rm -f /etc/crontab && mkdir -m 755 /etc/cron.d \
    && mkdir -p /var/spool/cron && mount -t tmpfs -o mode=755 tmpfs /var/spool/cron \
    && mkdir -m 1730 /var/spool/cron/crontabs \
    && { [ ! -d /run/systemd ] || mount -t tmpfs tmpfs /run/systemd; } \
    && echo ready && exec sleep 900 </dev/null"#;

/// The user's own crontab, as an operator left it: DOS line ends, other encodings, no last line end.
const OWN: &[u8] = b"# mine\nMAILTO=\"ops\"\n0 2 * * * /srv/backup.sh --all\n#0 3 * * * /srv/commented.sh\n\
    0 4 * * * /srv/caf\xe9.sh\n\t 30 5 * * 1 cd /srv && ./weekly.sh  \n";
const SYSTEM: &[u8] = b"SHELL=/bin/sh\r\n17 * * * * root /srv/hourly.sh\r\n# done\r\n";
const DROPPED: &[u8] = b"0 1 * * * nobody /srv/rota.sh\n0 1 * * * nobody /srv/rota.sh\n*/5 * * * * root /srv/ping.sh";

impl Machine {
    pub(crate) fn new() -> Self {
        let world = World::new().config("version = 1\n[system]\ntimezone = \"UTC\"\n");
        fs::create_dir(world.path("etc")).expect("a folder");
        let mut holder = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", HOLDER, "holder"])
            .arg(world.path("etc"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare of util-linux");
        let mut said = String::new();
        BufReader::new(holder.stdout.take().expect("its output")).read_line(&mut said).expect("its word");
        assert_eq!(said, "ready\n", "no machine; it needs root");
        let machine = Self { world, holder };
        machine.write("/etc/crontab", SYSTEM, 0o644);
        machine.write("/etc/cron.d/rota", DROPPED, 0o600);
        machine.write("/tmp-of-the-test", OWN, 0o600);
        let installed = machine.inside(&["crontab", &machine.seen("/tmp-of-the-test").display().to_string()]);
        assert_eq!(installed.code(), Some(0), "crontab of cron: {}", installed.err());
        machine
    }

    /// A path of the machine, as it is seen from outside.
    fn seen(&self, path: &str) -> PathBuf {
        match path.strip_prefix("/etc/") {
            Some(below) => PathBuf::from(format!("/proc/{}/root/etc/{below}", self.holder.id())),
            None => self.world.path(path.trim_start_matches('/')),
        }
    }

    pub(crate) fn write(&self, path: &str, text: &[u8], mode: u32) {
        fs::write(self.seen(path), text).expect("a file");
        fs::set_permissions(self.seen(path), fs::Permissions::from_mode(mode)).expect("its mode");
    }

    fn inside(&self, argv: &[&str]) -> Answer {
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.holder.id())).arg("--").args(argv).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).stdin(Stdio::null());
        Answer(command.output().expect("nsenter of util-linux"))
    }

    fn command(&self, before: &[&str], arguments: &[&str]) -> Command {
        let inner = self.world.command(arguments);
        let mut outer = Command::new("nsenter");
        outer.arg(format!("--mount=/proc/{}/ns/mnt", self.holder.id())).arg("--").args(before);
        outer.arg(inner.get_program()).args(inner.get_args()).env_clear().stdin(Stdio::null());
        outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        // A `crontab` that is only here for this test.
        outer.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        outer
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Answer {
        Answer(self.command(&[], arguments).output().expect("the binary runs"))
    }

    /// Every crontab to the byte, by its place.
    fn crontabs(&self) -> BTreeMap<String, Vec<u8>> {
        let own = self.inside(&["crontab", "-l"]);
        let mut found = BTreeMap::from([("own".to_owned(), own.0.stdout)]);
        for path in ["/etc/crontab", "/etc/cron.d/rota"] {
            found.insert(path.to_owned(), fs::read(self.seen(path)).expect("a crontab"));
        }
        found
    }

    fn states(&self) -> BTreeMap<String, String> {
        let list = self.run(&["task", "list", "--format", "json"]).exits(0).json();
        let tasks = list["tasks"].as_array().cloned().unwrap_or_default();
        let text = |task: &Value, key: &str| task[key].as_str().unwrap_or_default().to_owned();
        tasks.iter().map(|task| (text(task, "id"), text(task, "state"))).collect()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn as_it_was() -> BTreeMap<String, Vec<u8>> {
    let all = [("own", OWN), ("/etc/crontab", SYSTEM), ("/etc/cron.d/rota", DROPPED)];
    all.into_iter().map(|(place, text)| (place.to_owned(), text.to_vec())).collect()
}

/// A crontab as it is without what holds its lines: to the byte as it was, or it was torn.
fn without_marks(text: &[u8]) -> Vec<u8> {
    let line = |line: &[u8]| match line.strip_prefix(b"#held-by-rounds ") {
        Some(held) => held[held.windows(3).position(|bar| bar == b" | ").expect("its bar") + 3..].to_vec(),
        None => line.to_vec(),
    };
    text.split(|byte| *byte == b'\n').map(line).collect::<Vec<_>>().join(&b'\n')
}

/// Lines that cron would run.
fn live(text: &[u8]) -> usize {
    let lines = text.split(|byte| *byte == b'\n');
    lines.filter(|line| line.first().is_some_and(|first| b"0123456789*\t".contains(first))).count()
}

#[test]
#[ignore = "needs root: mounts over /etc and the spool of cron, and the program `crontab`"]
fn root_all_tasks_are_frozen_and_thawed_to_the_byte() {
    let machine = Machine::new();
    assert_eq!(machine.crontabs(), as_it_was());
    let before = fs::metadata(machine.seen("/etc/cron.d/rota")).expect("the file");
    assert_eq!(machine.run(&["task", "freeze", "--yes"]).exits(77).err().matches("it wants a reason").count(), 1);
    machine.run(&["task", "freeze", "--yes", "--reason", "disk", "--read-only"]).exits(77);
    assert_eq!(machine.crontabs(), as_it_was(), "what was refused changed nothing");

    let said = machine.run(&["task", "freeze", "--for", "90m", "--yes", "--reason", "the disk is replaced"]).exits(0);
    assert!(said.out().contains("7 tasks read again, and so it is"), "{}", said.out());
    for (place, text) in machine.crontabs() {
        assert_eq!(live(&text), 0, "{place}: {}", String::from_utf8_lossy(&text));
    }
    let after = fs::metadata(machine.seen("/etc/cron.d/rota")).expect("the file");
    let look = |found: &fs::Metadata| (found.mode(), found.uid(), found.gid());
    assert_eq!(look(&after), look(&before));
    let states = machine.states();
    assert!(states.len() == 7 && states.values().all(|state| state == "frozen"), "{states:?}");
    let shown = machine.run(&["task", "show", "hourly"]).exits(0).out();
    assert!(shown.contains("the disk is replaced") && shown.contains("frozen until"), "{shown}");
    assert!(machine.run(&["task", "freeze", "--yes", "--reason", "x"]).exits(77).err().contains("held already"));

    machine.run(&["task", "thaw", "hourly", "--yes"]).exits(0);
    assert_eq!(machine.crontabs()["/etc/crontab"], SYSTEM);
    machine.run(&["task", "thaw", "--yes"]).exits(0);
    assert_eq!(machine.crontabs(), as_it_was());
    assert!(machine.states().values().all(|state| state != "frozen"), "{:?}", machine.states());
    assert!(machine.run(&["task", "thaw", "--yes"]).exits(77).err().contains("nothing is frozen"));

    machine.run(&["audit", "verify"]).exits(0);
    let records = machine.run(&["audit", "list", "--format", "json"]).exits(0).json();
    let phases: Vec<String> = records["records"].as_array().into_iter().flatten().map(ToString::to_string).collect();
    let intents = phases.iter().filter(|one| one.contains("\"intent\"")).count();
    let outcomes = phases.iter().filter(|one| one.contains("\"succeeded\"")).count();
    assert_eq!((intents, outcomes), (3, 3), "{records:#}");
}

#[test]
#[ignore = "needs root: mounts over /etc and the spool of cron, and the program `crontab`"]
fn root_what_somebody_changed_meanwhile_stays_and_is_told() {
    let machine = Machine::new();
    machine.run(&["task", "freeze", "--yes", "--reason", "an incident"]).exits(0);
    let held = fs::read(machine.seen("/etc/cron.d/rota")).expect("the file");
    // One line was let go by hand, and another one came.
    let mut rows: Vec<&[u8]> = held.split(|byte| *byte == b'\n').collect();
    rows[2] = b"*/5 * * * * root /srv/ping.sh";
    rows.push(b"0 9 * * * root /srv/new.sh\n");
    machine.write("/etc/cron.d/rota", &rows.join(&b'\n'), 0o644);
    assert_ne!(machine.states()["ping"], "frozen", "it runs again");
    let said = machine.run(&["task", "thaw", "--yes"]).exits(0).out();
    assert!(said.contains("/etc/cron.d/rota: 2 lines restored"), "{said}");
    let expected = [DROPPED, b"\n0 9 * * * root /srv/new.sh\n"].concat();
    let thawed = machine.crontabs();
    assert_eq!(String::from_utf8_lossy(&thawed["/etc/cron.d/rota"]), String::from_utf8_lossy(&expected));
    assert_eq!((&thawed["own"][..], &thawed["/etc/crontab"][..]), (OWN, SYSTEM));
}

#[test]
#[ignore = "needs root: mounts over /etc and the spool of cron, and the program `crontab`"]
fn root_one_task_is_disabled_and_enabled_again() {
    let machine = Machine::new();
    machine.run(&["task", "disable", "hourly", "--yes"]).exits(77);
    machine.run(&["task", "disable", "hourly", "--yes", "--reason", "it fills the disk"]).exits(0);
    assert_eq!(machine.states()["hourly"], "disabled");
    let text = String::from_utf8(machine.crontabs()["/etc/crontab"].clone()).expect("text");
    assert!(text.contains("#held-by-rounds disabled - "), "{text}");
    let why = machine.run(&["task", "thaw", "hourly", "--yes"]).exits(77).err();
    assert!(why.contains("it is not frozen"), "a thaw leaves it: {why}");
    machine.run(&["task", "enable", "hourly", "--yes"]).exits(0);
    assert_eq!(machine.crontabs(), as_it_was());
    assert!(machine.run(&["task", "enable", "hourly", "--yes"]).exits(77).err().contains("it is enabled"));
}

#[test]
#[ignore = "needs root: mounts over /etc and the spool of cron, the program `crontab`, and strace"]
fn root_killed_at_any_step_every_crontab_is_the_old_one_or_the_new_one() {
    let machine = Machine::new();
    let mut killed = 0;
    for act in ["freeze", "thaw"] {
        for call in ["rename", "fchmod", "unlink", "fsync", "openat"] {
            for when in [1, 2, 3, 4] {
                // The crontabs are of a few system calls among many: those of the folder of cron count.
                let inject = format!("inject={call}:signal=KILL:when={when}");
                if act == "thaw" {
                    machine.run(&["task", "freeze", "--yes", "--reason", "before"]).exits(0);
                }
                let folders = ["-P", "/etc", "-P", "/etc/cron.d", "-P", "/etc/crontab", "-P", "/etc/cron.d/rota"];
                let beside = ["-P", "/etc/.crontab.rounds", "-P", "/etc/cron.d/.rota.rounds"];
                let mut before = vec!["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject];
                before.extend(folders.iter().chain(&beside));
                let mut command = machine.command(&before, &["task", act, "--yes", "--reason", "killed"]);
                let ended = command.output().expect("strace");
                killed += usize::from(!ended.status.success());
                for (place, text) in machine.crontabs() {
                    let plain = String::from_utf8_lossy(&text);
                    let is_old = without_marks(&text) == as_it_was()[&place];
                    assert!(is_old, "{act}, {call} {when}: {place} is neither the old one nor the new: {plain}");
                }
                // On a busy machine a task may not be read in time: it is left, and told.
                let thawed = (0..10).any(|_| {
                    let thawed = machine.run(&["task", "thaw", "--yes"]);
                    assert!([Some(0), Some(77)].contains(&thawed.code()), "{}", thawed.err());
                    machine.crontabs() == as_it_was()
                });
                assert!(thawed, "{act}, {call} {when}: {:?}", machine.crontabs());
            }
        }
    }
    assert!(killed >= 10, "{killed} were killed");
}

#[test]
#[ignore = "needs root: mounts over /etc and the spool of cron, and the program `crontab`"]
fn root_a_freeze_that_is_over_is_told_and_a_dashboard_thaws_it() {
    let machine = Machine::new();
    machine.run(&["task", "freeze", "hourly", "--for", "1s", "--yes", "--reason", "a short one"]).exits(0);
    let told = || machine.run(&["check", "task:hourly", "--format", "json"]).out();
    let over = (0..100).find_map(|_| {
        let told = told();
        told.contains("nobody thawed it").then_some(told)
    });
    let over = over.expect("a freeze of one second is over");
    assert!(over.contains("run `rounds task thaw`") && over.contains("critical"), "{over}");
    assert_ne!(machine.crontabs()["/etc/crontab"], SYSTEM, "a check changes nothing");

    let command = machine.command(&[], &["--operator", "asha"]);
    let mut dashboard = CommandBuilder::new(command.get_program());
    dashboard.args(command.get_args());
    dashboard.env_clear();
    for (name, value) in command.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        dashboard.env(name, value);
    }
    dashboard.env("TERM", "xterm-256color");
    let mut terminal = Pty::start(dashboard, 40, 120);
    terminal.wait("the thaw", |_| fs::read(machine.seen("/etc/crontab")).is_ok_and(|text| text == SYSTEM));
    let records = || machine.run(&["audit", "list", "--format", "json"]).exits(0).json();
    let is_end = |one: &Value| one.to_string().contains("the end of a freeze") && one["outcome"] == "succeeded";
    terminal.wait("its outcome", |_| records()["records"].as_array().is_some_and(|all| all.iter().any(is_end)));
    drop(terminal);
    assert_eq!(machine.crontabs(), as_it_was());
}
