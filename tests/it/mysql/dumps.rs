//! Dumps of a real MariaDB server that is in use: what the manifest counts is what restores, one
//! that is cut off is never called good, and whoever is killed leaves nothing that looks whole.
#![expect(clippy::disallowed_methods, reason = "a dump is restored as an operator would")]

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rounds::archive::manifest::{Manifest, path_for};
use rounds::archive::verify;
use rounds::domain::backup::Compression;
use tokio_util::sync::CancellationToken;

use super::server::{Server, run, until_one};
use crate::support::dump::{back_up, check, dumps};
use crate::support::kill::Killer;
use crate::support::{Answer, World, mode};

const CANARY: &str = "tweety-4711 \"ünli#ke\\ly'";

fn world(server: &Server, user: &str, more: &str) -> World {
    World::new().config(&format!(
        "version = 1\n[host]\nevery = '1h'\n[system]\nname = 'rota'\ntimezone = 'UTC'\n\
         [store]\nurl = 'sqlite:{{root}}/state/rounds.db'\n\
         [[database]]\nid = 'rota'\nurl = 'mysql://{user}@/rota?socket={}'\npassword = 'env:ROTA_PASSWORD'\n\
         [[backup]]\nid = 'rota'\ndatabase = 'rota'\nfiles = '{{root}}/shelf/rota_%Y%m%d_%H%M%S.sql'\n{more}\n",
        server.socket().display()
    ))
}

fn plain(dump: &Path) -> Vec<u8> {
    let bytes = fs::read(dump).expect("the dump");
    if Compression::of_name(dump) == Compression::Zstd { zstd::decode_all(&bytes[..]).expect("zstd") } else { bytes }
}

/// One value, by the administrator's own client.
fn one(server: &Server, database: &str, question: &str) -> String {
    let said = Command::new("mariadb")
        .args(["--no-defaults", "-u", "root", "-N", "-B", "-e", question, database])
        .arg(format!("--socket={}", server.socket().display()))
        .output()
        .expect("mariadb starts");
    assert!(said.status.success(), "{question}: {}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}

async fn filled(server: &Server) -> sqlx::mysql::MySqlConnection {
    let mut rota = server.rota().await;
    for statement in [
        "CREATE TABLE staff (id int AUTO_INCREMENT PRIMARY KEY, name text)",
        "INSERT INTO staff (name) SELECT concat('person; (''', seq, ''') \\\\') FROM seq_1_to_20000",
        "CREATE TABLE `od``d (x` (x blob, y double)",
        "INSERT INTO `od``d (x` VALUES (x'00ff27', -1.5e10), (NULL, NULL), ('),(', 1)",
        "CREATE TABLE nobody (x int)",
        "CREATE VIEW everybody AS SELECT * FROM staff",
        "CREATE TRIGGER t BEFORE INSERT ON nobody FOR EACH ROW INSERT INTO staff (name) VALUES ('by trigger')",
    ] {
        run(&mut rota, statement).await;
    }
    run(&mut rota, &format!("CREATE USER keeper IDENTIFIED BY '{}'", CANARY.replace('\\', "\\\\").replace('\'', "''")))
        .await;
    run(&mut rota, "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES ON rota.* TO keeper").await;
    rota
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MariaDB"]
async fn what_the_manifest_counts_is_what_restores_while_somebody_writes() {
    let server = Server::start(&[]);
    let mut writer = filled(&server).await;
    let (stop, writing) = (CancellationToken::new(), CancellationToken::new());
    let written = tokio::spawn({
        let (stop, begun) = (stop.clone(), writing.clone());
        async move {
            while !stop.is_cancelled() {
                run(&mut writer, "INSERT INTO staff (name) SELECT 'late' FROM seq_1_to_5").await;
                begun.cancel();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    writing.cancelled().await;
    for (compress, ending) in [("none", "sql"), ("zstd", "sql.zst")] {
        let world = world(&server, "keeper", &format!("compress = '{compress}'\nverify = {{ rows = ['staff'] }}"));
        let said = tokio::task::block_in_place(|| back_up(&world, CANARY)).exits(0).out();
        assert!(
            said.contains("3 tables and ") && said.contains("in one transaction, whole to its last line"),
            "{said}"
        );
        assert!(!said.contains(';'), "nothing to warn of: {said}");
        let dump = dumps(&world, "sql").pop().expect("a dump");
        assert!(dump.display().to_string().ends_with(ending), "{}", dump.display());
        assert_eq!(mode(&dump), 0o600);
        let manifest = Manifest::of(&dump).expect("its manifest");
        assert!(manifest.engine == "mysql" && manifest.engine_version.contains("MariaDB"), "{manifest:?}");
        assert!(!String::from_utf8_lossy(&plain(&dump)).contains("tweety"));

        let text = world.path("plain.sql");
        fs::write(&text, plain(&dump)).expect("its content");
        one(&server, "", "DROP DATABASE IF EXISTS again; CREATE DATABASE again");
        one(&server, "again", &format!("source {}", text.display()));
        for (table, quoted) in [("staff", "staff"), ("od`d (x", "`od``d (x`"), ("nobody", "nobody")] {
            let rows: u64 = one(&server, "again", &format!("SELECT count(*) FROM {quoted}")).parse().expect("a number");
            assert_eq!(manifest.counts.tables.get(table), Some(&Some(rows)), "{table}");
        }
        let mut command = world.command(&["backup", "verify", "rota"]);
        command.env("ROTA_PASSWORD", CANARY);
        let said = tokio::task::block_in_place(|| Answer(command.output().expect("runs"))).exits(0).out();
        assert!(said.contains("as in the manifest; rows about as many as in the source now"), "{said}");
    }
    stop.cancel();
    written.await.expect("the writer");
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn a_server_of_a_newer_major_version_is_not_dumped_by_an_older_program() {
    // What a server says of itself is for it to choose.
    let server = Server::start(&["--version=99.1.2-MariaDB"]);
    let _rota = filled(&server).await;
    let world = world(&server, "keeper", "");
    let told = back_up(&world, CANARY).exits(1).out();
    assert!(told.contains("the server of MariaDB 99.1.2: an older one leaves out what it does not know"), "{told}");
    assert!(told.contains("install the client programs of version 99 on this machine"), "{told}");
    assert!(world.files("shelf").iter().all(|name| name.starts_with('.')), "{:?}", world.files("shelf"));
    assert_eq!(dumps(&world, "sql"), [] as [PathBuf; 0]);
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn a_dump_that_is_cut_between_two_statements_is_damaged_and_no_password_is_its_own_sentence() {
    let server = Server::start(&[]);
    let _rota = filled(&server).await;
    let world = world(&server, "keeper", "");
    let mut command = world.command(&["backup", "run", "rota", "--yes"]);
    command.env("ROTA_PASSWORD", "not it");
    // Whoever is not let in gets no lease either, and nothing is begun.
    let said = Answer(command.output().expect("runs")).exits(77).err();
    assert!(said.contains("Access denied for user"), "{said}");
    assert_eq!(dumps(&world, "sql"), [] as [PathBuf; 0]);

    back_up(&world, CANARY).exits(0);
    let dump = dumps(&world, "sql").pop().expect("a dump");
    let sound = fs::read(&dump).expect("the dump");
    let ends: Vec<usize> =
        sound.windows(2).enumerate().filter(|(_, pair)| pair == b";\n").map(|(at, _)| at + 2).collect();
    let manifest = fs::read(path_for(&dump)).expect("the manifest");
    for end in ends.iter().rev().take(12) {
        fs::write(&dump, &sound[..*end]).expect("write");
        fs::write(path_for(&dump), &manifest).expect("write");
        assert!(!check(&dump).await.ok, "cut at {end}, with its manifest");
        fs::remove_file(path_for(&dump)).expect("remove");
        let verdict = check(&dump).await;
        assert!(!verdict.ok && verdict.detail.contains("it is cut off"), "{end}: {}", verdict.detail);
    }
    fs::write(&dump, &sound).expect("write");
    assert!(check(&dump).await.ok);
    let other = verify(dump, vec!["scheduling_staff".to_owned()], CancellationToken::new()).await.expect("a verdict");
    assert!(!other.ok && other.detail.contains("it may be of another database"), "{}", other.detail);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MariaDB"]
async fn a_dump_that_waits_for_a_lock_shows_no_password_and_can_be_cancelled() {
    let server = Server::start(&[]);
    let mut rota = filled(&server).await;
    let world = world(&server, "keeper", "");
    tokio::task::block_in_place(|| back_up(&world, CANARY)).exits(0);
    let first = dumps(&world, "sql");
    let before = fs::read(&first[0]).expect("the first dump");

    let mut holder = server.rota().await;
    run(&mut holder, "LOCK TABLES staff WRITE").await;
    let mut command = world.command(&["backup", "run", "rota", "--yes"]);
    command.env("ROTA_PASSWORD", CANARY).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let child = command.spawn().expect("the binary runs");
    let waits = "SELECT CAST(count(*) AS char) FROM information_schema.processlist WHERE user = 'keeper' AND \
                 state LIKE 'Waiting for table%'";
    until_one(&mut rota, waits, "1").await;
    let mut seen = 0;
    for process in fs::read_dir("/proc").expect("/proc").flatten() {
        let of = |file: &str| fs::read(process.path().join(file)).unwrap_or_default();
        let holds = |bytes: &[u8]| bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes());
        let argv = of("cmdline");
        let text = String::from_utf8_lossy(&argv).into_owned();
        assert!(!holds(&argv) && !text.contains("tweety"), "{text}");
        if text.contains("mariadb-dump") {
            assert!(!holds(&of("environ")), "{text}");
            // It wipes a password out of its own words, but some moments too late: there was none.
            let is_one = |word: &str| word.starts_with("--pass") || word.starts_with("-p");
            assert!(!text.split('\0').any(is_one), "{text}");
            seen += 1;
        }
    }
    assert!(seen > 0, "nobody dumps");
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::INT).expect("it runs");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(dumps(&world, "sql"), first);
    assert_eq!(fs::read(&first[0]).expect("the first dump"), before);
    assert!(!world.files("shelf").iter().any(|name| name.starts_with(".partial")), "{:?}", world.files("shelf"));
    run(&mut holder, "UNLOCK TABLES").await;
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn killed_dumps_leave_no_incomplete_backup() {
    let long = std::env::var_os("ROUNDS_TEST_TRIALS").is_some_and(|trials| trials == "long");
    let kills = if long { 300 } else { 10 };
    let server = Server::start(&[]);
    let _rota = filled(&server).await;
    let world = world(&server, "keeper", "compress = 'zstd'");
    let started = tokio::time::Instant::now();
    back_up(&world, CANARY).exits(0);
    let mut killer = Killer::within(started.elapsed());
    while killer.hit < kills && killer.trials < 10 * kills {
        let before: Vec<(PathBuf, Vec<u8>)> =
            dumps(&world, "sql").into_iter().map(|path| (path.clone(), fs::read(path).expect("a dump"))).collect();
        let mut command = world.command(&["backup", "run", "rota", "--yes"]);
        killer.kill(command.env("ROTA_PASSWORD", CANARY));
        for (path, bytes) in &before {
            assert!(fs::read(path).expect("still there") == *bytes, "{} is not what it was", path.display());
        }
        for path in dumps(&world, "sql").iter().filter(|path| before.iter().all(|(one, _)| one != *path)) {
            assert!(Manifest::of(path).is_ok(), "{} has no manifest", path.display());
            assert!(check(path).await.ok, "{}", path.display());
        }
        // The next stamp is of another second.
        tokio::time::sleep(Duration::from_millis(1_010)).await;
    }
    println!("{} of {} kills hit a backup", killer.hit, killer.trials);
    assert_eq!(killer.hit, kills, "too few kills hit a dump to say anything");
    back_up(&world, CANARY).exits(0);
}
