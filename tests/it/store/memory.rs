//! What the store remembers: observations, statuses, proofs, runs, marks and signatures.

use std::time::Duration;

use chrono::TimeDelta;
use rounds::domain::audit::{AuditEntry, Phase};
use rounds::domain::board::Change;
use rounds::domain::checklist::{Mark, MarkKind, Signature};
use rounds::domain::observation::{Observation, ProbeError, ProbeId, Reading};
use rounds::domain::sample::Sample;
use rounds::domain::status::Status;
use rounds::domain::task::{RunEnd, TaskRun};
use rounds::domain::time::Timestamp;
use rounds::domain::vitals::{Proof, ProofKind};
use rounds::ledger::Ledger;

use super::{entry, nine, open, scratch};

fn note(action: &str) -> AuditEntry {
    AuditEntry { action: action.to_owned(), ..entry(Phase::Note, action) }
}

const DAY: Duration = Duration::from_hours(24);

fn seen(probe: &str, at: Timestamp, free: Option<f64>) -> Observation {
    let outcome = match free {
        Some(free) => Ok(Reading::of(vec![
            Sample::percent("free", free),
            Sample::percent("nan", f64::NAN),
            Sample::text("state", "mounted"),
        ])),
        None => Err(ProbeError::Unreachable("gone".into())),
    };
    Observation { probe: probe.into(), at, took: Duration::from_millis(3), outcome }
}

#[tokio::test]
async fn observations_come_back_as_series_of_gauges() {
    let (_directory, path) = scratch();
    let store = open(&path).await;
    let later = |minutes| nine() + TimeDelta::minutes(minutes);
    let observations: Vec<Observation> =
        [(0, Some(40.0)), (1, Some(39.0)), (5, Some(38.0)), (6, None), (7, Some(37.0))]
            .map(|(minute, free)| seen("disk:/", later(minute), free))
            .into();
    assert_eq!(store.record(&observations).await.expect("record"), 4);
    assert_eq!(store.record(&observations[4..]).await.expect("record"), 0, "nothing new");
    let other = open(&path).await;
    assert_eq!(other.record(&[seen("disk:/", later(8), Some(1.0))]).await.expect("record"), 0, "kept by another");
    assert_eq!(other.record(&[seen("disk:/", later(10), Some(36.0))]).await.expect("record"), 1);

    let series = store.series(&"disk:/".into(), later(2)).await.expect("series");
    let points: Vec<_> = series.iter().flat_map(|(_, points)| points).map(|point| (point.at, point.value)).collect();
    assert_eq!(series.len(), 1, "only gauges that are numbers: {series:?}");
    assert_eq!(series[0].0, "free");
    assert_eq!(points, [(later(5), 38.0), (later(7), 37.0), (later(10), 36.0)]);
}

#[tokio::test]
async fn old_observations_thin_to_hours_and_then_go() {
    let (_directory, path) = scratch();
    let store = open(&path).await;
    let start = nine() - TimeDelta::days(20);
    let all: Vec<Observation> =
        (0..20 * 288).map(|slot| seen("disk:/", start + TimeDelta::minutes(5 * slot), Some(50.0))).collect();
    // An outage of ten minutes in an old hour.
    let outage = start + TimeDelta::days(8) + TimeDelta::minutes(20);
    let mut all: Vec<Observation> =
        all.into_iter().filter(|one| one.at < outage || one.at >= outage + TimeDelta::minutes(10)).collect();
    all.insert(8 * 288 + 4, seen("disk:/", outage, None));
    store.record(&all).await.expect("record");

    let now = nine();
    store.prune(now, DAY * 15).await.expect("prune");
    assert_eq!(store.prune(now, DAY * 15).await.expect("prune"), 0, "pruning twice is pruning once");
    let count = |from: i64, to: i64| {
        let store = store.clone();
        async move {
            let since = nine() - TimeDelta::days(from);
            let series = store.series(&"disk:/".into(), since).await.expect("series");
            series.iter().flat_map(|(_, points)| points).filter(|p| p.at < nine() - TimeDelta::days(to)).count()
        }
    };
    for (from, to, expected, what) in [
        (1, 0, 288, "the last day is whole"),
        (7, 0, 7 * 288, "the last week is whole"),
        (8, 7, 24, "before it: hours"),
        (20, 15, 0, "beyond what is kept: nothing"),
        (15, 7, 8 * 24, "an hour with an outage keeps its good reading"),
    ] {
        assert_eq!(count(from, to).await, expected, "{what}");
    }
    let raw = super::raw(&path);
    let errors: i64 =
        raw.query_row("SELECT count(*) FROM observation WHERE error IS NOT NULL", [], |row| row.get(0)).expect("count");
    assert_eq!(errors, 1, "and its failure");
}

#[tokio::test(flavor = "multi_thread")]
async fn others_write_while_what_is_old_goes() {
    let (_directory, path) = scratch();
    let limits = rounds::store::Limits { roomy: 4_000_000, ..rounds::store::Limits::default() };
    let store = rounds::store::Store::open_within(&path, nine(), limits).await.expect("open");
    let fill = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 59999) \
        INSERT INTO observation SELECT 'disk:/' || (i % 3), ?1 + (i / 3) * 300000000, 1, '{\"free\":50.0}', NULL FROM n";
    let first = (nine() - TimeDelta::days(90)).timestamp_micros();
    super::raw(&path).execute(fill, [first]).expect("sixty thousand observations");
    let other = super::raw(&path);
    other.busy_timeout(std::time::Duration::from_secs(30)).expect("patience");
    let (done, mut between) = (std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)), 0);
    let stop = std::sync::Arc::clone(&done);
    let writing = tokio::task::spawn_blocking(move || {
        while !stop.load(std::sync::atomic::Ordering::Acquire) {
            other.execute("INSERT INTO mark SELECT NULL, 'd', 'p', 'i', 'tick', 1, 'ada', ''", []).expect("it gets in");
            between += 1;
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        between
    });
    // A third is too old, most of the rest is thinned, and what is left is too much.
    let gone = store.prune(nine(), 60 * DAY).await.expect("prune");
    done.store(true, std::sync::atomic::Ordering::Release);
    let between = writing.await.expect("it ends");
    assert!(gone > 50_000, "{gone} of sixty thousand went");
    assert!(between > 50, "only {between} writes came in between");
    println!("{between} writes in between");
}

#[tokio::test]
async fn a_store_that_is_too_large_loses_its_oldest_observations_and_nothing_else() {
    let (_directory, path) = scratch();
    let limits = rounds::store::Limits { roomy: 250_000, ..rounds::store::Limits::default() };
    let store = rounds::store::Store::open_within(&path, nine(), limits).await.expect("open");
    for number in 0..100 {
        store.append(entry(Phase::Note, &number.to_string())).await.expect("append");
    }
    let slots = 5 * 288;
    let first = nine() - TimeDelta::minutes(5 * slots);
    for probe in ["disk:/", "disk:/var", "disk:/srv", "host"] {
        let all: Vec<Observation> =
            (0..slots).map(|slot| seen(probe, first + TimeDelta::minutes(5 * slot), Some(50.0))).collect();
        store.record(&all).await.expect("record");
    }
    let held = || -> i64 {
        let sql = "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
        super::raw(&path).query_row(sql, [], |row| row.get(0)).expect("size")
    };
    assert!(held() > 300_000, "{} bytes: the test proves nothing", held());
    assert!(store.prune(nine(), 90 * DAY).await.expect("prune") > 1000);
    assert!(held() <= 250_000, "{} bytes are left", held());
    let series = store.series(&"disk:/".into(), Timestamp::UNIX_EPOCH).await.expect("series");
    let points = &series[0].1;
    assert!(points.len() > 200, "{}", points.len());
    assert_eq!(points.last().map(|point| point.at), Some(nine() - TimeDelta::minutes(5)), "the latest stays");
    let found = store.verify(1, None).await.expect("verify");
    assert_eq!((found.is_ok(), found.checked), (true, 100), "the log of acts is never shortened");
}

#[tokio::test]
async fn a_change_is_told_once_however_many_watch() {
    let (_directory, path) = scratch();
    let (one, other) = (open(&path).await, open(&path).await);
    let change = |minute: i64, from, to| Change {
        probe: "disk:/".into(),
        at: nine() + TimeDelta::minutes(minute),
        from,
        to,
        text: "8 % free, limit 10 %".into(),
    };
    let first = change(0, None, Status::Ok);
    let second = change(3, Some(Status::Ok), Status::Critical);
    assert_eq!(one.record_changes(&[first.clone(), second.clone()]).await.expect("record"), 2);
    assert_eq!(other.record_changes(&[change(4, Some(Status::Ok), Status::Critical)]).await.expect("record"), 0);
    assert_eq!(one.changes(nine(), 10).await.expect("changes"), [second.clone(), first]);
    assert_eq!(other.statuses().await.expect("statuses"), [(ProbeId::from("disk:/"), Status::Critical, second.at)]);
    one.prune(nine() + TimeDelta::days(400), DAY).await.expect("prune");
    assert_eq!(one.changes(nine(), 10).await.expect("changes"), [second], "what is still so is not forgotten");
}

#[tokio::test]
async fn the_latest_proof_of_each_subject_is_found_by_prefix() {
    let (_directory, path) = scratch();
    let store = open(&path).await;
    let proof = |subject: &str, kind, minute: i64, ok| Proof {
        subject: subject.into(),
        kind,
        at: nine() + TimeDelta::minutes(minute),
        ok,
        detail: "ok".into(),
        took_s: 0.25,
    };
    let new = proof("/backup/a_2", ProofKind::Verify, 5, false);
    for one in [
        proof("/backup/a_2", ProofKind::Verify, 1, true),
        new.clone(),
        new.clone(),
        proof("/backup/a_1", ProofKind::Verify, 0, true),
        proof("/backup/b_1", ProofKind::Verify, 0, true),
        proof("/backup/a_3", ProofKind::Integrity, 9, true),
    ] {
        store.record_proof(&one).await.expect("record");
    }
    let found = store.proofs(ProofKind::Verify, "/backup/a").await.expect("proofs");
    assert_eq!(found, [proof("/backup/a_1", ProofKind::Verify, 0, true), new]);
    let all = Ledger::proofs(&store, ProofKind::Verify, "").await.expect("proofs");
    assert_eq!(all.len(), 3);
    store.prune(nine() + TimeDelta::days(400), DAY).await.expect("prune");
    assert_eq!(Ledger::proofs(&store, ProofKind::Verify, "").await.expect("proofs"), all, "the latest always stays");
}

/// What is known of the end of a run.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Running,
    Vanished,
    Ended,
}
use End::{Ended, Running, Vanished};

fn run(id: &str, minute: i64, state: End) -> TaskRun {
    let started_at = nine() + TimeDelta::minutes(minute);
    let end = RunEnd { at: started_at + TimeDelta::seconds(20), took_s: 20.0, exit_code: Some(3), ..RunEnd::default() };
    TaskRun {
        id: id.into(),
        task: "weekly-report".into(),
        started_at,
        ended: (state == Ended).then_some(end),
        alive: state == Running,
        tail: if state == Ended { "done".into() } else { String::new() },
        untold: false,
    }
}

#[tokio::test]
async fn a_run_is_imported_once_and_completed_once() {
    let (_directory, path) = scratch();
    let store = open(&path).await;
    let table = [
        (run("b", 10, Running), 1, "new, and running"),
        (run("b", 10, Running), 0, "nothing new"),
        (run("a", 0, Ended), 1, "another one, older"),
        (run("a", 0, Ended), 0, "nothing new"),
        (run("b", 10, Vanished), 1, "its process is gone"),
        (run("b", 10, Ended), 1, "it had ended after all"),
        (run("b", 10, Ended), 0, "nothing new"),
        (run("b", 10, Running), 0, "an end is not taken back"),
    ];
    for (one, news, what) in table {
        assert_eq!(store.import_runs(&[one]).await.expect("import"), news, "{what}");
    }
    let expected = [run("b", 10, Ended), run("a", 0, Ended)];
    assert_eq!(store.runs("weekly-report", 10).await.expect("runs"), expected);
    assert_eq!(Ledger::runs(&store, "weekly-report", 1).await.expect("runs"), expected[..1]);
    assert_eq!(store.runs("weekly", 10).await.expect("runs"), []);
}

#[tokio::test]
async fn what_is_told_of_all_tasks_at_once_is_what_is_told_of_each() {
    let (_directory, path) = scratch();
    let store = open(&path).await;
    let named = |one: TaskRun, task: &str| TaskRun { task: task.into(), ..one };
    let odd = |tail: &str| TaskRun { tail: tail.into(), ..run("d", 30, Ended) };
    let mut runs = vec![run("a", 0, Ended), run("b", 10, Vanished), run("c", 20, Running), odd("\"quoted\"\n[,]; ünd")];
    runs.extend((0..20).map(|number| named(run(&format!("m{number:02}"), number, Ended), "many")));
    runs.push(named(run("z", 0, Ended), "it's"));
    store.import_runs(&runs).await.expect("import");
    let all = store.recorded(12).await.expect("all");
    assert_eq!(all.runs.keys().collect::<Vec<_>>(), ["it's", "many", "weekly-report"]);
    // What the two newest printed, and of the others everything else.
    for (task, told) in &all.runs {
        let mut each = store.runs(task, 12).await.expect("runs");
        each.iter_mut().skip(2).for_each(|run| run.tail = TaskRun::UNREAD.into());
        assert_eq!(*told, each, "{task}");
    }
    assert!(all.freezes.is_empty());
}

#[tokio::test]
async fn a_rare_task_keeps_its_past_and_a_busy_one_does_not() {
    let (_directory, path) = scratch();
    let store = open(&path).await;
    let runs: Vec<TaskRun> = (0..100).map(|number| run(&format!("{number:03}"), number, Ended)).collect();
    store.import_runs(&runs).await.expect("import");
    store.prune(nine() + TimeDelta::minutes(90) + TimeDelta::days(1), DAY).await.expect("prune");
    let left = store.runs("weekly-report", 1000).await.expect("runs");
    assert_eq!((left.len(), left[0].id.as_str(), left[31].id.as_str()), (32, "099", "068"));
}

#[tokio::test]
async fn marks_and_signatures_come_back_in_order_and_never_change() {
    let (_directory, path) = scratch();
    let store = open(&path).await;
    let mark = |period: &str, kind, note: &str| Mark {
        checklist: "daily".into(),
        period: period.into(),
        item: "Admin login".into(),
        kind,
        at: nine(),
        operator: "ada".into(),
        note: note.into(),
    };
    let today = [
        mark("2026-03-02", MarkKind::Tick, ""),
        mark("2026-03-02", MarkKind::Undo, ""),
        mark("2026-03-02", MarkKind::Skip, "no VPN"),
    ];
    for one in today.iter().chain([&mark("2026-03-01", MarkKind::Tick, "")]) {
        store.record_mark(one, note("mark")).await.expect("mark");
    }
    let signature = |period: &str| Signature {
        checklist: "daily".into(),
        period: period.into(),
        at: nine(),
        operator: "ada".into(),
        took_s: 61.5,
        snapshot: serde_json::json!({ "items": [{ "text": "Admin login", "value": 0.1 }] }),
        exceptions: "VPN is down".into(),
        chain_head: "0:ab".into(),
    };
    for period in ["2026-03-01", "2026-03-02"] {
        store.record_signature(&signature(period), note("sign")).await.expect("sign");
    }
    assert_eq!(store.marks("daily", "2026-03-02").await.expect("marks"), today);
    let history = store.history("daily", 10).await.expect("history");
    // The store itself puts the head of the log beside a signature.
    let given = |one: &Signature| Signature { chain_head: "0:ab".into(), ..one.clone() };
    assert_eq!(history.iter().map(given).collect::<Vec<_>>(), [signature("2026-03-02"), signature("2026-03-01")]);
    assert_eq!(store.signatures("daily", "2026-03-02").await.expect("signatures"), history[..1]);

    let raw = super::raw(&path);
    for attack in
        ["UPDATE mark SET kind = 'tick'", "DELETE FROM mark", "UPDATE signature SET took = 0", "DELETE FROM signature"]
    {
        assert!(raw.execute_batch(attack).is_err(), "{attack}");
    }
}

#[tokio::test]
async fn a_dashboard_starts_with_what_earlier_ones_left() {
    let (_directory, path) = scratch();
    let store = open(&path).await;
    let start = nine() - TimeDelta::days(3);
    let all: Vec<Observation> =
        (0..3 * 288).map(|slot| seen("disk:/", start + TimeDelta::minutes(5 * slot), Some(50.0))).collect();
    store.record(&all).await.expect("record");
    store.append(super::entry(rounds::domain::audit::Phase::Note, "j")).await.expect("append");
    let mark = Mark {
        checklist: "daily".into(),
        period: "2026-03-02".into(),
        item: "Admin login".into(),
        kind: MarkKind::Tick,
        at: nine(),
        operator: "ada".into(),
        note: String::new(),
    };
    store.record_mark(&mark, note("mark")).await.expect("mark");
    let memory = store.memory(nine(), &[("daily".into(), "2026-03-02".into())]).await.expect("memory");
    assert_eq!((memory.marks.len(), memory.audit.len()), (1, 2));
    let (probe, key, points) = &memory.series[0];
    assert_eq!((probe.as_str(), &**key), ("disk:/", "free"));
    assert!(points.is_sorted_by(|a, b| a.at < b.at));
    assert_eq!(points.len(), 20 * 12 + (2 * 24 + 4) * 2, "five minutes for twenty hours, half hours before");
    let elsewhere = store.memory(nine(), &[("weekly".into(), "2026-W10".into())]).await.expect("memory");
    assert!(elsewhere.marks.is_empty());
}
