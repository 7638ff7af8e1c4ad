//! Parse, run, and end with the exit code of the contract.

use std::process::ExitCode;

fn main() -> ExitCode {
    rounds::cli::main(std::env::args_os())
}
