//! What came of upkeep on some tables, put together and told in figures.

use super::proof::{self, Came, Table};
use crate::database::{DatabaseError, Upkeep};
use crate::domain::upkeep::Verb;
use crate::domain::{humanize, sanitize};

/// What came of the tables so far.
#[derive(Debug)]
pub(super) struct Tally {
    verb: Verb,
    all: usize,
    done: usize,
    /// Of these the server's word is all there is.
    unproven: usize,
    /// Of these only a moment shows that they were written anew.
    by_time: usize,
    /// The engines of these have no such thing.
    not_for: usize,
    /// These were not done, and why.
    not: Vec<(String, String)>,
    /// Of these, how many are known to be wrong: they could be read, and are not as they should be.
    unsound: usize,
    before: u64,
    after: u64,
}

impl Tally {
    pub(super) fn new(verb: Verb, all: usize) -> Self {
        Self {
            verb,
            all,
            done: 0,
            unproven: 0,
            by_time: 0,
            not_for: 0,
            not: Vec::new(),
            unsound: 0,
            before: 0,
            after: 0,
        }
    }

    /// A table that somebody dropped meanwhile.
    pub(super) fn gone(&mut self) {
        self.all = self.all.saturating_sub(1);
    }

    /// A table that nothing came of: somebody holds it, or our user may not.
    pub(super) fn left(&mut self, name: &str, why: &str) {
        self.not.push((sanitize::line(name), why.to_owned()));
    }

    pub(super) fn came(&mut self, name: &str, came: Came, before: &Table, after: &Table) {
        let proven = after.proves(before, self.verb);
        match (came, proven) {
            (Came::Not(why), _) => {
                self.unsound += 1;
                self.not.push((sanitize::line(name), why));
            }
            (Came::Locked, _) => self.left(name, "somebody holds a lock on it"),
            (Came::NotForIt, _) => self.not_for += 1,
            (Came::Done, Some(false)) => {
                let why = "the server says it is done, and it is the same as before".to_owned();
                self.not.push((sanitize::line(name), why));
            }
            (Came::Done, proven) => {
                self.done += 1;
                self.unproven += usize::from(proven.is_none());
                let by_time = proven.is_some() && !after.is_shown_by_number(before, self.verb);
                self.by_time += usize::from(by_time && matches!(self.verb, Verb::Vacuum | Verb::Reindex));
                self.before += before.bytes;
                self.after += after.bytes;
            }
        }
    }

    /// `; 3 of 12 tables were done before`, for an act that did not come to its end.
    pub(super) fn so_far(&self) -> String {
        match self.all {
            0 | 1 => String::new(),
            all => format!("; {} of {} were {} before", self.done, humanize::count(all, "table"), done(self.verb)),
        }
    }

    /// Whether it had its effect.
    pub(super) fn judge(self, took: &str) -> Result<Upkeep, DatabaseError> {
        let (all, word) = (humanize::count(self.all, "table"), done(self.verb));
        let figures = proof::compared(self.verb, self.before, self.after);
        if let Some((name, why)) = self.not.first() {
            let detail =
                format!("{} of {all} not {word}; the first: {name}: {why}{figures}; took {took}", self.not.len());
            // What could not be looked at is not known to be damaged.
            if self.verb == Verb::Integrity && self.unsound == 0 {
                return Err(DatabaseError::Refused(detail));
            }
            return Ok(Upkeep { ok: false, detail });
        }
        if self.done == 0 && self.all > 0 {
            let detail = format!("nothing was {word}: the storage engine of {all} has no such thing; took {took}");
            return Ok(Upkeep { ok: false, detail });
        }
        let mut detail = format!("{} {word} in {took}{figures}", humanize::count(self.done, "table"));
        if self.not_for > 0 {
            let some = humanize::count(self.not_for, "table");
            detail.push_str(&format!("; the storage engine of {some} has no such thing"));
        }
        if self.by_time > 0 {
            let some = humanize::count(self.by_time, "table");
            detail.push_str(&format!("; {some} proven by the time of creation; PROCESS would show new table ids"));
        }
        if self.unproven > 0 && self.verb != Verb::Integrity {
            let some = humanize::count(self.unproven, "table");
            let more = if self.verb == Verb::Analyze {
                "; SELECT on mysql.innodb_table_stats would show InnoDB's"
            } else {
                ""
            };
            detail.push_str(&format!("; of {some} the server's word is all there is{more}"));
        }
        Ok(Upkeep { ok: true, detail })
    }
}

/// After what it was done to: `3 tables optimized`.
fn done(verb: Verb) -> &'static str {
    match verb {
        Verb::Vacuum => "optimized",
        Verb::Reindex => "rewritten with their indexes",
        Verb::Integrity => "found sound",
        verb => verb.done(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(tally: Tally) -> (bool, String) {
        let upkeep = tally.judge("2.1 s").expect("an answer");
        (upkeep.ok, upkeep.detail)
    }

    #[test]
    fn one_table_that_was_passed_by_is_not_all_of_them() {
        let mut tally = Tally::new(Verb::Analyze, 2);
        tally.came("log", Came::Done, &Table::default(), &Table::default());
        tally.left("st\u{1b}[31maff", "pid 7 (web@localhost) holds a lock on it");
        let (ok, text) = told(tally);
        assert!(!ok && text.starts_with("1 of 2 tables not analyzed; the first: "), "{text}");
        assert!(text.ends_with(": pid 7 (web@localhost) holds a lock on it; took 2.1 s"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn what_could_not_be_looked_at_is_not_called_damaged_and_what_is_damaged_is() {
        let mut locked = Tally::new(Verb::Integrity, 1);
        locked.left("staff", "somebody holds a lock on it");
        assert!(locked.judge("5 s").is_err_and(|error| error.to_string().contains("not found sound")));
        let mut damaged = Tally::new(Verb::Integrity, 2);
        damaged.came("log", Came::Done, &Table::default(), &Table::default());
        let fault = Came::Not("Index PRIMARY is corrupted".to_owned());
        damaged.came("staff", fault, &Table::default(), &Table::default());
        let (ok, text) = told(damaged);
        assert!(!ok && text.starts_with("1 of 2 tables not found sound; the first: staff: Index PRIMARY"), "{text}");
    }

    #[test]
    fn what_nothing_could_be_done_to_is_not_called_done() {
        let mut tally = Tally::new(Verb::Vacuum, 1);
        tally.came("cache", Came::NotForIt, &Table::default(), &Table::default());
        let (ok, text) = told(tally);
        assert!(!ok && text.starts_with("nothing was optimized: the storage engine of 1 table"), "{text}");
    }
}
