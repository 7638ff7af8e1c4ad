//! What watching costs a PostgreSQL server: every question of a poll on a real server with many
//! tables and sessions, as the server itself counts it.
//!
//! `benches/run postgresql` runs this; `--help` tells the options. It starts a server of its own
//! on a socket in a scratch directory, and needs PostgreSQL with `pg_stat_statements` (Debian's
//! package has both).

#![allow(clippy::print_stdout, reason = "a bench answers on standard output")]
#![allow(clippy::panic, reason = "what cannot be measured ends the run")]

#[path = "common/numbers.rs"]
#[allow(dead_code, reason = "the other benches need the rest of it")]
mod numbers;
#[path = "../tests/it/postgresql/server.rs"]
#[allow(dead_code, reason = "the tests need the rest of it")]
mod server;
#[path = "common/table.rs"]
#[allow(dead_code, reason = "the other benches need the rest of it")]
mod table;

use std::time::Duration;

use clap::Parser;
use rounds::database::Engine;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};
use tokio::time::Instant;

use numbers::Numbers;
use server::{Server, one, run};
use table::figure;

#[derive(Debug, Parser)]
struct Options {
    /// How many tables, each with a sequence, two indexes and a few rows; one or several numbers
    #[arg(long, default_values_t = [500, 10_000])]
    tables: Vec<u32>,
    /// How many sessions; every twentieth waits for a lock
    #[arg(long, default_value_t = 200)]
    sessions: u32,
    /// How many polls
    #[arg(long, default_value_t = 10)]
    polls: u32,
    /// Seconds between polls of the dashboard
    #[arg(long, default_value_t = 30)]
    every: u64,
    /// How often somebody writes alone, and how often beside polls, in turns
    #[arg(long, default_value_t = 6)]
    turns: u32,
    /// Seconds of each turn
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    #[arg(long, hide = true)]
    bench: bool,
}

const SETTINGS: &str = "shared_preload_libraries = 'pg_stat_statements'\npg_stat_statements.max = 20000\n\
                        pg_stat_statements.track_planning = on\nmax_connections = 300\nshared_buffers = 128MB\n\
                        fsync = off\nautovacuum = off\nmax_locks_per_transaction = 256";

#[tokio::main]
async fn main() {
    let options = Options::parse();
    for tables in &options.tables {
        measure(*tables, &options).await;
    }
}

async fn measure(tables: u32, options: &Options) {
    let server = Server::start(SETTINGS);
    let mut rota = server.rota().await;
    run(
        &mut rota,
        "CREATE EXTENSION pg_stat_statements; CREATE ROLE rounds_mon LOGIN;
         GRANT pg_monitor, pg_read_all_data TO rounds_mon",
    )
    .await;
    for first in (0..tables).step_by(500) {
        let last = (first + 500).min(tables) - 1;
        let made = format!(
            "DO $$ BEGIN FOR n IN {first}..{last} LOOP
               EXECUTE format('CREATE TABLE t%s (id serial PRIMARY KEY, staff int, note text)', n);
               EXECUTE format('CREATE INDEX ON t%s (staff)', n);
               EXECUTE format('INSERT INTO t%s (staff, note) SELECT g, g::text FROM generate_series(1, 20) g', n);
               EXECUTE format('DELETE FROM t%s WHERE staff = 1', n);
             END LOOP; END $$"
        );
        run(&mut rota, &made).await;
    }
    run(&mut rota, "ANALYZE").await;
    let _sessions = sessions(&server, options.sessions).await;
    run(&mut rota, "SELECT pg_stat_statements_reset()").await;
    let (spec, mut wall, mut processor) = (server.spec("rounds_mon", "every = '1h'\ntimeout = '60s'"), 0.0, 0.0);
    for _ in 0..options.polls {
        // A database anew each time, so that nothing is left out because it was asked before.
        let database = (Engine::of(&spec).open)(&spec);
        let vitals = database.vitals().await.unwrap_or_else(|error| panic!("{error}"));
        wall += vitals.latency_s * 1000.0;
        processor += on_processor(&mut rota).await;
    }
    let polls = f64::from(options.polls);
    println!(
        "{tables} tables, {} sessions, PostgreSQL {}",
        options.sessions,
        one(&mut rota, "SHOW server_version").await
    );
    println!();
    let rows = questions(&mut rota, polls).await;
    run(&mut rota, "SELECT pg_stat_statements_reset()").await;
    let steady = steady(&server, &mut rota, options).await;
    let steady_rows = questions(&mut rota, polls).await;
    let heading = ["question", "ms a poll", "of it planning", "slowest"].map(str::to_owned);
    table::print(&heading, &rows.iter().map(|row| row.cells.clone()).collect::<Vec<_>>());
    let all: f64 = rows.iter().map(|row| row.ms).sum();
    println!(
        "A poll that asks everything, just connected: {} ms in all questions, {} ms of processor with both connections, \
         {} ms for whoever waits for what never waits.",
        figure(Some(all), ""),
        figure(Some(processor / polls), ""),
        figure(Some(wall / polls), ""),
    );
    println!(
        "As the dashboard does it, every {} s: {} ms of processor a poll.",
        options.every,
        figure(Some(steady), "")
    );
    table::print(&heading, &steady_rows.iter().map(|row| row.cells.clone()).collect::<Vec<_>>());
    let (alone, watched) = beside_a_writer(&server, options).await;
    println!(
        "Somebody who commits row by row: {} a second alone, {} beside a poll every {} s: {}.",
        figure(alone.median(), ""),
        figure(watched.median(), ""),
        OFTEN.as_secs(),
        table::ratio(watched.median(), alone.median()),
    );
    println!();
}

/// Milliseconds of processor a poll takes on the whole, after the first: what is costly is asked
/// less often.
async fn steady(server: &Server, own: &mut PgConnection, options: &Options) -> f64 {
    let every = Duration::from_secs(options.every);
    let spec = server.spec("rounds_mon", &format!("every = '{}s'\ntimeout = '{0}s'", options.every));
    let database = (Engine::of(&spec).open)(&spec);
    database.vitals().await.unwrap_or_else(|error| panic!("{error}"));
    let first = on_processor(own).await;
    for _ in 0..options.polls {
        tokio::time::sleep(every).await;
        database.vitals().await.unwrap_or_else(|error| panic!("{error}"));
    }
    (on_processor(own).await - first) / f64::from(options.polls)
}

/// More often than anybody watches, so that every turn has polls in it.
const OFTEN: Duration = Duration::from_secs(5);

/// Commits a second of somebody who writes row by row, alone and beside polls, in turns.
async fn beside_a_writer(server: &Server, options: &Options) -> (Numbers, Numbers) {
    let mut writer = server.rota().await;
    run(&mut writer, "CREATE TABLE written (id bigserial PRIMARY KEY, at timestamptz DEFAULT now(), note text)").await;
    let (mut alone, mut watched) = (Numbers::default(), Numbers::default());
    for _ in 0..options.turns {
        alone.add(commits(&mut writer, options.seconds).await);
        let spec = server.spec("rounds_mon", &format!("every = '{0}s'\ntimeout = '{0}s'", OFTEN.as_secs()));
        let watching = tokio::spawn(async move {
            let database = (Engine::of(&spec).open)(&spec);
            loop {
                database.vitals().await.unwrap_or_else(|error| panic!("{error}"));
                tokio::time::sleep(OFTEN).await;
            }
        });
        watched.add(commits(&mut writer, options.seconds).await);
        watching.abort();
        assert!(watching.await.is_err_and(|error| error.is_cancelled()), "nobody watched to the end");
    }
    (alone, watched)
}

async fn commits(writer: &mut PgConnection, seconds: u64) -> f64 {
    let (begun, mut count) = (Instant::now(), 0_u32);
    while begun.elapsed() < Duration::from_secs(seconds) {
        run(writer, "INSERT INTO written (note) VALUES ('one of many')").await;
        count += 1;
    }
    f64::from(count) / begun.elapsed().as_secs_f64()
}

/// Sessions that idle, of which every twentieth waits behind one transaction.
async fn sessions(server: &Server, count: u32) -> Vec<tokio::task::JoinHandle<()>> {
    let mut sessions = Vec::new();
    for number in 0..count {
        let mut connection = server.rota().await;
        let statement = match number {
            0 => "BEGIN; LOCK TABLE t0; SELECT pg_sleep(3600)",
            number if number % 20 == 0 => "BEGIN; LOCK TABLE t0",
            _ => "SELECT 1",
        };
        sessions.push(tokio::spawn(async move {
            let _ends_with_the_server = sqlx::raw_sql(statement).execute(&mut connection).await;
            tokio::time::sleep(Duration::from_hours(1)).await;
        }));
    }
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    let mut own = server.rota().await;
    server::until_one(&mut own, waiting, &((count.max(1) - 1) / 20).to_string()).await;
    sessions
}

/// Milliseconds of processor that our sessions have taken since they were let in.
async fn on_processor(own: &mut PgConnection) -> f64 {
    let pids =
        one(own, "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE application_name = 'rounds'").await;
    let spent = pids.split(' ').filter_map(|pid| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    spent.sum::<f64>() / 1e6
}

struct Cost {
    ms: f64,
    cells: Vec<String>,
}

async fn questions(own: &mut PgConnection, polls: f64) -> Vec<Cost> {
    // What is asked again is told under the words with which it was planned.
    let question = "SELECT regexp_replace(regexp_replace(query, '^PREPARE \\S+ AS', ''), '\\s+', ' ', 'g'), total_exec_time + total_plan_time, total_plan_time,
                           max_exec_time + max_plan_time
                      FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
                     WHERE r.rolname = 'rounds_mon' ORDER BY 2 DESC";
    let rows = sqlx::raw_sql(AssertSqlSafe(question)).fetch_all(own).await.expect("what was asked");
    let value = |row: &sqlx::postgres::PgRow, column| -> String {
        row.try_get_raw(column).ok().and_then(|value| value.as_str().ok().map(str::to_owned)).unwrap_or_default()
    };
    let cost = |row: &sqlx::postgres::PgRow| {
        let number = |column| value(row, column).parse::<f64>().unwrap_or(0.0);
        let text: String = value(row, 0).trim().chars().take(60).collect();
        let (ms, plan) = (number(1) / polls, number(2) / polls);
        let cells = vec![text, figure(Some(ms), ""), figure(Some(plan), ""), figure(Some(number(3)), "")];
        Cost { ms, cells }
    };
    rows.iter().map(cost).collect()
}
