//! Dumps onto a disk that gets full or turns read-only meanwhile.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::server::{Server, run, until_one};
use crate::support::World;
use crate::support::act::{ended, started};
use crate::support::disk::Disk;
use crate::support::dump::{back_up, check, dumps};

fn world(server: &Server) -> World {
    World::new().config(&format!(
        "version = 1\n[host]\nevery = '1h'\n[system]\nname = 'rota'\ntimezone = 'UTC'\n\
         [store]\nurl = 'sqlite:{{root}}/state/rounds.db'\n\
         [[database]]\nid = 'rota'\nurl = 'postgres://postgres@/rota?host={}'\n\
         [[backup]]\nid = 'rota'\ndatabase = 'rota'\nfiles = '{{root}}/shelf/rota_%Y%m%d_%H%M%S.dump'\n",
        server.path().display()
    ))
}

/// Every dump of the shelf, whole by its manifest.
async fn whole(world: &World) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for path in dumps(world, "dump") {
        let verdict = check(&path).await;
        assert!(verdict.ok && verdict.detail.ends_with("as in the manifest"), "{}: {verdict:?}", path.display());
        all.insert(path.clone(), fs::read(&path).expect("a dump"));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL, and root: mounts a file system"]
async fn root_a_dump_whose_disk_gets_full_or_fails_is_not_there_and_the_earlier_ones_are() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE TABLE staff (id int, name text); INSERT INTO staff VALUES (1, 'asha')").await;
    let world = world(&server);
    let shelf = world.path("shelf");
    let disk = Disk::tmpfs(&shelf, "10m");
    tokio::task::block_in_place(|| back_up(&world, "")).exits(0);
    let before = whole(&world).await;
    assert_eq!(before.len(), 1);

    // What may fit packed, and does not as it is.
    let rows = "INSERT INTO staff SELECT n, (SELECT string_agg(md5((n * 12 + k)::text), '') FROM generate_series(1, 12) k) \
                FROM generate_series(1, 60000) n";
    run(&mut rota, rows).await;
    let told = tokio::task::block_in_place(|| back_up(&world, "")).exits(1).out();
    assert!(told.contains("No space left on device") && told.contains("make room there"), "{told}");
    assert!(told.contains(&shelf.display().to_string()), "{told}");
    assert_eq!(whole(&world).await, before);
    assert_eq!(world.files("shelf").len(), 3, "nothing half: {:?}", world.files("shelf"));
    disk.fill(1 << 20);
    let told = tokio::task::block_in_place(|| back_up(&world, "")).exits(1).out();
    assert!(told.contains("the dump needs ") && told.contains(" are free there; make room for "), "{told}");
    assert_eq!(whole(&world).await, before);
    drop(disk);

    let disk = Disk::ext4(&shelf, 64);
    tokio::task::block_in_place(|| back_up(&world, "")).exits(0);
    let before = whole(&world).await;
    let mut holder = server.rota().await;
    run(&mut holder, "BEGIN; LOCK TABLE staff IN ACCESS EXCLUSIVE MODE").await;
    let dumping = started(&world, &["backup", "run", "rota", "--yes"]);
    let waits = "SELECT (count(*) > 0)::text FROM pg_stat_activity WHERE application_name IN ('rounds', 'pg_dump') AND \
                 wait_event_type = 'Lock'";
    until_one(&mut rota, waits, "true").await;
    disk.fails();
    run(&mut holder, "ROLLBACK").await;
    let (code, told) = ended(dumping, &world).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("Read-only file system") && told.contains("mount it anew"), "{told}");
    disk.again();
    assert_eq!(whole(&world).await, before);
    tokio::task::block_in_place(|| back_up(&world, "")).exits(0);
    assert_eq!(whole(&world).await.len(), 2);
    assert!(!world.files("shelf").iter().any(|name| name.starts_with(".partial")), "{:?}", world.files("shelf"));
}
