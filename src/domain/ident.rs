//! Names and texts inside SQL: the only place where a statement is put together from parts.

/// A table's or column's name as SQL writes it, whatever characters it has.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL writes it where `standard_conforming_strings` is on, as it is since 9.1.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A name as MySQL and MariaDB write it, whatever their `sql_mode` is.
pub fn backticked(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::{backticked, literal, quoted};

    #[test]
    fn no_name_can_end_its_own_quotes() {
        assert_eq!(quoted("staff"), r#""staff""#);
        assert_eq!(quoted(r#"x"; drop table staff; --"#), r#""x""; drop table staff; --""#);
        assert_eq!(literal("it's; --"), "'it''s; --'");
        assert_eq!(backticked("x`; drop table staff; --"), "`x``; drop table staff; --`");
    }
}
