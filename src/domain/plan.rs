//! A plan: the exact steps of an act, as data. The dialog and `--dry-run` show it, the
//! executor runs it, and only once it is [`Confirmed`].

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::action_name::ActionName;
use crate::domain::backup::{Compression, Doomed, ShelfState};
use crate::domain::hold::Change;
use crate::domain::humanize;
use crate::domain::inventory::Target;
use crate::domain::observation::ProbeId;
use crate::domain::redact;
use crate::domain::time::Timestamp;
use crate::domain::upkeep::{Maintenance, Scope};

/// How much an act can hurt, and therefore how it is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Nothing is lost and nobody waits: one key.
    Routine,
    /// Somebody may notice: a dialog.
    Disruptive,
    /// Something may be gone: the target's name is typed.
    Destructive,
}

impl Risk {
    pub const fn word(self) -> &'static str {
        match self {
            Risk::Routine => "routine",
            Risk::Disruptive => "disruptive",
            Risk::Destructive => "destructive",
        }
    }

    /// One level up, as in production.
    #[must_use]
    pub const fn raised(self) -> Self {
        match self {
            Risk::Routine => Risk::Disruptive,
            Risk::Disruptive | Risk::Destructive => Risk::Destructive,
        }
    }
}

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
            Step::Maintain { database, work, sql } => {
                let how = if work.verb.only_reads() { ", read-only" } else { "" };
                write!(f, "SQL on {database}{how}: {}", sql.join("; "))
            }
        }
    }
}

/// What must hold before an act may start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "guard", rename_all = "kebab-case")]
pub enum Guard {
    /// The newest usable backup is no older than this.
    BackupWithin { backup: String, within: Duration },
    /// No other act runs on this target.
    Idle { target: String },
    /// At `at` there is room for another `file`, and a fifth more.
    RoomFor { file: PathBuf, at: PathBuf },
    /// Nothing on the database's server stands against it; a reason overrides what would only
    /// make it slow or useless.
    Unhindered { database: String, work: Maintenance },
    /// The task is not running already.
    NotRunning { task: String },
    /// The newest run of the task is not of today; a reason overrides it.
    NotRunToday { task: String },
    /// This run of the task goes on, and whoever began it can be told to end it; `ours` where that
    /// is `rounds exec`.
    Runs { task: String, run: String, ours: bool },
    /// This program runs as root.
    Root,
    /// A reason is given.
    Reason,
    /// Every crontab and every scheduler of the plan can be changed by us, and each line is there as it
    /// was planned.
    MayHold { as_root: bool },
    /// The files of a backup are those the plan was made of, and nothing speaks against deleting.
    Unchanged { backup: String, state: ShelfState },
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Guard::BackupWithin { backup, within } => {
                write!(f, "backup `{backup}` is no older than {}", humanize::duration(*within))
            }
            Guard::Idle { target } => write!(f, "nothing else runs on `{target}`"),
            Guard::RoomFor { file, at } => {
                write!(f, "{} has room for another {}", at.display(), file.display())
            }
            Guard::Unhindered { work: Maintenance { scope: Scope::Session(session), .. }, .. } => {
                write!(f, "pid {} is still the session that was looked at", session.pid)
            }
            Guard::Unhindered { .. } => f.write_str(
                "the server is no standby; and no old transaction, dump or other vacuum is in the way, or a reason is \
                 given",
            ),
            Guard::NotRunning { task } => write!(f, "`{task}` is not running"),
            Guard::NotRunToday { task } => write!(f, "`{task}` has not run today, or a reason is given"),
            Guard::Runs { task, .. } => write!(f, "this run of `{task}` still goes on"),
            Guard::Root => f.write_str("this is root"),
            Guard::Reason => f.write_str("a reason is given"),
            Guard::MayHold { as_root: true } => f.write_str("this is root, and every line is there as planned"),
            Guard::MayHold { as_root: false } => {
                f.write_str("the crontabs are ours to change, and every line is there as planned")
            }
            Guard::Unchanged { backup, state } => {
                write!(f, "the files of backup `{backup}` are still as planned ({})", state.short())
            }
        }
    }
}

/// What must hold after an act for it to have succeeded; exit 0 is not enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Postcondition {
    /// The probe that must be ok.
    pub check: ProbeId,
    /// How long it may take to become so.
    pub within: Duration,
}

/// The exact steps of an act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub action: ActionName,
    /// What it does, in words: `Back up rota-db`.
    pub title: String,
    pub target: Target,
    pub risk: Risk,
    pub environment: String,
    pub host: String,
    pub guards: Vec<Guard>,
    pub steps: Vec<Step>,
    pub verify: Option<Postcondition>,
    /// Probes that are read again when it is done.
    pub affects: Vec<ProbeId>,
    pub timeout: Duration,
    /// What the operator should know before saying yes.
    pub notes: Vec<String>,
    pub undo: Option<String>,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("there is no {kind} called `{id}`{}", nearest.as_ref().map_or(String::new(), |name| format!("; did you mean `{name}`?")))]
    NoTarget { kind: &'static str, id: String, nearest: Option<String> },
    /// The act makes no sense on this target; the text says why, and what would.
    #[error("{0}")]
    Impossible(String),
    /// There is nothing to do: the target is not what this act is for, such as a thaw of what is not
    /// frozen.
    #[error("{0}")]
    Moot(String),
    #[error("parameter `{name}`: {why}")]
    Parameter { name: String, why: String },
}

/// How the operator answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// Yes: a key in the dialog, or `--yes`.
    Yes,
    /// The target's name, typed: in the dialog, or by `--confirm`.
    Typed(&'a str),
}

/// Why a plan was not confirmed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("this is destructive: it wants the name `{0}` typed (on the command line: --confirm {0})")]
    WantsName(String),
    #[error("`{typed}` is not the name `{wanted}`")]
    WrongName { typed: String, wanted: String },
}

/// A plan the operator agreed to. The only thing the executor takes, and only
/// [`Plan::confirm`] makes one: an unconfirmed act does not type-check.
#[derive(Clone, Debug)]
pub struct Confirmed(Plan);

impl Confirmed {
    pub fn plan(&self) -> &Plan {
        &self.0
    }
}

impl Plan {
    /// A plan without steps yet; the rest is set by the action that makes it.
    pub fn new(action: ActionName, title: impl Into<String>, target: Target) -> Self {
        Self {
            action,
            title: title.into(),
            target,
            risk: Risk::Routine,
            environment: String::new(),
            host: String::new(),
            guards: Vec::new(),
            steps: Vec::new(),
            verify: None,
            affects: Vec::new(),
            timeout: Duration::from_hours(1),
            notes: Vec::new(),
            undo: None,
        }
    }

    /// Whether it is refused without a reason.
    pub fn wants_reason(&self) -> bool {
        self.guards.contains(&Guard::Reason)
    }

    /// The name a destructive plan wants typed: the target's, or the action's own.
    pub fn name_to_type(&self) -> &str {
        &self.target.id
    }

    pub fn confirm(self, answer: Answer<'_>) -> Result<Confirmed, Refusal> {
        match answer {
            Answer::Typed(typed) if typed == self.name_to_type() => Ok(Confirmed(self)),
            Answer::Typed(typed) => {
                Err(Refusal::WrongName { typed: typed.to_owned(), wanted: self.name_to_type().to_owned() })
            }
            Answer::Yes if self.risk == Risk::Destructive => Err(Refusal::WantsName(self.name_to_type().to_owned())),
            Answer::Yes => Ok(Confirmed(self)),
        }
    }
}

impl fmt::Display for Plan {
    /// What `--dry-run` prints and the dialog shows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        writeln!(f, "  target       {}", self.target)?;
        if !self.host.is_empty() {
            writeln!(f, "  host         {}", self.host)?;
        }
        if !self.environment.is_empty() {
            writeln!(f, "  environment  {}", self.environment)?;
        }
        writeln!(f, "  risk         {}", self.risk.word())?;
        for (index, guard) in self.guards.iter().enumerate() {
            writeln!(f, "  {}  {guard}", if index == 0 { "only if    " } else { "           " })?;
        }
        for (index, step) in self.steps.iter().enumerate() {
            writeln!(f, "  step {}       {step}", index + 1)?;
        }
        if let Some(verify) = &self.verify {
            writeln!(f, "  succeeds if  {} is ok within {}", verify.check, humanize::duration(verify.within))?;
        }
        writeln!(f, "  time limit   {}", humanize::duration(self.timeout))?;
        for note in &self.notes {
            writeln!(f, "  note         {note}")?;
        }
        if let Some(undo) = &self.undo {
            writeln!(f, "  undo         {undo}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(risk: Risk) -> Plan {
        Plan { risk, ..Plan::new(ActionName::VACUUM, "Vacuum rota", Target::database("rota")) }
    }

    #[test]
    fn destructive_wants_the_name_and_nothing_else() {
        assert_eq!(
            plan(Risk::Destructive).confirm(Answer::Yes).expect_err("yes is too weak"),
            Refusal::WantsName("rota".into())
        );
        assert!(matches!(plan(Risk::Destructive).confirm(Answer::Typed("rot")), Err(Refusal::WrongName { .. })));
        assert!(plan(Risk::Destructive).confirm(Answer::Typed("rota")).is_ok());
        assert!(plan(Risk::Disruptive).confirm(Answer::Yes).is_ok());
    }

    #[test]
    fn production_raises_every_level() {
        assert_eq!(Risk::Routine.raised(), Risk::Disruptive);
        assert_eq!(Risk::Disruptive.raised(), Risk::Destructive);
    }

    #[test]
    fn commands_are_shown_so_that_arguments_can_be_told_apart() {
        let invocation = Invocation::new(["echo", "a b", "it's", "", "--x=1"]);
        assert_eq!(invocation.to_string(), r"echo 'a b' 'it'\''s' '' --x=1");
    }
}
