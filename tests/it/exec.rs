//! `rounds exec` with real processes: nobody can tell that it is there.

#![expect(clippy::disallowed_methods, reason = "tests start processes and measure real time")]

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rounds::domain::slot::TaskState;
use rounds::domain::task::{EndKind, TaskRun};
use rounds::scheduler::spool;
use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub(crate) fn state() -> TempDir {
    tempfile::tempdir().expect("state directory")
}

/// `rounds exec --task t [more] -- `, with nothing to read.
pub(crate) fn wrapper(state: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rounds"));
    command.args(["exec", "--task", "t", "--store", &store(state)]).args(more).arg("--");
    alone(&mut command, state).stdin(Stdio::null()).env("ROUNDS_TEST_MARK", "kept");
    command
}

fn store(state: &Path) -> String {
    format!("sqlite:{}", state.join("rounds.db").display())
}

/// With neither a configuration nor a state of this machine's.
fn alone<'a>(command: &'a mut Command, state: &Path) -> &'a mut Command {
    let gone = ["ROUNDS_CONFIG", "ROUNDS_STORE"];
    gone.into_iter()
        .fold(command, |command, name| command.env_remove(name))
        .env("HOME", state)
        .envs(["XDG_CONFIG_HOME", "XDG_STATE_HOME"].map(|name| (name, state)))
}

fn sh(state: &Path, script: &str) -> Output {
    wrapper(state, &[]).args(["sh", "-c", script]).output().expect("wrapper")
}

pub(crate) fn only_run(state: &Path) -> TaskRun {
    let mut runs = spool::read(&spool::directory(state));
    assert_eq!(runs.len(), 1, "one run leaves one record");
    runs.remove(0)
}

/// Waits for a condition of another process, at most ten seconds.
fn soon(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}: not within ten seconds");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn tell(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(child.id().cast_signed()).expect("pid"), signal).expect("kill");
}

fn end_of(mut child: Child) -> ExitStatus {
    let mut status = None;
    soon("the wrapper ends", || {
        status = child.try_wait().expect("wait");
        status.is_some()
    });
    status.expect("status")
}

#[test]
fn exit_codes_pass_through() {
    for code in (0..=255).step_by(15).chain([1, 2, 77, 78, 124, 126, 127, 128, 130, 254]) {
        let state = state();
        assert_eq!(sh(state.path(), &format!("exit {code}")).status.code(), Some(code));
        let end = only_run(state.path()).ended.expect("an end");
        assert_eq!((end.exit_code, end.signal, end.timed_out), (Some(code), None, false));
    }
}

#[test]
fn a_command_killed_by_a_signal_ends_the_wrapper_by_the_same() {
    for signal in [1, 2, 3, 6, 9, 11, 13, 14, 15] {
        let state = state();
        let output = sh(state.path(), &format!("ulimit -c 0; kill -{signal} $$; sleep 5"));
        assert_eq!((output.status.code(), output.status.signal()), (None, Some(signal)));
        let end = only_run(state.path()).ended.expect("an end");
        assert_eq!((end.exit_code, end.signal), (None, Some(signal)));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}

#[test]
fn arguments_arrive_to_the_byte() {
    let state = state();
    let arguments: Vec<OsString> = [
        &b"plain"[..],
        b"two words",
        b" leading and trailing ",
        b"'\"`$HOME`\"'",
        b"line\nbreak",
        b"\xff\xfe\x80",
        b"",
        b"--",
        b"--task",
        b"*",
        b";rm",
        b"\\",
    ]
    .into_iter()
    .map(|bytes| OsString::from_vec(bytes.to_vec()))
    .collect();
    let output = wrapper(state.path(), &[]).args(["printf", "%s\\0"]).args(&arguments).output().expect("wrapper");
    let expected: Vec<u8> = arguments.iter().flat_map(|word| [&word.clone().into_vec()[..], b"\0"].concat()).collect();
    assert_eq!(output.stdout, expected);
}

#[test]
fn input_environment_and_folder_are_inherited() {
    let state = state();
    let folder = tempfile::tempdir().expect("folder");
    let mut child = wrapper(state.path(), &[])
        .args(["sh", "-c", "pwd -P; echo $ROUNDS_TEST_MARK; cat; echo warning >&2"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("wrapper");
    child.stdin.take().expect("stdin").write_all(b"typed").expect("write");
    let output = child.wait_with_output().expect("output");
    let folder = folder.path().canonicalize().expect("folder");
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{}\nkept\ntyped", folder.display()));
    assert_eq!(output.stderr, b"warning\n");
    let tail = only_run(state.path()).tail;
    assert!(tail.contains("typed") && tail.contains("warning"), "{tail}");
}

#[test]
fn what_cannot_be_started_is_127_or_126() {
    let state = state();
    let output = wrapper(state.path(), &[]).arg("no-such-program-anywhere").output().expect("wrapper");
    assert_eq!(output.status.code(), Some(127));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no-such-program-anywhere"));
    let run = only_run(state.path());
    assert_eq!(run.ended.expect("an end").exit_code, Some(127));

    let plain = state.path().join("not-executable");
    std::fs::write(&plain, "echo no\n").expect("file");
    let output = wrapper(state.path(), &[]).arg(&plain).output().expect("wrapper");
    assert_eq!(output.status.code(), Some(126));
}

#[test]
fn much_output_passes_unchanged_in_little_memory() {
    const BYTES: usize = 50_000_000;
    let state = state();
    let script = format!("yes 'the quick brown fox jumps over the lazy dog' | head -c {BYTES}");
    let mut child = wrapper(state.path(), &[])
        .args(["sh", "-c", &script])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("wrapper");
    let mut stdout = child.stdout.take().expect("stdout");
    let (mut hash, mut length, mut most) = (Sha256::new(), 0, 0);
    let mut buffer = vec![0; 65_536];
    loop {
        let read = stdout.read(&mut buffer).expect("read");
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        length += read;
        if length % 1_000_000 < read {
            most = most.max(own_kib(child.id()));
        }
    }
    let direct = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).output().expect("direct");
    assert_eq!(length, BYTES);
    assert_eq!(hash.finalize()[..], Sha256::digest(&direct.stdout)[..]);
    assert!(most > 0 && most < 12_000, "{most} KiB of its own");
    assert!(end_of(child).success());
    let tail = only_run(state.path()).tail;
    assert!(tail.len() < 100_000 && tail.contains("bytes omitted"), "{}", tail.len());
}

/// What a process holds of its own: a test's program has megabytes of names in its file, which are
/// resident as well, and are the compiler's.
fn own_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}

#[test]
fn the_command_runs_whatever_is_wrong_with_the_spool() {
    let good = state();
    let absent = good.path().join("not/yet/there");
    assert_eq!(sh(&absent, "echo ran").stdout, b"ran\n");
    assert_eq!(only_run(&absent).ended.expect("an end").exit_code, Some(0));

    let blocked = good.path().join("a-file");
    std::fs::write(&blocked, "in the way").expect("file");
    let half = good.path().join("half");
    std::fs::create_dir(&half).expect("folder");
    std::fs::write(half.join("spool"), "in the way").expect("file");
    for state in [blocked.as_path(), half.as_path(), Path::new("/proc/nowhere"), Path::new("/dev/full/x")] {
        let output = sh(state, "echo ran; exit 7");
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(7), &b"ran\n"[..]), "{}", state.display());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.starts_with("rounds exec: the run of `t` is not recorded"), "{told}");
    }
}

#[test]
fn a_full_disk_keeps_neither_the_command_nor_its_code() {
    let state = state();
    // A limit on file sizes is a full disk that needs no rights: every write fails.
    let script = format!(
        "trap '' XFSZ; ulimit -f 0; exec {} exec --task t --store {} -- sh -c 'echo ran; exit 9'",
        env!("CARGO_BIN_EXE_rounds"),
        store(state.path())
    );
    let output = alone(Command::new("sh").args(["-c", &script]), state.path()).output().expect("shell");
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(9), &b"ran\n"[..]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not recorded"));
}

#[test]
fn a_reader_that_goes_away_does_not_take_the_command_with_it() {
    let state = state();
    let done = state.path().join("done");
    let mut child = wrapper(state.path(), &[])
        .args(["sh", "-c", "echo first; head -c 3000000 /dev/zero; touch \"$0\"; exit 3"])
        .arg(&done)
        .stdout(Stdio::piped())
        .spawn()
        .expect("wrapper");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut line).expect("line");
    assert_eq!(line, "first\n");
    assert_eq!(end_of(child).code(), Some(3));
    assert!(done.exists(), "the command came to its end");
}

#[test]
fn a_command_past_its_time_is_ended() {
    let state = state();
    let start = Instant::now();
    let output = wrapper(state.path(), &["--timeout", "200ms"]).args(["sleep", "60"]).output().expect("wrapper");
    assert_eq!(output.status.code(), Some(124));
    assert!(start.elapsed() < Duration::from_secs(5));
    let end = only_run(state.path()).ended.expect("an end");
    assert!(end.timed_out && end.exit_code == Some(124));
}

#[test]
fn a_command_that_will_not_end_is_killed_ten_seconds_later() {
    let state = state();
    let start = Instant::now();
    let output = wrapper(state.path(), &["--timeout", "200ms"])
        .args(["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"])
        .output()
        .expect("wrapper");
    assert_eq!(output.status.code(), Some(124));
    assert!((10..40).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[test]
fn a_process_left_behind_holds_up_nobody_and_is_heard_to_its_end() {
    // One that is silent until it is told to go on, and one that talks all the time.
    let silent = "while [ ! -e \"$0\" ]; do sleep 0.02; done; head -c 3000000 /dev/zero | tr '\\0' x; echo late >&2";
    let talks = "n=0; while [ ! -e \"$0\" ]; do n=$((n+1)); echo $n; sleep 0.01; done; echo late >&2";
    for (what, left_behind) in [("silent", silent), ("talks", talks)] {
        let state = state();
        let go = state.path().join("go");
        let mut child = wrapper(state.path(), &[])
            .args(["sh", "-c", &format!("({left_behind}) & echo said; exit 4")])
            .arg(&go)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("wrapper");
        let (mut stdout, mut stderr) = (child.stdout.take().expect("stdout"), child.stderr.take().expect("stderr"));
        assert_eq!(end_of(child).code(), Some(4), "{what}: the end of the command is known at once");
        assert_eq!(only_run(state.path()).ended.expect("an end").exit_code, Some(4), "{what}");
        assert!(only_run(state.path()).tail.contains("said"), "{what}");
        std::fs::write(&go, "").expect("the sign to go on");
        let (mut said, mut warned) = (String::new(), String::new());
        stdout.read_to_string(&mut said).expect("the rest");
        stderr.read_to_string(&mut warned).expect("the rest");
        assert_eq!(warned, "late\n", "{what}");
        let rest: Vec<&str> = said.lines().filter(|line| *line != "said").collect();
        if what == "silent" {
            assert!(rest.len() == 1 && rest[0].len() == 3_000_000 && rest[0].bytes().all(|byte| byte == b'x'));
        } else {
            let counted: Vec<String> = (1..=rest.len()).map(|n| n.to_string()).collect();
            assert_eq!(rest, counted, "nothing is lost, doubled or out of order");
        }
    }
}

#[test]
fn signals_reach_the_command_and_its_answer_is_ours() {
    for (signal, name) in [(Signal::TERM, "TERM"), (Signal::INT, "INT"), (Signal::HUP, "HUP"), (Signal::QUIT, "QUIT")] {
        let state = state();
        let script =
            format!("trap 'echo caught; exit 42' {name}; echo ready; for n in $(seq 500); do sleep 0.02; done");
        let mut child =
            wrapper(state.path(), &[]).args(["sh", "-c", &script]).stdout(Stdio::piped()).spawn().expect("wrapper");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("ready");
        tell(&child, signal);
        stdout.read_to_string(&mut line).expect("rest");
        assert_eq!(line, "ready\ncaught\n", "{name}");
        assert_eq!(end_of(child).code(), Some(42), "{name}");
    }
    let state = state();
    let child = wrapper(state.path(), &[]).args(["sleep", "60"]).spawn().expect("wrapper");
    soon("the run is recorded", || !spool::read(&spool::directory(state.path())).is_empty());
    soon("the command runs", || has_child(child.id()));
    tell(&child, Signal::TERM);
    assert_eq!(end_of(child).signal(), Some(15), "a command that does not catch it dies of it, and so do we");
}

fn has_child(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
        .is_ok_and(|children| !children.trim().is_empty())
}

#[test]
fn what_it_was_started_to_ignore_stays_ignored() {
    let state = state();
    let script = format!(
        "trap '' HUP; exec {} exec --task t --store {} -- sh -c 'kill -HUP $$; echo alive'",
        env!("CARGO_BIN_EXE_rounds"),
        store(state.path())
    );
    let output = alone(Command::new("sh").args(["-c", &script]), state.path()).output().expect("shell");
    assert_eq!(output.stdout, b"alive\n");
}

#[test]
fn a_killed_wrapper_leaves_a_run_that_is_lost() {
    let state = state();
    let mut command = wrapper(state.path(), &[]);
    command.args(["sleep", "60"]).process_group(0);
    let mut child = command.spawn().expect("wrapper");
    soon("the command runs", || has_child(child.id()));
    let run = only_run(state.path());
    assert!(run.alive && run.ended.is_none());
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).expect("children");
    child.kill().expect("kill");
    // Not yet waited for, it is a zombie: gone all the same.
    soon("the run is lost", || !only_run(state.path()).alive);
    child.wait().expect("wait");
    for pid in children.split_whitespace() {
        let pid = Pid::from_raw(pid.parse().expect("pid")).expect("pid");
        kill_process(pid, Signal::KILL).expect("the orphan");
    }
}

#[test]
fn a_limit_that_cannot_be_read_keeps_no_command_from_running() {
    let state = state();
    let output = wrapper(state.path(), &["--timeout", "5x"]).args(["echo", "ran"]).output().expect("wrapper");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"ran\n"[..]));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("--timeout 5x") && said.contains("it runs without a limit"), "{said}");
}

#[test]
fn a_name_that_no_configuration_knows_is_told_to_whoever_wants_to_know_more() {
    let state = state();
    for (more, expected) in [(&[][..], ""), (&["-v"][..], "rounds exec: no [[task]] is called `t`: its runs are kept")]
    {
        let output = wrapper(state.path(), more).args(["true"]).output().expect("wrapper");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.starts_with(expected) && said.is_empty() == expected.is_empty(), "{said}");
    }
}

/// Holds the lock of the task until its standard input is closed.
fn holder(state: &Path) -> Child {
    let mut command = wrapper(state, &["--lock", "skip"]);
    let child =
        command.args(["sh", "-c", "echo began; read line; exit 0"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = child.spawn().expect("wrapper");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("stdout")).read_line(&mut line).expect("a line");
    assert_eq!(line, "began\n");
    child
}

#[test]
fn a_run_is_skipped_while_another_is_not_over_and_that_is_recorded() {
    let state = state();
    let mut first = holder(state.path());
    let output = wrapper(state.path(), &["--lock", "skip"]).args(["echo", "ran"]).output().expect("wrapper");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(77), &b""[..]));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "rounds exec: `t` is not run: another run is not over\n");
    let skipped = |runs: &[TaskRun]| runs.iter().filter(|run| run.is_skipped()).count();
    let runs = spool::read(&spool::directory(state.path()));
    assert_eq!((runs.len(), skipped(&runs)), (2, 1));
    let one = runs.iter().find(|run| run.is_skipped()).expect("the one that was skipped");
    let end = one.ended.as_ref().expect("an end");
    assert_eq!((end.kind, end.exit_code, one.tail.as_str()), (EndKind::Skipped, None, "another run is not over"));
    let band = rounds::domain::slot::Band::default();
    assert_eq!(band.judge(one, end.at), TaskState::Skipped);
    // Another task of the same place is not held up, and neither is one that did not ask.
    for other in [&["exec", "--task", "other", "--lock", "skip"][..], &["exec", "--task", "t"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rounds"));
        command.args(other).args(["--store", &store(state.path()), "--", "true"]);
        assert!(alone(&mut command, state.path()).status().expect("wrapper").success(), "{other:?}");
    }
    drop(first.stdin.take());
    assert!(end_of(first).success());
    let again = wrapper(state.path(), &["--lock", "skip"]).args(["true"]).status().expect("wrapper");
    assert!(again.success(), "the lock ends with its wrapper");
}

#[test]
fn a_run_waits_for_another_as_long_as_it_was_told_to() {
    let state = state();
    let mut first = holder(state.path());
    let output = wrapper(state.path(), &["--lock", "wait:50ms"]).args(["echo", "ran"]).output().expect("wrapper");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(77), &b""[..]));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.ends_with("another run was not over in time\n"), "{said}");
    let mut waiting = wrapper(state.path(), &["--lock", "wait"]);
    let mut waiting = waiting.args(["echo", "ran"]).stdout(Stdio::piped()).spawn().expect("wrapper");
    soon("it waits for the lock", || waits_for_a_lock(waiting.id()));
    assert!(waiting.try_wait().expect("wait").is_none());
    drop(first.stdin.take());
    assert!(end_of(first).success());
    let mut said = String::new();
    waiting.stdout.take().expect("stdout").read_to_string(&mut said).expect("output");
    assert_eq!((said.as_str(), end_of(waiting).code()), ("ran\n", Some(0)));
}

/// Whether one of its threads waits in the kernel for a lock of a file.
fn waits_for_a_lock(pid: u32) -> bool {
    let table = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    table.lines().any(|line| line.contains("->") && line.split_ascii_whitespace().any(|word| word == pid.to_string()))
}

#[test]
fn a_wrapper_that_waits_ends_when_it_is_told_to_and_runs_nothing() {
    let state = state();
    let mut first = holder(state.path());
    let mut waiting = wrapper(state.path(), &["--lock", "wait"]);
    let waiting = waiting.args(["touch"]).arg(state.path().join("ran")).spawn().expect("wrapper");
    soon("it waits for the lock", || waits_for_a_lock(waiting.id()));
    tell(&waiting, Signal::TERM);
    assert_eq!(end_of(waiting).signal(), Some(15));
    assert!(!state.path().join("ran").exists());
    drop(first.stdin.take());
    end_of(first);
}

#[test]
fn a_lock_that_cannot_be_taken_or_read_keeps_no_command_from_running() {
    let state = state();
    std::fs::write(state.path().join("locks"), "in the way").expect("a file");
    let output = wrapper(state.path(), &["--lock", "skip"]).args(["echo", "ran"]).output().expect("wrapper");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"ran\n"[..]));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("nothing keeps another run of `t` from beginning meanwhile"), "{said}");
    let output = wrapper(state.path(), &["--lock", "never"]).args(["echo", "ran"]).output().expect("wrapper");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"ran\n"[..]));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("--lock never: write skip, wait, or how long at most"), "{said}");
}
