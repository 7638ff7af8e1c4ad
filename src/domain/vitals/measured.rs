//! What the checks of a server brought: figures, the words for them, and what stayed hidden.

use std::time::Duration;

use crate::domain::finding::{Finding, Remark};
use crate::domain::humanize;
use crate::domain::sample::{Key, Sample};

/// What one check, or all of them together, brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    pub samples: Vec<Sample>,
    /// How a figure is told while it is beyond its limit: with its culprit.
    pub remarks: Vec<Remark>,
    /// What is wrong whatever the limits are.
    pub findings: Vec<Finding>,
    /// Further things that are known, for whoever looks closer: a label and a text.
    pub facts: Vec<(Key, String)>,
    pub hidden: Vec<Hidden>,
}

/// A figure that could not be told. It is unknown, never well.
#[derive(Clone, Debug, PartialEq)]
pub struct Hidden {
    pub key: &'static str,
    /// Finishes "… cannot be told: ".
    pub why: String,
    /// The statement that would mend it, where one does.
    pub grant: Option<String>,
}

impl Measured {
    pub fn sample(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    pub fn remark(&mut self, remark: Remark) {
        self.remarks.push(remark);
    }

    pub fn fact(&mut self, label: impl Into<Key>, text: impl Into<String>) {
        self.facts.push((label.into(), text.into()));
    }

    pub fn hide(&mut self, key: &'static str, why: impl Into<String>, grant: Option<String>) {
        self.hidden.push(Hidden { key, why: why.into(), grant });
    }

    /// Says of everything that it is from an earlier look, because a look costs so much.
    pub fn seen(&mut self, name: &str, ago: Duration, cost: Duration) {
        let ago = humanize::duration(ago);
        for text in self
            .remarks
            .iter_mut()
            .map(|remark| &mut remark.text)
            .chain(self.findings.iter_mut().map(|finding| &mut finding.text))
        {
            text.push_str(&format!(" (seen {ago} ago)"));
        }
        self.fact(
            "asked less often",
            format!("{name}: seen {ago} ago, for the server takes {} for it", humanize::duration(cost)),
        );
    }

    /// Takes what another check brought.
    pub fn join(&mut self, other: Measured) {
        self.samples.extend(other.samples);
        self.remarks.extend(other.remarks);
        self.findings.extend(other.findings);
        self.facts.extend(other.facts);
        self.hidden.extend(other.hidden);
    }
}
