//! The configuration: one door, and what comes out of it is valid.

pub mod spec;

pub use spec::Config;
