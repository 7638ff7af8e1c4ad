//! The crontabs of this machine: the user's own, `/etc/crontab` and `/etc/cron.d`, read as
//! cron reads them.

mod by_hand;
pub mod change;
mod line;
pub mod mark;
mod name;
mod run_parts;
mod wrap;

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::domain::drift::Installed;
use crate::domain::hold::{Handle, Mark, Tab, TabLine};
use crate::domain::plan::Invocation;
use crate::domain::schedule::{Dialect, Schedule, ScheduleError};
use crate::domain::time::{Timestamp, Zone};
use crate::domain::{redact, sanitize};
use crate::platform::file;
use crate::scheduler::anacron;

pub use by_hand::Account;
pub use line::{records_itself, wrapped_task};
pub use run_parts::Parts;
pub use wrap::{Difference, difference};

/// Everything the crontabs say.
#[derive(Clone, Debug, Default)]
pub struct Crontabs {
    pub entries: Vec<Entry>,
    /// What keeps lines from running, or from being read: one sentence each, with the mend.
    pub problems: Vec<String>,
}

/// One line that schedules a command.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Readable, unlike any other, and the same however the lines are ordered.
    pub id: String,
    /// The file, or what stands for it: `crontab of ann`.
    pub origin: String,
    /// Counted from 1.
    pub line: usize,
    /// The line as it stands, and where its command begins.
    pub text: String,
    pub command_at: usize,
    pub user: String,
    pub schedule: Result<Schedule, ScheduleError>,
    /// What cron hands to the shell, to the byte; [`Entry::shown`] is for people.
    pub command: String,
    /// What the command reads, when the line has a `%`.
    pub input: Option<String>,
    /// Settings that stand before the line.
    pub environment: BTreeMap<String, String>,
    /// The task it records its runs under, when `rounds exec` wraps the command.
    pub wrapped_as: Option<String>,
    /// When the file was last written: the line is no younger.
    pub written_at: Option<Timestamp>,
    /// The scripts it runs, where it runs those of a folder.
    pub parts: Option<Parts>,
    /// The command of the line that runs it, where it is a script of such a folder: no line of its own.
    pub part_of: Option<String>,
    /// The line to the byte, as it stands when it is not held; without its line end.
    pub bytes: Vec<u8>,
    /// How many equal ones stand before it.
    pub nth: usize,
    /// What holds it back, if something does.
    pub mark: Option<Mark>,
    /// It looks whether anacron is installed, which it is, and leaves its work to that.
    pub leaves_to_anacron: bool,
    /// What it is changed in; `None` where it belongs to another machine.
    pub tab: Option<Tab>,
}

impl Entry {
    /// The command, clean of escapes.
    pub fn shown(&self) -> String {
        sanitize::line(&self.command)
    }

    /// What of it says what runs, when and as whom. Whether it is held is no part of that: who holds it
    /// has said why.
    pub fn installed(&self) -> Installed {
        let when = self.schedule.as_ref().map_or_else(ToString::to_string, |schedule| schedule.text.clone());
        let input = self.input.as_ref().map_or_else(String::new, |input| format!("%{}", sanitize::line(input)));
        let command = redact::text(&format!("{}{input}", self.shown())).into_owned();
        Installed { when, user: self.user.clone(), command, disabled: false, place: self.place() }
    }

    /// How it is held and let go, by the name of its task.
    pub fn handle(&self, task: &str) -> Option<Handle> {
        let line = TabLine { task: task.to_owned(), bytes: self.bytes.clone(), nth: self.nth };
        Some(Handle::Line { tab: self.tab.clone()?, line, mark: self.mark.clone() })
    }

    /// The scripts of the folder it runs, each as what its line makes of it. One that is wrapped tells of
    /// all of them itself.
    fn scripts(&self) -> Vec<Self> {
        let parts = self.parts.iter().filter(|_| self.wrapped_as.is_none() && self.schedule.is_ok());
        let script = |(name, path): (String, String)| Self {
            id: format!("{}/{}", self.id, name::base(&name)),
            command: path,
            input: None,
            parts: None,
            part_of: Some(self.command.clone()),
            tab: None,
            ..self.clone()
        };
        parts.flat_map(Parts::named).map(script).collect()
    }

    /// `/etc/cron.d/backup, line 3`.
    pub fn place(&self) -> String {
        format!("{}, line {}", self.origin, self.line)
    }
}

/// Whose crontabs are read, and where.
#[derive(Clone, Debug)]
pub struct Place {
    /// `/`, or the folder that stands for it.
    pub root: PathBuf,
    pub user: String,
    /// The zone cron runs in.
    pub zone: Zone,
}

impl Place {
    /// Whose daemon reads the crontabs here. Of another machine that is not known.
    fn dialect(&self) -> Dialect {
        let here = !self.root.as_os_str().is_empty();
        if here && self.root.join("etc/debian_version").exists() { Dialect::Debian } else { Dialect::Cronie }
    }
}

/// A file larger than this is no crontab.
const MOST_BYTES: usize = 1_048_576;

/// Where the crontabs of users lie: on Debian, on Red Hat, on SUSE, on macOS.
const SPOOLS: [&str; 4] = ["var/spool/cron/crontabs", "var/spool/cron", "var/spool/cron/tabs", "var/at/tabs"];

/// Reads every crontab there is. `list` prints the user's own crontab where its file may not
/// be read, as on Debian; it is asked only then.
pub fn read(place: &Place, list: impl FnOnce() -> Result<Vec<u8>, String>) -> Crontabs {
    let mut found = Crontabs::default();
    found.own(place, list);
    found.system(place, "etc/crontab");
    for path in cron_d(place) {
        found.system(place, &path);
    }
    name::distinguish(&mut found.entries);
    found.problems.extend(anacron::problems(&place.root));
    found
}

/// The user's own crontab, as `crontab -l` prints it. Waits for it: not for threads of the
/// runtime, except when the program starts.
pub fn list() -> Result<Vec<u8>, String> {
    ask_list()
}

fn ask_list() -> Result<Vec<u8>, String> {
    let listed = super::ask(&Invocation::new(["crontab", "-l"]))?;
    let complaint = sanitize::bytes(&listed.stderr);
    if listed.exit_code == Some(0) {
        Ok(listed.stdout)
    } else if complaint.starts_with("no crontab for") {
        Ok(Vec::new())
    } else {
        Err(format!("`crontab -l` {listed}: {complaint}"))
    }
}

/// A crontab that another machine wrote into a file, as `crontab -l` prints it.
pub fn exported(path: &Path, zone: &Zone) -> Crontabs {
    let mut found = Crontabs::default();
    let place = Place { root: PathBuf::new(), user: String::new(), zone: zone.clone() };
    let origin = sanitize::line(&path.display().to_string());
    match Text::read(path) {
        Ok(text) => found.take(&place, &origin, None, &text, Some("of another machine")),
        Err(error) => found.problems.push(format!("{origin} cannot be read: {error}")),
    }
    name::distinguish(&mut found.entries);
    found
}

impl Crontabs {
    fn own(&mut self, place: &Place, list: impl FnOnce() -> Result<Vec<u8>, String>) {
        let origin = format!("crontab of {}", place.user);
        let tab = Tab::Own { user: place.user.clone() };
        for spool in SPOOLS {
            let path = place.root.join(spool).join(&place.user);
            match Text::read(&path) {
                Ok(text) => return self.take(place, &origin, Some(&tab), &text, Some(&place.user)),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    match list() {
                        Ok(bytes) => {
                            let text = Text { bytes, written_at: None };
                            self.take(place, &origin, Some(&tab), &text, Some(&place.user));
                        }
                        Err(why) => self.problems.push(format!("the {origin} cannot be read: {why}")),
                    }
                    return;
                }
                // Not there: nobody has to have a crontab.
                Err(_) => {}
            }
        }
    }

    fn system(&mut self, place: &Place, relative: &str) {
        let path = place.root.join(relative);
        let origin = sanitize::line(&format!("/{relative}"));
        if let Some(why) = ignored_by_cron(&path, &place.root.join("etc")) {
            self.problems.push(format!("cron ignores {origin}: {why}"));
            return;
        }
        match Text::read(&path) {
            Ok(text) => self.take(place, &origin, Some(&Tab::File { path: path.clone() }), &text, None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.problems.push(format!("{origin} cannot be read: {error}")),
        }
    }

    fn take(&mut self, place: &Place, origin: &str, tab: Option<&Tab>, text: &Text, user: Option<&str>) {
        if text.bytes.windows(2).any(|pair| pair == b"\r\n") {
            let problem = format!(
                "the lines of {origin} end as on Windows: cron hands the CR to every command; run dos2unix on it"
            );
            self.problems.push(problem);
        }
        if text.bytes.last().is_some_and(|last| *last != b'\n') {
            self.problems.push(format!("the last line of {origin} has no line end, and cron may ignore it; add one"));
        }
        let dialect = place.dialect();
        // Of another machine its folders are not here.
        let is_here = !place.root.as_os_str().is_empty();
        for entry in line::entries(&text.bytes, user, &place.zone, dialect) {
            let leaves = is_here && run_parts::leaves_to_anacron(&entry.command, &place.root);
            let parts = if is_here && !leaves { Parts::of(&entry.command, &place.root) } else { None };
            let entry = Entry {
                origin: origin.to_owned(),
                written_at: text.written_at,
                parts,
                tab: tab.cloned(),
                leaves_to_anacron: leaves,
                ..entry
            };
            let scripts = entry.scripts();
            self.entries.push(entry);
            self.entries.extend(scripts);
        }
    }
}

/// The files of `/etc/cron.d` that cron looks at, in the order of their names: those with a
/// dot or another unusual character in their name it passes over in silence.
fn cron_d(place: &Place) -> Vec<String> {
    let usual = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let Ok(folder) = std::fs::read_dir(place.root.join("etc/cron.d")) else { return Vec::new() };
    let mut names: Vec<String> = folder
        .filter_map(|file| file.ok()?.file_name().into_string().ok())
        .filter(|name| name.chars().all(usual))
        .map(|name| format!("etc/cron.d/{name}"))
        .collect();
    names.sort_unstable();
    names
}

/// Why cron does not run a system crontab. Its owner has to be that of `etc`, which is root.
fn ignored_by_cron(path: &Path, etc: &Path) -> Option<String> {
    let (found, etc) = (path.metadata().ok()?, etc.metadata().ok()?);
    if !found.is_file() {
        return Some("it is not a file".to_owned());
    }
    if let Some(mode) = file::mode(&found).filter(|mode| mode & 0o022 != 0) {
        return Some(format!("others may write it (mode {mode:o}); run chmod go-w on it"));
    }
    let owner = file::owner(&found).filter(|owner| Some(*owner) != file::owner(&etc))?;
    Some(format!("it belongs to user {owner}; run chown root on it"))
}

struct Text {
    bytes: Vec<u8>,
    written_at: Option<Timestamp>,
}

impl Text {
    fn read(path: &Path) -> io::Result<Self> {
        let kind = path.metadata()?.file_type();
        if !kind.is_file() {
            // The spool of Debian is a folder in that of Red Hat; a pipe would never end.
            return Err(io::ErrorKind::NotFound.into());
        }
        let file = std::fs::File::open(path)?;
        let written_at = file.metadata()?.modified().ok().map(Timestamp::from);
        let mut bytes = Vec::new();
        file.take(MOST_BYTES as u64).read_to_end(&mut bytes)?;
        Ok(Self { bytes, written_at })
    }
}
