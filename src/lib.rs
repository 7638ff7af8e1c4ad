//! `rounds`: the on-call operator's morning round in a terminal.
//!
//! The modules stand in floor order: a floor knows only those above it in this list, and
//! ARCHITECTURE.md has the map. Facts flow from probes to the board, intents from the keys to
//! plans, and only a confirmed plan ever changes anything.

pub mod domain;
pub mod platform;

pub mod action;
pub mod config;
pub mod ledger;

pub mod archive;
pub mod database;
pub mod exec;
pub mod probe;
pub mod scheduler;
pub mod store;

pub mod runtime;

pub mod cli;
pub mod tui;
