//! Fetching a secret from where the configuration says it is, at the moment it is needed.

use std::time::Duration;

use crate::config::{Secret, SecretRef};
use crate::exec;

/// A program that is asked for a secret may take this long; it may have to ask another machine.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A secret is one line.
const LONGEST: usize = 64 * 1024;

/// Fetches a secret. The error names the reference, and never what it holds.
pub async fn fetch(secret: &SecretRef) -> Result<Secret, String> {
    let SecretRef::Command(command) = secret else {
        let own = secret.clone();
        let found = tokio::task::spawn_blocking(move || own.look_up()).await;
        return found.ok().flatten().unwrap_or_else(|| Err(format!("{secret}: could not be looked up")));
    };
    let said = exec::capture(command, TIMEOUT, LONGEST).await.map_err(|why| format!("the secret's program: {why}"))?;
    // What it printed on the way to a failure may hold the secret, and is not repeated.
    if said.exit_code != Some(0) {
        return Err(format!("the secret's program `{}` failed: {said}", program(command)));
    }
    let text = String::from_utf8(said.stdout).map_err(|_odd| format!("{secret}: what it printed is not UTF-8"))?;
    Secret::of(&text).map_err(|why| format!("what the secret's program `{}` printed {why}", program(command)))
}

fn program(command: &crate::domain::plan::Invocation) -> &str {
    command.argv.first().map_or("", String::as_str)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::domain::plan::Invocation;

    async fn of(argv: &[&str]) -> Result<String, String> {
        let command = SecretRef::Command(Invocation::new(argv.iter().copied()));
        fetch(&command).await.map(|secret| secret.expose().to_owned())
    }

    #[tokio::test]
    async fn a_program_is_asked_and_its_failure_says_nothing_of_what_it_printed() {
        assert_eq!(of(&["printf", "hunter2\\nmore"]).await, Ok("hunter2".to_owned()));
        let failed = of(&["sh", "-c", "echo hunter2; echo hunter2 >&2; exit 3"]).await.expect_err("exit 3");
        assert!(failed.contains("`sh` failed") && !failed.contains("hunter2"), "{failed}");
        assert!(of(&["true"]).await.expect_err("nothing printed").contains("is empty"));
        assert!(of(&["no-such-program"]).await.is_err());
    }
}
