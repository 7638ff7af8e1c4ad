//! What an operator looks at by hand in a database, apart from its sessions: which tables are
//! large and grow, and which statements take long. Plain data, the same for every engine; what
//! an engine does not have is `None`.

use serde::Serialize;

/// The rows of one look, and what has to be known to read them right.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Insight<R> {
    pub rows: Vec<R>,
    /// What the rows leave out, and since when they count.
    pub notes: Vec<String>,
    /// Why the rows are not all there is, and the statement that would mend it.
    pub hidden: Option<Veil>,
    /// How long the server took for it.
    pub took_s: f64,
}

/// The largest tables of a database, the largest first.
pub type Tables = Insight<Table>;

/// The statements that take the most time, the costliest first.
pub type Statements = Insight<Statement>;

/// What keeps rows, or parts of them, from us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Veil {
    pub why: String,
    pub grant: Option<String>,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Table {
    pub schema: String,
    pub name: String,
    /// With its indexes and what lies beside it.
    pub size_bytes: Option<u64>,
    /// The size is what the server remembered when it last looked, not what it is now.
    pub estimated: bool,
    /// How much it grew since it was first looked at, and how long ago that is.
    pub grown_bytes: Option<i64>,
    pub grown_in_s: Option<f64>,
    pub rows: Option<u64>,
    pub dead_rows: Option<u64>,
    /// About how many bytes of it hold nothing.
    pub bloat_bytes: Option<u64>,
    /// How long ago it was vacuumed, by hand or by the server itself; `None` is never.
    pub vacuumed_s: Option<f64>,
    pub analyzed_s: Option<f64>,
}

impl Table {
    /// Bytes a day, once there is evidence of a few minutes.
    pub fn growth_per_day(&self) -> Option<f64> {
        const EVIDENCE_S: f64 = 600.0;
        let within = self.grown_in_s.filter(|within| *within >= EVIDENCE_S)?;
        Some(self.grown_bytes? as f64 / within * 86_400.0)
    }
}

/// A statement, its constants taken out by the server.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Statement {
    /// What its server knows it by; empty where it cannot be asked about.
    pub id: String,
    pub text: String,
    pub role: Option<String>,
    pub calls: f64,
    pub total_s: f64,
    pub mean_s: f64,
    pub rows: Option<f64>,
    /// What part of all the time that statements took, in percent.
    pub share: Option<f64>,
    /// The time the figures are of; `None` is since the server began to count.
    pub within_s: Option<f64>,
}

impl<R> Default for Insight<R> {
    fn default() -> Self {
        Self { rows: Vec::new(), notes: Vec::new(), hidden: None, took_s: 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_no_evidence_of_growth() {
        let table = |seconds| Table { grown_bytes: Some(1000), grown_in_s: Some(seconds), ..Table::default() };
        assert_eq!(table(60.0).growth_per_day(), None);
        assert_eq!(table(864.0).growth_per_day(), Some(100_000.0));
    }
}
