//! The one integration binary: the program from outside.

mod architecture;
mod cli;
mod config;
mod crontab;
mod exec;
#[cfg(target_os = "linux")]
mod exec_runner;
mod probes;
mod store;
mod support;
