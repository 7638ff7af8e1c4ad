//! `rounds completions` and `rounds man`: made from the command line itself, so that they
//! cannot fall behind it.

use std::process::ExitCode;

use clap::CommandFactory;

use crate::cli::{Cli, output};

pub(super) fn completions(shell: clap_complete::Shell) -> color_eyre::Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "rounds", &mut text);
    output::answer(&String::from_utf8(text)?)?;
    Ok(ExitCode::SUCCESS)
}

/// The page of the program, then a page of each of its commands.
pub(super) fn page() -> color_eyre::Result<ExitCode> {
    let mut text = Vec::new();
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    for part in command.get_subcommands().filter(|part| !part.is_hide_set()) {
        clap_mangen::Man::new(part.clone()).render(&mut text)?;
    }
    output::answer(&String::from_utf8(text)?)?;
    Ok(ExitCode::SUCCESS)
}
