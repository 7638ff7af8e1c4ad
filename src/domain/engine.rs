//! What each database engine is called, what upkeep it can do, and what of it can be limited:
//! the words that the configuration, the panes and the engines share.

mod gauge;
mod mysql;
mod postgresql;
mod sqlite;

pub use gauge::{Bad, Gauge};

use crate::domain::upkeep::{Verb, Way};

/// An engine as everybody but its own code knows it.
#[derive(Debug)]
pub struct EngineCard {
    /// `sqlite`, as JSON, manifests and vital signs say it.
    pub name: &'static str,
    /// The schemes of its addresses: `sqlite` of `sqlite:/srv/rota/db.sqlite3`.
    pub schemes: &'static [&'static str],
    /// The upkeep it can do, and how, in the order of a menu.
    pub can: &'static [Way],
    /// How many bytes of a name it heeds: it would take a longer one for another. `None` where
    /// it refuses those itself.
    pub longest_name: Option<usize>,
    /// The ending of a backup's name, where nobody says another.
    pub ending: &'static str,
    /// The programs that write a database out, the data first; none where the engine itself
    /// copies.
    pub dump: &'static [&'static [&'static str]],
    /// What can be limited, in the order in which it is shown.
    pub gauges: &'static [Gauge],
}

pub const SQLITE: EngineCard = EngineCard {
    name: "sqlite",
    schemes: &["sqlite"],
    can: sqlite::CAN,
    longest_name: None,
    ending: "sqlite3",
    dump: &[],
    gauges: sqlite::GAUGES,
};

pub const POSTGRESQL: EngineCard = EngineCard {
    name: "postgresql",
    schemes: &["postgres", "postgresql"],
    can: postgresql::CAN,
    longest_name: Some(63),
    ending: "dump",
    dump: &[
        &["pg_dump", "--format=custom", "--no-password", "--lock-wait-timeout=30s"],
        &["pg_dumpall", "--globals-only", "--no-password"],
    ],
    gauges: postgresql::GAUGES,
};

/// How a PostgreSQL database is dumped into a directory: by several jobs at once, of which the server
/// has one connection each.
pub const POSTGRESQL_DIRECTORY: &[&str] =
    &["pg_dump", "--format=directory", "--jobs=4", "--no-password", "--lock-wait-timeout=30s"];

/// MySQL and MariaDB: the same questions, but for a few.
pub const MYSQL: EngineCard = EngineCard {
    name: "mysql",
    schemes: &["mysql", "mariadb"],
    can: mysql::CAN,
    longest_name: None,
    ending: "sql",
    dump: &[&[
        "mariadb-dump",
        "--single-transaction",
        "--quick",
        "--routines",
        "--triggers",
        "--events",
        "--hex-blob",
        "--no-tablespaces",
    ]],
    gauges: mysql::GAUGES,
};

/// Every engine there is.
pub const ENGINES: &[&EngineCard] = &[&SQLITE, &POSTGRESQL, &MYSQL];

impl EngineCard {
    /// The engine that answers to a scheme.
    pub fn of_scheme(scheme: &str) -> Option<&'static EngineCard> {
        ENGINES.iter().find(|engine| engine.schemes.contains(&scheme)).copied()
    }

    /// How it does this, if it can.
    pub fn way(&self, verb: Verb) -> Option<&'static Way> {
        self.can.iter().find(|way| way.verb == verb)
    }

    /// The engine of that name.
    pub fn named(name: &str) -> Option<&'static EngineCard> {
        ENGINES.iter().find(|engine| engine.name == name).copied()
    }

    /// The engine of that name.
    pub fn of_name(name: &str) -> Option<&'static EngineCard> {
        ENGINES.iter().find(|engine| engine.name == name).copied()
    }

    pub fn gauge(&self, key: &str) -> Option<&'static Gauge> {
        self.gauges.iter().find(|gauge| gauge.key == key)
    }
}

/// Whether any engine knows this gauge.
pub fn is_gauge(key: &str) -> bool {
    keys().any(|known| known == key)
}

/// The keys of all gauges, each once.
pub fn keys() -> impl Iterator<Item = &'static str> {
    ENGINES.iter().enumerate().flat_map(|(place, engine)| {
        let earlier = &ENGINES[..place];
        let new = move |key: &&str| earlier.iter().all(|engine| engine.gauge(key).is_none());
        engine.gauges.iter().map(|gauge| gauge.key).filter(new)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::Unit;

    #[test]
    fn no_engine_has_a_gauge_twice_and_all_mean_the_same_by_it() {
        for engine in ENGINES {
            for (place, gauge) in engine.gauges.iter().enumerate() {
                assert!(engine.gauges[place + 1..].iter().all(|other| other.key != gauge.key), "{}", gauge.key);
                for other in ENGINES.iter().filter_map(|other| other.gauge(gauge.key)) {
                    assert_eq!((other.unit, other.label), (gauge.unit, gauge.label), "{}", gauge.key);
                }
            }
        }
        assert_eq!(keys().filter(|key| *key == "size").count(), 1);
        assert_eq!(keys().count(), keys().collect::<std::collections::BTreeSet<_>>().len());
    }

    #[test]
    fn a_default_is_in_the_unit_of_its_gauge_and_says_where_it_comes_from() {
        for gauge in ENGINES.iter().flat_map(|engine| engine.gauges) {
            for limit in gauge.warning.iter().chain(&gauge.critical) {
                assert_eq!(limit.unit, gauge.unit, "{}", gauge.key);
                assert!(!gauge.source.is_empty(), "{} has a default without a source", gauge.key);
            }
        }
        assert_eq!(POSTGRESQL.gauge("connections").map(|gauge| gauge.unit), Some(Unit::Percent));
    }
}
