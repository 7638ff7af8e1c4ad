//! The report as a Monitoring Plugin prints it: one line for a pager, performance data behind
//! a bar, then what needs attention. Monitoring Plugins Development Guidelines, sections 2 and 3.

use std::fmt::Write as _;

use crate::domain::board::{Assessment, JudgedSample};
use crate::domain::limit::{Comparison, Limit};
use crate::domain::report::Report;
use crate::domain::sample::Unit;
use crate::domain::time::{Timestamp, Zone};

impl Report {
    pub fn nagios(&self, zone: &Zone) -> String {
        let status = self.status().word().to_uppercase();
        // A bar would end the line for whoever reads it.
        let verdict = self.verdict().replace('|', ";");
        let mut out = format!("ROUNDS {status} - {verdict} | took={:.3}s", self.took.as_secs_f64());
        for assessment in &self.assessments {
            for judged in assessment.samples.iter().filter(|judged| judged.warning.or(judged.critical).is_some()) {
                if let Some(data) = performance(assessment, judged, self.at) {
                    let _ = write!(out, " {data}");
                }
            }
        }
        out.push('\n');
        for row in self.attention(zone) {
            let (kind, name) = row.subject.names();
            let _ = writeln!(out, "{} {kind} {name}: {}", row.status.label(), row.text.replace('|', ";"));
        }
        out
    }
}

/// `'label'=value[UOM];warn;crit`, for samples that have a limit.
fn performance(assessment: &Assessment, judged: &JudgedSample, now: Timestamp) -> Option<String> {
    let (value, unit) = judged.sample.value.number(now)?;
    let unit = match unit {
        Unit::Percent => "%",
        Unit::Bytes => "B",
        Unit::Seconds => "s",
        Unit::BytesPerDay | Unit::Count => "",
    };
    let label = format!("{} {}", assessment.id, judged.sample.key).replace(['\'', '='], "_");
    let bounds = [judged.warning, judged.critical].map(|limit| limit.map_or_else(String::new, range));
    Some(format!("'{label}'={value}{unit};{};{}", bounds[0], bounds[1]))
}

/// A limit as a range that alerts outside of it: `20:` for "under 20", `80` for "over 80".
fn range(limit: Limit) -> String {
    match limit.comparison {
        Comparison::Over | Comparison::AtLeast => limit.value.to_string(),
        Comparison::Under | Comparison::AtMost => format!("{}:", limit.value),
    }
}
