//! Standard output carries the answer and nothing else; a reader that stopped reading is no
//! error. Everything else goes to standard error.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::{CONFIG_ERROR, Color, Global, REFUSED};
use crate::domain::status::Status;
use crate::runtime::runner::Refused;

/// What is written at once.
const PIECE: usize = 64 << 10;

/// Writes an answer.
pub(super) fn answer(text: &str) -> io::Result<()> {
    write(|out| out.write_all(text.strip_suffix('\n').unwrap_or(text).as_bytes()))
}

/// Writes a JSON document, piece by piece: it may be of megabytes.
pub(super) fn document(value: &impl Serialize) -> io::Result<()> {
    write(|out| Ok(serde_json::to_writer_pretty(out, value)?))
}

/// Writes to standard output, to the end of a line. A closed pipe ends quietly, as for any filter.
fn write(all: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = io::BufWriter::with_capacity(PIECE, io::stdout().lock());
    match all(&mut out).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// A line of progress, for whoever is watching.
pub(super) fn progress(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Paints a word in the colour of a status, where colour is wanted.
pub(super) fn paint(global: &Global) -> impl Fn(Status, &str) -> String + use<> {
    let colored = match global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => io::stdout().is_terminal() && !super::environment::no_color(),
    };
    move |status, text| {
        let code = match status {
            Status::Ok => "32",
            Status::Warning => "33",
            Status::Unknown => "35",
            Status::Critical => "1;31",
        };
        if colored { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Success or failure of a command that has nothing finer to say.
pub(super) fn done(ok: bool) -> ExitCode {
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tells why nothing came of it, and picks the exit code of the contract.
pub(super) fn report_error(error: &color_eyre::Report) -> ExitCode {
    if let Some(refused) = error.downcast_ref::<Refused>() {
        progress(&format!("rounds: refused: {refused}"));
        return ExitCode::from(REFUSED);
    }
    if let Some(wrong) = error.downcast_ref::<crate::config::ConfigError>() {
        progress(&format!("rounds: {wrong}"));
        return ExitCode::from(CONFIG_ERROR);
    }
    if let Some(usage) = error.downcast_ref::<Usage>() {
        progress(&format!("rounds: {usage}"));
        return ExitCode::from(super::USAGE);
    }
    let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    progress(&format!("rounds: {}", chain.join(": ")));
    ExitCode::FAILURE
}

/// A word on the command line that means nothing here.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

/// A table for people: columns as wide as their widest cell, two blanks between.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    use unicode_width::UnicodeWidthStr;
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width());
        cells.chain([header[column].width()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut out = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        for (cell, width) in cells.zip(&widths) {
            out.push_str(cell);
            out.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width()) + 2));
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    };
    line(&mut header.iter().copied());
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_what_a_terminal_shows() {
        let rows = vec![vec!["日本".to_owned(), "1".to_owned()], vec!["a".to_owned(), "22".to_owned()]];
        assert_eq!(table(&["ID", "N"], &rows), "ID    N\n日本  1\na     22\n");
    }
}
