//! Second copies that a command takes to wherever it knows: what is sent is proven here first, and
//! what has arrived only where something there can say its hash.

use std::path::Path;

use tokio::time::Instant;

use super::Runner;
use super::command::told;
use super::steps::{Stopped, Work, within};
use crate::archive::carry::{Luggage, luggage};
use crate::domain::humanize;
use crate::domain::inventory::Target;
use crate::domain::job::{JobEvent, JobResult};
use crate::domain::plan::Invocation;
use crate::domain::sanitize;
use crate::domain::vitals::ProofKind;
use crate::exec;

/// Longer than whatever says a hash.
const SAID: usize = 64 * 1024;

impl Runner {
    /// Has every file of the newest backup taken to its second place.
    pub(super) async fn send(
        &self,
        backup: &str,
        command: &Invocation,
        hash: Option<&Invocation>,
        work: &Work<'_>,
    ) -> Result<String, Stopped> {
        let started = Instant::now();
        let spec = self.backup(backup)?;
        let file = self.newest_usable(backup).await?;
        let pair = spec.pair_of(&file);
        let packed = within(work, luggage(file.clone(), pair, work.order.stop.token())).await?;
        for (index, one) in packed.iter().enumerate() {
            // The log is that of the backup itself, which is the last.
            let log = index + 1 == packed.len();
            self.take_away(&about(command, &one.path), log, work).await?;
            if let Some(hash) = hash {
                self.ask_there(&about(hash, &one.path), one, work).await?;
            }
        }
        let name = file.file_name().map(|name| sanitize::line(&name.to_string_lossy())).unwrap_or_default();
        let took = humanize::duration(started.elapsed());
        let program = command.argv.first().map_or("", String::as_str);
        let files = humanize::count(packed.len(), "file");
        let proof = match (hash, packed.last()) {
            (Some(_), Some(last)) => format!("and the far end says the same, SHA-256 {:.12}…", last.sha256),
            _ => "with exit code 0; what lies there was read by nobody".to_owned(),
        };
        let sentence = format!("{name} taken away by `{program}` in {took}, {files}, {proof}");
        let subject = format!("{}/{name}", Target::backup(backup));
        self.remember(ProofKind::Copy, subject, true, &sentence, started.elapsed()).await;
        Ok(sentence)
    }

    async fn take_away(&self, command: &Invocation, log: bool, work: &Work<'_>) -> Result<(), Stopped> {
        let order = &work.order;
        let mut limits =
            exec::Limits::new(work.deadline.saturating_duration_since(Instant::now())).hurry(order.stop.hurry_token());
        if log {
            limits = limits.log(work.log.clone());
        }
        let (teller, job) = (order.teller.clone(), order.job.clone());
        let on_line = move |line: String| teller.mention(JobEvent::Line { job: job.clone(), line });
        let ran = exec::run(command, limits, order.stop.token(), on_line).await;
        let mut finished = ran.map_err(|error| Stopped::failed(error.to_string()))?;
        if finished.succeeded() {
            return Ok(());
        }
        let stopped = told(&finished);
        if let Some(left) = finished.left.take() {
            work.leave(left);
        }
        Err(stopped)
    }

    /// Whether the far end holds what was sent, as its own words say.
    async fn ask_there(&self, hash: &Invocation, sent: &Luggage, work: &Work<'_>) -> Result<(), Stopped> {
        let limits = exec::Limits::new(work.deadline.saturating_duration_since(Instant::now()));
        let mut said = Vec::new();
        let take = |bytes: &[u8]| {
            said.extend_from_slice(&bytes[..bytes.len().min(SAID - said.len())]);
            Ok(())
        };
        let piped = exec::pipe(hash, None, &limits, &work.order.stop.token(), take).await;
        let piped = piped.map_err(|error| Stopped::failed(format!("what was sent is not proven: {error}")))?;
        if !piped.succeeded() {
            let result = match piped.ended {
                exec::Ended::Cancelled => JobResult::Cancelled,
                exec::Ended::TimedOut => JobResult::TimedOut,
                exec::Ended::Exited => JobResult::Failed,
            };
            return Err(Stopped::new(result, format!("sent, and not proven: {}", piped.why())));
        }
        let said = String::from_utf8_lossy(&said).to_lowercase();
        let is_hash = |word: &&str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let hashes: Vec<&str> = said.split(|c: char| !c.is_ascii_alphanumeric()).filter(is_hash).collect();
        let name = sanitize::line(&sent.path.display().to_string());
        match hashes.first() {
            Some(_) if hashes.contains(&sent.sha256.as_str()) => Ok(()),
            Some(other) => Err(Stopped::failed(format!(
                "what arrived of {name} is not what was sent: SHA-256 {other:.12}… there, {:.12}… here",
                sent.sha256
            ))),
            None => Err(Stopped::failed(format!("sent, and not proven: nothing there said a SHA-256 of {name}"))),
        }
    }
}

/// The command for one file.
fn about(command: &Invocation, file: &Path) -> Invocation {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let path = file.display().to_string();
    let filled = |argument: &String| argument.replace("{file}", &path).replace("{name}", &name);
    Invocation { argv: command.argv.iter().map(filled).collect(), ..command.clone() }
}
