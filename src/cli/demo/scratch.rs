//! The directory of a demo: made for us alone, held by a lock as long as the demo lives, and
//! removed with it. What a demo that was killed left behind is removed by the next one.
//!
//! The kernel decides which demo is alive: a lock ends with its process, whatever became of it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::platform::{file, user};

const PREFIX: &str = "rounds-demo-";
/// Lies in every directory that goes with its demo; one that was kept has none.
const LOCK: &str = ".demo-is-running";

/// The directory of a demo. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    keep: bool,
    /// Held, and released by the kernel whatever becomes of us.
    lock: Option<File>,
}

impl Scratch {
    /// Makes the directory in `parent`.
    pub(super) fn new(parent: &Path) -> io::Result<Self> {
        loop {
            let unique = uuid::Uuid::now_v7().simple().to_string();
            let path = parent.join(format!("{PREFIX}{}", &unique[20..]));
            file::private_directory().create(&path)?;
            let lock = file::held().write(true).create_new(true).open(path.join(LOCK))?;
            lock.lock()?;
            // Another demo that began just now may have taken it for a leftover, before the lock.
            if still_there(&lock, &path.join(LOCK)) {
                return Ok(Self { path, keep: false, lock: Some(lock) });
            }
        }
    }

    pub(super) fn is_kept(&self) -> bool {
        self.keep
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// From now on it is to stay, whatever becomes of us.
    pub(super) fn keep(&mut self) -> io::Result<()> {
        self.keep = true;
        file::close_before_removal(&mut self.lock);
        fs::remove_file(self.path.join(LOCK))
    }

    /// Removes the directory, unless it is to stay.
    pub(super) fn end(&mut self) -> io::Result<()> {
        if self.keep {
            return Ok(());
        }
        file::close_before_removal(&mut self.lock);
        remove(&self.path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next demo.
        let _ = self.end();
    }
}

/// Removes what demos that were killed left in `parent`; answers which.
pub(super) fn sweep(parent: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let ours = entries.flatten().filter(|entry| entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()));
    ours.map(|entry| entry.path()).filter(|path| is_ours(path) && remove_dead(path)).collect()
}

/// Whether it is a directory that we made, and nobody else can have put anything into.
fn is_ours(path: &Path) -> bool {
    const OTHERS: u32 = 0o077;
    let Ok(found) = path.symlink_metadata() else { return false };
    let ours = file::owner(&found).is_none_or(|owner| owner == user::number());
    found.is_dir() && ours && file::mode(&found).is_none_or(|mode| mode & OTHERS == 0)
}

/// Removes a directory whose demo is dead.
fn remove_dead(path: &Path) -> bool {
    match file::private().read(true).open(path.join(LOCK)) {
        Ok(lock) => {
            let dead = lock.try_lock().is_ok();
            let mut lock = Some(lock);
            file::close_before_removal(&mut lock);
            dead && remove(path).is_ok()
        }
        // One that was killed before it had a lock, or in the last step of its end, is empty.
        // One that was kept is not.
        Err(error) if error.kind() == io::ErrorKind::NotFound => is_old(path) && fs::remove_dir(path).is_ok(),
        Err(_) => false,
    }
}

/// Whether it was last changed long enough ago for a lock to be there.
fn is_old(path: &Path) -> bool {
    let age = fs::metadata(path).and_then(|found| found.modified()).ok().and_then(|at| at.elapsed().ok());
    age.is_some_and(|age| age > Duration::from_secs(10))
}

fn still_there(lock: &File, path: &Path) -> bool {
    let which = |found: io::Result<fs::Metadata>| found.ok().map(|found| file::identity(&found));
    which(lock.metadata()).is_some_and(|ours| which(fs::symlink_metadata(path)) == Some(ours))
}

/// Removes everything, the lock last, so that a removal that is cut off can be ended by another.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    // A job that is just being killed may write a last file while we remove.
    const TRIES: u32 = 40;
    let mut tries = 0;
    loop {
        match remove_once(path) {
            Err(_) if tries < TRIES => std::thread::sleep(Duration::from_millis(25)),
            result => return result,
        }
        tries += 1;
    }
}

fn remove_once(path: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name() == LOCK {
            continue;
        }
        gone_is_fine(if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())
        } else {
            fs::remove_file(entry.path())
        })?;
    }
    gone_is_fine(fs::remove_file(path.join(LOCK)))?;
    gone_is_fine(fs::remove_dir(path))
}

fn gone_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn parent() -> tempfile::TempDir {
        tempfile::tempdir().expect("scratch")
    }

    fn count(parent: &Path) -> usize {
        fs::read_dir(parent).expect("list").count()
    }

    #[test]
    fn it_goes_with_its_demo_and_a_kept_one_stays_for_good() {
        let parent = parent();
        let scratch = Scratch::new(parent.path()).expect("scratch");
        fs::create_dir(scratch.path().join("state")).expect("folder");
        fs::write(scratch.path().join("state/file"), "x").expect("file");
        drop(scratch);
        assert_eq!(count(parent.path()), 0);

        let mut kept = Scratch::new(parent.path()).expect("scratch");
        fs::write(kept.path().join("file"), "x").expect("file");
        kept.keep().expect("kept");
        drop(kept);
        assert!(sweep(parent.path()).is_empty());
        assert_eq!(count(parent.path()), 1);
    }

    #[test]
    fn a_panic_in_a_demo_leaves_nothing_of_it() {
        let parent = parent();
        let at = parent.path().to_owned();
        let broken = std::panic::catch_unwind(move || {
            let scratch = Scratch::new(&at).expect("scratch");
            fs::write(scratch.path().join("rota.sqlite3"), "x").expect("file");
            assert_eq!(count(&at), 0, "something is wrong with this demo");
        });
        assert!(broken.is_err(), "nothing broke");
        assert_eq!(count(parent.path()), 0);
    }

    #[test]
    fn only_what_a_dead_demo_left_is_swept() {
        let parent = parent();
        let alive = Scratch::new(parent.path()).expect("scratch");
        let dead = |name: &str, mode: u32| {
            let path = parent.path().join(name);
            fs::create_dir(&path).expect("folder");
            fs::write(path.join("rota.sqlite3"), "x").expect("file");
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("mode");
            path
        };
        let left = dead("rounds-demo-left", 0o700);
        fs::write(left.join(LOCK), "").expect("lock");
        let open_to_others = dead("rounds-demo-open", 0o777);
        fs::write(open_to_others.join(LOCK), "").expect("lock");
        dead("rounds-demo-kept", 0o700);
        dead("elsewhere", 0o700);
        std::os::unix::fs::symlink(parent.path().join("elsewhere"), parent.path().join("rounds-demo-link"))
            .expect("link");

        assert_eq!(sweep(parent.path()), [left]);
        assert_eq!(count(parent.path()), 5);
        assert!(parent.path().join("elsewhere/rota.sqlite3").exists() && alive.path().exists());
    }
}
