//! A file that a child can open and that lies nowhere: what a program is told in confidence is
//! gone with us, even if we are killed.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file without a name, where the system has such; elsewhere one with a name that only its
/// owner reads, and that is removed with this.
#[derive(Debug)]
pub struct Unnamed {
    path: PathBuf,
    _held: system::Held,
}

impl Unnamed {
    pub fn with(content: &[u8]) -> io::Result<Self> {
        let (mut held, path) = system::make()?;
        held.as_file_mut().write_all(content)?;
        Ok(Self { path, _held: held })
    }

    /// How another process of the same user opens it, as long as this lives.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs::{File, Permissions};
    use std::io;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    #[derive(Debug)]
    pub(super) struct Held(File);

    impl Held {
        pub(super) fn as_file_mut(&mut self) -> &mut File {
            &mut self.0
        }
    }

    pub(super) fn make() -> io::Result<(Held, PathBuf)> {
        let file = tempfile::tempfile()?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        Ok((Held(file), path.into()))
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;
    use std::path::PathBuf;

    use tempfile::NamedTempFile;

    pub(super) type Held = NamedTempFile;

    pub(super) fn make() -> io::Result<(Held, PathBuf)> {
        let file = NamedTempFile::new()?;
        let path = file.path().to_owned();
        Ok((file, path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_by_its_path_and_gone_with_whoever_holds_it() {
        let unnamed = Unnamed::with(b"in confidence").expect("a file");
        let path = unnamed.path().to_owned();
        assert_eq!(std::fs::read(&path).expect("it can be read"), b"in confidence");
        #[cfg(unix)]
        assert_eq!(crate::platform::file::mode(&std::fs::metadata(&path).expect("meta")), Some(0o600));
        drop(unnamed);
        assert!(std::fs::read(&path).map_or(true, |content| content != b"in confidence"));
    }
}
