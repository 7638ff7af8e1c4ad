//! Plans of somebody else's statements: shown without running anything, whatever the text is.

use std::sync::Arc;

use rounds::database::{Database, DatabaseError, Engine};
use rounds::domain::explain::{Explanation, Subject};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use super::faults::PATIENT;
use super::server::{Server, one, reads_everything, run};

const STAFF: &str = "CREATE TABLE staff (id int PRIMARY KEY, name text);
    INSERT INTO staff SELECT g, 'name ' || g FROM generate_series(1, 1000) g; ANALYZE staff";

fn open(server: &Server, role: &str) -> Arc<dyn Database> {
    let spec = server.spec(role, PATIENT);
    (Engine::of(&spec).open)(&spec)
}

/// Lets a session of this name say something last, whether or not the server takes it, and asks for
/// the plan of it.
async fn plan_of_last(
    database: &Arc<dyn Database>,
    session: &mut PgConnection,
    statement: &str,
) -> Result<Explanation, DatabaseError> {
    let _it_may_be_refused = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut *session).await;
    plan_of(database, session).await
}

async fn plan_of(database: &Arc<dyn Database>, session: &mut PgConnection) -> Result<Explanation, DatabaseError> {
    let sessions = database.activity().await.expect("sessions").sessions;
    let found = sessions.iter().find(|one| one.application == "the client").expect("it is connected");
    database.explain(&Subject::Session { pid: found.pid, started: found.started.clone() }).await.inspect(|plan| {
        assert!(!plan.lines.is_empty(), "{session:?} {plan:?}");
    })
}

async fn client(server: &Server) -> PgConnection {
    let mut client = server.rota().await;
    run(&mut client, "SET application_name = 'the client'").await;
    client
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_statement_of_a_session_and_one_that_is_counted_have_a_plan() {
    let server = Server::start("shared_preload_libraries = 'pg_stat_statements'");
    let mut rota = server.rota().await;
    run(&mut rota, STAFF).await;
    run(&mut rota, "CREATE EXTENSION pg_stat_statements; CREATE ROLE mon LOGIN; GRANT pg_monitor TO mon").await;
    let database = open(&server, "mon");
    let mut session = client(&server).await;
    let last = "SELECT name\n  FROM staff -- the one\n WHERE id = 7";
    let denied = plan_of_last(&database, &mut session, last).await;
    let denied = denied.expect_err("no right to read it").to_string();
    assert!(denied.contains("staff") && denied.contains(&reads_everything(&rota, "mon")), "{denied}");
    run(&mut rota, "GRANT pg_read_all_data TO mon").await;
    let plan = plan_of(&database, &mut session).await.expect("a plan");
    assert_eq!(plan.statement, "SELECT name FROM staff -- the one WHERE id = 7");
    assert!(plan.lines[0].starts_with("Index Scan using staff_pkey on staff"), "{plan:?}");
    assert_eq!(plan.lines[1], "  Index Cond: (id = 7)");
    assert!(plan.notes[0].contains(r#"as the role mon, with the search path of postgres: "postgres", "public""#));
    // The server has taken its constants out.
    let counted = database.statements().await.expect("statements");
    let find = |text: &str| counted.rows.iter().find(|one| one.text.contains(text)).expect(text);
    let one_of = find("FROM staff -- the one");
    assert!(one_of.text.contains("$1"), "{one_of:?}");
    let plan = database.explain(&Subject::Statement(one_of.id.clone())).await.expect("a plan for any value");
    assert_eq!(plan.lines[1], "  Index Cond: (id = $1)");
    assert!(plan.notes[1].starts_with("$1 stands for any value"), "{plan:?}");
    let create = database.explain(&Subject::Statement(find("CREATE EXTENSION").id.clone())).await;
    let create = create.expect_err("nothing of it is planned").to_string();
    assert!(create.contains("no single SELECT, INSERT, UPDATE, DELETE or MERGE"), "{create}");
    run(&mut rota, "SELECT pg_stat_statements_reset()").await;
    let gone = database.explain(&Subject::Statement(one_of.id.clone())).await.expect_err("it was forgotten");
    assert!(gone.to_string().contains("does not count this statement any more"), "{gone}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn no_text_of_a_session_is_ever_run() {
    let server = Server::start("track_activity_query_size = 1024");
    let mut rota = server.rota().await;
    run(&mut rota, STAFF).await;
    run(&mut rota, "CREATE ROLE mon LOGIN; GRANT pg_monitor TO mon; GRANT ALL ON staff TO mon").await;
    let database = open(&server, "mon");
    let mut session = client(&server).await;
    // Its own server runs nothing more in a transaction that failed, and keeps what it was sent.
    let failed = sqlx::raw_sql("BEGIN; SELECT 1 / 0").execute(&mut session).await;
    assert!(failed.is_err(), "the transaction has failed");
    for attack in [
        "SELECT 1; DROP TABLE staff",
        "DO $$ BEGIN DELETE FROM staff; END $$",
        "CALL pg_catalog.pg_sleep(0)",
        "EXPLAIN ANALYZE DELETE FROM staff",
        "EXPLAIN (ANALYZE on) UPDATE staff SET name = 'x'",
        "PREPARE own AS SELECT 1",
        "EXECUTE rounds_explained",
        "DECLARE own CURSOR WITH HOLD FOR SELECT 1",
        "COPY staff TO '/tmp/staff'",
        "CREATE TABLE copied AS SELECT * FROM staff",
        "LOCK TABLE staff",
        "SELECT 1 /* one; */; -- two\nTRUNCATE staff",
        "SELECT 1; SET default_transaction_read_only = off; DELETE FROM staff",
        "SELECT 1; COMMIT; SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; TRUNCATE staff",
        "ANALYZE staff",
        "(ANALYZE) DELETE FROM staff",
        "TABLE staff; /* two */ TABLE staff",
    ] {
        let refused = plan_of_last(&database, &mut session, attack).await.expect_err(attack).to_string();
        assert!(refused.starts_with("the server takes this text for no single SELECT"), "{attack}: {refused}");
    }
    run(&mut session, "ROLLBACK").await;
    // A plan for a change changes nothing.
    let delete = plan_of_last(&database, &mut session, "DELETE FROM staff WHERE id = 1 AND 1 / (id - id) = 1").await;
    assert!(delete.expect("a plan").lines[0].starts_with("Delete on staff"));
    // What is colour to a terminal is none here.
    let painted =
        "SELECT '\u{1b}[31mred\u{1b}]0;owned\u{7}' AS \"\u{1b}[2Jname\" FROM staff WHERE name = 'a\u{1b}[5m\nb'";
    let plan = plan_of_last(&database, &mut session, painted).await.expect("a plan");
    assert!(!format!("{}{}", plan.statement, plan.lines.join("\n")).contains(['\u{1b}', '\u{7}', '\r']), "{plan:?}");
    assert!(plan.lines.iter().any(|line| line.starts_with("  Filter: (name = 'a")), "{plan:?}");
    let secret =
        "SELECT * FROM staff WHERE name = 'x' /* password = 'hunter2-4711' */ AND name <> 'password hunter2-4711'";
    let plan = plan_of_last(&database, &mut session, secret).await.expect("a plan");
    assert!(!format!("{plan:?}").contains("hunter2-4711"), "{plan:?}");
    // A text that was cut is another statement: it would have a plan, and a wrong one.
    let long = format!("SELECT name FROM staff{}WHERE id = 1", " ".repeat(2000));
    let cut = plan_of_last(&database, &mut session, &long).await.expect_err("its end is missing").to_string();
    assert!(cut.contains("raise track_activity_query_size"), "{cut}");
    // A number that was given again is another session's.
    let sessions = database.activity().await.expect("sessions").sessions;
    let pid = sessions.iter().find(|one| one.application == "the client").expect("it is connected").pid;
    let gone = Subject::Session { pid, started: "2026-01-01 00:00:00+00".to_owned() };
    assert!(database.explain(&gone).await.is_err_and(|error| error.to_string().contains("is gone")));
    assert_eq!(one(&mut rota, "SELECT count(*) FROM staff").await, "1000");
}

/// A planner folds what it may: a function that somebody wrote would be run by whoever asks.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_role_that_could_do_harm_plans_nothing_where_others_wrote_functions() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(&mut rota, STAFF).await;
    run(
        &mut rota,
        "CREATE ROLE app LOGIN; CREATE SCHEMA app AUTHORIZATION app; CREATE ROLE mon LOGIN; GRANT pg_monitor TO mon",
    )
    .await;
    let superuser = open(&server, "postgres");
    let mut session = client(&server).await;
    plan_of_last(&superuser, &mut session, "SELECT name FROM staff").await.expect("nobody else wrote functions");
    let trap = "CREATE FUNCTION app.trap() RETURNS bool IMMUTABLE LANGUAGE plpgsql AS
                $$ BEGIN IF current_user = 'app' THEN RETURN true; END IF; RAISE 'run by %', current_user; END $$";
    let mut app = server.connect("app", "rota").await;
    run(&mut app, trap).await;
    run(&mut session, "SET application_name = 'somebody else'").await;
    run(&mut app, "SET application_name = 'the client'").await;
    let refused =
        plan_of_last(&superuser, &mut app, "SELECT app.trap()").await.expect_err("it would be run").to_string();
    assert!(
        refused.contains("app.trap of the role app") && refused.contains("a role that only monitors and reads"),
        "{refused}"
    );
    // Whoever has no rights to lend may ask.
    run(&mut rota, "GRANT USAGE ON SCHEMA app TO mon").await;
    let run_by_us = plan_of(&open(&server, "mon"), &mut app).await.expect_err("it says who runs it").to_string();
    assert_eq!(run_by_us, "run by mon");
    // A role that finds functions of its own before the server's is no trap either.
    run(&mut rota, "DROP FUNCTION app.trap; ALTER ROLE app SET search_path = app, pg_catalog").await;
    run(&mut app, "CREATE FUNCTION app.pg_has_role(oid, text) RETURNS bool LANGUAGE sql AS 'SELECT false'").await;
    let refused = plan_of_last(&superuser, &mut app, "SELECT 1").await.expect_err("others wrote one").to_string();
    assert!(refused.contains("app.pg_has_role of the role app"), "{refused}");
}

/// A role may give itself a search path of any letters; ours is put together from it.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_search_path_is_names_and_nothing_that_could_be_run() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(&mut rota, STAFF).await;
    run(&mut rota, "CREATE ROLE app LOGIN; GRANT SELECT ON staff TO app").await;
    let superuser = open(&server, "postgres");
    let mut app = server.connect("app", "rota").await;
    run(&mut app, "SET application_name = 'the client'").await;
    for hostile in [
        "public;SET/**/default_transaction_read_only=off;DROP/**/TABLE/**/staff",
        r#""public""; SET default_transaction_read_only = off; DROP TABLE staff; --""#,
        r#""a,b", "c""#,
        "pg_catalog;RESET/**/ALL",
    ] {
        let set = format!("SELECT set_config('search_path', $path${hostile}$path$, false)");
        run(&mut app, &set).await;
        run(&mut app, "ALTER ROLE app SET search_path FROM CURRENT").await;
        let plan = plan_of_last(&superuser, &mut app, "SELECT name FROM public.staff").await;
        let plan = plan.unwrap_or_else(|error| unreachable!("{hostile}: {error}"));
        assert!(plan.lines[0].starts_with("Seq Scan on staff"), "{plan:?}");
    }
    assert_eq!(one(&mut rota, "SELECT count(*) FROM staff").await, "1000");
}
