//! Tasks that are installed and that no configuration names.

use super::told::by_systemd;
use super::*;
use crate::domain::plan::Invocation;
use crate::domain::task::NOTHING_EXPECTED;
use crate::exec::{Captured, Ended};

const MINE: &str = "[[task]]\nid = \"mine\"\nsource = \"exec\"\nschedule = \"0 1 * * *\"\n";

/// What cron did last night: `report` failed, `prune` began, and of `late` there is nothing.
const LOG: &str = "\
2026-03-01T09:00:00.000001+00:00 rota CRON[1]: (ann) CMD (/srv/prune.sh)
2026-03-02T03:00:00.000001+00:00 rota CRON[2]: (ann) CMD ([2] /srv/report.sh)
2026-03-02T03:00:04.000001+00:00 rota CRON[2]: (CRON) error (grandchild #2 failed with exit status 3)
2026-03-02T04:00:00.000001+00:00 rota CRON[3]: (ann) CMD (/srv/prune.sh)
";

#[tokio::test]
async fn timers_and_lines_that_no_task_of_the_configuration_is_are_told_until_they_are_accepted() {
    let task = "[[task]]\nid = \"t\"\nsource = \"systemd\"\nmatch = \"rota-backup\"\n";
    let (mut world, scene) = by_systemd(&format!("{task}{NIGHTLY}"));
    world.crontab("0 2 * * * /srv/backup.sh\n0 3 * * * /srv/report.sh\n0 4 * * * /srv/prune.sh\n");
    let told = world.told(&mut world.watched_in(&scene)).await;
    let of = |name: &str| &told.iter().find(|(id, ..)| id == name).expect("all of one sort").2;
    let timers = "1 of the timers is no task of the configuration: fstrim.timer".to_owned();
    assert!(of("task:systemd").contains(&timers), "{told:?}");
    let lines = "2 of the crontabs' lines are no task of the configuration: report, prune".to_owned();
    assert!(of("task:cron").contains(&lines), "{told:?}");
    world.accept(&mut world.watched_in(&scene), "cron", "cron").await;
    let quiet = super::drift::of(&world, &mut world.watched_in(&scene), "cron").await;
    assert_eq!(quiet, [(Status::Ok, format!("{lines}; ann accepted it at 09:00: the new server"))]);
}

#[tokio::test]
async fn what_nobody_named_has_its_history_and_a_failure_of_it_is_a_warning() {
    let world = World::new("0 3 * * * /srv/report.sh\n0 4 * * * /srv/prune.sh\n0 5 * * * /srv/late.sh\n", MINE);
    world.log("var/log/syslog", LOG);
    let mut watched = world.watched();
    let told = world.told(&mut watched).await;
    let ids: Vec<&str> = told.iter().map(|(id, ..)| &**id).collect();
    assert_eq!(ids, ["task:mine", "task:cron", "task:report", "task:prune", "task:late"], "what is named comes first");
    let of =
        |name: &str| told.iter().find(|(id, ..)| id == name).map(|(_, status, texts)| (*status, texts)).expect(name);
    // Of no line anything is expected, so none is said to leave no evidence, and no set is too large.
    assert_eq!(of("task:cron"), (Status::Ok, &Vec::new()));
    let (status, texts) = of("task:report");
    assert_eq!((status, texts[1].as_str()), (Status::Warning, NOTHING_EXPECTED));
    assert!(texts[0].contains("failed with exit code 3"), "{texts:?}");
    let (status, texts) = of("task:prune");
    assert_eq!(status, Status::Ok, "that nothing records how it ended is nobody's question: {texts:?}");
    assert!(texts.iter().any(|text| text.contains("cron records no result")), "{texts:?}");
    let (status, texts) = of("task:late");
    assert_eq!(status, Status::Warning);
    assert!(texts[0].starts_with("nothing ran for the slot of 05:00"), "{texts:?}");

    let mut views = Vec::new();
    for one in &mut watched[2..] {
        let Detail::Task(facts) = one.probe.read(world.now).await.expect("a reading").detail else { panic!("a task") };
        let view = facts.view(world.now);
        assert!(view.extra && view.next_due.is_some(), "{view:?}");
        views.push((view.state, view.last.map(|last| last.started_at.to_string())));
    }
    let three = Some("2026-03-02 03:00:00.000001 UTC".to_owned());
    assert_eq!(views[0], (TaskState::Failed, three));
    assert_eq!((views[2].0, &views[2].1), (TaskState::Missed, &None));
}

#[tokio::test]
async fn what_is_scheduled_here_is_left_out_where_the_configuration_says_so() {
    for (tasks, ids) in [(MINE, vec!["task:mine"]), ("", Vec::new())] {
        let (world, scene) = by_systemd(&format!("[host]\ntasks = false\n{tasks}"));
        world.crontab("0 3 * * * /srv/report.sh\n");
        let watched = world.watched_in(&scene);
        assert_eq!(watched.iter().map(|one| one.watch.id.as_str()).collect::<Vec<_>>(), ids);
    }
}

#[tokio::test]
async fn what_records_itself_under_a_configured_name_is_no_extra() {
    let (world, scene) = by_systemd(&MINE.replace("mine", "disks"));
    let ids = |world: &World| -> Vec<String> {
        world.watched_in(&scene).iter().map(|one| one.watch.id.to_string()).collect()
    };
    let found = ids(&world);
    assert!(!found.contains(&"task:fstrim".to_owned()) && found.contains(&"task:rota-backup".to_owned()), "{found:?}");
    world.crontab("0 3 * * * rounds exec --task disks -- /srv/disks.sh\n");
    assert_eq!(ids(&world), found, "nor is a line of a crontab");
}

#[tokio::test]
async fn a_manager_that_does_not_answer_at_the_start_is_told_with_what_is_not_watched_for_it() {
    let (world, scene) = by_systemd("");
    let mute: crate::scheduler::source::Ask = |_| Err("`systemctl` has not answered for 1 s".to_owned());
    let told = world.told(&mut world.watched_in(&Scene { at_start: mute, ..scene })).await;
    let (_, status, texts) = told.iter().find(|(id, ..)| id == "task:systemd").expect("the timers");
    assert_eq!(*status, Status::Unknown, "{told:?}");
    let said = "systemd did not tell its tasks when this program started: `systemctl` has not answered for 1 s";
    assert!(texts.iter().any(|text| text == said), "{texts:?}");
}

/// The Task Scheduler of a machine with one task of its own that failed, one that came with Windows, and
/// one whose letters are lost where the code page is asked.
fn windows(asked: &Invocation) -> Result<Captured, String> {
    let all = r#"[{"TaskPath":"\\","TaskName":"Zoom","State":3,"LastRunTime":"2026-03-02T07:45:01Z","LastTaskResult":5,"NextRunTime":"2026-03-03T07:45:00Z","Actions":[{"Execute":"zoom.exe"}]},
        {"TaskPath":"\\Rota\\","TaskName":"B\u00fcro","State":3,"LastRunTime":"2026-03-02T07:45:01Z","LastTaskResult":0,"NextRunTime":"2026-03-03T07:45:00Z","Actions":[{"Execute":"b.exe"}]},
        {"TaskPath":"\\Microsoft\\Windows\\Defrag\\","TaskName":"ScheduledDefrag","State":3,"LastRunTime":"2026-03-02T07:45:01Z","LastTaskResult":5,"NextRunTime":null,"Actions":[]}]"#;
    let stdout = match asked.argv.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["schtasks", "/query", "/fo", "CSV", "/nh"] => {
            b"\"\\Zoom\",\"03.03.2026 07:45:00\",\"Bereit\"\r\n\"\\Rota\\B\x81ro\",\"N/A\",\"Bereit\"\r\n".to_vec()
        }
        ["powershell", ..] => all.as_bytes().to_vec(),
        _ => return Err(format!("{asked} is asked")),
    };
    let (exit_code, signal, ended, took) = (Some(0), None, Ended::Exited, Duration::ZERO);
    Ok(Captured { exit_code, signal, ended, took, stdout, stderr: Vec::new(), cut: false, left: None })
}

#[tokio::test]
async fn tasks_of_windows_are_found_but_for_those_that_came_with_it() {
    for (config, status) in [("", Status::Critical), (MINE, Status::Warning)] {
        let world = World::new("", config);
        std::fs::create_dir_all(world.root.path().join("Windows/System32/Tasks")).expect("folder");
        let mut scene = world.scene().asking(windows);
        scene.lacks = Some("Windows has no crontabs");
        let told = world.told(&mut world.watched_in(&scene)).await;
        let ids: Vec<(&str, Status)> = told.iter().map(|(id, status, _)| (&**id, *status)).collect();
        let zoom = ("task:Zoom", status);
        assert!(ids.contains(&zoom) && ids.contains(&(r"task:Rota\Büro", Status::Ok)), "{told:?}");
        assert!(ids.contains(&("task:schtasks", Status::Ok)), "{told:?}");
        assert_eq!(ids.len(), if config.is_empty() { 3 } else { 4 }, "{told:?}");
        let cards = cards_in(&world.config, &scene);
        let run = cards.iter().find(|card| card.id == "Zoom").and_then(|card| card.run.as_ref().ok());
        assert_eq!(run.expect("it can be started").argv, ["schtasks", "/run", "/tn", r"\Zoom"]);
    }
}

#[tokio::test]
async fn a_task_of_windows_that_is_gone_is_held_against_what_was_found_right_of_all() {
    let world = World::new("", "");
    std::fs::create_dir_all(world.root.path().join("Windows/System32/Tasks")).expect("folder");
    let before: crate::scheduler::source::Ask = |asked| {
        let answer = windows(asked)?;
        Ok(Captured { stdout: b"\"\\Old\",\"N/A\",\"Ready\"\r\n".to_vec(), ..answer })
    };
    let mut scene = Scene { at_start: before, ..world.scene().asking(windows) };
    scene.lacks = Some("Windows has no crontabs");
    let mut watched = world.watched_in(&scene);
    let old = watched.iter_mut().find(|one| one.watch.id.name() == "Old").expect("it was there");
    let reading = old.probe.read(world.now).await.expect("a reading");
    let drift = reading.detail.drift().expect("what is installed of it");
    assert_eq!((drift.scope.as_str(), drift.within), (r"\Old", Some("schtasks")));
}
