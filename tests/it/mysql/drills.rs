//! Drills on a real server: what a dump would bring back is brought back beside the live schema,
//! compared and asked; nothing of it reaches beyond its scratch, and whoever is killed leaves nothing
//! that the next drill does not remove.
#![expect(clippy::disallowed_methods, reason = "real processes are started and killed")]

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use rounds::archive::manifest::{Manifest, path_for};
use sqlx::mysql::MySqlConnection;

use super::server::{Server, one, run};
use crate::random::Random;
use crate::support::{Answer, World};

const SCRATCHES: &str =
    "SELECT cast(count(*) AS char) FROM information_schema.schemata WHERE schema_name LIKE 'rounds\\_%'";

/// What is done to a dump, what is asked of it then, and why a drill with it is red.
type Harm<'a> = (&'a dyn Fn(&Path), &'a str, &'a str);

fn world(server: &Server, user: &str, more: &str) -> World {
    World::new().config(&format!(
        "version = 1\n[host]\nevery = '1h'\n[system]\nname = 'rota'\ntimezone = 'UTC'\n\
         [store]\nurl = 'sqlite:{{root}}/state/rounds.db'\n\
         [[database]]\nid = 'rota'\nurl = 'mysql://{user}@/rota?socket={}'\n\
         [[backup]]\nid = 'rota'\ndatabase = 'rota'\nfiles = '{{root}}/shelf/rota_%Y%m%d_%H%M%S.sql'\n{more}\n",
        server.socket().display()
    ))
}

async fn asked(world: &World, arguments: &[&str]) -> Answer {
    let mut command = world.command(arguments);
    tokio::task::spawn_blocking(move || Answer(command.output().expect("the binary runs"))).await.expect("it ends")
}

/// Makes a backup, and names its file.
async fn back_up(world: &World) -> PathBuf {
    asked(world, &["backup", "run", "rota", "--yes"]).await.exits(0);
    let data = |name: &String| !name.contains(".manifest.") && !name.starts_with('.');
    world.path("shelf").join(world.files("shelf").into_iter().rfind(data).expect("a dump"))
}

async fn drill(world: &World) -> Answer {
    asked(world, &["backup", "drill", "rota", "--yes"]).await
}

async fn filled(server: &Server) -> MySqlConnection {
    let mut root = server.connect("root").await;
    for statement in [
        "CREATE DATABASE rota CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        "USE rota",
        "CREATE TABLE staff (id int AUTO_INCREMENT PRIMARY KEY, name text)",
        "INSERT INTO staff (name) SELECT concat('person; (''', seq, ''') \\\\') FROM seq_1_to_2000",
        "CREATE TABLE `od``d (x` (x blob, y double)",
        "INSERT INTO `od``d (x` VALUES (x'00ff270a', -1.5e10), (NULL, NULL), ('USE rota;\nDROP', 1)",
        "CREATE VIEW everybody AS SELECT * FROM staff",
        "CREATE TRIGGER t BEFORE INSERT ON `od``d (x` FOR EACH ROW SET NEW.y = 7",
        "CREATE PROCEDURE p() INSERT INTO staff (name) VALUES ('by procedure')",
        "CREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO INSERT INTO rota.staff (name) VALUES ('by event')",
        // What was made under another collation is dumped with words that name its schema.
        "ALTER DATABASE rota CHARACTER SET latin1 COLLATE latin1_swedish_ci",
        "CREATE USER keeper",
        "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES ON rota.* TO keeper",
        "GRANT SELECT ON mysql.proc TO keeper",
    ] {
        run(&mut root, statement).await;
    }
    root
}

async fn fingerprint(root: &mut MySqlConnection) -> String {
    let rows =
        one(root, "SELECT cast(concat(count(*), ' ', sum(crc32(concat(id, name)))) AS char) FROM rota.staff").await;
    let own = "SELECT concat(default_character_set_name, ' ', default_collation_name) FROM information_schema.schemata \
               WHERE schema_name = 'rota'";
    format!("{rows} {}", one(root, own).await)
}

async fn findings(world: &World) -> String {
    asked(world, &["backup", "list", "--format", "json"]).await.json()["backups"][0]["findings"].to_string()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MariaDB"]
async fn a_drill_brings_a_dump_back_beside_the_live_one_and_nothing_of_it_reaches_further() {
    let server = Server::start(&["--event-scheduler=OFF"]);
    let mut root = filled(&server).await;
    let before = fingerprint(&mut root).await;
    for packing in ["none", "zstd", "gzip"] {
        let queries = "drill = { every = '30d', queries = ['SELECT count(*) = 2000 FROM staff', 'SELECT count(*) FROM everybody', \
                       'SELECT database() <> $rota$'] }";
        let more = format!("compress = '{packing}'\nrto = '4h'\n{}", queries.replace("$rota$", "\"rota\""));
        let world = world(&server, "root", &more);
        back_up(&world).await;
        // An event that came to life would write into the live schema.
        run(&mut root, "ALTER EVENT rota.e DISABLE").await;
        run(&mut root, "SET GLOBAL event_scheduler = ON").await;
        let told = drill(&world).await.exits(0).out();
        run(&mut root, "SET GLOBAL event_scheduler = OFF").await;
        run(&mut root, "ALTER EVENT rota.e ENABLE").await;
        assert!(told.contains("2 tables with 2003 rows as in the manifest, 3 questions answered"), "{told}");
        assert!(told.contains("definers apart, and 1 event, which would begin to work"), "{told}");
        assert_eq!(one(&mut root, SCRATCHES).await, "0");
        assert_eq!(fingerprint(&mut root).await, before, "{packing}");
        let listed = asked(&world, &["backup", "list", "--format", "json"]).await.json();
        assert!(listed["backups"][0]["drill_took_s"].as_f64().is_some_and(|took| took > 0.0), "{listed:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MariaDB"]
async fn what_would_not_come_back_makes_a_drill_red_and_what_reaches_further_is_not_run() {
    let server = Server::start(&[]);
    let mut root = filled(&server).await;
    let before = fingerprint(&mut root).await;
    let reseal = |dump: &Path| {
        let mut manifest = Manifest::of(dump).expect("manifest");
        manifest.counts.tables.insert("staff".into(), Some(2001));
        fs::write(path_for(dump), manifest.to_bytes().expect("document")).expect("sealed anew");
    };
    let flip = |dump: &Path| {
        let mut bytes = fs::read(dump).expect("the dump");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(dump, bytes).expect("a flipped bit");
    };
    let none = |_: &Path| {};
    let harms: [Harm<'_>; 5] = [
        (&none, "SELECT count(*) > 2000 FROM staff", "answers 0"),
        (&none, "SELECT * FROM carers", "carers"),
        (&none, "DELETE FROM staff", "would change what it asks"),
        (&reseal, "SELECT 1", "table `staff` has 2000 rows instead of 2001"),
        (&flip, "SELECT 1", "manifest"),
    ];
    for (harm, query, why) in harms {
        let world = world(&server, "root", &format!("compress = 'none'\ndrill = {{ queries = ['{query}'] }}"));
        harm(&back_up(&world).await);
        let told = drill(&world).await.exits(1).out();
        assert!(told.starts_with("failed: ") && told.contains(why), "{why}: {told}");
        let found = findings(&world).await;
        assert!(found.contains("critical") && found.contains("drilled"), "{why}: {found}");
        assert_eq!(one(&mut root, SCRATCHES).await, "0", "{why}");
    }
    // A dump of somebody else's, of whole databases.
    let world = world(&server, "root", "compress = 'none'");
    let dump = back_up(&world).await;
    let text = fs::read_to_string(&dump).expect("the dump");
    let first = text.find("CREATE TABLE").expect("a table");
    fs::write(&dump, format!("{}USE `rota`;\nDROP TABLE IF EXISTS `staff`;\n{}", &text[..first], &text[first..]))
        .expect("write");
    fs::remove_file(path_for(&dump)).expect("no manifest");
    // One that was written a moment ago may still grow.
    let old = std::time::SystemTime::now() - Duration::from_hours(1);
    fs::File::options().append(true).open(&dump).and_then(|file| file.set_modified(old)).expect("its time");
    let told = drill(&world).await.exits(1).out();
    assert!(
        told.contains("is not restored into a scratch: line ") && told.contains("`USE `rota`;` reaches beyond"),
        "{told}"
    );
    assert_eq!(fingerprint(&mut root).await, before);
    assert_eq!(one(&mut root, SCRATCHES).await, "0");
    // A whole restore has no safe way here: it says what can be typed.
    let refused = asked(&world, &["backup", "verify", "rota"]).await.exits(0).out();
    assert!(!refused.is_empty());
    let refused = asked(&world, &["backup", "restore", "rota", "--confirm", "rota"]).await;
    let said = refused.err() + &refused.out();
    assert!(
        refused.code() != Some(0)
            && said.contains("is restored by hand")
            && said.contains("| mariadb --binary-mode 'rota'"),
        "{said}"
    );
    assert_eq!(fingerprint(&mut root).await, before);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MariaDB"]
async fn whoever_may_make_no_schema_is_told_the_grant_that_allows_it_and_nothing_else() {
    let server = Server::start(&[]);
    let mut root = filled(&server).await;
    let world = world(&server, "keeper", "");
    back_up(&world).await;
    let told = drill(&world).await.exits(1).out();
    let grant = "GRANT ALL ON `rounds\\_drill\\_%`.* TO 'keeper'@'%'";
    assert!(told.contains(grant), "{told}");
    run(&mut root, grant).await;
    let told = drill(&world).await.exits(0).out();
    assert!(told.contains("2003 rows as in the manifest"), "{told}");
    assert_eq!(one(&mut root, SCRATCHES).await, "0");
    run(&mut root, "DROP DATABASE rota").await;
    drill(&world).await.exits(0);
}

fn started(world: &World) -> Child {
    let mut command = world.command(&["backup", "drill", "rota", "--yes"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().expect("the binary runs")
}

async fn until(root: &mut MySqlConnection, question: &str, answer: &str) {
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    while one(root, question).await != answer {
        assert!(tokio::time::Instant::now() < deadline, "{question} is never {answer}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MariaDB"]
async fn what_is_held_stays_what_is_cancelled_ends_and_what_is_killed_goes_with_the_next_and_only_ours() {
    let server = Server::start(&[]);
    let mut root = filled(&server).await;
    for name in ["rounds_drill_mine", "rounds_drill_0123456789abcdef0123_0123456789ab"] {
        run(&mut root, &format!("CREATE DATABASE {name} COMMENT 'rounds scratch: drill of backup rota'")).await;
    }
    let long = world(&server, "root", "drill = { queries = ['SELECT sleep(3600)'] }");
    let short = world(&server, "root", "");
    back_up(&long).await;
    back_up(&short).await;
    let mut held = started(&long);
    let sleeping = "SELECT cast(count(*) AS char) FROM information_schema.processlist WHERE info LIKE '%SELECT sleep(3600)' AND id <> CONNECTION_ID()";
    until(&mut root, sleeping, "1").await;
    drill(&short).await.exits(0);
    assert_eq!(one(&mut root, SCRATCHES).await, "3", "that of the drill that is being held");
    let group = rustix::process::Pid::from_child(&held);
    rustix::process::kill_process(group, rustix::process::Signal::INT).expect("it runs");
    let ended = tokio::task::spawn_blocking(move || held.wait().expect("it ends")).await.expect("it ends");
    assert_eq!(ended.code(), Some(1));
    assert_eq!(one(&mut root, SCRATCHES).await, "2");
    until(&mut root, sleeping, "0").await;

    let mut random = Random::new();
    for _ in 0..6 {
        let mut child = started(&short);
        tokio::time::sleep(Duration::from_micros(random.below(1_500_000))).await;
        let group = rustix::process::Pid::from_child(&child);
        let _ended_already = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _killed = child.wait().expect("it ends");
    }
    // One that is killed for certain while its scratch is there.
    let mut child = started(&long);
    until(&mut root, sleeping, "1").await;
    let group = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).expect("it runs");
    let _killed = child.wait().expect("it ends");
    assert_ne!(one(&mut root, SCRATCHES).await, "2", "it is left");
    let others = "SELECT cast(count(*) AS char) FROM information_schema.processlist WHERE id <> connection_id() AND info IS NULL AND user = 'root'";
    until(&mut root, others, "0").await;
    let told = drill(&short).await.exits(0).out();
    assert!(told.contains("left by killed drills removed"), "{told}");
    let names = "SELECT group_concat(schema_name ORDER BY schema_name SEPARATOR ' ') FROM information_schema.schemata WHERE schema_name LIKE 'rounds\\_%'";
    assert_eq!(one(&mut root, names).await, "rounds_drill_0123456789abcdef0123_0123456789ab rounds_drill_mine");
}
