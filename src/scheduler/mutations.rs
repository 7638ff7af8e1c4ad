//! What schedulers and logs tell, tampered with: every reader takes it or refuses it, and nothing that a
//! terminal obeys comes out.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use super::asleep::Asleep;
use super::cron_log::{Calendar, CronLog, Journal, Lines as _, Told, Unified};
use super::source::Listed;
use super::{anacron, cron_log, crontab, schtasks, systemd, uptime};
use crate::domain::plan::Invocation;
use crate::domain::time::Zone;
use crate::exec::{Captured, Ended};

const CRONTAB: &str = "CRON_TZ=Europe/London\nMAILTO=\"\"\n# m h dom mon dow\n*/5 2-4 1,15 jan-mar mon-fri rounds exec \
    --task a -- /srv/a.sh\n@daily /srv/b.sh %input%more\n0 2 * * * date +\\%F > /tmp/x\n@reboot run-parts /etc/c\r\n";
const ASLEEP: &str = "{\"__REALTIME_TIMESTAMP\":\"1795294000000000\",\"MESSAGE_ID\":\"6bbd95ee977941e497c48be27c254128\"}\n\
    {\"__REALTIME_TIMESTAMP\":\"1795297000000000\",\"MESSAGE_ID\":\"8811e6df2a8e40f58a94cea26f8ebf14\"}\n";

/// What a sample is, its text, and who reads it.
type Reader = (&'static str, &'static str, fn(&[u8]));

const READERS: [Reader; 9] = [
    ("syslog of Debian", cron_log::tests::DEBIAN, syslog),
    ("the journal's lines of cron", ASLEEP, journal),
    ("the unified log", cron_log::tests::UNIFIED, unified),
    ("PowerShell", schtasks::tests::ANSWER, windows),
    ("systemd's units", systemd::tests::SHOW, units),
    ("systemd's list", systemd::tests::LIST, units),
    ("anacrontab", anacron::tests::DEBIAN, table),
    ("a crontab", CRONTAB, lines),
    ("when it slept", ASLEEP, sleep),
];

fn calendar() -> Calendar {
    Calendar { zone: Zone::utc(), now: "2026-11-20T10:08:10Z".parse().expect("now") }
}

fn plain(text: &str) {
    assert!(!text.contains(char::is_control), "{text:?}");
}

fn heard(log: &CronLog) {
    log.sightings().flat_map(|one| [&one.user, &one.command]).for_each(|text| plain(text));
}

fn syslog(bytes: &[u8]) {
    let mut log = CronLog::default();
    log.take_all(bytes, &calendar());
    heard(&log);
}

fn journal(bytes: &[u8]) {
    let mut journal = Journal::default();
    journal.take(bytes);
    heard(journal.log());
}

fn unified(bytes: &[u8]) {
    let mut unified = Unified::default();
    unified.take(bytes);
    heard(unified.log());
}

fn listed(all: Result<Vec<Listed>, String>) {
    for one in all.unwrap_or_default() {
        for text in [&one.name, &one.command, &one.user] {
            plain(text);
        }
        one.runs("t").iter().for_each(|run| assert!(!run.tail.contains('\x1b'), "{run:?}"));
    }
}

fn windows(bytes: &[u8]) {
    listed((schtasks::SOURCE.parse)(bytes, &calendar()));
}

thread_local! {
    /// What whoever is asked on this thread answers.
    static ANSWER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of what asks a program")]
fn answer(asked: &Invocation) -> Result<Captured, String> {
    let own = ANSWER.with_borrow(Clone::clone);
    let is_list = own.first() == Some(&b'[');
    let stdout = match asked.argv.get(2).map(String::as_str) {
        Some("list-timers") if !is_list => systemd::tests::LIST.into(),
        Some("list-units") => systemd::tests::FAILED.into(),
        Some("list-unit-files") => systemd::tests::FILES.into(),
        Some("show") if is_list => systemd::tests::SHOW.into(),
        _ => own,
    };
    let (exit_code, ended, took) = (Some(0), Ended::Exited, Duration::ZERO);
    Ok(Captured { exit_code, signal: None, ended, took, stdout, stderr: Vec::new(), cut: false, left: None })
}

fn units(bytes: &[u8]) {
    ANSWER.set(bytes.to_vec());
    let timers = (systemd::SOURCE.read)(answer, &calendar(), Path::new("/nowhere"));
    for unit in systemd::failed(answer, Path::new("/nowhere"), timers.as_deref().unwrap_or_default(), calendar().now)
        .unwrap_or_default()
    {
        plain(&unit.text);
    }
    listed(timers);
}

fn sleep(bytes: &[u8]) {
    ANSWER.set(bytes.to_vec());
    let gaps = Asleep::default().gaps(Some(Duration::ZERO), calendar().now, Some(answer));
    assert!(gaps.iter().all(|gap| gap.from < gap.until), "{gaps:?}");
    uptime::gaps(bytes, None, &[]);
}

/// Writes what is read from files into a folder that stands for `/`.
fn in_folder(path: &str, bytes: &[u8], read: impl Fn(&Path)) {
    thread_local! {
        static ROOT: tempfile::TempDir = tempfile::tempdir().expect("a folder");
    }
    ROOT.with(|root| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, bytes).expect("a file");
        read(root.path());
    });
}

fn table(bytes: &[u8]) {
    in_folder("etc/anacrontab", bytes, |root| listed((anacron::SOURCE.read)(answer, &calendar(), root)));
}

fn lines(bytes: &[u8]) {
    in_folder("crontab", bytes, |root| {
        let found = crontab::exported(&root.join("crontab"), &Zone::utc());
        for line in &found.entries {
            plain(&line.shown());
            plain(&line.installed().command);
            let next = line.schedule.iter().find_map(|schedule| schedule.next(calendar().now));
            assert!(next.is_none_or(|next| next > calendar().now));
        }
    });
}

fn tampered_with(trials: usize, seed: u64) {
    let mut state = seed;
    let mut below = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound.max(1)
    };
    for trial in 0..trials {
        let (name, sample, read) = READERS[trial % READERS.len()];
        let mut bytes = sample.as_bytes().to_vec();
        for _ in 0..=below(8) {
            let place = below(bytes.len());
            match below(7) {
                0 => bytes.truncate(place.max(1)),
                1 => bytes.insert(place, below(256) as u8),
                2 => drop(bytes.splice(place..place, b"\x1b]0;x\x07\"{[(\xff\0".iter().copied())),
                3 if bytes.len() < 64 * 1024 => bytes.extend_from_within(place..),
                4 => drop(bytes.splice(place..place, b"99999999999999999999".iter().copied())),
                5 => drop(bytes.drain(place..(place + 9).min(bytes.len()))),
                _ => bytes[place] = below(256) as u8,
            }
            if bytes.is_empty() {
                bytes.push(b'(');
            }
        }
        let said = std::panic::catch_unwind(|| read(&bytes));
        assert!(said.is_ok(), "trial {trial} of seed {seed}: {name}: {}", String::from_utf8_lossy(&bytes));
    }
    println!("{trials} answers tampered with, seed {seed}, each was read or refused");
}

#[test]
fn whatever_is_told_is_read_or_refused() {
    tampered_with(3_000, 22);
}

#[test]
#[ignore = "takes minutes: a million answers"]
fn whatever_is_told_is_read_or_refused_a_million_times() {
    tampered_with(1_000_000, 23);
}
