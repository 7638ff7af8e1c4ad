//! A copy in the making: a directory that can never be taken for a backup, locked as long as
//! its process lives, and the steps by which the copy gets its final name.
//!
//! The kernel alone decides whether a copy is still being made: a lock ends with its process,
//! whereas a process id may belong to somebody else by now.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::method::Beside;
use super::{ArchiveError, failed, manifest, shelf};
use crate::platform::file::{self, rename_new};

const PREFIX: &str = ".partial-";
const LOCK: &str = "lock";
const DATA: &str = "data";
const MANIFEST: &str = "manifest";
/// What is packed into the data, or was packed in it.
const PLAIN: &str = "plain";

/// How often a copy begins when others that clear up keep coming between.
const BEGINNINGS: usize = 20;

/// The id of a copy in the making, from its directory's name.
pub(super) fn id_of(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)
}

/// Whether nobody works on this partial any more.
pub(super) fn is_dead(dir: &Path) -> bool {
    match File::open(dir.join(LOCK)) {
        // Shared: two that look at the same time do not take each other for its owner.
        Ok(lock) => lock.try_lock_shared().is_ok(),
        Err(error) => error.kind() == io::ErrorKind::NotFound && !is_new(dir),
    }
}

/// Whether the directory was made a moment ago, and its lock is about to be.
fn is_new(dir: &Path) -> bool {
    let age = fs::metadata(dir).and_then(|meta| meta.modified()).ok().and_then(|modified| modified.elapsed().ok());
    age.is_none_or(|age| age.as_secs() < 10)
}

/// Removes a leftover, unless somebody turns out to work on it.
pub(super) fn remove_dead(path: &Path) -> io::Result<()> {
    if !path.is_dir() {
        return fs::remove_file(path);
    }
    let mut lock = match File::open(path.join(LOCK)) {
        Ok(lock) => Some(lock),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    match lock.as_ref().map(File::try_lock) {
        Some(Err(TryLockError::Error(error))) => Err(error),
        Some(Err(TryLockError::WouldBlock)) => Err(io::ErrorKind::ResourceBusy.into()),
        Some(Ok(())) | None => {
            file::close_before_removal(&mut lock);
            fs::remove_dir_all(path)
        }
    }
}

/// A copy in the making. Dropping it removes what is not published.
#[derive(Debug)]
pub(super) struct Partial {
    dir: PathBuf,
    /// Held, and released by the kernel whatever becomes of us.
    lock: Option<File>,
}

impl Partial {
    /// Begins a copy on this shelf; `id` is unique.
    pub(super) fn create(shelf: &Path, id: &str) -> Result<Self, ArchiveError> {
        let dir = shelf.join(format!("{PREFIX}{id}"));
        for _ in 0..BEGINNINGS {
            if let Some(partial) = Self::begin(dir.clone())? {
                return Ok(partial);
            }
        }
        Err(failed("keep", &dir)(io::ErrorKind::NotFound.into()))
    }

    /// `None` when another copy came upon the lock before it was held, took us for dead and
    /// cleared us away.
    fn begin(dir: PathBuf) -> Result<Option<Self>, ArchiveError> {
        file::private_directory().create(&dir).map_err(failed("make", &dir))?;
        let new = file::held().write(true).create_new(true).open(dir.join(LOCK));
        let lock = new.map_err(failed("lock", &dir))?;
        // Nobody else takes this lock for long: one who looks holds it for an instant.
        let locked = lock.lock();
        let partial = Self { dir, lock: Some(lock) };
        locked.map_err(failed("lock", &partial.dir))?;
        if !partial.still_ours() {
            return Ok(None);
        }
        new_file(&partial.data()).map_err(failed("make", &partial.dir))?;
        Ok(Some(partial))
    }

    /// Whether the lock we hold is the one in the directory, not of one that was removed.
    fn still_ours(&self) -> bool {
        let identity = |meta: fs::Metadata| file::identity(&meta);
        let ours = self.lock.as_ref().and_then(|lock| lock.metadata().ok()).map(identity);
        ours.is_some() && ours == fs::metadata(self.dir.join(LOCK)).ok().map(identity)
    }

    /// The file the copy is written to: empty, and for us alone.
    pub(super) fn data(&self) -> PathBuf {
        self.dir.join(DATA)
    }

    /// A directory instead of that file: empty, and for us alone.
    pub(super) fn make_directory(&self) -> Result<PathBuf, ArchiveError> {
        let data = self.data();
        let made = fs::remove_file(&data).and_then(|()| file::private_directory().create(&data));
        made.map_err(failed("make", &data))?;
        Ok(data)
    }

    /// The same, to write to.
    pub(super) fn open_data(&self) -> Result<File, ArchiveError> {
        file::private().write(true).open(self.data()).map_err(failed("write in", &self.dir))
    }

    /// Where a copy lies that is packed afterwards. Nothing is there yet.
    pub(super) fn plain(&self) -> PathBuf {
        self.dir.join(PLAIN)
    }

    /// Makes another file in it, for us alone.
    pub(super) fn make_file(&self, name: &str) -> Result<(PathBuf, File), ArchiveError> {
        let path = self.dir.join(name);
        let file = new_file(&path).map_err(failed("make", &self.dir))?;
        Ok((path, file))
    }

    /// Why making it failed. Where the disk takes nothing any more that is the cause, whatever else
    /// a library or a program made of it.
    pub(super) fn cause_of(&self, error: ArchiveError) -> ArchiveError {
        if matches!(error, ArchiveError::Io { .. } | ArchiveError::Cancelled) {
            return error;
        }
        let probe = self.dir.join("probe");
        match new_file(&probe).and_then(|_| fs::remove_file(&probe)) {
            Err(refused) if refused.kind() == io::ErrorKind::ReadOnlyFilesystem => {
                failed("write in", &self.dir)(refused)
            }
            _ => error,
        }
    }

    /// Gives the copy its final name, durably, and never over another file: the data's rename is
    /// the last step, so that whatever has the name is complete.
    pub(super) fn publish(self, destination: &Path, manifest: &[u8], others: &[Beside]) -> Result<(), ArchiveError> {
        let draft = self.dir.join(MANIFEST);
        new_file(&draft)
            .and_then(|mut file| {
                file.write_all(manifest)?;
                file.sync_all()
            })
            .map_err(failed("write the manifest in", &self.dir))?;
        // The manifest first: it names what else is there, should the data never come.
        let others = others.iter().map(|one| (self.dir.join(one.name), with_suffix(destination, one.suffix)));
        let moves: Vec<_> = std::iter::once((draft, manifest::path_for(destination))).chain(others).collect();
        self.publish_as(destination, moves)
    }

    /// Gives the data its final name after everything else of it has its own.
    pub(super) fn publish_as(self, destination: &Path, moves: Vec<(PathBuf, PathBuf)>) -> Result<(), ArchiveError> {
        let shelf = destination.parent().unwrap_or(Path::new("/"));
        let sync = if self.data().is_dir() { file::sync_directory } else { file::sync };
        sync(&self.data()).map_err(failed("bring to disk", &self.dir))?;
        shelf::sync(&self.dir)?;
        let mut named = Named(Vec::new());
        for (from, to) in moves {
            rename_new(&from, &to).map_err(taken(&to))?;
            named.0.push(to);
        }
        shelf::sync(shelf)?;
        rename_new(&self.data(), destination).map_err(taken(destination))?;
        named.0.clear();
        shelf::sync(shelf)
    }
}

/// What got its name before the data did: without it, it is debris, and ours to remove.
struct Named(Vec<PathBuf>);

impl Drop for Named {
    fn drop(&mut self) {
        for path in self.0.iter().rev() {
            let _ = fs::remove_file(path);
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

impl Drop for Partial {
    fn drop(&mut self) {
        file::close_before_removal(&mut self.lock);
        // What cannot be removed now is found as debris, and removed by the next copy.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A new file for us alone, through no link.
fn new_file(path: &Path) -> io::Result<File> {
    file::private().write(true).create_new(true).open(path)
}

fn taken(path: &Path) -> impl FnOnce(io::Error) -> ArchiveError + '_ {
    move |error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            ArchiveError::Exists(crate::domain::sanitize::line(&path.display().to_string()))
        }
        _ => failed("rename to", path)(error),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn shelf() -> tempfile::TempDir {
        tempfile::tempdir().expect("scratch")
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .expect("list")
            .map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_copy_that_is_given_up_leaves_nothing() {
        let shelf = shelf();
        let partial = Partial::create(shelf.path(), "a").expect("partial");
        fs::write(partial.data(), "half").expect("write");
        assert_eq!(names(shelf.path()), [".partial-a"]);
        drop(partial);
        assert!(names(shelf.path()).is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    #[ignore = "needs root: mounts a file system"]
    #[expect(clippy::disallowed_methods, reason = "a file system is mounted by a program")]
    fn root_a_disk_that_takes_nothing_is_the_cause_whatever_else_is_told() {
        let shelf = shelf();
        let mount = |arguments: &[&str]| {
            let done = std::process::Command::new("mount").args(arguments).arg(shelf.path()).status();
            assert!(done.expect("mount").success(), "{arguments:?}");
        };
        mount(&["-t", "tmpfs", "rounds-test"]);
        // A disk on which a file is open for writing is not remounted.
        let partial = Partial { dir: shelf.path().join("a"), lock: None };
        fs::create_dir(&partial.dir).expect("partial");
        let told = || {
            let error = crate::database::DatabaseError::Unreachable("unable to open database file".to_owned());
            partial.cause_of(ArchiveError::from(error)).to_string()
        };
        let of_a_sound_disk = told();
        mount(&["-o", "remount,ro"]);
        let of_a_frozen_one = told();
        mount(&["-o", "remount,rw"]);
        std::process::Command::new("umount").arg("-l").arg(shelf.path()).status().expect("umount");
        assert!(of_a_sound_disk.contains("unable to open"), "{of_a_sound_disk}");
        assert!(of_a_frozen_one.contains("Read-only file system"), "{of_a_frozen_one}");
        assert!(of_a_frozen_one.contains("mount it anew"), "{of_a_frozen_one}");
    }

    #[test]
    fn publishing_never_replaces_anything() {
        let shelf = shelf();
        let destination = shelf.path().join("db");
        for taken in ["db", "db.manifest.json"] {
            std::os::unix::fs::symlink("/nowhere", shelf.path().join(taken)).expect("dangling link");
            let partial = Partial::create(shelf.path(), "a").expect("partial");
            fs::write(partial.data(), "new").expect("write");
            assert!(matches!(partial.publish(&destination, b"{}", &[]), Err(ArchiveError::Exists(_))));
            assert_eq!(names(shelf.path()), [taken], "and it leaves nothing of its own behind");
            fs::remove_file(shelf.path().join(taken)).expect("remove");
        }
        let partial = Partial::create(shelf.path(), "a").expect("partial");
        fs::write(partial.data(), "new").expect("write");
        partial.publish(&destination, b"{}", &[]).expect("published");
        assert_eq!(names(shelf.path()), ["db", "db.manifest.json"]);
        for name in names(shelf.path()) {
            let mode = fs::metadata(shelf.path().join(name)).expect("meta").mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_copy_that_is_cleared_away_as_it_begins_begins_again() {
        let shelf = shelf();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    for entry in fs::read_dir(shelf.path()).expect("list").flatten() {
                        if is_dead(&entry.path()) {
                            let _ = remove_dead(&entry.path());
                        }
                    }
                }
            });
            let begun: Vec<_> = (0..500).map(|n| Partial::create(shelf.path(), &n.to_string())).collect();
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            for partial in begun {
                assert!(partial.expect("begun").still_ours());
            }
        });
    }

    #[test]
    fn only_the_dead_are_removed() {
        let shelf = shelf();
        let live = Partial::create(shelf.path(), "live").expect("partial");
        let dead = shelf.path().join(".partial-dead");
        fs::create_dir(&dead).expect("dir");
        fs::write(dead.join(LOCK), "").expect("lock");
        fs::write(dead.join("data-journal"), "half").expect("leftover");
        assert!(is_dead(&dead) && !is_dead(&live.dir));
        remove_dead(&dead).expect("removed");
        assert!(remove_dead(&live.dir).is_err());
        assert_eq!(names(shelf.path()), [".partial-live"]);
        let newborn = shelf.path().join(".partial-newborn");
        fs::create_dir(&newborn).expect("dir");
        assert!(!is_dead(&newborn), "its lock is about to be made");
    }
}
