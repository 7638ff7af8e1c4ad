//! The one integration binary: the program from outside.

mod architecture;
mod cli;
mod config;
#[cfg(target_os = "linux")]
mod exec_runner;
mod probes;
mod store;
mod support;
