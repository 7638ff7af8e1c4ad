//! What `list` and `show` of every family have in common.

use crate::cli::output::Usage;
use crate::domain::board::Assessment;
use crate::domain::humanize;
use crate::domain::time::{Timestamp, Zone};

/// The target a command is about: the one named, or the only one there is.
pub(super) fn one_of<'a>(
    kind: &str,
    id: Option<&str>,
    known: impl Iterator<Item = &'a String> + Clone,
) -> color_eyre::Result<String> {
    let names: Vec<&str> = known.map(String::as_str).collect();
    let text = match (id, names.as_slice()) {
        (Some(id), names) if names.contains(&id) => return Ok(id.to_owned()),
        (None, [only]) => return Ok((*only).to_owned()),
        (Some(id), []) => format!("there is no {kind} called `{id}`, nor any other"),
        (Some(id), names) => format!("there is no {kind} called `{id}`; there are: {}", names.join(", ")),
        (None, []) => format!("there is no {kind}"),
        (None, names) => format!("which {kind}? there are: {}", names.join(", ")),
    };
    Err(Usage(text).into())
}

/// Everything known of one assessment, for `show`.
pub(super) fn details(one: &Assessment, now: Timestamp, zone: &Zone) -> String {
    use std::fmt::Write as _;
    let age = one.age.map_or_else(|| "never read".to_owned(), |age| format!("read {} ago", humanize::duration(age)));
    let mut text = format!("{}  {}  {age}\n", one.id, one.status);
    for finding in &one.findings {
        let _ = writeln!(text, "  {:<8} {}", finding.status.word(), finding.text);
    }
    for judged in &one.samples {
        let limits: Vec<String> =
            [judged.warning, judged.critical].into_iter().flatten().map(|limit| limit.to_string()).collect();
        let limits = if limits.is_empty() { String::new() } else { format!("   ({})", limits.join(", ")) };
        let value = humanize::value(&judged.sample.value, now, zone);
        let _ = writeln!(text, "  {:<14} {value}{limits}", judged.sample.key.replace('_', " "));
    }
    text
}
