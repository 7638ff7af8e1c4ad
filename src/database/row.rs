//! What a server answers: rows of texts, clean, whatever their types are there.

use crate::domain::sanitize;

/// One row. A value that is not there, or is not what was expected, is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row(Vec<Option<String>>);

impl Row {
    /// Takes values as a server sent them; no control character of theirs gets further.
    pub fn new<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        Self(values.into_iter().map(|value| value.map(sanitize::line)).collect())
    }

    /// The same without texts that are longer than a name: what is compared later are figures.
    #[must_use]
    pub fn brief(mut self) -> Self {
        const LONGEST: usize = 64;
        self.0.iter_mut().for_each(|value| *value = value.take().filter(|text| text.len() <= LONGEST));
        self
    }

    /// A text; empty where there is none.
    pub fn text(&self, column: usize) -> &str {
        self.get(column).unwrap_or_default()
    }

    pub fn get(&self, column: usize) -> Option<&str> {
        self.0.get(column)?.as_deref()
    }

    /// A finite number.
    pub fn number(&self, column: usize) -> Option<f64> {
        self.get(column)?.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// A whole number that is not negative, such as a size or a pid.
    pub fn whole(&self, column: usize) -> Option<u64> {
        self.get(column)?.parse().ok()
    }

    pub fn flag(&self, column: usize) -> bool {
        matches!(self.get(column), Some("t" | "true" | "on" | "1"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_clean_and_what_does_not_fit_is_absent() {
        let row = Row::new([Some("a\x1b[31mb\x1b[0m"), None, Some("4711"), Some("-1"), Some("NaN"), Some("t")]);
        assert_eq!(row.text(0), "ab");
        assert_eq!((row.get(1), row.text(1), row.number(9)), (None, "", None));
        assert_eq!((row.whole(2), row.whole(3), row.number(3)), (Some(4711), None, Some(-1.0)));
        assert_eq!(row.number(4), None);
        assert!(row.flag(5) && !row.flag(0));
    }
}
