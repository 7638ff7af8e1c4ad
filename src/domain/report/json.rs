//! The report as the JSON document of `rounds check --format json`, schema 1.

use serde_json::{Value as Json, json};

use crate::domain::board::{Assessment, JudgedSample};
use crate::domain::checklist::ListView;
use crate::domain::report::Report;
use crate::domain::sample::{Unit, Value};
use crate::domain::time::{Timestamp, rfc3339};

impl Report {
    pub fn json(&self) -> Json {
        let counts = self.counts();
        json!({
            "schema": 1,
            "host": self.host,
            "at": rfc3339(self.at),
            "took_s": self.took.as_secs_f64(),
            "status": self.status(),
            "counts": {
                "ok": counts.ok,
                "warning": counts.warning,
                "critical": counts.critical,
                "unknown": counts.unknown,
            },
            "checks": self.assessments.iter().map(|one| check(one, self.at)).collect::<Vec<_>>(),
            "checklists": self.checklists.iter().map(checklist).collect::<Vec<_>>(),
        })
    }
}

/// One check.
pub fn check(one: &Assessment, now: Timestamp) -> Json {
    json!({
        "id": one.id,
        "system": one.system,
        "kind": one.id.kind(),
        "name": one.id.name(),
        "status": one.status,
        "since": one.since.map(rfc3339),
        "observed_at": one.observed_at.map(rfc3339),
        "age_s": one.age.map(|age| age.as_secs_f64()),
        "took_s": one.took.map(|took| took.as_secs_f64()),
        "stale": one.stale,
        "findings": one.findings,
        "samples": one.samples.iter().map(|judged| sample(judged, now)).collect::<Vec<_>>(),
        "acknowledged": null,
        "snoozed_until": null,
        "folded_under": one.folded_under,
    })
}

fn sample(judged: &JudgedSample, now: Timestamp) -> Json {
    let (value, unit) = match &judged.sample.value {
        Value::Gauge(value, unit) => (json!(value), unit.symbol()),
        // A time is judged by its age, so its age is what a script wants to see.
        Value::Time(_) => (json!(judged.sample.value.number(now).map(|(age, _)| age)), Unit::Seconds.symbol()),
        Value::Flag(flag) => (json!(flag), ""),
        Value::Text(text) => (json!(text), ""),
    };
    json!({
        "key": judged.sample.key,
        "value": value,
        "unit": unit,
        "status": judged.status,
        "warning": judged.warning.map(|limit| limit.raw()),
        "critical": judged.critical.map(|limit| limit.raw()),
    })
}

/// One checklist, as `check` and `checklist list` show it.
pub fn checklist(list: &ListView) -> Json {
    json!({
        "id": list.id,
        "title": list.title,
        "period": list.period.key,
        "due": list.due.or(list.sign_by).map(rfc3339),
        "sign_by": list.sign_by.map(rfc3339),
        "done": list.done(),
        "of": list.items.len(),
        "failed": list.failed(),
        "overdue": list.overdue,
        "left_unsigned": list.left.as_ref().map(|left| &left.period),
        "signed": list.signed.as_ref().map(|signature| json!({
            "by": signature.operator,
            "at": rfc3339(signature.at),
            "took_s": signature.took_s,
            "exceptions": signature.exceptions,
            "chain_head": signature.chain_head,
        })),
        "items": list.items.iter().map(|item| json!({
            "number": item.number,
            "text": item.text,
            "form": item.form,
            "state": item.state.word(),
            "evidence": item.evidence,
        })).collect::<Vec<_>>(),
    })
}
