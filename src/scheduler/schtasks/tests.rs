//! Tables as `schtasks` prints them in several regions and languages, and PowerShell's JSON.

use super::*;
use crate::domain::time::{Timestamp, Zone};
use crate::exec::{Captured, Ended};
use crate::scheduler::source::Outcome;

const HEADER: &str = r#""HostName","TaskName","Next Run Time","Status","Logon Mode","Last Run Time","Last Result","Author","Task To Run","Start In","Comment","Scheduled Task State","Idle Time","Power Management","Run As User","Delete Task If Not Rescheduled","Stop Task If Runs X Hours and X Mins","Schedule","Schedule Type","Start Time","Start Date","End Date","Days","Months","Repeat: Every","Repeat: Until: Time","Repeat: Until: Duration","Repeat: Stop If Still Running""#;

/// One row, in English.
fn row(name: &str, next: &str, status: &str, last: &str, result: &str) -> String {
    format!(
        r#""PC","{name}","{next}","{status}","Interactive only","{last}","{result}","PC\ann","C:\zoom\a.bat ","N/A","N/A","Enabled","Disabled","","ann","Disabled","72:00:00","Not available in this format.","Daily ","7:45:00 AM","11/3/2025","N/A","Every 1 day(s)","N/A","Disabled","Disabled","Disabled","Disabled""#
    )
}

fn table(rows: &[String]) -> String {
    let mut text = format!("{HEADER}\r\n");
    for row in rows {
        text.push_str(&format!("{row}\r\n"));
    }
    text
}

fn calendar() -> Calendar {
    Calendar { zone: Zone::named("Europe/London").expect("zone"), now: "2026-11-20T10:00:00Z".parse().expect("now") }
}

fn read_table(rows: &[String]) -> Vec<Listed> {
    parse(table(rows).as_bytes(), &calendar()).expect("a table")
}

fn outcome(result: &str, status: &str) -> Option<(Outcome, String)> {
    let row = row(r"\Zoom", "11/21/2026 7:45:00 AM", status, "11/20/2026 7:45:01 AM", result);
    read_table(&[row]).remove(0).last.map(|last| (last.outcome, last.words))
}

fn ended(exit_code: i32) -> Outcome {
    Outcome::Ended { at: None, exit_code: Some(exit_code), signal: None, timed_out: false }
}

#[test]
fn what_the_last_result_means() {
    assert_eq!(outcome("0", "Ready"), Some((ended(0), String::new())));
    assert_eq!(outcome("1", "Ready"), Some((ended(1), "0x1".into())));
    let missing = "0x80070002: its file was not found";
    assert_eq!(outcome("-2147024894", "Ready"), Some((ended(-2_147_024_894), missing.into())));
    assert_eq!(outcome("267009", "Running"), Some((Outcome::Running, String::new())));
    assert_eq!(outcome("-2147020576", "Running"), Some((Outcome::Running, String::new())), "a healthy long one");
    assert!(matches!(outcome("267009", "Ready"), Some((Outcome::Untold, _))), "of an older run");
    assert!(matches!(outcome("-2147020576", "Ready"), Some((Outcome::Untold, words)) if words.contains("refused")));
    assert_eq!(outcome("267011", "Ready"), None, "it never ran");
    assert_eq!(outcome("267014", "Ready").map(|(outcome, _)| outcome), Some(ended(267_014)), "a user ended it");
    assert!(outcome("-1073741510", "Ready").is_some_and(|(_, words)| words.contains("Ctrl-C")));
    let run = read_table(&[row(r"\Zoom", "N/A", "Ready", "11/20/2026 7:45:01 AM", "0")])[0].runs("zoom").remove(0);
    let end = run.ended.expect("ended");
    assert!(end.is_success() && end.took_s.is_nan(), "how long it took is told by nobody");
}

#[test]
fn never_is_no_instant() {
    let never = read_table(&[row(r"\Zoom", "N/A", "Ready", "11/30/1999 12:00:00 AM", "267011")]);
    assert_eq!((&never[0].last, never[0].told.next), (&None, None));
}

#[test]
fn dates_follow_the_region_and_are_none_where_that_cannot_be_told() {
    let next = |next: &str, last: &str| {
        let found = read_table(&[row(r"\Zoom", next, "Ready", last, "0")]).remove(0);
        let show = |at: Option<Timestamp>| at.map(|at| at.format("%m-%d %H:%M").to_string());
        (show(found.told.next), show(found.last.map(|last| last.started_at)))
    };
    let told = (Some("11-21 19:45".to_owned()), Some("11-20 07:45".to_owned()));
    assert_eq!(next("11/21/2026 7:45:00 PM", "11/20/2026 7:45:01 AM"), told);
    assert_eq!(next("21/11/2026 19:45:00", "20/11/2026 07:45:01"), told);
    assert_eq!(next("2026-11-21 19:45:00", "2026-11-20 07:45:01"), told);
    assert_eq!(next("2026/11/21 19:45:00", "2026/11/20 7:45:01"), told);
    assert_eq!(next("21.11.2026 19:45:00", "20.11.2026 07:45:01"), told);
    // Both the 11th of December and the 12th of November could be meant.
    assert_eq!(next("11/12/2026 19:45:00", "11/11/2026 07:45:01"), (None, None));
    let midnight = next("11/21/2026 12:15:00 AM", "11/20/2026 12:15:00 PM");
    assert_eq!(midnight, (Some("11-21 00:15".into()), Some("11-20 12:15".into())));
}

#[test]
fn quotes_commas_and_lines_within_a_field_are_its_own() {
    let mut odd = row(r"\Zoom", "11/21/2026 7:45:00 AM", "Ready", "11/20/2026 7:45:01 AM", "0");
    odd =
        odd.replace(r"C:\zoom\a.bat ", r#""C:\Program Files\a.exe" --a "b","c""#).replacen("N/A", "first\r\nsecond", 2);
    let plain = row(r"\Other", "11/21/2026 7:45:00 AM", "Ready", "11/20/2026 7:45:01 AM", "1");
    let found = read_table(&[odd, HEADER.to_owned(), HEADER.to_owned(), plain]);
    let names: Vec<&str> = found.iter().map(|task| task.name.as_str()).collect();
    assert_eq!(names, [r"\Zoom", r"\Other"], "a header stands before every folder");
    assert_eq!(found[0].command, r#""C:\Program Files\a.exe" --a "b","c""#);
}

#[test]
fn two_triggers_are_one_task() {
    let one = row(r"\Zoom", "11/22/2026 7:45:00 AM", "Ready", "11/20/2026 7:45:01 AM", "0");
    let other = row(r"\Zoom", "11/21/2026 7:45:00 AM", "Ready", "11/20/2026 7:45:01 AM", "0");
    let found = read_table(&[one, other]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].told.next.expect("next").format("%d").to_string(), "21");
}

#[test]
fn a_disabled_task_is_one_in_any_language() {
    let english = row(r"\Zoom", "N/A", "Disabled", "11/20/2026 7:45:01 AM", "0").replace("Enabled", "Disabled");
    assert!(read_table(std::slice::from_ref(&english))[0].told.disabled.is_some());
    let japanese = english.replace("Disabled", "無効");
    assert!(read_table(&[japanese])[0].told.disabled.is_some());
    let german = row(r"\Zoom", "N/A", "Bereit", "20.11.2026 07:45:01", "0");
    let german = german.replace("Enabled", "Aktiviert").replace("Disabled", "Deaktiviert");
    assert_eq!(read_table(&[german])[0].told.disabled, None);
}

#[test]
fn utf_16_text_pipes_and_foreign_letters_are_read() {
    let text = table(&[row(r"\Zoom", "11/21/2026 7:45:00 AM", "Ready", "11/20/2026 7:45:01 AM", "0")]);
    let mut wide = vec![0xff, 0xfe];
    text.encode_utf16().for_each(|unit| wide.extend(unit.to_le_bytes()));
    assert_eq!(parse(&wide, &calendar()).expect("table").len(), 1);
    let piped = text.replace("\r\n", "\r\r\n");
    assert_eq!(parse(piped.as_bytes(), &calendar()).expect("table").len(), 1);
    let mut foreign = text.into_bytes();
    let place = foreign.windows(4).position(|part| part == b"Zoom").expect("name");
    foreign[place + 1] = 0x8f;
    assert_eq!(parse(&foreign, &calendar()).expect("table")[0].name, "\\Z\u{fffd}om");
    assert!(parse(b"ERROR: Access is denied.\r\n", &calendar()).is_err());
}

#[test]
fn powershell_tells_instants_with_their_zone() {
    let text = r#"[{"LastRunTime":"\/Date(1795160701000)\/","LastTaskResult":0,"NextRunTime":"2026-11-21T07:45:00+00:00","NumberOfMissedRuns":0,"TaskName":"Zoom","TaskPath":"\\"},
        {"LastRunTime":"1999-11-30T00:00:00","LastTaskResult":267011,"NextRunTime":null,"TaskName":"Sync","TaskPath":"\\Rota\\"},
        {"TaskName":"Sync","TaskPath":"\\Rota\\","State":1,"Actions":[{"Execute":"sync.exe"}]}]"#;
    let found = parse(text.as_bytes(), &calendar()).expect("JSON");
    let [sync, zoom] = &found[..] else { panic!("two: {found:?}") };
    assert_eq!((&*sync.name, &*sync.command, &sync.last), (r"\Rota\Sync", "sync.exe", &None));
    assert!(sync.told.disabled.is_some());
    assert_eq!(zoom.last.as_ref().map(|last| last.started_at.timestamp()), Some(1_795_160_701));
    assert!(zoom.told.next.is_some() && zoom.is_called("zoom") && zoom.is_called(r"\Zoom") && zoom.is_called("zo*"));
    assert!(!zoom.is_called("zoo") && !sync.is_called("sync"));
    assert!(parse(br#"{"a":1}"#, &calendar()).is_err());
}

#[test]
fn any_bytes_are_read_or_refused() {
    let rows = [
        row(r"\Zoom", "11/21/2026 7:45:00 AM", "Ready", "11/20/2026 7:45:01 AM", "0"),
        row(r"\Other", "11/21/2026 7:45:00 AM", "Running", "11/20/2026 7:45:01 AM", "267009"),
    ];
    let whole = table(&rows);
    let mut seed = 3_u64;
    let mut below = |bound: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % bound.max(1)
    };
    for _ in 0..4_000 {
        let mut bytes = whole.as_bytes().to_vec();
        for _ in 0..=below(6) {
            let place = below(bytes.len());
            match below(3) {
                0 => bytes[place] = below(256) as u8,
                1 => bytes.insert(place, b"\",\r\n\x1b\xff/:"[below(8)]),
                _ => bytes.truncate(place.max(1)),
            }
        }
        for task in parse(&bytes, &calendar()).unwrap_or_default() {
            assert!(!task.name.contains(char::is_control) && !task.command.contains(char::is_control));
        }
    }
}

#[test]
fn every_word_of_the_scheduler_between_0x41300_and_0x41308_is_told_and_is_no_failure() {
    for (code, words) in [
        (0x41300, "it is ready"),
        (0x41302, "it is disabled"),
        (0x41304, "no further run is due"),
        (0x41305, "its schedule is not complete"),
        (0x41307, "it has no trigger"),
        (0x41308, "it waits for an event"),
    ] {
        let (outcome, said) = outcome(&code.to_string(), "Ready").expect("a last run");
        assert_eq!(outcome, Outcome::Untold, "{code:#x}");
        assert!(said.starts_with(&format!("0x{code:08X}: {words}")), "{said}");
    }
    assert_eq!(outcome("267009", "Running").map(|(outcome, _)| outcome), Some(Outcome::Running));
    assert_eq!(outcome("267011", "Ready"), None, "0x41303: it never ran");
    let ended_by_a_user = outcome("267014", "Ready").expect("a run");
    assert_eq!(ended_by_a_user, (ended(267_014), "0x00041306: it was ended by a user".to_owned()));
}

/// What Windows PowerShell 5.1 prints for the question, of four tasks.
pub(in crate::scheduler) const ANSWER: &str = r#"[{"LastRunTime":"2026-11-20T07:45:01.0000000Z","NumberOfMissedRuns":0,"TaskName":"Zoom","State":3,"Actions":[{"Arguments":"--quiet","Execute":"C:\\zoom\\a.bat"}],"UserId":"ann","NextRunTime":"2026-11-21T07:45:00.0000000Z","LastTaskResult":0,"Schedule":"Daily 2025-11-03T07:45:00","TaskPath":"\\"},{"LastRunTime":"2026-11-18T07:45:01.0000000Z","NumberOfMissedRuns":2,"TaskName":"Sync","State":3,"Actions":[{"Arguments":null,"Execute":"sync.exe"}],"UserId":"SYSTEM","NextRunTime":"2026-11-21T07:45:00.0000000Z","LastTaskResult":3221225786,"Schedule":"Weekly 2025-11-03T07:45:00, Logon","TaskPath":"\\Rota\\"},{"LastRunTime":"1999-11-30T00:00:00.0000000Z","NumberOfMissedRuns":0,"TaskName":"Old","State":1,"Actions":[],"UserId":null,"NextRunTime":null,"LastTaskResult":267011,"Schedule":"","TaskPath":"\\Rota\\"},{"LastRunTime":"2026-11-20T09:59:00.0000000Z","NumberOfMissedRuns":0,"TaskName":"Now","State":4,"Actions":[{"Arguments":"","Execute":"now.exe"}],"UserId":"ann","NextRunTime":null,"LastTaskResult":267009,"Schedule":"Time 2026-11-20T09:59:00","TaskPath":"\\Rota\\"}]"#;

fn answer(exit_code: i32, stdout: &[u8], stderr: &str) -> Captured {
    Captured {
        exit_code: Some(exit_code),
        signal: None,
        ended: Ended::Exited,
        took: std::time::Duration::ZERO,
        stdout: stdout.to_vec(),
        stderr: stderr.into(),
        cut: false,
        left: None,
    }
}

#[test]
fn powershell_is_asked_and_not_the_table_in_the_words_of_a_region() {
    let ask: Ask = |question| match question.argv[0].as_str() {
        "powershell" => {
            assert!(question.argv[5].contains("Get-ScheduledTaskInfo") && question.argv[5].contains("ToUniversalTime"));
            Ok(answer(0, ANSWER.as_bytes(), ""))
        }
        other => panic!("{other} is asked"),
    };
    let found = read(ask, &calendar(), Path::new("/")).expect("tasks");
    let one = |name: &str| found.iter().find(|task| task.name == name).expect("a task");
    let zoom = one(r"\Zoom");
    assert_eq!((zoom.command.as_str(), zoom.user.as_str(), zoom.missed), (r"C:\zoom\a.bat --quiet", "ann", 0));
    assert_eq!(zoom.told.schedule.as_deref(), Some("Daily 2025-11-03T07:45:00"));
    assert_eq!(zoom.told.next, Some("2026-11-21T07:45:00Z".parse().expect("time")));
    let sync = one(r"\Rota\Sync");
    let last = sync.last.as_ref().expect("a run");
    assert!(last.words.contains("0xC000013A") && last.words.contains("Ctrl-C"), "{last:?}");
    assert_eq!((sync.missed, sync.command.as_str(), sync.user.as_str()), (2, "sync.exe", "SYSTEM"));
    let old = one(r"\Rota\Old");
    assert_eq!((old.told.disabled.as_deref(), &old.last), (Some(r"\Rota\Old is disabled"), &None));
    assert_eq!(one(r"\Rota\Now").last.as_ref().map(|last| &last.outcome), Some(&Outcome::Running));
}

#[test]
fn where_powershell_does_not_answer_the_table_is_read_and_where_neither_does_both_are_told() {
    let old: Ask = |question| {
        let row = row(r"\Zoom", "11/21/2026 7:45:00 AM", "Ready", "11/20/2026 7:45:01 AM", "0");
        match question.argv[0].as_str() {
            "powershell" => Err("`powershell` is not there".to_owned()),
            _ => Ok(answer(0, table(&[row]).as_bytes(), "")),
        }
    };
    assert_eq!(read(old, &calendar(), Path::new("/")).expect("a table")[0].user, "ann");
    let neither: Ask = |question| match question.argv[0].as_str() {
        "powershell" => Ok(answer(1, b"", "Get-ScheduledTask : Access denied\r\nAt line:4")),
        _ => Ok(answer(1, b"", "ERROR: Access is denied.\r\n")),
    };
    let why = read(neither, &calendar(), Path::new("/")).expect_err("nobody answers");
    assert!(why.contains("Get-ScheduledTask : Access denied; `schtasks /query`"), "{why}");
    assert!(why.ends_with("ERROR: Access is denied."), "{why}");
}
