//! Whether this server replays another one, how far it is behind, and whether anybody could write
//! to it meanwhile. A server that is behind by nobody knows how much is never well.

use std::collections::BTreeMap;

use crate::database::check::{Check, LaneKind, Look, Question};
use crate::database::mysql::server::Server;
use crate::domain::finding::{Finding, Remark};
use crate::domain::humanize;
use crate::domain::sample::Sample;
use crate::domain::status::Status;
use crate::domain::vitals::Measured;

pub(super) const CHECK: Check<Server> = Check {
    gauges: &["replication_lag", "replica_writable"],
    lane: LaneKind::Fast,
    remembers: false,
    ask: |server| {
        Question::Ask(if server.is_mariadb() {
            "SHOW ALL SLAVES STATUS"
        } else if server.version >= (8, 0, 22) {
            "SHOW REPLICA STATUS"
        } else {
            "SHOW SLAVE STATUS"
        })
    },
    read,
};

/// One source of this server, by the names of its columns.
struct Source<'a>(BTreeMap<String, &'a str>);

impl<'a> Source<'a> {
    /// The older of both houses' names for the same thing.
    fn old(name: &str) -> String {
        name.replace("Replica", "Slave").replace("Source", "Master")
    }

    fn text(&self, name: &str) -> &'a str {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// Multi-source replication gives them names.
    fn name(&self) -> String {
        let name = if self.text("Connection_name").is_empty() { "Channel_Name" } else { "Connection_name" };
        let host = format!("{}:{}", self.text("Master_Host"), self.text("Master_Port"));
        match self.text(name) {
            "" => host,
            name => format!("{host} ({name})"),
        }
    }
}

fn read(look: &Look<'_, Server>) -> Measured {
    let mut measured = Measured::default();
    let mut sources: BTreeMap<&str, Source<'_>> = BTreeMap::new();
    for row in look.rows {
        let source = sources.entry(row.text(0)).or_insert_with(|| Source(BTreeMap::new()));
        source.0.insert(Source::old(row.text(1)), row.get(2).unwrap_or_default());
    }
    let sources: Vec<Source<'_>> = sources.into_values().collect();
    if sources.is_empty() {
        return measured;
    }
    for source in &sources {
        one(source, &mut measured);
    }
    let lags = sources.iter().filter_map(|source| Some((source, source.text("Seconds_Behind_Master").parse().ok()?)));
    let lag: Option<(_, f64)> = lags.max_by(|one: &(_, f64), other: &(_, f64)| one.1.total_cmp(&other.1));
    if let Some((source, lag)) = lag {
        measured.sample(Sample::seconds("replication_lag", lag));
        let text = format!("this replica is {} behind {}", humanize::seconds(lag), source.name());
        let advice = "look for a long statement that it replays, a table without a primary key, or a slow disk";
        measured.remark(Remark::new("replication_lag", text).advice(advice));
    }
    let writable = f64::from(u8::from(!look.server.read_only));
    measured.sample(Sample::count("replica_writable", writable));
    let advice = "SET GLOBAL read_only = 1, and in its configuration, too; MySQL also has super_read_only";
    let text = "this replica is not read-only: what is written here is not there";
    measured.remark(Remark::new("replica_writable", text).advice(advice));
    measured
}

/// What is wrong with one source, whatever the limits are.
fn one(source: &Source<'_>, measured: &mut Measured) {
    let name = source.name();
    let (receives, replays) = (source.text("Slave_IO_Running"), source.text("Slave_SQL_Running"));
    let lag = source.text("Seconds_Behind_Master");
    let behind = lag.parse().map_or("unknown".to_owned(), humanize::seconds);
    measured.fact("replica", format!("of {name}: receives {receives}, replays {replays}, behind {behind}"));
    let say = |text: String| Finding::new(Status::Critical, "replication_lag", text);
    let error = |kind: &str| match source.text(&format!("Last_{kind}_Error")) {
        "" => String::new(),
        error => format!(": {} {error}", source.text(&format!("Last_{kind}_Errno"))),
    };
    if replays != "Yes" {
        let text = format!("this replica of {name} does not replay{}", error("SQL"));
        let advice = if error("SQL").is_empty() {
            "START REPLICA SQL_THREAD, when whoever stopped it is done"
        } else {
            "find out why the same statement failed here, mend that, and START REPLICA; do not skip what you do not know"
        };
        measured.findings.push(say(text).advice(advice));
    }
    if receives != "Yes" {
        let state = if receives == "Connecting" { "is not connected" } else { "receives nothing" };
        let text = format!("this replica of {name} {state}{}", error("IO"));
        let advice = "look at the source, the network and the user of replication; then START REPLICA IO_THREAD";
        measured.findings.push(say(text).advice(advice));
    }
    if lag.is_empty() && replays == "Yes" && receives == "Yes" {
        measured.hide("replication_lag", "the server itself does not know how far it is behind", None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::mysql::server::tests::{mysql, server};
    use crate::database::row::Row;

    /// An answer as a manual shows it: one value to a line.
    fn answer(number: &str, columns: &[(&str, Option<&str>)]) -> Vec<Row> {
        columns.iter().map(|(name, value)| Row::new([Some(number), Some(*name), *value])).collect()
    }

    fn state<'a>(io: &'a str, sql: &'a str, lag: Option<&'a str>) -> Vec<(&'static str, Option<&'a str>)> {
        vec![
            ("Master_Host", Some("db1")),
            ("Master_Port", Some("3306")),
            ("Slave_IO_Running", Some(io)),
            ("Slave_SQL_Running", Some(sql)),
            ("Seconds_Behind_Master", lag),
            ("Last_SQL_Errno", Some("1062")),
            ("Last_SQL_Error", if sql == "Yes" { None } else { Some("Duplicate entry '1'") }),
        ]
    }

    fn read_rows(server: &Server, rows: &[Row]) -> Measured {
        read(&Look { server, rows, past: &[] })
    }

    #[test]
    fn a_lag_that_is_null_is_never_none() {
        let stopped = read_rows(&server(), &answer("0", &state("Yes", "No", None)));
        assert!(stopped.samples.iter().all(|sample| sample.key != "replication_lag"));
        assert_eq!(stopped.findings[0].status, Status::Critical);
        assert_eq!(stopped.findings[0].text, "this replica of db1:3306 does not replay: 1062 Duplicate entry '1'");
        let unknown = read_rows(&server(), &answer("0", &state("Yes", "Yes", None)));
        assert_eq!(unknown.hidden[0].key, "replication_lag");
        assert!(unknown.findings.is_empty());
    }

    #[test]
    fn of_several_sources_the_one_furthest_behind_counts() {
        let mut rows = answer("0", &state("Yes", "Yes", Some("3")));
        rows.extend(answer(
            "1",
            &[state("Connecting", "Yes", Some("40")), vec![("Connection_name", Some("b"))]].concat(),
        ));
        let measured = read_rows(&server(), &rows);
        assert_eq!(measured.samples[0], Sample::seconds("replication_lag", 40.0));
        assert_eq!(measured.remarks[0].text, "this replica is 40 s behind db1:3306 (b)");
        assert_eq!(measured.findings[0].text, "this replica of db1:3306 (b) is not connected");
    }

    /// The names of MySQL 8.4's manual, 15.7.7.35.
    #[test]
    fn the_newer_names_mean_the_same() {
        let rows = answer(
            "0",
            &[
                ("Source_Host", Some("127.0.0.1")),
                ("Source_Port", Some("13000")),
                ("Replica_IO_Running", Some("Yes")),
                ("Replica_SQL_Running", Some("Yes")),
                ("Seconds_Behind_Source", Some("7")),
                ("Channel_Name", Some("")),
            ],
        );
        let measured = read_rows(&mysql(), &rows);
        assert_eq!(measured.remarks[0].text, "this replica is 7.0 s behind 127.0.0.1:13000");
        assert_eq!((CHECK.ask)(&mysql()), Question::Ask("SHOW REPLICA STATUS"));
        let early = Server { version: (8, 0, 21), ..mysql() };
        assert_eq!((CHECK.ask)(&early), Question::Ask("SHOW SLAVE STATUS"));
        assert_eq!((CHECK.ask)(&server()), Question::Ask("SHOW ALL SLAVES STATUS"));
    }

    #[test]
    fn whoever_replays_nobody_has_no_lag_and_a_replica_should_be_read_only() {
        assert_eq!(read_rows(&server(), &[]), Measured::default());
        let rows = answer("0", &state("Yes", "Yes", Some("0")));
        assert_eq!(read_rows(&server(), &rows).samples[1], Sample::count("replica_writable", 1.0));
        let guarded = Server { read_only: true, ..server() };
        assert_eq!(read_rows(&guarded, &rows).samples[1], Sample::count("replica_writable", 0.0));
    }
}
