//! Who holds a lock on a file, as far as the system tells and this user may see.

use std::path::Path;

/// A lock on a part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    pub pid: u32,
    /// What its process is called; empty where that is hidden.
    pub name: String,
    /// For writing, and so for nobody else.
    pub exclusive: bool,
    /// The bytes it covers.
    pub from: u64,
    pub to: u64,
}

/// The locks of other processes on a file; `None` where the system does not tell.
#[cfg(target_os = "linux")]
pub fn of(file: &Path) -> Option<Vec<Lock>> {
    use std::os::unix::fs::MetadataExt;
    let inode = std::fs::metadata(file).ok()?.ino();
    let table = std::fs::read_to_string("/proc/locks").ok()?;
    let ours = std::process::id();
    let locks = table.lines().filter_map(|line| entry(line, inode)).filter(|lock| lock.pid != ours && lock.pid != 0);
    // The same number may be a file of another disk: whoever holds the lock has this one open.
    let named = locks.filter(|lock| may_have_open(lock.pid, file)).map(|lock| {
        let name = std::fs::read_to_string(format!("/proc/{}/comm", lock.pid)).unwrap_or_default();
        Lock { name: name.trim().to_owned(), ..lock }
    });
    Some(named.collect())
}

/// The locks of other processes on a file: nothing tells here.
#[cfg(not(target_os = "linux"))]
pub fn of(_file: &Path) -> Option<Vec<Lock>> {
    None
}

/// `7: POSIX  ADVISORY  READ 4711 fd:01:131074 124 124`; a line with `->` only waits for one.
#[cfg(target_os = "linux")]
fn entry(line: &str, inode: u64) -> Option<Lock> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let kind = fields.next().filter(|kind| *kind == "POSIX" || *kind == "OFDLCK");
    kind.and(fields.next())?;
    let exclusive = fields.next()? == "WRITE";
    // Whoever is in another container has no number here.
    let pid = fields.next()?.parse().ok()?;
    let its_inode: u64 = fields.next()?.rsplit(':').next()?.parse().ok()?;
    let (from, to) = (fields.next()?.parse().ok()?, fields.next()?);
    let to = if to == "EOF" { u64::MAX } else { to.parse().ok()? };
    (its_inode == inode).then_some(Lock { pid, name: String::new(), exclusive, from, to })
}

/// Whether a process has a file open; one that does not let itself be looked at may have.
#[cfg(target_os = "linux")]
fn may_have_open(pid: u32, file: &Path) -> bool {
    let Ok(open) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return true };
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    open.flatten().any(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target == file))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_table_is_a_lock_on_this_file_or_none() {
        let lock = |exclusive, from, to| Some(Lock { pid: 4711, name: String::new(), exclusive, from, to });
        let table = [
            ("7: POSIX  ADVISORY  READ 4711 fd:01:131074 124 124", lock(false, 124, 124)),
            ("7: POSIX  ADVISORY  WRITE 4711 fd:01:131074 120 EOF", lock(true, 120, u64::MAX)),
            ("7: POSIX  ADVISORY  READ 4711 fd:01:131075 124 124", None),
            ("7: -> POSIX  ADVISORY  READ 4711 fd:01:131074 124 124", None),
            ("7: FLOCK  ADVISORY  WRITE 4711 fd:01:131074 0 EOF", None),
            ("7: POSIX  ADVISORY  READ -1 fd:01:131074 124 124", None),
            ("", None),
        ];
        for (line, expected) in table {
            assert_eq!(entry(line, 131_074), expected, "{line}");
        }
    }
}
