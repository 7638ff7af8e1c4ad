//! A row that proves a scheduled run, asked of a real server with no more rights than to read.

use super::server::{Server, run};
use crate::support::World;

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn a_row_proves_a_run_and_a_query_that_would_write_is_refused() {
    let server = Server::start(&["--default-time-zone=+00:00"]);
    let mut rota = server.rota().await;
    run(&mut rota, "CREATE TABLE run (finished_at timestamp(6) NULL, finished_local datetime)").await;
    let config = |query: &str| {
        format!(
            "version = 1\n[system]\ntimezone = 'UTC'\n[host]\ntasks = false\n[[database]]\nid = 'rota'\n\
             url = 'mysql://root@localhost/rota?socket={}'\n[[task]]\nid = 'sent'\nsource = 'sql'\ndatabase = 'rota'\n\
             match = \"{query}\"\nschedule = '0 * * * *'\ngrace = '30m'\n",
            server.socket().display()
        )
    };
    let shown = |query: &str| {
        let world = World::new().config(&config(query));
        world.run(&["task", "show", "sent", "--format", "json"]).exits(0).json()["tasks"][0].clone()
    };
    let none = shown("SELECT max(finished_at) FROM run");
    assert!(none["last"].is_null(), "a row without a time is no run: {none:#}");
    run(&mut rota, "INSERT INTO run SELECT utc_timestamp(6) - interval 5 minute, utc_timestamp() - interval 5 minute")
        .await;
    for column in ["finished_at", "finished_local", "unix_timestamp(finished_at)"] {
        let task = shown(&format!("SELECT max({column}) FROM run"));
        let last = task["last"]["started_at"].as_str().unwrap_or_else(|| panic!("{column}: {task:#}"));
        let at: chrono::DateTime<chrono::Utc> = last.parse().expect("a time");
        let age = (rounds::runtime::clock::Clock::system().now() - at).num_seconds();
        assert!((299..900).contains(&age), "{column}: {age} s: {task:#}");
    }
    for (query, says) in [
        ("SELECT max(finished_at) FROM runs", "runs"),
        ("DELETE FROM run", "READ ONLY transaction"),
        ("SELECT 'never'", "`never`, which is no time"),
    ] {
        let task = shown(query);
        let told = task["findings"].to_string();
        assert!(task["status"] == "unknown" && told.contains(says), "{query}: {task:#}");
    }
    assert_eq!(super::server::one(&mut rota, "SELECT cast(count(*) AS char) FROM run").await, "1");
}
