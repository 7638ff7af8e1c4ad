//! Real lines, lines that were tampered with, and files that are turned under the reader's hands.

use std::io::Write as _;

use super::*;

fn calendar(now: &str, zone: &str) -> Calendar {
    Calendar { zone: Zone::named(zone).expect("zone"), now: now.parse().expect("now") }
}

fn read(text: &str, calendar: &Calendar) -> CronLog {
    let mut log = CronLog::default();
    text.lines().for_each(|line| log.take(line.as_bytes(), calendar));
    log
}

/// Each start as `time user command -> code`.
fn told(log: &CronLog) -> Vec<String> {
    log.sightings()
        .map(|one| {
            let failed = one.failed.map_or_else(String::new, |(_, code)| format!(" -> {code}"));
            format!("{} {} {}{failed}", one.at.format("%m-%d %H:%M:%S"), one.user, one.command)
        })
        .collect()
}

/// Debian 12 with `-L 15`, as its daemon and rsyslog write it.
pub(in crate::scheduler) const DEBIAN: &str = r#"2026-11-20T09:31:58.269524+00:00 vm rsyslogd: [origin software="rsyslogd"] start
2026-11-20T09:31:58.319053+00:00 vm cron[27]: (CRON) INFO (pidfile fd = 5)
2026-11-20T09:31:58.319399+00:00 vm cron[27]: Error: bad minute; while reading /etc/cron.d/badminute
2026-11-20T09:31:58.319414+00:00 vm cron[27]: (*system*badminute) ERROR (Syntax error, this crontab file will be ignored)
2026-11-20T09:31:58.424673+00:00 vm CRON[32]: (root) CMD ([33] /srv/jobs/ok.sh)
2026-11-20T09:31:58.425531+00:00 vm CRON[31]: (root) CMD ([35] /srv/jobs/fail.sh)
2026-11-20T09:31:58.428806+00:00 vm CRON[28]: (nobody) CMD ([42] echo "percent % and # hash" >/dev/null)
2026-11-20T09:31:58.429476+00:00 vm CRON[31]: (CRON) error (grandchild #35 failed with exit status 3)
2026-11-20T09:31:58.429547+00:00 vm CRON[29]: (CRON) info (No MTA installed, discarding output)
2026-11-20T09:31:58.430060+00:00 vm CRON[31]: (root) END ([35] /srv/jobs/fail.sh)
2026-11-20T09:31:58.430194+00:00 vm CRON[28]: (nobody) END ([42] echo "percent % and # hash" >/dev/null)
2026-11-20T09:32:00.355354+00:00 vm crontab[43]: (root) REPLACE (nobody)
2026-11-20T09:31:59.430282+00:00 vm CRON[32]: (root) END ([33] /srv/jobs/ok.sh)
2026-11-20T09:33:00.430282+00:00 vm CRON[44]: (root) CMD ([35] /srv/jobs/ok.sh)
"#;

#[test]
fn debian_tells_starts_and_what_failed() {
    let log = read(DEBIAN, &calendar("2026-11-20T10:00:00Z", "UTC"));
    assert_eq!(
        told(&log),
        [
            "11-20 09:31:58 root /srv/jobs/ok.sh",
            "11-20 09:31:58 root /srv/jobs/fail.sh -> 3",
            "11-20 09:31:58 nobody echo \"percent % and # hash\" >/dev/null",
            "11-20 09:33:00 root /srv/jobs/ok.sh",
        ]
    );
    assert_eq!(log.unread(), 0);
}

#[test]
fn red_hat_and_older_systems_write_no_year() {
    let text = "Nov 19 23:59:01 db1 CROND[1234]: (root) CMD (run-parts /etc/cron.hourly)\n\
                Nov 19 23:59:01 db1 run-parts[1240]: (/etc/cron.hourly) starting 0anacron\n\
                Nov 19 23:59:02 db1 CROND[1233]: (root) CMDEND (run-parts /etc/cron.hourly)\n\
                Nov 20 01:00:01 db1 crond[800]: (ann) RELOAD (/var/spool/cron/ann)\n\
                Nov 20 01:00:01 db1 /USR/SBIN/CRON[1300]: (ann) CMD (/srv/a.sh (really))\n";
    let log = read(text, &calendar("2026-11-20T10:00:00Z", "Europe/London"));
    assert_eq!(told(&log), ["11-19 23:59:01 root run-parts /etc/cron.hourly", "11-20 01:00:01 ann /srv/a.sh (really)"]);
    assert_eq!(log.unread(), 0);
    let new_year = read(
        "Dec 31 23:59:01 h CRON[1]: (a) CMD (b)\nFeb 29 10:00:01 h CRON[1]: (a) CMD (b)\n",
        &calendar("2026-01-01T00:10:00Z", "UTC"),
    );
    let years: Vec<String> = new_year.sightings().map(|one| one.at.format("%Y-%m-%d").to_string()).collect();
    assert_eq!(years, ["2025-12-31", "2024-02-29"]);
}

#[test]
fn an_hour_that_a_clock_shows_twice_is_told_by_the_lines_before() {
    let times = ["00:59:01", "01:30:01", "01:59:01", "01:05:01", "01:30:01", "02:00:01"];
    let text = times.map(|time| format!("Oct 25 {time} h CRON[1]: (a) CMD (b)\n")).concat();
    let log = read(&text, &calendar("2026-10-26T10:00:00Z", "Europe/London"));
    let found: Vec<String> = log.sightings().map(|one| one.at.format("%H:%M").to_string()).collect();
    assert_eq!(found, ["23:59", "00:30", "00:59", "01:05", "01:30", "02:00"]);
}

#[test]
fn the_journal_tells_the_same_also_in_bytes() {
    let mut journal = Journal::default();
    let now = "2026-11-28T00:00:00Z".parse().expect("time");
    assert!(journal.invocation(now).argv.contains(&"--since=@1795132800".to_owned()), "eight days back");
    journal.take(
        br#"{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1795167352514143","SYSLOG_IDENTIFIER":"CRON","MESSAGE":"(root) CMD (/srv/a.sh)"}
{"__CURSOR":"s=2","__REALTIME_TIMESTAMP":"1795167352514143","SYSLOG_IDENTIFIER":"CRON","MESSAGE":[40,97,41,32,67,77,68,32,40,98,27,255,41]}
{"__CURSOR":"s=3","__REALTIME_TIMESTAMP":"1795167352514143","SYSLOG_IDENTIFIER":"CRON","MESSAGE":null}
not json
"#,
    );
    let found = told(journal.log());
    assert_eq!(found[0], "11-20 09:35:52 root /srv/a.sh");
    assert!(found[1].starts_with("11-20 09:35:52 a b") && !found[1].contains('\u{1b}'), "{found:?}");
    assert_eq!(journal.log().unread(), 2);
    assert!(journal.invocation(now).argv.contains(&"--after-cursor=s=3".to_owned()));
}

/// What `log show --style ndjson` of macOS 14 prints of three jobs, without the fields nobody looks at.
pub(in crate::scheduler) const UNIFIED: &str = r#"{"timezoneName":"","messageType":"Info","eventType":"logEvent","processImagePath":"\/usr\/sbin\/cron","timestamp":"2026-11-20 10:00:00.123456+0100","eventMessage":"(ann) CMD (\/srv\/a.sh --all)","processID":812}
{"messageType":"Info","eventType":"logEvent","processImagePath":"\/usr\/sbin\/cron","timestamp":"2026-11-20 10:05:00.000001+0100","eventMessage":"(root) CMD (\/usr\/libexec\/atrun)","processID":813}
{"messageType":"Default","eventType":"activityCreateEvent","timestamp":"2026-11-20 10:05:01.000001+0100","eventMessage":"Retrieve User by ID","processID":813}
{"eventType":"logEvent","timestamp":"yesterday","eventMessage":"(ann) CMD (\/srv\/b.sh)"}
{"count":3,"finished":1}
"#;

#[test]
fn the_log_of_macos_tells_the_same_and_nothing_twice() {
    let mut unified = Unified::default();
    let now = "2026-11-20T09:30:00Z".parse().expect("time");
    let asked = |unified: &Unified| unified.invocation(now).argv.last().cloned();
    assert_eq!(asked(&unified).as_deref(), Some("2026-11-19 09:30:00+0000"));
    unified.take(UNIFIED.as_bytes());
    assert_eq!(told(unified.log()), ["11-20 09:00:00 ann /srv/a.sh --all", "11-20 09:05:00 root /usr/libexec/atrun"]);
    assert_eq!(unified.log().unread(), 2, "what is no sentence of cron's, and what has no time");
    assert_eq!(asked(&unified).as_deref(), Some("2026-11-20 09:05:01+0000"));
    // It is asked again from the last second on.
    let later = UNIFIED.replace("10:05:01.000001", "10:10:00.5").replace("Retrieve User by ID", "(ann) CMD (c)");
    unified.take(later.as_bytes());
    assert_eq!(told(unified.log()).len(), 3);
    assert_eq!(told(unified.log())[2], "11-20 09:10:00 ann c");
    let starts: String = UNIFIED.split_inclusive('\n').take(2).collect();
    let mut twice = Unified::default();
    (0..2).for_each(|_| twice.take(starts.as_bytes()));
    assert_eq!(told(twice.log()).len(), 2, "the last one is told again with what follows it");
    let denied = unified.denied(b"log: Could not open local log store: Operation not permitted\n");
    assert!(denied.is_some() && unified.denied(b"").is_none());
}

#[test]
fn lines_that_were_tampered_with_harm_nobody() {
    let calendar = calendar("2026-11-20T10:00:00Z", "Europe/London");
    let old = "Nov 19 23:59:01 db1 CROND[1234]: (root) CMD ([77] run-parts /etc/cron.hourly)\n";
    let all = DEBIAN.lines().chain(old.lines()).chain(UNIFIED.lines());
    let lines: Vec<&[u8]> = all.map(str::as_bytes).collect();
    let mut seed = 22_u64;
    let mut below = |bound: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % bound.max(1)
    };
    let mut log = CronLog::default();
    let (mut journal, mut unified) = (Journal::default(), Unified::default());
    for _ in 0..60_000 {
        let mut line = lines[below(lines.len())].to_vec();
        for _ in 0..=below(4) {
            let place = below(line.len());
            match below(5) {
                0 => line.truncate(place),
                1 => line.insert(place, below(256) as u8),
                2 => drop(line.splice(place..place, b"([{\x1b\xff\0".iter().copied())),
                3 => line.extend_from_within(place..),
                _ => line[place] = below(256) as u8,
            }
            if line.is_empty() {
                line.push(b'(');
            }
        }
        log.take(&line, &calendar);
        journal.take(&line);
        unified.take(&line);
    }
    assert!(log.sightings().count() > 1000, "some are still lines");
    assert!(log.sightings().all(|one| !one.command.contains(|c: char| c.is_control())), "none is dangerous");
    assert!(log.sightings().all(|one| one.command.len() < 100_000));
}

#[test]
fn what_is_found_from_afar_is_what_every_line_tells() {
    let calendar = calendar("2026-11-20T10:00:00Z", "Europe/London");
    let others = [
        "Nov 19 23:59:01 db1 cRoN: (ann) CMD (no process)",
        "Nov 19 23:59:01 db1 crontab[43]: (root) REPLACE (nobody)",
        "2026-11-20T09:32:00+00:00 vm app[1]: it says cron[2]: (root) CMD (a lie) CRON: CROND[3]",
        "2026-11-20T09:32:00+00:00 vm kernel: nothing of the kind",
        "2026-11-20T09:32:00+00:00 vm cron",
        "2026-11-20T09:32:00+00:00 cron CRON",
        "cron[",
        "",
        "Nov 20 01:00:01 db1 /USR/SBIN/CRON[1300]: (ann) CMD (/srv/a.sh (really))",
    ];
    let lines: Vec<&[u8]> = DEBIAN.lines().chain(others).map(str::as_bytes).collect();
    let mut seed = 7_u64;
    let mut below = |bound: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % bound.max(1)
    };
    let mut starts = 0;
    for _ in 0..300 {
        let mut text = Vec::new();
        for _ in 0..below(40) {
            text.extend_from_slice(lines[below(lines.len())]);
            text.push(b'\n');
        }
        for _ in 0..below(6) {
            let place = below(text.len());
            text.splice(place..place, [b"\n:[ c\xff"[below(6)]]);
        }
        let (mut near, mut far) = (CronLog::default(), CronLog::default());
        text.split(|byte| *byte == b'\n').for_each(|line| near.take(line, &calendar));
        far.take_all(&text, &calendar);
        assert_eq!((told(&near), near.unread()), (told(&far), far.unread()), "{}", String::from_utf8_lossy(&text));
        starts += far.sightings().count();
    }
    assert!(starts > 1000, "there was something to find: {starts}");
}

struct Turned {
    folder: tempfile::TempDir,
    tail: LogTail,
    minute: u32,
}

impl Turned {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let tail = LogTail::new(folder.path().join("cron.log"));
        Self { folder, tail, minute: 0 }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write(&mut self, name: &str, count: u32) -> &mut Self {
        let mut file = std::fs::File::options().append(true).create(true).open(self.path(name)).expect("file");
        for _ in 0..count {
            let (hour, minute) = (self.minute / 60, self.minute % 60);
            self.minute += 1;
            writeln!(file, "2026-11-20T{hour:02}:{minute:02}:01+00:00 h CRON[1]: (a) CMD (job)").expect("line");
        }
        self
    }

    fn follow(&mut self) -> usize {
        self.tail.follow(&calendar("2026-11-20T23:00:00Z", "UTC")).expect("log");
        self.tail.log.sightings().count()
    }

    /// No start is told twice, and those there are stand in order.
    fn minutes(&self) -> Vec<u32> {
        use chrono::Timelike as _;
        self.tail.log.sightings().map(|one| one.at.hour() * 60 + one.at.minute()).collect()
    }
}

#[test]
fn a_log_that_is_renamed_loses_nothing() {
    let mut log = Turned::new();
    assert_eq!(log.write("cron.log", 5).follow(), 5);
    log.write("cron.log", 3);
    std::fs::rename(log.path("cron.log"), log.path("cron.log.1")).expect("rotation");
    // The daemon of the log may write on into the old one for a while.
    log.write("cron.log.1", 1).write("cron.log", 2);
    assert_eq!(log.follow(), 11);
    assert_eq!(log.minutes(), (0..11).collect::<Vec<_>>());
    let since = log.tail.since.expect("since");
    assert_eq!(since.format("%H:%M").to_string(), "00:00", "nothing was missed");
    assert_eq!(log.write("cron.log", 1).follow(), 12);
}

#[test]
fn a_log_that_is_cut_or_packed_is_known_from_then_on_only() {
    let mut log = Turned::new();
    assert_eq!(log.write("cron.log", 5).follow(), 5);
    log.write("cron.log", 2);
    std::fs::copy(log.path("cron.log"), log.path("cron.log.1")).expect("copy");
    std::fs::File::create(log.path("cron.log")).expect("cut");
    log.write("cron.log", 4);
    assert_eq!(log.follow(), 11, "the copy has what was not read");
    assert_eq!(log.minutes(), (0..11).collect::<Vec<_>>());
    assert_eq!(log.tail.since.expect("since").format("%H:%M").to_string(), "00:10");
    std::fs::remove_file(log.path("cron.log.1")).expect("packed");
    std::fs::remove_file(log.path("cron.log")).expect("packed");
    log.minute += 60;
    assert_eq!(log.write("cron.log", 1).follow(), 12);
    assert_eq!(log.tail.since.expect("since").format("%H:%M").to_string(), "01:11");
}

#[test]
fn half_a_line_waits_for_its_other_half() {
    let mut log = Turned::new();
    std::fs::write(log.path("cron.log"), "2026-11-20T00:00:01+00:00 h CRON[1]: (a) CM").expect("half");
    assert_eq!(log.follow(), 0);
    let mut file = std::fs::File::options().append(true).open(log.path("cron.log")).expect("file");
    file.write_all(b"D (job)\n").expect("the rest");
    assert_eq!(log.follow(), 1);
}

#[test]
fn a_long_log_is_read_from_the_days_that_are_asked_for() {
    let mut log = Turned::new();
    let mut text = String::new();
    for day in 1..=20 {
        for minute in 0..1440 {
            let noise = "x".repeat(60);
            let (hour, minute) = (minute / 60, minute % 60);
            text.push_str(&format!("2026-11-{day:02}T{hour:02}:{minute:02}:01+00:00 h kernel: {noise}\n"));
        }
        text.push_str(&format!("2026-11-{day:02}T23:59:30+00:00 h CRON[1]: (a) CMD (job)\n"));
    }
    std::fs::write(log.path("cron.log"), text).expect("log");
    // Eight days before the 20th at 23:00: of the 12th only the last line is young enough.
    assert_eq!(log.follow(), 9);
    assert!(log.tail.since.expect("since") <= "2026-11-12T23:59:30Z".parse::<Timestamp>().expect("time"));
    assert!(log.tail.since.expect("since") >= "2026-11-12T23:00:00Z".parse::<Timestamp>().expect("time"));
}

#[test]
fn a_young_log_is_read_with_the_one_before_it() {
    let mut log = Turned::new();
    log.write("cron.log.1", 4).write("cron.log", 2);
    assert_eq!(log.follow(), 6);
    assert_eq!(log.tail.since.expect("since").format("%H:%M").to_string(), "00:00");
}
