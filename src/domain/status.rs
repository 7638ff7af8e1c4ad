//! How a target is doing, in four words.

use serde::{Deserialize, Serialize};

/// How a target is doing, ordered by how soon somebody should look.
///
/// `Unknown` ranks above `Warning`: not knowing is worse than a known flaw. The exit
/// codes are those of the Monitoring Plugins guidelines, whose *severity* order differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ok,
    Warning,
    #[default]
    Unknown,
    Critical,
}

impl Status {
    /// Every status, from quiet to loud.
    pub const ALL: [Status; 4] = [Status::Ok, Status::Warning, Status::Unknown, Status::Critical];

    /// The status that should be looked at first; `Ok` for none at all.
    pub fn worst(statuses: impl IntoIterator<Item = Status>) -> Status {
        statuses.into_iter().max().unwrap_or(Status::Ok)
    }

    /// The exit code of `rounds check`: 0, 1, 3, 2.
    pub const fn exit_code(self) -> u8 {
        match self {
            Status::Ok => 0,
            Status::Warning => 1,
            Status::Critical => 2,
            Status::Unknown => 3,
        }
    }

    /// The word in JSON and in sentences.
    pub const fn word(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Warning => "warning",
            Status::Unknown => "unknown",
            Status::Critical => "critical",
        }
    }

    /// Four letters for a column.
    pub const fn label(self) -> &'static str {
        match self {
            Status::Ok => "OK",
            Status::Warning => "WARN",
            Status::Unknown => "UNKN",
            Status::Critical => "CRIT",
        }
    }

    /// One letter that is legible without colour.
    pub const fn letter(self) -> char {
        match self {
            Status::Ok => 'o',
            Status::Warning => 'w',
            Status::Unknown => '?',
            Status::Critical => 'C',
        }
    }

    pub const fn is_ok(self) -> bool {
        matches!(self, Status::Ok)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worst_is_associative_commutative_and_idempotent() {
        for a in Status::ALL {
            for b in Status::ALL {
                assert_eq!(Status::worst([a, b]), Status::worst([b, a]));
                assert_eq!(Status::worst([a, a]), a);
                for c in Status::ALL {
                    let left = Status::worst([Status::worst([a, b]), c]);
                    let right = Status::worst([a, Status::worst([b, c])]);
                    assert_eq!(left, right);
                }
            }
        }
    }

    #[test]
    fn nothing_at_all_is_ok_but_not_knowing_is_not() {
        assert_eq!(Status::worst([]), Status::Ok);
        assert!(Status::Unknown > Status::Warning);
        assert_eq!(Status::ALL.map(Status::exit_code), [0, 1, 3, 2]);
    }
}
