//! The program's own log, for the engineer who looks afterwards.

use color_eyre::eyre::WrapErr;

use crate::cli::Global;
use crate::cli::environment::variable;
use crate::domain::redact;

/// Starts the program's own log, when a file for it was named.
pub(super) fn start(global: &Global) -> color_eyre::Result<()> {
    use tracing_subscriber::EnvFilter;
    let Some(path) = &global.log_file else { return Ok(()) };
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .wrap_err_with(|| format!("cannot write the log {}", path.display()))?;
    let level = match global.verbose {
        0 => "rounds=info,warn",
        1 => "rounds=debug,info",
        _ => "trace",
    };
    let filter = variable("RUST_LOG").map_or_else(|| EnvFilter::new(level), EnvFilter::new);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(std::sync::Mutex::new(Discreet(file)))
        .init();
    Ok(())
}

/// A file that no secret gets into. Each event comes in one piece.
struct Discreet(std::fs::File);

impl std::io::Write for Discreet {
    fn write(&mut self, event: &[u8]) -> std::io::Result<usize> {
        self.0.write_all(&redact::bytes(event))?;
        Ok(event.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _, Write as _};

    use super::*;

    #[test]
    fn what_looks_like_a_secret_never_reaches_the_file() {
        let mut file = tempfile::tempfile().expect("a file");
        let mut log = Discreet(file.try_clone().expect("the same file"));
        log.write_all(b"WARN connect postgres://rota:hunter2@db/rota password=hunter2\n").expect("room");
        let mut kept = String::new();
        file.rewind().and_then(|()| file.read_to_string(&mut kept)).expect("what was kept");
        assert_eq!(kept, "WARN connect postgres://rota:***@db/rota password=***\n");
    }
}
