//! The one integration binary: the program from outside.

#[cfg(target_os = "linux")]
mod exec_runner;
mod probes;
