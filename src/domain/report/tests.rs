//! The same moment in every form.

use std::time::Duration;

use super::*;
use crate::domain::board::{Board, Watch};
use crate::domain::limit::{Limit, Rule};
use crate::domain::observation::{Observation, ProbeError, Reading};
use crate::domain::sample::{Sample, Unit};

fn report() -> Report {
    let at: Timestamp = "2026-03-02T09:04:12Z".parse().expect("test time");
    let watch = |kind: &str, name: &str| {
        let id = ProbeId::new(kind, name);
        Watch::new(id, "rota", Duration::from_mins(1), Duration::from_secs(5))
    };
    let mut disk = watch("disk", "/");
    disk.rules = vec![
        Rule::new("free", "free space").warn(Limit::under(20.0, Unit::Percent)).crit(Limit::under(10.0, Unit::Percent)),
    ];
    let mut board = Board::new(vec![disk, watch("command", "a <b>"), watch("file", "x|y")], at);
    let mut see = |id: ProbeId, outcome| {
        board.apply(&Observation { probe: id, at, took: Duration::from_millis(3), outcome });
    };
    see(ProbeId::new("disk", "/"), Ok(Reading::of(vec![Sample::percent("free", 17.5)])));
    see(ProbeId::new("command", "a <b>"), Err(ProbeError::Unreachable("gone | \"lost\"".to_owned())));
    see(ProbeId::new("file", "x|y"), Ok(Reading::of(vec![Sample::count("count", 2.0)])));
    Report {
        host: "db1".into(),
        at,
        took: Duration::from_millis(812),
        assessments: board.assess(at),
        checklists: Vec::new(),
    }
}

#[test]
fn a_plugin_line_has_one_bar_and_ranges_that_alert_outside() {
    let text = report().nagios(&Zone::utc());
    let first = text.lines().next().expect("a line");
    assert_eq!(
        first,
        "ROUNDS UNKNOWN - NOT READY: 1 unknown, 1 warning, 1 ok | took=0.812s 'disk:/ free'=17.5%;20:;10:"
    );
    assert_eq!(text.matches('|').count(), 1, "{text}");
    assert!(text.contains("WARN disk /: free space 18 %, limit 20 %"), "{text}");
}

#[test]
fn junit_counts_what_failed_and_what_is_not_known_and_escapes() {
    let xml = report().junit();
    assert!(xml.contains(r#"tests="3" failures="1" errors="1""#), "{xml}");
    assert!(xml.contains(r#"<testcase classname="command" name="a &lt;b&gt;" time="0.003"><error type="unknown" message="gone | &quot;lost&quot;">"#), "{xml}");
    assert!(xml.contains(r#"<testcase classname="file" name="x|y" time="0.003"/>"#), "{xml}");
}

#[test]
fn openmetrics_ends_as_it_must_and_has_a_row_per_check() {
    let text = report().openmetrics();
    assert!(text.ends_with("# EOF\n"));
    assert_eq!(text.lines().filter(|line| line.starts_with("rounds_status{")).count(), 3);
    assert!(text.contains(r#"rounds_status{id="disk:/",system="rota"} 1"#), "{text}");
    assert!(text.contains(r#"rounds_sample{id="disk:/",system="rota",key="free",unit="%"} 17.5"#), "{text}");
}

#[test]
fn json_has_what_the_contract_names() {
    let json = report().json();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["counts"], serde_json::json!({ "ok": 1, "warning": 1, "critical": 0, "unknown": 1 }));
    let disk = &json["checks"][0];
    assert_eq!((&disk["id"], &disk["kind"], &disk["name"]), (&"disk:/".into(), &"disk".into(), &"/".into()));
    assert_eq!(disk["samples"][0]["warning"], "< 20");
    assert_eq!(disk["findings"][0]["key"], "free");
}
