//! Names inside SQL: the only place where a statement is put together from parts.

/// A table's or column's name as SQL writes it, whatever characters it has.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn no_name_can_end_its_own_quotes() {
        assert_eq!(quoted("staff"), r#""staff""#);
        assert_eq!(quoted(r#"x"; drop table staff; --"#), r#""x""; drop table staff; --""#);
    }
}
