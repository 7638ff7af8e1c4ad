//! The report as text for a terminal or a mail: the verdict, what needs attention with what
//! mends it, and one line per checklist. Green things are counted, not listed.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use crate::domain::humanize;
use crate::domain::report::{Attention, Report, Subject};
use crate::domain::time::Zone;

/// Names longer than this do not push the sentences of all others to the right.
const WIDEST_NAME: usize = 28;

impl Report {
    /// The text of `rounds check`; `paint` may colour a word by its status.
    pub fn text(&self, zone: &Zone, paint: &dyn Fn(crate::domain::status::Status, &str) -> String) -> String {
        let mut out = format!("{}\n", paint(self.status(), &self.verdict()));
        let rows = self.attention(zone);
        if !rows.is_empty() {
            out.push('\n');
        }
        let width = rows.iter().map(|row| row.subject.names().1.width()).max().unwrap_or(0).min(WIDEST_NAME);
        for row in &rows {
            self.row(&mut out, row, width, zone, paint);
        }
        let signed = self.checklists.iter().filter(|list| list.signed.is_none());
        for list in signed {
            let _ = writeln!(out, "\n{} {}: {} of {} done", list.title, list.period.key, list.done(), list.items.len());
            for item in &list.items {
                let mark = match item.state.word() {
                    "done" => "[x]",
                    "skipped" => "[-]",
                    "open" => "[ ]",
                    _ => "[!]",
                };
                let _ = writeln!(out, "  {mark} {:2} {}{}", item.number, item.text, with_dash(&item.evidence));
            }
        }
        out
    }

    fn row(
        &self,
        out: &mut String,
        row: &Attention<'_>,
        width: usize,
        zone: &Zone,
        paint: &dyn Fn(crate::domain::status::Status, &str) -> String,
    ) {
        let (kind, name) = row.subject.names();
        let since = row.since.map_or_else(String::new, |at| format!("  since {}", humanize::clock(at, self.at, zone)));
        let word = paint(row.status, &format!("{:<4}", row.status.label()));
        let gap = " ".repeat(width.saturating_sub(name.width()));
        let _ = writeln!(out, "{word}  {kind:<9}  {name}{gap}  {}{since}", row.text);
        let indent = " ".repeat(19 + width);
        if let Subject::Probe(one) = row.subject {
            for finding in one.findings.iter().skip(1) {
                let _ = writeln!(out, "{indent}also: {}", finding.text);
            }
            for finding in &one.findings {
                if let Some(action) = &finding.mend {
                    let command = command_for(action.as_str(), one.target.as_ref().map_or("", |target| &target.id));
                    let _ = writeln!(out, "{indent}mend: {command}");
                }
                if let Some(advice) = &finding.advice {
                    let _ = writeln!(out, "{indent}{advice}");
                }
            }
        }
        if !row.folded.is_empty() {
            let names: Vec<&str> = row.folded.iter().map(|one| one.id.name()).collect();
            let _ = writeln!(out, "{indent}folded under it: {}", names.join(", "));
        }
    }
}

/// What to type for an act, without the screen.
pub fn command_for(action: &str, target: &str) -> String {
    match action {
        "backup" => format!("rounds backup run {target}"),
        "verify" | "drill" | "copy" | "prune" | "restore" => format!("rounds backup {action} {target}"),
        "vacuum" => format!("rounds database vacuum {target}"),
        "integrity" => format!("rounds database integrity {target}"),
        "restart-task" => format!("rounds task restart {target}"),
        "accept" => format!("rounds task accept {target}"),
        "run-task" => format!("rounds task run {target}"),
        custom => format!("rounds run {custom}"),
    }
}

fn with_dash(evidence: &str) -> String {
    if evidence.is_empty() { String::new() } else { format!("  — {evidence}") }
}
