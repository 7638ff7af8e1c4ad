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

/// A text as MySQL and MariaDB write it while `NO_BACKSLASH_ESCAPES` is off, as our sessions have it.
pub fn escaped(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// The name that a text begins with, as SQL writes it, and what comes after it. A bare one goes up to
/// any of `ends`; `None` when a quote never ends.
pub fn leading<'t>(text: &'t str, ends: &[char]) -> Option<(String, &'t str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let (name, rest) = text.split_at(text.find(ends).unwrap_or(text.len()));
        return Some((name.to_owned(), rest));
    };
    let mut name = String::new();
    loop {
        let (part, after) = rest.split_once('"')?;
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{backticked, escaped, leading, literal, quoted};

    #[test]
    fn a_name_is_read_as_it_is_written() {
        for name in ["staff", r#"x"; drop"#, "a.b", r#""""#, ""] {
            let text = format!("{}.rest", quoted(name));
            assert_eq!(leading(&text, &['.']), Some((name.to_owned(), ".rest")), "{text}");
        }
        assert_eq!(leading("staff (id)", &['.', ' ']), Some(("staff".to_owned(), " (id)")));
        assert_eq!(leading("staff", &['.']), Some(("staff".to_owned(), "")));
        assert_eq!(leading(r#""staff"#, &['.']), None);
    }

    #[test]
    fn no_name_can_end_its_own_quotes() {
        assert_eq!(quoted("staff"), r#""staff""#);
        assert_eq!(quoted(r#"x"; drop table staff; --"#), r#""x""; drop table staff; --""#);
        assert_eq!(literal("it's; --"), "'it''s; --'");
        assert_eq!(escaped(r"it\'s; --"), r"'it\\''s; --'");
        assert_eq!(backticked("x`; drop table staff; --"), "`x``; drop table staff; --`");
    }
}
