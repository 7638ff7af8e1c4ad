//! What our user may do, from what `SHOW GRANTS` says of it and of the roles in force.

use crate::database::row::Row;

/// The rights of one user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Grants(Vec<Grant>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Grant {
    /// `false` for what is taken away again, as MySQL can for single databases.
    given: bool,
    rights: Vec<String>,
    /// `*` of `*.*`, or a pattern of databases.
    databases: String,
}

impl Grants {
    pub(super) fn read(rows: &[Row]) -> Self {
        Self(rows.iter().filter_map(|row| grant(row.text(0))).collect())
    }

    /// Whether a right holds for the whole server.
    pub(super) fn global(&self, right: &str) -> bool {
        self.0.iter().any(|grant| grant.given && grant.databases == "*" && grant.has(right))
    }

    /// Whether every table of a database can be seen: to see one, any right on it is enough.
    pub(super) fn sees_tables(&self, database: &str) -> bool {
        let about = |given: bool| {
            self.0.iter().any(|grant| {
                grant.given == given
                    && (grant.databases == "*" || like(&grant.databases, database))
                    && grant.rights.iter().any(|right| TABLE_RIGHTS.contains(&right.as_str()))
            })
        };
        about(true) && !about(false)
    }
}

impl Grant {
    fn has(&self, right: &str) -> bool {
        self.rights.iter().any(|held| held == right || held == "ALL PRIVILEGES")
    }
}

/// Each of these shows its holder the table.
const TABLE_RIGHTS: [&str; 10] =
    ["ALL PRIVILEGES", "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "REFERENCES"];

/// ``GRANT SELECT, PROCESS ON `rota`.* TO …``; what is about one table, a routine or a role says
/// nothing here.
fn grant(line: &str) -> Option<Grant> {
    let given = line.starts_with("GRANT ");
    let rest = line.strip_prefix("GRANT ").or_else(|| line.strip_prefix("REVOKE "))?;
    let (rights, rest) = rest.split_once(" ON ")?;
    let databases = if let Some(rest) = rest.strip_prefix("*.*") {
        rest.starts_with(' ').then(|| "*".to_owned())?
    } else {
        let (name, rest) = name(rest)?;
        rest.starts_with(".* ").then_some(name)?
    };
    Some(Grant { given, rights: rights.split(", ").map(ToOwned::to_owned).collect(), databases })
}

/// A quoted name and what follows it.
fn name(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('`')?;
    let mut name = String::new();
    loop {
        let (part, after) = rest.split_once('`')?;
        name.push_str(part);
        let Some(more) = after.strip_prefix('`') else { return Some((name, after)) };
        name.push('`');
        rest = more;
    }
}

/// Whether a name fits a pattern of `%` and `_`, which `\` takes their meaning from.
fn like(pattern: &str, name: &str) -> bool {
    let mut pattern_rest = pattern.chars();
    match pattern_rest.next() {
        None => name.is_empty(),
        Some('%') => {
            let rest = pattern_rest.as_str();
            name.char_indices().map(|(at, _)| at).chain([name.len()]).any(|at| like(rest, &name[at..]))
        }
        Some(wanted) => {
            let any = wanted == '_';
            let wanted = if wanted == '\\' { pattern_rest.next().unwrap_or('\\') } else { wanted };
            let mut name_rest = name.chars();
            name_rest.next().is_some_and(|letter| any || letter == wanted)
                && like(pattern_rest.as_str(), name_rest.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(lines: &[&str]) -> Grants {
        let rows: Vec<Row> = lines.iter().map(|line| Row::new([Some(*line)])).collect();
        Grants::read(&rows)
    }

    #[test]
    fn rights_are_those_of_the_user_and_of_its_roles() {
        let root = grants(&[
            "GRANT `r1` TO `root`@`localhost` WITH ADMIN OPTION",
            "GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost`",
        ]);
        assert!(root.global("PROCESS") && root.sees_tables("rota"));
        let role =
            grants(&["GRANT `r1` TO `a`@`%`", "GRANT USAGE ON *.* TO `a`@`%`", "GRANT SELECT ON `rota`.* TO `r1`"]);
        assert!(role.sees_tables("rota") && !role.sees_tables("other") && !role.global("SELECT"));
        let monitor = grants(&["GRANT PROCESS, SLAVE MONITOR ON *.* TO `mon`@`localhost`"]);
        assert!(monitor.global("PROCESS") && !monitor.global("SELECT") && !monitor.sees_tables("rota"));
        assert_eq!(
            grants(&["GRANT PROXY ON ``@`%` TO `root`@`localhost`", "SET DEFAULT ROLE `r1` FOR `a`@`%`"]),
            Grants::default()
        );
    }

    #[test]
    fn a_grant_on_one_table_shows_not_all_and_a_pattern_shows_what_it_fits() {
        assert!(!grants(&["GRANT SELECT ON `rota`.`staff` TO `a`@`%`"]).sees_tables("rota"));
        assert!(!grants(&["GRANT SELECT (`a`, `b`) ON `rota`.`staff` TO `a`@`%`"]).sees_tables("rota"));
        let pattern = grants(&[r"GRANT SELECT ON `ro\_a%`.* TO `a`@`%`"]);
        assert!(pattern.sees_tables("ro_a_x") && pattern.sees_tables("ro_a") && !pattern.sees_tables("rota"));
        assert!(grants(&["GRANT SELECT ON `r_ta`.* TO `a`@`%`"]).sees_tables("rota"));
        assert!(grants(&["GRANT SELECT ON `it``s`.* TO `a`@`%`"]).sees_tables("it`s"));
        let revoked = grants(&["GRANT SELECT ON *.* TO `a`@`%`", "REVOKE SELECT ON `rota`.* FROM `a`@`%`"]);
        assert!(!revoked.sees_tables("rota") && revoked.sees_tables("other"));
    }
}
