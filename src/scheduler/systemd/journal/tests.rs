//! What a manager of systemd 252 really said of its services, and what comes of it.

use std::time::Duration;

use super::*;
use crate::domain::plan::Invocation;
use crate::domain::slot::Band;
use crate::domain::slot::TaskState;
use crate::domain::time::Zone;
use crate::exec::{Captured, Ended};

/// Of the first run that failed, the second that was stopped, the third that went well, and the fourth
/// that the power cut off; the fifth goes on.
const MESSAGES: &str = r#"{"MESSAGE_ID":"7d4958e842da4a758f6c1cdc7b36dcc5","UNIT":"rota.service","INVOCATION_ID":"r1","__REALTIME_TIMESTAMP":"1795294000000000","__CURSOR":"c1"}
{"MESSAGE_ID":"98e322203f7a4ed290d09fe03c09fe15","UNIT":"rota.service","INVOCATION_ID":"r1","COMMAND":"ExecStart","EXIT_CODE":"exited","EXIT_STATUS":"3","__REALTIME_TIMESTAMP":"1795294002000000","__CURSOR":"c2"}
{"MESSAGE_ID":"d9b373ed55a64feb8242e02dbe79a49c","UNIT":"rota.service","INVOCATION_ID":"r1","UNIT_RESULT":"exit-code","__REALTIME_TIMESTAMP":"1795294002000100","__CURSOR":"c3"}
{"MESSAGE_ID":"7d4958e842da4a758f6c1cdc7b36dcc5","UNIT":"rota.service","INVOCATION_ID":"r2","__REALTIME_TIMESTAMP":"1795294010000000","__CURSOR":"c4"}
{"MESSAGE_ID":"de5b426a63be47a7b6ac3eaac82e2f6f","UNIT":"rota.service","INVOCATION_ID":"r2","__REALTIME_TIMESTAMP":"1795294011000000","__CURSOR":"c5"}
{"MESSAGE_ID":"7ad2d189f7e94e70a38c781354912448","UNIT":"rota.service","INVOCATION_ID":"r2","__REALTIME_TIMESTAMP":"1795294011000100","__CURSOR":"c6"}
{"MESSAGE_ID":"7d4958e842da4a758f6c1cdc7b36dcc5","UNIT":"rota.service","INVOCATION_ID":"r3","__REALTIME_TIMESTAMP":"1795294020000000","__CURSOR":"c7"}
{"MESSAGE_ID":"7ad2d189f7e94e70a38c781354912448","UNIT":"rota.service","INVOCATION_ID":"r3","__REALTIME_TIMESTAMP":"1795294025000000","__CURSOR":"c8"}
{"MESSAGE_ID":"7d4958e842da4a758f6c1cdc7b36dcc5","UNIT":"rota.service","INVOCATION_ID":"r4","__REALTIME_TIMESTAMP":"1795294030000000","__CURSOR":"c9"}
{"MESSAGE_ID":"7d4958e842da4a758f6c1cdc7b36dcc5","UNIT":"rota.service","INVOCATION_ID":"r5","__REALTIME_TIMESTAMP":"1795294040000000","__CURSOR":"ca"}
not an entry
{"MESSAGE_ID":"d9b373ed55a64feb8242e02dbe79a49c","UNIT":"rota.service","INVOCATION_ID":"r0","UNIT_RESULT":"timeout","__REALTIME_TIMESTAMP":"1795293900000000","__CURSOR":"cb"}
"#;

const OUTPUT: &str = r#"{"MESSAGE":"of an older one","_SYSTEMD_UNIT":"rota.service","__REALTIME_TIMESTAMP":"1795294001000000"}
{"MESSAGE":[27,91,51,49,109,114,101,100,255],"_SYSTEMD_UNIT":"rota.service","__REALTIME_TIMESTAMP":"1795294021000000"}
{"MESSAGE":"done","_SYSTEMD_UNIT":"rota.service","__REALTIME_TIMESTAMP":"1795294022000000"}
{"MESSAGE":"began","_SYSTEMD_UNIT":"rota.service","__REALTIME_TIMESTAMP":"1795294041000000"}
"#;

fn answer(stdout: &str, stderr: &str, exit_code: i32) -> Captured {
    Captured {
        exit_code: Some(exit_code),
        signal: None,
        ended: Ended::Exited,
        took: Duration::ZERO,
        stdout: stdout.into(),
        stderr: stderr.into(),
        cut: false,
        left: None,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of what asks a program")]
fn journalctl(asked: &Invocation) -> Result<Captured, String> {
    let asked = asked.argv.join(" ");
    Ok(match () {
        () if asked.ends_with(" _SYSTEMD_UNIT=rota.service") => answer(OUTPUT, "", 0),
        () if asked.contains("--after-cursor=cb") => answer("", "", 0),
        () if asked.contains("--since=@") && asked.ends_with(" UNIT=rota.service") => answer(MESSAGES, "", 0),
        () => answer("", "who asks that?", 1),
    })
}

/// One that ran, one that a condition kept back, and one that a command of its own kept back.
const SKIPS: &str = r#"{"MESSAGE_ID":"7d4958e842da4a758f6c1cdc7b36dcc5","UNIT":"rota.service","INVOCATION_ID":"r1","__REALTIME_TIMESTAMP":"1795294000000000","__CURSOR":"c1"}
{"MESSAGE_ID":"7ad2d189f7e94e70a38c781354912448","UNIT":"rota.service","INVOCATION_ID":"r1","__REALTIME_TIMESTAMP":"1795294005000000","__CURSOR":"c2"}
{"MESSAGE_ID":"39f53479d3a045ac8e11786248231fbf","UNIT":"rota.service","INVOCATION_ID":"r1","MESSAGE":"Finished rota.service - was skipped (no).","__REALTIME_TIMESTAMP":"1795294005000100","__CURSOR":"c3"}
{"MESSAGE_ID":"39f53479d3a045ac8e11786248231fbf","UNIT":"rota.service","INVOCATION_ID":"r1","MESSAGE":"rota.service - Rota was skipped because of an unmet condition check (ConditionPathExists=/mnt/disk).","__REALTIME_TIMESTAMP":"1795294010000000","__CURSOR":"c4"}
{"MESSAGE_ID":"7d4958e842da4a758f6c1cdc7b36dcc5","UNIT":"rota.service","INVOCATION_ID":"r3","__REALTIME_TIMESTAMP":"1795294020000000","__CURSOR":"c5"}
{"MESSAGE_ID":"0e4284a0caca4bfc81c0bb6786972673","UNIT":"rota.service","INVOCATION_ID":"r3","UNIT_RESULT":"exec-condition","MESSAGE":"rota.service: Skipped due to 'exec-condition'.","__REALTIME_TIMESTAMP":"1795294020100000","__CURSOR":"c6"}
{"MESSAGE_ID":"39f53479d3a045ac8e11786248231fbf","UNIT":"rota.service","INVOCATION_ID":"r3","MESSAGE":"Condition check resulted in rota.service being skipped.","__REALTIME_TIMESTAMP":"1795294020200000","__CURSOR":"c7"}
"#;

#[test]
fn what_a_condition_kept_back_is_skipped_with_its_reason() {
    #[expect(clippy::unnecessary_wraps, reason = "the shape of what asks a program")]
    fn skips(asked: &Invocation) -> Result<Captured, String> {
        let asked = asked.argv.join(" ");
        let whole = asked.contains("--output-fields=MESSAGE,MESSAGE_ID,") && asked.ends_with(" UNIT=rota.service");
        Ok(answer(if whole { SKIPS } else { "" }, "", 0))
    }
    let (mut journal, mut timers) = (Journal::default(), [timer("r1")]);
    let at = |seconds| Timestamp::from_timestamp(seconds, 0).expect("a time");
    // systemd tells of the last one without its reason, and a moment away.
    let words = "its start condition failed".to_owned();
    timers[0].last = Some(Last { started_at: at(1_795_294_011), outcome: Outcome::Skipped, words });
    recall(&mut journal, skips, &calendar(), &mut timers);
    let runs = timers[0].runs("rota");
    let told: Vec<(TaskState, &str)> =
        runs.iter().map(|run| (Band::default().judge(run, now()), run.tail.as_str())).collect();
    assert_eq!(
        told,
        [
            (TaskState::Skipped, "its ExecCondition said no"),
            (TaskState::Skipped, "its start condition failed (ConditionPathExists=/mnt/disk)"),
            (TaskState::Ok, ""),
        ]
    );
}

fn timer(invocation: &str) -> Listed {
    Listed {
        name: "rota.timer".to_owned(),
        command: "rota.service".to_owned(),
        invocation: invocation.to_owned(),
        ..Listed::default()
    }
}

fn now() -> Timestamp {
    Timestamp::from_timestamp(1_795_294_060, 0).expect("a time")
}

fn calendar() -> Calendar {
    Calendar { zone: Zone::utc(), now: now() }
}

#[test]
fn every_run_is_told_by_how_it_ended_and_what_it_printed() {
    let (mut journal, mut timers) = (Journal::default(), [timer("r5")]);
    recall(&mut journal, journalctl, &calendar(), &mut timers);
    let runs = timers[0].runs("rota");
    let states: Vec<TaskState> = runs.iter().map(|run| Band::default().judge(run, now())).collect();
    assert_eq!(
        states,
        [TaskState::Running, TaskState::Lost, TaskState::Ok, TaskState::Failed, TaskState::Failed],
        "newest first"
    );
    let end = |place: usize| runs[place].ended.as_ref().map(|end| (end.exit_code, end.signal, end.took_s.round()));
    assert_eq!(end(2), Some((Some(0), None, 5.0)));
    assert_eq!(end(3), Some((None, Some(15), 1.0)), "whoever is stopped has not done its work");
    assert_eq!(end(4), Some((Some(3), None, 2.0)));
    assert_eq!((&*runs[0].tail, &*runs[2].tail), ("began", "red\\xff\ndone"));
    assert_eq!(timers[0].remembered_since.map(|at| at.timestamp()), Some(1_795_293_900));
    let mut again = [timer("r5")];
    recall(&mut journal, journalctl, &calendar(), &mut again);
    assert_eq!(again[0].runs("rota").len(), 5, "read once, and then only what is new");
}

#[test]
fn what_systemd_tells_of_the_last_run_and_what_is_remembered_of_it_are_one() {
    let (mut journal, mut timers) = (Journal::default(), [timer("r3")]);
    let at = |seconds| Timestamp::from_timestamp(seconds, 0).expect("a time");
    let outcome = Outcome::Ended { at: Some(at(1_795_294_025)), exit_code: Some(0), signal: None, timed_out: false };
    timers[0].last = Some(Last { started_at: at(1_795_294_020), outcome, words: String::new() });
    recall(&mut journal, journalctl, &calendar(), &mut timers);
    assert_eq!(timers[0].runs("rota").len(), 5);
    // That its timer was started is taken for a run by systemd, where nothing ran.
    timers[0].last = Some(Last { started_at: at(1_795_293_950), outcome: Outcome::Untold, words: String::new() });
    timers[0].invocation = String::new();
    assert!(timers[0].runs("rota").iter().all(|run| !run.untold));
    timers[0].last = Some(Last { started_at: at(1_795_200_000), outcome: Outcome::Untold, words: String::new() });
    assert!(timers[0].runs("rota")[5].untold, "nobody remembers that far");
}

#[test]
fn who_may_not_read_it_is_told_which_group_may() {
    #[expect(clippy::unnecessary_wraps, reason = "the shape of what asks a program")]
    fn denied(_: &Invocation) -> Result<Captured, String> {
        Ok(answer("", "No journal files were opened due to insufficient permissions.\n", 1))
    }
    let mut timers = [timer("r5")];
    recall(&mut Journal::default(), denied, &calendar(), &mut timers);
    let why = timers[0].forgetful.as_deref().expect("why");
    assert!(why.contains("no messages of the system; join the group systemd-journal"), "{why}");
    assert!(timers[0].ran.is_empty());
    let mut timers = [timer("r5")];
    recall(&mut Journal::default(), |_| Err("no such program".to_owned()), &calendar(), &mut timers);
    assert_eq!(timers[0].forgetful, None, "where there is no journal, nothing mends that");
}
