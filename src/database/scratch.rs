//! What a scratch database on any server is called: names with a code made of their own random part,
//! so that none of somebody who named a database alike is ever taken for ours.

use sha2::{Digest, Sha256};

/// How every comment of ours begins.
pub const MARK: &str = "rounds scratch: ";
/// What codes are made of, with the random part of the name.
const CODE: &str = "rounds scratch 1: name ";
/// So many letters of a code are in a name.
const LETTERS: usize = 12;

/// What one is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Drill,
    Restore,
}

/// What a question to a scratch was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// No row at all.
    Nothing,
    /// As text; `None` for NULL.
    Value(Option<String>),
    /// It would change what it asks.
    Changes,
    Fails(String),
}

impl Purpose {
    pub const ALL: [Purpose; 2] = [Purpose::Drill, Purpose::Restore];

    /// How the names of these begin.
    pub const fn prefix(self) -> &'static str {
        match self {
            Purpose::Drill => "rounds_drill_",
            Purpose::Restore => "rounds_restore_",
        }
    }

    /// A name that nobody has.
    pub fn name(self) -> String {
        let random = uuid::Uuid::now_v7().simple().to_string().split_off(12);
        format!("{}{random}_{}", self.prefix(), code(&random))
    }
}

fn code(random: &str) -> String {
    let digest = Sha256::digest(format!("{CODE}{random}"));
    digest.iter().take(LETTERS / 2).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Whether a database of this name and comment was made by us.
pub fn is_ours(name: &str, comment: &str) -> bool {
    let named = Purpose::ALL.iter().any(|purpose| {
        let parts = name.strip_prefix(purpose.prefix()).and_then(|rest| rest.split_once('_'));
        parts.is_some_and(|(random, written)| code(random) == written)
    });
    named && (comment.is_empty() || comment.starts_with(MARK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_with_its_code_is_ours() {
        for purpose in Purpose::ALL {
            let one = purpose.name();
            assert!(is_ours(&one, "") && one.len() < 64 && one != purpose.name(), "{one}");
            assert!(!is_ours(&one[..one.len() - 1], "") && !is_ours(&format!("{one}0"), ""), "{one}");
            assert!(is_ours(&one, "rounds scratch: drill of x") && !is_ours(&one, "kept for the auditors"), "{one}");
        }
        for theirs in ["rounds_drill_", "rounds_drill_mine", "rounds_drill_0123456789abcdef0123_0123456789ab", "rota"] {
            assert!(!is_ours(theirs, MARK), "{theirs}");
        }
    }

    #[test]
    fn codes_never_change_for_other_versions_must_know_what_is_ours() {
        assert_eq!(code("x"), "c56bae08e07b");
    }
}
