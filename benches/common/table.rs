//! What was measured, as a table that can be pasted into a document.

#![allow(clippy::print_stdout, reason = "a bench answers on standard output")]

/// Prints rows under a heading, every column as wide as it needs to be.
pub(crate) fn print(heading: &[String], rows: &[Vec<String>]) {
    let all = || std::iter::once(heading).chain(rows.iter().map(Vec::as_slice));
    let columns = all().map(<[String]>::len).max().unwrap_or(0);
    let width = |column: usize| {
        all().filter_map(|row| row.get(column)).map(|cell: &String| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &[String]| {
        let cells: Vec<String> = widths
            .iter()
            .enumerate()
            .map(|(at, width)| {
                let cell = row.get(at).map_or("", String::as_str);
                if at == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            })
            .collect();
        format!("| {} |", cells.join(" | "))
    };
    println!("{}", line(heading));
    let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    println!("{}", line(&rules));
    for row in rows {
        println!("{}", line(row));
    }
    println!();
}

/// A number with about three figures that mean something; `-` for none.
pub(crate) fn figure(number: Option<f64>, unit: &str) -> String {
    let Some(number) = number else { return "-".to_owned() };
    let digits = match number.abs() {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{number:.digits$}{unit}")
}

/// How ours compares: `0.40 of htop's`; nothing where one of them is missing.
pub(crate) fn ratio(ours: Option<f64>, other: Option<f64>) -> String {
    match (ours, other) {
        (Some(ours), Some(other)) if other > 0.0 => format!("{:.2}x", ours / other),
        _ => "-".to_owned(),
    }
}
