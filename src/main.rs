//! Parse, run, and end with the exit code of the contract.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Without its own hooks a panic is still told, only less well.
    let _ = color_eyre::install();
    rounds::cli::main(std::env::args_os())
}
