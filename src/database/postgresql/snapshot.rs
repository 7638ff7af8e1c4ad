//! One moment of a database, held open so that a dump and a count are both of it.

use std::collections::BTreeMap;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row as _};

use super::connect::Dialer;
use super::server::{self, Server};
use crate::config::{SecretRef, ServerAddress};
use crate::database::{DatabaseError, ident};
use crate::domain::sanitize;

/// Of a table the server takes for larger, rows are counted only when it is asked for by name.
const LARGE: f64 = 1_000_000.0;

/// The tables a dump carries rows of: not those of extensions, which come with them.
const TABLES: &str = "
    SELECT n.nspname, c.relname, greatest(c.reltuples, 0)::float8::text
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND c.relpersistence <> 't'
       AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e')
     ORDER BY 1, 2";

/// A moment that is held as long as this lives.
pub struct Snapshot {
    connection: PgConnection,
    place: String,
    /// What `pg_dump --snapshot` wants to know.
    pub id: String,
    /// `150018` of 15.18.
    pub number: u32,
    pub version: String,
    /// The whole database, indexes and all.
    pub bytes: u64,
    tables: Vec<(String, String, f64)>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("id", &self.id).field("version", &self.version).finish_non_exhaustive()
    }
}

impl Snapshot {
    /// Takes one. Nothing is locked by it.
    pub async fn take(address: &ServerAddress, password: Option<&SecretRef>) -> Result<Self, DatabaseError> {
        let dialer = Dialer::new(address.clone(), password.cloned(), std::time::Duration::from_secs(10));
        let place = sanitize::line(&address.to_string());
        let mut connection = dialer.session_for_long_work().await?;
        let wrong =
            |error: sqlx::Error| DatabaseError::Unreachable(format!("{place}: {}", sanitize::line(&error.to_string())));
        sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .execute(&mut connection)
            .await
            .map_err(wrong)?;
        let rows = sqlx::raw_sql(server::QUESTION).fetch_all(&mut connection).await.map_err(wrong)?;
        let rows: Result<Vec<_>, _> = rows.iter().map(super::connect::row).collect();
        let server = rows.ok().as_deref().and_then(Server::read);
        let server = server.ok_or_else(|| DatabaseError::Malformed(format!("{place}: it does not say what it is")))?;
        let question = "SELECT pg_export_snapshot(), pg_database_size(current_database())::text";
        let row = sqlx::raw_sql(question).fetch_one(&mut connection).await.map_err(wrong)?;
        let (id, bytes) = (text(&row, 0), text(&row, 1).parse().unwrap_or(0));
        let tables = sqlx::raw_sql(TABLES).fetch_all(&mut connection).await.map_err(wrong)?;
        let tables =
            tables.iter().map(|row| (text(row, 0), text(row, 1), text(row, 2).parse().unwrap_or(0.0))).collect();
        Ok(Self { connection, place, id, number: server.number, version: server.version, bytes, tables })
    }

    /// The rows of every table at that moment; `None` for a large one that `named` does not name,
    /// as `table` or `schema.table`.
    pub async fn count(&mut self, named: &[String]) -> Result<BTreeMap<String, Option<u64>>, DatabaseError> {
        let mut counts = BTreeMap::new();
        for (schema, table, estimate) in &self.tables {
            let full = format!("{schema}.{table}");
            let is_named = named.contains(table) || named.contains(&full);
            let wanted = is_named || (named.is_empty() && *estimate <= LARGE);
            let count = if wanted {
                let question =
                    format!("SELECT count(*)::text FROM ONLY {}.{}", ident::quoted(schema), ident::quoted(table));
                let row = sqlx::raw_sql(AssertSqlSafe(question)).fetch_one(&mut self.connection).await;
                let row = row.map_err(|error| {
                    let said = sanitize::line(&error.to_string());
                    DatabaseError::Denied(format!("{}: the rows of {full} cannot be counted: {said}", self.place))
                })?;
                text(&row, 0).parse().ok()
            } else {
                None
            };
            counts.insert(full, count);
        }
        Ok(counts)
    }
}

fn text(row: &sqlx::postgres::PgRow, column: usize) -> String {
    let value = row.try_get_raw(column).ok();
    value.and_then(|value| value.as_str().map(ToOwned::to_owned).ok()).unwrap_or_default()
}
