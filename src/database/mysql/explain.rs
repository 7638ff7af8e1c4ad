//! The plan of what a session runs at this moment. The server is given nothing but the session's
//! number: it tells the plan that it follows already, and plans and runs nothing for us. It takes
//! no text back, so what has ended, or was only counted, has no plan here.

use super::activity::{boot, identity, same, shown, started};
use super::connect::{Dialer, Session};
use super::server::{Flavour, Server};
use crate::database::DatabaseError;
use crate::database::lane::{AskError, Dial as _, Wire as _};
use crate::database::row::Row;
use crate::domain::explain::{Explanation, Subject};

/// How much of the statement is shown above its plan.
const SHOWN: usize = 2000;

/// Asks for the plan. The connection is of this question alone.
pub(super) async fn explain(dialer: &Dialer, subject: &Subject) -> Result<Explanation, DatabaseError> {
    let Subject::Session { pid, started: identity } = subject else {
        let only = "this server plans nothing anew: it tells the plan of what a session runs now".to_owned();
        return Err(DatabaseError::Refused(only));
    };
    let mut session = dialer.dial().await?;
    let server = session.greet().await.map_err(AskError::into_fault)?;
    let statement = runs(&mut session, &server, *pid, identity).await?;
    let rows = session.ask(&question(server.flavour, *pid)).await.map_err(|said| refused(*pid, said))?;
    // A session may have gone on to another statement while we asked about this one.
    if runs(&mut session, &server, *pid, identity).await? != statement {
        let on = format!("pid {pid} went on to another statement meanwhile; ask again");
        return Err(DatabaseError::Refused(on));
    }
    let lines: Vec<String> =
        rows.iter().filter_map(|row| Step::of(server.flavour, row)).flat_map(Step::lines).collect();
    if lines.is_empty() {
        return Err(DatabaseError::Refused(format!("what pid {pid} runs has no plan")));
    }
    let mut statement = shown(&statement);
    if let Some((end, _)) = statement.char_indices().nth(SHOWN) {
        statement.truncate(end);
        statement.push('…');
    }
    let notes = vec![format!("the plan that pid {pid} follows now; rows are the server's estimates")];
    Ok(Explanation { statement, lines, notes })
}

fn question(flavour: Flavour, pid: u64) -> String {
    match flavour {
        Flavour::MariaDb => format!("SHOW EXPLAIN FOR {pid}"),
        // Otherwise a setting of the server chooses the form.
        Flavour::MySql => format!("EXPLAIN FORMAT=TRADITIONAL FOR CONNECTION {pid}"),
    }
}

/// What the very session that was shown runs now.
async fn runs(session: &mut Session, server: &Server, pid: u64, known: &str) -> Result<String, DatabaseError> {
    let boot = boot(&session.ask(started(server.flavour)).await.map_err(AskError::into_fault)?);
    let question = format!(
        "SELECT p.id, p.user, p.host, LEFT(p.info, {}) FROM information_schema.processlist p WHERE p.id = {pid}",
        SHOWN + 1
    );
    let rows = session.ask(&question).await.map_err(AskError::into_fault)?;
    let Some(row) = rows.first().filter(|row| same(&identity(boot, row), known)) else {
        return Err(DatabaseError::Refused(format!("pid {pid} is gone, or another session by now")));
    };
    match row.text(3) {
        "" => Err(DatabaseError::Refused(format!("pid {pid} runs nothing now, and only what runs has a plan here"))),
        statement => Ok(statement.to_owned()),
    }
}

/// A session answers for its plan between two steps of its own; one that waits does not come to it.
fn refused(pid: u64, said: AskError) -> DatabaseError {
    match said {
        AskError::Refused { why, grant: Some(grant) } => DatabaseError::Denied(format!("{why}; {grant}")),
        AskError::Refused { why, grant: None } => DatabaseError::Refused(format!(
            "pid {pid} tells no plan: {why}; it cannot while it waits for a lock, and not every statement has one"
        )),
        lost @ AskError::Lost(_) => lost.into_fault(),
    }
}

/// One step of a plan, as the server's table of it has it.
struct Step<'a> {
    head: String,
    /// How its rows are found.
    access: Option<&'a str>,
    keys: Option<&'a str>,
    key: Option<&'a str>,
    compared: Option<&'a str>,
    rows: Option<&'a str>,
    extra: Option<&'a str>,
}

impl<'a> Step<'a> {
    fn of(flavour: Flavour, row: &'a Row) -> Option<Self> {
        // MySQL also has the partitions, and which part of the rows is left of them.
        let [access, keys, key, compared, rows, extra] = match flavour {
            Flavour::MariaDb => [3, 4, 5, 7, 8, 9],
            Flavour::MySql => [4, 5, 6, 8, 9, 11],
        };
        let kind = row.get(1)?;
        let words = [row.get(0), Some(kind), row.get(2)];
        let head = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let told = |column| row.get(column).filter(|text| !text.is_empty());
        Some(Self {
            head,
            access: told(access),
            keys: told(keys),
            key: told(key),
            compared: told(compared),
            rows: told(rows),
            extra: told(extra),
        })
    }

    /// `1 SIMPLE shift: ref, about 12 rows`, and below it which key and what else.
    fn lines(self) -> Vec<String> {
        let rows = self.rows.map(|rows| format!("about {rows} {}", if rows == "1" { "row" } else { "rows" }));
        let how = [self.access.map(str::to_owned), rows].into_iter().flatten().collect::<Vec<_>>().join(", ");
        let Some(access) = self.access else {
            let extra = self.extra.map(|extra| format!(": {extra}")).unwrap_or_default();
            return vec![self.head + &extra];
        };
        let mut lines = vec![format!("{}: {how}", self.head)];
        let key = match (self.key, self.keys) {
            (Some(key), Some(keys)) if key != keys => format!("key {key}, of {}", keys.replace(',', ", ")),
            (Some(key), _) => format!("key {key}"),
            (None, Some(keys)) => format!("no key, of {}", keys.replace(',', ", ")),
            (None, None) => "no key".to_owned(),
        };
        let compared = self.compared.map(|with| format!(", compared with {with}")).unwrap_or_default();
        let whole = if access == "ALL" { ": every row is read" } else { "" };
        lines.push(format!("  {key}{compared}{whole}"));
        lines.extend(self.extra.map(|extra| format!("  {extra}")));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_says_how_its_rows_are_found_in_either_table() {
        let maria = |row: &[Option<&str>]| {
            let row = Row::new(row.iter().copied());
            Step::of(Flavour::MariaDb, &row).map(Step::lines).unwrap_or_default()
        };
        let range = ["1", "SIMPLE", "s", "range", "PRIMARY,name", "name", "53", "", "112", "Using where"].map(Some);
        assert_eq!(
            maria(&range),
            ["1 SIMPLE s: range, about 112 rows", "  key name, of PRIMARY, name", "  Using where"]
        );
        let mut scan = [None; 10];
        (scan[0], scan[1], scan[2], scan[3], scan[8]) = (Some("1"), Some("SIMPLE"), Some("h"), Some("ALL"), Some("1"));
        assert_eq!(maria(&scan), ["1 SIMPLE h: ALL, about 1 row", "  no key: every row is read"]);
        let mut none = [None; 10];
        (none[0], none[1], none[9]) = (Some("1"), Some("SIMPLE"), Some("No tables used"));
        assert_eq!(maria(&none), ["1 SIMPLE: No tables used"]);
        assert!(maria(&[None; 10]).is_empty());
        let row = ["1", "SIMPLE", "h", "p0", "ref", "staff", "staff", "5", "rota.s.id", "7", "100.00", "Using index"];
        let row = Row::new(row.map(Some));
        let lines = Step::of(Flavour::MySql, &row).map(Step::lines).unwrap_or_default();
        assert_eq!(lines, ["1 SIMPLE h: ref, about 7 rows", "  key staff, compared with rota.s.id", "  Using index"]);
    }

    #[test]
    fn a_server_is_told_a_number_and_nothing_else() {
        assert_eq!(question(Flavour::MariaDb, 7), "SHOW EXPLAIN FOR 7");
        assert_eq!(question(Flavour::MySql, 7), "EXPLAIN FORMAT=TRADITIONAL FOR CONNECTION 7");
    }
}
