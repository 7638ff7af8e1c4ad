//! The plan of somebody else's statement, without running it. Its text is taken from the server
//! and given back to it only behind `PREPARE … AS`, over the extended protocol, which takes no second
//! statement; what is then explained is what was prepared, on a connection that can only read.
//!
//! To plan is not to run, but a planner runs functions that it may fold, with the rights of whoever
//! asks. So a role that could do harm does not ask where others may have written such functions.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row as _};

use super::activity::shown;
use super::connect::{Dialer, Session};
use super::server::Server;
use crate::database::lane::{AskError, Dial as _, Wire as _};
use crate::database::{DatabaseError, ident};
use crate::domain::explain::{Explanation, Subject};
use crate::domain::{humanize, sanitize};

/// A plan of more lines is cut; nobody reads it on a screen.
const MOST: usize = 500;
/// How much of the statement is shown above it.
const SHOWN: usize = 2000;
/// The roles whose rights reach beyond the database, as far as a read-only transaction lets them.
pub(super) const POWERS: &str = "
    SELECT (SELECT r.rolname FROM pg_roles r
             WHERE (r.rolsuper OR r.rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files'))
               AND pg_has_role(r.oid, 'MEMBER') ORDER BY r.rolsuper DESC, r.rolname LIMIT 1),
           (SELECT n.nspname || '.' || p.proname || ' of the role ' || o.rolname
              FROM pg_proc p JOIN pg_roles o ON o.oid = p.proowner JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE NOT o.rolsuper ORDER BY p.oid LIMIT 1)";
const NAME: &str = "rounds_explained";

/// A statement as its server keeps it. Never to be shown as it is.
struct Kept {
    text: String,
    role: String,
    role_id: String,
    /// Its end may be missing.
    cut: bool,
}

/// Asks for the plan. The connection is of this question alone.
pub(super) async fn explain(dialer: &Dialer, subject: &Subject) -> Result<Explanation, DatabaseError> {
    let mut session = dialer.dial().await?;
    let server = session.greet().await.map_err(AskError::into_fault)?;
    let kept = kept(&mut session, &server, subject).await?;
    let path = search_path(&mut session, &kept).await?;
    let connection = session.connection();
    ours(connection, &format!("SET plan_cache_mode = force_generic_plan; SET search_path = {path}")).await?;
    theirs(connection, &format!("PREPARE {NAME} AS {}", kept.text)).await?;
    // Whoever owns that path could put functions in the place of those that our questions name.
    ours(connection, "SET search_path = pg_catalog").await?;
    // After it was prepared: what it names is known by then, and is not another function later.
    let powers = session.ask(POWERS).await.map_err(AskError::into_fault)?;
    if let Some((Some(power), Some(function))) = powers.first().map(|row| (row.get(0), row.get(1))) {
        return Err(DatabaseError::Refused(format!(
            "to plan a statement may run functions that others wrote ({function}), and our role {} has the rights of \
             {power}; let `url` name a role that only monitors and reads",
            server.role
        )));
    }
    let counted = format!(
        "SELECT coalesce(array_length(parameter_types, 1), 0) FROM pg_prepared_statements WHERE name = '{NAME}'"
    );
    let counted = session.ask(&counted).await.map_err(AskError::into_fault)?;
    let values = counted.first().and_then(|row| row.whole(0)).unwrap_or(0);
    ours(session.connection(), &format!("SET search_path = {path}")).await?;
    let given = vec!["NULL"; usize::try_from(values).unwrap_or(0)].join(", ");
    let given = if given.is_empty() { given } else { format!("({given})") };
    let plan = ours(session.connection(), &format!("EXPLAIN (ANALYZE off, FORMAT text) EXECUTE {NAME}{given}")).await;
    let lines = plan.map_err(|error| with_mend(error, &server))?;
    let mut notes = vec![format!("planned as the role {}, with the search path of {}: {path}", server.role, kept.role)];
    if values > 0 {
        let which = if values == 1 { "$1 stands" } else { "$1 and the others stand" };
        notes.push(format!("{which} for any value: for a particular one the server may choose another plan"));
    }
    if lines.len() > MOST {
        notes.push(format!("the first {MOST} of {}", humanize::count(lines.len(), "line")));
    }
    let statement = sanitize::line(&kept.text.split_whitespace().collect::<Vec<_>>().join(" "));
    let mut statement = shown(&statement);
    if let Some((end, _)) = statement.char_indices().nth(SHOWN) {
        statement.truncate(end);
        statement.push('…');
    }
    Ok(Explanation { statement, lines: lines.iter().take(MOST).map(|line| clean(line)).collect(), notes })
}

/// The text of the statement, as it is on the server now.
async fn kept(session: &mut Session, server: &Server, subject: &Subject) -> Result<Kept, DatabaseError> {
    let (question, absent) = match subject {
        Subject::Session { pid, started } => {
            (of_session(*pid, started), format!("pid {pid} is gone, or another session by now"))
        }
        Subject::Statement(id) => {
            let extension = server.statements.as_ref();
            let absent = "the server does not count this statement any more".to_owned();
            let question = extension
                .and_then(|extension| of_statement(id, &ident::quoted(&extension.schema), extension.version >= (1, 9)));
            (question.ok_or_else(|| DatabaseError::Refused(absent.clone()))?, absent)
        }
    };
    // Its text as it is: a row of ours would be clean, and another statement.
    let rows = sqlx::raw_sql(AssertSqlSafe(question)).fetch_all(session.connection()).await.map_err(said)?;
    let row = rows.first().ok_or(DatabaseError::Refused(absent))?;
    let column = |place: usize| row.try_get_raw_text(place);
    let kept = Kept {
        text: column(0).unwrap_or_default(),
        role: sanitize::line(&column(1).unwrap_or_default()),
        role_id: column(2).unwrap_or_default(),
        cut: column(3).as_deref() == Some("t"),
    };
    match kept.text.as_str() {
        "" => Err(DatabaseError::Refused("there is no statement of it to explain".to_owned())),
        "<insufficient privilege>" => {
            Err(DatabaseError::Denied(format!("{}; {}", server.blind(), server.grant_monitor())))
        }
        _ if kept.cut => Err(DatabaseError::Refused(
            "the server keeps only the beginning of this statement, which would be another one; raise \
             track_activity_query_size"
                .to_owned(),
        )),
        _ => Ok(kept),
    }
}

/// A text that fills its place may have lost its end, up to the bytes of one letter before it.
fn of_session(pid: u64, started: &str) -> String {
    format!(
        "SELECT a.query, a.usename, a.usesysid, octet_length(a.query) >= (SELECT setting::int - 4 FROM pg_settings \
         WHERE name = 'track_activity_query_size') FROM pg_stat_activity a \
         WHERE a.pid = {pid} AND a.backend_start = {} AND a.datname = current_database()",
        ident::literal(started)
    )
}

/// `10:-4711:true`: the role, the statement, and whether a client sent it.
fn of_statement(id: &str, schema: &str, has_level: bool) -> Option<String> {
    let mut parts = id.split(':');
    let (role, query, level) = (parts.next()?.parse::<u32>().ok()?, parts.next()?.parse::<i64>().ok()?, parts.next()?);
    let level = match (has_level, level) {
        (true, "true" | "t") => " AND s.toplevel",
        (true, _) => " AND NOT s.toplevel",
        (false, _) => "",
    };
    Some(format!(
        "SELECT s.query, pg_get_userbyid(s.userid), s.userid, false FROM {schema}.pg_stat_statements s \
         JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = current_database() AND s.userid = {role} \
         AND s.queryid = {query}{level}"
    ))
}

/// Where the statement's own role finds what it does not name in full; what its session set itself
/// is nobody else's to see.
async fn search_path(session: &mut Session, kept: &Kept) -> Result<String, DatabaseError> {
    let role: u32 = kept.role_id.parse().unwrap_or(0);
    let question = format!(
        "SELECT substr(c, length('search_path=') + 1) FROM pg_db_role_setting s, unnest(s.setconfig) c \
         WHERE c LIKE 'search\\_path=%' AND s.setrole IN (0, {role}) \
           AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) \
         ORDER BY s.setrole <> 0 DESC, s.setdatabase <> 0 DESC LIMIT 1"
    );
    let rows = session.ask(&question).await.map_err(AskError::into_fault)?;
    let path = rows.first().map_or(r#""$user", public"#, |row| row.text(0));
    // Each part is quoted anew: it goes into a statement.
    let parts =
        path.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| match part.trim_matches('"') {
            "$user" => ident::quoted(&kept.role),
            name => ident::quoted(&name.replace("\"\"", "\"")),
        });
    let path = parts.collect::<Vec<_>>().join(", ");
    Ok(if path.is_empty() { "''".to_owned() } else { path })
}

/// A statement of ours.
async fn ours(connection: &mut PgConnection, statement: &str) -> Result<Vec<String>, DatabaseError> {
    let rows = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).fetch_all(connection).await.map_err(said)?;
    Ok(rows.iter().map(|row| row.try_get_raw_text(0).unwrap_or_default()).collect())
}

/// One with words of somebody else's in it: the server takes it only if it is one statement.
async fn theirs(connection: &mut PgConnection, statement: &str) -> Result<(), DatabaseError> {
    let told = sqlx::query(AssertSqlSafe(statement.to_owned())).persistent(false).execute(connection).await;
    told.map(|_| ()).map_err(|error| match &error {
        sqlx::Error::Database(refused) if refused.code().as_deref() == Some("42601") => {
            DatabaseError::Refused(format!(
                "the server takes this text for no single SELECT, INSERT, UPDATE, DELETE or MERGE, and nothing else has a \
                 plan: {}",
                sanitize::line(refused.message())
            ))
        }
        _ => said(error),
    })
}

/// What a server's refusal means.
fn said(error: sqlx::Error) -> DatabaseError {
    let sqlx::Error::Database(refused) = error else {
        return DatabaseError::Unreachable(format!("the connection broke: {}", sanitize::line(&error.to_string())));
    };
    let text = sanitize::line(refused.message());
    match refused.code().as_deref() {
        Some("42501") => DatabaseError::Denied(text),
        Some("55P03") => DatabaseError::Refused("somebody holds a lock that the plan needs".to_owned()),
        Some("57014") => DatabaseError::Refused("the server needed too long to plan it".to_owned()),
        Some("42P01" | "42883" | "42704" | "3F000") => {
            DatabaseError::Refused(format!("{text}; its session may have a search path or temporary tables of its own"))
        }
        _ => DatabaseError::Refused(text),
    }
}

fn with_mend(error: DatabaseError, server: &Server) -> DatabaseError {
    match error {
        denied @ DatabaseError::Denied(_) => denied.with(&format!("; {}", server.grant_read())),
        other => other,
    }
}

/// A line of a plan, its indentation kept, without what may be a secret in it.
fn clean(line: &str) -> String {
    let said = line.trim_start_matches(' ');
    format!("{}{}", &line[..line.len() - said.len()], shown(&sanitize::line(said)))
}

/// Reads a value as the text that the server sent.
trait RawText {
    fn try_get_raw_text(&self, column: usize) -> Option<String>;
}

impl RawText for sqlx::postgres::PgRow {
    fn try_get_raw_text(&self, column: usize) -> Option<String> {
        self.try_get_raw(column).ok()?.as_str().ok().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_statement_is_known_by_is_numbers_or_nothing() {
        let of = |id, level| of_statement(id, "\"public\"", level);
        let sql = of("10:-4711:true", true).expect("a question");
        assert!(sql.contains("s.userid = 10") && sql.ends_with("s.queryid = -4711 AND s.toplevel"), "{sql}");
        assert!(of("10:1:f", true).is_some_and(|sql| sql.ends_with("AND NOT s.toplevel")));
        assert!(of("10:1:true", false).is_some_and(|sql| sql.ends_with("s.queryid = 1")));
        for odd in ["", "10", "10:1", "10:1; DROP TABLE staff:true", "x:1:true", "-1:1:true"] {
            assert_eq!(of(odd, true), None, "{odd}");
        }
        assert!(of_session(7, "it's").contains("a.pid = 7 AND a.backend_start = 'it''s'"));
    }

    #[test]
    fn a_line_keeps_its_indentation_and_neither_escapes_nor_secrets() {
        assert_eq!(clean("  ->  Seq Scan on staff"), "  ->  Seq Scan on staff");
        assert_eq!(clean("    Filter: (note = '\u{1b}[31mx'::text)"), "    Filter: (note = 'x'::text)");
        assert!(!clean("  Filter: (password = 'hunter2'::text)").contains("hunter2"));
    }
}
