//! What the probe sees of a real systemd is what happened there.

use super::machine::{Machine, within};

const ONCE: &str = "OnActiveSec=0";

fn text(value: &serde_json::Value) -> String {
    value.to_string()
}

/// Waits until what a task printed is told of it: the journal may be a moment behind the end of its run.
fn printed(machine: &Machine, task: &str, words: &str) {
    within("what it printed is told", || {
        let found = machine.tasks().remove(task).unwrap_or_default();
        if text(&found["findings"]).contains(words) { Ok(()) } else { Err(format!("{found:#}")) }
    });
}

#[test]
#[ignore = "needs root and systemd: boots one in namespaces of its own"]
fn root_systemd_timers_and_units_are_told_as_they_went() {
    let machine = Machine::new("");
    let wanted = machine.also(
        "[[task]]\nid = \"asleep\"\nsource = \"systemd\"\nmatch = \"rota-asleep\"\n\
         [[task]]\nid = \"renamed\"\nsource = \"systemd\"\nmatch = \"rota-failing-old\"\n",
    );
    machine.unit("rota-good", "Type=oneshot\nExecStart=/bin/sh -c 'echo written; sleep 0.2'", ONCE);
    machine.unit("rota-failing", "Type=oneshot\nExecStart=/bin/sh -c 'echo ERROR: SMTP refused >&2; exit 3'", ONCE);
    machine.unit("rota-slow", "Type=oneshot\nTimeoutStartSec=1\nExecStart=/bin/sleep 600", ONCE);
    machine.unit("rota-signal", "Type=oneshot\nExecStart=/bin/sh -c 'kill -SEGV $$$$'", ONCE);
    machine.unit("rota-absent", "Type=oneshot\nExecStart=/nonexistent/program", ONCE);
    machine.unit("rota-long", "Type=oneshot\nExecStart=/bin/sleep 600", ONCE);
    machine.unit("rota-new", "Type=oneshot\nExecStart=/bin/true", "OnCalendar=*-*-* 02:00:00\nOnCalendar=Mon 04:00");
    machine.unit("rota-asleep", "Type=oneshot\nExecStart=/bin/true", "OnCalendar=daily");
    machine.unit("rota-idle", "Type=oneshot\nExecStart=/bin/true", "OnCalendar=daily");
    machine.unit("web", "ExecStart=/bin/sh -c 'echo no port; exit 7'\nRestart=always\nRestartSec=50ms", "");
    let timers =
        ["good", "failing", "slow", "signal", "absent", "long", "new"].map(|name| format!("rota-{name}.timer"));
    let mut units: Vec<&str> = timers.iter().map(String::as_str).collect();
    units.push("web.service");
    machine.start(&units);

    let good = machine.waits("rota-good", "ok");
    assert_eq!((&good["last"]["exit_code"], &good["source"]), (&0.into(), &"systemd".into()), "{good:#}");
    let failing = machine.waits("rota-failing", "failed");
    assert_eq!(failing["last"]["exit_code"], 3, "{failing:#}");
    printed(&machine, "rota-failing", "ERROR: SMTP refused");
    let slow = machine.waits("rota-slow", "failed");
    assert!(text(&slow["findings"]).contains("its time limit"), "{slow:#}");
    let signal = machine.waits("rota-signal", "failed");
    assert_eq!((&signal["last"]["signal"], &signal["last"]["exit_code"]), (&11.into(), &serde_json::Value::Null));
    machine.waits("rota-absent", "failed");
    printed(&machine, "rota-absent", "/nonexistent/program: No such file or directory");
    let long = machine.waits("rota-long", "running");
    assert!(long["last"]["ended_at"].is_null() && long["last"]["started_at"].is_string(), "{long:#}");
    let new = machine.waits("rota-new", "new");
    assert_eq!(new["schedule"], "*-*-* 02:00:00, Mon *-*-* 04:00:00", "both of its rules");
    let script = "date -u -d \"$(systemctl show -P NextElapseUSecRealtime rota-new.timer)\" +%FT%T";
    let next = machine.script(script);
    assert!(text(&new["next_due"]).contains(next.trim()), "{next} is when systemd starts it: {new:#}");

    let idle = machine.tasks().remove("rota-idle").expect("a timer that is installed and not started");
    assert_eq!((&idle["state"], &idle["status"]), (&"disabled".into(), &"ok".into()));
    let asleep = machine.run(&["check", "task:asleep", "--format", "json", "--config", &wanted]).exits(1).out();
    assert!(asleep.contains("it does not run"), "somebody wants it to: {asleep}");
    let renamed = machine.run(&["check", "task:renamed", "--format", "json", "--config", &wanted]).exits(2).out();
    assert!(
        renamed.contains("systemd has none called `rota-failing-old`")
            && renamed.contains("`rota-failing.timer` is near")
    );

    let units = within("the service that fails over and over has failed", || {
        let told = machine.run(&["check", "task:systemd", "--format", "json"]).out();
        if told.contains("the unit web.service failed") { Ok(told) } else { Err(told) }
    });
    assert!(
        units.contains("exit code 7") && units.contains("started again 5 times") && units.contains("no port"),
        "{units}"
    );
    assert!(!units.contains("rota-failing"), "what a timer starts is told with its timer: {units}");
}

#[test]
#[ignore = "needs root and systemd: boots one in namespaces of its own"]
fn root_systemd_what_was_due_while_the_machine_was_off_is_made_up_for_or_no_miss() {
    let mut machine = Machine::new("");
    let write = |word: &str| format!("Type=oneshot\nExecStart=/bin/echo {word}");
    machine.unit("rota-kept", &write("kept"), "OnCalendar=*-01-01 00:00:00\nPersistent=true");
    machine.unit("rota-lost", &write("lost"), "OnCalendar=*-01-01 00:00:00");
    machine.script("systemctl daemon-reload; systemctl enable --now rota-kept.timer rota-lost.timer; systemctl start rota-kept.service rota-lost.service");
    let before = machine.waits("rota-kept", "ok");
    // As it was left by a machine that has been off for more than a year.
    machine.script("touch -d '2 years ago' /var/lib/systemd/timers/stamp-rota-kept.timer; sync");
    machine.halt();
    machine.boot();
    let after = within("what was missed is made up for", || {
        let task = machine.tasks().remove("rota-kept").unwrap_or_default();
        let again = task["state"] == "ok" && task["last"]["started_at"] != before["last"]["started_at"];
        if again { Ok(task) } else { Err(format!("{task:#}")) }
    });
    assert_eq!(after["last"]["exit_code"], 0);
    let lost = machine.tasks().remove("rota-lost").expect("the task");
    assert_eq!(lost["state"], "ok", "its run before the machine was off is the last there was: {lost:#}");
    assert!(lost["next_due"].is_string(), "{lost:#}");
}

#[test]
#[ignore = "needs root and systemd: boots one in namespaces of its own"]
fn root_systemd_timers_of_a_user_are_told_and_acted_upon_as_that_user() {
    let machine = Machine::new("");
    machine.unit("rota", "Type=oneshot\nExecStart=/bin/true", ONCE);
    machine.script(
        "mkdir -p /etc/systemd/user; for unit in rota mine; do \
         printf '[Service]\\nType=oneshot\\nExecStart=/bin/sh -c \"echo of the user; exit 4\"\\n' >/etc/systemd/user/$unit.service; \
         printf '[Timer]\\nOnActiveSec=0\\n[Install]\\nWantedBy=timers.target\\n' >/etc/systemd/user/$unit.timer; done",
    );
    machine.start(&["rota.timer"]);
    machine.script("systemctl start user@0.service; export XDG_RUNTIME_DIR=/run/user/0; systemctl --user start rota.timer mine.timer");
    machine.waits("rota", "ok");
    assert_eq!(machine.waits("mine", "failed")["last"]["exit_code"], 4);
    printed(&machine, "user-rota", "of the user");
    machine.run(&["task", "disable", "mine", "--yes", "--reason", "a test"]).exits(0);
    assert_eq!(machine.tasks()["mine"]["state"], "disabled");
}
