//! The one integration binary: the program from outside.

mod config;
#[cfg(target_os = "linux")]
mod exec_runner;
mod probes;
mod store;
