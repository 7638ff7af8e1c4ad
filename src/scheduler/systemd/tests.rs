//! What systemd 252 really printed, and a manager that is a table.

use std::time::Duration;

use super::unit::{last, units};
use super::*;
use crate::domain::time::Zone;
use crate::exec::{Captured, Ended};
use crate::scheduler::source::Outcome;

pub(in crate::scheduler) const LIST: &str = r#"[{"next":1795169295876260,"left":1795169295876260,"last":1795169285862567,"passed":1795169285862567,"unit":"rota-quick.timer","activates":"rota-quick.service"},
{"next":1795226517655534,"left":1795226517655534,"last":0,"passed":0,"unit":"rota-backup.timer","activates":"rota-backup.service"},
{"next":null,"left":null,"last":1795169284000000,"passed":1795169284000000,"unit":"rota-long.timer","activates":"rota-long.service"},
{"next":null,"left":null,"last":0,"passed":0,"unit":"fstrim.timer","activates":"fstrim.service"}]"#;

pub(in crate::scheduler) const SHOW: &str = "\
Id=rota-quick.timer
ActiveState=active
UnitFileState=enabled
Result=success
TimersMonotonic={ OnUnitActiveUSec=10s ; next_elapse=49min 13.493065s }
AccuracyUSec=1s
RandomizedDelayUSec=0

Id=rota-quick.service
ActiveState=failed
Result=exit-code
ExecMainStatus=203
ExecMainCode=1
ExecMainStartTimestamp=@1795169285
ExecMainExitTimestamp=@1795169287

Id=rota-backup.timer
ActiveState=active
UnitFileState=transient
Persistent=yes
TimersCalendar={ OnCalendar=*-*-* 02:00:00 ; next_elapse=Sat 2026-11-21 02:00:00 UTC }
AccuracyUSec=1min
RandomizedDelayUSec=30min

Id=rota-backup.service
ActiveState=inactive
Result=success
ExecMainStatus=0
ExecMainCode=0
ExecMainStartTimestamp=
ExecMainExitTimestamp=

Id=rota-long.timer
ActiveState=active
AccuracyUSec=1min

Id=rota-long.service
ActiveState=activating
Result=success
ExecMainStartTimestamp=@1795169284
ExecMainExitTimestamp=

Id=fstrim.timer
ActiveState=inactive
UnitFileState=disabled
TimersMonotonic={ OnBootUSec=15min ; next_elapse=0 }
TimersCalendar={ OnCalendar=*-*-* 12:00:00 ; next_elapse=(null) }
TimersCalendar={ OnCalendar=Mon *-*-* 00:00:00 ; next_elapse=(null) }

Id=old.timer
ActiveState=active
";

pub(in crate::scheduler) const FILES: &str = r#"[{"unit_file":"fstrim.timer","state":"disabled","preset":"enabled"},
{"unit_file":"old.timer","state":"static","preset":null},{"unit_file":"pg_dump@.timer","state":"disabled"},
{"unit_file":"second-name.timer","state":"alias"}]"#;

pub(in crate::scheduler) const CRASHED: &str = "Id=crashloop.service\nActiveState=failed\nResult=exit-code\nExecMainCode=1\nExecMainStatus=7\n\
                       NRestarts=5\nInvocationID=c1\nStateChangeTimestamp=@1795169287\n";

pub(in crate::scheduler) const SAID: &str =
    r#"{"MESSAGE":"no port","_SYSTEMD_UNIT":"crashloop.service","__REALTIME_TIMESTAMP":"1795169287000000"}"#;

pub(in crate::scheduler) const FAILED: &str = r#"[{"unit":"crashloop.service","load":"loaded","active":"failed","sub":"failed","description":"Crash loop"},
{"unit":"rota-quick.service","load":"loaded","active":"failed","sub":"failed","description":"Quick"}]"#;

fn calendar() -> Calendar {
    Calendar { zone: Zone::utc(), now: "2026-11-20T10:08:10Z".parse().expect("now") }
}

fn answer(text: &str) -> Captured {
    Captured {
        exit_code: Some(0),
        signal: None,
        ended: Ended::Exited,
        took: Duration::ZERO,
        stdout: text.into(),
        stderr: Vec::new(),
        cut: false,
        left: None,
    }
}

fn manager(asked: &Invocation) -> Result<Captured, String> {
    let asked = asked.argv.join(" ").replace(unit::PROPERTIES, "PROPERTIES");
    if asked.starts_with("journalctl") {
        return Ok(answer(if asked.contains("_SYSTEMD_UNIT=crashloop.service") { SAID } else { "" }));
    }
    match &*asked {
        "systemctl --no-pager list-timers --all --output=json" => Ok(answer(LIST)),
        "systemctl --no-pager list-units --state=failed --output=json" => Ok(answer(FAILED)),
        "systemctl --no-pager list-unit-files --type=timer --output=json" => Ok(answer(FILES)),
        "systemctl --no-pager show --timestamp=unix --property=PROPERTIES -- crashloop.service" => Ok(answer(CRASHED)),
        _ if asked.starts_with("systemctl --no-pager show --timestamp=unix") => {
            assert!(asked.ends_with("-- rota-quick.timer rota-quick.service rota-backup.timer rota-backup.service rota-long.timer rota-long.service fstrim.timer fstrim.service old.timer old.service"));
            Ok(answer(SHOW))
        }
        _ => Err(format!("who asks `{asked}`?")),
    }
}

#[test]
fn the_outcome_is_that_of_the_service_and_instants_are_the_wall_clocks() {
    let timers = read(manager, &calendar(), Path::new("/nowhere")).expect("timers");
    let [quick, backup, long, trim, old] = &timers[..] else { panic!("five timers: {timers:?}") };
    let last = quick.last.as_ref().expect("ran");
    assert_eq!(last.started_at.timestamp(), 1_795_169_285);
    let at = Timestamp::from_timestamp(1_795_169_287, 0);
    assert_eq!(last.outcome, Outcome::Ended { at, exit_code: Some(203), signal: None, timed_out: false });
    assert_eq!(last.words, "systemd: its program could not be started (203/EXEC)");
    assert_eq!(quick.told.schedule.as_deref(), Some("OnUnitActive 10s"));
    assert_eq!(quick.told.next.expect("next").timestamp_micros(), 1_795_169_295_876_260);
    let runs = quick.runs("quick");
    assert!(runs[0].ended.as_ref().is_some_and(|end| !end.is_success() && (end.took_s - 2.0).abs() < 0.001));

    assert_eq!((backup.told.schedule.as_deref(), &backup.last), (Some("*-*-* 02:00:00"), &None), "it never ran");
    assert_eq!(backup.told.delay, Duration::from_mins(31));
    assert_eq!(long.last.as_ref().map(|last| &last.outcome), Some(&Outcome::Running));
    assert_eq!(trim.told.disabled.as_deref(), Some("fstrim.timer is inactive, disabled"));
    assert!(old.told.disabled.is_none() && old.name == "old.timer", "installed, and not loaded");
    assert!(backup.catches_up && backup.fleeting && !quick.catches_up && !quick.fleeting);
    assert_eq!(trim.told.schedule.as_deref(), Some("Mon *-*-* 00:00:00, *-*-* 12:00:00, OnBoot 15min"));
}

#[test]
fn a_list_alone_does_not_tell_how_it_went() {
    let timers = parse(LIST.as_bytes(), &calendar()).expect("timers");
    assert!(timers[0].runs("quick")[0].untold);
    assert_eq!(timers[1].last, None, "0 is never");
    assert!(parse(b"[{}]", &calendar()).is_err() && parse(b"Failed to connect", &calendar()).is_err());
}

#[test]
fn failed_units_are_told_once() {
    let timers = read(manager, &calendar(), Path::new("/nowhere")).expect("timers");
    let failed = failed(manager, Path::new("/nowhere"), &timers, calendar().now).expect("units");
    let text = "the unit crashloop.service failed: exit code 7, started again 5 times; it said: no port";
    assert_eq!(failed.iter().map(|unit| &*unit.text).collect::<Vec<_>>(), [text], "the other is a timer's");
}

#[test]
fn a_signal_and_a_timeout_are_told_apart() {
    let service = |result: &str, code: &str, status: &str| {
        let text = format!(
            "Id=a.service\nActiveState=failed\nResult={result}\nExecMainStatus={status}\nExecMainCode={code}\n\
             ExecMainStartTimestamp=@1795169285\nExecMainExitTimestamp=@1795169287\n"
        );
        last(&units(&text)["a.service"]).expect("ran").outcome
    };
    let at = Timestamp::from_timestamp(1_795_169_287, 0);
    let ended = |exit_code, signal, timed_out| Outcome::Ended { at, exit_code, signal, timed_out };
    assert_eq!(service("success", "1", "0"), ended(Some(0), None, false));
    assert_eq!(service("exit-code", "1", "3"), ended(Some(3), None, false));
    assert_eq!(service("oom-kill", "2", "9"), ended(None, Some(9), false));
    assert_eq!(service("timeout", "2", "15"), ended(None, Some(15), true));
    assert_eq!(
        service("start-limit-hit", "1", "0"),
        ended(None, None, false),
        "exit 0 of the run before is no success"
    );
}

#[test]
fn any_answer_is_read_or_refused() {
    let mut seed = 7_u64;
    let mut below = |bound: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % bound.max(1)
    };
    for _ in 0..20_000 {
        let (mut list, mut show) = (LIST.as_bytes().to_vec(), SHOW.as_bytes().to_vec());
        for _ in 0..=below(3) {
            let (a, b) = (below(list.len()), below(show.len()));
            list[a] = below(256) as u8;
            show[b] = below(256) as u8;
        }
        list.truncate(list.len() - below(2) * below(list.len()));
        drop(parse(&list, &calendar()));
        for unit in units(&String::from_utf8_lossy(&show)).values() {
            let mut listed = Listed::default();
            listed.take(Some(unit), Some(unit));
        }
    }
}

#[test]
fn a_start_that_a_condition_prevented_is_no_run() {
    let told = |text: &str| {
        let units =
            unit::units(&format!("Id=a.service\nActiveState=inactive\nExecMainCode=1\nExecMainStatus=0\n{text}"));
        unit::last(&units["a.service"]).map(|last| (last.started_at.timestamp(), last.outcome == Outcome::Skipped))
    };
    let ran = "Result=success\nExecMainStartTimestamp=@1795169200\nExecMainExitTimestamp=@1795169210\n";
    let table = [
        ("ConditionResult=no\nConditionTimestamp=", None),
        ("ConditionResult=no\nConditionTimestamp=@1795169284", Some((1_795_169_284, true))),
        (&format!("{ran}ConditionResult=no\nConditionTimestamp=@1795169284"), Some((1_795_169_284, true))),
        (&format!("{ran}ConditionResult=yes\nConditionTimestamp=@1795169199"), Some((1_795_169_200, false))),
        (
            &format!("{}ConditionResult=yes\nConditionTimestamp=@1795169284", ran.replace("success", "exec-condition")),
            Some((1_795_169_284, true)),
        ),
    ];
    for (text, expected) in table {
        assert_eq!(told(text), expected, "{text}");
    }
}
