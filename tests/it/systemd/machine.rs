//! A machine in which systemd is the first process: namespaces of its own over a copy of this system
//! that is forgotten, with none of the units that are enabled here. It ends with the test, however
//! that ends: whoever holds it reads from the test and cleans up when nobody writes any more.

#![expect(clippy::disallowed_methods, reason = "the test starts a system")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Answer, World};

/// `$1` is a folder for its disk, `$2` that of the program, `$3` a name, `$4` how it boots. Obeys
/// `boot` and `halt`, which is a failure of the power, and ends with its input.
const HOLDER: &str = r#"
set -eu
PATH=$PATH:/usr/sbin:/sbin
mount --make-rprivate /
mkdir "$1/groups" "$1/disk"
mount -t cgroup2 cgroup2 "$1/groups"
mount -t tmpfs -o mode=755 tmpfs "$1/disk"
mkdir "$1/disk/upper" "$1/disk/work" "$1/disk/root"
group=$1/groups/$3
pid=
halt() {
    [ -z "$pid" ] || { kill -KILL "$pid"; wait "$pid" || true; } 2>/dev/null
    pid=
    # What the last process leaves behind takes a moment to be gone.
    tries=0
    while [ -d "$group" ] && [ "$tries" -lt 100 ]; do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
        tries=$((tries + 1))
    done
}
trap halt EXIT
echo ready
while read -r word; do
    case $word in
    boot)
        mkdir -p "$group"
        sh -c 'echo $$ >"$1/cgroup.procs"; shift; exec unshare "$@"' sh "$group" \
            --mount --pid --fork --kill-child --cgroup --uts --ipc --net \
            sh -c "$4" sh "$1" "$2" </dev/null >"$1/boot.log" 2>&1 &
        pid=$!
        echo "$pid" ;;
    halt) halt; echo halted ;;
    esac
done
"#;

/// In fresh namespaces, as the first process of them.
const BOOT: &str = r#"
set -eu
mount --make-rprivate /
N=$1/disk/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/disk/upper,workdir=$1/disk/work" "$N"
if [ ! -e "$N/etc/of-the-test" ]; then
    rm -rf "$N/etc/systemd/system" "$N/etc/systemd/user" "$N"/etc/rc?.d "$N/var/log/journal" "$N/etc/cron.d" "$N/var/spool/cron"
    rm -f "$N/etc/fstab" "$N/etc/crontab" "$N/var/log/syslog" "$N/var/lib/systemd/timers"/*
    mkdir -p "$N/etc/systemd/system" "$N/etc/systemd/user" "$N/var/log/journal" "$N/etc/systemd/journald.conf.d"
    printf '[Journal]\nStorage=persistent\nForwardToSyslog=no\nRateLimitBurst=0\n' >"$N/etc/systemd/journald.conf.d/test.conf"
    for unit in systemd-udevd systemd-udev-trigger systemd-hwdb-update console-getty getty@ systemd-timesyncd systemd-networkd; do
        ln -s /dev/null "$N/etc/systemd/system/$unit.service"
    done
    ln -s /dev/null "$N/etc/systemd/system/getty.target"
    echo 6f5ee4aa1a3d4bb0a2f9d1d3c1b2a397 >"$N/etc/machine-id"
    : >"$N/var/log/wtmp"
    : >"$N/etc/of-the-test"
fi
mount -t proc proc "$N/proc"; mount -t sysfs -o ro sysfs "$N/sys"; mount -t cgroup2 cgroup2 "$N/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$N/dev"
for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "$N/dev/${node%:*}" c 1 "${node#*:}"; done
mknod -m 666 "$N/dev/tty" c 5 0
mkdir "$N/dev/pts" "$N/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$N/dev/pts"
ln -s pts/ptmx "$N/dev/ptmx"; ln -s /proc/self/fd "$N/dev/fd"; : >"$N/dev/console"
mount -t tmpfs -o mode=755 tmpfs "$N/run"; mount -t tmpfs -o mode=1777 tmpfs "$N/tmp"
mkdir -p "$N$1" "$N/opt/program"
mount --bind "$1" "$N$1"; mount --bind "$2" "$N/opt/program"
mkdir "$N/run/old"; cd "$N"; pivot_root . run/old; umount -l /run/old; rmdir /run/old
hostname machine
init=/lib/systemd/systemd; [ -x "$init" ] || init=/usr/lib/systemd/systemd
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$init" --unit=multi-user.target --show-status=0
"#;

const CONFIG: &str = "version = 1\n[system]\ntimezone = \"UTC\"\n";

pub(crate) struct Machine {
    pub(crate) world: World,
    holder: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// Whoever began its namespaces, by the number that is seen from here.
    outer: u32,
}

impl Machine {
    /// One that runs, with more in its configuration.
    pub(crate) fn new(more: &str) -> Self {
        let world = World::new().config(&format!("{CONFIG}{more}"));
        let folder = world.path("");
        let name = format!("rounds-test-{}", folder.file_name().expect("a name").to_string_lossy());
        let program = PathBuf::from(env!("CARGO_BIN_EXE_rounds"));
        let mut holder = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", HOLDER, "holder"])
            .arg(folder)
            .arg(program.parent().expect("its folder"))
            .args([&name, BOOT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare of util-linux");
        let (orders, answers) = (holder.stdin.take(), BufReader::new(holder.stdout.take().expect("its output")));
        let mut machine = Self { world, holder, orders, answers, outer: 0 };
        assert_eq!(machine.answer(), "ready", "no machine; it needs root");
        machine.boot();
        machine
    }

    /// More configuration, in a file of its own.
    pub(crate) fn also(&self, text: &str) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.world.path("more.toml");
        std::fs::write(&path, format!("version = 1\n{text}")).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its mode");
        path.display().to_string()
    }

    fn order(&mut self, word: &str) -> String {
        let orders = self.orders.as_mut().expect("a holder");
        writeln!(orders, "{word}").expect("the holder lives");
        self.answer()
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("its word");
        line.trim().to_owned()
    }

    pub(crate) fn boot(&mut self) {
        self.outer = self.order("boot").parse().expect("a number");
        within("systemd is up", || {
            let state = self.inside(&["systemctl", "is-system-running"]).out();
            ["running", "degraded"].contains(&state.trim()).then_some(()).ok_or_else(|| {
                let log = std::fs::read_to_string(self.world.path("boot.log")).unwrap_or_default();
                format!("{state}{log}")
            })
        });
    }

    /// The power fails.
    pub(crate) fn halt(&mut self) {
        assert_eq!(self.order("halt"), "halted");
    }

    /// The first process of the machine.
    fn first(&self) -> Option<String> {
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.outer)).ok()?;
        children.split_whitespace().next().map(str::to_owned)
    }

    fn command(&self, argv: &[&str], environment: &BTreeMap<String, String>) -> Command {
        let mut command = Command::new("nsenter");
        let first = self.first().unwrap_or_else(|| "0".to_owned());
        command.args(["--target", &first, "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--"]);
        command.args(argv).env_clear().envs(environment).stdin(Stdio::null());
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LANG", "C.UTF-8");
        command
    }

    /// What a program of the machine says.
    pub(crate) fn inside(&self, argv: &[&str]) -> Answer {
        Answer(self.command(argv, &BTreeMap::new()).output().expect("nsenter of util-linux"))
    }

    /// What a script says that must succeed.
    pub(crate) fn script(&self, script: &str) -> String {
        self.inside(&["sh", "-euc", script]).exits(0).out()
    }

    /// The program in there.
    pub(crate) fn rounds(&self, arguments: &[&str]) -> Command {
        self.program(&[], &self.world.command(arguments))
    }

    /// The same without a configuration, as whom `before` makes of us, who has a home of its own.
    pub(crate) fn rounds_plain(&self, before: &[&str], arguments: &[&str]) -> Command {
        let mut inner = self.world.command(arguments);
        let arguments: Vec<_> = inner.get_args().map(ToOwned::to_owned).collect();
        let at = arguments.iter().position(|word| word == "--config").unwrap_or(arguments.len());
        let mut plain = Command::new(inner.get_program());
        plain.args(&arguments[..at]).env("HOME", "/tmp/home").env("TZ", "UTC");
        inner = plain;
        self.program(before, &inner)
    }

    fn program(&self, before: &[&str], inner: &Command) -> Command {
        let text = |text: &std::ffi::OsStr| text.to_str().expect("text").to_owned();
        let mut argv: Vec<String> = before.iter().map(|word| (*word).to_owned()).collect();
        argv.push("/opt/program/rounds".to_owned());
        argv.extend(inner.get_args().map(text));
        let environment = inner.get_envs().filter_map(|(name, value)| Some((text(name), text(value?)))).collect();
        self.command(&argv.iter().map(String::as_str).collect::<Vec<_>>(), &environment)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Answer {
        Answer(self.rounds(arguments).output().expect("the binary runs"))
    }

    /// Installs a service, and where `timer` says when, its timer, which is started.
    pub(crate) fn unit(&self, name: &str, service: &str, timer: &str) {
        let write = |kind: &str, text: &str| {
            let script = format!("cat >/etc/systemd/system/{name}.{kind} <<'END'\n{text}\nEND\n");
            self.script(&script);
        };
        write("service", &format!("[Unit]\nDescription={name}\n[Service]\n{service}"));
        if !timer.is_empty() {
            write("timer", &format!("[Timer]\n{timer}\nAccuracySec=1us\n[Install]\nWantedBy=timers.target"));
        }
    }

    /// Takes what was installed, and starts these.
    pub(crate) fn start(&self, units: &[&str]) {
        self.script(&format!("systemctl daemon-reload; systemctl start --no-block {}", units.join(" ")));
    }

    /// The tasks by their ids.
    pub(crate) fn tasks(&self) -> BTreeMap<String, Value> {
        let list = self.run(&["task", "list", "--format", "json"]).exits(0).json();
        let tasks = list["tasks"].as_array().cloned().unwrap_or_default();
        tasks.into_iter().map(|task| (task["id"].as_str().unwrap_or_default().to_owned(), task)).collect()
    }

    /// Waits until a task is in a state, and answers with what is told of it then.
    #[track_caller]
    pub(crate) fn waits(&self, id: &str, state: &str) -> Value {
        within(&format!("{id} is {state}"), || {
            let tasks = self.tasks();
            let task = tasks.get(id).cloned().unwrap_or_default();
            if task["state"] == state { Ok(task) } else { Err(format!("{task:#}")) }
        })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The holder ends with its input, and everything with it.
        drop(self.orders.take());
        let _ = self.holder.wait();
    }
}

/// Waits for what comes about by itself; fails with what was seen last.
#[track_caller]
pub(crate) fn within<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    const MOST: Duration = Duration::from_mins(2);
    let start = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) => assert!(start.elapsed() < MOST, "{what}: not within {MOST:?}; it was {seen}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
