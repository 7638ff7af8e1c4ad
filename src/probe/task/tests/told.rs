//! Tasks of which their scheduler tells by itself, here and from another machine.

use super::*;
use crate::domain::plan::Invocation;
use crate::exec::{Captured, Ended};

/// A manager with a timer whose service failed at 02:00, and one that nobody enabled.
#[expect(clippy::unnecessary_wraps, reason = "the shape of what asks a program")]
fn manager(asked: &Invocation) -> Result<Captured, String> {
    let at = |time: &str| format!("2026-03-0{time}:00Z").parse::<Timestamp>().expect("time");
    let (two, next) = (at("2T02:00").timestamp(), at("3T02:00").timestamp_micros());
    let text = match asked.argv[2].as_str() {
        "list-timers" => format!(
            r#"[{{"next":{next},"last":{two}000000,"unit":"rota-backup.timer","activates":"rota-backup.service"}},
               {{"next":null,"last":0,"unit":"fstrim.timer","activates":"all-disks.service"}}]"#
        ),
        "list-units" => r#"[{"unit":"crashloop.service"},{"unit":"rota-backup.service"}]"#.to_owned(),
        "list-unit-files" => r#"[{"unit_file":"fstrim.timer","state":"disabled"}]"#.to_owned(),
        _ if asked.argv[0] == "journalctl" => String::new(),
        _ => format!(
            "Id=rota-backup.timer\nActiveState=active\nTimersCalendar={{ OnCalendar=*-*-* 02:00:00 ; next_elapse=n/a }}\n\
             AccuracyUSec=1min\n\nId=rota-backup.service\nActiveState=failed\nResult=exit-code\nExecMainStatus=3\n\
             ExecMainCode=1\nExecMainStartTimestamp=@{two}\nExecMainExitTimestamp=@{}\n\n\
             Id=fstrim.timer\nActiveState=inactive\nUnitFileState=disabled\n\nId=all-disks.service\n\
             ExecStart={{ path=/bin/rounds ; argv[]=/bin/rounds exec --task disks -- fstrim -a ; ignore_errors=no }}\n",
            two + 40
        ),
    };
    let answered = Captured {
        exit_code: Some(0),
        signal: None,
        ended: Ended::Exited,
        took: Duration::ZERO,
        stdout: text.into(),
        stderr: Vec::new(),
        cut: false,
        left: None,
    };
    Ok(answered)
}

pub(super) fn by_systemd(config: &str) -> (World, Scene) {
    let world = World::new("", config);
    std::fs::create_dir_all(world.root.path().join("run/systemd/system")).expect("folder");
    let scene = world.scene().asking(manager);
    (world, scene)
}

#[tokio::test]
async fn timers_are_found_and_judged_by_how_their_service_went() {
    let (world, scene) = by_systemd("");
    let mut watched = world.watched_in(&scene);
    let told = world.told(&mut watched).await;
    let ids: Vec<(&str, Status)> = told.iter().map(|(id, status, _)| (&**id, *status)).collect();
    assert_eq!(
        ids[..3],
        [("task:rota-backup", Status::Critical), ("task:fstrim", Status::Ok), ("task:systemd", Status::Warning)]
    );
    assert_eq!(told[0].2, ["the run of 02:00 failed with exit code 3 after 40 s: systemd: exit-code"]);
    assert_eq!(told[2].2, ["the unit crashloop.service failed"]);
    let Ok(Reading { detail: Detail::Task(facts), .. }) = watched[0].probe.read(world.now).await else {
        panic!("task facts")
    };
    let view = facts.view(world.now);
    assert_eq!((view.schedule.as_deref(), view.state), (Some("*-*-* 02:00:00"), TaskState::Failed));
    assert_eq!(view.next_due, Some("2026-03-03T02:00:00Z".parse().expect("time")));
    // The timer that is due at 02:00 has not begun when its minute and its grace are over.
    let later = "2026-03-03T02:03:01Z".parse().expect("time");
    assert_eq!(facts.view(later).state, TaskState::Missed);
    assert_eq!(facts.view(later - TimeDelta::seconds(2)).state, TaskState::Failed);
    let cards = cards_in(&world.config, &scene);
    let run = cards[0].run.as_ref().expect("it can be started");
    assert_eq!(run.argv, ["systemctl", "start", "--", "rota-backup.service"]);
    let run = cards[1].run.as_ref().expect("it can be started");
    assert_eq!(run.argv, ["systemctl", "start", "--", "all-disks.service"], "what the timer starts, whatever its name");
}

#[tokio::test]
async fn whoever_only_started_a_service_does_not_know_how_it_went() {
    let (mut world, scene) = by_systemd("");
    let two = "2026-03-02T02:00:00Z".parse().expect("time");
    let state = async |world: &World| {
        let mut watched = world.watched_in(&scene);
        let reading = watched[0].probe.read(world.now).await.expect("a reading");
        let Detail::Task(facts) = reading.detail else { panic!("task facts") };
        (facts.view(world.now).state, facts.runs.len())
    };
    // `systemctl start` came back after five seconds, and the service failed after forty.
    world.runs = vec![run("ours", "rota-backup", two, 0)];
    assert_eq!(state(&world).await, (TaskState::Failed, 1));
    // `rounds exec` within the service ended when that did, and knows more.
    let mut wrapped = run("wrapped", "rota-backup", two, 0);
    let end = RunEnd { at: two + TimeDelta::seconds(40), took_s: 40.0, ..wrapped.ended.clone().expect("its end") };
    wrapped.ended = Some(end);
    world.runs = vec![wrapped];
    assert_eq!(state(&world).await, (TaskState::Ok, 1));
}

#[tokio::test]
async fn a_configured_timer_that_is_gone_disabled_or_otherwise_due_is_told() {
    let task =
        |name: &str, rest: &str| format!("[[task]]\nid = \"t\"\nsource = \"systemd\"\nmatch = \"{name}\"\n{rest}");
    let (world, scene) = by_systemd(&task("rota-backups", ""));
    let told = world.told(&mut world.watched_in(&scene)).await;
    assert_eq!((told[0].1, &*told[0].2[0]), (Status::Critical, "systemd has none called `rota-backups`"));
    let (world, scene) = by_systemd(&task("fstrim", ""));
    let told = world.told(&mut world.watched_in(&scene)).await;
    assert_eq!((told[0].1, &*told[0].2[0]), (Status::Warning, "fstrim.timer is inactive, disabled: it does not run"));
    let (world, scene) = by_systemd(&task("rota-*.timer", "schedule = \"0 4 * * *\"\n"));
    let told = world.told(&mut world.watched_in(&scene)).await;
    let drift = "systemd starts it next at Tue 02:00, and by the configuration (`0 4 * * *`) it is due at \
                 Tue 04:00";
    assert!(told[0].2.iter().any(|text| text == drift), "{told:?}");
}

#[tokio::test]
async fn a_scheduler_that_does_not_answer_is_unknown() {
    let (world, _) = by_systemd("[[task]]\nid = \"t\"\nsource = \"systemd\"\nmatch = \"rota-backup\"\n");
    let told = world.told(&mut world.watched()).await;
    assert_eq!(told[0].1, Status::Unknown);
}

#[tokio::test]
async fn an_export_of_another_machine_is_read_and_is_as_old_as_its_file() {
    let task = "[[task]]\nid = \"zoom\"\nsource = \"schtasks\"\nmatch = '\\Zoom'\nexport = \"tasks.json\"\n";
    let world = World::new("", task);
    let json = |result: u32| {
        format!(
            r#"[{{"TaskName":"Zoom","TaskPath":"\\","LastRunTime":"2026-03-02T07:45:00+00:00","LastTaskResult":{result},"NextRunTime":"2026-03-03T07:45:00+00:00"}}]"#
        )
    };
    world.log("tasks.json", &json(0));
    assert_eq!(world.first().await, ("task:zoom".into(), Status::Ok, vec![]));
    world.log("tasks.json", &json(0).replace(r#""LastTaskResult""#, r#""NumberOfMissedRuns":3,"LastTaskResult""#));
    let (_, status, texts) = world.first().await;
    let text = "3 runs missed since the last one, as its scheduler counts: the machine was not ready for it";
    assert_eq!((status, &*texts[0]), (Status::Warning, text));
    world.log("tasks.json", &json(0x8007_0002));
    let (_, status, texts) = world.first().await;
    assert_eq!(status, Status::Critical);
    let text = "the run of 07:45 failed with exit code -2147024894: 0x80070002: its file was not found";
    assert_eq!(texts, [text]);
    world.log("tasks.json", &json(0));
    let file = std::fs::File::options().write(true).open(world.root.path().join("tasks.json")).expect("export");
    file.set_modified((world.now - TimeDelta::days(3)).into()).expect("mtime");
    let (_, status, texts) = world.first().await;
    assert_eq!((status, &*texts[0]), (Status::Unknown, "the export was written 3 d ago, and nothing newer is known"));
    std::fs::remove_file(world.root.path().join("tasks.json")).expect("removed");
    assert_eq!(world.first().await.1, Status::Unknown);
}

#[tokio::test]
async fn a_crontab_of_another_machine_is_held_against_the_configuration() {
    let task = NIGHTLY.replace("grace", "export = \"db2.crontab\"\nschedule = \"0 3 * * *\"\ngrace");
    let world = World::new("0 2 * * * /srv/other.sh\n", &task);
    world.log("db2.crontab", "0 2 * * * /srv/backup.sh\n");
    let (_, _, texts) = world.first().await;
    assert!(texts.iter().any(|text| text.starts_with("the crontab") && text.contains("0 2 * * *")), "{texts:?}");
    assert!(texts.iter().any(|text| text.starts_with("cron records no result")), "{texts:?}");
    world.log("db2.crontab", "0 2 * * * /srv/another.sh\n");
    let (_, status, texts) = world.first().await;
    assert_eq!(
        (status, &*texts[0]),
        (Status::Critical, "its line is gone from the crontab: none contains `backup.sh`")
    );
}
