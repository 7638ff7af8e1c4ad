//! The command line.

pub mod exec;
