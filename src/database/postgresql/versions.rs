//! What each version of the server knows, held against everything it is asked: a question that names
//! what it does not know yet, or no longer, would leave its gauge unknown for ever.

use super::act;
use super::check::CHECKS;
use super::explain;
use super::server::tests::server;
use super::server::{self, Extension, Server};
use super::{activity, insight};
use crate::database::check::Question;
use crate::domain::upkeep::{TableName, Verb};

const VERSIONS: [u32; 7] = [12, 13, 14, 15, 16, 17, 18];

/// A word of the catalogues, the first version that has it, and the last, as the release notes
/// tell.
const WORDS: &[(&str, u32, u32)] = &[
    // 13: statements are planned and executed; slots say how it stands with their log.
    ("total_time", 0, 12),
    ("mean_time", 0, 12),
    ("total_exec_time", 13, 99),
    ("mean_exec_time", 13, 99),
    ("wal_status", 13, 99),
    ("safe_wal_size", 13, 99),
    ("pg_stat_progress_analyze", 13, 99),
    ("pg_stat_progress_basebackup", 13, 99),
    ("leader_pid", 13, 99),
    // 14: waits have a beginning, statements a level, and roles that read everything.
    ("waitstart", 14, 99),
    ("toplevel", 14, 99),
    ("pg_stat_statements_info", 14, 99),
    ("query_id", 14, 99),
    ("pg_read_all_data", 14, 99),
    ("pg_stat_wal", 14, 99),
    ("session_time", 14, 99),
    // 15
    ("pg_stat_force_next_flush", 15, 99),
    ("pg_stat_subscription_stats", 15, 99),
    // 16
    ("pg_stat_io", 16, 99),
    ("last_seq_scan", 16, 99),
    ("last_idx_scan", 16, 99),
    ("n_tup_newpage_upd", 16, 99),
    ("generic_plan", 16, 99),
    // 17: checkpoints have a view of their own, vacuum counts bytes, statements their beginning.
    ("checkpoints_timed", 0, 16),
    ("checkpoints_req", 0, 16),
    ("checkpoint_write_time", 0, 16),
    ("buffers_checkpoint", 0, 16),
    ("buffers_backend", 0, 16),
    ("pg_stat_checkpointer", 17, 99),
    ("num_requested", 17, 99),
    ("max_dead_tuples", 0, 16),
    ("num_dead_tuples", 0, 16),
    ("max_dead_tuple_bytes", 17, 99),
    ("num_dead_item_ids", 17, 99),
    ("stats_since", 17, 99),
    ("minmax_stats_since", 17, 99),
    ("shared_blk_read_time", 17, 99),
    ("invalidation_reason", 17, 99),
    ("inactive_since", 17, 99),
    // 18
    ("wal_write_time", 14, 17),
    ("total_vacuum_time", 18, 99),
];

/// The extension as the packages of each version bring it.
fn of(major: u32, standby: bool) -> Server {
    let minor = match major {
        12 => 7,
        13 => 8,
        14 => 9,
        15 | 16 => 10,
        17 => 11,
        _ => 12,
    };
    Server {
        number: major * 10_000 + 3,
        standby,
        statements: Some(Extension { version: (1, minor), schema: "public".to_owned() }),
        operations: Some(TableName { schema: None, name: "ops".to_owned() }),
        ..server()
    }
}

/// Everything that a server of this version is asked, by whom.
fn questions(major: u32) -> Vec<(String, String)> {
    let mut all = vec![("greeting".to_owned(), server::QUESTION.to_owned())];
    for standby in [false, true] {
        let server = of(major, standby);
        let asked = CHECKS.iter().filter_map(|check| match (check.ask)(&server) {
            Question::Ask(question) | Question::InTurns(question) => {
                Some((check.name().to_owned(), question.to_owned()))
            }
            Question::Made(question) => Some((check.name().to_owned(), question)),
            Question::NotHere | Question::Hidden { .. } => None,
        });
        all.extend(asked);
    }
    all.extend(insight::QUESTIONS.iter().map(|question| ("tables by hand".to_owned(), (*question).to_owned())));
    all.push(("sessions".to_owned(), activity::QUESTION.to_owned()));
    all.push(("powers".to_owned(), explain::POWERS.to_owned()));
    for verb in Verb::ALL {
        all.push((
            format!("progress of {verb:?}"),
            act::progress_question(verb, u64::from(of(major, false).number), 7),
        ));
    }
    all
}

/// Whether it stands there as a word of its own.
fn names(question: &str, word: &str) -> bool {
    let within = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    question.match_indices(word).any(|(at, _)| {
        !within(question[..at].chars().next_back()) && !within(question[at + word.len()..].chars().next())
    })
}

#[test]
fn no_version_is_asked_for_what_it_does_not_know() {
    for major in VERSIONS {
        let asked = questions(major);
        assert!(asked.len() > 40, "only {} questions to {major}", asked.len());
        for (who, question) in asked {
            let question = question.to_lowercase();
            for (word, first, last) in WORDS {
                let known = (*first..=*last).contains(&major);
                assert!(known || !names(&question, word), "{who} asks a server of version {major} for `{word}`");
            }
        }
    }
}

#[test]
fn what_was_renamed_is_asked_by_its_name_of_the_day() {
    let asks = |major, word| questions(major).iter().any(|(_, question)| names(&question.to_lowercase(), word));
    for (word, first, last) in [
        ("total_time", 12, 12),
        ("total_exec_time", 13, 18),
        ("toplevel", 14, 18),
        ("stats_since", 17, 18),
        ("wal_status", 13, 18),
        ("waitstart", 14, 18),
        ("pg_stat_progress_analyze", 13, 18),
        ("checkpoints_req", 12, 16),
        ("num_requested", 17, 18),
    ] {
        for major in VERSIONS {
            assert_eq!(asks(major, word), (first..=last).contains(&major), "`{word}` of version {major}");
        }
    }
}

#[test]
fn a_grant_is_one_that_the_version_has() {
    for major in VERSIONS {
        let server = of(major, false);
        assert_eq!(server.grant_read().contains("pg_read_all_data"), major >= 14, "{major}");
        assert!(server.grant_monitor().contains("pg_monitor"));
    }
}
