//! A configuration as text: where in it something stands, and what relative paths in it mean.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::error::{Excerpt, Fault};
use crate::domain::sanitize;

/// One file's text.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// The path as people gave it; a word in parentheses for a text that is no file.
    pub(super) name: String,
    /// Relative paths start here. Absolute.
    pub(super) directory: PathBuf,
    pub(super) text: String,
}

impl Source {
    /// `rota.toml:12:1`.
    pub(super) fn place(&self, span: &Range<usize>) -> String {
        let (line, start) = self.line_of(span.start);
        let column = self.text[start..self.boundary(span.start)].chars().count() + 1;
        format!("{}:{line}:{column}", self.name)
    }

    /// Where each line of it begins, for whoever wants many places.
    pub(super) fn line_starts(&self) -> Vec<usize> {
        std::iter::once(0).chain(self.text.match_indices('\n').map(|(at, _)| at + 1)).collect()
    }

    /// The place of `span`, by the beginnings of all lines.
    pub(super) fn place_among(&self, starts: &[usize], span: &Range<usize>) -> String {
        let offset = self.boundary(span.start);
        let line = starts.partition_point(|start| *start <= offset);
        let start = starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self.text[start..offset].chars().count() + 1;
        format!("{}:{line}:{column}", self.name)
    }

    /// A fault of what stands at `span`.
    pub(super) fn fault(&self, span: &Range<usize>, message: impl Into<String>) -> Fault {
        let (line, start) = self.line_of(span.start);
        let whole = self.text[start..].lines().next().unwrap_or_default();
        let from = (self.boundary(span.start) - start).min(whole.len());
        let to = self.boundary(span.end).saturating_sub(start).clamp(from, whole.len());
        let text = without_secrets(&shown(whole));
        let before = columns(&whole[..from]);
        let width = columns(&whole[from..to]).min(columns(&text).saturating_sub(before));
        let excerpt = Excerpt { line, text, before, width };
        Fault::of(self.place(span), message).with(excerpt)
    }

    /// A fault of a value that knows where it stands.
    pub(super) fn fault_at<T>(&self, value: &Spanned<T>, message: impl Into<String>) -> Fault {
        self.fault(&value.span(), message)
    }

    /// What a path in this file means.
    pub(super) fn resolve(&self, path: &Spanned<String>) -> Result<PathBuf, Fault> {
        resolve(&self.directory, path.get_ref()).map_err(|why| self.fault_at(path, why))
    }

    /// What a file pattern in this file means: an absolute pattern, in which the directory of
    /// the file stands for nothing but itself.
    pub(super) fn glob(&self, pattern: &Spanned<String>) -> Result<String, Fault> {
        let text = pattern.get_ref();
        resolve(&self.directory, text).map_err(|why| self.fault_at(pattern, why))?;
        glob::Pattern::new(text).map_err(|why| self.fault_at(pattern, format!("`{text}` is not a pattern: {why}")))?;
        if Path::new(text).is_absolute() {
            return Ok(text.clone());
        }
        let odd = "the directory of this file has a name that is not UTF-8; write the full path";
        let directory = self.directory.to_str().ok_or_else(|| self.fault_at(pattern, odd))?;
        Ok(format!("{}/{text}", glob::Pattern::escape(directory.trim_end_matches(std::path::is_separator))))
    }

    /// The number of the line that holds `offset`, and where it starts.
    fn line_of(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..self.boundary(offset)];
        (before.matches('\n').count() + 1, before.rfind('\n').map_or(0, |at| at + 1))
    }

    /// The nearest character boundary at or before `offset`.
    fn boundary(&self, offset: usize) -> usize {
        self.text.floor_char_boundary(offset)
    }
}

/// What `path` means in a file that lies in `directory`.
pub(super) fn resolve(directory: &Path, path: &str) -> Result<PathBuf, String> {
    if path.is_empty() || path.contains('\0') {
        return Err("this is not a path".to_owned());
    }
    if path == "~" || path.starts_with("~/") {
        return Err(format!("`~` is not expanded; write `{path}` as a full path"));
    }
    Ok(directory.join(path))
}

/// A line as the terminal may show it: a tab is one column here, as it is in the mark's offset.
fn shown(text: &str) -> String {
    sanitize::line(&text.replace('\t', " "))
}

fn columns(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(shown(text).as_str())
}

/// The line without what may be a password: whatever follows a word that sounds like a secret,
/// the password of a URL, and what follows the `?` of one. Where it is not clear which part is
/// which, as in a line that is not well formed, less is shown.
fn without_secrets(line: &str) -> String {
    let word = secret_word(line);
    let Some(start) = line.find("://").map(|at| at + 3) else {
        return word.map_or_else(|| line.to_owned(), |end| cut(line, end));
    };
    let address = &line[start..];
    if word.is_some() || address.contains('?') {
        let end = address.find([':', '?']).map(|at| start + at + 1);
        return cut(line, word.into_iter().chain(end).min().unwrap_or(start));
    }
    match address.rsplit_once('@').and_then(|(user, _)| user.split_once(':')) {
        Some((user, password)) => {
            let from = start + user.len() + 1;
            format!("{}…{}", &line[..from], &line[from + password.len()..])
        }
        None => line.to_owned(),
    }
}

/// Where the first word ends that sounds like a secret; if it is part of a key, where the key does.
fn secret_word(line: &str) -> Option<usize> {
    const SECRETS: [&str; 5] = ["password", "passwd", "pwd", "secret", "token"];
    let lower = line.to_ascii_lowercase();
    let end = SECRETS.iter().filter_map(|word| lower.find(word).map(|at| at + word.len())).min()?;
    let rest = &line[end..];
    let key = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != '-');
    let key = key.unwrap_or(rest.len());
    Some(if rest[key..].trim_start().starts_with('=') { end + key } else { end })
}

fn cut(line: &str, end: usize) -> String {
    let sign = if line[end..].trim_start().starts_with('=') { " = " } else { "" };
    format!("{}{sign}…", &line[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source { name: "rota.toml".to_owned(), directory: "/etc/rounds".into(), text: text.to_owned() }
    }

    #[test]
    fn a_fault_shows_its_line_with_a_mark_under_the_part_that_is_meant() {
        let text = "version = 1\n[[database]]\nsizee = 3 # größer\n";
        let at = text.find("sizee").expect("key");
        let fault = source(text).fault(&(at..at + 5), "unknown key");
        assert_eq!(fault.to_string(), "rota.toml:3:1: unknown key\n  |\n3 | sizee = 3 # größer\n  | ^^^^^");
    }

    #[test]
    fn tabs_wide_letters_and_the_end_of_the_text_keep_the_mark_in_place() {
        let text = "\tname = '東' x";
        let at = text.find('x').expect("x");
        let fault = source(text).fault(&(at..at + 1), "no").to_string();
        let lines: Vec<&str> = fault.lines().collect();
        assert_eq!(lines[2], "1 |  name = '東' x");
        assert_eq!(lines[3], "  |              ^");
        assert!(source("a = ").fault(&(4..99), "no").to_string().ends_with("  |     ^"));
        assert!(source("").fault(&(0..0), "no").to_string().ends_with("1 | \n  | ^"));
    }

    #[test]
    fn what_may_be_a_password_is_not_repeated() {
        let table = [
            ("password = \"hunter2\"", "password = …"),
            ("url = \"postgres://rota:hun/ter2@db/rota\"", "url = \"postgres://rota:…@db/rota\""),
            ("url = \"postgres://rota:hunter2@db/rota\" # x", "url = \"postgres://rota:…@db/rota\" # x"),
            ("url = \"postgres://rota@db/rota\"", "url = \"postgres://rota@db/rota\""),
            ("url = \"postgres://mon@h/db?password=hunter2\"", "url = \"postgres://mon@h/db?…"),
            ("url = \"postgres://mon@h:5432/db?password=hun@ter2\"", "url = \"postgres://mon@h:…"),
            ("url = \"postgres://u:hun?ter@2@h/db\"", "url = \"postgres://u:…"),
            ("url = \"postgres://u:hun ter2@h/db\"", "url = \"postgres://u:…@h/db\""),
            ("url = \"postgres://u:mypassword2@h/db\"", "url = \"postgres://u:…"),
            (
                "database = [{ id=\"a\", url=\"x\", password=\"hunter2\" }]",
                "database = [{ id=\"a\", url=\"x\", password = …",
            ),
            ("a = { url=\"postgres://u@h:1/db\", pwd=\"hun@ter2\" }", "a = { url=\"postgres://u@h:…"),
            ("passwords = [\"hunter2\"]", "passwords = …"),
            ("id = \"secretary\"", "id = \"secret…"),
        ];
        for (line, shown) in table {
            assert_eq!(without_secrets(line), shown);
        }
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let directory = Path::new("/etc/rounds");
        assert_eq!(resolve(directory, "db.sqlite3"), Ok("/etc/rounds/db.sqlite3".into()));
        assert_eq!(resolve(directory, "/srv/db"), Ok("/srv/db".into()));
        assert!(resolve(directory, "~/db").is_err() && resolve(directory, "").is_err());
    }
}
