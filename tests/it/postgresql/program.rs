//! The program as an operator starts it, against a server that wants a password: what it says,
//! and that the password is nowhere in it.

use std::fs;
use std::path::Path;

use super::server::{Server, run};
use crate::support::World;

const CANARY: &str = "tweety-4711-ünlikely";

fn world(server: &Server) -> World {
    World::new().config(&format!(
        "version = 1\n[host]\nevery = '1h'\n[[database]]\nid = 'rota'\nurl = 'postgres://mon@/rota?host={}'\n\
         password = 'env:ROTA_PASSWORD'\ntimeout = '30s'\n",
        server.path().display()
    ))
}

/// Every file below a folder that holds the password.
fn spilled(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| {
            let path = entry.path();
            if path.is_dir() {
                return spilled(&path);
            }
            let bytes = fs::read(&path).unwrap_or_default();
            let holds = bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes());
            if holds { vec![path.display().to_string()] } else { Vec::new() }
        })
        .collect()
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_server_is_told_like_any_other_database_and_its_password_nowhere() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(&mut rota, &format!("CREATE ROLE mon LOGIN PASSWORD '{CANARY}'; GRANT pg_monitor TO mon")).await;
    let rules = "local all postgres trust\nlocal all mon scram-sha-256\n";
    fs::write(server.path().join("data/pg_hba.conf"), rules).expect("its rules");
    run(&mut rota, "SELECT pg_reload_conf()").await;
    let world = world(&server);
    let log = world.path("rounds.log");
    let ask = |arguments: &[&str], password: &str| {
        let mut command = world.command(arguments);
        command.arg("--log-file").arg(&log).env("RUST_LOG", "trace").env("ROTA_PASSWORD", password);
        let output = command.output().expect("the binary runs");
        let said = [output.stdout.clone(), output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(!said.contains(CANARY), "{arguments:?} shows the password");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), said)
    };
    let (code, out, said) = ask(&["database", "list", "--format", "json"], CANARY);
    assert_eq!(code, Some(0), "{said}");
    let document: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let database = &document["databases"][0];
    assert_eq!((&database["engine"], &database["status"]), (&"postgresql".into(), &"ok".into()), "{database:#}");
    let keys: Vec<&str> =
        database["samples"].as_array().expect("samples").iter().filter_map(|one| one["key"].as_str()).collect();
    for key in ["connections", "blocked", "wraparound", "size", "latency"] {
        assert!(keys.contains(&key), "{key}: {keys:?}");
    }
    let (code, out, _) = ask(&["check", "database"], CANARY);
    assert_eq!(code, Some(0), "{out}");
    let (code, out, _) = ask(&["check", "database"], &format!("not {CANARY}"));
    assert_eq!(code, Some(3), "{out}");
    assert!(out.contains("password authentication failed"), "{out}");
    let (_, out, _) = ask(&["config", "show"], CANARY);
    assert!(out.contains("password = \"env:ROTA_PASSWORD\""), "{out}");
    for act in ["checkpoint", "integrity"] {
        let (code, _, said) = ask(&["database", act, "rota", "--yes"], CANARY);
        assert_eq!(code, Some(77), "{said}");
        assert!(said.contains(&format!("postgresql has no {act}")), "{said}");
    }
    assert!(log.exists(), "the log would have been looked through");
    assert_eq!(spilled(&world.path("")), [] as [String; 0]);
}
