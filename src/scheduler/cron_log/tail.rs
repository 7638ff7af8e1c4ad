//! A log file that is followed: read from where it was left, through rotation and cutting, and
//! the first time only as far back as is asked for.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use chrono::TimeDelta;

use super::{Calendar, CronLog};
use crate::domain::time::Timestamp;
use crate::platform::file::identity;

/// Whoever takes the lines of a log.
pub trait Lines {
    /// How far back it is read, and kept.
    const LOOK_BACK: TimeDelta;

    /// Takes one line, without its end.
    fn take(&mut self, line: &[u8], calendar: &Calendar);

    /// Takes whole lines. Who can tell from afar which of them matter need not look at each.
    fn take_all(&mut self, lines: &[u8], calendar: &Calendar) {
        for line in lines.split(|byte| *byte == b'\n') {
            self.take(line, calendar);
        }
    }

    /// Forgets what is too old.
    fn forget(&mut self, before: Timestamp);

    /// When the last line was written that was taken.
    fn latest(&self) -> Option<Timestamp>;

    /// When a line was written, where it says so.
    fn stamp(line: &[u8], calendar: &Calendar) -> Option<Timestamp>;
}

/// No more than this is read of a file that was not read before.
const MOST_BYTES: u64 = 256 * 1024 * 1024;
/// How much is read at once; no line is longer.
const CHUNK: usize = 256 * 1024;
/// So much before the place is remembered, to know it again.
const MARK: u64 = 64;

/// A log file and how far it was read.
#[derive(Clone, Debug)]
pub struct LogTail<L = CronLog> {
    path: PathBuf,
    place: Option<Place>,
    pub log: L,
    /// Since when no line of it was missed; `None` before anything was read.
    pub since: Option<Timestamp>,
}

/// How far a file was read: up to the end of its last whole line.
#[derive(Clone, Debug)]
struct Place {
    file: (u64, u64),
    offset: u64,
    /// What stands before it.
    mark: Vec<u8>,
}

impl LogTail {
    pub fn new(path: PathBuf) -> Self {
        Self::of(path, CronLog::default())
    }
}

impl<L: Lines> LogTail<L> {
    /// One whose lines `log` takes.
    pub fn of(path: PathBuf, log: L) -> Self {
        Self { path, place: None, log, since: None }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes every line that was written since the last time.
    pub fn follow(&mut self, calendar: &Calendar) -> io::Result<()> {
        let horizon = calendar.now - L::LOOK_BACK;
        let mut file = File::open(&self.path)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let from = match self.place.take() {
            None => self.begin(&mut file, found.len(), horizon, calendar)?,
            Some(place) if place.file == identity(&found) && place.is_in(&mut file, found.len()) => place.offset,
            Some(place) => {
                // It was renamed, or copied and cut: the rest stands beside it, unless it was
                // packed already. Then what was in between is not known.
                if !self.finish_rotated(&place, calendar) {
                    self.since = None;
                }
                0
            }
        };
        let offset = self.read(&mut file, from, calendar)?;
        self.place = Some(Place::at(&mut file, identity(&found), offset)?);
        self.log.forget(horizon);
        if self.since.is_none() {
            self.since = self.log.latest().or(Some(calendar.now));
        }
        Ok(())
    }

    /// Where a file that was never read is begun, once the one before it is read where it does
    /// not go back far enough.
    fn begin(&mut self, file: &mut File, length: u64, horizon: Timestamp, calendar: &Calendar) -> io::Result<u64> {
        let start = first_since::<L>(file, length, horizon, calendar)?.max(length.saturating_sub(MOST_BYTES));
        let first = stamp_after::<L>(file, start, length, calendar)?.map(|(_, at)| at);
        self.since = first.map(|first| if start > 0 { first.max(horizon) } else { first });
        if start == 0
            && first.is_none_or(|first| first > horizon)
            && let Ok(mut before) = File::open(self.rotated())
        {
            let length = before.metadata()?.len();
            let start =
                first_since::<L>(&mut before, length, horizon, calendar)?.max(length.saturating_sub(MOST_BYTES));
            let earlier = stamp_after::<L>(&mut before, start, length, calendar)?.map(|(_, at)| at);
            self.since = earlier.map(|at| at.max(horizon)).or(self.since);
            self.read(&mut before, start, calendar)?;
        }
        Ok(start)
    }

    /// Reads the rest of a file that was renamed, or copied before it was cut; whether there is
    /// one.
    fn finish_rotated(&mut self, place: &Place, calendar: &Calendar) -> bool {
        let mut finish = || -> io::Result<bool> {
            let mut file = File::open(self.rotated())?;
            let found = file.metadata()?;
            if !place.is_in(&mut file, found.len()) {
                return Ok(false);
            }
            self.read(&mut file, place.offset, calendar)?;
            // Between a copy and the cut lines may have been written that are nowhere.
            Ok(identity(&found) == place.file)
        };
        finish().unwrap_or(false)
    }

    fn rotated(&self) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".1");
        PathBuf::from(name)
    }

    /// Takes every whole line from `offset` on, and says where the last one ends.
    fn read(&mut self, file: &mut File, offset: u64, calendar: &Calendar) -> io::Result<u64> {
        file.seek(SeekFrom::Start(offset))?;
        let mut buffer = vec![0; CHUNK];
        let (mut held, mut offset) = (0, offset);
        loop {
            let read = match file.read(&mut buffer[held..]) {
                Ok(0) => return Ok(offset),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            held += read;
            let whole = match buffer[..held].iter().rposition(|byte| *byte == b'\n') {
                Some(last) => last + 1,
                // A line that fills the buffer is none of cron's.
                None if held == buffer.len() => held,
                None => continue,
            };
            self.log.take_all(&buffer[..whole], calendar);
            offset += whole as u64;
            buffer.copy_within(whole..held, 0);
            held -= whole;
        }
    }
}

impl Place {
    fn at(file: &mut File, identity: (u64, u64), offset: u64) -> io::Result<Self> {
        Ok(Self { file: identity, offset, mark: before(file, offset)? })
    }

    /// Whether a file still has what stood before the place.
    fn is_in(&self, file: &mut File, length: u64) -> bool {
        length >= self.offset && before(file, self.offset).is_ok_and(|mark| mark == self.mark)
    }
}

fn before(file: &mut File, offset: u64) -> io::Result<Vec<u8>> {
    let length = offset.min(MARK);
    file.seek(SeekFrom::Start(offset - length))?;
    let mut mark = vec![0; length as usize];
    file.read_exact(&mut mark)?;
    Ok(mark)
}

/// Where the first line of an instant or later begins, or a little before it: found by halves,
/// because a log is in order and may be long.
fn first_since<L: Lines>(file: &mut File, length: u64, since: Timestamp, calendar: &Calendar) -> io::Result<u64> {
    let (mut low, mut high) = (0, length);
    while high - low > CHUNK as u64 {
        let middle = low + (high - low) / 2;
        match stamp_after::<L>(file, middle, high, calendar)? {
            Some((line, at)) if at < since => low = line,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// The first line with a stamp that begins after `offset`, or at it where that is the beginning.
fn stamp_after<L: Lines>(
    file: &mut File,
    offset: u64,
    end: u64,
    calendar: &Calendar,
) -> io::Result<Option<(u64, Timestamp)>> {
    file.seek(SeekFrom::Start(offset.saturating_sub(1)))?;
    let mut bytes = Vec::new();
    file.take(end.saturating_sub(offset).min(CHUNK as u64) + 1).read_to_end(&mut bytes)?;
    let mut at = offset.saturating_sub(1);
    let mut lines = bytes.split(|byte| *byte == b'\n');
    if offset > 0 {
        // What stands at the offset may be the middle of a line.
        at += lines.next().map_or(0, |line| line.len() as u64 + 1);
    }
    for line in lines {
        let instant = L::stamp(line, calendar);
        if let Some(instant) = instant {
            return Ok(Some((at, instant)));
        }
        at += line.len() as u64 + 1;
    }
    Ok(None)
}
