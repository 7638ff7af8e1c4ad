//! The program's own log, for the engineer who looks afterwards.

use color_eyre::eyre::WrapErr;

use crate::cli::Global;
use crate::cli::environment::variable;

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
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::sync::Mutex::new(file)).init();
    Ok(())
}
