//! What an operator can mean by a key. One line per command: its name on the command line
//! and in the key table, and what it does, as help shows it.

use crate::domain::action_name::ActionName;
use crate::domain::inventory::TargetKind;

macro_rules! commands {
    ($($variant:ident $name:literal $doc:literal,)*) => {
        /// What an operator meant.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Command { $(#[doc = $doc] $variant,)* }

        impl Command {
            /// Every command, in the order help lists them.
            pub const ALL: &[Command] = &[$(Command::$variant,)*];

            /// The name it is bound, typed and documented by.
            pub const fn name(self) -> &'static str {
                match self { $(Command::$variant => $name,)* }
            }

            /// What it does, in a few words.
            pub const fn doc(self) -> &'static str {
                match self { $(Command::$variant => $doc,)* }
            }
        }
    };
}

commands! {
    Help           "help"            "help for where you are",
    CommandLine    "command"         "type a command",
    Palette        "palette"         "pick from all that can be done",
    Filter         "filter"          "filter the list",
    NextMatch      "next-match"      "next match",
    PreviousMatch  "previous-match"  "previous match",
    Back           "back"            "clear, or go back",
    Quit           "quit"            "go back, or leave",
    NextPane       "next-pane"       "next pane",
    PreviousPane   "previous-pane"   "previous pane",
    Overview       "overview"        "the overview",
    Pane1          "attention"       "what needs attention",
    Pane2          "checklist"       "today's checklist",
    Pane3          "system"          "this machine",
    Pane4          "databases"       "databases",
    Pane5          "backups"         "backups",
    Pane6          "tasks"           "scheduled tasks",
    Pane7          "activity"        "what happened and who did it",
    Pane8          "jobs"            "this session's acts and their output",
    Up             "up"              "up",
    Down           "down"            "down",
    Left           "left"            "left",
    Right          "right"           "right",
    Top            "top"             "first row",
    Bottom         "bottom"          "last row",
    HalfPageUp     "half-page-up"    "half a page up",
    HalfPageDown   "half-page-down"  "half a page down",
    Zoom           "zoom"            "the whole screen for this pane",
    Read           "read"            "read the selected target now",
    ReadAll        "read-all"        "read everything now",
    Pause          "pause"           "hold the picture still",
    Copy           "copy"            "copy the selected row",
    Why            "why"             "why: evidence, history and limits",
    Actions        "actions"         "what can be done about this row",
    Incident       "incident"        "what failed, and what was learned",
    Log            "log"             "what happened to this row, in order",
    Redraw         "redraw"          "paint the whole screen anew",
    Suspend        "suspend"         "to the shell; fg comes back",
    Backup         "backup"          "back up now",
    Verify         "verify"          "verify the newest backup",
    Drill          "drill"           "restore it into a scratch, timed",
    CopyBackup     "copy-backup"     "copy the newest to the second place",
    Prune          "prune"           "what no rule keeps, and its deletion",
    Vacuum         "vacuum"          "upkeep: vacuum, analyze, reindex",
    Integrity      "integrity"       "check the database's structure",
    Connections    "connections"     "who is connected, and who waits",
    Tables         "tables"          "the largest tables and their growth",
    Statements     "statements"      "what takes the most of its time",
    Explain        "explain"         "how a statement would be run",
    CancelStatement "cancel-statement" "cancel what this session does",
    Terminate      "terminate"       "end this session",
    RunTask        "run-task"        "run this task now",
    FreezeThaw     "freeze-or-thaw"  "freeze all tasks, or thaw them",
    EnableDisable  "enable-or-disable" "enable this task, or disable it",
    Accept         "accept"          "accept what is installed as right",
    LastOutput     "last-output"     "what it printed last time",
    Tick           "tick"            "tick this item",
    Evidence       "evidence"        "the evidence behind this item",
    Skip           "skip"            "skip this item, with a reason",
    Undo           "undo"            "take the mark back",
    EarlierPeriod  "earlier"         "the period before",
    LaterPeriod    "later"           "the period after",
    Sign           "sign"            "sign the checklist",
    CancelJob      "cancel"          "cancel this job",
}

impl Command {
    /// The command of that name.
    pub fn named(name: &str) -> Option<Command> {
        Self::ALL.iter().copied().find(|command| command.name() == name)
    }

    /// Its name in running text.
    pub fn label(self) -> String {
        self.name().replace('-', " ")
    }

    /// The act it stands for, and the kind of target that act is for.
    pub fn act(self) -> Option<(ActionName, TargetKind)> {
        match self {
            Command::Backup => Some((ActionName::BACKUP, TargetKind::Backup)),
            Command::Verify => Some((ActionName::VERIFY, TargetKind::Backup)),
            Command::Drill => Some((ActionName::DRILL, TargetKind::Backup)),
            Command::CopyBackup => Some((ActionName::COPY, TargetKind::Backup)),
            Command::Prune => Some((ActionName::PRUNE, TargetKind::Backup)),
            Command::Vacuum => Some((ActionName::VACUUM, TargetKind::Database)),
            Command::Integrity => Some((ActionName::INTEGRITY, TargetKind::Database)),
            Command::RunTask => Some((ActionName::RUN_TASK, TargetKind::Task)),
            Command::Accept => Some((ActionName::ACCEPT, TargetKind::Task)),
            _ => None,
        }
    }

    /// The command that stands for an act, where one does.
    pub fn for_act(action: &ActionName) -> Option<Command> {
        Self::ALL.iter().copied().find(|command| command.act().is_some_and(|(name, _)| name == *action))
    }

    /// The pane a command goes to, counted from 0.
    pub fn pane(self) -> Option<usize> {
        const PANES: [Command; 8] = [
            Command::Pane1,
            Command::Pane2,
            Command::Pane3,
            Command::Pane4,
            Command::Pane5,
            Command::Pane6,
            Command::Pane7,
            Command::Pane8,
        ];
        PANES.iter().position(|pane| *pane == self)
    }
}
