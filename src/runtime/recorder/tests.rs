//! The writer with a store that is away for a while, and at the end of the program.

use super::*;
use crate::domain::checklist::MarkKind;
use crate::domain::observation::ProbeId;
use crate::domain::status::Status;
use crate::domain::time::Timestamp;
use crate::store::Limits;

const KEEP: Duration = Duration::from_hours(24);

fn nine() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().expect("test time")
}

struct Bench {
    _directory: tempfile::TempDir,
    path: std::path::PathBuf,
    store: Store,
    tasks: JoinSet<()>,
    recorder: Recorder,
    clock: Clock,
    updates: mpsc::Receiver<Update>,
}

/// A writer over a fresh store, with room for so many updates that nobody fetches.
async fn bench(room: usize, read_only: bool) -> Bench {
    let directory = tempfile::tempdir().expect("scratch directory");
    let path = directory.path().join("rounds.db");
    let limits = Limits { busy: Duration::from_millis(50), ..Limits::default() };
    let store = Store::open_within(&path, nine(), limits).await.expect("open");
    let (sender, updates) = mpsc::channel(room);
    let clock = Clock::following_tokio(nine());
    let mut tasks = JoinSet::new();
    let writer = Writer::new(Opening::of(store.clone()), sender, clock.clone(), read_only, KEEP);
    let recorder = Recorder::spawn(&mut tasks, writer);
    Bench { _directory: directory, path, store, tasks, recorder, clock, updates }
}

/// A moment of real time; the virtual one stands still as long as it lasts.
async fn moment() {
    tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(10))).await.expect("a moment");
}

fn asha() -> Actor {
    Actor { operator: "asha".into(), ..Actor::default() }
}

fn mark(item: &str) -> Mark {
    Mark {
        checklist: "daily".into(),
        period: "2026-03-02".into(),
        item: item.into(),
        kind: MarkKind::Tick,
        at: nine(),
        operator: "asha".into(),
        note: String::new(),
    }
}

fn change(minute: i64, to: Status) -> Change {
    let at = nine() + chrono::TimeDelta::minutes(minute);
    Change { probe: ProbeId::from("disk:/"), at, from: None, to, text: String::new() }
}

#[tokio::test]
async fn changes_that_could_not_be_written_are_written_later_and_the_screen_is_told() {
    let mut bench = bench(64, false).await;
    let other = rusqlite::Connection::open(&bench.path).expect("raw connection");
    other.execute_batch("BEGIN EXCLUSIVE").expect("lock");
    bench.recorder.note(Note::Changes(vec![change(0, Status::Warning)]));
    let told = bench.updates.recv().await;
    assert!(matches!(&told, Some(Update::StoreFailed(Some(why))) if why.contains("locked")), "{told:?}");
    bench.recorder.note(Note::Changes(vec![change(1, Status::Critical), change(2, Status::Ok)]));
    other.execute_batch("COMMIT").expect("unlock");
    // From here on time moves by itself whenever nothing else happens.
    tokio::time::pause();
    let told = bench.updates.recv().await;
    assert!(matches!(told, Some(Update::StoreFailed(None))), "{told:?}");
    let kept: Vec<Status> = bench.store.changes(nine(), 9).await.expect("changes").iter().map(|one| one.to).collect();
    assert_eq!(kept, [Status::Ok, Status::Critical, Status::Warning]);
}

#[tokio::test]
async fn what_is_old_goes_soon_after_the_start() {
    let bench = bench(64, false).await;
    let old = Observation {
        probe: ProbeId::from("disk:/"),
        at: nine() - chrono::TimeDelta::days(40),
        took: Duration::ZERO,
        outcome: Ok(crate::domain::observation::Reading::of(vec![crate::domain::sample::Sample::percent("free", 5.0)])),
    };
    bench.store.record(std::slice::from_ref(&old)).await.expect("record");
    tokio::time::pause();
    for _ in 0..1000 {
        moment().await;
        if bench.store.series(&old.probe, old.at).await.expect("series").is_empty() {
            return;
        }
        assert!(bench.clock.now() < nine() + chrono::TimeDelta::minutes(20), "it goes within minutes, not hours");
        tokio::time::advance(Duration::from_secs(5)).await;
    }
    unreachable!("it is still there");
}

#[tokio::test]
async fn marks_made_at_the_last_moment_are_kept_though_nobody_fetches_updates() {
    let mut bench = bench(1, false).await;
    let items: Vec<String> = (0..20).map(|number| format!("item {number}")).collect();
    for item in &items {
        bench.recorder.note(Note::Mark(mark(item), asha()));
    }
    bench.updates.close();
    bench.recorder.finish(Duration::from_millis(1)).await;
    bench.tasks.abort_all();
    let kept: Vec<String> =
        bench.store.marks("daily", "2026-03-02").await.expect("marks").into_iter().map(|one| one.item).collect();
    assert_eq!(kept, items, "all of them, in order");
}

#[tokio::test]
async fn a_mark_that_is_lost_at_the_last_moment_is_told_of() {
    let mut bench = bench(64, false).await;
    let other = rusqlite::Connection::open(&bench.path).expect("raw connection");
    other.execute_batch("BEGIN EXCLUSIVE").expect("lock");
    bench.recorder.note(Note::Mark(mark("login"), asha()));
    bench.updates.close();
    let lost = bench.recorder.finish(Duration::from_secs(30)).await;
    let [lost] = lost.as_slice() else { unreachable!("one mark: {lost:?}") };
    assert!(lost.starts_with("tick in `daily` was not recorded: ") && lost.contains("locked"), "{lost}");
}

#[tokio::test]
async fn whoever_is_gone_before_the_store_answers_is_told_that_too() {
    let mut bench = bench(64, false).await;
    bench.tasks.abort_all();
    while bench.tasks.join_next().await.is_some() {}
    bench.recorder.note(Note::Mark(mark("login"), asha()));
    assert_eq!(bench.recorder.finish(Duration::ZERO).await, ["1 mark or signature could not be written in time"]);
}

#[test]
fn a_store_that_is_locked_is_waited_for_to_the_end() {
    assert!(ACTS_GRACE > Limits::default().busy);
}

#[tokio::test]
async fn a_mark_that_is_refused_is_in_the_audit_log_and_none_that_is_kept_is_missing_there() {
    for read_only in [false, true] {
        let mut bench = bench(64, read_only).await;
        bench.recorder.note(Note::Mark(mark("login"), asha()));
        bench.recorder.finish(Duration::from_secs(30)).await;
        let records = bench.store.audit(Timestamp::UNIX_EPOCH, 9).await.expect("audit");
        let [record] = records.as_slice() else { unreachable!("one act, one record: {records:?}") };
        let entry = &record.entry;
        let marks = bench.store.marks("daily", "2026-03-02").await.expect("marks").len();
        assert_eq!((entry.action.as_str(), entry.target.as_str()), ("tick", "checklist:daily"));
        assert_eq!(entry.actor.operator, "asha");
        if read_only {
            assert_eq!((entry.phase.word(), marks), ("refused", 0));
            assert!(entry.detail.contains("read-only"), "{}", entry.detail);
        } else {
            assert_eq!((entry.phase.word(), entry.plan.as_str(), marks), ("note", "login", 1));
        }
    }
}
