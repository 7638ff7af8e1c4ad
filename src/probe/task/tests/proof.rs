//! Tasks that are known by what they leave behind.

use super::*;
use crate::domain::task::EndKind;

/// A task that is due at 02:00, with 15 minutes of grace.
fn task(source: &str, rest: &str) -> String {
    format!("[[task]]\nid = \"report\"\nsource = \"{source}\"\nschedule = \"0 2 * * *\"\n{rest}\n")
}

fn at(text: &str) -> Timestamp {
    format!("2026-{text}Z").parse().expect("time")
}

impl World {
    /// A file that was last written then.
    fn written(&self, path: &str, when: &str) {
        self.log(path, "a,b\n");
        let file = std::fs::File::options().write(true).open(self.root.path().join(path)).expect("file");
        file.set_modified(at(when).into()).expect("mtime");
    }

    /// Reads the task once.
    async fn facts(&self, watched: &mut [Watched]) -> Arc<TaskFacts> {
        let Detail::Task(facts) = watched[0].probe.read(self.now).await.expect("a reading").detail else {
            unreachable!("a task has facts of its own")
        };
        facts
    }
}

#[tokio::test]
async fn the_newest_file_proves_the_run_and_says_nothing_of_its_exit_code() {
    let world = World::new("", &task("file", "match = \"exports/*.csv\""));
    world.written("exports/staff.csv", "03-01T02:04:00");
    let missed = "nothing ran for the slot of 02:00, 7 h ago (grace 15 m)".to_owned();
    assert_eq!(world.first().await, ("task:report".into(), Status::Critical, vec![missed.clone()]));
    world.written("exports/rota.csv", "03-02T02:04:00");
    assert_eq!(world.first().await, ("task:report".into(), Status::Ok, vec![]));
    let facts = world.facts(&mut world.watched()).await;
    let newest = &facts.runs[0];
    let end = newest.ended.as_ref().expect("an end");
    assert_eq!((newest.started_at, end.kind, end.exit_code), (at("03-02T02:04:00"), EndKind::Proven, None));
    assert!(end.is_success() && end.took_s.is_nan() && newest.tail.ends_with("exports/rota.csv"), "{newest:?}");
    let view = facts.view(world.now);
    assert_eq!((view.state, view.source.word(), view.usual_s), (TaskState::Ok, "file", None));
    // Late, and dated ahead.
    world.written("exports/rota.csv", "03-02T02:20:00");
    assert_eq!(world.first().await.2, ["began 20 m after its slot of 02:00, grace 15 m"]);
    world.written("exports/rota.csv", "03-05T02:00:00");
    let (_, status, texts) = world.first().await;
    assert_eq!((status, &texts[0]), (Status::Critical, &missed));
    assert!(texts[1].contains("exports/rota.csv is dated 2 d 17 h in the future"), "{texts:?}");
}

#[tokio::test]
async fn a_file_that_is_written_over_is_remembered_and_one_that_is_not_there_is_missed() {
    let mut world = World::new("", &task("file", "match = \"last-run\""));
    world.written("last-run", "03-01T02:04:00");
    let mut watched = world.watched();
    world.now = at("03-01T09:00:00");
    assert_eq!(world.facts(&mut watched).await.view(world.now).state, TaskState::Ok);
    world.now = at("03-02T09:00:00");
    world.written("last-run", "03-02T02:04:00");
    let facts = world.facts(&mut watched).await;
    let runs: Vec<Timestamp> = facts.runs.iter().map(|run| run.started_at).collect();
    assert_eq!(runs, [at("03-02T02:04:00"), at("03-01T02:04:00")]);
    std::fs::remove_file(world.root.path().join("last-run")).expect("removed");
    assert_eq!(world.facts(&mut world.watched()).await.view(world.now).state, TaskState::New, "nobody has looked yet");
    let mut watched = world.watched();
    world.facts(&mut watched).await;
    world.now = at("03-03T02:15:01");
    assert_eq!(world.facts(&mut watched).await.view(world.now).state, TaskState::Missed);
}

#[tokio::test]
async fn the_time_in_a_name_is_the_run_s_and_of_a_day_alone_the_time_it_was_written() {
    let world = World::new("", &task("file", "match = \"exports/report_%Y%m%d_%H%M.csv\""));
    world.written("exports/report_20260302_0203.csv", "03-02T08:00:00");
    world.written("exports/report_20260301_0203.csv.gz", "03-02T08:00:00");
    world.written("exports/report_latest.csv", "03-02T08:59:00");
    let runs = |facts: &TaskFacts| facts.runs.iter().map(|run| run.started_at).collect::<Vec<_>>();
    let facts = world.facts(&mut world.watched()).await;
    assert_eq!(runs(&facts), [at("03-02T02:03:00"), at("03-01T02:03:00")]);
    let world = World::new("", &task("file", "match = \"exports/report_%Y%m%d.csv\""));
    world.written("exports/report_20260302.csv", "03-02T02:05:00");
    world.written("exports/report_20260301.csv", "03-02T08:00:00");
    let facts = world.facts(&mut world.watched()).await;
    assert_eq!(
        runs(&facts),
        [at("03-02T02:05:00"), at("03-01T23:59:59")],
        "a copy that was written later is of its day"
    );
}

const LOG: &str = "match = \"report (sent|printed)\"\npath = \"logs/rota.log\"";

#[tokio::test]
async fn a_line_of_a_log_proves_the_run_through_rotation() {
    let mut world = World::new("", &task("log", LOG));
    let mut watched = world.watched();
    assert!(world.told(&mut watched).await[0].2[0].contains("logs/rota.log"), "a log that is not there is unknown");
    let lines = "2026-02-28 02:00:05,100 INFO report sent to 3\n2026-03-01 02:00:04 INFO report sent to 3\n\
                 2026-03-02 02:00:04 ERROR report failed: report\n  Traceback: report not sent\n";
    world.log("logs/rota.log", lines);
    let (_, status, texts) = world.told(&mut watched).await.remove(0);
    assert_eq!((status, &*texts[0]), (Status::Critical, "nothing ran for the slot of 02:00, 7 h ago (grace 15 m)"));
    // It is renamed while its last line is being written.
    let (log, old) = (world.root.path().join("logs/rota.log"), world.root.path().join("logs/rota.log.1"));
    std::fs::write(&log, format!("{lines}2026-03-02 02:10:00 INFO report sent to 3\n")).expect("log");
    std::fs::rename(&log, old).expect("renamed");
    world.log("logs/rota.log", "2026-03-02 03:00:00 INFO idle\n");
    assert_eq!(world.told(&mut watched).await[0], ("task:report".into(), Status::Ok, vec![]));
    let facts = world.facts(&mut watched).await;
    let tails: Vec<&str> = facts.runs.iter().map(|run| run.tail.as_str()).collect();
    assert_eq!(tails[0], "2026-03-02 02:10:00 INFO report sent to 3");
    assert_eq!((tails.len(), facts.runs[2].started_at), (3, at("02-28T02:00:05")));
    // A fresh look reads both files.
    assert_eq!(world.facts(&mut world.watched()).await.runs.len(), 3);
    world.now = at("03-03T02:15:01");
    assert_eq!(world.facts(&mut watched).await.view(world.now).state, TaskState::Missed);
}

#[tokio::test]
async fn lines_without_a_time_prove_nothing_and_are_told() {
    let world = World::new("", &task("log", LOG));
    world.log(
        "logs/rota.log",
        "report sent\n\u{1b}[31mreport sent again\nMar  2 02:00:03 db1 rota[7]: report printed\n",
    );
    let mut watched = world.watched();
    let (_, status, texts) = world.told(&mut watched).await.remove(0);
    assert_eq!(status, Status::Warning, "{texts:?}");
    assert!(texts[0].starts_with("2 lines of") && texts[0].contains("say no time"), "{texts:?}");
    let facts = world.facts(&mut watched).await;
    assert_eq!((facts.runs.len(), facts.runs[0].started_at), (1, at("03-02T02:00:03")));
}

/// A world with a database, and what it answers to a query.
async fn answered(query: &str) -> (Status, Vec<String>) {
    let config = "[[database]]\nid = \"rota\"\nurl = \"sqlite:rota.db\"\n".to_owned()
        + &task("sql", &format!("database = \"rota\"\nmatch = \"{query}\""));
    let world = World::new("", &config);
    let connection = rusqlite::Connection::open(world.root.path().join("rota.db")).expect("a database");
    connection
        .execute_batch(
            "CREATE TABLE run (at TEXT, ok INT); INSERT INTO run VALUES ('2026-03-02 02:01:00', 1), \
             ('2026-03-01 02:01:00', 1), ('\u{1b}[31mred', 0)",
        )
        .expect("rows");
    let (_, status, texts) = world.first().await;
    let rows: i64 = connection.query_row("SELECT count(*) FROM run", [], |row| row.get(0)).expect("rows");
    assert_eq!(rows, 3, "nothing was changed");
    (status, texts)
}

#[tokio::test]
async fn a_row_proves_the_run_and_an_answer_that_is_no_time_is_unknown() {
    assert_eq!(answered("SELECT max(at) FROM run WHERE ok").await, (Status::Ok, vec![]));
    assert_eq!(answered("SELECT unixepoch('2026-03-02 02:01:00')").await, (Status::Ok, vec![]));
    let (status, texts) = answered("SELECT min(at) FROM run WHERE ok").await;
    assert_eq!((status, &*texts[0]), (Status::Critical, "nothing ran for the slot of 02:00, 7 h ago (grace 15 m)"));
    let table = [
        ("SELECT count(*) FROM run", "the query answers `3`, which is no time"),
        ("SELECT at FROM run WHERE NOT ok", "the query answers `red`, which is no time"),
        ("SELECT max(at) FROM runs", "the query is refused: no such table: runs"),
        ("SELEC 1", "the query is refused: near"),
        ("DELETE FROM run RETURNING at", "the query would write"),
    ];
    for (query, why) in table {
        let (status, texts) = answered(query).await;
        assert_eq!(status, Status::Unknown, "{query}: {texts:?}");
        assert!(texts[0].contains(why) && !texts[0].contains('\u{1b}'), "{query}: {texts:?}");
    }
    let (status, texts) = answered("SELECT max(at) FROM run WHERE 0").await;
    assert_eq!((status, texts.len()), (Status::Ok, 0), "no row yet, and no slot has passed since somebody looks");
}

#[tokio::test]
async fn what_was_recorded_of_a_run_says_more_than_its_proof() {
    let mut world = World::new("", &task("file", "match = \"exports/*.csv\""));
    let two = at("03-02T02:00:00");
    world.written("exports/a.csv", "03-02T02:00:05");
    world.runs = vec![run("good", "report", two, 0)];
    let facts = world.facts(&mut world.watched()).await;
    let told: Vec<(&str, Option<i32>)> =
        facts.runs.iter().map(|run| (&*run.id, run.ended.as_ref().and_then(|end| end.exit_code))).collect();
    assert_eq!(told, [("good", Some(0))]);
    // One that came to nothing is told, and one that left no file proves nothing.
    world.runs =
        vec![run("bad", "report", two + TimeDelta::hours(1), 3), run("hollow", "report", at("03-01T02:00:00"), 0)];
    let facts = world.facts(&mut world.watched()).await;
    let ids: Vec<&str> = facts.runs.iter().map(|run| &*run.id).collect();
    assert_eq!((ids.len(), ids[0]), (2, "bad"), "{ids:?}");
    assert_eq!(facts.view(world.now).state, TaskState::Failed);
}
