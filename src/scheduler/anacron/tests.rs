//! Tables as Debian and Red Hat bring them, broken ones, and the days on which jobs are due.

use super::*;

pub(in crate::scheduler) const DEBIAN: &str = "# /etc/anacrontab\nSHELL=/bin/sh\nHOME=/root\nLOGNAME=root\n\n\
    1\t5\tcron.daily\trun-parts --report /etc/cron.daily\n\
    7\t10\tcron.weekly\trun-parts --report /etc/cron.weekly\n\
    @monthly\t15\tcron.monthly\trun-parts --report /etc/cron.monthly\n";

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

#[test]
fn a_table_is_read_as_anacron_reads_it() {
    let table = Table::of(DEBIAN);
    let told: Vec<(&str, String, u64)> =
        table.jobs.iter().map(|job| (job.id.as_str(), job.period.words(), job.delay.as_secs() / 60)).collect();
    assert_eq!(
        told,
        [
            ("cron.daily", "every day".into(), 5),
            ("cron.weekly", "every week".into(), 10),
            ("cron.monthly", "every month".into(), 15)
        ]
    );
    assert_eq!((table.jobs[0].line, table.jobs[0].command.as_str()), (6, "run-parts --report /etc/cron.daily"));
    let odd = Table::of(
        "START_HOURS_RANGE=3-22\nRANDOM_DELAY = 45\n3 0 long a \\\n b\\\n c\r\nx 5 y z\n1 x y z\n1 5 a/b c\n1 5 only\n@hourly 1 a b",
    );
    assert_eq!((odd.hours, odd.random), (Some((3, 22)), Duration::from_mins(45)));
    assert_eq!((odd.jobs.len(), odd.jobs[0].command.as_str()), (1, "a  b c"));
    let lines: Vec<&str> = odd.broken.iter().filter_map(|why| why.split(':').next()).collect();
    assert_eq!(lines, [6, 7, 8, 9, 10].map(|line| format!("/etc/anacrontab, line {line}")));
    assert!(odd.broken[0].contains("`x` is no number of days"), "{:?}", odd.broken);
}

#[test]
fn a_month_is_as_long_as_the_one_before() {
    let table = [
        (Period::Days(1), "2026-03-01", "2026-03-02"),
        (Period::Days(0), "2026-03-01", "2026-03-02"),
        (Period::Days(7), "2026-12-30", "2027-01-06"),
        (Period::Monthly, "2026-03-05", "2026-04-05"),
        (Period::Monthly, "2026-01-31", "2026-03-01"),
        (Period::Monthly, "2026-02-28", "2026-03-28"),
        (Period::Yearly, "2026-05-01", "2027-05-01"),
        (Period::Yearly, "2027-05-01", "2028-04-30"),
    ];
    for (period, last, due) in table {
        assert_eq!(period.after(day(last)), day(due), "{period:?} after {last}");
    }
    // The machine that asks every day agrees: due is the first day that is far enough away.
    for start in 0..800 {
        let last = day("2026-01-01") + TimeDelta::days(start);
        let asks = |today: NaiveDate| {
            let first = today.with_day(1).expect("a first");
            (today - last).num_days() >= i64::from((first - TimeDelta::days(1)).day())
        };
        let due = (1..99).map(|gone| last + TimeDelta::days(gone)).find(|today| asks(*today));
        assert_eq!(Some(Period::Monthly.after(last)), due, "after {last}");
    }
}

#[test]
fn what_is_due_while_the_machine_is_off_waits_until_it_is_up() {
    let table = Table::of("START_HOURS_RANGE=3-22\n1 5 daily true\n");
    let zone = Zone::named("Europe/London").expect("a zone");
    let due = |booted: Option<&str>| table.due(&table.jobs[0], day("2026-07-01"), &zone, booted.map(at));
    let minutes = |minutes: u64| Duration::from_mins(minutes);
    assert_eq!(due(None), (at("2026-07-02T02:00:00Z"), minutes(24 * 60 + 5)), "three o'clock in summer");
    assert_eq!(due(Some("2026-06-01T08:00:00Z")), (at("2026-07-02T02:00:00Z"), minutes(24 * 60 + 5)));
    assert_eq!(due(Some("2026-07-09T08:00:00Z")), (at("2026-07-09T08:00:00Z"), minutes((2 + 5) * 60 + 5)));
}

#[cfg(unix)]
#[test]
fn jobs_and_the_scripts_of_their_folders_are_told_with_the_day_they_last_ran() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = tempfile::tempdir().expect("a root");
    let write = |path: &str, text: &str, mode: u32| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("its mode");
    };
    let calendar = Calendar { zone: Zone::utc(), now: at("2026-03-02T09:00:00Z") };
    let ask: Ask = |_| Err("nobody is asked".to_owned());
    assert_eq!(read(ask, &calendar, root.path()), Ok(Vec::new()), "without a table there is nothing");
    write("etc/anacrontab", &format!("{DEBIAN}1 1 own rounds exec --task own -- /srv/own.sh\nnonsense\n"), 0o644);
    write("etc/debian_version", "12.11\n", 0o644);
    write("etc/cron.daily/logrotate", "#!/bin/sh\n", 0o755);
    write("etc/cron.daily/backup.sh", "#!/bin/sh\n", 0o755);
    write("var/spool/anacron/cron.daily", "20260301\n", 0o600);
    write("var/spool/anacron/own", "20260301\n", 0o600);
    write("var/spool/anacron/cron.weekly", "garbage\n", 0o600);
    let file = std::fs::File::options().write(true).open(root.path().join("var/spool/anacron/cron.daily"));
    file.expect("the stamp").set_modified(at("2026-03-01T07:35:12Z").into()).expect("its time");

    let all = read(ask, &calendar, root.path()).expect("told");
    let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["cron.daily", "cron.daily/logrotate", "cron.weekly", "cron.monthly", "own"]);
    for one in &all[..2] {
        let last = one.last.as_ref().expect("it ran");
        assert_eq!((last.started_at, &last.outcome), (at("2026-03-01T07:35:12Z"), &Outcome::Untold), "{}", one.name);
        assert_eq!(one.told.next, Some(at("2026-03-02T00:00:00Z")));
        assert_eq!(one.told.schedule.as_deref(), Some("every day (anacron)"));
    }
    let passed_over = &all[0].parts.as_ref().expect("a folder").passed_over;
    assert_eq!(passed_over[0], "backup.sh: its name has a `.`; call it backup");
    assert_eq!((&all[2].last, all[2].told.next), (&None, None), "a stamp that is none tells nothing");
    assert_eq!((&all[4].last, all[4].told.next), (&None, Some(at("2026-03-02T00:00:00Z"))), "its wrapper tells");
    assert_eq!(problems(root.path()).len(), 1);
    assert_eq!(acts("cron.daily", "").run.to_string(), "anacron -d -f -n cron.daily");
    assert_eq!(acts("cron.daily/logrotate", "").run.to_string(), "/etc/cron.daily/logrotate");
    assert!(all[0].handle(&SOURCE).is_none(), "anacron holds nothing back");
}
