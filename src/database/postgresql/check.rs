//! The checks of a PostgreSQL database: one file each, one line in [`CHECKS`]. What they measure
//! can be limited by the gauges of the same names in [`crate::domain::engine`].

mod archiver;
mod audits;
mod autovacuum;
pub(super) mod bloat;
mod blocked;
mod checkpoints;
mod connections;
mod dead_rows;
mod duplicates;
mod exposed;
mod foreign_keys;
mod horizon;
mod indexes;
mod operations;
mod prepared;
mod replication;
mod scans;
mod sequences;
mod settings;
mod size;
mod slots;
pub(super) mod statements;
mod statistics;
pub(super) mod tables;
mod transactions;
mod unused;
mod wraparound;

use super::server::Server;
use crate::database::check::{Check, Question};

/// Every check, in the order in which its facts are shown.
pub(super) const CHECKS: &[Check<Server>] = &[
    connections::CHECK,
    transactions::IDLE,
    transactions::OLDEST,
    blocked::CHECK,
    statistics::CHECK,
    prepared::CHECK,
    horizon::CHECK,
    replication::CHECK,
    slots::CHECK,
    archiver::CHECK,
    checkpoints::CHECK,
    autovacuum::CHECK,
    size::CHECK,
    dead_rows::CHECK,
    wraparound::CHECK,
    sequences::CHECK,
    indexes::CHECK,
    settings::CHECK,
    tables::CHECK,
    bloat::CHECK,
    statements::CHECK,
    scans::CHECK,
    foreign_keys::CHECK,
    duplicates::CHECK,
    unused::CHECK,
    exposed::CHECK,
    audits::CHECK,
    operations::CHECK,
];

/// Asks only with the right to see what other sessions do: without it the answer would look
/// well and be wrong.
fn with_sessions(server: &Server, question: &'static str) -> Question {
    if server.sees_sessions {
        Question::Ask(question)
    } else {
        Question::Hidden { why: server.blind(), grant: Some(server.grant_monitor()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::engine::POSTGRESQL;

    #[test]
    fn every_gauge_is_measured_by_one_check_and_every_check_has_its_gauges() {
        let measured: Vec<&str> = CHECKS.iter().flat_map(|check| check.gauges).copied().collect();
        for gauge in POSTGRESQL.gauges.iter().map(|gauge| gauge.key).filter(|key| *key != "latency") {
            assert_eq!(measured.iter().filter(|key| **key == gauge).count(), 1, "{gauge}");
        }
        for key in measured {
            assert!(POSTGRESQL.gauge(key).is_some(), "{key} cannot be limited");
        }
    }
}
