//! The report in the OpenMetrics text format 1.0, for a textfile collector.

use std::fmt::Write as _;

use crate::domain::report::Report;

impl Report {
    pub fn openmetrics(&self) -> String {
        let mut out = String::new();
        let mut family = |name: &str, help: &str, rows: Vec<(String, f64)>| {
            let _ = writeln!(out, "# TYPE rounds_{name} gauge\n# HELP rounds_{name} {help}");
            for (labels, value) in rows {
                let _ = writeln!(out, "rounds_{name}{{{labels}}} {value}");
            }
        };
        let checks = || self.assessments.iter();
        let labels = |id: &str, system: &str| format!("id=\"{}\",system=\"{}\"", escaped(id), escaped(system));
        family(
            "status",
            "0 ok, 1 warning, 2 critical, 3 unknown.",
            checks().map(|one| (labels(one.id.as_str(), &one.system), f64::from(one.status.exit_code()))).collect(),
        );
        family(
            "age_seconds",
            "Age of the values of a check.",
            checks().filter_map(|one| Some((labels(one.id.as_str(), &one.system), one.age?.as_secs_f64()))).collect(),
        );
        family(
            "sample",
            "A value in its base unit.",
            checks()
                .flat_map(|one| one.samples.iter().map(move |judged| (one, judged)))
                .filter_map(|(one, judged)| {
                    let (value, unit) = judged.sample.value.number(self.at)?;
                    let base = labels(one.id.as_str(), &one.system);
                    let key = escaped(&judged.sample.key);
                    Some((format!("{base},key=\"{key}\",unit=\"{}\"", unit.symbol()), value))
                })
                .collect(),
        );
        let lists = || self.checklists.iter().map(|list| (format!("id=\"{}\"", escaped(&list.id)), list));
        family(
            "checklist_items",
            "Items of a checklist.",
            lists().map(|(id, list)| (id, list.items.len() as f64)).collect(),
        );
        family(
            "checklist_done",
            "Items that are done or skipped.",
            lists().map(|(id, list)| (id, list.done() as f64)).collect(),
        );
        family(
            "checklist_signed",
            "Whether this period's list is signed.",
            lists().map(|(id, list)| (id, f64::from(u8::from(list.signed.is_some())))).collect(),
        );
        out.push_str("# EOF\n");
        out
    }
}

/// A label's value as the format wants it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
