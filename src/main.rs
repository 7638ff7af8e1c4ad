//! Stand-in until the command line exists: `rounds exec --task ID [--timeout D] [--state DIR |
//! --store PATH] -- COMMAND…` only.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use rounds::cli::exec::{ExecOptions, exec};

fn main() -> ExitCode {
    let mut options = ExecOptions {
        task: String::new(),
        timeout: None,
        state_dir: PathBuf::new(),
        argv: Vec::new(),
        #[expect(clippy::disallowed_methods, reason = "stand-in for runtime/clock.rs")]
        clock: chrono::Utc::now,
    };
    let mut words = std::env::args_os().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_default();
        match word.to_str() {
            Some("exec") => {}
            Some("--task") => options.task = value().to_string_lossy().into_owned(),
            Some("--timeout") => options.timeout = humantime::parse_duration(&value().to_string_lossy()).ok(),
            Some("--state") => options.state_dir = PathBuf::from(value()),
            Some("--store") => {
                options.state_dir = PathBuf::from(value()).parent().map(PathBuf::from).unwrap_or_default()
            }
            Some("--") => {
                options.argv = words.collect::<Vec<OsString>>();
                return exec(&options).finish();
            }
            _ => return ExitCode::from(2),
        }
    }
    ExitCode::from(2)
}
