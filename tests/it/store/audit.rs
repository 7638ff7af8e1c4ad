//! The audit log under attack, under load, and under SIGKILL.

#![expect(clippy::print_stdout, reason = "each trial says how many there were")]

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::Path;

use rounds::domain::audit::Phase;
use rounds::domain::audit::chain::{FlawKind, Head, Verification};
use rounds::domain::job::JobResult;
use rounds::store::{Holder, Store, StoreError};
use rusqlite::Connection;

use super::{entry, nine, open, raw, scratch};

async fn filled(path: &Path, records: usize) -> Store {
    let store = open(path).await;
    for number in 0..records {
        store.append(entry(Phase::Note, &format!("job-{number}"))).await.expect("append");
    }
    store
}

async fn verify(store: &Store) -> Verification {
    store.verify(1, None).await.expect("verify")
}

/// The statements that make the guards, to put them back as a careful forger would.
fn guards(raw: &Connection) -> String {
    let mut statement = raw
        .prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit' ORDER BY name")
        .expect("schema");
    let guards: Vec<String> = statement.query_map([], |row| row.get(0)).expect("rows").flatten().collect();
    guards.join(";\n") + ";"
}

const UNGUARD: &str = "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; DROP TRIGGER audit_only_next; PRAGMA ignore_check_constraints = ON;";

#[tokio::test]
async fn records_come_back_as_they_went_in_newest_first() {
    let (_directory, path) = scratch();
    let store = open(&path).await;
    let mut sent = entry(Phase::Outcome, "j");
    sent.at += chrono::TimeDelta::nanoseconds(1_234_567);
    sent.outcome = Some(JobResult::NotEffective);
    sent.reason = "=1+1 \u{1b}[31m\u{0} ü 漢".into();
    sent.took_s = Some(0.100_000_4);
    let first = store.append(sent.clone()).await.expect("append");
    let second = store.append(entry(Phase::Note, "k")).await.expect("append");
    assert_eq!((first.seq, second.seq), (1, 2));
    assert_eq!(second.prev, first.hash);
    assert_eq!(store.audit(nine(), 10).await.expect("audit"), [second.clone(), first.clone()]);
    assert_eq!(store.audit(nine(), 1).await.expect("audit"), std::slice::from_ref(&second));
    assert_eq!(store.audit_after(0, 10).await.expect("page"), [first.clone(), second.clone()]);
    assert_eq!(store.audit_after(1, 10).await.expect("page"), std::slice::from_ref(&second));
    assert_eq!(store.head().await.expect("head"), Head { seq: 2, hash: second.hash });
    // Microseconds are kept, and nothing finer.
    assert_eq!(first.entry.at, nine() + chrono::TimeDelta::microseconds(1234));
    assert_eq!((first.entry.reason, first.entry.took_s), (sent.reason, Some(0.1)));
    assert!(verify(&store).await.is_ok());
}

#[tokio::test]
async fn an_act_without_an_end_is_found_with_its_holder() {
    let (_directory, path) = scratch();
    let store = open(&path).await;
    let holder =
        Holder { host: "db1".into(), boot_id: "b-1".into(), pid: 4_000_000_000, pid_start: 987, started_at: nine() };
    for job in ["ended", "refused", "running", "intended"] {
        store.begin(entry(Phase::Intent, job), &holder).await.expect("begin");
    }
    store.append(entry(Phase::Intent, "unheld")).await.expect("append");
    store.append(entry(Phase::Started, "running")).await.expect("append");
    store.append(entry(Phase::Outcome, "ended")).await.expect("append");
    store.append(entry(Phase::Refused, "refused")).await.expect("append");
    let open = store.open_jobs().await.expect("open jobs");
    let found: Vec<_> = open.iter().map(|job| (job.id.0.as_str(), job.started, job.holder.as_ref())).collect();
    let held = Some(&holder);
    assert_eq!(found, [("running", true, held), ("intended", false, held), ("unheld", false, None)]);
    assert_eq!(open[0].intent.entry.target, "database:rota");

    let seq = store.head().await.expect("head").seq;
    let twice = store.begin(entry(Phase::Intent, "running"), &holder).await.unwrap_err();
    assert!(matches!(twice, StoreError::Refused { .. }), "{twice:?}");
    assert_eq!(store.head().await.expect("head").seq, seq, "the intent went with its holder");

    for job in ["running", "intended", "unheld"] {
        let mut lost = entry(Phase::Outcome, job);
        lost.outcome = Some(JobResult::Lost);
        store.append(lost).await.expect("append");
    }
    assert_eq!(store.open_jobs().await.expect("open jobs"), []);
    store.prune(nine() + chrono::TimeDelta::days(400), std::time::Duration::from_hours(24)).await.expect("prune");
    assert!(verify(&store).await.is_ok(), "pruning leaves the audit log alone");
}

/// What may become of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The database refuses the statement.
    Refused,
    /// It is done, and verify names this flaw.
    Found(FlawKind),
    /// It is done, and only a head written down elsewhere tells.
    FoundWithAnchor(FlawKind),
    /// It changes nothing that is recorded.
    Harmless,
}
use Fate::{Found, FoundWithAnchor, Harmless, Refused};
use FlawKind::{Altered, Foreign, Fork, Gap, Reordered, Truncated, Unguarded};

const COLUMNS: &str = "at, phase, correlation, operator, os_user, host, origin, action, target, risk, reason, plan, \
                       outcome, detail, took";

/// Each with its fate on a connection like ours, and on any other.
fn attacks() -> Vec<(&'static str, String, Fate, Fate)> {
    let copy = |verb: &str, seq: &str, prev: &str, hash: &str, from: u32, tail: &str| {
        format!(
            "{verb} INTO audit (seq, {COLUMNS}, prev, hash) SELECT {seq}, {COLUMNS}, {prev}, {hash} FROM audit WHERE seq = {from} {tail}"
        )
    };
    let other = format!("'{}'", "0".repeat(64));
    let last = "(SELECT hash FROM audit ORDER BY seq DESC LIMIT 1)";
    let same = |name, sql: String, fate| (name, sql, fate, fate);
    vec![
        same("update", "UPDATE audit SET reason = 'none' WHERE seq = 3".into(), Refused),
        same("update all", "UPDATE audit SET operator = 'nobody'".into(), Refused),
        same("update or replace", "UPDATE OR REPLACE audit SET seq = 2 WHERE seq = 3".into(), Refused),
        same("update or ignore", "UPDATE OR IGNORE audit SET reason = 'x' WHERE seq = 3".into(), Refused),
        same("update from", "UPDATE audit SET plan = o.plan FROM audit AS o WHERE audit.seq = 3 AND o.seq = 4".into(), Refused),
        same("delete one", "DELETE FROM audit WHERE seq = 3".into(), Refused),
        same("delete the last", "DELETE FROM audit WHERE seq = 6".into(), Refused),
        same("delete all", "DELETE FROM audit".into(), Refused),
        same("insert or replace, same number", copy("INSERT OR REPLACE", "3", "prev", "hash", 3, ""), Refused),
        same("replace, same hash, next number", copy("REPLACE", "7", last, "hash", 3, ""), Refused),
        same("replace, same number, new hash", copy("REPLACE", "3", "prev", &other, 3, ""), Refused),
        same("insert or ignore, same number", copy("INSERT OR IGNORE", "3", "prev", "hash", 3, ""), Refused),
        same("upsert on number", copy("INSERT", "3", "prev", "hash", 3, "ON CONFLICT (seq) DO UPDATE SET reason = 'x'"), Refused),
        same("upsert on hash", copy("INSERT", "7", last, "hash", 3, "ON CONFLICT (hash) DO UPDATE SET reason = 'x'"), Refused),
        same("insert with a gap", copy("INSERT", "100", last, &other, 3, ""), Refused),
        same("insert before the first", copy("INSERT", "0", "prev", &other, 3, ""), Refused),
        same("insert below zero", copy("INSERT", "-7", "prev", &other, 3, ""), Refused),
        same("insert with no number", copy("INSERT", "NULL", last, &other, 3, ""), Refused),
        same("insert that follows another", copy("INSERT", "7", "prev", &other, 3, ""), Refused),
        same("insert that follows the last, no seal", copy("INSERT", "7", last, &other, 3, ""), Found(Altered)),
        same("insert by values of another type", format!("INSERT INTO audit (seq, {COLUMNS}, prev, hash) VALUES (7, 'now', x'00', 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, {last}, {other})"), Refused),
        same("the id of the store", "UPDATE store SET id = lower(hex(randomblob(32)))".into(), Refused),
        same("replace the id of the store", format!("REPLACE INTO store VALUES (1, {other}, 0)"), Refused),
        same("delete the id of the store", "DELETE FROM store".into(), Refused),
        same("drop a trigger", "DROP TRIGGER audit_no_update".into(), Found(Unguarded)),
        same("drop a trigger, then update", "DROP TRIGGER audit_no_update; UPDATE audit SET reason = 'x' WHERE seq = 3".into(), Found(Altered)),
        same("rebuild the index", "REINDEX audit".into(), Harmless),
        same("a trigger that swallows records", "CREATE TRIGGER audit_swallow BEFORE INSERT ON audit BEGIN SELECT raise(IGNORE); END".into(), Found(Unguarded)),
        same("edit the schema", "PRAGMA writable_schema = ON; DELETE FROM sqlite_master WHERE type = 'trigger'; PRAGMA writable_schema = RESET; UPDATE audit SET reason = 'x' WHERE seq = 3".into(), Found(Altered)),
        same("edit a guard's words", "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, 'BEFORE UPDATE ON audit BEGIN', 'BEFORE UPDATE ON audit WHEN 0 BEGIN') WHERE name = 'audit_no_update'; PRAGMA writable_schema = RESET; ".into(), Found(Unguarded)),
        same("drop the table", "DROP TABLE audit; CREATE TABLE audit (seq, msg)".into(), Found(Unguarded)),
        same("a view in its place", "ALTER TABLE audit RENAME TO truth; CREATE VIEW audit AS SELECT * FROM truth WHERE seq < 4".into(), Found(Unguarded)),
        same("rename a column", "ALTER TABLE audit RENAME COLUMN reason TO why".into(), Found(Unguarded)),
        same("add a column", "ALTER TABLE audit ADD COLUMN extra TEXT".into(), Found(Unguarded)),
        same("recursive triggers off, then replace", format!("PRAGMA recursive_triggers = OFF; {}", copy("REPLACE", "3", "prev", "hash", 3, "")), Refused),
        same("checks off, then a malformed record", format!("PRAGMA ignore_check_constraints = ON; {}", copy("INSERT", "7", last, "'short'", 3, "")), Found(Altered)),
    ]
}

/// And those of somebody who takes the guards away and puts them back to the letter.
fn careful_attacks() -> Vec<(&'static str, String, Fate)> {
    vec![
        ("change a field", "UPDATE audit SET reason = 'x' WHERE seq = 3".into(), Found(Altered)),
        ("delete from the middle", "DELETE FROM audit WHERE seq = 3".into(), Found(Gap)),
        ("delete the first", "DELETE FROM audit WHERE seq = 1".into(), Found(Gap)),
        ("delete and close ranks", "DELETE FROM audit WHERE seq = 3; UPDATE audit SET seq = -seq WHERE seq > 3; UPDATE audit SET seq = -seq - 1 WHERE seq < 0".into(), Found(Reordered)),
        ("swap two", "UPDATE audit SET seq = -1 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 5; UPDATE audit SET seq = 5 WHERE seq = -1".into(), Found(Reordered)),
        ("put one before the first", "UPDATE audit SET seq = 0 WHERE seq = 6".into(), Found(Fork)),
        ("a negative number", "UPDATE audit SET seq = -1 WHERE seq = 6".into(), Found(Altered)),
        ("a new link for an old record", "UPDATE audit SET prev = (SELECT hash FROM audit WHERE seq = 1) WHERE seq = 3".into(), Found(Altered)),
        ("another store's id", "DROP TRIGGER store_no_update; UPDATE store SET id = lower(hex(randomblob(32)))".into(), Found(Foreign)),
        ("cut off the end", "DELETE FROM audit WHERE seq > 4".into(), FoundWithAnchor(Truncated)),
        ("empty the log", "DELETE FROM audit".into(), FoundWithAnchor(Truncated)),
    ]
}

/// Runs every attack on a copy of one log.
async fn attack(table: Vec<(String, String, Fate)>) {
    let (_directory, path) = scratch();
    let store = filled(&path, 6).await;
    let anchor = store.head().await.expect("head");
    store.close().await;
    for (name, sql, fate) in table {
        let victim = path.with_file_name("victim.db");
        std::fs::copy(&path, &victim).expect("copy");
        let result = raw(&victim).execute_batch(&sql);
        let store = open(&victim).await;
        let alone = verify(&store).await;
        let anchored = store.verify(1, Some(anchor.clone())).await.expect("verify");
        let kind = |found: &Verification| found.flaw.map(|flaw| flaw.kind);
        match fate {
            Refused => {
                assert!(result.is_err(), "{name}: allowed");
                assert_eq!(kind(&anchored), None, "{name}: refused, and yet");
            }
            Harmless => assert_eq!((result, kind(&anchored)), (Ok(()), None), "{name}"),
            Found(flaw) => assert_eq!((result, kind(&alone)), (Ok(()), Some(flaw)), "{name}"),
            FoundWithAnchor(flaw) => {
                assert_eq!((result, kind(&alone), kind(&anchored)), (Ok(()), None, Some(flaw)), "{name}");
            }
        }
        store.close().await;
        for file in ["victim.db", "victim.db-wal", "victim.db-shm"] {
            let _ = std::fs::remove_file(path.with_file_name(file));
        }
    }
}

#[tokio::test]
async fn no_statement_changes_the_log_in_silence() {
    let ours = "PRAGMA recursive_triggers = ON; PRAGMA trusted_schema = OFF;";
    let like_ours =
        attacks().into_iter().map(|(name, sql, fate, _)| (format!("{name}, ours"), format!("{ours} {sql}"), fate));
    let by_others = attacks().into_iter().map(|(name, sql, _, fate)| (format!("{name}, raw"), sql, fate));
    attack(like_ours.chain(by_others).collect()).await;
}

#[tokio::test]
async fn whoever_lifts_the_guards_and_puts_them_back_is_found() {
    let (_directory, path) = scratch();
    filled(&path, 1).await.close().await;
    let guards = guards(&raw(&path));
    let careful = |sql: &str| format!("{UNGUARD} {sql}; {guards}");
    let nothing = (String::from("nothing at all"), careful("SELECT 1"), Harmless);
    let table = careful_attacks().into_iter().map(|(name, sql, fate)| (name.to_owned(), careful(&sql), fate));
    attack(table.chain([nothing]).collect()).await;
}

/// Numbers that look random and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).expect("small")
    }
}

#[tokio::test]
async fn any_mutation_of_any_field_is_found() {
    mutate(400).await;
}

#[tokio::test]
#[ignore = "takes minutes: ten thousand mutations"]
async fn any_mutation_of_any_field_is_found_long() {
    mutate(10_000).await;
}

async fn mutate(rounds: usize) {
    const RECORDS: usize = 12;
    let seed = RandomState::new().build_hasher().finish() | 1;
    println!("n = {rounds}, seed = {seed}");
    let mut dice = Dice(seed);
    let (_directory, path) = scratch();
    let store = filled(&path, RECORDS).await;
    let anchor = store.head().await.expect("head");
    let raw = raw(&path);
    let guards = guards(&raw);
    raw.execute_batch("PRAGMA synchronous = OFF; CREATE TEMP TABLE truth AS SELECT * FROM audit").expect("copy");
    let texts = [
        "phase",
        "correlation",
        "operator",
        "os_user",
        "host",
        "origin",
        "action",
        "target",
        "risk",
        "reason",
        "plan",
        "detail",
        "prev",
        "hash",
    ];
    for round in 0..rounds {
        let seq = dice.roll(RECORDS) + 1;
        let mutation = match dice.roll(12) {
            0..=5 => {
                let (field, place) = (texts[dice.roll(texts.len())], dice.roll(64));
                let letter = char::from(b'a' + u8::try_from(dice.roll(26)).expect("letter"));
                // One letter changed, or one more where the text is shorter; never the same.
                format!(
                    "UPDATE audit SET {field} = substr({field}, 1, {place}) || \
                     CASE WHEN substr({field}, {place} + 1, 1) = '{letter}' THEN '#' ELSE '{letter}' END || \
                     substr({field}, {place} + 2) WHERE seq = {seq}"
                )
            }
            6 => format!("UPDATE audit SET at = at + {} WHERE seq = {seq}", dice.roll(1_000_000) + 1),
            7 => format!("UPDATE audit SET took = took - {} WHERE seq = {seq}", dice.roll(2_000_000) + 1),
            8 => format!("UPDATE audit SET took = NULL, outcome = 'failed' WHERE seq = {seq}"),
            9 => format!("DELETE FROM audit WHERE seq >= {seq} AND seq <= {}", seq + dice.roll(4)),
            10 => {
                let other = (seq + dice.roll(RECORDS - 1)) % RECORDS + 1;
                format!(
                    "UPDATE audit SET seq = -1 WHERE seq = {seq}; UPDATE audit SET seq = {seq} WHERE seq = {other}; \
                     UPDATE audit SET seq = {other} WHERE seq = -1"
                )
            }
            _ => format!(
                "UPDATE audit SET seq = seq + 1000 WHERE seq >= {seq}; UPDATE audit SET seq = seq - {} WHERE seq > 1000",
                999 - dice.roll(3)
            ),
        };
        raw.execute_batch(&format!("BEGIN; {UNGUARD} {mutation}; {guards} COMMIT")).expect("mutate");
        let changed: bool = raw
            .query_row("SELECT (SELECT count(*) FROM (SELECT * FROM audit EXCEPT SELECT * FROM truth)) + (SELECT count(*) FROM truth) <> (SELECT count(*) FROM audit)", [], |row| row.get(0))
            .expect("compare");
        assert!(changed, "round {round}, seed {seed}: changed nothing: {mutation}");
        let found = store.verify(1, Some(anchor.clone())).await.expect("verify");
        assert!(!found.is_ok(), "round {round}, seed {seed}: not found: {mutation}");
        raw.execute_batch(&format!(
            "BEGIN; {UNGUARD} DELETE FROM audit; INSERT INTO audit SELECT * FROM truth; {guards} COMMIT"
        ))
        .expect("undo");
        assert!(round % 50 > 0 || store.verify(1, Some(anchor.clone())).await.expect("verify").is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_make_one_chain() {
    const TASKS: usize = 8;
    const APPENDS: usize = 50;
    let (_directory, path) = scratch();
    let (store, other) = (open(&path).await, open(&path).await);
    let mut process = child(&path);
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let store = if task % 2 == 0 { store.clone() } else { other.clone() };
            tokio::spawn(async move {
                for number in 0..APPENDS {
                    store.append(entry(Phase::Note, &format!("{task}-{number}"))).await.expect("append");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("task");
    }
    let acknowledged = process.kill_after_lines(20);
    let found = verify(&store).await;
    assert!(found.is_ok(), "{found}");
    let records = store.audit(nine(), usize::MAX).await.expect("audit");
    let ours = records.iter().filter(|record| record.entry.correlation.contains('-')).count();
    assert_eq!(ours, TASKS * APPENDS);
    assert!(
        records.len() >= ours + acknowledged.len(),
        "{} records, {} of the other",
        records.len(),
        acknowledged.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_make_one_chain() {
    append_in_processes(16, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: sixteen processes with five hundred records each"]
async fn many_processes_make_one_chain_long() {
    append_in_processes(16, 500).await;
}

async fn append_in_processes(processes: usize, records: usize) {
    println!("n = {processes} processes of {records} records");
    let (_directory, path) = scratch();
    let mut running: Vec<Child> = (0..processes).map(|_| child_for(&path, Some(records))).collect();
    let mut promised: Vec<u64> = Vec::new();
    for child in &mut running {
        promised.extend(child.kill_after_lines(usize::MAX - 1));
    }
    promised.sort_unstable();
    let all: Vec<u64> = (1..=(processes * records) as u64).collect();
    assert_eq!(promised, all, "each number was promised to one");
    let store = open(&path).await;
    let found = verify(&store).await;
    assert_eq!((found.is_ok(), found.checked), (true, all.len() as u64), "{found}");
    let mut acts: Vec<String> =
        store.audit(nine(), usize::MAX).await.expect("audit").into_iter().map(|one| one.entry.correlation).collect();
    acts.sort_unstable();
    acts.dedup();
    assert_eq!(acts.len(), all.len(), "none is lost, none is there twice");
}

/// Parent and child in one: the child, known by its variable, appends until it is killed, or
/// has appended as many as it was told.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_writer_loses_no_record_it_was_promised() {
    if let Some(path) = std::env::var_os(CHILD) {
        let store = open(Path::new(&path)).await;
        let count = std::env::var_os(COUNT).and_then(|count| count.to_str()?.parse().ok());
        let last = count.unwrap_or(u64::MAX);
        for number in 0..last {
            let act = format!("child{}x{number}", std::process::id());
            let record = store.append(entry(Phase::Intent, &act)).await.expect("append");
            println!("\npromised {}", record.seq);
        }
        return;
    }
    kill_writers(12).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: three hundred kills"]
async fn a_killed_writer_loses_no_record_it_was_promised_long() {
    kill_writers(300).await;
}

async fn kill_writers(kills: usize) {
    let seed = RandomState::new().build_hasher().finish() | 1;
    println!("n = {kills}, seed = {seed}");
    let mut dice = Dice(seed);
    let (_directory, path) = scratch();
    for round in 0..kills {
        let promised = child(&path).kill_after_lines(dice.roll(40));
        let store = open(&path).await;
        let found = verify(&store).await;
        assert!(found.is_ok(), "round {round}, seed {seed}: {found}");
        let last = promised.last().copied().unwrap_or(0);
        assert!(found.head.seq >= last, "round {round}, seed {seed}: {last} was promised, {found}");
        assert!(last > 0, "round {round}: the child never wrote");
    }
}

/// Tells the second process that it is one, and which store to write to.
const CHILD: &str = "ROUNDS_TEST_CHILD_STORE";
/// And how many records it is to append, if it is not to go on until it is killed.
const COUNT: &str = "ROUNDS_TEST_CHILD_RECORDS";

/// This test binary again, as another process that appends to the store.
struct Child(std::process::Child);

fn child(path: &Path) -> Child {
    child_for(path, None)
}

fn child_for(path: &Path, records: Option<usize>) -> Child {
    #[expect(clippy::disallowed_methods, reason = "the test starts itself as a second process")]
    let mut command = std::process::Command::new(std::env::current_exe().expect("this binary"));
    command
        .args(["--exact", "store::audit::a_killed_writer_loses_no_record_it_was_promised", "--nocapture"])
        .env(CHILD, path)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null());
    if let Some(records) = records {
        command.env(COUNT, records.to_string());
    }
    Child(command.spawn().expect("second process"))
}

impl Child {
    /// Kills it once it has promised so many records more than one; answers all it promised.
    fn kill_after_lines(&mut self, more: usize) -> Vec<u64> {
        use std::io::BufRead;
        let output = self.0.stdout.take().expect("piped");
        let mut promised = Vec::new();
        for line in std::io::BufReader::new(output).lines().map_while(Result::ok) {
            promised.extend(line.strip_prefix("promised ").and_then(|seq| seq.parse::<u64>().ok()));
            if promised.len() == more + 1 {
                self.0.kill().expect("kill");
            }
        }
        self.0.wait().expect("reaped");
        promised
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
#[ignore = "needs half a minute; measures a million records"]
async fn a_million_records_are_verified() {
    use rounds::domain::audit::chain::seal;
    const RECORDS: u64 = 1_000_000;
    let (_directory, path) = scratch();
    let store = open(&path).await;
    let mut head = store.head().await.expect("head");
    let id = head.hash.clone();
    let mut raw = raw(&path);
    let batch = raw.transaction().expect("transaction");
    {
        let mut insert = batch
            .prepare("INSERT INTO audit VALUES (?,?,'note','j','ada','root','db1','tty','vacuum','database:rota','routine','','VACUUM',NULL,'',500000,?,?)")
            .expect("prepare");
        for _ in 0..RECORDS {
            let mut one = entry(Phase::Note, "j");
            (one.actor.origin, one.risk, one.reason) = ("tty".into(), "routine".into(), String::new());
            let record = seal(&id, &head, one).expect("sealed");
            let at = record.entry.at.timestamp_micros();
            insert.execute((record.seq.cast_signed(), at, &record.prev, &record.hash)).expect("insert");
            head = Head { seq: record.seq, hash: record.hash };
        }
    }
    batch.commit().expect("commit");
    let began = tokio::time::Instant::now();
    let found = store.verify(1, Some(head)).await.expect("verify");
    println!("{} records in {:?}", found.checked, began.elapsed());
    assert_eq!((found.is_ok(), found.checked), (true, RECORDS));
}
