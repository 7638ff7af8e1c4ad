//! One step of a plan, as data and as a line to read.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::backup::{Compression, Doomed, ShelfState};
use crate::domain::hold::Change;
use crate::domain::plan::Postcondition;
use crate::domain::time::Timestamp;
use crate::domain::upkeep::Maintenance;
use crate::domain::{humanize, redact};

/// A program and its arguments; no shell ever sees them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    pub argv: Vec<String>,
    pub directory: Option<PathBuf>,
    /// Variables it gets beside the few it always has.
    pub environment: BTreeMap<String, String>,
}

impl Invocation {
    pub fn new(argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { argv: argv.into_iter().map(Into::into).collect(), directory: None, environment: BTreeMap::new() }
    }
}

impl fmt::Display for Invocation {
    /// As one could type it: arguments with anything unusual in them are quoted, and what looks
    /// like a secret is masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for (index, argument) in self.argv.iter().enumerate() {
            if index > 0 {
                text.push(' ');
            }
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
            if !argument.is_empty() && argument.chars().all(plain) {
                text.push_str(argument);
            } else {
                text.push_str(&format!("'{}'", argument.replace('\'', r"'\''")));
            }
        }
        f.write_str(&redact::text(&text))
    }
}

/// What is installed of scheduled tasks, as it was seen when somebody was to find it right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Under which name it is found right.
    pub scope: String,
    /// The name under which it is told.
    pub told_by: String,
    /// So many tasks.
    pub tasks: usize,
    /// Of what was seen.
    pub fingerprint: String,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// Run a program.
    Run { command: Invocation },
    /// Copy a database while it is in use, and publish the copy once it is proven. `files` is the
    /// pattern of its name: the stamp is the moment the step begins. `programs` are those that
    /// write it out; none where its engine copies.
    CopyDatabase {
        backup: String,
        database: String,
        source: String,
        programs: Vec<Invocation>,
        compress: Compression,
        files: String,
        rows: Vec<String>,
    },
    /// Hash a backup file, compare it with its manifest, and check its structure.
    VerifyBackup { backup: String },
    /// Copy the newest backup file to a second place, and read it back there.
    CarryBackup { backup: String, to: PathBuf },
    /// Have a command take every file of the newest backup to a second place, and where `hash` is
    /// there, have that say what lies there then.
    SendBackup { backup: String, command: Invocation, hash: Option<Invocation> },
    /// Restore the newest backup file into a scratch, and ask it.
    DrillBackup { backup: String, queries: Vec<String> },
    /// Stop the application of a database.
    Stop { command: Invocation },
    /// Copy what a restore is about to replace.
    SaveBefore { backup: String, database: String },
    /// Put a backup in the place of its database.
    Restore {
        backup: String,
        database: String,
        file: PathBuf,
        taken_at: Timestamp,
        sha256: Option<String>,
        to: PathBuf,
    },
    /// Put a backup in the place of its database on a server: proven beside it, then by a change of
    /// names. `name` is that database's on its server.
    RestoreBeside {
        backup: String,
        database: String,
        file: PathBuf,
        taken_at: Timestamp,
        sha256: Option<String>,
        name: String,
        queries: Vec<String>,
    },
    /// Start the application of a database.
    Start { command: Invocation },
    /// Wait until a check is ok.
    Expect { effect: Postcondition },
    /// Delete these files with what belongs to them, as long as the shelf is in this state.
    Prune { backup: String, files: Vec<Doomed>, state: ShelfState },
    /// Hold tasks back, or let them go.
    Hold { change: Change },
    /// End a run of a task: by its scheduler's own word, or without one by a signal to the `rounds
    /// exec` that waits for it.
    StopRun { task: String, run: String, command: Option<Invocation> },
    /// End what runs of a task and start it anew.
    Restart { task: String, command: Invocation },
    /// Start a unit anew that failed.
    RestartUnit { unit: String, command: Invocation },
    /// Write down that what is installed of scheduled tasks is right.
    Accept { found: Vec<Found> },
    /// Upkeep by the database's engine; `sql` is what it will run.
    Maintain { database: String, work: Maintenance, sql: Vec<String> },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Run { command } => {
                write!(f, "$ {command}")?;
                if let Some(directory) = &command.directory {
                    write!(f, "   in {}", directory.display())?;
                }
                Ok(())
            }
            Step::CopyDatabase { source, programs, compress, files, .. } => {
                match &programs[..] {
                    [] => write!(f, "online copy of {source}")?,
                    [data, others @ ..] => {
                        write!(f, "$ {data}")?;
                        for other in others {
                            write!(f, " and $ {other}")?;
                        }
                    }
                }
                match compress {
                    Compression::None => write!(f, " to {files}"),
                    packing => write!(f, ", packed by {}, to {files}", packing.word()),
                }
            }
            Step::VerifyBackup { backup } => {
                write!(f, "hash, structure and rows of the newest file of backup `{backup}`")
            }
            Step::CarryBackup { backup, to } => {
                write!(f, "copy the newest file of backup `{backup}` to {}, and read it back there", to.display())
            }
            Step::SendBackup { backup, command, hash } => {
                write!(f, "$ {command}, for each file of the newest backup of `{backup}`")?;
                hash.iter().try_for_each(|hash| write!(f, "; then $ {hash}, which must say its SHA-256"))
            }
            Step::DrillBackup { backup, queries } => {
                write!(f, "restore the newest file of backup `{backup}` into a scratch, compare its rows")?;
                queries.iter().try_for_each(|query| write!(f, ", ask `{query}`"))
            }
            Step::Stop { command } => write!(f, "stop the application: $ {command}"),
            Step::SaveBefore { database, .. } => write!(f, "copy what is in {database} now, or go no further"),
            Step::Restore { file, to, .. } => {
                let file = file.display();
                write!(
                    f,
                    "unpack and prove {file} beside {}, then put it in its place, whole or not at all",
                    to.display()
                )
            }
            Step::RestoreBeside { file, name, queries, .. } => {
                write!(f, "restore {} into a database beside {name}, compare its rows", file.display())?;
                queries.iter().try_for_each(|query| write!(f, ", ask `{query}`"))?;
                f.write_str(", then swap their names in one transaction")
            }
            Step::Start { command } => write!(f, "start the application: $ {command}"),
            Step::Expect { effect } => {
                write!(f, "{} is ok within {}", effect.check, humanize::duration(effect.within))
            }
            Step::Prune { backup, files, .. } => {
                let bytes: u64 = files.iter().map(|file| file.bytes).sum();
                let files = humanize::count(files.len(), "file");
                write!(f, "delete {files} of backup `{backup}` for good, {}", humanize::bytes(bytes as f64))
            }
            Step::Hold { change } => write!(f, "{change}"),
            Step::StopRun { command: Some(command), .. } => write!(f, "$ {command}, and look that it is over"),
            Step::StopRun { command: None, .. } => f.write_str(
                "TERM to the `rounds exec` that began it, which passes it on; KILL to its command after 10 s; then look that \
                 it is over",
            ),
            Step::Restart { command, .. } => write!(f, "$ {command}, and look that it began anew and did not fail"),
            Step::RestartUnit { command, .. } => write!(f, "$ {command}, and look that it stays or ends well"),
            Step::Accept { found } => {
                let of = |one: &Found| format!("{} ({})", one.scope, humanize::count(one.tasks, "task"));
                let all: Vec<String> = found.iter().map(of).collect();
                write!(f, "read again, and write down as right what is installed of {}", all.join(", "))
            }
            Step::Maintain { database, work, sql } => {
                let how = if work.verb.only_reads() { ", read-only" } else { "" };
                write!(f, "SQL on {database}{how}: {}", sql.join("; "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_so_that_arguments_can_be_told_apart() {
        let invocation = Invocation::new(["echo", "a b", "it's", "", "--x=1"]);
        assert_eq!(invocation.to_string(), r"echo 'a b' 'it'\''s' '' --x=1");
    }
}
