//! `rounds config`: is it right, what does it come to, and where was it looked for.

use std::process::ExitCode;

use clap::Subcommand;

use crate::cli::{Global, environment, output};
use crate::config;
use crate::domain::humanize;
use crate::platform::lacks;

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Read it and say whether it is right; exit 78 when it is not
    Check,
    /// What it comes to, defaults filled in
    Show,
    /// Where a configuration is looked for, and which one is used
    Paths,
}

pub(super) fn run(command: &ConfigCommand, global: &Global) -> color_eyre::Result<ExitCode> {
    let environment = environment::environment(global);
    if let ConfigCommand::Paths = command {
        let rows: Vec<Vec<String>> = config::search_paths(&environment)
            .iter()
            .map(|place| {
                let word = |yes: bool, word: &str| if yes { word.to_owned() } else { String::new() };
                vec![place.path.display().to_string(), word(place.exists, "exists"), word(place.used, "used")]
            })
            .collect();
        output::answer(&output::table(&["PATH", "", ""], &rows))?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = config::load(&global.config, &environment)?;
    match command {
        ConfigCommand::Show => output::answer(&config::show(&config))?,
        ConfigCommand::Check | ConfigCommand::Paths => {
            let parts = [
                (config.databases.len(), "database"),
                (config.backups.len(), "backup"),
                (config.tasks.len(), "task"),
                (config.checks.len(), "check"),
                (config.actions.len(), "action"),
                (config.checklists.len(), "checklist"),
            ];
            let parts: Vec<String> =
                parts.iter().filter(|(n, _)| *n > 0).map(|(n, noun)| humanize::count(*n, noun)).collect();
            let from = match config.files.as_slice() {
                [] => "the built-in round of this machine".to_owned(),
                files => files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", "),
            };
            let parts = if parts.is_empty() { "the host and its disks".to_owned() } else { parts.join(", ") };
            output::answer(&format!("{from}: ok, {parts}"))?;
            if let Some(why) = lacks::OWNERS.filter(|_| !config.files.is_empty()) {
                let mend = "keep it where only you and administrators may write";
                output::answer(&format!("not judged: who else may change it, because {why}; {mend}"))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
