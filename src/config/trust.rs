//! Whether a configuration file may be believed: it names commands, so nobody but root and the
//! user who runs the program may be able to change it.
//!
//! Every directory on the way to the file is looked at, through symbolic links too, because
//! whoever can write one of them can exchange what lies below. The file itself is opened once
//! and judged by its descriptor, so that what was judged is what is read.

use std::io::Read;
use std::path::Path;

use super::error::Fault;

/// Larger than any configuration somebody wrote.
const LARGEST: u64 = 1 << 20;

/// Reads a file that nobody else can change. An error says what is wrong and how to mend it.
///
/// `me` is the effective user id. Systems without such ids are not judged.
pub(super) fn read(path: &Path, me: u32) -> Result<Vec<u8>, Fault> {
    let file = open(path, me)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|why| failed(path, &why))?;
    if bytes.len() as u64 > LARGEST {
        return Err(fault(path, "this is larger than 1 MiB, and no configuration"));
    }
    Ok(bytes)
}

/// Judges a program as a configuration is judged. One that is not there is nobody's.
pub(super) fn program(path: &Path, me: u32) -> Result<(), Fault> {
    if std::fs::metadata(path).is_ok_and(|found| found.is_file()) { judge(path, me) } else { Ok(()) }
}

/// A fault of the file, directory or link at `path`, which need not be the one asked for.
fn fault(path: &Path, message: impl Into<String>) -> Fault {
    Fault::of(path.display().to_string(), message)
}

fn failed(path: &Path, why: &std::io::Error) -> Fault {
    match why.kind() {
        std::io::ErrorKind::NotFound => fault(path, "there is no such file"),
        _ => fault(path, format!("cannot be read: {why}")),
    }
}

#[cfg(not(unix))]
fn open(path: &Path, _me: u32) -> Result<std::fs::File, Fault> {
    std::fs::File::open(path).map_err(|why| failed(path, &why))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "where modes are judged, it fails")]
fn judge(_path: &Path, _me: u32) -> Result<(), Fault> {
    Ok(())
}

#[cfg(unix)]
use unix::{judge, open};

#[cfg(unix)]
mod unix {
    use std::collections::VecDeque;
    use std::ffi::OsString;
    use std::fs::{File, Metadata};
    use std::os::unix::fs::MetadataExt;
    use std::path::{Component, Path, PathBuf};

    use rustix::fs::{Mode, OFlags};

    use super::{Fault, failed, fault};

    /// As many as the kernel follows.
    const MOST_LINKS: usize = 40;
    const GROUP_OR_OTHERS_WRITE: u32 = 0o022;
    const STICKY: u32 = 0o1000;

    pub(super) fn open(path: &Path, me: u32) -> Result<File, Fault> {
        let path = locate(path, me)?;
        // Without waiting: a pipe would otherwise hold the program until somebody writes to it.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(&path, flags, Mode::empty()).map_err(|why| failed(&path, &why.into()))?);
        let found = file.metadata().map_err(|why| failed(&path, &why))?;
        if !found.is_file() {
            return Err(fault(&path, "this is not a regular file"));
        }
        owned(&path, &found, me)?;
        closed_to_others(&path, &found)?;
        Ok(file)
    }

    pub(super) fn judge(path: &Path, me: u32) -> Result<(), Fault> {
        let path = locate(path, me)?;
        let found = lstat(&path)?;
        owned(&path, &found, me)?;
        closed_to_others(&path, &found)
    }

    /// Walks to the file as the kernel would, judging every directory and link on the way, and
    /// returns where it lies, free of links.
    fn locate(path: &Path, me: u32) -> Result<PathBuf, Fault> {
        let absolute = std::path::absolute(path).map_err(|why| failed(path, &why))?;
        let mut here = PathBuf::from("/");
        directory(&here, &lstat(&here)?, me)?;
        let mut ahead: VecDeque<OsString> = names(&absolute).collect();
        let mut links = 0;
        while let Some(name) = ahead.pop_front() {
            if name == ".." {
                here.pop();
                continue;
            }
            let entry = here.join(&name);
            let found = lstat(&entry)?;
            if found.is_symlink() {
                links += 1;
                if links > MOST_LINKS {
                    return Err(fault(path, "this leads in a circle of links"));
                }
                // In a directory like /tmp anybody may place a link.
                owned(&entry, &found, me)?;
                let target = std::fs::read_link(&entry).map_err(|why| failed(&entry, &why))?;
                if target.is_absolute() {
                    here = PathBuf::from("/");
                }
                for name in names(&target).collect::<Vec<_>>().into_iter().rev() {
                    ahead.push_front(name);
                }
            } else if found.is_dir() {
                directory(&entry, &found, me)?;
                here = entry;
            } else if ahead.is_empty() {
                return Ok(entry);
            } else {
                return Err(fault(&entry, "this is not a directory"));
            }
        }
        Err(fault(&here, "this is a directory, not a file"))
    }

    fn names(path: &Path) -> impl Iterator<Item = OsString> {
        path.components().filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
    }

    fn directory(path: &Path, found: &Metadata, me: u32) -> Result<(), Fault> {
        owned(path, found, me)?;
        // In a sticky directory only the owner of an entry can exchange it.
        if found.mode() & STICKY != 0 { Ok(()) } else { closed_to_others(path, found) }
    }

    fn owned(path: &Path, found: &Metadata, me: u32) -> Result<(), Fault> {
        let owner = found.uid();
        if owner == 0 || owner == me {
            return Ok(());
        }
        let wanted = if me == 0 { "root".to_owned() } else { format!("root or user {me}") };
        let mend = format!("chown {me} {}", path.display());
        Err(fault(
            path,
            format!(
                "this belongs to user {owner}, who could name commands to run here; it must belong to {wanted} (mend: {mend})"
            ),
        ))
    }

    fn closed_to_others(path: &Path, found: &Metadata) -> Result<(), Fault> {
        let mode = found.mode() & 0o7777;
        if mode & GROUP_OR_OTHERS_WRITE == 0 {
            return Ok(());
        }
        let mend = format!("chmod go-w {}", path.display());
        Err(fault(
            path,
            format!("others can write this (mode {mode:04o}), and could name commands to run here (mend: {mend})"),
        ))
    }

    fn lstat(path: &Path) -> Result<Metadata, Fault> {
        std::fs::symlink_metadata(path).map_err(|why| failed(path, &why))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    use super::*;

    /// `folder/config.toml` in a scratch directory, both as private as they should be.
    struct Scene {
        _scratch: tempfile::TempDir,
        folder: PathBuf,
        file: PathBuf,
        me: u32,
    }

    impl Scene {
        fn new() -> Self {
            let scratch = tempfile::tempdir().expect("scratch");
            let folder = scratch.path().canonicalize().expect("path").join("folder");
            fs::create_dir(&folder).expect("folder");
            let file = folder.join("config.toml");
            fs::write(&file, "version = 1").expect("file");
            let scene = Self { _scratch: scratch, folder, file, me: rustix::process::geteuid().as_raw() };
            mode(&scene.folder, 0o700);
            mode(&scene.file, 0o600);
            scene
        }

        fn read(&self) -> Result<Vec<u8>, String> {
            said(&self.file, self.me)
        }

        /// Makes `path` belong to somebody else. Root gives it away; anybody else can only
        /// pretend to be another user.
        fn estrange(&mut self, path: &Path) -> u32 {
            if self.me == 0 {
                std::os::unix::fs::lchown(path, Some(4242), None).expect("chown");
                4242
            } else {
                self.me += 1;
                self.me - 1
            }
        }
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
    }

    fn said(path: &Path, me: u32) -> Result<Vec<u8>, String> {
        read(path, me).map_err(|fault| fault.to_string())
    }

    #[test]
    fn nobody_else_may_be_able_to_write_the_file_or_its_folder() {
        let table = [
            (0o700, 0o600, true),
            (0o755, 0o644, true),
            (0o755, 0o444, true),
            (0o755, 0o664, false),
            (0o755, 0o646, false),
            (0o755, 0o602, false),
            (0o775, 0o600, false),
            (0o757, 0o600, false),
            (0o2775, 0o600, false),
            (0o1777, 0o600, true),
            (0o1775, 0o600, true),
            (0o1777, 0o666, false),
        ];
        for (folder, file, trusted) in table {
            let scene = Scene::new();
            mode(&scene.file, file);
            mode(&scene.folder, folder);
            let read = scene.read();
            assert_eq!(read.is_ok(), trusted, "folder {folder:o}, file {file:o}: {read:?}");
        }
    }

    #[test]
    fn the_refusal_names_what_was_found_and_the_mend() {
        let scene = Scene::new();
        mode(&scene.file, 0o664);
        let path = scene.file.display();
        let why = scene.read().expect_err("writable");
        assert!(why.contains("mode 0664") && why.contains(&format!("chmod go-w {path}")), "{why}");
    }

    #[test]
    fn a_foreign_owner_is_refused_even_when_nobody_can_write() {
        let mut scene = Scene::new();
        mode(&scene.file, 0o400);
        let owner = scene.estrange(&scene.file.clone());
        let why = scene.read().expect_err("foreign");
        assert!(why.contains(&format!("belongs to user {owner}")) && why.contains("mend: chown"), "{why}");
    }

    #[test]
    fn a_foreign_folder_is_refused() {
        let mut scene = Scene::new();
        scene.estrange(&scene.folder.clone());
        assert!(scene.read().expect_err("foreign").contains("this belongs to user"));
    }

    #[test]
    fn a_link_is_as_good_as_every_place_it_leads_through() {
        let scene = Scene::new();
        let other = scene.folder.with_file_name("other");
        fs::create_dir(&other).expect("other");
        mode(&other, 0o700);
        let link = other.join("config.toml");
        symlink("../folder/config.toml", &link).expect("link");
        assert!(said(&link, scene.me).is_ok());
        mode(&scene.folder, 0o777);
        assert!(said(&link, scene.me).expect_err("target").contains("folder: others can write"));
        mode(&scene.folder, 0o700);
        mode(&other, 0o777);
        assert!(said(&link, scene.me).expect_err("link").contains("other: others can write"));
    }

    #[test]
    fn a_link_that_somebody_else_placed_is_refused() {
        let mut scene = Scene::new();
        mode(&scene.folder, 0o1777);
        let link = scene.folder.join("link.toml");
        symlink(&scene.file, &link).expect("link");
        scene.estrange(&link);
        assert!(said(&link, scene.me).expect_err("foreign link").contains("belongs to user"));
    }

    #[test]
    fn circles_pipes_directories_and_nothing_at_all_end_in_words() {
        let scene = Scene::new();
        let circle = scene.folder.join("circle");
        symlink(&circle, &circle).expect("link");
        assert!(said(&circle, scene.me).expect_err("circle").contains("circle of links"));
        #[cfg(target_os = "linux")]
        {
            let pipe = scene.folder.join("pipe");
            rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("pipe");
            assert!(said(&pipe, scene.me).expect_err("pipe").contains("not a regular file"));
        }
        assert!(said(&scene.folder, scene.me).expect_err("directory").contains("is a directory"));
        assert!(said(&scene.folder.join("none"), scene.me).expect_err("none").contains("none: there is no such file"));
        assert!(said(&scene.file.join("below"), scene.me).expect_err("below").contains("not a directory"));
        fs::write(&scene.file, vec![b'#'; (1 << 20) + 1]).expect("large");
        assert!(scene.read().expect_err("large").contains("larger than"));
    }
}
