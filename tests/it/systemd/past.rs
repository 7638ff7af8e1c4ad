//! The runs before the last: the journal has them, with what they printed.

use serde_json::Value;

use super::machine::{Machine, within};

fn runs(machine: &Machine, id: &str) -> Vec<Value> {
    let told = machine.run(&["task", "log", id, "--runs", "20", "--format", "json"]).exits(0).json();
    told["tasks"][0]["runs"].as_array().cloned().unwrap_or_default()
}

#[test]
#[ignore = "needs root and systemd: boots one in namespaces of its own"]
fn root_systemd_the_runs_before_the_last_are_told_with_what_they_printed() {
    let mut machine = Machine::new("");
    machine.script("echo 0 >/etc/code");
    let script = "Type=oneshot\nTimeoutStartSec=2\nExecStart=/bin/sh -c 'read code </etc/code; echo line one; printf \"code \\\\033[31m%%s\\\\n\" $$code; \
                  [ $$code -lt 100 ] || exec sleep 600; exit $$code'";
    machine.unit("rota", script, "OnCalendar=*-01-01");
    machine.start(&["rota.timer"]);
    for code in [0, 3, 100, 0] {
        // A service that fails makes the word fail.
        machine.script(&format!("echo {code} >/etc/code; systemctl start rota.service || true"));
    }
    let told = within("all four runs are told", || {
        let runs = runs(&machine, "rota");
        if runs.len() == 4 { Ok(runs) } else { Err(format!("{runs:#?}")) }
    });
    let codes: Vec<(Option<i64>, Option<i64>)> =
        told.iter().map(|run| (run["exit_code"].as_i64(), run["signal"].as_i64())).collect();
    assert_eq!(codes, [(Some(0), None), (None, Some(15)), (Some(3), None), (Some(0), None)], "{told:#?}");
    assert_eq!(told[2]["output"], "line one\ncode 3", "without its colours");
    assert!(
        told.iter().take(3).all(|run| run["output"].as_str().is_some_and(|said| said.starts_with("line one"))),
        "{told:#?}"
    );
    let shown = machine.run(&["task", "list", "--format", "json"]).exits(0).json().to_string();
    assert!(shown.contains("2 earlier slots of the last 24 h went wrong"), "no later success repairs them: {shown}");

    // The power fails while it runs.
    machine.script("echo 100 >/etc/code; sed -i s/TimeoutStartSec=2/TimeoutStartSec=600/ /etc/systemd/system/rota.service; systemctl daemon-reload; systemctl start --no-block rota.service");
    machine.waits("rota", "running");
    within("its beginning is on the disk", || {
        machine.script("journalctl --sync");
        let runs = runs(&machine, "rota");
        if runs.len() == 5 { Ok(()) } else { Err(format!("{runs:#?}")) }
    });
    machine.halt();
    machine.boot();
    machine.start(&["rota.timer"]);
    let lost = machine.waits("rota", "lost");
    assert!(lost["last"]["ended_at"].is_null(), "{lost:#}");
    let again = runs(&machine, "rota");
    assert_eq!(again.len(), 5, "those of before are still told: {again:#?}");
    assert_eq!(again[3]["output"], "line one\ncode 3");
}

#[test]
#[ignore = "needs root and systemd: boots one in namespaces of its own"]
fn root_systemd_what_a_condition_keeps_back_is_skipped_and_a_service_that_crashes_on_and_on_is_told() {
    let machine = Machine::new("");
    machine.unit("disk", "Type=oneshot\nExecStart=/bin/echo copied", "OnCalendar=*-01-01");
    machine.script("sed -i 's,^Description=.*,&\\nConditionPathExists=/etc/disk,' /etc/systemd/system/disk.service");
    machine.unit(
        "asks",
        "Type=oneshot\nExecCondition=/bin/sh -c \"test -e /etc/disk\"\nExecStart=/bin/echo copied",
        "OnCalendar=*-01-01",
    );
    machine.unit("never", "Type=oneshot\nExecStart=/bin/echo ran", "OnCalendar=*-01-01");
    machine
        .script("sed -i 's,^Description=.*,&\\nConditionPathExists=/etc/nowhere,' /etc/systemd/system/never.service");
    machine.unit(
        "crash",
        "ExecStart=/bin/sh -c \"echo no port; exit 7\"\nRestart=always\nRestartSec=200ms\nStartLimitBurst=4",
        "",
    );
    machine.start(&["disk.timer", "asks.timer", "never.timer", "crash.service"]);
    machine.script("touch /etc/disk; systemctl start disk asks");
    for id in ["disk", "asks"] {
        machine.waits(id, "ok");
    }
    machine.script("rm /etc/disk; systemctl start disk asks never");
    let reasons = [
        ("disk", "warning", "its start condition failed (ConditionPathExists=/etc/disk)"),
        ("asks", "warning", "its ExecCondition said no"),
        // What never ran here is meant not to.
        ("never", "ok", "its start condition failed (ConditionPathExists=/etc/nowhere)"),
    ];
    for (id, status, reason) in reasons {
        // Its journal may be a moment behind.
        let task = within(&format!("{id} is skipped with its reason"), || {
            let task = machine.waits(id, "skipped");
            let told = task["findings"].to_string().contains(&format!("did not begin: {reason}"));
            if told { Ok(task) } else { Err(format!("{task:#}")) }
        });
        assert_eq!(task["status"], status, "{task:#}");
    }
    // The disk is there again, and its run repairs nothing but is one.
    machine.script("touch /etc/disk; systemctl start disk");
    machine.waits("disk", "ok");
    assert_eq!(runs(&machine, "disk").len(), 3, "{:#?}", runs(&machine, "disk"));

    let crash = within("the crash loop is told", || {
        let told = machine.run(&["check", "task:systemd", "--format", "json"]).json().to_string();
        if told.contains("crash.service") { Ok(told) } else { Err(told) }
    });
    assert!(crash.contains("no port"), "with what it said: {crash}");
}

#[test]
#[ignore = "needs root and systemd: boots one in namespaces of its own"]
fn root_systemd_what_was_due_while_the_machine_slept_is_skipped() {
    let machine = Machine::new("[[task]]\nid = \"nap\"\nsource = \"exec\"\nschedule = \"* * * * *\"\ngrace = \"1s\"\n");
    machine.run(&["exec", "--task", "nap", "--", "true"]).exits(0);
    // What systemd writes down around a sleep; nothing here can be put to sleep.
    let note = |id: &str| machine.script(&format!("printf 'MESSAGE_ID={id}\\nMESSAGE=x\\n' | logger --journald"));
    note("6bbd95ee977941e497c48be27c254128");
    machine.script("sleep $((62 - $(date +%-S)))");
    note("8811e6df2a8e40f58a94cea26f8ebf14");
    machine.script("sleep 2");
    let task = within("the slot is told", || {
        let task = machine.tasks().remove("nap").unwrap_or_default();
        let told = task["findings"].to_string().contains("the machine was asleep from");
        if told && task["state"] == "skipped" { Ok(task) } else { Err(format!("{task:#}")) }
    });
    assert_eq!(task["status"], "warning", "{task:#}");
}
