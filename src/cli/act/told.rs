//! How an act is told on standard output: one document for all of them, or a sentence.

use std::io;

use serde_json::{Value, json};

use crate::cli::{Format, output};
use crate::domain::plan::Plan;

/// What became of an act, or why nothing did.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Told<'a> {
    pub(in crate::cli) plan: &'a Plan,
    /// A word of the audit log, or `refused`.
    pub(in crate::cli) outcome: &'a str,
    pub(in crate::cli) detail: &'a str,
    /// What its records have in common; none where there is no record.
    pub(in crate::cli) correlation: Option<&'a str>,
    pub(in crate::cli) exit_code: Option<i32>,
    pub(in crate::cli) took_s: f64,
}

impl Told<'_> {
    /// An act of which nothing was left to do.
    pub(in crate::cli) fn settled<'a>(plan: &'a Plan, detail: &'a str) -> Told<'a> {
        Told { plan, outcome: "succeeded", detail, correlation: None, exit_code: None, took_s: 0.0 }
    }

    /// An act that did not begin.
    pub(in crate::cli) fn refused<'a>(plan: &'a Plan, why: &'a str) -> Told<'a> {
        Told { outcome: "refused", ..Told::settled(plan, why) }
    }

    fn document(&self) -> Value {
        json!({
            "schema": 1,
            "action": self.plan.action,
            "target": self.plan.target.to_string(),
            "risk": self.plan.risk,
            "outcome": self.outcome,
            "detail": self.detail,
            "correlation": self.correlation,
            "exit_code": self.exit_code,
            "took_s": self.took_s,
        })
    }
}

/// Tells what became of it.
pub(in crate::cli) fn outcome(told: &Told<'_>, format: Format) -> io::Result<()> {
    match format {
        Format::Json => output::document(&told.document()),
        Format::Text => output::answer(&format!("{}: {}", told.outcome, told.detail)),
    }
}

/// Tells a plan, of which nothing is done.
pub(in crate::cli) fn plan(plan: &Plan, format: Format) -> io::Result<()> {
    match format {
        Format::Json => output::document(&planned(plan)),
        Format::Text => output::answer(&plan.to_string()),
    }
}

/// The texts are those of the dialog: exact, and without secrets.
fn planned(plan: &Plan) -> Value {
    let verify = plan.verify.as_ref();
    json!({
        "schema": 1,
        "dry_run": true,
        "action": plan.action,
        "target": plan.target.to_string(),
        "title": plan.title,
        "risk": plan.risk,
        "confirm": plan.name_to_type(),
        "environment": plan.environment,
        "host": plan.host,
        "guards": plan.conditions().map(ToString::to_string).collect::<Vec<_>>(),
        "steps": plan.steps.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "verify": verify.map(|verify| json!({ "check": verify.check, "within_s": verify.within.as_secs_f64() })),
        "timeout_s": plan.timeout.as_secs_f64(),
        "notes": plan.notes,
        "undo": plan.undo,
    })
}
