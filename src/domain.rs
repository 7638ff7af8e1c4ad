//! Floor 0: what the program knows. Pure values and pure functions: no input, no
//! output, and no clock; whoever asks a question about time brings `now`.

pub mod action_name;
pub mod audit;
pub mod backup;
pub mod board;
pub mod checklist;
pub mod engine;
pub mod explain;
pub mod finding;
pub mod hold;
pub mod host;
pub mod humanize;
pub mod ident;
pub mod insight;
pub mod inventory;
pub mod job;
pub mod limit;
pub mod look;
pub mod observation;
pub mod plan;
pub mod plugin;
pub mod redact;
pub mod report;
pub mod sample;
pub mod sanitize;
pub mod schedule;
pub mod session;
pub mod slot;
pub mod status;
pub mod task;
pub mod time;
pub mod trend;
pub mod update;
pub mod upkeep;
pub mod vitals;
pub mod waits;
