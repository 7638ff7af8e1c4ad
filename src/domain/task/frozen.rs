//! A freeze that is under way, in the words it is told in wherever one looks.

use crate::domain::hold::{Held, Hold};
use crate::domain::humanize;
use crate::domain::task::TaskFacts;
use crate::domain::time::{Timestamp, Zone};

/// `6 tasks frozen until 16:00`, when the first of them thaws; `None` while nothing is frozen.
///
/// That nothing is due looks like a quiet day: a freeze nobody remembers has to be seen.
pub fn frozen<'a>(tasks: impl Iterator<Item = &'a TaskFacts>, now: Timestamp, zone: &Zone) -> Option<String> {
    let held = tasks.filter_map(|facts| facts.held.as_deref());
    let frozen: Vec<&Held> = held.filter(|held| held.hold == Hold::Frozen).collect();
    let first = frozen.iter().filter_map(|held| held.until).min();
    let until = first.map_or_else(String::new, |at| format!(" until {}", humanize::clock(at, now, zone)));
    (!frozen.is_empty()).then(|| format!("{} frozen{until}", humanize::count(frozen.len(), "task")))
}
