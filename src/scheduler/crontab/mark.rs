//! Lines of a crontab that are held: commented out behind a mark, and restored to the byte.
//!
//! A held line is `#held-by-rounds frozen 2026-03-02T16:00:00Z JOB | ` and then the line as it was,
//! with everything that is in it. So the file itself says what is held, whoever reads it, and
//! whatever becomes of our own records.

use crate::domain::hold::{Hold, Mark, TabLine};
use crate::domain::time::{Timestamp, rfc3339};

const WORD: &[u8] = b"#held-by-rounds ";
const BAR: &[u8] = b" | ";

/// The mark of a line, and the line behind it; `None` for a line that is not held.
pub(super) fn parse(line: &[u8]) -> Option<(Mark, &[u8])> {
    let rest = line.strip_prefix(WORD)?;
    let bar = rest.windows(BAR.len()).position(|found| found == BAR)?;
    let words: Vec<&str> = std::str::from_utf8(&rest[..bar]).ok()?.split(' ').collect();
    let [hold, until, job] = words[..] else { return None };
    let hold = [Hold::Frozen, Hold::Disabled].into_iter().find(|known| known.word() == hold)?;
    let until: Option<Timestamp> = if until == "-" { None } else { Some(until.parse().ok()?) };
    let inner = &rest[bar + BAR.len()..];
    // A comment behind a mark is none of ours: only lines that run are held.
    let is_comment = inner.iter().find(|byte| !b" \t".contains(byte)).is_none_or(|byte| *byte == b'#');
    (!is_comment && !job.is_empty()).then(|| (Mark { hold, until, job: job.to_owned() }, inner))
}

fn prefix(mark: &Mark) -> Vec<u8> {
    let until = mark.until.map_or_else(|| "-".to_owned(), rfc3339);
    [WORD, format!("{} {until} {}", mark.hold.word(), mark.job).as_bytes(), BAR].concat()
}

/// The text with a mark before each of these lines; `Err` when one of them is not there as it was.
pub fn hold(text: &[u8], lines: &[TabLine], mark: &Mark) -> Result<Vec<u8>, String> {
    let prefix = prefix(mark);
    let mut found = 0;
    let held = each(text, lines, |line, wanted| match (wanted, parse(line)) {
        (true, None) => {
            found += 1;
            [prefix.as_slice(), line].concat()
        }
        _ => line.to_vec(),
    });
    match lines.len() - found {
        0 => Ok(held),
        missing => Err(format!("{missing} of its lines were changed by somebody meanwhile, or are held already")),
    }
}

/// What was found of the lines that were to be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    pub text: Vec<u8>,
    pub restored: usize,
    /// Tasks whose lines stand there without a mark already.
    pub free: Vec<String>,
    /// Tasks whose lines are not there, or not as they were.
    pub gone: Vec<String>,
}

/// The text with these lines as they were. Whatever else is in it stays as it is.
pub fn release(text: &[u8], lines: &[TabLine], kind: Hold) -> Restored {
    let (mut restored, mut free) = (Vec::new(), Vec::new());
    let mut at = 0;
    let order = sought(text, lines);
    let text = each(text, lines, |line, wanted| {
        let task = wanted.then(|| order[at].clone());
        at += usize::from(wanted);
        match (task, parse(line)) {
            (Some(task), Some((mark, inner))) if mark.hold == kind => {
                restored.push(task);
                inner.to_vec()
            }
            (Some(task), None) => {
                free.push(task);
                line.to_vec()
            }
            _ => line.to_vec(),
        }
    });
    let told = |line: &&TabLine| !restored.contains(&line.task) && !free.contains(&line.task);
    let gone = lines.iter().filter(told).map(|line| line.task.clone()).collect();
    Restored { text, restored: restored.len(), free, gone }
}

/// The tasks of the lines that are found, in the order of the text.
fn sought(text: &[u8], lines: &[TabLine]) -> Vec<String> {
    let mut tasks = Vec::new();
    let mut seen = Seen::default();
    for line in text.split(|byte| *byte == b'\n') {
        tasks.extend(seen.wanted(line, lines).map(|wanted| wanted.task.clone()));
    }
    tasks
}

/// Makes of every line what `change` makes of it, which is told whether it is one of `lines`.
fn each(text: &[u8], lines: &[TabLine], mut change: impl FnMut(&[u8], bool) -> Vec<u8>) -> Vec<u8> {
    let mut seen = Seen::default();
    let changed: Vec<Vec<u8>> = text
        .split(|byte| *byte == b'\n')
        .map(|line| {
            let wanted = seen.wanted(line, lines).is_some();
            change(line, wanted)
        })
        .collect();
    changed.join(&b'\n')
}

/// Counts equal lines, held or not.
#[derive(Debug, Default)]
pub(super) struct Seen<'t>(std::collections::HashMap<&'t [u8], usize>);

impl<'t> Seen<'t> {
    /// How many equal ones stood before this line.
    pub(super) fn count(&mut self, line: &'t [u8]) -> usize {
        let inner = parse(line).map_or(line, |(_, inner)| inner);
        let count = self.0.entry(inner).or_insert(0);
        *count += 1;
        *count - 1
    }

    fn wanted<'l>(&mut self, line: &'t [u8], lines: &'l [TabLine]) -> Option<&'l TabLine> {
        let inner = parse(line).map_or(line, |(_, inner)| inner);
        let nth = self.count(line);
        lines.iter().find(|wanted| wanted.bytes == inner && wanted.nth == nth)
    }
}

#[cfg(test)]
mod tests;
