//! What is looked at once a day because every page is read for it: whether the structure is sound,
//! and how much of its pages holds nothing. It is given up after a second, and never done where a
//! reader would keep writers waiting for long. A program that looks only once does not do it.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use rusqlite::Connection;
use tokio::time::Instant;

use super::integrity::faults;
use super::open::{self, Patience};
use crate::domain::finding::Finding;
use crate::domain::sample::Sample;
use crate::domain::status::Status;
use crate::domain::vitals::Measured;
use crate::domain::{humanize, sanitize};

const EVERY: Duration = Duration::from_hours(24);
/// The first time, and again while something is wrong.
const SOON: Duration = Duration::from_mins(1);
const WITHIN: Duration = Duration::from_secs(1);
/// Larger files take longer than that.
const LARGEST: u64 = 512 << 20;
/// Without a write-ahead log nobody writes while we read: no more than a tenth of a second.
const LARGEST_WITHOUT_LOG: u64 = 32 << 20;

/// Bytes that hold nothing, of how many in pages that are in use.
type Unused = Option<(f64, f64)>;

/// What the last of them found, for the readings in between.
#[derive(Debug)]
pub(super) struct Daily {
    state: Mutex<State>,
    /// After this it is given up.
    within: Duration,
}

impl Default for Daily {
    fn default() -> Self {
        Self { state: Mutex::default(), within: WITHIN }
    }
}

#[derive(Debug, Default)]
struct State {
    /// When the file was first read.
    since: Option<Instant>,
    last: Option<(Instant, Seen)>,
}

/// What one look found.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    /// Not looked at: why.
    Nothing(String),
    Whole {
        faults: Vec<String>,
        unused: Unused,
        took: Duration,
    },
}

impl Daily {
    /// What is known at `now`; looks when it is time.
    pub(super) fn read(&self, path: &Path, wal: bool, bytes: u64, now: Instant) -> Measured {
        // A look that panicked leaves nothing half written.
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let since = *state.since.get_or_insert(now);
        let due = match &state.last {
            None => now - since >= SOON,
            Some((at, seen)) => now - *at >= if seen.is_well() { EVERY } else { SOON },
        };
        if due {
            state.last = Some((now, look(path, wal, bytes, self.within)));
        }
        tell(state.last.as_ref(), now)
    }
}

impl Seen {
    fn is_well(&self) -> bool {
        !matches!(self, Seen::Whole { faults, .. } if !faults.is_empty())
    }
}

fn look(path: &Path, wal: bool, bytes: u64, within: Duration) -> Seen {
    let largest = if wal { LARGEST } else { LARGEST_WITHOUT_LOG };
    if bytes > largest {
        let why = if wal { "it takes longer than a second" } else { "writers would wait for it" };
        return Seen::Nothing(format!("it has {}, and {why}", humanize::bytes(bytes as f64)));
    }
    let started = Instant::now();
    let looked = open::read_only(path, Patience::Short).map_err(|error| error.to_string()).and_then(|connection| {
        let late = move || started.elapsed() >= within;
        let asked = connection.progress_handler(2_000, Some(late)).and_then(|()| check(&connection));
        asked.map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::OperationInterrupted) => {
                format!("it was not through after {}", humanize::duration(within))
            }
            _ => open::explain(path, &error).to_string(),
        })
    });
    match looked {
        Ok((faults, unused)) => Seen::Whole { faults, unused, took: started.elapsed() },
        Err(why) => Seen::Nothing(why),
    }
}

fn check(connection: &Connection) -> rusqlite::Result<(Vec<String>, Unused)> {
    let mut found = Vec::new();
    let mut statement = connection.prepare("PRAGMA quick_check(10)")?;
    let mut rows = statement.query([])?;
    loop {
        match rows.next() {
            Ok(Some(row)) => found.extend(faults(&row.get::<_, String>(0)?)),
            Ok(None) => break,
            Err(_) if !found.is_empty() => break,
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
                found.push(sanitize::line(&error.to_string()));
                break;
            }
            Err(error) => return Err(error),
        }
    }
    if !found.is_empty() {
        return Ok((found, None));
    }
    let question = "SELECT total(unused), total(pgsize) FROM dbstat WHERE aggregate = TRUE";
    let unused = connection.query_row(question, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((found, Some(unused)))
}

fn tell(last: Option<&(Instant, Seen)>, now: Instant) -> Measured {
    let mut measured = Measured::default();
    // Not yet, as with every figure that wants more than one reading.
    let Some((at, seen)) = last else { return measured };
    let ago = humanize::duration(now - *at);
    match seen {
        Seen::Nothing(why) => {
            measured.fact("quick check", format!("none: {why}"));
            measured.hide("fragmentation", format!("its pages are not read: {why}"), None);
        }
        Seen::Whole { faults, unused, took } => {
            let took = humanize::duration(*took);
            if let Some(first) = faults.first() {
                let text = format!("a quick check {ago} ago found its structure broken: {first}");
                let advice = "stop its program, keep the file, and restore the last verified backup";
                measured.findings.push(Finding::new(Status::Critical, "structure", text).advice(advice));
            } else {
                measured.fact("quick check", format!("sound {ago} ago, in {took}"));
            }
            match unused {
                Some((unused, pages)) if *pages > 0.0 => {
                    measured.sample(Sample::percent("fragmentation", unused / pages * 100.0));
                }
                _ => measured.hide("fragmentation", "its structure is broken", None),
            }
        }
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(5);

    /// A busy machine makes no difference to it.
    fn patient() -> Daily {
        Daily { within: LONG, ..Daily::default() }
    }

    fn database(scratch: &tempfile::TempDir) -> std::path::PathBuf {
        let path = scratch.path().join("db.sqlite3");
        let db = Connection::open(&path).expect("open");
        db.execute_batch(
            "CREATE TABLE staff (id INTEGER PRIMARY KEY, name TEXT); CREATE INDEX by_name ON staff (name);
             WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5000)
             INSERT INTO staff SELECT x, hex(randomblob(20)) FROM n; DELETE FROM staff WHERE id % 2 = 0",
        )
        .expect("a table that is half empty");
        path
    }

    #[test]
    fn a_file_is_looked_through_a_minute_after_the_first_reading_and_then_once_a_day() {
        let scratch = tempfile::tempdir().expect("scratch");
        let (path, daily, began) = (database(&scratch), patient(), Instant::now());
        let at = |seconds| daily.read(&path, false, 1000, began + Duration::from_secs(seconds));
        for early in [0, 59] {
            assert_eq!(at(early), Measured::default(), "{early} s");
        }
        let first = at(60);
        let share = first.samples.iter().find(|sample| sample.key == "fragmentation").expect("a figure");
        let share = share.value.number(chrono::DateTime::UNIX_EPOCH).expect("a number").0;
        assert!(share > 25.0 && share < 75.0, "half of the rows are gone: {share} %");
        assert!(first.facts[0].1.starts_with("sound 0 ms ago"), "{:?}", first.facts);
        std::fs::remove_file(&path).expect("it goes");
        let kept = at(60 + 3600);
        assert!(kept.facts[0].1.starts_with("sound 1 h ago"), "what was seen has an age: {:?}", kept.facts);
        assert!(at(60 + 86_400).facts[0].1.starts_with("none: "), "it was looked at anew");
    }

    #[test]
    fn a_broken_structure_is_critical_and_looked_at_again_soon() {
        let scratch = tempfile::tempdir().expect("scratch");
        let (path, daily, began) = (database(&scratch), patient(), Instant::now());
        let mut bytes = std::fs::read(&path).expect("the file");
        let whole = bytes.clone();
        // The middle of it, page by page, but for the first.
        let pages = bytes.len() / 4096;
        for page in pages / 2..pages / 2 + 4 {
            bytes[page * 4096..page * 4096 + 100].fill(0xff);
        }
        std::fs::write(&path, &bytes).expect("broken");
        let at = |seconds| daily.read(&path, false, 1000, began + Duration::from_secs(seconds));
        let _first = at(0);
        let broken = at(60);
        let [finding] = &broken.findings[..] else { unreachable!("{broken:?}") };
        assert_eq!((finding.status, &*finding.key), (Status::Critical, "structure"));
        assert!(broken.samples.is_empty(), "{broken:?}");
        std::fs::write(&path, whole).expect("restored");
        assert_eq!(at(119).findings.len(), 1);
        assert!(at(120).findings.is_empty(), "a restored file is not called broken for a day");
    }

    #[test]
    fn nobody_waits_for_it() {
        let scratch = tempfile::tempdir().expect("scratch");
        let path = database(&scratch);
        let none = |seen: Seen| match seen {
            Seen::Nothing(why) => why,
            other @ Seen::Whole { .. } => unreachable!("{other:?}"),
        };
        assert!(none(look(&path, false, 40 << 20, LONG)).contains("writers would wait for it"));
        assert!(none(look(&path, true, 600 << 20, LONG)).contains("longer than a second"));
        assert!(matches!(look(&path, true, 40 << 20, LONG), Seen::Whole { .. }));
        let given_up = none(look(&path, true, 1000, Duration::ZERO));
        assert_eq!(given_up, "it was not through after 0 ms");
    }
}
