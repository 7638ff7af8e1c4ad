//! What stands in the list when it is empty, or under it while readings are awaited.

use crate::domain::humanize;
use crate::domain::status::Status;
use crate::tui::pane::{Snapshot, rows};
use crate::tui::widget::age;

/// How many checks have not been heard of yet.
pub(super) fn waiting(count: usize, see: &Snapshot<'_>) -> String {
    let checks = if count == 1 { "1 check waits".to_owned() } else { format!("{count} checks wait") };
    format!("{} {checks} for the first reading", see.theme.glyph(Status::Unknown))
}

/// What is said when no row needs anybody.
pub(super) fn calm(see: &Snapshot<'_>) -> Vec<String> {
    if let Some(says) = rows::nothing_matches(see) {
        return vec![says];
    }
    let (all, counts) = (&see.report.assessments, see.report.counts());
    let waiting = all.iter().filter(|one| one.waiting).count();
    let oldest = age::oldest(all).map_or_else(String::new, |age| format!("; oldest reading {age}"));
    let mut says = match (all.len(), waiting) {
        (0, _) => vec![
            "Nothing is watched.".to_owned(),
            "Name a [[database]], a [[backup]] or a [[check]] in the configuration; config.example.toml shows how."
                .to_owned(),
        ],
        (_, 0) => vec![match counts.ok {
            1 => format!("{} The only check is ok{oldest}.", see.theme.glyph(Status::Ok)),
            ok => format!("{} All {ok} checks are ok{oldest}.", see.theme.glyph(Status::Ok)),
        }],
        (_, waiting) => {
            let mut says = vec![format!("{}.", self::waiting(waiting, see))];
            if counts.ok > 0 {
                let are = if counts.ok == 1 { "is" } else { "are" };
                says.push(format!("So far {} {are} ok{oldest}.", humanize::count(counts.ok, "check")));
            }
            says
        }
    };
    for list in see.report.checklists.iter().filter(|list| list.signed.is_none()) {
        let you = match list.needs_you() {
            0 => String::new(),
            you => format!(", {you} for you"),
        };
        says.push(format!("{}: {} of {} done{you}.", list.title, list.done(), list.items.len()));
    }
    says
}
