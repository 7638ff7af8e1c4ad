//! Real children, well-behaved and not: whatever they do, a run ends, in time, and leaves
//! nobody behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use rounds::domain::plan::Invocation;
use rounds::exec::{Captured, Ended, ExecError, Finished, Limits, capture, run};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

const LONG: Duration = Duration::from_secs(20);

fn shell(script: &str) -> Invocation {
    Invocation::new(["sh", "-c", script])
}

async fn run_all(invocation: &Invocation, limits: Limits) -> (Finished, Vec<String>) {
    let mut lines = Vec::new();
    let finished = run(invocation, limits, CancellationToken::new(), |line| lines.push(line)).await;
    (finished.expect("it starts"), lines)
}

async fn capture_all(script: &str) -> Captured {
    capture(&shell(script), LONG, 1 << 20).await.expect("it starts")
}

/// Whether a process lives; a zombie does not.
fn alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
        .is_ok_and(|stat| !stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
}

/// The pid a child wrote down, once it has.
async fn pid_in(file: &Path) -> String {
    let written = async {
        loop {
            match fs::read_to_string(file) {
                Ok(pid) if pid.ends_with('\n') => return pid.trim().to_owned(),
                _ => sleep(Duration::from_millis(10)).await,
            }
        }
    };
    timeout(Duration::from_secs(10), written).await.expect("the child writes its pid down")
}

async fn assert_dies(pid: &str) {
    let death = async {
        while alive(pid) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(3), death).await.expect("nobody is left");
}

#[tokio::test]
async fn both_outputs_become_clean_lines_and_the_exit_code_is_known() {
    let script = r"printf '\033[31mred\033[0m\n'; printf 'b\344d\n' >&2; printf 'no newline'; exit 3";
    let (finished, mut lines) = run_all(&shell(script), Limits::new(LONG)).await;
    lines.sort();
    assert_eq!(lines, ["b\\xe4d", "no newline", "red"]);
    assert_eq!((finished.exit_code, finished.signal, finished.ended), (Some(3), None, Ended::Exited));
    assert!(!finished.succeeded() && finished.tail.len() == 3);
    assert!(finished.to_string().starts_with("exit code 3 after "), "{finished}");
}

#[tokio::test]
async fn a_signal_is_told_apart_from_an_exit_code() {
    let captured = capture_all("kill -9 $$").await;
    assert_eq!((captured.exit_code, captured.signal, captured.ended), (None, Some(9), Ended::Exited));
}

#[tokio::test]
async fn a_child_starts_with_a_known_environment_and_nothing_else() {
    let mut invocation = Invocation::new(["env"]);
    invocation.environment.insert("DECLARED".into(), "a b; $HOME".into());
    let captured = capture(&invocation, LONG, 1 << 20).await.expect("env");
    let printed = String::from_utf8(captured.stdout).expect("text");
    let allowed = ["HOME=", "USER=", "LOGNAME=", "TZ=", "PATH=/usr/local/sbin:", "LANG=C.UTF-8", "DECLARED=a b; $HOME"];
    for line in printed.lines() {
        assert!(allowed.iter().any(|start| line.starts_with(start)), "{line}");
    }
    assert!(printed.contains("DECLARED=a b; $HOME\n") && printed.contains("LANG=C.UTF-8\n"));

    let place = capture_all("pwd; read line || echo nothing to read").await;
    assert_eq!(place.stdout, b"/\nnothing to read\n");
}

#[tokio::test]
async fn only_the_three_streams_are_inherited() {
    let folder = tempfile::tempdir().expect("scratch");
    let _held = fs::File::create(folder.path().join("held")).expect("scratch");
    let captured = capture_all("ls -l /proc/self/fd").await;
    let printed = String::from_utf8(captured.stdout).expect("text");
    assert!(!printed.contains("held"), "{printed}");
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let error = capture(&Invocation::new(["no-such-program"]), LONG, 10).await.expect_err("missing");
    assert!(matches!(&error, ExecError::NotFound { program, .. } if program == "no-such-program"), "{error}");

    let folder = tempfile::tempdir().expect("scratch");
    let script = folder.path().join("script");
    fs::write(&script, "#!/no/such/interpreter\n").expect("scratch");
    let invocation = Invocation::new([script.to_str().expect("utf-8")]);
    let error = capture(&invocation, LONG, 10).await.expect_err("no right");
    assert!(error.to_string().contains("`chmod +x` allows it"), "{error}");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("scratch");
    let error = capture(&invocation, LONG, 10).await.expect_err("no interpreter");
    assert!(error.to_string().contains("interpreter"), "{error}");

    let elsewhere = Invocation { directory: Some("/no/such/place".into()), ..shell("true") };
    let error = capture(&elsewhere, LONG, 10).await.expect_err("no directory");
    assert!(matches!(error, ExecError::Directory { .. }), "{error}");
    let error = capture(&Invocation::new(Vec::<String>::new()), LONG, 10).await.expect_err("empty");
    assert_eq!(error, ExecError::Empty);
}

#[tokio::test]
async fn one_that_ignores_term_is_killed_with_all_it_started() {
    let folder = tempfile::tempdir().expect("scratch");
    let file = folder.path().join("pid");
    let script = format!("trap '' TERM; sleep 600 & echo $! > {}; while :; do wait; done", file.display());
    let limits = Limits { grace: Duration::from_millis(200), ..Limits::new(Duration::from_millis(300)) };
    let begun = Instant::now();
    let (finished, _) = run_all(&shell(&script), limits).await;
    assert_eq!((finished.ended, finished.signal), (Ended::TimedOut, Some(9)));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_dies(&pid_in(&file).await).await;
}

#[tokio::test]
async fn a_leader_that_goes_at_once_does_not_save_the_rest_of_its_group() {
    let folder = tempfile::tempdir().expect("scratch");
    let file = folder.path().join("pid");
    let script = format!("sh -c 'trap \"\" TERM; echo $$ > {}; while :; do sleep 1; done' & wait", file.display());
    let cancel = CancellationToken::new();
    let limits = Limits { grace: Duration::from_millis(200), ..Limits::new(LONG) };
    let invocation = shell(&script);
    let job = run(&invocation, limits, cancel.clone(), |_| {});
    let (finished, pid) = tokio::join!(job, async {
        let pid = pid_in(&file).await;
        cancel.cancel();
        pid
    });
    assert_eq!(finished.expect("it starts").ended, Ended::Cancelled);
    assert_dies(&pid).await;
}

#[tokio::test]
async fn one_that_tidies_up_on_term_is_given_the_time() {
    let script = "trap 'echo tidied; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    let cancel = CancellationToken::new();
    let mut lines = Vec::new();
    let asked = cancel.clone();
    let finished = run(&shell(script), Limits::new(LONG), cancel, |line| {
        asked.cancel();
        lines.push(line);
    })
    .await
    .expect("it starts");
    // A shell whose sleep was hit by the same TERM says so in between.
    assert!(lines[0] == "ready" && lines.contains(&"tidied".to_owned()), "{lines:?}");
    assert_eq!((finished.ended, finished.exit_code), (Ended::Cancelled, Some(7)));
}

#[tokio::test]
async fn one_that_halted_itself_is_woken_to_hear_that_it_must_stop() {
    let limits = Limits { grace: Duration::from_secs(5), ..Limits::new(Duration::from_millis(200)) };
    let (finished, _) = run_all(&shell("kill -STOP $$"), limits).await;
    assert_eq!(finished.signal, Some(15), "TERM was enough");
}

#[tokio::test]
async fn a_daemon_that_keeps_the_pipe_open_holds_nobody_up_and_lives_on() {
    let folder = tempfile::tempdir().expect("scratch");
    let file = folder.path().join("pid");
    let script = format!("sleep 600 & echo $! > {}; echo started", file.display());
    let begun = Instant::now();
    let (finished, lines) = run_all(&shell(&script), Limits::new(LONG)).await;
    assert!(finished.succeeded() && lines == ["started"]);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let pid = pid_in(&file).await;
    assert!(alive(&pid), "a job may start a server");
    capture_all(&format!("kill {pid}")).await;
    assert_dies(&pid).await;
}

#[tokio::test]
async fn a_probe_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("scratch");
    let file = folder.path().join("pid");
    let captured = capture_all(&format!("sleep 600 & echo $! > {}; echo done", file.display())).await;
    assert_eq!(captured.stdout, b"done\n");
    assert_dies(&pid_in(&file).await).await;
}

#[tokio::test]
async fn a_dropped_run_kills_its_group() {
    let folder = tempfile::tempdir().expect("scratch");
    let file = folder.path().join("pid");
    let script = format!("sh -c 'echo $$ > {}; sleep 600' & wait", file.display());
    let invocation = shell(&script);
    let pid = tokio::select! {
        _ = capture(&invocation, LONG, 10) => panic!("it does not end by itself"),
        pid = pid_in(&file) => pid,
    };
    assert_dies(&pid).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "needs root: mounts a file system that never answers"]
async fn root_what_not_even_kill_ends_is_told_and_can_be_waited_for() {
    let folder = tempfile::tempdir().expect("scratch");
    let mut hung = crate::support::hung::Hung::swallowing(&folder.path().join("hung"));
    let asks = ["stat".to_owned(), hung.path("x").display().to_string()];
    let invocation = Invocation::new(hung.prefix().into_iter().chain(asks));
    let limits = Limits { grace: Duration::from_millis(200), ..Limits::new(Duration::from_secs(1)) };
    let (finished, _) = run_all(&invocation, limits).await;
    assert_eq!((finished.ended, finished.exit_code, finished.signal), (Ended::TimedOut, None, None));
    let mut left = finished.left.expect("the kernel has it");
    let pid = left.pid().expect("it was not waited for").to_string();
    assert!(!left.is_gone() && alive(&pid));
    hung.release();
    timeout(LONG, left.gone()).await.expect("it ends when the answer comes");
    assert_dies(&pid).await;
}

#[tokio::test]
async fn the_log_is_there_before_the_program_with_the_directory_it_lies_in() {
    let folder = tempfile::tempdir().expect("scratch");
    let path = folder.path().join("jobs/1/job.log");
    let script = format!("cat {0} && echo there; stat -c %a {1}", path.display(), folder.path().join("jobs").display());
    let (finished, lines) = run_all(&shell(&script), Limits::new(LONG).log(&path)).await;
    assert_eq!((lines, finished.log_note), (vec!["there".to_owned(), "700".to_owned()], None));
    let (missing, path) = (Invocation::new(["/no/such/program"]), folder.path().join("missing.log"));
    let error = run(&missing, Limits::new(LONG).log(&path), CancellationToken::new(), |_| {}).await;
    let error = error.expect_err("it is not there").to_string();
    assert_eq!(fs::read_to_string(&path).expect("a log"), error, "the log says why nothing is in it");
}

#[tokio::test]
async fn a_hundred_megabytes_cost_a_bounded_log_and_a_bounded_tail() {
    let folder = tempfile::tempdir().expect("scratch");
    let path = folder.path().join("job.log");
    let limits = Limits { log_bytes: 1_000_000, ..Limits::new(Duration::from_mins(2)).log(&path) };
    let mut seen = 0;
    let script = "yes 0123456789012345678901234567890123456789012345678 | head -c 100000000; echo; echo the end";
    let finished = run(&shell(script), limits, CancellationToken::new(), |_| seen += 1).await.expect("it starts");
    assert!(finished.succeeded(), "{finished}");
    assert_eq!(finished.tail.last().map(String::as_str), Some("the end"));
    assert_eq!(finished.tail.len(), 50);
    assert!((1000..2_000_000).contains(&seen), "{seen} lines of two million were shown");
    let log = fs::read(&path).expect("a log");
    assert!((1_000_000..1_000_200).contains(&log.len()), "{}", log.len());
    assert!(log.ends_with(b"\n[99.0 MB more were printed and not kept]\n"));
    assert_eq!(finished.log_note.as_deref(), Some("99.0 MB more were printed and not kept"));
    let mode = fs::metadata(&path).expect("a log").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn endless_output_does_not_outlast_its_time() {
    let begun = Instant::now();
    let captured = capture(&Invocation::new(["yes"]), Duration::from_millis(300), 1000).await.expect("it starts");
    assert_eq!((captured.ended, captured.stdout.len(), captured.cut), (Ended::TimedOut, 1000, true));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn the_log_keeps_the_raw_bytes_and_never_follows_what_lies_in_its_place() {
    let folder = tempfile::tempdir().expect("scratch");
    let path = folder.path().join("job.log");
    let (finished, _) = run_all(&shell(r"printf '\033[31m\377\n'"), Limits::new(LONG).log(&path)).await;
    assert_eq!(finished.log_note, None);
    assert_eq!(fs::read(&path).expect("a log"), b"\x1b[31m\xff\n");

    let precious = folder.path().join("precious");
    fs::write(&precious, "precious").expect("scratch");
    let link = folder.path().join("link.log");
    std::os::unix::fs::symlink(&precious, &link).expect("scratch");
    let (finished, lines) = run_all(&shell("echo ran"), Limits::new(LONG).log(&link)).await;
    assert!(finished.succeeded() && lines == ["ran"], "the run goes on without its log");
    assert!(finished.log_note.expect("a note").contains("could not be created"));
    assert_eq!(fs::read(&precious).expect("still there"), b"precious");
}
