//! What the kernel says of processes: their threads, their children, what they were started
//! with. Linux only.

use std::collections::BTreeSet;
use std::fs;

/// Every process there is.
pub(crate) fn all() -> BTreeSet<u32> {
    let entries = fs::read_dir("/proc").expect("/proc");
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// A process and all it started, and they in turn, as of now.
pub(crate) fn family(pid: u32) -> BTreeSet<u32> {
    let parents: Vec<(u32, u32)> = all().into_iter().filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut family = BTreeSet::from([pid]);
    loop {
        let before = family.len();
        family.extend(
            parents.iter().filter(|(_, parent)| family.contains(parent)).map(|(pid, _)| *pid).collect::<Vec<_>>(),
        );
        if family.len() == before {
            return family;
        }
    }
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// The names of its threads.
pub(crate) fn threads(pid: u32) -> Vec<String> {
    let tasks =
        fs::read_dir(format!("/proc/{pid}/task")).map_or_else(|_| Vec::new(), |tasks| tasks.flatten().collect());
    let name = |task: fs::DirEntry| fs::read_to_string(task.path().join("comm")).ok();
    tasks.into_iter().filter_map(name).map(|name| name.trim_end().to_owned()).collect()
}

/// The processes that have `mark` among their arguments.
pub(crate) fn with_argument(mark: &str) -> BTreeSet<u32> {
    let has = |pid: &u32| {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        arguments.split(|byte| *byte == 0).any(|argument| argument == mark.as_bytes())
    };
    all().into_iter().filter(has).collect()
}

/// Its arguments and its environment, as they lie in memory; empty when it is gone.
pub(crate) fn spoken(pid: u32) -> Vec<u8> {
    let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
    [read("cmdline"), read("environ")].concat()
}
