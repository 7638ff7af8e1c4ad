//! The one integration binary: the program from outside.

mod architecture;
mod backup;
mod cli;
mod config;
mod crontab;
mod exec;
#[cfg(target_os = "linux")]
mod exec_runner;
mod laws;
mod probes;
mod sqlite;
mod store;
mod stories;
mod support;
mod terminal;
