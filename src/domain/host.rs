//! This machine: what the System pane shows beside the host's samples.

use crate::domain::time::Timestamp;

/// Facts about the machine that are no gauges.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Host {
    pub name: String,
    pub os: String,
    pub cores: usize,
    pub memory_bytes: u64,
    pub swap_bytes: u64,
    /// 1, 5 and 15 minutes; `None` where the platform has no such figure.
    pub load: Option<[f64; 3]>,
    pub booted_at: Option<Timestamp>,
    /// Busiest processes, for the first minutes of an incident; empty when not asked for.
    pub busiest: Vec<String>,
}
