//! The one integration binary: the program from outside.

mod config;
mod exec;
mod exec_runner;
mod store;
