//! The spool: what `rounds exec` leaves behind, one small file per run.
//!
//! The wrapper never opens the store, so that a store that is locked, full, read-only, corrupt
//! or gone can never keep a job from running. It writes a start record before the job and an
//! end record after it, each one line of JSON; whoever has the store imports them by id.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::domain::redact;
use crate::domain::sanitize;
use crate::domain::task::{RunEnd, TaskRun};
use crate::domain::time::Timestamp;
use crate::platform::file::{private, private_directory};

mod heartbeat;
mod holder;

pub use heartbeat::{Unheard, keep_unheard, unheard};
pub use holder::Holder;

/// The spool of a state directory.
pub fn directory(state_dir: &Path) -> PathBuf {
    state_dir.join("spool")
}

/// Written before the job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    pub id: String,
    pub task: String,
    pub started_at: Timestamp,
    pub holder: Holder,
}

/// Written after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    #[serde(flatten)]
    pub run: RunEnd,
    /// The first and the last of its output, as it came.
    pub output: String,
}

/// One line of a spool file.
#[derive(Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "lowercase")]
enum Record {
    Start(Start),
    End(End),
}

/// The file of one run.
#[derive(Debug)]
pub struct Entry {
    file: File,
}

impl Entry {
    /// Makes the file of a run and writes that it begins.
    pub fn begin(directory: &Path, start: Start) -> io::Result<Self> {
        private_directory().recursive(true).create(directory)?;
        let path = directory.join(format!("{}.jsonl", start.id));
        let file = private().append(true).create_new(true).open(&path)?;
        let mut entry = Self { file };
        // A file that says nothing would lie there for ever.
        entry.write(&Record::Start(start)).inspect_err(|_| drop(std::fs::remove_file(&path)))?;
        Ok(entry)
    }

    /// Writes how the run ended; where there is no room for what it said, that alone is left out.
    pub fn end(mut self, end: End) -> io::Result<()> {
        let brief = End { output: String::new(), ..end.clone() };
        self.write(&Record::End(end)).or_else(|_| {
            // The line that was cut off is passed over.
            self.file.write_all(b"\n")?;
            self.write(&Record::End(brief))
        })
    }

    fn write(&mut self, record: &Record) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.file.write_all(&line)
    }
}

/// Every run in the spool, newest first. A file that is not a spool file is passed over, and
/// so is a line that was cut off: a run without a readable end has not ended.
pub fn read(directory: &Path) -> Vec<TaskRun> {
    let Ok(files) = std::fs::read_dir(directory) else { return Vec::new() };
    let paths = files.filter_map(|file| Some(file.ok()?.path()));
    let mut runs: Vec<TaskRun> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .filter_map(|path| run(&path, Holder::lives))
        .collect();
    runs.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
    runs
}

/// Who waits for the end of a run, if that is one of `rounds exec` which has none yet.
pub fn holder_of(directory: &Path, id: &str) -> Option<Holder> {
    let (start, end) = records(&directory.join(format!("{id}.jsonl")))?;
    (start.id == id && end.is_none()).then_some(start.holder)
}

/// Removes the files of runs that are recorded elsewhere now.
pub fn remove<'a>(directory: &Path, ids: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
    for id in ids.into_iter().collect::<BTreeSet<_>>() {
        match std::fs::remove_file(directory.join(format!("{id}.jsonl"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// More than a start and an end with all the output a record keeps.
const MOST_BYTES: u64 = 2 * 1_048_576;

fn run(path: &Path, lives: impl Fn(&Holder) -> bool) -> Option<TaskRun> {
    let (start, mut end) = records(path)?;
    let alive = end.is_none() && lives(&start.holder);
    if end.is_none() && !alive {
        // It may have written its end between the two looks. Now that it is gone, nobody
        // writes there any more, and what is read now is all there will be.
        end = records(path)?.1;
    }
    let (ended, output) = end.map_or((None, String::new()), |end| (Some(end.run), end.output));
    Some(TaskRun {
        // What is removed later is the file: its own name decides.
        id: path.file_stem()?.to_str().filter(|name| *name == start.id)?.to_owned(),
        task: sanitize::line(&start.task),
        started_at: start.started_at,
        alive,
        ended,
        tail: redact::text(&output).lines().map(sanitize::line).collect::<Vec<_>>().join("\n"),
        untold: false,
    })
}

/// What stands in one file: how the run began, and how it ended if it has.
fn records(path: &Path) -> Option<(Start, Option<End>)> {
    if !path.symlink_metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let Ok(Record::Start(start)) = serde_json::from_slice(lines.next()?) else { return None };
    let end = lines.find_map(|line| match serde_json::from_slice(line) {
        Ok(Record::End(end)) => Some(end),
        _ => None,
    });
    Some((start, end))
}

#[cfg(all(test, unix))]
mod tests;
