//! A crontab that is replaced: whole or not at all, and never over what somebody else wrote meanwhile.

use std::io::{self, Write as _};
use std::path::Path;

use super::{MOST_BYTES, ask_list};
use crate::domain::hold::Tab;
use crate::domain::plan::Invocation;
use crate::domain::sanitize;
use crate::platform::{file, user};

/// What a crontab says at this moment.
pub fn current(tab: &Tab) -> Result<Vec<u8>, String> {
    let bytes = match tab {
        // What `crontab` itself prints: on Debian the file has a head that is not part of it.
        Tab::Own { .. } => ask_list()?,
        Tab::File { path } => whole(path).map_err(|error| format!("{tab} cannot be read: {error}"))?,
    };
    if bytes.len() >= MOST_BYTES { Err(format!("{tab} is too large to be a crontab")) } else { Ok(bytes) }
}

fn whole(path: &Path) -> io::Result<Vec<u8>> {
    if !path.symlink_metadata()?.is_file() {
        return Err(io::Error::other("it is no plain file; what it leads to has to be changed by hand"));
    }
    std::fs::read(path)
}

/// Why a crontab could not be changed by us, as far as that can be told without changing it.
pub fn hindrance(tab: &Tab) -> Option<String> {
    match tab {
        Tab::Own { .. } => current(tab).err(),
        Tab::File { path } => {
            let found = match path.symlink_metadata() {
                Ok(found) if found.is_file() => found,
                Ok(_) => return Some(format!("{tab} is no plain file; what it leads to has to be changed by hand")),
                Err(error) => return Some(format!("{tab} cannot be read: {error}")),
            };
            let me = user::number();
            let ours = me == 0 || file::owner(&found) == Some(me);
            let folder = path.parent().is_some_and(file::may_write);
            (!ours || !folder).then(|| {
                format!(
                    "{tab} is not ours to change: it belongs to user {}, and this is user {me}; run it as root",
                    file::owner(&found).map_or_else(|| "?".to_owned(), |owner| owner.to_string())
                )
            })
        }
    }
}

/// Puts `after` in the place of `before`, and reads it back. `scratch` is a folder of ours, for what
/// `crontab` is given to read.
pub fn replace(tab: &Tab, before: &[u8], after: &[u8], scratch: &Path) -> Result<(), String> {
    if current(tab)? != before {
        return Err(format!("{tab} was changed by somebody at this moment; nothing in it was touched, try again"));
    }
    match tab {
        Tab::Own { user } => install(user, after, scratch)?,
        Tab::File { path } => publish(path, after).map_err(|error| format!("{tab} was not changed: {error}"))?,
    }
    if current(tab)? == after {
        return Ok(());
    }
    Err(format!("{tab} was written, and does not say what was written; look at it"))
}

/// Beside the file, under a name that every cron passes over: it has a dot in front.
fn publish(path: &Path, text: &[u8]) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::NotFound.into());
    };
    let beside = folder.join(format!(".{}.rounds", name.to_string_lossy()));
    match std::fs::remove_file(&beside) {
        // One that a killed program left.
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = (|| {
        let like = path.symlink_metadata()?;
        let mut new = file::private().write(true).create_new(true).open(&beside)?;
        new.write_all(text)?;
        file::make_like(&new, &like)?;
        new.sync_all()?;
        drop(new);
        std::fs::rename(&beside, path)?;
        file::sync_directory(folder)
    })();
    written.inspect_err(|_| drop(std::fs::remove_file(&beside)))
}

/// By the program that alone may write the spool, and tells cron of it.
fn install(user: &str, text: &[u8], scratch: &Path) -> Result<(), String> {
    let told = |error: io::Error| format!("{}: {error}", scratch.display());
    file::create_private_directory(scratch).map_err(told)?;
    let mut new = tempfile::Builder::new().prefix("crontab-").tempfile_in(scratch).map_err(told)?;
    new.write_all(text).and_then(|()| new.flush()).map_err(told)?;
    let path = new.path().to_string_lossy().into_owned();
    let installed = super::super::ask(&Invocation::new(["crontab", &path]))?;
    if installed.exit_code == Some(0) {
        return Ok(());
    }
    let complaint = sanitize::bytes(&installed.stderr);
    let first = complaint.lines().next().unwrap_or_default().to_owned();
    Err(format!("`crontab` {installed} and left the crontab of {user} as it was: {first}"))
}
