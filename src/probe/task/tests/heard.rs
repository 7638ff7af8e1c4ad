//! Tasks of which a log tells that they began, and machines that were off or asleep.

use super::*;

const BACKUP: &str = "0 2 * * * /srv/backup.sh --all\n";
const HOURLY: &str = "2026-02-27T00:17:01+00:00 db1 CRON[7]: (root) CMD (   cd / && run-parts /etc/cron.hourly)\n";

fn began(day: &str, user: &str) -> String {
    format!("2026-{day}T02:00:01.5+00:00 db1 CRON[9]: ({user}) CMD ([10] /srv/backup.sh --all)\n")
}

#[tokio::test]
async fn a_log_of_cron_tells_that_a_line_began_and_never_that_it_went_well() {
    let world = World::new(BACKUP, "");
    world.log("var/log/cron.log", &format!("{HOURLY}{}{}", began("03-01", "ann"), began("03-02", "ann")));
    let (_, status, texts) = world.first().await;
    assert_eq!(status, Status::Unknown);
    let mend =
        "cron records no result; put `rounds exec --task backup --` before the command in crontab of ann, line 1";
    assert_eq!(texts[0], format!("it began at 02:00; {mend}"));
    let mut watched = world.watched();
    let Ok(Reading { detail: Detail::Task(facts), .. }) = watched[0].probe.read(world.now).await else {
        panic!("task facts")
    };
    let view = facts.view(world.now);
    assert_eq!((view.state, view.last.and_then(|last| last.exit_code)), (TaskState::Unknown, None));
}

#[tokio::test]
async fn a_start_that_the_log_of_cron_does_not_have_was_missed() {
    let world = World::new(BACKUP, "");
    world.log("var/log/syslog", &format!("{HOURLY}{}{}", began("03-01", "ann"), began("03-02", "bob")));
    let (_, status, texts) = world.first().await;
    assert_eq!(status, Status::Critical);
    assert_eq!(texts[0], "nothing ran for the slot of 02:00, 7 h ago (grace 2 m)");
}

/// macOS, whose log tells of one start.
#[expect(clippy::unnecessary_wraps, reason = "the shape of what asks a program")]
fn unified(asked: &crate::domain::plan::Invocation) -> Result<crate::exec::Captured, String> {
    assert_eq!(asked.argv[..2], ["log", "show"], "{asked}");
    let line = r#"{"timestamp":"2026-03-02 02:00:01.500000+0000","eventMessage":"(ann) CMD (/srv/backup.sh --all)"}"#;
    Ok(crate::exec::Captured {
        exit_code: Some(0),
        signal: None,
        ended: crate::exec::Ended::Exited,
        took: Duration::ZERO,
        stdout: format!("{line}\n{{\"count\":1,\"finished\":1}}\n").into_bytes(),
        stderr: Vec::new(),
        cut: false,
        left: None,
    })
}

#[tokio::test]
async fn on_macos_the_unified_log_tells_that_a_line_began() {
    let world = World::new(BACKUP, "");
    let daemons = world.root.path().join("System/Library/LaunchDaemons");
    std::fs::create_dir_all(&daemons).expect("folder");
    std::fs::write(daemons.join("com.vix.cron.plist"), "").expect("what starts cron");
    let told = world.told(&mut world.watched_in(&world.scene().asking(unified))).await;
    assert_eq!(told[0].1, Status::Unknown);
    assert!(told[0].2[0].starts_with("it began at 02:00; cron records no result"), "{told:?}");
}

#[tokio::test]
async fn a_failure_in_the_log_of_cron_is_one() {
    let world = World::new(BACKUP, "");
    let failed = "2026-03-02T02:00:31+00:00 db1 CRON[9]: (CRON) error (grandchild #10 failed with exit status 3)\n";
    world.log("var/log/cron.log", &format!("{HOURLY}{}{failed}", began("03-02", "ann")));
    let (_, status, texts) = world.first().await;
    assert_eq!((status, &*texts[0]), (Status::Critical, "the run of 02:00 failed with exit code 3 after 30 s"));
}

#[tokio::test]
async fn a_log_without_a_word_of_cron_proves_nothing() {
    let world = World::new(BACKUP, "");
    world.log("var/log/syslog", "2026-02-27T00:17:01+00:00 db1 kernel: all is well\n");
    let (_, status, texts) = world.first().await;
    assert_eq!(status, Status::Unknown);
    assert!(texts[0].starts_with("cron records no result"), "{texts:?}");
}

#[tokio::test]
async fn a_slot_in_which_the_machine_was_off_is_skipped_and_says_why() {
    let mut world = World::new(WRAPPED, "");
    let record = |kind: u8, user: &str, at: &str| {
        let mut record = vec![0; 384];
        record[0] = kind;
        record[44..44 + user.len()].copy_from_slice(user.as_bytes());
        let at: Timestamp = at.parse().expect("time");
        record[340..344].copy_from_slice(&i32::try_from(at.timestamp()).expect("seconds").to_le_bytes());
        record
    };
    let records = [record(1, "shutdown", "2026-03-02T01:10:00Z"), record(2, "reboot", "2026-03-02T03:20:00Z")].concat();
    let wtmp = world.root.path().join("var/log/wtmp");
    std::fs::create_dir_all(wtmp.parent().expect("folder")).expect("folder");
    world.runs = vec![run("a", "nightly", "2026-03-01T02:00:00Z".parse().expect("time"), 0)];
    assert_eq!(world.first().await.1, Status::Critical, "nothing says why it did not run");
    std::fs::write(wtmp, records).expect("wtmp");
    let (_, status, texts) = world.first().await;
    assert_eq!(status, Status::Warning);
    assert_eq!(texts, ["nothing ran for the slot of 02:00: the machine was off from 01:10 to 03:20"]);
    // Asleep between two looks is as well an excuse as off.
    std::fs::remove_file(world.root.path().join("var/log/wtmp")).expect("wtmp");
    let slept: fn() -> Option<Duration> = {
        static LOOKS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        || Some(Duration::from_hours(2) * LOOKS.fetch_add(1, std::sync::atomic::Ordering::Relaxed) as u32)
    };
    let evening = World { now: "2026-03-02T01:05:00Z".parse().expect("time"), ..world };
    let mut watched = evening.watched_in(&Scene { slept, ..evening.scene() });
    assert_eq!(evening.told(&mut watched).await[0].1, Status::Ok);
    let world = World { now: "2026-03-02T03:06:00Z".parse().expect("time"), ..evening };
    let (_, status, texts) = world.told(&mut watched).await.remove(0);
    assert_eq!(status, Status::Warning, "{texts:?}");
    assert_eq!(texts, ["nothing ran for the slot of 02:00: the machine was asleep from 01:05 to 03:06"]);

    let elsewhere = Scene { elsewhere: true, ..world.scene() };
    let (_, status, texts) = world.told(&mut world.watched_in(&elsewhere)).await.remove(0);
    assert_eq!(status, Status::Critical, "that excuses nothing of what does not run here: {texts:?}");
    let came_up: Timestamp = "2026-03-02T02:30:00Z".parse().expect("time");
    std::fs::write(world.root.path().join("proc/stat"), format!("btime {}\n", came_up.timestamp())).expect("stat");
    let reason = "; the machine started at 02:30, after it";
    let told = world.told(&mut world.watched()).await.remove(0).2;
    assert!(told[0].ends_with(reason), "{told:?}");
    let elsewhere = Scene { elsewhere: true, ..world.scene() };
    let told = world.told(&mut world.watched_in(&elsewhere)).await.remove(0).2;
    assert!(!told[0].contains("the machine started"), "{told:?}");
}
