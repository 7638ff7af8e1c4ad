//! What is true of tables before and after: the only thing that proves upkeep. A server that says
//! nothing may have passed a table by, because it is locked or another role's.

use super::hand::{Hand, Said};
use crate::database::DatabaseError;
use crate::database::row::Row;
use crate::domain::upkeep::{Scope, TableName, Verb};
use crate::domain::{humanize, ident, sanitize};

/// A table as it is at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Table {
    oid: u64,
    pub(super) name: String,
    owner: String,
    /// Changes with every rewrite.
    file: u64,
    dead: f64,
    /// Vacuumed, and analyzed, since the act began.
    vacuumed: bool,
    analyzed: bool,
    pages: f64,
}

/// An index as it is at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Index {
    table: u64,
    pub(super) name: String,
    /// Changes with every rebuild.
    file: u64,
    pub(super) valid: bool,
}

/// Everything that is acted upon.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    pub(super) tables: Vec<Table>,
    pub(super) indexes: Vec<Index>,
    bytes: Option<f64>,
}

impl State {
    /// Looks. `since` is the moment the act began, as the server writes it.
    pub(super) async fn read(eye: &mut Hand, scope: &Scope, since: &str) -> Result<Self, Said> {
        let wanted = wanted(scope);
        let tables = format!(
            "WITH wanted AS ({wanted}) SELECT c.oid, n.nspname, c.relname, pg_get_userbyid(c.relowner), c.relfilenode, \
             pg_stat_get_dead_tuples(c.oid), pg_stat_get_last_vacuum_time(c.oid) >= {since}, \
             pg_stat_get_last_analyze_time(c.oid) >= {since}, c.relpages \
             FROM wanted w JOIN pg_class c ON c.oid = w.oid JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY 2, 3",
            since = format!("{}::timestamptz", ident::literal(since)),
        );
        let indexes = format!(
            "WITH wanted AS ({wanted}) SELECT i.indrelid, n.nspname, c.relname, c.relfilenode, i.indisvalid \
             FROM wanted w JOIN pg_index i ON i.indrelid = w.oid JOIN pg_class c ON c.oid = i.indexrelid \
             JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY 2, 3"
        );
        let size = format!("WITH wanted AS ({wanted}) SELECT sum(pg_total_relation_size(oid)) FROM wanted");
        let tables = eye.ask(&tables).await?.iter().filter_map(Table::read).collect();
        let indexes = eye.ask(&indexes).await?.iter().filter_map(Index::read).collect();
        // A size wants to see the file, and that of a table that somebody holds cannot be seen.
        let bytes = eye.ask(&size).await.ok().and_then(|rows| rows.first()?.number(0));
        Ok(Self { tables, indexes, bytes })
    }

    /// The name of what was stopped half way.
    pub(super) fn half_built(&self, before: &State) -> Vec<String> {
        let new = |index: &&Index| !before.indexes.iter().any(|other| other.name == index.name);
        self.indexes.iter().filter(|index| !index.valid).filter(new).map(|index| index.name.clone()).collect()
    }

    /// What of it the act did not reach, as `before` and now show it.
    pub(super) fn untouched(&self, before: &State, verb: Verb) -> Vec<String> {
        if verb == Verb::Reindex {
            return before.indexes.iter().filter(|was| !self.rebuilt(was)).map(|was| was.name.clone()).collect();
        }
        let done = |was: &&Table| {
            // One that is gone by now needs nothing any more.
            self.tables.iter().find(|is| is.oid == was.oid).is_none_or(|is| match verb {
                Verb::VacuumFull => is.file != was.file,
                Verb::Analyze => is.analyzed,
                Verb::VacuumAnalyze => is.vacuumed && is.analyzed,
                _ => is.vacuumed,
            })
        };
        before.tables.iter().filter(|was| !done(was)).map(|was| format!("{} (of {})", was.name, was.owner)).collect()
    }

    fn rebuilt(&self, was: &Index) -> bool {
        let is = self.indexes.iter().find(|is| (is.table, &is.name) == (was.table, &was.name));
        is.map_or(!self.tables.iter().any(|table| table.oid == was.table), |is| is.valid && is.file != was.file)
    }

    pub(super) fn dead(&self) -> f64 {
        self.tables.iter().map(|table| table.dead).sum()
    }

    /// `; 10 000 dead rows before, 0 now; 1.2 MB before, 0.6 MB now`: what the verb is about, and
    /// is known. A rewrite leaves the count of dead rows to the next vacuum.
    pub(super) fn compared(&self, before: &State, verb: Verb) -> String {
        let mut text = String::new();
        if matches!(verb, Verb::Vacuum | Verb::VacuumAnalyze) {
            let rows = |state: &State| humanize::number(state.dead());
            text.push_str(&format!("; {} dead rows before, {} now", rows(before), rows(self)));
        }
        if let (Some(was), Some(is), true) = (before.bytes, self.bytes, verb != Verb::Analyze) {
            text.push_str(&format!("; {} before, {} now", humanize::bytes(was), humanize::bytes(is)));
        }
        text
    }

    pub(super) fn bytes(&self) -> Option<u64> {
        self.bytes.map(|bytes| bytes as u64)
    }
}

impl Table {
    fn read(row: &Row) -> Option<Self> {
        Some(Self {
            oid: row.whole(0)?,
            name: format!("{}.{}", row.text(1), row.text(2)),
            owner: row.text(3).to_owned(),
            file: row.whole(4)?,
            dead: row.number(5).unwrap_or_default(),
            vacuumed: row.flag(6),
            analyzed: row.flag(7),
            pages: row.number(8).unwrap_or_default(),
        })
    }
}

impl Index {
    fn read(row: &Row) -> Option<Self> {
        Some(Self {
            table: row.whole(0)?,
            name: format!("{}.{}", row.text(1), row.text(2)),
            file: row.whole(3)?,
            valid: row.flag(4),
        })
    }
}

/// The tables that are meant, as a query of their oids: the leaves of a partitioned one are.
fn wanted(scope: &Scope) -> String {
    match scope {
        Scope::Table(table) => {
            let schema = ident::literal(table.schema.as_deref().unwrap_or("public"));
            format!(
                "SELECT t.relid AS oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, \
                 LATERAL (SELECT c.oid::regclass AS relid WHERE c.relkind <> 'p' UNION ALL \
                 SELECT relid FROM pg_partition_tree(c.oid) WHERE c.relkind = 'p' AND isleaf) t \
                 WHERE n.nspname = {schema} AND c.relname = {} AND c.relkind IN ('r', 'm', 'p')",
                ident::literal(&table.name)
            )
        }
        Scope::Whole | Scope::Session(_) => {
            "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' \
             AND n.nspname <> 'information_schema'"
                .to_owned()
        }
    }
}

/// Why there is no such table, with the one that was perhaps meant.
pub(super) async fn no_table(eye: &mut Hand, table: &TableName) -> DatabaseError {
    let schema = table.schema.as_deref().unwrap_or("public");
    let question = format!(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'm', 'p') AND n.nspname !~ '^pg_' AND lower(c.relname) = lower({}) ORDER BY 1, 2 LIMIT 1",
        ident::literal(&table.name)
    );
    let near = eye.ask(&question).await.ok();
    let near = near
        .as_ref()
        .and_then(|rows| rows.first())
        .map(|row| TableName { schema: Some(row.text(0).to_owned()), name: row.text(1).to_owned() });
    let meant = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    let name = sanitize::line(&table.name);
    DatabaseError::Refused(format!("there is no table `{name}` in the schema `{}`{meant}", sanitize::line(schema)))
}
