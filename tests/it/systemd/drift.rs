//! Timers of a real systemd that are others than those somebody found right.

use super::machine::Machine;

#[test]
#[ignore = "needs root and systemd: boots one in namespaces of its own"]
fn root_systemd_timers_that_are_others_than_those_that_were_accepted_are_told() {
    let machine = Machine::new("");
    for name in ["kept", "edited", "gone", "other-user"] {
        machine.unit(&format!("rota-{name}"), "Type=oneshot\nExecStart=/bin/true", "OnCalendar=*-*-* 02:00:00");
    }
    let timers = "rota-kept.timer rota-edited.timer rota-gone.timer rota-other-user.timer";
    machine.script(&format!("systemctl daemon-reload; systemctl enable --now {timers}"));
    machine.run(&["task", "accept", "--yes", "--reason", "the new server", "--operator", "asha"]).exits(0);
    let told = || {
        let list = machine.run(&["task", "list", "--format", "json"]).exits(0).json();
        let findings = list["installed"]["systemd"]["findings"].as_array().cloned().unwrap_or_default();
        let changes = findings.iter().filter(|finding| finding["key"] == "changes");
        changes.filter_map(|finding| Some(finding["text"].as_str()?.to_owned())).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(told(), "");
    machine.run(&["task", "freeze", "rota-kept", "--yes", "--reason", "an incident"]).exits(0);
    assert_eq!(told(), "", "what is frozen is no other timer");
    machine.run(&["task", "thaw", "--yes"]).exits(0);

    machine.unit("rota-edited", "Type=oneshot\nExecStart=/bin/echo no", "OnCalendar=*-*-* 03:00:00");
    machine.unit("rota-other-user", "Type=oneshot\nUser=nobody\nExecStart=/bin/true", "OnCalendar=*-*-* 02:00:00");
    machine.unit("rota-new", "Type=oneshot\nExecStart=/bin/true", "OnCalendar=daily");
    machine.script(
        "systemctl disable --now rota-gone.timer rota-kept.timer; rm /etc/systemd/system/rota-gone.*; \
         systemctl daemon-reload; systemctl start rota-new.timer",
    );
    let text = told();
    for part in [
        "gone from the timers since asha accepted it at",
        "rota-gone.timer",
        "rota-edited.timer: due `*-*-* 03:00:00`, was `*-*-* 02:00:00`; command `rota-edited.service: /bin/echo no`, was \
         `rota-edited.service: /bin/true`",
        "rota-kept.timer: disabled",
        "rota-other-user.timer: user `nobody`, was `root`",
        "new in the timers since asha accepted it at",
        "rota-new.timer",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    machine.run(&["task", "accept", "systemd", "--yes", "--reason", "as planned"]).exits(0);
    assert_eq!(told(), "");
    machine.run(&["task", "enable", "rota-kept", "--yes"]).exits(0);
    assert!(told().contains("rota-kept.timer: enabled"), "{}", told());
    machine.run(&["task", "accept", "rota-kept", "--yes", "--reason", "it is back"]).exits(0);
    assert_eq!(told(), "");
}
