//! Crontabs in a folder that stands for `/`: what cron would run is what is found.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rounds::domain::time::Zone;
use rounds::scheduler::crontab::{Account, Crontabs, Entry, Place, difference, read};
use tempfile::TempDir;

struct World(TempDir);

impl World {
    fn new() -> Self {
        let world = Self(tempfile::tempdir().expect("root"));
        std::fs::create_dir(world.0.path().join("etc")).expect("etc");
        world
    }

    fn file(&self, path: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        std::fs::write(&path, text).expect("file");
        self.mode(&path, 0o644);
        self
    }

    fn mode(&self, path: &Path, mode: u32) {
        std::fs::set_permissions(self.0.path().join(path), std::fs::Permissions::from_mode(mode)).expect("mode");
    }

    fn read(&self) -> Crontabs {
        let zone = Zone::named("Europe/London").expect("zone");
        let place = Place { root: self.0.path().to_owned(), user: "ann".into(), zone };
        read(&place, || Err("nobody asked".into()))
    }

    fn ids(&self) -> Vec<String> {
        self.read().entries.into_iter().map(|entry| entry.id).collect()
    }
}

fn own(text: impl AsRef<[u8]>) -> Vec<Entry> {
    World::new().file("var/spool/cron/crontabs/ann", text).read().entries
}

fn first(text: &str) -> Entry {
    own(text).remove(0)
}

#[test]
fn every_crontab_is_read_with_its_user() {
    let world = World::new();
    world
        .file("var/spool/cron/crontabs/ann", "0 2 * * * /srv/backup.sh\n")
        .file("var/spool/cron/crontabs/bob", "0 2 * * * /srv/other.sh\n")
        .file("etc/crontab", "17 *\t* * *\troot    cd / && run-parts --report /etc/cron.hourly\n")
        .file("etc/cron.d/certbot", "0 */12 * * * www-data certbot -q renew\n")
        .file("etc/cron.d/old.dpkg-old", "0 1 * * * root /bin/never\n")
        .file("etc/cron.d/.placeholder", "0 1 * * * root /bin/never\n");
    let found = world.read();
    let seen: Vec<_> = found.entries.iter().map(|e| (e.id.as_str(), e.user.as_str(), e.place())).collect();
    assert_eq!(
        seen,
        [
            ("backup", "ann", "crontab of ann, line 1".to_owned()),
            ("cron-hourly", "root", "/etc/crontab, line 1".to_owned()),
            ("certbot", "www-data", "/etc/cron.d/certbot, line 1".to_owned()),
        ]
    );
    assert_eq!(found.problems, [] as [String; 0]);
    assert!(found.entries.iter().all(|entry| entry.written_at.is_some()));
}

#[test]
fn the_crontab_of_red_hat_is_found_too() {
    let world = World::new();
    world.file("var/spool/cron/ann", "@daily /srv/backup.sh\n");
    assert_eq!(world.ids(), ["backup"]);
}

#[test]
fn a_file_that_others_may_write_is_a_problem_and_runs_nothing() {
    for mode in [0o664, 0o646, 0o666] {
        let world = World::new();
        world.file("etc/cron.d/open", "0 1 * * * root /bin/evil\n");
        world.mode(Path::new("etc/cron.d/open"), mode);
        let found = world.read();
        assert!(found.entries.is_empty());
        let expected =
            format!("cron ignores /etc/cron.d/open: others may write it (mode {mode:o}); run chmod go-w on it");
        assert_eq!(found.problems, [expected]);
    }
}

#[test]
fn settings_comments_and_blanks_are_no_lines() {
    let entries = own("# backup\n\n  \t\nMAILTO=\"ops@example.org\"\nPATH = /usr/bin:/bin \nEMPTY=\n\
         0 2 * * * A=b /srv/backup.sh --name=x\nLATER=1\n");
    assert_eq!(entries.len(), 1);
    let environment: Vec<(&str, &str)> = entries[0].environment.iter().map(|(k, v)| (&k[..], &v[..])).collect();
    assert_eq!(environment, [("EMPTY", ""), ("MAILTO", "ops@example.org"), ("PATH", "/usr/bin:/bin")]);
    assert_eq!(entries[0].command, "A=b /srv/backup.sh --name=x");
    assert_eq!((entries[0].id.as_str(), entries[0].line), ("backup", 7));
}

#[test]
fn cron_tz_moves_the_lines_after_it() {
    let entries = own("0 2 * * * /a\nCRON_TZ=America/New_York\n0 2 * * * /b\nCRON_TZ=Mars/Base\n0 2 * * * /c\n");
    let zones: Vec<String> = entries
        .iter()
        .map(|e| e.schedule.as_ref().map_or_else(ToString::to_string, |s| s.zone.name().to_owned()))
        .collect();
    assert_eq!(zones[..2], ["Europe/London", "America/New_York"]);
    assert!(zones[2].starts_with("CRON_TZ, column 1: `Mars/Base` is no time zone"), "{}", zones[2]);
}

#[test]
fn percent_signs_begin_the_input() {
    let table = [
        ("0 2 * * * date +\\%F > /tmp/x", "date +%F > /tmp/x", None),
        ("0 2 * * * mail -s hi ann%Hello%%Bye", "mail -s hi ann", Some("Hello\n\nBye\n")),
        ("0 2 * * * echo a\\b", "echo a\\b", None),
    ];
    for (line, command, input) in table {
        let entry = first(&format!("{line}\n"));
        assert_eq!((entry.command.as_str(), entry.input.as_deref()), (command, input), "{line}");
    }
}

#[test]
fn a_line_that_cannot_be_read_stands_for_itself() {
    let entries = own("0 2 * * * /good\n61 2 * * * /bad\nhello world\n@sometimes /x\n0 2 * * *\n");
    let seen: Vec<(usize, bool)> = entries.iter().map(|e| (e.line, e.schedule.is_ok())).collect();
    assert_eq!(seen, [(1, true), (2, false), (3, false), (4, false), (5, false)]);
    let error = entries[1].schedule.as_ref().expect_err("61").to_string();
    assert_eq!(error, "minute, column 1: `61` is not one of its values; use 0-59");
    assert_eq!(entries[4].schedule.as_ref().expect_err("none").field, "command");
}

#[test]
fn windows_line_ends_and_a_missing_last_one_are_told() {
    let world = World::new();
    world.file("var/spool/cron/crontabs/ann", "0 2 * * * /srv/a\r\n0 3 * * * /srv/b");
    let found = world.read();
    assert_eq!(found.entries.iter().map(|e| e.command.as_str()).collect::<Vec<_>>(), ["/srv/a", "/srv/b"]);
    assert_eq!(found.problems.len(), 2, "{:?}", found.problems);
}

#[test]
fn foreign_bytes_are_made_harmless_and_never_run() {
    let entries = own(b"0 2 * * * /srv/caf\xe9 \x1b[2J\n0 2 * * \x1b[31m /x\n\xff\xfe\n".as_slice());
    assert_eq!(entries.len(), 3);
    let account = Account { name: "ann".into(), home: "/home/ann".into() };
    assert!(entries[0].by_hand(&account).is_err_and(|why| why.contains("cannot be shown")));
    for entry in &entries {
        let shown = format!(
            "{} {} {}",
            entry.shown(),
            entry.id,
            entry.schedule.as_ref().map_or_else(ToString::to_string, |s| s.text.clone())
        );
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
    }
}

#[test]
fn a_wrapped_line_is_known_by_its_task() {
    let table = [
        ("rounds exec --task nightly -- /srv/backup.sh", Some("nightly")),
        ("/usr/local/bin/rounds exec --timeout 5m --task=nightly -- /srv/backup.sh", Some("nightly")),
        ("cd /srv && rounds exec --task 'nightly' -- ./backup.sh", Some("nightly")),
        ("FOO=1 rounds --config /etc/r.toml exec --task nightly -- ./backup.sh", Some("nightly")),
        ("/srv/backup.sh # rounds", None),
        ("rounds check --fail-on critical", None),
        ("echo rounds exec -- --task nightly", None),
    ];
    for (command, task) in table {
        let entry = first(&format!("0 2 * * * {command}\n"));
        assert_eq!(entry.wrapped_as.as_deref(), task, "{command}");
        assert!(task.is_none_or(|task| entry.id == task), "{command}");
    }
}

#[test]
fn names_are_what_an_operator_would_say() {
    let table = [
        ("/srv/backup.sh", "backup"),
        ("python3 /srv/rota/manage.py send_weekly_staffing_report", "send_weekly_staffing_report"),
        ("/usr/bin/python3.11 -u scripts/sync.py --all", "sync"),
        ("cd /srv/rota && ./venv/bin/python manage.py clearsessions >> /var/log/x 2>&1", "clearsessions"),
        ("test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )", "cron-daily"),
        ("test -e /run/systemd/system || SERVICE_MODE=1 /usr/lib/e2fsprogs/e2scrub_all_cron", "e2scrub_all_cron"),
        ("[ -x /usr/bin/certbot ] && perl -e 'sleep int(rand(3600))' && certbot -q renew", "certbot"),
        ("flock -n /tmp/lock /srv/import.rb", "import"),
        ("nice -n 10 ionice -c2 /srv/reindex", "reindex"),
        ("timeout 60 curl -fsS https://example.org/ping", "curl"),
        ("bash -c 'echo hello | mail ann'", "bash"),
        ("df -h | grep -v tmpfs | mail -s disk admin@example.com", "df"),
        ("", "line-1"),
    ];
    for (command, name) in table {
        assert_eq!(first(&format!("0 2 * * * {command}\n")).id, name, "{command}");
    }
}

#[test]
fn names_are_unlike_each_other_and_survive_any_order() {
    let lines = [
        "0 2 * * * /srv/a/backup.sh",
        "0 3 * * * /srv/b/backup.sh",
        "0 4 * * * /srv/b/backup.sh",
        "0 5 * * * /srv/report.sh",
    ];
    let ids = |order: [usize; 4]| {
        let text = order.map(|index| lines[index]).join("\n") + "\n";
        let mut ids: Vec<(usize, String)> =
            order.into_iter().zip(own(text).into_iter().map(|entry| entry.id)).collect();
        ids.sort();
        ids
    };
    let expected = ids([0, 1, 2, 3]);
    for order in [[3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
        assert_eq!(ids(order), expected);
    }
    let unlike: std::collections::BTreeSet<&String> = expected.iter().map(|(_, id)| id).collect();
    assert_eq!(unlike.len(), 4, "{expected:?}");
    assert_eq!(expected[3].1, "report");

    let twice = own("0 2 * * * /srv/backup.sh\n0 2 * * * /srv/backup.sh\n");
    assert_ne!(twice[0].id, twice[1].id);
}

#[test]
fn a_line_runs_by_hand_as_cron_would_run_it() {
    let ann = Account { name: "ann".into(), home: "/home/ann".into() };
    let entry = first("SHELL=/bin/bash\nMAILTO=ops\n0 2 * * * cd \"$HOME/x y\" && date +\\%F\n");
    let invocation = entry.by_hand(&ann).expect("runs");
    assert_eq!(invocation.argv, ["/bin/bash", "-c", "cd \"$HOME/x y\" && date +%F"]);
    assert_eq!(invocation.directory.as_deref(), Some(Path::new("/home/ann")));
    let expected = [
        ("HOME", "/home/ann"),
        ("LOGNAME", "ann"),
        ("MAILTO", "ops"),
        ("PATH", "/usr/bin:/bin"),
        ("SHELL", "/bin/bash"),
        ("USER", "ann"),
    ];
    let environment: Vec<(&str, &str)> = invocation.environment.iter().map(|(k, v)| (&k[..], &v[..])).collect();
    assert_eq!(environment, expected);

    let bob = Account { name: "bob".into(), home: "/home/bob".into() };
    assert_eq!(entry.by_hand(&bob), Err("it belongs to user ann; start it as that user".to_owned()));
    assert!(first("0 2 * * * mail ann%Hello\n").by_hand(&ann).is_err());
    assert!(first("0 25 * * * /srv/x\n").by_hand(&ann).is_err());
}

#[test]
fn the_effective_user_is_found_in_passwd() {
    let world = World::new();
    let uid = rustix::process::geteuid().as_raw();
    world.file("etc/passwd", format!("nobody:x:65534:65534:::/x\nann:x:{uid}:7:Ann:/home/ann:/bin/sh\n"));
    assert_eq!(Account::effective(world.0.path()), Account { name: "ann".into(), home: "/home/ann".into() });
    assert_eq!(Account::effective(Path::new("/nowhere")).name, uid.to_string());
}

#[test]
fn any_bytes_are_read_without_a_fall() {
    let mut seed = 99_u64;
    let mut next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    let pieces: [&[u8]; 16] = [
        b"0 2 * * *",
        b" ",
        b"\t",
        b"\n",
        b"\r\n",
        b"%",
        b"\\%",
        b"=",
        b"@daily",
        b"rounds exec --task",
        b"'",
        b"\"",
        b"\xff",
        b"&&",
        b"root",
        b"#",
    ];
    for _ in 0..300 {
        let text: Vec<u8> = (0..next() % 60).flat_map(|_| pieces[next() % pieces.len()].to_vec()).collect();
        let world = World::new();
        world.file("var/spool/cron/crontabs/ann", &text).file("etc/crontab", &text);
        let found = world.read();
        let ids: std::collections::BTreeSet<String> = found.entries.iter().map(|entry| entry.id.clone()).collect();
        assert_eq!(ids.len(), found.entries.len(), "{:?}", String::from_utf8_lossy(&text));
    }
}

/// What `patch` would make of a text.
fn patched(text: &str, difference: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let hunks = difference.split("@@ -").skip(1);
    for hunk in hunks {
        let number: usize = hunk.split(' ').next().and_then(|number| number.parse().ok()).expect("a line number");
        let changed = |sign: char| hunk.lines().find_map(|line| line.strip_prefix(sign)).expect("a line");
        assert_eq!(lines[number - 1], changed('-'), "it is the line that stands there");
        changed('+').clone_into(&mut lines[number - 1]);
    }
    lines.join("\n") + "\n"
}

#[test]
fn a_crontab_with_the_wrapper_is_the_same_but_for_its_evidence() {
    let text = "# nightly\nSHELL=/bin/bash\nMAILTO=ops@example.com\nPATH=/usr/bin:/bin\n\n\
                \t0 2 * * *  /srv/backup.sh --all > /dev/null 2>&1\n\
                30 8 * * 1-5 cd /srv && ./report 'a b' | mail -s \"it's \\%\" ops%Dear all%%bye\n\
                @daily rounds exec --task kept -- /srv/kept.sh\n\
                61 1 * * * /srv/never.sh\n\
                CRON_TZ=Europe/Berlin\n0 4 * * * date +\\%F\n";
    let world = World::new();
    world.file("var/spool/cron/crontabs/ann", text);
    let before = world.read();
    let found = difference(&before, "/usr/bin/rounds");
    assert_eq!((found.lines, found.advice.len()), (3, 1), "{found:?}");
    let told = "crontab of ann, line 7: a pipe ends as its last program does, so an earlier one that fails is not seen; \
                put `set -o pipefail;` before its command";
    assert_eq!(found.advice, [told]);
    let after = patched(text, &found.text);
    for kept in ["SHELL=/bin/bash", "MAILTO=ops@example.com", "CRON_TZ=Europe/Berlin", "61 1 * * * /srv/never.sh"] {
        assert!(after.lines().any(|line| line == kept) && !found.text.contains(kept), "{after}");
    }
    let line = r#"30 8 * * 1-5 /usr/bin/rounds exec --task report -- /bin/bash -c 'cd /srv && ./report '\''a b'\'' | mail -s "it'\''s \%" ops'%Dear all%%bye"#;
    assert!(after.lines().any(|other| other == line), "{after}");
    world.file("var/spool/cron/crontabs/ann", &after);
    let same =
        |one: &Entry| (one.line, one.schedule.clone().map(|s| s.text), one.input.clone(), one.environment.clone());
    let again = world.read();
    assert_eq!(again.entries.iter().map(same).collect::<Vec<_>>(), before.entries.iter().map(same).collect::<Vec<_>>());
    let recorded: Vec<bool> = again.entries.iter().map(|entry| entry.wrapped_as.is_some()).collect();
    assert_eq!(recorded, [true, true, true, false, true], "all that run");
    assert_eq!(difference(&again, "/usr/bin/rounds").text, "");
}
