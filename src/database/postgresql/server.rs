//! What has to be known of a server before it can be asked anything else.

use crate::database::ident;
use crate::database::row::Row;
use crate::domain::upkeep::TableName;

/// The question whose answer [`Server::read`] understands; cheap, for it comes first each time.
pub(super) const QUESTION: &str = "
    SELECT current_setting('server_version_num'), current_setting('server_version'), current_user,
           pg_is_in_recovery(), pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'), current_database(),
           current_setting('default_transaction_read_only') = 'on' AND current_setting('statement_timeout') <> '0'
             AND current_setting('lock_timeout') <> '0' AND current_setting('search_path') = 'pg_catalog',
           has_function_privilege('pg_catalog.pg_ls_archive_statusdir()', 'EXECUTE'), e.extversion, n.nspname
      FROM (SELECT 1) AS one LEFT JOIN pg_extension e ON e.extname = 'pg_stat_statements'
      LEFT JOIN pg_namespace n ON n.oid = e.extnamespace";

/// The oldest version whose catalogues the questions are written for.
pub(super) const OLDEST: u32 = 120_000;

/// A server, as one role sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// `150018` of 15.18.
    pub(super) number: u32,
    pub(super) version: String,
    pub(super) role: String,
    /// It replays what another server writes.
    pub(super) standby: bool,
    /// Whether our role sees what other sessions do.
    pub(super) sees_sessions: bool,
    pub(super) database: String,
    /// Whether our role may see which logs wait for the archiver.
    pub(super) lists_archive: bool,
    /// The extension that counts statements, where it is installed.
    pub(super) statements: Option<Extension>,
    /// The table of operations that the configuration names.
    pub(super) operations: Option<TableName>,
}

/// An extension of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extension {
    /// `(1, 10)` of 1.10.
    pub(super) version: (u32, u32),
    pub(super) schema: String,
}

impl Extension {
    fn read(version: Option<&str>, schema: Option<&str>) -> Option<Self> {
        let (major, minor) = version?.split_once('.')?;
        Some(Self { version: (major.parse().ok()?, minor.parse().ok()?), schema: schema?.to_owned() })
    }
}

impl Server {
    pub(super) fn read(rows: &[Row]) -> Option<Self> {
        let row = rows.first()?;
        Some(Self {
            number: u32::try_from(row.whole(0)?).ok()?,
            version: row.text(1).to_owned(),
            role: row.text(2).to_owned(),
            standby: row.flag(3),
            sees_sessions: row.flag(4),
            database: row.text(5).to_owned(),
            lists_archive: row.flag(7),
            statements: Extension::read(row.get(8), row.get(9)),
            operations: None,
        })
    }

    /// Whether what we asked for when we connected holds: read-only, with time limits.
    pub(super) fn is_guarded(rows: &[Row]) -> bool {
        rows.first().is_some_and(|row| row.flag(6))
    }

    /// Whether it is of this major version, or a later one.
    pub(super) fn is_at_least(&self, major: u32) -> bool {
        self.number >= major * 10_000
    }

    /// Why what other sessions do stays hidden.
    pub(super) fn blind(&self) -> String {
        format!("the role {} sees only its own sessions", self.role)
    }

    /// What would uncover tables.
    pub(super) fn grant_read(&self) -> String {
        let role = ident::quoted(&self.role);
        if self.is_at_least(14) {
            format!("GRANT pg_read_all_data TO {role}")
        } else {
            format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role} -- and likewise in other schemas")
        }
    }

    /// What would uncover them.
    pub(super) fn grant_monitor(&self) -> String {
        format!("GRANT pg_monitor TO {}", ident::quoted(&self.role))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A server as a monitoring role sees it.
    pub(in crate::database::postgresql) fn server() -> Server {
        Server {
            number: 150_018,
            version: "15.18".to_owned(),
            role: "mon".to_owned(),
            standby: false,
            sees_sessions: true,
            database: "rota".to_owned(),
            lists_archive: true,
            statements: Some(Extension { version: (1, 10), schema: "public".to_owned() }),
            operations: None,
        }
    }

    #[test]
    fn a_server_says_what_it_is() {
        let row = Row::new(["150018", "15.18 (Debian)", "mon", "f", "t", "rota", "t", "t", "1.10", "public"].map(Some));
        let read = Server::read(&[row]).expect("a server");
        assert_eq!(read, Server { version: "15.18 (Debian)".to_owned(), ..server() });
        assert!(read.is_at_least(14) && !read.is_at_least(16));
        assert_eq!(Server::read(&[]), None);
        let odd = Server { role: "mo\"n".to_owned(), ..server() };
        assert_eq!(odd.grant_monitor(), r#"GRANT pg_monitor TO "mo""n""#);
    }
}
