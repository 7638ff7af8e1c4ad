//! A row that proves a scheduled run, asked of a real server with no more rights than to read.

use super::server::{Server, run};
use crate::support::World;

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_row_proves_a_run_and_a_query_that_would_write_is_refused() {
    let server = Server::start("");
    let mut rota = server.connect("postgres", "postgres").await;
    run(&mut rota, "CREATE TABLE run (finished_at timestamptz, finished_local timestamp, day date)").await;
    let config = |query: &str| {
        format!(
            "version = 1\n[system]\ntimezone = 'UTC'\n[host]\ntasks = false\n[[database]]\nid = 'rota'\n\
             url = 'postgres://postgres@/postgres?host={}'\n[[task]]\nid = 'sent'\nsource = 'sql'\ndatabase = 'rota'\n\
             match = \"{query}\"\nschedule = '0 * * * *'\ngrace = '30m'\n",
            server.path().display()
        )
    };
    let shown = |query: &str| {
        let world = World::new().config(&config(query));
        world.run(&["task", "show", "sent", "--format", "json"]).exits(0).json()["tasks"][0].clone()
    };
    let latest = "SELECT max(finished_at) FROM public.run";
    let none = shown(latest);
    assert!(none["last"].is_null(), "a row without a time is no run: {none:#}");
    run(
        &mut rota,
        "INSERT INTO run SELECT t, t AT TIME ZONE 'UTC', t::date FROM (SELECT now() - interval '5 min' AS t) AS ago",
    )
    .await;
    for column in ["finished_at", "finished_local", "extract(epoch FROM finished_at)"] {
        let task = shown(&format!("SELECT max({column}) FROM public.run"));
        let last = task["last"]["started_at"].as_str().unwrap_or_else(|| panic!("{column}: {task:#}"));
        let at: chrono::DateTime<chrono::Utc> = last.parse().expect("a time");
        let age = (rounds::runtime::clock::Clock::system().now() - at).num_seconds();
        assert!((299..900).contains(&age), "{column}: {age} s: {task:#}");
    }
    for (query, says) in [
        ("SELECT max(finished_at) FROM public.runs", "public.runs"),
        ("DELETE FROM public.run RETURNING finished_at", "DELETE"),
        ("SELECT 'never'", "`never`, which is no time"),
        ("SELECT max(finished_at) FROM run", "schema"),
    ] {
        let task = shown(query);
        let told = task["findings"].to_string();
        assert!(task["status"] == "unknown" && told.contains(says), "{query}: {task:#}");
    }
    run(&mut rota, "SELECT 1 / count(*) FROM run").await;
}
