//! What operators do to timers and services of a real systemd, and what is there afterwards.

use std::time::Duration;

use super::machine::{Machine, within};

/// What systemd says of units, and the files that say what it is to start.
fn state(machine: &Machine) -> String {
    machine.script(
        "systemctl show -p Id,ActiveState,UnitFileState,TimersCalendar rota-a.timer rota-b.timer rota-c.timer; \
         find /etc/systemd/system -name 'rota*' -printf '%p %l %m %s\\n' | sort; cat /etc/systemd/system/rota*",
    )
}

fn nightly(machine: &Machine) {
    for name in ["a", "b", "c"] {
        let rule = "OnCalendar=*-*-* 02:00:00\nPersistent=true";
        machine.unit(&format!("rota-{name}"), "Type=oneshot\nExecStart=/bin/true", rule);
    }
    // One that is enabled, one that somebody started, and one that is neither.
    machine.script("systemctl daemon-reload; systemctl enable --now rota-a.timer; systemctl start rota-b.timer");
}

fn states(machine: &Machine) -> [String; 3] {
    let tasks = machine.tasks();
    ["rota-a", "rota-b", "rota-c"].map(|id| tasks[id]["state"].as_str().unwrap_or_default().to_owned())
}

#[test]
#[ignore = "needs root and systemd: boots one in namespaces of its own"]
fn root_systemd_timers_are_frozen_and_thawed_to_what_they_were() {
    let machine = Machine::new("");
    nightly(&machine);
    let before = state(&machine);
    machine.run(&["task", "freeze", "--yes", "--reason", "the disk is replaced", "--read-only"]).exits(77);
    assert_eq!(state(&machine), before, "what was refused changed nothing");
    let said = machine.run(&["task", "freeze", "--for", "90m", "--yes", "--reason", "the disk is replaced"]).exits(0);
    assert!(said.out().contains("so it is"), "{}", said.out());
    assert_eq!(states(&machine), ["frozen", "frozen", "disabled"]);
    let active = machine.script("systemctl show -P ActiveState rota-a.timer rota-b.timer");
    assert!(!active.lines().any(|line| line == "active"), "{active}");
    let shown = machine.run(&["check", "task:rota-a", "--format", "json"]).exits(0).out();
    assert!(shown.contains("frozen until") && shown.contains("the disk is replaced"), "{shown}");
    // Its slot goes by, and nothing was missed.
    let plan = machine.run(&["task", "thaw", "--dry-run"]).exits(0).out();
    assert!(plan.contains("rota-a begins at once if it was due meanwhile"), "{plan}");
    machine.run(&["task", "thaw", "--yes"]).exits(0);
    assert_eq!(state(&machine), before);
    assert_eq!(states(&machine), ["new", "new", "disabled"]);
    assert!(machine.run(&["task", "thaw", "--yes"]).exits(77).err().contains("nothing is frozen"));
    machine.run(&["audit", "verify"]).exits(0);
}

#[test]
#[ignore = "needs root and systemd: boots one in namespaces of its own"]
fn root_systemd_a_freeze_outlives_whoever_began_it() {
    let machine = Machine::new("");
    nightly(&machine);
    let before = state(&machine);
    let mut killed = 0;
    for milliseconds in [60, 120, 200, 300, 450, 700, 1000, 1500] {
        let mut freeze =
            machine.rounds(&["task", "freeze", "--yes", "--reason", "an incident"]).spawn().expect("nsenter");
        std::thread::sleep(Duration::from_millis(milliseconds));
        killed += usize::from(freeze.kill().is_ok());
        // What was entered with it goes on for a moment, and may finish.
        machine.inside(&["pkill", "-KILL", "-x", "rounds"]);
        let _ = freeze.wait();
        for state in states(&machine) {
            assert!(["frozen", "new", "disabled"].contains(&state.as_str()), "after {milliseconds} ms: {state}");
        }
        // Whoever comes after finds what is frozen and lets it go, whether that was one or both.
        let thaw = machine.run(&["task", "thaw", "--yes"]);
        assert!(thaw.code() == Some(0) || thaw.err().contains("nothing is frozen"), "{}{}", thaw.out(), thaw.err());
        assert_eq!(state(&machine), before, "after {milliseconds} ms");
    }
    assert!(killed > 0, "none was killed");
}

#[test]
#[ignore = "needs root and systemd: boots one in namespaces of its own"]
fn root_systemd_timers_are_disabled_and_enabled() {
    let machine = Machine::new("");
    nightly(&machine);
    let before = state(&machine);
    assert!(machine.run(&["task", "disable", "rota-a", "--yes"]).exits(77).err().contains("it wants a reason"));
    machine.run(&["task", "disable", "rota-a", "--yes", "--reason", "it is moved"]).exits(0);
    assert_eq!(states(&machine), ["disabled", "new", "disabled"]);
    assert_eq!(machine.inside(&["systemctl", "is-enabled", "rota-a.timer"]).out().trim(), "disabled");
    assert!(
        machine
            .run(&["task", "disable", "rota-a", "--yes", "--reason", "x"])
            .exits(77)
            .err()
            .contains("disabled already")
    );
    machine.run(&["task", "enable", "rota-a", "--yes"]).exits(0);
    assert_eq!(states(&machine), ["new", "new", "disabled"]);
    assert_eq!(state(&machine), before);
    assert!(machine.run(&["task", "enable", "rota-a", "--yes"]).exits(77).err().contains("it is enabled"));
}

#[test]
#[ignore = "needs root and systemd: boots one in namespaces of its own"]
fn root_systemd_a_service_is_stopped_and_restarted_and_looked_at_again() {
    let machine = Machine::new("");
    machine.unit("rota", "ExecStart=/bin/sleep 600", "OnActiveSec=0");
    machine.unit("broken", "Type=oneshot\nExecStart=/bin/sh -c 'echo no database; exit 5'", "OnCalendar=daily");
    machine.start(&["rota.timer", "broken.timer"]);
    machine.waits("rota", "running");
    let process = || machine.script("systemctl show -P MainPID rota.service").trim().to_owned();
    let first = process();
    machine.run(&["task", "restart", "rota", "--yes"]).exits(0);
    let second = process();
    assert_ne!((first.as_str(), second.as_str()), ("0", "0"));
    assert_ne!(first, second, "another process");
    assert_eq!(machine.tasks()["rota"]["state"], "running");
    let restarted = machine.run(&["task", "restart", "broken", "--yes"]).exits(1);
    assert!(
        restarted.out().contains("not-effective") && restarted.out().contains("no database"),
        "{}",
        restarted.out()
    );

    let stopped = machine.run(&["task", "stop", "rota", "--yes"]).exits(0);
    assert!(stopped.out().contains("is over after"), "{}", stopped.out());
    assert_eq!(process(), "0");
    let task = machine.tasks().remove("rota").expect("the task");
    assert_eq!(
        (&task["state"], &task["last"]["signal"]),
        (&"failed".into(), &15.into()),
        "whoever is stopped has not done its work: {task:#}"
    );
    assert!(machine.run(&["task", "stop", "rota", "--yes"]).exits(77).err().contains("it is not running"));
    machine.run(&["audit", "verify"]).exits(0);
}

#[test]
#[ignore = "needs root and systemd: boots one in namespaces of its own"]
fn root_systemd_whoever_is_not_root_is_refused_before_anything_is_done() {
    let machine = Machine::new("");
    machine.unit("rota", "ExecStart=/bin/sleep 600", "OnActiveSec=0");
    machine.start(&["rota.timer"]);
    machine.waits("rota", "running");
    let before = machine.script("systemctl show -p MainPID,ActiveState rota.service rota.timer");
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    machine.script("mkdir -p /tmp/home; chmod 777 /tmp/home");
    for act in [
        &["task", "stop", "rota", "--yes"][..],
        &["task", "restart", "rota", "--yes"],
        &["task", "freeze", "rota", "--yes", "--reason", "x"],
    ] {
        let mut command = machine.rounds_plain(&nobody, act);
        let answer = crate::support::Answer(command.output().expect("nsenter")).exits(77);
        assert!(answer.err().contains("root"), "{}", answer.err());
    }
    assert_eq!(machine.script("systemctl show -p MainPID,ActiveState rota.service rota.timer"), before);
    let mut looks = machine.rounds_plain(&nobody, &["check", "task:systemd", "--format", "json"]);
    let told = crate::support::Answer(looks.output().expect("nsenter")).exits(3).out();
    assert!(
        told.contains("is unknown: the journal shows this user no messages")
            && told.contains("join the group systemd-journal"),
        "{told}"
    );
    within("its timers are told all the same", || {
        let mut list = machine.rounds_plain(&nobody, &["task", "list", "--format", "json"]);
        let told = crate::support::Answer(list.output().expect("nsenter")).exits(0).out();
        if told.contains("\"running\"") { Ok(()) } else { Err(told) }
    });
}

#[test]
#[ignore = "needs root and systemd: boots one in namespaces of its own"]
fn root_systemd_a_unit_that_failed_is_restarted_and_looked_at_whether_it_stays() {
    let machine = Machine::new("");
    machine.unit("web", "ExecStart=/bin/sh -c 'echo no port; exit 7'", "");
    machine.unit("other", "ExecStart=/bin/sleep 600", "Unit=another.service\nOnCalendar=daily");
    machine.script("cp /etc/systemd/system/other.service /etc/systemd/system/another.service");
    machine.start(&["web.service", "other.timer"]);
    within("the failure is told", || {
        let told = machine.run(&["check", "task:systemd", "--format", "text"]).out();
        let mend = "rounds task restart systemd";
        if told.contains("web.service failed") && told.contains(mend) { Ok(()) } else { Err(told) }
    });
    let again = machine.run(&["task", "restart", "web.service", "--yes"]).exits(1).out();
    assert!(again.contains("not-effective") && again.contains("failed: exit code 7"), "{again}");
    machine.unit("web", "ExecStart=/bin/sleep 600", "");
    machine.script("systemctl daemon-reload");
    let restarted = machine.run(&["task", "restart", "systemd", "--yes"]).exits(0).out();
    assert!(restarted.contains("web.service was started anew and is active"), "{restarted}");
    assert_eq!(machine.script("systemctl is-active web.service").trim(), "active");
    let none = machine.run(&["task", "restart", "systemd", "--yes"]).exits(77).err();
    assert!(none.contains("no unit besides the timers' failed"), "{none}");

    // A timer may start a service of another name: that is what is run, and stopped.
    machine.run(&["task", "run", "other", "--yes"]).exits(0);
    assert_eq!(machine.script("systemctl is-active another.service other.service || true").trim(), "active\ninactive");
    machine.waits("other", "running");
    machine.run(&["task", "stop", "other", "--yes"]).exits(0);
    assert_ne!(machine.script("systemctl is-active another.service || true").trim(), "active");
}
