//! What a line that calls `run-parts` would run: the scripts of a folder, by the rules of whoever
//! wrote that program. What it passes over it does not tell.

use std::path::Path;

use super::name;
use crate::domain::sanitize;
use crate::platform::file;
use crate::scheduler::anacron;

/// More scripts than these are not looked at.
const MOST: usize = 1000;

/// The folder of a line that calls `run-parts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// `/etc/cron.daily`
    pub folder: String,
    /// What runs, in its order.
    pub scripts: Vec<String>,
    /// What does not, each with why: a sentence without its beginning.
    pub passed_over: Vec<String>,
}

/// What stands at the end of a name that Red Hat's `run-parts` passes over.
const LEFTOVERS: [&str; 7] = ["~", ",", ".rpmsave", ".rpmorig", ".rpmnew", ".swp", ",v"];

impl Parts {
    /// What `command` runs where its folder can be looked at below `root`; `None` for a command that
    /// does not call `run-parts`, or calls it with rules of its own.
    pub(in crate::scheduler) fn of(command: &str, root: &Path) -> Option<Self> {
        let folder = folder(command)?;
        let below = root.join(folder.trim_start_matches('/'));
        let mut names: Vec<_> = std::fs::read_dir(below).ok()?.flatten().take(MOST).collect();
        names.sort_by_key(std::fs::DirEntry::file_name);
        let strict = root.join("etc/debian_version").exists();
        let mut parts = Self { folder: sanitize::line(&folder), scripts: Vec::new(), passed_over: Vec::new() };
        for entry in names {
            let name = entry.file_name();
            let shown = sanitize::bytes(name.as_encoded_bytes());
            // Hidden ones are meant not to run, and a folder is none.
            let Ok(found) = entry.path().metadata() else { continue };
            if shown.starts_with('.') || !found.is_file() {
                continue;
            }
            let odd = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
            let odd = shown.chars().find(|c| odd(*c)).filter(|_| strict);
            let is_leftover = LEFTOVERS.iter().any(|end| shown.ends_with(end));
            if let Some(odd) = odd {
                let plain = shown.split('.').next().unwrap_or_default();
                parts.passed_over.push(format!("{shown}: its name has a `{odd}`; call it {plain}"));
            } else if is_leftover && !strict {
                parts.passed_over.push(format!("{shown}: its name is that of a leftover"));
            } else if file::mode(&found).is_some_and(|mode| mode & 0o111 == 0) {
                parts.passed_over.push(format!("{shown}: it is not executable; run chmod +x on it"));
            } else {
                parts.scripts.push(shown);
            }
        }
        Some(parts)
    }

    /// Its scripts: what each is called as a task, and its path. `cron.daily/logrotate`
    pub(in crate::scheduler) fn named(&self) -> impl Iterator<Item = (String, String)> {
        let folder = self.folder.trim_end_matches('/');
        let named = move |script: &String| (format!("{}/{script}", name::base(folder)), format!("{folder}/{script}"));
        self.scripts.iter().map(named)
    }
}

/// Whether a command looks for anacron first, as Debian's do, and finds it: then anacron has its work,
/// where it has a table.
pub(super) fn leaves_to_anacron(command: &str, root: &Path) -> bool {
    const PROGRAM: &str = "/usr/sbin/anacron";
    let words = name::words(command);
    let asks = words
        .iter()
        .position(|word| word == PROGRAM)
        .is_some_and(|at| at > 0 && words[at - 1] == "-x" && words[at..].iter().take(3).any(|word| word == "||"));
    asks && root.join(PROGRAM.trim_start_matches('/')).exists() && anacron::is_here(root)
}

/// The folder in `… run-parts [options] FOLDER …`.
fn folder(command: &str) -> Option<String> {
    let words = name::words(command);
    let program = words.iter().position(|word| name::base(word) == "run-parts")?;
    let ends = |word: &&String| !["&&", "||", ";", "|", "(", ")", "}", "&", ">", ">>"].contains(&word.as_str());
    let own: Vec<&String> = words[program + 1..].iter().take_while(ends).collect();
    if own.iter().any(|word| word.starts_with("--regex") || *word == "--lsbsysinit") {
        return None;
    }
    own.into_iter().find(|word| word.starts_with('/')).cloned()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_runs_is_told_apart_from_what_is_passed_over() {
        let root = tempfile::tempdir().expect("root");
        let daily = root.path().join("etc/cron.daily");
        std::fs::create_dir_all(daily.join("folder")).expect("folder");
        let files =
            [("logrotate", 0o755), ("0anacron", 0o755), ("backup.sh", 0o755), ("dpkg", 0o644), (".placeholder", 0o644)];
        for (name, mode) in files {
            std::fs::write(daily.join(name), "#!/bin/sh\n").expect("script");
            std::fs::set_permissions(daily.join(name), std::fs::Permissions::from_mode(mode)).expect("mode");
        }
        let line = "test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }";
        let red_hat = Parts::of(line, root.path()).expect("parts");
        assert_eq!(red_hat.scripts, ["0anacron", "backup.sh", "logrotate"]);
        std::fs::write(root.path().join("etc/debian_version"), "12.11\n").expect("version");
        let debian = Parts::of(line, root.path()).expect("parts");
        assert_eq!(
            (debian.folder.as_str(), debian.scripts),
            ("/etc/cron.daily", vec!["0anacron".into(), "logrotate".into()])
        );
        let why = ["backup.sh: its name has a `.`; call it backup", "dpkg: it is not executable; run chmod +x on it"];
        assert_eq!(debian.passed_over, why);
        for none in ["/srv/backup.sh /etc/cron.daily", "run-parts /nowhere", "run-parts --regex '.*' /etc/cron.daily"] {
            assert_eq!(Parts::of(none, root.path()), None, "{none}");
        }
    }
}
