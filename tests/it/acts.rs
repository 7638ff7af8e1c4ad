//! Acts of the real binary under trouble: two at once, killed, cancelled, out of time, and with
//! output that wants to be more than text.

#![expect(clippy::disallowed_methods, reason = "real processes take real time")]

use std::io::Write;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::World;

const CONFIG: &str = r#"
version = 1
[store]
url = "sqlite:{root}/state/rounds/rounds.db"
[[database]]
id = "rota"
url = "sqlite:{root}/rota.sqlite3"
[[backup]]
id = "rota-db"
database = "rota"
files = "{root}/backups/rota_%Y%m%d_%H%M%S.sqlite3"
[[task]]
id = "alerts"
source = "exec"
run = { command = ["/bin/echo", "sent"], repeat = "ask" }
[[task]]
id = "long"
source = "exec"
run = { command = ["/bin/sh", "-c", "touch {root}/started; sleep 5"] }
[[action]]
id = "slow"
title = "Take a while"
risk = "disruptive"
command = ["/bin/sh", "-c", "touch {root}/started; sleep 30 & wait"]
[[action]]
id = "stubborn"
title = "Take longer than allowed"
risk = "routine"
command = ["/bin/sleep", "30"]
timeout = "300ms"
[[action]]
id = "guarded"
title = "Want a fresh backup"
risk = "routine"
command = ["/usr/bin/touch", "{root}/guarded"]
guards = [{ backup = "rota-db", within = "30m" }]
[[check]]
id = "marked"
command = ["/usr/bin/test", "-e", "{root}/mark"]
[[action]]
id = "claims"
title = "Say that it is done"
risk = "routine"
command = ["/bin/true"]
verify = { check = "marked", within = "1s" }
[[action]]
id = "deaf"
title = "Not hear TERM"
risk = "routine"
command = ["/bin/sh", "-c", "trap '' TERM HUP INT; touch {root}/started; while :; do sleep 0.1; done"]
[[action]]
id = "alone"
title = "Want the database for itself"
risk = "routine"
command = ["/bin/sh", "-c", "touch {root}/started; sleep 60 & wait"]
guards = [{ idle = "rota" }]
[[action]]
id = "reads-the-log"
title = "Look at what is on record of itself"
risk = "routine"
command = ["{binary}", "--config", "{root}/config.toml", "audit", "list", "--format", "json"]
[[action]]
id = "evil"
title = "Print what a terminal would obey"
risk = "routine"
command = ["/bin/sh", "-c", "printf '\\033]0;owned\\007\\033[2Jred\\033[31m\\342\\200\\256gnp.exe\\n'; exit 1"]
"#;

fn world() -> World {
    let config = CONFIG.replace("{binary}", env!("CARGO_BIN_EXE_rounds"));
    World::new().config(&config).database("rota.sqlite3", 10)
}

/// Starts the slow action and waits until its command runs.
fn start_slow(world: &World) -> Child {
    start(world, &["run", "slow", "--yes", "--operator", "asha"])
}

fn start(world: &World, arguments: &[&str]) -> Child {
    let mut command = world.command(arguments);
    let said = std::fs::File::create(world.path("said")).expect("a file");
    let child = command.stdout(Stdio::piped()).stderr(said).spawn().expect("the binary");
    let begun = Instant::now();
    while !world.path("started").exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the action did not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

fn tell(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(child.id().cast_signed()).expect("a process"), signal).expect("it can be told");
}

fn newest_record(world: &World) -> Value {
    world.run(&["audit", "list", "--format", "json"]).exits(0).json()["records"][0].clone()
}

#[test]
fn the_second_of_two_is_turned_away_and_told_who_the_first_is() {
    let world = world();
    let mut first = start_slow(&world);
    let refused = world.run(&["run", "slow", "--yes", "--operator", "ben"]).exits(77).err();
    assert!(refused.contains("action:slow is busy: slow by asha@"), "{refused}");
    tell(&first, Signal::INT);
    first.wait().expect("its end");
    world.run(&["audit", "verify"]).exits(0);
}

#[test]
fn ctrl_c_cancels_ends_the_whole_group_and_is_recorded() {
    let world = world();
    let mut child = start_slow(&world);
    let begun = Instant::now();
    tell(&child, Signal::INT);
    assert_eq!(child.wait().expect("its end").code(), Some(1));
    assert!(begun.elapsed() < Duration::from_secs(8), "TERM was enough");
    assert_eq!(newest_record(&world)["outcome"], "cancelled");
}

#[test]
fn whoever_ends_the_program_cancels_the_act_and_its_outcome_is_written() {
    for signal in [Signal::TERM, Signal::HUP] {
        let world = world();
        let mut child = start_slow(&world);
        tell(&child, signal);
        assert_eq!(child.wait().expect("its end").code(), Some(1), "{signal:?}");
        assert_eq!(newest_record(&world)["outcome"], "cancelled", "{signal:?}");
    }
}

#[test]
fn asking_twice_kills_what_does_not_listen() {
    let world = world();
    let mut child = start(&world, &["run", "deaf", "--yes"]);
    // The second is a wish of its own only once the first was heard.
    for (signal, answer) in [(Signal::INT, "cancelling"), (Signal::TERM, "stopping it now")] {
        tell(&child, signal);
        let begun = Instant::now();
        while !std::fs::read_to_string(world.path("said")).is_ok_and(|said| said.contains(answer)) {
            assert!(begun.elapsed() < Duration::from_secs(20), "no `{answer}`");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    assert_eq!(child.wait().expect("its end").code(), Some(1));
    let record = newest_record(&world);
    assert_eq!(record["outcome"], "cancelled");
    assert!(record["took_s"].as_f64().is_some_and(|took| took < 9.0), "the grace of ten seconds was cut: {record:#}");
}

#[test]
fn what_is_done_is_on_record_before_it_begins() {
    let world = world();
    world.run(&["run", "reads-the-log", "--yes"]).exits(0);
    let log = world.files("state/rounds/jobs");
    let seen = std::fs::read_to_string(world.path("state/rounds/jobs").join(&log[0])).expect("what it printed");
    let seen: Value = serde_json::from_str(&seen).expect("an answer");
    let phases: Vec<&str> =
        seen["records"].as_array().expect("records").iter().filter_map(|one| one["phase"].as_str()).collect();
    assert_eq!(phases, ["started", "intent"], "newest first: {seen:#}");
}

#[test]
fn exit_0_is_not_enough_where_a_check_decides() {
    let world = world();
    let answer = world.run(&["run", "claims", "--yes"]).exits(1).out();
    assert!(answer.starts_with("not-effective: ran, but command:marked is not ok after 1.0 s"), "{answer}");
    assert_eq!(newest_record(&world)["outcome"], "not-effective");
    std::fs::write(world.path("mark"), "").expect("the mark");
    world.run(&["run", "claims", "--yes"]).exits(0);
}

#[test]
fn what_must_be_idle_is_held_and_whoever_comes_is_told_by_whom() {
    let world = world();
    let mut child = start(&world, &["run", "alone", "--yes", "--operator", "asha"]);
    let refused = world.run(&["database", "integrity", "rota", "--yes"]).exits(77).err();
    assert!(refused.contains("database:rota is busy: alone by asha@"), "{refused}");
    tell(&child, Signal::TERM);
    child.wait().expect("its end");
    world.run(&["database", "integrity", "rota", "--yes"]).exits(0);
}

/// A backup that a command makes, and how it is to do so.
fn commanded(command: &str) -> World {
    let config = format!(
        "version = 1\n[[backup]]\nid = \"dump\"\nfiles = \"{{root}}/shelf/dump_%Y%m%d_%H%M%S.json\"\n\
         pair = \"{{root}}/shelf/rows_%Y%m%d_%H%M%S.json\"\ncommand = [\"/bin/sh\", \"-c\", \"{command}\"]\n"
    );
    World::new().config(&config)
}

/// An old backup with its pair, made a while ago.
fn shelve(world: &World, folder: &str) {
    std::fs::create_dir(world.path(folder)).expect("a folder");
    let then: rounds::domain::time::Timestamp = "2026-03-01T02:00:00Z".parse().expect("a time");
    for (name, text) in [("dump_20260301_020000.json", "{\"rows\": 1}"), ("rows_20260301_020000.json", "{\"rows\": 1}")]
    {
        let file = std::fs::File::create(world.path(folder).join(name)).expect("a file");
        (&file).write_all(text.as_bytes()).expect("its text");
        file.set_modified(SystemTime::from(then)).expect("its age");
    }
}

#[test]
fn a_backup_command_that_leaves_no_new_backup_has_done_nothing() {
    let world = commanded("exit 0");
    shelve(&world, "shelf");
    let answer = world.run(&["backup", "run", "--yes"]).exits(1).out();
    assert!(
        answer.starts_with("not-effective: exit code 0 after ") && answer.contains("no new complete backup"),
        "{answer}"
    );
}

#[test]
fn a_backup_is_not_new_because_nobody_could_look_before() {
    // Where the shelf should be lies a file, until the command has put an old backup there.
    let world = commanded("rm {root}/shelf; mv {root}/old {root}/shelf");
    shelve(&world, "old");
    std::fs::write(world.path("shelf"), "in the way").expect("a file");
    let answer = world.run(&["backup", "run", "--yes"]).exits(1).out();
    assert!(
        answer.starts_with("not-effective: ") && answer.contains("new is not known, because before it "),
        "{answer}"
    );
    // Neither is there none to verify when nobody can look.
    std::fs::rename(world.path("shelf"), world.path("old")).expect("away");
    std::fs::write(world.path("shelf"), "in the way").expect("a file");
    let answer = world.run(&["backup", "verify", "dump"]).exits(1).out();
    assert!(answer.starts_with("failed: ") && !answer.contains("there is no file"), "{answer}");
}

#[test]
fn a_guard_that_cannot_look_does_not_say_that_there_is_none() {
    let world = world();
    std::fs::write(world.path("backups"), "in the way").expect("a file");
    let refused = world.run(&["run", "guarded", "--yes"]).exits(77).err();
    assert!(refused.contains("whether `rota-db` has a backup is not known: "), "{refused}");
}

#[test]
fn a_backup_is_as_sound_as_its_pair() {
    let world = commanded("exit 0");
    shelve(&world, "shelf");
    world.run(&["backup", "verify", "dump"]).exits(0);
    std::fs::write(world.path("shelf/rows_20260301_020000.json"), "{\"rows\": ").expect("the pair");
    let answer = world.run(&["backup", "verify", "dump"]).exits(1).out();
    assert!(answer.contains("; its pair: "), "{answer}");
}

#[test]
fn an_act_whose_program_was_killed_is_lost_on_the_next_start() {
    let world = world();
    let mut child = start_slow(&world);
    assert_eq!(newest_record(&world)["phase"], "started", "an act that lives is not lost");
    tell(&child, Signal::KILL);
    child.wait().expect("its end");
    let record = newest_record(&world);
    assert_eq!((&record["phase"], &record["outcome"]), (&"outcome".into(), &"lost".into()), "{record:#}");
    let count =
        |world: &World| world.run(&["audit", "list", "--format", "json"]).json()["records"].as_array().map(Vec::len);
    assert_eq!(count(&world), count(&world), "lost once");
    world.run(&["audit", "verify"]).exits(0);
    // The lease went with the process: the next one may act at once.
    std::fs::remove_file(world.path("started")).expect("the mark");
    let mut next = start_slow(&world);
    tell(&next, Signal::INT);
    next.wait().expect("its end");
}

#[test]
fn a_task_whose_program_was_killed_is_lost_and_can_be_run_again() {
    let world = world();
    let mut child = start(&world, &["task", "run", "long", "--yes"]);
    world.run(&["task", "run", "long", "--yes"]).exits(77);
    tell(&child, Signal::KILL);
    child.wait().expect("its end");
    let tasks = world.run(&["task", "list", "--format", "json"]).exits(0).json();
    let long = tasks["tasks"].as_array().expect("tasks").iter().find(|one| one["id"] == "long").expect("it");
    assert_eq!(long["state"], "lost", "{long:#}");
    world.run(&["task", "run", "long", "--yes"]).exits(0);
}

#[test]
fn an_act_past_its_time_is_stopped() {
    let world = world();
    let answer = world.run(&["run", "stubborn", "--yes"]).exits(1).out();
    assert!(answer.starts_with("timed-out: stopped after "), "{answer}");
    assert_eq!(newest_record(&world)["outcome"], "timed-out");
}

#[test]
fn a_guard_is_looked_at_freshly_and_says_what_to_do_first() {
    let world = world();
    let refused = world.run(&["run", "guarded", "--yes"]).exits(77).err();
    assert!(refused.contains("no usable backup of `rota-db`; make one first"), "{refused}");
    assert!(!world.path("guarded").exists());
    world.run(&["backup", "run", "--yes"]).exits(0);
    world.run(&["run", "guarded", "--yes"]).exits(0);
    assert!(world.path("guarded").exists());
}

#[test]
fn a_task_that_must_not_repeat_wants_a_reason_the_second_time() {
    let world = world();
    let first = world.run(&["task", "run", "alerts", "--dry-run"]).exits(0).out();
    assert!(!first.contains("already ran"), "{first}");
    world.run(&["task", "run", "alerts", "--yes"]).exits(0);
    let plan = world.run(&["task", "run", "alerts", "--dry-run"]).exits(0).out();
    assert!(plan.contains("it already ran today at ") && plan.contains("and went well: run it again?"), "{plan}");
    assert_eq!(plan.matches("a reason is given").count(), 1, "{plan}");
    let refused = world.run(&["task", "run", "alerts", "--yes"]).exits(77).err();
    assert!(refused.contains("already ran today"), "{refused}");
    world.run(&["task", "run", "alerts", "--yes", "--reason", "the mail server was down"]).exits(0);
}

#[test]
fn no_escape_of_a_program_reaches_the_terminal_the_answer_or_the_log_of_acts() {
    let world = world();
    let answer = world.run(&["run", "evil", "--yes"]).exits(1);
    let records = world.run(&["audit", "list"]).exits(0).out();
    let json = world.run(&["audit", "list", "--format", "json"]).exits(0).out();
    for text in [answer.out(), answer.err(), records, json] {
        let bad = text.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(bad, None, "{text:?}");
    }
    assert!(answer.err().contains("red"), "what was text stays");
}

#[test]
fn twenty_at_once_make_one_backup_after_the_other_or_are_turned_away() {
    let world = world();
    let mut children: Vec<Child> = (0..20)
        .map(|_| {
            let mut command = world.command(&["backup", "run", "--yes"]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary")
        })
        .collect();
    let codes: Vec<Option<i32>> = children.iter_mut().map(|child| child.wait().expect("its end").code()).collect();
    let done = codes.iter().filter(|code| **code == Some(0)).count();
    assert!(done >= 1, "{codes:?}");
    assert!(codes.iter().all(|code| matches!(code, Some(0 | 1 | 77))), "{codes:?}");
    let copies = world.files("backups").iter().filter(|name| name.ends_with(".sqlite3")).count();
    assert_eq!(copies, done, "every copy is of somebody who was told so: {codes:?}");
    world.run(&["backup", "verify"]).exits(0);
    world.run(&["audit", "verify"]).exits(0);
}

#[test]
fn of_twenty_at_once_exactly_one_acts_and_the_others_are_told_who() {
    let config = "version = 1\n[[action]]\nid = 'hold'\ntitle = 'Hold on'\nrisk = 'routine'\n\
        command = ['/bin/sh', '-c', 'echo one >> {root}/holders; while [ ! -e {root}/go ]; do sleep 0.05; done']\n";
    let world = World::new().config(config);
    let mut children: Vec<Child> = (0..20)
        .map(|number| {
            let operator = format!("operator-{number}");
            let mut command = world.command(&["run", "hold", "--yes", "--operator", &operator]);
            let said = std::fs::File::create(world.path(&operator)).expect("a file");
            command.stdout(Stdio::null()).stderr(said).spawn().expect("the binary")
        })
        .collect();
    // Whoever holds it goes on until all others have given up.
    let began = Instant::now();
    let mut codes = vec![None; children.len()];
    while codes.iter().flatten().count() < 19 {
        assert!(began.elapsed() < Duration::from_mins(3), "{codes:?}");
        std::thread::sleep(Duration::from_millis(20));
        for (code, child) in codes.iter_mut().zip(&mut children) {
            *code = child.try_wait().expect("its state").map(|status| status.code().unwrap_or(-1));
        }
    }
    assert!(codes.iter().flatten().all(|code| *code == 77), "{codes:?}");
    let holder = codes.iter().position(Option::is_none).expect("one is left");
    std::fs::write(world.path("go"), "").expect("go");
    assert!(children[holder].wait().expect("its end").success());
    assert_eq!(std::fs::read_to_string(world.path("holders")).expect("holders"), "one\n");
    for loser in (0..20).filter(|number| *number != holder) {
        let said = std::fs::read_to_string(world.path(&format!("operator-{loser}"))).expect("what it was told");
        assert!(said.contains(&format!("is busy: hold by operator-{holder}@")), "{loser}: {said}");
    }
}

#[test]
fn a_task_whose_command_records_itself_has_one_run_and_no_overlap() {
    let rounds = env!("CARGO_BIN_EXE_rounds");
    let config = format!(
        r#"
version = 1
[system]
name = "rota"
[[task]]
id = "report"
source = "exec"
run = {{ command = ["{rounds}", "--store", "sqlite:{{root}}/state/rounds/rounds.db", "exec", "--task", "report", "--", "/bin/sleep", "0.2"] }}
"#
    );
    let world = World::new().config(&config);
    world.run(&["task", "run", "report", "--yes"]).exits(0);
    let list = world.run(&["task", "list", "--format", "json"]).json();
    let task = &list["tasks"][0];
    assert_eq!(task["last"]["exit_code"], 0, "{list:#}");
    assert_eq!(task["overlap"], false, "{list:#}");
}

#[test]
fn a_store_that_is_locked_when_an_act_ends_is_waited_for() {
    let config = r#"
version = 1
[system]
name = "rota"
[[task]]
id = "slow"
source = "exec"
run = { command = ["/bin/sh", "-c", "touch {root}/started; while [ ! -e {root}/go ]; do sleep 0.05; done"] }
"#;
    let world = World::new().config(config);
    let mut act = start(&world, &["task", "run", "slow", "--yes"]);
    let other = rusqlite::Connection::open(world.path("state/rounds/rounds.db")).expect("open");
    other.busy_timeout(Duration::from_secs(10)).expect("patience");
    other.execute_batch("BEGIN IMMEDIATE").expect("lock");
    std::fs::write(world.path("go"), "").expect("go");
    // Longer than anybody waits for a lock.
    std::thread::sleep(Duration::from_secs(8));
    other.execute_batch("ROLLBACK").expect("let go");
    assert!(act.wait().expect("wait").success());
    assert_eq!(newest_record(&world)["outcome"], "succeeded");
    // And so is the end of the run it was.
    let run = "SELECT ended_at IS NOT NULL, alive FROM run WHERE task = 'slow'";
    let told: (bool, bool) = other.query_row(run, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("one run");
    assert_eq!(told, (true, false));
}

#[test]
fn every_act_is_told_as_one_document() {
    let world = world();
    let told = |arguments: &[&str], code: i32| {
        let answer = world.run(&[arguments, &["--format", "json"]].concat()).exits(code).json();
        assert_eq!(answer["schema"], 1, "{answer:#}");
        let keys = ["action", "target", "outcome", "detail", "correlation", "exit_code", "took_s", "risk"];
        let dry = arguments.contains(&"--dry-run");
        assert!(dry || keys.iter().all(|key| answer.get(key).is_some()), "{answer:#}");
        answer
    };
    for (arguments, action, target) in [
        (&["backup", "run", "--yes"][..], "backup", "backup:rota-db"),
        (&["backup", "verify"], "verify", "backup:rota-db"),
        (&["database", "integrity", "--yes"], "integrity", "database:rota"),
        (&["task", "run", "alerts", "--yes"], "run-task", "task:alerts"),
    ] {
        let answer = told(arguments, 0);
        assert_eq!((answer["action"].as_str(), answer["target"].as_str()), (Some(action), Some(target)), "{answer:#}");
        let record = newest_record(&world);
        assert_eq!(answer["outcome"], "succeeded", "{answer:#}");
        for key in ["correlation", "outcome", "took_s", "target"] {
            assert_eq!(answer[key], record[key], "{key}: {answer:#} {record:#}");
        }
    }
    let failed = told(&["run", "evil", "--yes"], 1);
    assert_eq!((&failed["outcome"], &failed["exit_code"]), (&"failed".into(), &1.into()), "{failed:#}");
    // Not begun: the reason, and no record of an act.
    let refused = told(&["run", "guarded", "--yes", "--read-only"], 77);
    assert!(refused["detail"].as_str().is_some_and(|why| why.contains("read-only")), "{refused:#}");
    let unsure = told(&["run", "slow"], 77);
    assert_eq!((&unsure["outcome"], &unsure["correlation"]), (&"refused".into(), &Value::Null), "{unsure:#}");
    let plan = told(&["run", "slow", "--dry-run"], 0);
    assert_eq!((&plan["dry_run"], &plan["risk"]), (&true.into(), &"disruptive".into()), "{plan:#}");
    assert!(plan["steps"][0].as_str().is_some_and(|step| step.starts_with("$ /bin/sh -c")), "{plan:#}");
    assert!(!world.path("started").exists() && !world.path("guarded").exists());
}
