//! Tables and indexes that are wrong in themselves; each advice is run as it is given, and mends.

use std::time::Duration;

use super::faults::{PATIENT, watching};
use super::server::{Server, one, run, until_one};
use crate::support::watching::{Watching, sentences};

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn duplicate_indexes_and_keys_without_one_are_named_with_the_statement_that_mends_them() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(
        &mut rota,
        "CREATE TABLE pref (id int PRIMARY KEY, user_id int UNIQUE, note text);
         CREATE INDEX \"idx pref\" ON pref (user_id); CREATE INDEX one ON pref (lower(note)) WHERE id > 5;
         CREATE INDEX two ON pref (lower(note)) WHERE id  >  5; CREATE INDEX three ON pref (lower(note)) WHERE id > 6;
         CREATE TABLE staff (id int, day int, PRIMARY KEY (id, day));
         CREATE TABLE shift (id int PRIMARY KEY, staff int, \"of day\" int, FOREIGN KEY (staff, \"of day\") REFERENCES staff);
         INSERT INTO staff SELECT g, 1 FROM generate_series(1, 2000) g;
         INSERT INTO shift SELECT g, g, 1 FROM generate_series(1, 2000) g; ANALYZE",
    )
    .await;
    let mut watching = watching(&server, "duplicate_indexes = { warn = '> 0' }\nunindexed_keys = { warn = '> 0' }");
    let told = watching.until("is the same as").await;
    assert!(told.text.contains("; 1 more like it"), "{}", told.text);
    let advice = told.advice.expect("a statement");
    assert_eq!(advice, r#"DROP INDEX CONCURRENTLY "public"."idx pref""#);
    run(&mut rota, &advice).await;
    let advice = watching.until("the index two on public.pref is the same as one (8.2 kB), limit").await.advice;
    assert_eq!(advice.as_deref(), Some(r#"DROP INDEX CONCURRENTLY "public"."two""#));
    run(&mut rota, &advice.expect("a statement")).await;
    let told = watching.until("no index helps the foreign key shift_staff_of day_fkey of public.shift").await;
    let advice = told.advice.expect("a statement");
    assert_eq!(advice, r#"CREATE INDEX CONCURRENTLY ON "public"."shift" (staff, "of day")"#);
    run(&mut rota, &advice).await;
    watching.until_well().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_table_that_is_read_from_end_to_end_again_and_again_is_named() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(
        &mut rota,
        "CREATE TABLE shift (id int PRIMARY KEY, note text);
         INSERT INTO shift SELECT g, 'x' FROM generate_series(1, 20000) g; ANALYZE shift;
         SELECT count(*) FROM shift WHERE note = 'y'; SELECT pg_stat_force_next_flush()",
    )
    .await;
    let mut watching = watching(&server, "missing_indexes = { warn = '> 0' }");
    assert_eq!(sentences(&watching.look().await), [] as [String; 0]);
    for _ in 0..30 {
        run(&mut rota, "SELECT count(*) FROM shift WHERE note = 'y'").await;
    }
    run(&mut rota, "SELECT pg_stat_force_next_flush()").await;
    let told = watching.until("public.shift was read from end to end").await;
    assert!(told.text.contains("20 000 rows each time, and 0 times by an index"), "{}", told.text);
}

/// What time it is on a server, in the microseconds that it keeps moments in.
const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp() - '2000-01-01 00:00:00Z') * 1000000)::bigint";

/// Moves the moment since which a stopped server counts into the past; nothing else in these files
/// looks like a moment of this hour.
fn has_counted_for(server: &Server, now: u64, age: Duration) -> usize {
    const HOUR: u64 = 3_600_000_000;
    let mut moved = 0;
    for file in std::fs::read_dir(server.path().join("data/pg_stat")).expect("what it counted").flatten() {
        let mut bytes = std::fs::read(file.path()).expect("a file");
        let mut at = 0;
        while at + 8 <= bytes.len() {
            let word: [u8; 8] = bytes[at..at + 8].try_into().expect("eight bytes");
            let moment = u64::from_ne_bytes(word);
            if (now - HOUR..=now + HOUR).contains(&moment) {
                let before = moment - age.as_micros() as u64;
                bytes[at..at + 8].copy_from_slice(&before.to_ne_bytes());
                moved += 1;
                at += 7;
            }
            at += 1;
        }
        std::fs::write(file.path(), bytes).expect("a file");
    }
    moved
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn an_index_that_nothing_has_read_for_a_month_is_named_and_one_that_is_read_is_not() {
    let mut server = Server::start("");
    let mut rota = server.rota().await;
    // The key keeps a promise, and the small one costs nothing.
    run(
        &mut rota,
        "CREATE TABLE shift (id int PRIMARY KEY, staff int, \"no te\" int);
         INSERT INTO shift SELECT g, g, g FROM generate_series(1, 500000) g;
         CREATE INDEX \"by note\" ON shift (\"no te\"); CREATE INDEX by_staff ON shift (staff);
         CREATE TABLE few (id int); CREATE INDEX small ON few (id); ANALYZE",
    )
    .await;
    let limit = "unused_indexes = { warn = '> 0 B' }\ncache_hit = {}";
    let early = watching(&server, limit).look().await;
    assert!(early.sample("unused_indexes").is_none(), "{:?}", early.samples);
    assert!(sentences(&early)[0].contains("and 30 d are needed"), "{:?}", sentences(&early));
    let now = one(&mut rota, NOW).await.parse().expect("a moment");
    drop(rota);
    server.stop();
    assert!(has_counted_for(&server, now, Duration::from_hours(40 * 24)) > 0, "it counts since some moment");
    server.start_again();
    let mut rota = server.rota().await;
    let mut watching = watching(&server, limit);
    let told = watching.until("of indexes that nothing has read in 40 d, the largest by").await;
    assert!(told.text.starts_with("22.5 MB ") && !told.text.contains("small"), "{}", told.text);
    run(&mut rota, "SET enable_seqscan = off; SELECT * FROM shift WHERE staff = 7; SELECT pg_stat_force_next_flush()")
        .await;
    until_one(&mut rota, "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'by_staff'", "1").await;
    let told = watching.until("the largest by note on public.shift (11.3 MB)").await;
    assert!(told.text.starts_with("11.3 MB of indexes"), "{}", told.text);
    let advice = told.advice.expect("a statement");
    assert_eq!(advice, r#"DROP INDEX CONCURRENTLY "public"."by note""#);
    run(&mut rota, &advice).await;
    watching.until_well().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn tables_open_to_the_network_and_audits_that_nobody_can_write_are_named() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(
        &mut rota,
        "CREATE ROLE anon; CREATE ROLE authenticated; CREATE ROLE plain LOGIN;
         CREATE TABLE notes (id int); GRANT SELECT ON notes TO anon; GRANT ALL ON notes TO authenticated;
         CREATE TABLE prefs (id int, theme text); ALTER TABLE prefs ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON prefs USING (true); GRANT ALL ON prefs TO authenticated;
         CREATE TABLE audit_log (at timestamptz DEFAULT now(), what text); ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
         CREATE POLICY reads ON audit_log FOR SELECT USING (true); GRANT ALL ON audit_log TO authenticated;
         CREATE FUNCTION log_it() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN INSERT INTO public.audit_log (what) VALUES (TG_TABLE_NAME); RETURN NEW; END $$;
         CREATE TRIGGER audit AFTER INSERT OR UPDATE ON prefs FOR EACH ROW EXECUTE FUNCTION log_it()",
    )
    .await;
    let as_user = "BEGIN; SET LOCAL ROLE authenticated; INSERT INTO prefs VALUES (1, 'dark'); COMMIT";
    let refused = sqlx::raw_sql(as_user).execute(&mut rota).await.expect_err("the audit refuses it");
    assert!(refused.to_string().contains("row-level security policy for table \"audit_log\""), "{refused}");
    run(&mut rota, "ROLLBACK").await;
    // Everybody may know it: what is granted is no secret.
    for role in ["plain", "postgres"] {
        let mut watching = Watching::of(server.spec(role, PATIENT));
        watching.until("anon and authenticated may change every row of public.notes").await;
        watching
            .until("changes of public.prefs fail for ordinary roles: its trigger inserts into public.audit_log")
            .await;
    }
    let mut watching = watching(&server, "");
    let advice = watching.until("changes of public.prefs fail").await.advice.expect("a statement");
    run(&mut rota, advice.split(", its names").next().expect("a statement")).await;
    run(&mut rota, as_user).await;
    let advice = watching.until("every row of public.notes").await.advice.expect("a statement");
    run(&mut rota, advice.split(", with").next().expect("a statement")).await;
    watching.until_well().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_table_that_is_mostly_empty_is_told_to_whoever_may_know_its_columns() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(
        &mut rota,
        "CREATE ROLE monitor LOGIN; GRANT pg_monitor TO monitor; CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader;
         CREATE TABLE big AS SELECT g AS id, repeat('x', 100) AS note FROM generate_series(1, 1000) g; ANALYZE big;
         UPDATE pg_class SET relpages = 400000 WHERE relname = 'big'",
    )
    .await;
    for role in ["postgres", "reader"] {
        let told = Watching::of(server.spec(role, PATIENT)).until("hold nothing").await;
        assert!(told.text.starts_with("about 3.3 GB of the 3.3 GB of public.big hold nothing"), "{}", told.text);
    }
    let blind = Watching::of(server.spec("monitor", PATIENT)).look().await;
    assert!(blind.sample("bloat").is_none(), "{:?}", blind.samples);
    let text = "unknown: bloat cannot be told: 1 of the 1 largest tables are hidden from the role monitor";
    assert!(sentences(&blind).contains(&text.to_owned()), "{:?}", sentences(&blind));
    run(&mut rota, "UPDATE pg_class SET relpages = 18 WHERE relname = 'big'").await;
    watching(&server, "").until_well().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn names_that_would_do_something_to_a_terminal_do_nothing() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    let name = "a\u{1b}[2J\u{7}\u{202e}\"b\n";
    let quoted = format!("\"{}\"", name.replace('"', "\"\""));
    run(
        &mut rota,
        &format!(
            "CREATE SCHEMA {quoted}; CREATE TABLE {quoted}.{quoted} (id int PRIMARY KEY, {quoted} int)
               WITH (autovacuum_enabled = off);
             CREATE INDEX ON {quoted}.{quoted} (id); CREATE ROLE anon; GRANT USAGE ON SCHEMA {quoted} TO anon;
             GRANT ALL ON {quoted}.{quoted} TO anon;
             INSERT INTO {quoted}.{quoted} SELECT g, g FROM generate_series(1, 5000) g; DELETE FROM {quoted}.{quoted};
             SELECT pg_stat_force_next_flush()"
        ),
    )
    .await;
    let mut holder = server.rota().await;
    run(&mut holder, "SET application_name = 'x'; BEGIN").await;
    let megabyte = format!("SELECT '{}'", "\u{1b}[31m".repeat(200_000));
    run(&mut holder, &megabyte).await;
    let mut watching =
        watching(&server, "duplicate_indexes = { warn = '> 0' }\nidle_in_transaction = { warn = '> 0s' }");
    for expected in ["every row of", "is the same as", "dead rows", "idle in transaction"] {
        let told = watching.until(expected).await;
        let all = format!("{}{}", told.text, told.advice.unwrap_or_default());
        assert!(!all.chars().any(|letter| letter.is_control() || letter == '\u{202e}'), "{all:?}");
        assert!(all.len() < 1000, "{} bytes", all.len());
    }
}
