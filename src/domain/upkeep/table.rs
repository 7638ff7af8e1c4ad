//! The name of a table, as an operator types it: `staff`, `public.staff`, `"odd name"."t.1"`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::{ident, sanitize};

/// A table, perhaps with the schema it lies in. The names are as the database has them: no case
/// is folded, because nobody who reads a name in a list and types it means another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TableName {
    pub schema: Option<String>,
    pub name: String,
}

impl TableName {
    /// Reads a name; a part in double quotes may hold dots, and quotes that are doubled.
    pub fn parse(text: &str) -> Result<Self, String> {
        if sanitize::line(text) != text {
            return Err("it holds a character that no terminal shows; act on the whole database instead".to_owned());
        }
        let mut parts = Vec::new();
        let mut rest = text.trim();
        loop {
            let (part, after) =
                ident::leading(rest, &['.']).ok_or_else(|| format!("`{text}` has a quote without its end"))?;
            parts.push(part);
            match after.strip_prefix('.') {
                Some(next) => rest = next,
                None if after.is_empty() => break,
                None => return Err(format!("`{text}` goes on after a quoted name; write SCHEMA.TABLE")),
            }
        }
        if parts.iter().any(String::is_empty) {
            return Err(format!("`{text}` has an empty part; write TABLE or SCHEMA.TABLE"));
        }
        let name = parts.pop().unwrap_or_default();
        let schema = parts.pop();
        if !parts.is_empty() {
            return Err(format!("`{text}` has too many parts; write TABLE or SCHEMA.TABLE, with quotes around dots"));
        }
        Ok(Self { schema, name })
    }

    /// As SQL writes it, in its schema or in this one.
    pub fn quoted_in(&self, schema: &str) -> String {
        format!("{}.{}", ident::quoted(self.schema.as_deref().unwrap_or(schema)), ident::quoted(&self.name))
    }

    /// Every part of it.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.schema.as_deref().into_iter().chain([self.name.as_str()])
    }
}

impl fmt::Display for TableName {
    /// As it can be typed again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, part) in self.parts().enumerate() {
            if place > 0 {
                f.write_str(".")?;
            }
            if part.contains(['.', '"', ' ']) { f.write_str(&ident::quoted(part))? } else { f.write_str(part)? }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let table = [
            ("staff", None, "staff"),
            ("public.Staff", Some("public"), "Staff"),
            (r#""odd name"."t.1""#, Some("odd name"), "t.1"),
            (r#""say ""hi""".x"#, Some(r#"say "hi""#), "x"),
            ("x;drop table staff", None, "x;drop table staff"),
            ("🐘", None, "🐘"),
        ];
        for (text, schema, name) in table {
            let read = TableName::parse(text).expect(text);
            assert_eq!((read.schema.as_deref(), read.name.as_str()), (schema, name), "{text}");
            assert_eq!(TableName::parse(&read.to_string()).as_ref(), Ok(&read), "{text}");
        }
        assert_eq!(TableName::parse(r#""a"";--""#).expect("a name").quoted_in("public"), r#""public"."a"";--""#);
    }

    #[test]
    fn what_is_no_name_says_why() {
        for (text, why) in [
            ("", "empty part"),
            ("a.", "empty part"),
            (".a", "empty part"),
            ("a.b.c", "too many parts"),
            ("\"a", "without its end"),
            ("\"a\"b", "goes on after"),
            ("a\x1b[2J", "no terminal shows"),
            ("a\nb", "no terminal shows"),
            ("a\u{202e}b", "no terminal shows"),
        ] {
            let said = TableName::parse(text).expect_err(text);
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
