//! Monitoring Plugins: any program that says how something is by its exit code and one line.

use std::time::Duration;

use super::program::Program;
use super::{BoxFuture, Context, Kind, Probe, Watched};
use crate::config::Config;
use crate::config::spec::{CheckForm, CheckSpec};
use crate::domain::board::Watch;
use crate::domain::finding::Finding;
use crate::domain::observation::{Detail, ProbeError, Reading};
use crate::domain::plan::Invocation;
use crate::domain::plugin::{self, Perf, PluginOutput};
use crate::domain::redact;
use crate::domain::sample::Sample;
use crate::domain::sanitize;
use crate::domain::status::Status;
use crate::domain::time::Timestamp;
use crate::exec::Captured;

/// The `command` kind.
pub const KIND: Kind =
    Kind { name: "command", summary: "a Monitoring Plugin: its exit code, its words and its perfdata", build };

/// How much of a plugin's output is read.
const MOST_OUTPUT: usize = 256 * 1024;
/// The board waits this much longer than the plugin may take, for it to be stopped in order
/// and to say why.
const SLACK: Duration = Duration::from_secs(6);

fn build(config: &Config, context: &Context) -> Vec<Watched> {
    let command = |check: &CheckSpec| match &check.form {
        CheckForm::Command(invocation) => {
            let mut watch = Watch::new(check.probe(), &context.system, check.every, check.timeout + SLACK);
            watch.folds_under.clone_from(&check.depends_on);
            let probe = CommandProbe::new(invocation.clone(), check.timeout);
            Some(Watched { watch, probe: Box::new(probe) })
        }
        CheckForm::File { .. } => None,
    };
    config.checks.iter().filter_map(command).collect()
}

/// Runs one plugin.
#[derive(Debug)]
pub struct CommandProbe {
    invocation: Invocation,
    timeout: Duration,
    program: Program,
}

impl CommandProbe {
    pub fn new(invocation: Invocation, timeout: Duration) -> Self {
        Self { invocation, timeout, program: Program::default() }
    }
}

impl Probe for CommandProbe {
    fn read(&mut self, _now: Timestamp) -> BoxFuture<'_, Result<Reading, ProbeError>> {
        Box::pin(async {
            let captured = self.program.ask(&self.invocation, self.timeout, MOST_OUTPUT).await?;
            let (stdout, stderr) = (redacted(&captured.stdout), redacted(&captured.stderr));
            reading(&Captured { stdout, stderr, ..captured })
        })
    }
}

fn redacted(output: &[u8]) -> Vec<u8> {
    redact::bytes(output).into_owned()
}

/// What a plugin that ended by itself says.
fn reading(captured: &Captured) -> Result<Reading, ProbeError> {
    let output = PluginOutput::parse(&captured.stdout);
    let said = words(&output, captured);
    let Some(code) = captured.exit_code else {
        return Err(ProbeError::Unreachable(format!("the plugin was {captured}: {said}")));
    };
    let Some(status) = plugin::status(code) else {
        return Err(ProbeError::Malformed(format!("exit code {code} is none of a plugin's 0 to 3: {said}")));
    };
    let finding = (status != Status::Ok).then(|| Finding::new(status, "plugin", said.clone()));
    let mut samples = vec![Sample::text("output", said)];
    let mut lines = output.long;
    for perf in output.perfdata {
        lines.extend(own_limits(&perf));
        if perf.label != "output" {
            samples.push(Sample::gauge(perf.label, perf.value, perf.unit));
        }
    }
    if output.unreadable > 0 {
        lines.push(format!("perfdata that could not be read: {}", output.unreadable));
    }
    if captured.cut {
        lines.push("… it printed more than is read".to_owned());
    }
    let detail = if lines.is_empty() { Detail::None } else { Detail::Lines(lines) };
    Ok(Reading { samples, detail, findings: finding.into_iter().collect(), ..Reading::default() })
}

/// The plugin's line; without one, what it complained of.
fn words(output: &PluginOutput, captured: &Captured) -> String {
    if !output.text.is_empty() {
        return output.text.clone();
    }
    let complaint =
        captured.stderr.split(|byte| *byte == b'\n').map(sanitize::bytes).find(|line| !line.trim().is_empty());
    complaint.unwrap_or_else(|| "it said nothing".to_owned())
}

/// `time: warning > 1.0 s, critical > 2.0 s`, where the plugin's own limits are comparisons.
fn own_limits(perf: &Perf) -> Option<String> {
    let bound = |word: &str, range: Option<plugin::Range>| Some(format!("{word} {}", range?.limit(perf.unit)?));
    let bounds: Vec<String> =
        [bound("warning", perf.warning), bound("critical", perf.critical)].into_iter().flatten().collect();
    (!bounds.is_empty()).then(|| format!("{}: {}", perf.label, bounds.join(", ")))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::domain::sample::Unit;

    async fn read(script: &str) -> Result<Reading, ProbeError> {
        let now = Timestamp::from_timestamp(1_772_400_000, 0).expect("instant");
        let invocation = Invocation::new(["sh", "-c", script]);
        CommandProbe::new(invocation, Duration::from_millis(500)).read(now).await
    }

    #[tokio::test]
    async fn the_exit_code_is_the_status_and_the_line_is_the_reason() {
        for (code, status) in [(1, Status::Warning), (2, Status::Critical), (3, Status::Unknown)] {
            let reading = read(&format!("echo 'SSH \u{1b}[31mslow\u{1b}[0m|time=0.8s;0.5;1'; exit {code}")).await;
            let reading = reading.expect("a reading");
            assert_eq!(reading.findings, [Finding::new(status, "plugin", "SSH slow")]);
            assert_eq!(reading.samples[1], Sample::gauge("time", 0.8, Unit::Seconds));
            assert!(
                matches!(&reading.detail, Detail::Lines(lines) if *lines == ["time: warning > 500 ms, critical > 1.0 s"])
            );
        }
        let well = read("echo fine").await.expect("a reading");
        assert!(well.findings.is_empty() && well.samples == [Sample::text("output", "fine")]);
        let silent = read("echo oops >&2; exit 2").await.expect("a reading");
        assert_eq!(silent.findings[0].text, "oops");
    }

    #[tokio::test]
    async fn whatever_else_happens_is_unknown_with_the_reason() {
        let table = [
            ("echo lost; exit 127", "exit code 127 is none of a plugin's 0 to 3: lost"),
            ("sleep 60", "no answer within 500 ms"),
        ];
        for (script, reason) in table {
            assert_eq!(read(script).await.expect_err(script).to_string(), reason);
        }
        let killed = read("kill -9 $$").await.expect_err("killed").to_string();
        assert!(killed.starts_with("the plugin was ended by signal 9 after "), "{killed}");

        let mut missing = CommandProbe::new(Invocation::new(["check_nothing"]), Duration::from_secs(1));
        let error = missing.read(Timestamp::UNIX_EPOCH).await.expect_err("missing");
        assert!(error.to_string().starts_with("`check_nothing` was not found in "), "{error}");
    }
}
