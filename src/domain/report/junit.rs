//! The report as JUnit XML, as build servers read it: a failure is a warning or worse, an error
//! is what could not be known.

use std::fmt::Write as _;

use crate::domain::report::{Report, headline};
use crate::domain::status::Status;

impl Report {
    pub fn junit(&self) -> String {
        let counts = self.counts();
        let (tests, failures) = (self.assessments.len(), counts.warning + counts.critical);
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let _ = writeln!(
            out,
            "<testsuites>\n<testsuite name=\"rounds\" hostname=\"{}\" timestamp=\"{}\" time=\"{:.3}\" tests=\"{tests}\" \
             failures=\"{failures}\" errors=\"{}\" skipped=\"0\">",
            escaped(&self.host),
            self.at.format("%Y-%m-%dT%H:%M:%S"),
            self.took.as_secs_f64(),
            counts.unknown,
        );
        for one in &self.assessments {
            let (class, name) = (escaped(one.id.kind()), escaped(one.id.name()));
            let took = one.took.unwrap_or_default().as_secs_f64();
            let _ = write!(out, "<testcase classname=\"{class}\" name=\"{name}\" time=\"{took:.3}\"");
            let element = match one.status {
                Status::Ok => {
                    out.push_str("/>\n");
                    continue;
                }
                Status::Unknown => "error",
                Status::Warning | Status::Critical => "failure",
            };
            let all: Vec<String> = one.findings.iter().map(|finding| escaped(&finding.text)).collect();
            let message = escaped(&headline(one, self.at));
            let _ = writeln!(
                out,
                "><{element} type=\"{}\" message=\"{message}\">{}</{element}></testcase>",
                one.status,
                all.join("\n")
            );
        }
        out.push_str("</testsuite>\n</testsuites>\n");
        out
    }
}

/// Text as XML takes it. Control characters, which XML 1.0 cannot hold, were made visible when
/// the text came in.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
