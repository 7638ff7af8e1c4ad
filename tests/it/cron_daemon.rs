//! A real cron with a real syslog, in namespaces of their own: what it runs, what fails and what
//! it leaves out is what is told.

#![expect(clippy::disallowed_methods, reason = "the test starts the daemons of the system")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Timelike as _, Utc};
use rounds::domain::schedule::{Dialect, Schedule};
use rounds::domain::time::Zone;
use serde_json::Value;

/// Puts what belongs to the test over what belongs to the machine, and starts both daemons.
const INSIDE: &str = r#"
set -eu
mount --make-rprivate /
touch "$1/crontab"
for pair in cron.d:/etc/cron.d log:/var/log spool:/var/spool run:/run; do
    mkdir -p "$1/${pair%%:*}" "${pair#*:}"; mount --bind "$1/${pair%%:*}" "${pair#*:}"
done
[ ! -e /etc/crontab ] || mount --bind "$1/crontab" /etc/crontab
mkdir -p "$1/dev" /var/spool/cron/crontabs; mount -t tmpfs -o mode=755 tmpfs "$1/dev"
mknod -m 666 "$1/dev/null" c 1 3; mknod -m 666 "$1/dev/zero" c 1 5; mknod -m 666 "$1/dev/urandom" c 1 9
mount --move "$1/dev" /dev
rsyslogd -n -f "$1/rsyslog.conf" -i /run/rsyslogd.pid &
until [ -S /dev/log ]; do sleep 0.05; done
cron -f -L 15 &
while :; do wait || true; sleep 1; done
"#;

const SYSLOG: &str = r#"
module(load="imuxsock" SysSock.Name="/dev/log")
template(name="debian" type="string"
  string="%timegenerated:::date-rfc3339% %HOSTNAME% %syslogtag%%msg:::sp-if-no-1st-sp%%msg:::drop-last-lf%\n")
cron.* action(type="omfile" file="/var/log/cron.log" template="debian")
"#;

struct Cron {
    place: tempfile::TempDir,
    outer: Child,
    /// Somebody in there, by the number that is seen from here.
    pid: u32,
}

impl Cron {
    fn start(table: &str, config: &str) -> Self {
        let place = tempfile::tempdir().expect("a folder");
        let root = place.path();
        std::fs::set_permissions(root, std::fs::Permissions::from_mode(0o700)).expect("its mode");
        let here = |text: &str| {
            text.replace("{lab}", &root.display().to_string()).replace("{rounds}", env!("CARGO_BIN_EXE_rounds"))
        };
        let write = |name: &str, text: &str, mode: u32| {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(&path, here(text)).expect("a file");
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("its mode");
        };
        write("rsyslog.conf", SYSLOG, 0o600);
        write("cron.d/rota", table, 0o644);
        write("config.toml", config, 0o600);
        write("plain.sh", "#!/bin/sh\nexit 0\n", 0o755);
        write("odd.sh", "#!/bin/sh\nexit 0\n", 0o755);
        write("ok.sh", "#!/bin/sh\nexit 0\n", 0o755);
        write("fail.sh", "#!/bin/sh\nexit 3\n", 0o755);
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]);
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").env("TZ", "UTC");
        let outer =
            command.args(["sh", "-c", INSIDE, "inside"]).arg(root).stdin(Stdio::null()).spawn().expect("unshare");
        let mut cron = Self { place, outer, pid: 0 };
        within("cron starts", Duration::from_secs(30), || {
            let children = format!("/proc/{0}/task/{0}/children", cron.outer.id());
            let child = std::fs::read_to_string(children).unwrap_or_default();
            cron.pid = child.split_whitespace().next().and_then(|pid| pid.parse().ok()).unwrap_or(0);
            cron.path().join("run/crond.pid").exists()
        });
        cron
    }

    fn path(&self) -> &Path {
        self.place.path()
    }

    /// What the program says in there.
    fn rounds(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.pid.to_string(), "--mount", "--pid", "--"]).arg(env!("CARGO_BIN_EXE_rounds"));
        command.args(arguments).arg("--config").arg(self.path().join("config.toml"));
        let output = command.env("TZ", "UTC").output().expect("nsenter");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// The tasks by their ids.
    fn task(&self, id: &str) -> Value {
        let told: Value = serde_json::from_str(&self.rounds(&["task", "list", "--format", "json"])).expect("JSON");
        told["tasks"].as_array().and_then(|all| all.iter().find(|one| one["id"] == id)).expect("the task").clone()
    }
}

impl Drop for Cron {
    fn drop(&mut self) {
        let _ = self.outer.kill();
        let _ = self.outer.wait();
    }
}

/// Waits for a condition that comes about by itself.
fn within(what: &str, most: Duration, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < most, "{what}: not within {most:?}");
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// A minute of cron, and some for a machine that has much else to do.
const A_MINUTE: Duration = Duration::from_mins(5);

#[test]
#[ignore = "needs root, cron and rsyslogd: starts both in namespaces of their own"]
fn root_cron_daemon_runs_fails_and_stays_away_as_it_is_told() {
    const WRAPPED: &str = "* * * * * root {rounds} exec --store sqlite:{lab}/state/rounds.db --task";
    let table = format!(
        "MAILTO=\"\"\n* * * * * root {{lab}}/plain.sh\n* * * * * root {{lab}}/fail.sh\n{WRAPPED} wrapped -- {{lab}}/ok.sh\n\
         {WRAPPED} hanging --timeout 1s -- /bin/sleep 600\n{WRAPPED} crashing -- /bin/sh -c 'kill -SEGV $$'\n"
    );
    let task = |id: &str, words: &str| {
        format!("[[task]]\nid = \"{id}\"\nsource = \"cron\"\nmatch = \"{words}\"\ngrace = \"20s\"\n")
    };
    let store = "version = 1\n[system]\ntimezone = \"UTC\"\n[store]\nurl = \"sqlite:{lab}/state/rounds.db\"\n";
    let tasks = [task("plain", "plain.sh"), task("failing", "fail.sh"), task("wrapped", "--task wrapped")];
    let more = [task("hanging", "--task hanging"), task("crashing", "--task crashing")];
    let cron = Cron::start(&table, &format!("{store}{}{}", tasks.concat(), more.concat()));
    let state = |id: &str| cron.task(id)["state"].as_str().unwrap_or_default().to_owned();

    let wrap = cron.rounds(&["task", "list", "--wrap"]);
    assert_eq!(wrap.matches("\n+* * * * * root ").count(), 2, "the others have it: {wrap}");
    within("a run that is recorded went well", A_MINUTE, || state("wrapped") == "ok");
    within("a run that failed is told by its daemon", A_MINUTE, || state("failing") == "failed");
    assert_eq!(cron.task("failing")["last"]["exit_code"], 3);
    let plain = cron.task("plain");
    assert_eq!(plain["state"], "unknown", "that it began is no success: {plain}");
    assert!(plain["last"]["started_at"].is_string() && plain["last"]["exit_code"].is_null(), "{plain}");

    within("what ran past its time is told", A_MINUTE, || state("hanging") == "failed");
    let findings = |id: &str| cron.task(id)["findings"].to_string();
    assert!(findings("hanging").contains("its time limit"), "{}", findings("hanging"));
    within("what fails again and again is told", A_MINUTE, || {
        state("crashing") == "failed" && findings("crashing").contains("of the last 24 h went wrong")
    });
    assert_eq!(cron.task("crashing")["last"]["signal"], 11, "{}", findings("crashing"));

    let path = cron.path().join("cron.d/rota");
    let table = std::fs::read_to_string(&path).expect("the table");
    std::fs::write(&path, table.replace("/plain.sh", "/simple.sh").replace("--task hanging", "--task asleep"))
        .expect("it");
    for renamed in ["plain", "hanging"] {
        assert!(findings(renamed).contains("its line is gone from the crontab"), "{}", findings(renamed));
    }
    std::fs::write(&path, table.replace("* * * * * root", "#* * * * * root")).expect("it");
    assert!(findings("wrapped").contains("its line is gone from the crontab"), "switched off: {}", findings("wrapped"));
    std::fs::write(&path, table).expect("as it was");

    let daemon = std::fs::read_to_string(cron.path().join("run/crond.pid")).expect("its pid");
    let script = format!("kill {}", daemon.trim());
    let mut stop = Command::new("nsenter");
    stop.args(["--target", &cron.pid.to_string(), "--mount", "--pid", "--", "sh", "-c", &script]);
    assert!(stop.status().expect("nsenter").success());
    for gone in ["wrapped", "plain", "failing"] {
        within("a slot without its daemon is missed", A_MINUTE, || state(gone) == "missed");
    }
}

/// The minutes in which a job began, by the log of its daemon.
fn minutes(log: &str, job: &str) -> Vec<DateTime<Utc>> {
    let end = format!("odd.sh {job})");
    let begins = log.lines().filter(|line| line.contains(" CMD ") && line.trim_end().ends_with(&end));
    let stamps = begins.filter_map(|line| DateTime::parse_from_rfc3339(line.split(' ').next()?).ok());
    stamps.filter_map(|at| at.to_utc().with_second(0)?.with_nanosecond(0)).collect()
}

#[test]
#[ignore = "needs root, cron and rsyslogd: starts both in namespaces of their own"]
fn root_cron_daemon_reads_odd_fields_as_is_told() {
    if !Path::new("/etc/debian_version").exists() {
        eprintln!("left out: this is not Debian's cron, which alone reads them so");
        return;
    }
    let mut odd: Vec<String> = [
        "*/1/3 * * * *",
        "** * * * *",
        "*-5 * * * *",
        "0-59/1/7 * * * *",
        "* * * nov-jan *",
        "* * * * 5-0",
        "* * 1~31 * *",
        "* * */1 * 0",
        "* * 1-31 * 0",
    ]
    .map(str::to_owned)
    .into();
    // Whichever day it is.
    for day in ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] {
        odd.extend([format!("* * * * {day}#2"), format!("* * * * {day}-sun"), format!("* * * * 0,{day}#1,6")]);
    }
    let line = |(n, when): (usize, &String)| format!("{when} root {{lab}}/odd.sh {n}\n");
    let mut table = odd.iter().enumerate().map(line).collect::<Vec<_>>().concat();
    table.push_str("* * * * * root {lab}/odd.sh control\n");
    let cron = Cron::start(&table, "version = 1\n");
    let log = || std::fs::read_to_string(cron.path().join("log/cron.log")).unwrap_or_default();
    // One refused field would leave out the whole file, and the control with it.
    within("two minutes of cron", A_MINUTE, || minutes(&log(), "control").len() >= 2);
    let (log, whole) = (log(), minutes(&log(), "control")[0]);
    for (n, when) in odd.iter().enumerate() {
        let ours = Schedule::parse_as(when, Zone::utc(), Dialect::Debian);
        let due = ours.is_ok_and(|schedule| schedule.next(whole - TimeDelta::seconds(1)) == Some(whole));
        assert_eq!(minutes(&log, &n.to_string()).contains(&whole), due, "`{when}` at {whole}");
    }
}
