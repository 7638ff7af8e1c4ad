//! Several instances on one store: one signature, one end of a lost act, and each shows what
//! the others did.

use std::time::Duration;

use rounds::config::{self, Environment};
use rounds::domain::audit::{Actor, Phase};
use rounds::domain::checklist::{Mark, MarkKind, Signature};
use rounds::domain::job::JobResult;
use rounds::domain::time::Timestamp;
use rounds::domain::update::{Memory, Update};
use rounds::runtime::Runtime;
use rounds::runtime::clock::Clock;
use rounds::runtime::holder::recover_lost_jobs;
use rounds::runtime::opening::Opening;
use rounds::runtime::round::Round;
use rounds::runtime::runner::Runner;
use rounds::runtime::sign;
use rounds::store::{Holder, StoreError};

use super::{entry, nine, open, raw, scratch};

fn actor(name: &str) -> Actor {
    Actor { operator: name.to_owned(), ..Actor::default() }
}

fn mark(by: &str) -> Mark {
    Mark {
        checklist: "daily".into(),
        period: "2026-03-02".into(),
        item: "Admin login".into(),
        kind: MarkKind::Tick,
        at: nine(),
        operator: by.into(),
        note: String::new(),
    }
}

fn signature(by: &str) -> Signature {
    Signature {
        checklist: "daily".into(),
        period: "2026-03-02".into(),
        at: nine(),
        operator: by.into(),
        took_s: 1.0,
        snapshot: serde_json::json!({}),
        exceptions: String::new(),
        chain_head: String::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_operators_who_sign_at_once_one_signs_and_the_others_hear_who() {
    let (_directory, path) = scratch();
    open(&path).await.append(entry(Phase::Note, "before")).await.expect("append");
    let signing: Vec<_> = (0..8)
        .map(|number| {
            let path = path.clone();
            tokio::spawn(async move {
                let name = format!("operator{number}");
                sign::sign(&open(&path).await, &actor(&name), &signature(&name)).await
            })
        })
        .collect();
    let (mut signed, mut refused) = (Vec::new(), Vec::new());
    for one in signing {
        match one.await.expect("task") {
            Ok((signature, record)) => signed.push((signature, record)),
            Err(error) => refused.push(error),
        }
    }
    let [(first, record)] = signed.as_slice() else { unreachable!("signed {} times", signed.len()) };
    assert_eq!(first.chain_head, format!("1:{}", record.prev), "the head as it stood before the note");
    for error in refused {
        assert!(matches!(error, StoreError::Signed { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(&format!("by {} on 2026-03-02 at 09:00 UTC", first.operator)), "{text}");
    }
    let store = open(&path).await;
    assert_eq!(store.history("daily", 9).await.expect("history"), std::slice::from_ref(first));
    assert_eq!(store.head().await.expect("head").seq, 2, "one note");
    let late = sign::mark(&store, &actor("ben"), &mark("ben")).await.unwrap_err();
    assert!(matches!(late, StoreError::Signed { .. }), "{late:?}");
}

#[tokio::test]
async fn neither_a_mark_nor_a_signature_is_there_without_its_note_nor_the_note_without_it() {
    let (_directory, path) = scratch();
    let store = open(&path).await;
    for (table, other) in [("mark", "audit"), ("signature", "audit"), ("audit", "mark"), ("audit", "signature")] {
        let raw = raw(&path);
        let stop = format!("CREATE TRIGGER stop BEFORE INSERT ON {table} BEGIN SELECT raise(ABORT, 'no room'); END");
        raw.execute_batch(&stop).expect("trigger");
        if table == "mark" || other == "mark" {
            sign::mark(&store, &actor("asha"), &mark("asha")).await.unwrap_err();
        } else {
            sign::sign(&store, &actor("asha"), &signature("asha")).await.unwrap_err();
        }
        let count = |table: &str| -> i64 {
            raw.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("count")
        };
        assert_eq!((count(table), count(other)), (0, 0), "no {table}, no {other}");
        raw.execute_batch("DROP TRIGGER stop").expect("trigger");
    }
    sign::mark(&store, &actor("asha"), &mark("asha")).await.expect("mark");
    sign::sign(&store, &actor("asha"), &signature("asha")).await.expect("sign");
    assert_eq!(store.head().await.expect("head").seq, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_start_together_give_a_lost_act_one_end() {
    const ACTS: usize = 25;
    let (_directory, path) = scratch();
    let store = open(&path).await;
    let holder =
        Holder { host: "db1".into(), boot_id: "an earlier start".into(), pid: 1, pid_start: 1, started_at: nine() };
    for number in 0..ACTS {
        store.begin(entry(Phase::Intent, &format!("act{number}")), &holder).await.expect("begin");
    }
    let starts: Vec<_> = (0..6)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move { recover_lost_jobs(&open(&path).await, "db1", nine()).await.expect("recover") })
        })
        .collect();
    let mut found = 0;
    for start in starts {
        found += start.await.expect("start");
    }
    assert_eq!(found, ACTS, "each is found by one of them");
    let records = store.audit(Timestamp::UNIX_EPOCH, usize::MAX).await.expect("audit");
    let ends = records.iter().filter(|record| record.entry.outcome == Some(JobResult::Lost)).count();
    assert_eq!((ends, records.len()), (ACTS, 2 * ACTS));
}

#[tokio::test]
async fn a_mark_and_a_signature_of_another_instance_come_to_this_ones_screen() {
    let (directory, path) = scratch();
    let config = directory.path().join("config.toml");
    let text = "version = 1\n[host]\nevery = \"1h\"\n[[checklist]]\nid = \"daily\"\ntitle = \"Daily\"\nevery = \"day\"\nitems = [{ text = \"Admin login\" }]\n";
    std::fs::write(&config, text).expect("configuration");
    #[cfg(unix)]
    std::fs::set_permissions(&config, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("its mode");
    let environment = Environment { home: Some(directory.path().to_owned()), ..Environment::default() };
    let config = config::load(&[config], &environment).expect("valid");
    let (here, there) = (open(&path).await, open(&path).await);
    let round = Round::new(config, "db1", Opening::of(here), rounds::scheduler::ask);
    let clock = Clock::following_tokio(nine());
    let runner = Runner::new(&round, false, &clock);
    let mut runtime = Runtime::start(round, runner, &clock);
    tokio::time::pause();
    sign::mark(&there, &actor("ben"), &mark("ben")).await.expect("mark");
    until(&mut runtime, "the mark", |memory| memory.marks == [mark("ben")]).await;
    sign::sign(&there, &actor("ben"), &signature("ben")).await.expect("sign");
    until(&mut runtime, "the signature", |memory| memory.signatures.iter().any(|one| one.operator == "ben")).await;
    runtime.shutdown(Duration::from_secs(1)).await;
}

/// Lets virtual time pass in steps until the screen is told of something.
async fn until(runtime: &mut Runtime, what: &str, told: impl Fn(&Memory) -> bool) {
    for _ in 0..2000 {
        tokio::select! {
            update = runtime.next() => {
                if let Update::Loaded(memory) = update && told(&memory) {
                    return;
                }
            }
            // A moment of real time, in which the virtual one stands still.
            _ = tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(10))) => {
                tokio::time::advance(Duration::from_secs(1)).await;
            }
        }
    }
    unreachable!("{what} never came to the screen");
}
