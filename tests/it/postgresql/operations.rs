//! Our acts in a table of the database itself: completed, or told that they could not be.

use rounds::domain::board::Assessment;
use rounds::domain::finding::Finding;
use rounds::domain::status::Status;

use super::acts::world;
use super::server::{Server, one, reads_everything, run};
use crate::support::watching::Watching;

/// A table as an application might have it, in which rows may be added, and changed by its owner.
const TABLE: &str = "CREATE ROLE keeper LOGIN; CREATE ROLE adder LOGIN; CREATE TABLE staff (id int);
     CREATE TABLE maintenance_operations (id uuid PRIMARY KEY DEFAULT md5(random()::text)::uuid, operation_type text NOT NULL,
       table_name text, started_at timestamptz DEFAULT now(), completed_at timestamptz,
       status text NOT NULL DEFAULT 'running', details jsonb DEFAULT '{}'::jsonb);
     ALTER TABLE maintenance_operations OWNER TO keeper; ALTER TABLE staff OWNER TO keeper; GRANT keeper TO adder;
     ALTER TABLE maintenance_operations ENABLE ROW LEVEL SECURITY;
     ALTER TABLE maintenance_operations FORCE ROW LEVEL SECURITY;
     CREATE POLICY look ON maintenance_operations FOR SELECT USING (true);
     CREATE POLICY add ON maintenance_operations FOR INSERT WITH CHECK (true);
     CREATE POLICY complete ON maintenance_operations FOR UPDATE USING (current_user = 'keeper')";
const MIRROR: &str = "operations_table = 'public.maintenance_operations'";

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn an_act_is_shown_where_the_databases_own_people_look() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(&mut rota, TABLE).await;
    let analyze =
        ["database", "analyze", "--table", "staff", "--yes", "--operator", "asha", "--reason", "it's \"slow\""];
    let done = world(&server, "keeper", MIRROR).run(&analyze).exits(0).out();
    assert!(!done.contains("stays `running`"), "{done}");
    let row = "SELECT concat_ws('|', operation_type, table_name, status, completed_at >= started_at, details ->> 'by',
                 details ->> 'reason', details ->> 'outcome', count(*) OVER ()) FROM maintenance_operations";
    assert_eq!(one(&mut rota, row).await, r#"analyze|staff|succeeded|t|asha|it's "slow"|succeeded|1"#);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_row_that_our_role_may_not_complete_is_told_and_answered_by_a_second() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(&mut rota, TABLE).await;
    let analyze = ["database", "analyze", "--table", "staff", "--yes"];
    let done = world(&server, "adder", MIRROR).run(&analyze).exits(0).out();
    let told = "our row in public.maintenance_operations stays `running`: no right or policy lets our role change it; a \
                second row says how it ended";
    assert!(done.starts_with("succeeded: 1 table analyzed") && done.contains(told), "{done}");
    let rows = "SELECT string_agg(status || ' ' || (completed_at IS NOT NULL), ', ' ORDER BY started_at) || ' ' ||
                  count(DISTINCT details ->> 'job') FROM maintenance_operations";
    assert_eq!(one(&mut rota, rows).await, "running false, succeeded true 1");
    let seen = world(&server, "adder", MIRROR).run(&["database", "activity", "--format", "json"]).exits(0).json();
    let under_way = seen["operations"].as_array().expect("what is under way");
    assert!(under_way.len() == 1 && under_way[0]["kind"] == "analyze" && under_way[0]["table"] == "staff", "{seen:#}");
    // A table that is not there keeps nothing from being done, and is told.
    let elsewhere = world(&server, "adder", "operations_table = 'ops.\"no; such\"'").run(&analyze).exits(0).out();
    assert!(
        elsewhere.contains(r#"relation "ops.no; such" does not exist; so ops."no; such" has no row"#),
        "{elsewhere}"
    );
}

fn told(assessment: &Assessment) -> Vec<Finding> {
    let about = |finding: &&Finding| finding.key == "stuck_operations" || finding.text.contains("stuck_operations");
    assessment.findings.iter().filter(about).cloned().collect()
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_row_that_nobody_completed_is_told_and_mended_as_it_says() {
    let server = Server::start("");
    let mut rota = server.rota().await;
    run(&mut rota, TABLE).await;
    run(&mut rota, "CREATE ROLE stranger LOGIN").await;
    let look = async |role: &str| {
        let limits = format!("every = '1h'\ntimeout = '60s'\n{MIRROR}");
        told(&Watching::of(server.spec(role, &limits)).look().await)
    };
    for role in ["postgres", "keeper", "adder"] {
        assert_eq!(look(role).await, [], "{role}");
    }
    run(
        &mut rota,
        "INSERT INTO maintenance_operations (operation_type, table_name, started_at, details)
           VALUES (E'vac\x1b[31muum', 'staff', now() - interval '7 hours', '{\"by\": \"asha\"}'),
                  ('analyze', 'staff', now() - interval '2 hours', NULL),
                  ('reindex', 'staff', now() - interval '9 days', NULL);
         UPDATE maintenance_operations SET status = 'succeeded' WHERE operation_type = 'reindex'",
    )
    .await;
    for role in ["postgres", "keeper", "adder"] {
        let [found] = &look(role).await[..] else { unreachable!("{role}") };
        let text = "public.maintenance_operations has called vacuum of staff by asha running for 7 h; 2 in all are";
        assert!(found.text.starts_with(text) && found.status == Status::Warning, "{role}: {found:?}");
    }
    // One that sees less is never told that all is well.
    let [denied] = &look("stranger").await[..] else { unreachable!("no right at all") };
    let grant = denied.advice.clone().unwrap_or_default();
    assert!(denied.status == Status::Unknown && grant == reads_everything(&rota, "stranger"), "{denied:?}");
    run(&mut rota, &grant).await;
    assert_eq!(look("stranger").await[0].status, Status::Warning);
    run(&mut rota, "DROP POLICY look ON maintenance_operations").await;
    run(&mut rota, "CREATE POLICY look ON maintenance_operations FOR SELECT USING (current_user = 'keeper')").await;
    let [veiled] = &look("stranger").await[..] else { unreachable!("a policy hides all rows") };
    assert!(veiled.status == Status::Unknown && veiled.text.contains("a policy may hide rows"), "{veiled:?}");
    run(&mut rota, &veiled.advice.clone().unwrap_or_default()).await;
    let [found] = &look("stranger").await[..] else { unreachable!("its own policy uncovers them") };
    assert_eq!(found.status, Status::Warning);
    // What it says mends it, and nothing else.
    let advice = found.advice.clone().unwrap_or_default();
    let mend = advice.split_once("UPDATE").and_then(|(_, rest)| rest.split_once(';')).expect("a statement").0;
    run(&mut rota, &format!("UPDATE{mend}")).await;
    assert_eq!(look("postgres").await, []);
    let rows =
        "SELECT string_agg(operation_type || ' ' || status, ', ' ORDER BY operation_type) FROM maintenance_operations
                 WHERE operation_type IN ('analyze', 'reindex')";
    assert_eq!(one(&mut rota, rows).await, "analyze running, reindex succeeded");
    run(&mut rota, "DROP TABLE maintenance_operations").await;
    let [gone] = &look("postgres").await[..] else { unreachable!("it is not there") };
    assert!(gone.status == Status::Unknown && gone.text.contains("does not exist"), "{gone:?}");
}
