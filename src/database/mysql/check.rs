//! The checks of a MySQL or MariaDB database: one file each, one line in [`CHECKS`]. What they
//! measure can be limited by the gauges of the same names in [`crate::domain::engine`].

mod auto_increment;
mod blocked;
mod connections;
mod counters;
pub(super) mod digests;
mod history;
mod innodb;
mod replication;
mod statements;
pub(super) mod tables;
mod transactions;

use super::server::Server;
use crate::database::check::Check;

pub(super) use blocked::waits;

/// Every check, in the order in which its facts are shown.
pub(super) const CHECKS: &[Check<Server>] = &[
    connections::CHECK,
    transactions::IDLE,
    transactions::OLDEST,
    blocked::CHECK,
    innodb::CHECK,
    history::CHECK,
    statements::CHECK,
    digests::CHECK,
    replication::CHECK,
    tables::CHECK,
    auto_increment::CHECK,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::engine::MYSQL;

    #[test]
    fn every_gauge_is_measured_by_one_check_and_every_check_has_its_gauges() {
        let measured: Vec<&str> = CHECKS.iter().flat_map(|check| check.gauges).copied().collect();
        for gauge in MYSQL.gauges.iter().map(|gauge| gauge.key).filter(|key| !["latency", "growth"].contains(key)) {
            assert_eq!(measured.iter().filter(|key| **key == gauge).count(), 1, "{gauge}");
        }
        for key in measured {
            assert!(MYSQL.gauge(key).is_some(), "{key} cannot be limited");
        }
    }
}
