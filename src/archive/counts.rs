//! What is in a database: its tables and their rows, and how two such counts differ.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{humanize, sanitize};

/// Fewer rows than this are no difference worth a word.
const FEW: u64 = 10;

/// Every table, and the rows of those that were counted, at the moment of the copy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// `null` for a table whose rows were not counted.
    pub tables: BTreeMap<String, Option<u64>>,
}

impl Counts {
    /// The rows of all tables that were counted.
    pub fn rows(&self) -> u64 {
        self.tables.values().flatten().sum()
    }

    /// How `found` differs from what was expected, if it does. Tables that were not counted on
    /// both sides are compared by name.
    pub(super) fn difference(&self, found: &Counts) -> Option<String> {
        let surplus = || found.tables.keys().find(|name| !self.tables.contains_key(*name));
        self.missing(found)
            .or_else(|| surplus().map(|name| format!("table `{}` is not in the source", sanitize::line(name))))
            .or_else(|| self.other_rows(found))
    }

    /// The same where more tables may be found than were expected.
    pub(super) fn lacking(&self, found: &Counts) -> Option<String> {
        self.missing(found).or_else(|| self.other_rows(found))
    }

    fn missing(&self, found: &Counts) -> Option<String> {
        let missing = self.tables.keys().find(|name| !found.tables.contains_key(*name));
        missing.map(|name| format!("table `{}` is missing", sanitize::line(name)))
    }

    fn other_rows(&self, found: &Counts) -> Option<String> {
        let number = |count: u64| humanize::number(count as f64);
        self.tables.iter().find_map(|(name, expected)| {
            let (expected, found) = ((*expected)?, (*found.tables.get(name)?)?);
            let told = || {
                let name = sanitize::line(name);
                format!("table `{name}` has {} rows instead of {}", number(found), number(expected))
            };
            (expected != found).then(told)
        })
    }

    /// What of the `named` tables strays from what the source holds now: there was time for both
    /// to become different, but not by more than half, nor from nothing at all.
    pub fn strays_from(&self, now: &Counts, named: &[String]) -> Option<String> {
        named.iter().find_map(|name| {
            let (here, there) = (self.rows_of(name)?, now.rows_of(name)?);
            let strays = here.abs_diff(there) > (here.max(there) / 2).max(FEW) || (here == 0 && there > 0);
            let number = |count: u64| humanize::number(count as f64);
            strays.then(|| {
                format!(
                    "`{}` has {} rows in it, and {} in the source now",
                    sanitize::line(name),
                    number(here),
                    number(there)
                )
            })
        })
    }

    /// Where an export that was made together with this differs from it by more than a tenth. Its
    /// models are those of Django: `rota.shift` is the table `rota_shift`.
    pub fn differs_from_export(&self, export: &Counts) -> Option<String> {
        export.tables.iter().find_map(|(model, objects)| {
            let (here, there) = (self.rows_of(&model.replace('.', "_"))?, (*objects)?);
            let number = |count: u64| humanize::number(count as f64);
            (here.abs_diff(there) > (here.max(there) / 10).max(FEW)).then(|| {
                format!("{} of `{}` where the backup has {}", number(there), sanitize::line(model), number(here))
            })
        })
    }

    /// The rows of a table, with or without its schema.
    fn rows_of(&self, name: &str) -> Option<u64> {
        let bare = |full: &str| full.split_once('.').is_some_and(|(_, table)| table == name);
        let found =
            self.tables.get(name).or_else(|| self.tables.iter().find(|(full, _)| bare(full)).map(|(_, rows)| rows));
        found.copied().flatten()
    }

    /// Words on the tables that somebody named and that are not there; with or without a schema.
    pub(super) fn not_there(&self, named: &[String]) -> Vec<String> {
        let is_there = |name: &String| {
            let bare = |full: &String| full.split_once('.').is_some_and(|(_, table)| table == name);
            self.tables.keys().any(|full| full == name || bare(full))
        };
        let missing = named.iter().filter(|name| !is_there(name));
        missing.map(|name| format!("there is no table `{name}`, which `rows` names")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(tables: &[(&str, Option<u64>)]) -> Counts {
        Counts { tables: tables.iter().map(|(name, rows)| ((*name).to_owned(), *rows)).collect() }
    }

    #[test]
    fn every_difference_has_its_sentence() {
        let source = counts(&[("a", Some(5000)), ("b", None)]);
        let table = [
            (counts(&[("a", Some(5000)), ("b", Some(7))]), None),
            (counts(&[("a", None), ("b", None)]), None),
            (counts(&[("a", Some(3334)), ("b", None)]), Some("table `a` has 3334 rows instead of 5000")),
            (counts(&[("a", Some(5000))]), Some("table `b` is missing")),
            (counts(&[("a", Some(5000)), ("b", None), ("c", Some(0))]), Some("table `c` is not in the source")),
        ];
        for (found, expected) in table {
            assert_eq!(source.difference(&found).as_deref(), expected);
        }
        assert_eq!(source.lacking(&counts(&[("a", Some(5000)), ("b", None), ("c", Some(0))])), None);
    }

    #[test]
    fn a_backup_strays_by_half_or_from_nothing_and_an_export_by_a_tenth() {
        let backup = counts(&[("public.rota_shift", Some(1000)), ("public.empty", Some(0))]);
        let now = |rows| counts(&[("public.rota_shift", Some(rows)), ("public.empty", Some(3))]);
        let named = ["rota_shift".to_owned()];
        for rows in [501, 1000, 1990] {
            assert_eq!(backup.strays_from(&now(rows), &named), None, "{rows}");
        }
        let told = backup.strays_from(&now(3000), &named).expect("too few");
        assert_eq!(told, "`rota_shift` has 1000 rows in it, and 3000 in the source now");
        assert!(backup.strays_from(&now(400), &named).is_some());
        assert!(backup.strays_from(&now(1000), &["empty".to_owned()]).is_some(), "nothing where there is something");
        let export = |objects| counts(&[("rota.shift", Some(objects)), ("auth.user", Some(7))]);
        assert_eq!(backup.differs_from_export(&export(950)), None);
        let told = backup.differs_from_export(&export(12)).expect("too few");
        assert_eq!(told, "12 of `rota.shift` where the backup has 1000");
    }

    #[test]
    fn a_table_may_be_named_without_its_schema() {
        let found = counts(&[("public.staff", Some(1)), ("rota", None)]);
        let named = ["staff", "public.staff", "rota", "gone"].map(str::to_owned);
        assert_eq!(found.not_there(&named), ["there is no table `gone`, which `rows` names"]);
    }
}
